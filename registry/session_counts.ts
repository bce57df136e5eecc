import type {
  SessionEndCallback,
  SessionEndReason,
  SessionStartCallback,
} from "../session.ts";

/** Counts of the ends that a site has claimed from its store since it was made. */
export interface StoredEndCounts {
  /** Claims, for delivery here; repeated claims included. */
  readonly claimed: number;
  /** Delivered here, and acknowledged in the store. */
  readonly delivered: number;
  /** Calls that threw or rejected. They are repeated. */
  readonly failed: number;
  /** Made dead letters after all retries. */
  readonly deadLetter: number;
  /**
   * Left to the next claim, of any process: because a callback failed and is called
   * later, because no callback has the name here, because the claim was lost, or
   * because the site was closed.
   */
  readonly left: number;
}

/** The counts before the first claim. */
export const NO_COUNTS: StoredEndCounts = {
  claimed: 0,
  delivered: 0,
  failed: 0,
  deadLetter: 0,
  left: 0,
};

/** Returns the counts of several parts of a store together. */
export function sumOfCounts(all: readonly StoredEndCounts[]): StoredEndCounts {
  const sum = { ...NO_COUNTS };
  for (const counts of all) {
    for (const name of Object.keys(sum) as (keyof StoredEndCounts)[]) {
      sum[name] += counts[name];
    }
  }
  return sum;
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

/** All reasons of ends; first those that the client causes. */
export const END_REASONS: readonly SessionEndReason[] = [
  "idle",
  "logout",
  "absolute",
  "evicted",
  "revoked",
  "shutdown",
  "lost",
];

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
