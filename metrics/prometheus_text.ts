/** Counts values in buckets, to show how they are distributed. */
export class Histogram {
  /** The largest value of each bucket, ascending. One more bucket has no bound. */
  readonly bounds: readonly number[];
  /** The number of values in each bucket; has one element more than bounds. */
  readonly counts: readonly number[];
  /** The sum of all values. */
  sum = 0;

  readonly #counts: number[];

  /** @param bounds Must ascend. */
  constructor(bounds: readonly number[]) {
    this.bounds = [...bounds];
    this.counts = this.#counts = new Array(bounds.length + 1).fill(0);
  }

  /** The number of all values. */
  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Adds a value to its bucket. */
  add(value: number): void {
    const { bounds } = this;
    let i = 0;
    while (i < bounds.length && value > bounds[i]!) i++;
    this.#counts[i]!++;
    this.sum += value;
  }
}

/** One value of a metric. */
export interface MetricSample {
  /** Appended to the metric's name: `"_sum"` of a histogram, for example. */
  readonly suffix?: string;
  /** Distinguish the sample from the other samples of the metric. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The value. */
  readonly value: number;
}

/** A metric with all its samples, in the terms of Prometheus. */
export interface MetricFamily {
  /** Letters, digits, `_` and `:`; does not begin with a digit. */
  readonly name: string;
  /** Describes the metric for people. */
  readonly help: string;
  /** The type; a counter only grows, a gauge can also fall. */
  readonly type: "counter" | "gauge" | "histogram";
  /** The values. */
  readonly samples: readonly MetricSample[];
}

/** The media type of Prometheus's text format. */
export const PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8";

/** Formats metrics in Prometheus's text format, version 0.0.4. */
export function prometheusText(families: Iterable<MetricFamily>): string {
  let text = "";
  for (const { name, help, type, samples } of families) {
    text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
    for (const { suffix = "", labels = {}, value } of samples) {
      text += `${name}${suffix}${labelsText(labels)} ${numberText(value)}\n`;
    }
  }
  return text;
}

/** Returns the samples of a histogram; each bucket includes the smaller ones. */
export function samplesOf(histogram: Histogram): MetricSample[] {
  const { bounds, counts, sum } = histogram;
  let count = 0;
  const samples: MetricSample[] = counts.map((more, i) => ({
    suffix: "_bucket",
    labels: { le: numberText(bounds[i] ?? Infinity) },
    value: count += more,
  }));
  samples.push({ suffix: "_sum", value: sum });
  samples.push({ suffix: "_count", value: count });
  return samples;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) =>
    `${name}="${escapeLabel(value)}"`
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
