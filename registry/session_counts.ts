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
  /** Times that a callback threw or rejected; it is called again. */
  readonly failed: number;
  /** Made dead letters after all tries. */
  readonly deadLetter: number;
  /**
   * Left to the next process that claims them: callbacks have failed and are to be
   * called later, a callback has no registration of its name here, the claim was
   * lost, or the site was closed.
   */
  readonly left: number;
}

/** What counting the sessions of a site needs of it. `Site` is one. */
export interface CountedSite {
  /** The ends from a store, by step; undefined without a store. */
  readonly storedEnds?: StoredEndCounts | undefined;
  /** The live sessions. */
  readonly sessions: {
    readonly size: number;
    /** Callbacks whose promises have not settled for 10 s. */
    readonly hangingCallbacks?: number;
  };
  /** Has a function called with every session that is made. */
  notifyOnSessionStart(callback: SessionStartCallback): void;
  /** Has a function called at every end. */
  notifyOnSessionEnd(callback: SessionEndCallback): void;
}

/** All reasons of ends, those that the client brings about first. */
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
 * Bounds for how long sessions last, in seconds: what a visit takes, the usual
 * timeouts, and days.
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
 * Bounds for how late ends come, in seconds: a timer's millisecond, what a busy
 * process takes, and a machine that slept.
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
