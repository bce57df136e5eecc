/** What a number is counted under. */
export type MeterAttributes = Readonly<Record<string, string>>;

/** How an instrument of a {@linkcode Meter} is described. */
export interface InstrumentOptions {
  /** What it counts, for people. */
  description?: string;
  /** What it counts in: `"s"`, or `"{session}"`. */
  unit?: string;
  /** What a histogram had better do. */
  advice?: {
    /** Where its buckets end, ascending. */
    explicitBucketBoundaries?: number[];
  };
}

/** What counts. */
export interface CountingInstrument {
  /** Adds to what there is. */
  add(value: number, attributes?: MeterAttributes): void;
}

/** What takes down single values. */
export interface RecordingInstrument {
  /** Takes down a value. */
  record(value: number, attributes?: MeterAttributes): void;
}

/** What is told of values when somebody collects them. */
export interface ObservableResult {
  /** Tells a value. */
  observe(value: number, attributes?: MeterAttributes): void;
}

/** What asks for its values when somebody collects them. */
export interface ObservableInstrument {
  /** Has a function called each time. */
  addCallback(callback: (result: ObservableResult) => void): void;
}

/** What makes instruments: that of `@opentelemetry/api`, or another like it. */
export interface Meter {
  /** Makes what only grows. */
  createCounter(
    name: string,
    options?: InstrumentOptions,
  ): CountingInstrument;
  /** Makes what may shrink too. */
  createUpDownCounter(
    name: string,
    options?: InstrumentOptions,
  ): CountingInstrument;
  /** Makes what shows how values are spread. */
  createHistogram(
    name: string,
    options?: InstrumentOptions,
  ): RecordingInstrument;
  /** Makes what only grows, and is looked at when somebody collects. */
  createObservableCounter?(
    name: string,
    options?: InstrumentOptions,
  ): ObservableInstrument;
}

/** What a request is traced by. */
export interface Span {
  /** Gives it another name. */
  updateName(name: string): unknown;
  /** Notes something of it. */
  setAttribute(name: string, value: string): unknown;
}

/** The parts of `@opentelemetry/api` that are used. */
export interface TelemetryAPI {
  readonly metrics: { getMeter(name: string): Meter };
  readonly trace: { getActiveSpan(): Span | undefined };
}

/** Where `@opentelemetry/api` keeps what was registered with it. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/**
 * Whether somebody collects: Deno, with `OTEL_DENO=true`, or an SDK of the
 * program's own. The environment cannot be asked without a permission.
 */
export function isTelemetryOn(): boolean {
  return REGISTRY in globalThis;
}

/** Loads the API, which nobody else needs. */
export function loadTelemetry(): Promise<TelemetryAPI> {
  // Not in the import itself, where Deno would fetch it for everybody.
  const specifier = "npm:@opentelemetry/api@^1.9.0";
  return import(specifier);
}
