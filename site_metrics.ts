/**
 * What the sessions of a site come to, for OpenTelemetry.
 *
 * @module
 */

import {
  type CountedSite,
  DURATION_BOUNDS,
  LATENESS_BOUNDS,
} from "./internal/session_figures.ts";
import type { Meter } from "./internal/telemetry.ts";

export type {
  CountingInstrument,
  InstrumentOptions,
  Meter,
  MeterAttributes,
  RecordingInstrument,
} from "./internal/telemetry.ts";

/** How {@linkcode SiteMetrics} are to be. */
export interface SiteMetricsOptions {
  /** What makes the instruments, of `@opentelemetry/api` for example. */
  meter: Meter;
}

/**
 * Counts the sessions of a site in instruments of OpenTelemetry:
 *
 * - `session.active`: the live sessions, those that were there before too
 * - `session.made`
 * - `session.ended`, by `reason`
 * - `session.duration`: how long sessions lasted, in seconds
 * - `session.end.lateness`: how late the ends came that deadlines brought, in
 *   seconds
 *
 * A site does it itself with the option `meter`, or, without one, where
 * telemetry is on when it is made: with `OTEL_DENO=true`. It then loads
 * `npm:@opentelemetry/api`, and names the spans of requests by their route too.
 *
 * @example Usage
 * ```ts
 * import { type Meter, Resource, Site, SiteMetrics } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * // In place of metrics.getMeter("shop") of "npm:@opentelemetry/api".
 * const lines: string[] = [];
 * const take = (name: string) => ({
 *   add: (value: number) => lines.push(`${name} ${value}`),
 *   record: (value: number) => lines.push(`${name} ${value}`),
 * });
 * const meter: Meter = {
 *   createCounter: take,
 *   createUpDownCounter: take,
 *   createHistogram: take,
 * };
 *
 * await using site = new Site(new Resource());
 * new SiteMetrics(site, { meter });
 * site.makeSession();
 * assertEquals(lines, ["session.active 0", "session.made 1", "session.active 1"]);
 * ```
 */
export class SiteMetrics {
  /**
   * Begins to count, for as long as the site lives.
   *
   * @param site Whose sessions.
   * @param options What makes the instruments.
   */
  constructor(site: CountedSite, options: SiteMetricsOptions) {
    const { meter } = options;
    const unit = "{session}";
    const active = meter.createUpDownCounter("session.active", {
      description: "Live sessions.",
      unit,
    });
    const made = meter.createCounter("session.made", {
      description: "Sessions that were made.",
      unit,
    });
    const ended = meter.createCounter("session.ended", {
      description: "Sessions that have ended, by why.",
      unit,
    });
    const duration = meter.createHistogram("session.duration", {
      description: "How long sessions that have ended lasted.",
      unit: "s",
      advice: { explicitBucketBoundaries: [...DURATION_BOUNDS] },
    });
    const lateness = meter.createHistogram("session.end.lateness", {
      description: "How long after their deadlines sessions have ended.",
      unit: "s",
      advice: { explicitBucketBoundaries: [...LATENESS_BOUNDS] },
    });
    active.add(site.sessions.size);
    site.notifyOnSessionStart(() => {
      made.add(1);
      active.add(1);
    });
    site.notifyOnSessionEnd(({ session, reason, at }) => {
      active.add(-1);
      ended.add(1, { reason });
      duration.record(Math.max(0, at - session.createdAt));
      if (session.lateness !== undefined) lateness.record(session.lateness);
    });
  }
}
