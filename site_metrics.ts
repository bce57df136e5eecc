/**
 * What the sessions of a site come to, for OpenTelemetry.
 *
 * @module
 */

import {
  type CountedSite,
  DURATION_BOUNDS,
  LATENESS_BOUNDS,
  type StoredEndCounts,
} from "./internal/session_figures.ts";
import type { Meter } from "./internal/telemetry.ts";

export type {
  CountingInstrument,
  InstrumentOptions,
  Meter,
  MeterAttributes,
  ObservableInstrument,
  ObservableResult,
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
 * - `session.stored_end`, by `step`, where sessions are kept in a store and the
 *   meter can observe: each member of {@linkcode StoredEndCounts}
 *
 * With a store, the live sessions are those that this process has in its memory,
 * as of the last that began or ended here.
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
    let known = 0;
    // Where there is a store, some come and go without a beginning or an end.
    const update = (): unknown => {
      const { size } = site.sessions;
      const change = size - known;
      known = size;
      return active.add(change);
    };
    update();
    // A callback for each instrument: one that fails is reported, and does not
    // keep the others from counting.
    site.notifyOnSessionStart(() => made.add(1));
    site.notifyOnSessionStart(update);
    observeStoredEnds(site, meter);
    site.notifyOnSessionEnd(update);
    site.notifyOnSessionEnd(({ reason }) => ended.add(1, { reason }));
    site.notifyOnSessionEnd(({ session, at }) =>
      duration.record(Math.max(0, at - session.createdAt))
    );
    site.notifyOnSessionEnd(({ session }) =>
      session.lateness === undefined
        ? undefined
        : lateness.record(session.lateness)
    );
  }
}

function observeStoredEnds(site: CountedSite, meter: Meter): void {
  // A site knows its store from the beginning.
  if (site.storedEnds === undefined) return;
  const instrument = meter.createObservableCounter?.("session.stored_end", {
    description: "Ends claimed from the store, and what has come of them.",
    unit: "{session}",
  });
  instrument?.addCallback((result) => {
    const counts: StoredEndCounts = site.storedEnds!;
    for (const [step, value] of Object.entries(counts)) {
      result.observe(value, { step });
    }
  });
}
