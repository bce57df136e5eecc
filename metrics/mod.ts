/**
 * Metrics of a site's sessions, for Prometheus and OpenTelemetry.
 *
 * @module
 */

export {
  type CountedSite,
  type MetricFamily,
  type MetricSample,
  PrometheusMetrics,
  type PrometheusMetricsOptions,
  type StoredEndCounts,
} from "./prometheus_metrics.ts";
export type { RouteStep, RouteWatch } from "./route_spans.ts";
export {
  type CountingInstrument,
  type InstrumentOptions,
  type Meter,
  type MeterAttributes,
  type ObservableInstrument,
  type ObservableResult,
  type RecordingInstrument,
  SiteMetrics,
  type SiteMetricsOptions,
} from "./site_metrics.ts";
