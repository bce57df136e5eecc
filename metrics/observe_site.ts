import type { CountedSite } from "../registry/session_counts.ts";
import type { ErrorContext } from "../request.ts";
import { isTelemetryOn, loadTelemetry, type Meter } from "./open_telemetry.ts";
import type { RouteWatch } from "./route_watch.ts";
import { SiteMetrics } from "./site_metrics.ts";

/** The members of a site that telemetry uses. */
export interface ObservedSite extends CountedSite {
  reportError(error: unknown, context: ErrorContext): void;
}

/**
 * Counts a site's sessions with a meter, and names the spans of its requests. Does
 * nothing if there is no meter and the process has no telemetry.
 *
 * @param meter The meter of the program; undefined takes the meter of the process.
 * @param watch Called with the observer of routes once telemetry is loaded.
 */
export function observeSite(
  site: ObservedSite,
  meter: Meter | undefined,
  watch: (routes: RouteWatch) => void,
): void {
  if (meter !== undefined) new SiteMetrics(site, { meter });
  if (!isTelemetryOn()) return;
  Promise.all([
    loadTelemetry(),
    import("./route_spans.ts"),
  ]).then(([{ metrics, trace }, { SpanNames }]) => {
    if (meter === undefined) {
      new SiteMetrics(site, { meter: metrics.getMeter("@curfew/web") });
    }
    const report = (error: unknown) => site.reportError(error, {});
    watch(new SpanNames(() => trace.getActiveSpan(), report));
  }).catch((cause) => {
    const error = new Error(
      'Cannot observe the site: "npm:@opentelemetry/api" could not be loaded',
      { cause },
    );
    site.reportError(error, {});
  });
}
