import type { ErrorContext } from "../request.ts";
import { SiteMetrics } from "../site_metrics.ts";
import type { CountedSite } from "./session_figures.ts";
import type { RouteWatch } from "./answer.ts";
import { SpanNames } from "./span_names.ts";
import { isTelemetryOn, loadTelemetry, type Meter } from "./telemetry.ts";

/** What telemetry uses of a site. */
export interface ObservedSite extends CountedSite {
  reportError(error: unknown, context: ErrorContext): void;
}

/**
 * Counts a site's sessions where somebody wants to know, and has its requests
 * watched; where nobody does, it does nothing at all.
 *
 * @param meter The program's own; without one, that of the process.
 * @param watch Takes what is to be told of routes, once it is loaded.
 */
export function observeSite(
  site: ObservedSite,
  meter: Meter | undefined,
  watch: (routes: RouteWatch) => void,
): void {
  if (meter !== undefined) new SiteMetrics(site, { meter });
  if (!isTelemetryOn()) return;
  loadTelemetry().then(({ metrics, trace }) => {
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
