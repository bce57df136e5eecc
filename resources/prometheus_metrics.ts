/**
 * What the sessions of a site come to, for Prometheus.
 *
 * @module
 */

import { describe } from "../internal/describe.ts";
import { Histogram } from "../internal/histogram.ts";
import {
  type MetricFamily,
  type MetricSample,
  PROMETHEUS_TEXT,
  prometheusText,
  samplesOf,
} from "../internal/prometheus_text.ts";
import {
  type CountedSite,
  DURATION_BOUNDS,
  END_REASONS,
  LATENESS_BOUNDS,
  type StoredEndCounts,
} from "../internal/session_figures.ts";
import type { SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { SessionEnd, SessionEndReason } from "../session.ts";

export type { CountedSite, MetricFamily, MetricSample, StoredEndCounts };

/** How {@linkcode PrometheusMetrics} are to be. */
export interface PrometheusMetricsOptions {
  /**
   * What the names of the metrics begin with, before an underscore: letters,
   * digits, underscores, and no digit first.
   *
   * @default {"curfew"}
   */
  prefix?: string;
  /**
   * The buckets for how long sessions have lasted, in seconds, ascending.
   *
   * @default {from 1 s to a week}
   */
  durationBuckets?: readonly number[];
  /**
   * The buckets for how many seconds after their deadlines sessions have ended,
   * ascending.
   *
   * @default {from 1 ms to a minute}
   */
  latenessBuckets?: readonly number[];
}

/**
 * Figures about a site's sessions, in the text that Prometheus reads.
 *
 * It counts from when it was made on: put it up before the site serves. With
 * the default prefix:
 *
 * - `curfew_sessions_active`: the live sessions
 * - `curfew_sessions_made_total`
 * - `curfew_sessions_ended_total{reason="idle"}`, and so on for each reason
 * - `curfew_session_duration_seconds`: a histogram of how long sessions lasted
 * - `curfew_session_end_lateness_seconds`: a histogram of how late the ends came
 *   that deadlines brought
 *
 * Where sessions are kept in a store, the live ones are those that this process
 * has in its memory, the ends are those that it has told, and there is also
 *
 * - `curfew_stored_ends_total{step="claimed"}`, and so on for each member of
 *   {@linkcode StoredEndCounts}
 *
 * Being asked is no visit: it neither makes nor touches a session. Whoever finds
 * it can read it, so let only the collector find it, or put a guard before it.
 *
 * @example Usage
 * ```ts
 * import { PrometheusMetrics, Resource, Site } from "@curfew/web";
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
  /** Being asked is no visit. */
  override touchesSession: boolean = false;

  readonly #site: CountedSite;
  readonly #prefix: string;
  readonly #ended: Map<SessionEndReason, number>;
  readonly #duration: Histogram;
  readonly #lateness: Histogram;
  #made = 0;

  /**
   * Begins to count.
   *
   * @param site Whose sessions.
   * @param options How the metrics are named and cut.
   * @throws {SyntaxError} If no metric can have the prefix.
   * @throws {RangeError} If buckets are not ascending numbers.
   */
  constructor(site: CountedSite, options: PrometheusMetricsOptions = {}) {
    super();
    const {
      prefix = "curfew",
      durationBuckets = DURATION_BOUNDS,
      latenessBuckets = LATENESS_BOUNDS,
    } = options;
    if (!/^[a-zA-Z_]\w*$/.test(prefix)) {
      throw new SyntaxError(
        `Cannot make metrics: no name begins with ${describe(prefix)}`,
      );
    }
    this.#site = site;
    this.#prefix = prefix;
    this.#duration = histogramOf("durationBuckets", durationBuckets);
    this.#lateness = histogramOf("latenessBuckets", latenessBuckets);
    // All from the beginning: a rate needs to have seen the 0.
    this.#ended = new Map(END_REASONS.map((reason) => [reason, 0]));
    site.notifyOnSessionStart(() => void this.#made++);
    site.notifyOnSessionEnd((end) => this.#count(end));
  }

  /** Answers with all the metrics. */
  override render_GET(request: SiteRequest): string {
    request.setHeader("content-type", PROMETHEUS_TEXT);
    request.setHeader("cache-control", "no-store");
    return prometheusText(this.families());
  }

  /** The metrics as they are now; override it to add some of your own. */
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
        help: "Sessions that were made.",
        type: "counter",
        samples: [{ value: this.#made }],
      },
      {
        name: `${prefix}_sessions_ended_total`,
        help: "Sessions that have ended, by why.",
        type: "counter",
        samples: [...this.#ended].map(([reason, value]) => ({
          labels: { reason },
          value,
        })),
      },
      {
        name: `${prefix}_session_duration_seconds`,
        help: "How long sessions that have ended lasted.",
        type: "histogram",
        samples: samplesOf(this.#duration),
      },
      {
        name: `${prefix}_session_end_lateness_seconds`,
        help: "How long after their deadlines sessions have ended.",
        type: "histogram",
        samples: samplesOf(this.#lateness),
      },
      ...storedFamilies(prefix, this.#site.storedEnds),
    ];
  }

  #count({ session, reason, at }: SessionEnd): void {
    this.#ended.set(reason, (this.#ended.get(reason) ?? 0) + 1);
    // A clock that was set back makes no negative time.
    this.#duration.add(Math.max(0, at - session.createdAt));
    const { lateness } = session;
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
    help: "Ends claimed from the store, and what has come of them.",
    type: "counter",
    samples: Object.entries(counts).map(([step, value]) => ({
      labels: { step },
      value,
    })),
  }];
}

/** @throws {RangeError} If the bounds are not ascending numbers. */
function histogramOf(what: string, bounds: readonly number[]): Histogram {
  const isAscending = bounds.every((bound, i) =>
    Number.isFinite(bound) && (i === 0 || bound > bounds[i - 1]!)
  );
  if (isAscending) return new Histogram(bounds);
  throw new RangeError(
    `Cannot make metrics: ${what} are not ascending numbers: ${
      describe(bounds)
    }`,
  );
}
