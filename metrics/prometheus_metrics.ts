/**
 * Metrics of a site's sessions, for Prometheus.
 *
 * @module
 */

import { describe, visible } from "../base/describe.ts";
import {
  checkOptions,
  listOf,
  NUMBER,
  type OptionRule,
  type OptionRules,
  STRING,
} from "../base/options.ts";
import {
  Histogram,
  type MetricFamily,
  type MetricSample,
  PROMETHEUS_TEXT,
  prometheusText,
  samplesOf,
} from "./prometheus_text.ts";
import {
  type CountedSite,
  DURATION_BOUNDS,
  LATENESS_BOUNDS,
} from "./site_metrics.ts";
import { END_REASONS } from "../session/deadline.ts";
import type { StoredEndCounts } from "../registry/session_backend.ts";
import type { SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { SessionEnd, SessionEndReason } from "../session.ts";

export type { CountedSite, MetricFamily, MetricSample, StoredEndCounts };

/** The options of {@linkcode PrometheusMetrics}. */
export interface PrometheusMetricsOptions {
  /**
   * The beginning of all metric names, before an underscore. It consists of
   * letters, digits and underscores, and does not begin with a digit.
   *
   * @default {"curfew"}
   */
  prefix?: string;
  /**
   * The bounds of the buckets for the duration of sessions, in seconds,
   * ascending.
   *
   * @default {[1, 10, 60, 300, 900, 1800, 3600, 14400, 43200, 86400, 604800]}
   */
  durationBuckets?: readonly number[];
  /**
   * The bounds of the buckets for the lateness of ends, in seconds after the
   * deadline, ascending.
   *
   * @default {[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1, 60]}
   */
  latenessBuckets?: readonly number[];
}

/** The rule of the bounds of a histogram. */
const BUCKETS: OptionRule = {
  ...listOf("a list of ascending numbers", NUMBER),
  isInRange: (bounds: readonly number[]) =>
    bounds.every((bound, i) =>
      Number.isFinite(bound) && (i === 0 || bound > bounds[i - 1]!)
    ),
};

const RULES: OptionRules<PrometheusMetricsOptions> = {
  prefix: STRING,
  durationBuckets: BUCKETS,
  latenessBuckets: BUCKETS,
};

/**
 * A resource with metrics of a site's sessions, in the text format of Prometheus.
 *
 * The counters begin at 0 when the resource is made, so make it before the site
 * serves. With the default prefix:
 *
 * - `curfew_sessions_active`: the live sessions
 * - `curfew_sessions_made_total`
 * - `curfew_sessions_ended_total{reason="idle"}`, and so on for each reason
 * - `curfew_session_duration_seconds`: a histogram of the duration of sessions
 * - `curfew_session_end_lateness_seconds`: a histogram of the lateness of ends by
 *   deadline
 * - `curfew_callbacks_hanging`: callbacks whose promises have not settled for 10 s
 *
 * With a store, the live sessions are those in the memory of this process, and
 * the ends are those that it has delivered. There is one more metric:
 *
 * - `curfew_stored_ends_total{step="claimed"}`, and so on for each member of
 *   {@linkcode StoredEndCounts}
 *
 * A request for it neither makes nor touches a session. Every client that can
 * reach it can read it, so make it reachable for the collector only, or put a
 * guard before it.
 *
 * @example Usage
 * ```ts
 * import { Resource, Site } from "@curfew/web";
 * import { PrometheusMetrics } from "@curfew/web/metrics";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const root = new Resource();
 * await using site = new Site(root);
 * root.putChild("metrics", new PrometheusMetrics(site));
 *
 * site.makeSession().expire();
 * const response = await site.fetch(new Request("http://localhost/metrics"));
 * assertStringIncludes(
 *   await response.text(),
 *   'curfew_sessions_ended_total{reason="logout"} 1',
 * );
 * ```
 */
export class PrometheusMetrics extends Resource {
  /** False: the resource does not use the session. */
  override usesSession: boolean = false;
  /** False, so that a collector with a cookie keeps no session alive. */
  override touchesSession: boolean = false;

  readonly #site: CountedSite;
  readonly #prefix: string;
  readonly #ended: Map<SessionEndReason, number>;
  readonly #duration: Histogram;
  readonly #lateness: Histogram;
  #made = 0;

  /**
   * Makes the resource, and begins to count.
   *
   * @param site The site with the sessions to count.
   * @throws {TypeError} If an option is of the wrong kind, or unknown.
   * @throws {RangeError} If buckets are not ascending numbers.
   * @throws {SyntaxError} If the prefix is not valid in a metric name.
   */
  constructor(site: CountedSite, options: PrometheusMetricsOptions = {}) {
    super();
    checkOptions("make metrics", options, RULES);
    const {
      prefix = "curfew",
      durationBuckets = DURATION_BOUNDS,
      latenessBuckets = LATENESS_BOUNDS,
    } = options;
    if (!/^[a-zA-Z_]\w*$/.test(prefix)) {
      throw new SyntaxError(
        `Cannot make metrics: the prefix is not valid in a name: ${
          describe(prefix)
        }`,
      );
    }
    this.#site = site;
    this.#prefix = prefix;
    this.#duration = new Histogram(durationBuckets);
    this.#lateness = new Histogram(latenessBuckets);
    // Every reason begins with 0: Prometheus computes no rate without it.
    this.#ended = new Map(END_REASONS.map((reason) => [reason, 0]));
    site.notifyOnSessionStart(() => void this.#made++);
    site.notifyOnSessionEnd((end) => this.#count(end));
  }

  /** Returns all metrics as text. */
  override render_GET(request: SiteRequest): string {
    request.setHeader("content-type", PROMETHEUS_TEXT);
    request.setHeader("cache-control", "no-store");
    return prometheusText(this.families());
  }

  /** Returns the current metrics; override it to add metrics of your own. */
  families(): MetricFamily[] {
    const prefix = this.#prefix;
    return [
      {
        name: `${prefix}_sessions_active`,
        help: "Live sessions.",
        type: "gauge",
        samples: [{ value: this.#site.sessions.size }],
      },
      {
        name: `${prefix}_sessions_made_total`,
        help: "Sessions made.",
        type: "counter",
        samples: [{ value: this.#made }],
      },
      {
        name: `${prefix}_sessions_ended_total`,
        help: "Sessions ended, by reason.",
        type: "counter",
        samples: [...this.#ended].map(([reason, value]) => ({
          labels: { reason },
          value,
        })),
      },
      {
        name: `${prefix}_session_duration_seconds`,
        help: "Duration of ended sessions.",
        type: "histogram",
        samples: samplesOf(this.#duration),
      },
      {
        name: `${prefix}_session_end_lateness_seconds`,
        help: "Time from the deadline of a session to its end.",
        type: "histogram",
        samples: samplesOf(this.#lateness),
      },
      {
        name: `${prefix}_callbacks_hanging`,
        help: "Callbacks whose promises have not settled for 10 s.",
        type: "gauge",
        samples: [{ value: this.#site.sessions.hangingCallbacks ?? 0 }],
      },
      ...storedFamilies(prefix, this.#site.storedEnds),
    ];
  }

  #count({ session, reason, at, lateness }: SessionEnd): void {
    // A program without types may end a session for any reason.
    const shown = visible(reason) as SessionEndReason;
    this.#ended.set(shown, (this.#ended.get(shown) ?? 0) + 1);
    // Negative if the clock was set back.
    this.#duration.add(Math.max(0, at - session.createdAt));
    if (lateness !== undefined) this.#lateness.add(lateness);
  }
}

function storedFamilies(
  prefix: string,
  counts: StoredEndCounts | undefined,
): MetricFamily[] {
  if (counts === undefined) return [];
  return [{
    name: `${prefix}_stored_ends_total`,
    help: "Ends claimed from the store, by step of their delivery.",
    type: "counter",
    samples: Object.entries(counts).map(([step, value]) => ({
      labels: { step },
      value,
    })),
  }];
}
