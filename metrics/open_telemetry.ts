/** The attributes of a measurement. */
export type MeterAttributes = Readonly<Record<string, string>>;

/** The options of an instrument of a {@linkcode Meter}. */
export interface InstrumentOptions {
  /** Describes the measurements for people. */
  description?: string;
  /** The unit: `"s"` or `"{session}"`, for example. */
  unit?: string;
  /** Hints for a histogram. */
  advice?: {
    /** The bounds of its buckets, ascending. */
    explicitBucketBoundaries?: number[];
  };
}

/** A counter of OpenTelemetry. */
export interface CountingInstrument {
  /** Adds a value to the count. */
  add(value: number, attributes?: MeterAttributes): void;
}

/** A histogram of OpenTelemetry. */
export interface RecordingInstrument {
  /** Records a value. */
  record(value: number, attributes?: MeterAttributes): void;
}

/** Receives the values of an {@linkcode ObservableInstrument}. */
export interface ObservableResult {
  /** Reports the current value. */
  observe(value: number, attributes?: MeterAttributes): void;
}

/** An instrument that reads its values whenever they are collected. */
export interface ObservableInstrument {
  /** Registers a function that is called at each collection. */
  addCallback(callback: (result: ObservableResult) => void): void;
}

/** Makes instruments: the meter of `@opentelemetry/api`, or an object like it. */
export interface Meter {
  /** Makes a counter that only grows. */
  createCounter(name: string, options?: InstrumentOptions): CountingInstrument;
  /** Makes a counter that can also shrink. */
  createUpDownCounter(
    name: string,
    options?: InstrumentOptions,
  ): CountingInstrument;
  /** Makes a histogram. */
  createHistogram(
    name: string,
    options?: InstrumentOptions,
  ): RecordingInstrument;
  /** Makes a gauge that is read whenever values are collected. */
  createObservableGauge?(
    name: string,
    options?: InstrumentOptions,
  ): ObservableInstrument;
  /** Makes a counter that only grows and is read whenever values are collected. */
  createObservableCounter?(
    name: string,
    options?: InstrumentOptions,
  ): ObservableInstrument;
}

/** A span, which traces a request. */
export interface Span {
  /** Renames the span. */
  updateName(name: string): unknown;
  /** Sets an attribute of the span. */
  setAttribute(name: string, value: string): unknown;
}

/** The parts of `@opentelemetry/api` that this package uses. */
export interface TelemetryAPI {
  readonly metrics: { getMeter(name: string): Meter };
  readonly trace: { getActiveSpan(): Span | undefined };
}
