/**
 * Metrics of a site's sessions, for OpenTelemetry.
 *
 * @module
 */

import {
  checkOptions,
  having,
  type OptionRules,
  required,
} from "../base/options.ts";
import type { StoredEndCounts } from "../registry/session_backend.ts";
import type { ErrorContext } from "../request.ts";
import type { SessionEndCallback, SessionStartCallback } from "../session.ts";
import type { Meter, TelemetryAPI } from "./open_telemetry.ts";
import type { RouteWatch } from "./route_spans.ts";

export type {
  CountingInstrument,
  InstrumentOptions,
  Meter,
  MeterAttributes,
  ObservableInstrument,
  ObservableResult,
  RecordingInstrument,
} from "./open_telemetry.ts";

/** The options of {@linkcode SiteMetrics}. */
export interface SiteMetricsOptions {
  /** Makes the instruments; for example a meter of `@opentelemetry/api`. */
  meter: Meter;
}

const RULES: OptionRules<SiteMetricsOptions> = {
  meter: required(having("a Meter", "createCounter")),
};

/**
 * Counts the sessions of a site in instruments of OpenTelemetry:
 *
 * - `session.active`: the live sessions, including those made before
 * - `session.made`
 * - `session.ended`, by `reason`
 * - `session.duration`: the duration of ended sessions, in seconds
 * - `session.end.lateness`: the lateness of ends by deadline, in seconds
 * - `session.callbacks.hanging`: callbacks whose promises have not settled for 10 s,
 *   if the meter has observable gauges
 * - `session.stored_end`, by `step`, if the site has a store and the meter has
 *   observable counters: each member of {@linkcode StoredEndCounts}
 *
 * With a store, the live sessions are those in the memory of this process. Their
 * number is updated whenever a session starts or ends here.
 *
 * A site makes these metrics itself if it has the option `meter`, or if telemetry
 * is on when the site is made, with `OTEL_DENO=true`. In the second case it loads
 * `npm:@opentelemetry/api`, and also names the spans of requests by their routes.
 *
 * @example Usage
 * ```ts
 * import { Resource, Site } from "@curfew/web";
 * import { type Meter, SiteMetrics } from "@curfew/web/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * // Replaces metrics.getMeter("shop") of "npm:@opentelemetry/api".
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
   * Begins to count; it stops with the site.
   *
   * @param site The site with the sessions to count.
   * @throws {TypeError} If there is no meter, or an unknown option.
   */
  constructor(site: CountedSite, options: SiteMetricsOptions) {
    checkOptions("count sessions", options, RULES);
    const { meter } = options;
    const unit = "{session}";
    const active = meter.createUpDownCounter("session.active", {
      description: "Live sessions.",
      unit,
    });
    const made = meter.createCounter("session.made", {
      description: "Sessions made.",
      unit,
    });
    const ended = meter.createCounter("session.ended", {
      description: "Sessions ended, by reason.",
      unit,
    });
    const duration = meter.createHistogram("session.duration", {
      description: "Duration of ended sessions.",
      unit: "s",
      advice: { explicitBucketBoundaries: [...DURATION_BOUNDS] },
    });
    const latenesses = meter.createHistogram("session.end.lateness", {
      description: "Time from the deadline of a session to its end.",
      unit: "s",
      advice: { explicitBucketBoundaries: [...LATENESS_BOUNDS] },
    });
    let reported = 0;
    // With a store, sessions enter and leave this process without start or end.
    const update = (): unknown => {
      const { size } = site.sessions;
      const change = size - reported;
      reported = size;
      return active.add(change);
    };
    update();
    // One callback for each instrument: if one fails, the others still count.
    site.notifyOnSessionStart(() => made.add(1));
    site.notifyOnSessionStart(update);
    observeStoredEnds(site, meter);
    meter.createObservableGauge?.("session.callbacks.hanging", {
      description: "Callbacks whose promises have not settled for 10 s.",
      unit: "{callback}",
    }).addCallback((result) =>
      result.observe(site.sessions.hangingCallbacks ?? 0)
    );
    site.notifyOnSessionEnd(update);
    site.notifyOnSessionEnd(({ reason }) => ended.add(1, { reason }));
    site.notifyOnSessionEnd(({ session, at }) =>
      duration.record(Math.max(0, at - session.createdAt))
    );
    site.notifyOnSessionEnd(({ lateness }) =>
      lateness === undefined ? undefined : latenesses.record(lateness)
    );
  }
}

function observeStoredEnds(site: CountedSite, meter: Meter): void {
  // The constructor of a site sets its store.
  if (site.storedEnds === undefined) return;
  const instrument = meter.createObservableCounter?.("session.stored_end", {
    description: "Ends claimed from the store, by step of their delivery.",
    unit: "{session}",
  });
  instrument?.addCallback((result) => {
    const counts: StoredEndCounts = site.storedEnds!;
    for (const [step, value] of Object.entries(counts)) {
      result.observe(value, { step });
    }
  });
}

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

/** The parts of a site that counting uses. `Site` fits. */
export interface CountedSite {
  /** The ends from a store, by step; undefined without a store. */
  readonly storedEnds?: StoredEndCounts | undefined;
  /** The live sessions. */
  readonly sessions: {
    readonly size: number;
    /** Callbacks whose promises have not settled for 10 s. */
    readonly hangingCallbacks?: number;
  };
  /** Registers a callback for each new session. */
  notifyOnSessionStart(callback: SessionStartCallback): void;
  /** Registers a callback for each end. */
  notifyOnSessionEnd(callback: SessionEndCallback): void;
}

/**
 * Bounds for the duration of sessions, in seconds: of a visit, the usual timeouts,
 * and days.
 */
export const DURATION_BOUNDS: readonly number[] = [
  1,
  10,
  60,
  300,
  900,
  1800,
  3600,
  4 * 3600,
  12 * 3600,
  24 * 3600,
  7 * 24 * 3600,
];

/**
 * Bounds for the lateness of ends, in seconds: of a timer, of a busy process, and
 * of a machine that slept.
 */
export const LATENESS_BOUNDS: readonly number[] = [
  0.001,
  0.002,
  0.005,
  0.01,
  0.02,
  0.05,
  0.1,
  1,
  60,
];

/** The key of the global that `@opentelemetry/api` registers its providers in. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/**
 * Returns whether telemetry is on: in Deno, with `OTEL_DENO=true`, or in an SDK of
 * the program. Reading the environment would take a permission.
 */
export function isTelemetryOn(): boolean {
  return REGISTRY in globalThis;
}

function loadTelemetry(): Promise<TelemetryAPI> {
  // Deno fetches a literal specifier in every program that imports this module.
  const specifier = "npm:@opentelemetry/api@^1.9.0";
  return import(specifier);
}
