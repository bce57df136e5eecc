import type { Histogram } from "./histogram.ts";

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
