import type { StoredCallback, StoredSession } from "./stored_session.ts";

/** A node that delivers an end, and the time for which it reserves the end. */
export interface Claimant {
  /** Identifies the node; different each time that a node starts. */
  readonly owner: string;
  /** Milliseconds until another node may claim the end, unless renewed. */
  readonly lease: number;
}

/** An end that the claimant has to deliver. */
export interface ClaimedEnd {
  /** The session as it was at its end; `now` is the time of the claim. */
  readonly session: StoredSession;
  /** Why the session ended: "idle" or "absolute" if its deadline passed. */
  readonly reason: string;
  /**
   * When the session ended, in UNIX milliseconds of the store. It is the
   * deadline if that passed, however late the end is claimed.
   */
  readonly at: number;
  /** Counts the claims of this end, from 1. */
  readonly attempt: number;
  /**
   * Identifies this claim. A later claim has another fence; from then on every call
   * with this one is refused.
   */
  readonly fence: string;
  /**
   * Whether the listeners of all sessions have been called for this end; set by an
   * {@linkcode EndProgress}.
   *
   * @default {false}
   */
  readonly areListenersDone?: boolean;
  /**
   * When the store got the first {@linkcode EndProgress} of this end, in UNIX
   * milliseconds of the store; undefined while there is none.
   */
  readonly failingSince?: number | undefined;
}

/** Identifies a claim of an end. */
export interface ClaimKey {
  /** The session that has ended. */
  readonly uid: string;
  /** The fence of the claim. */
  readonly fence: string;
}

/** The remaining part of an end, after some of its callbacks have failed. */
export interface EndProgress {
  /** Whether the listeners of all sessions have been called. */
  readonly areListenersDone: boolean;
  /** The remaining named callbacks; they replace those of the session. */
  readonly callbacks: readonly StoredCallback[];
}

/** An end that could not be delivered, and is kept for an operator. */
export interface DeadLetter extends Omit<ClaimedEnd, "fence"> {
  /** The error, in words. */
  readonly why: string;
}

/** The numbers of the sessions and of the ends in a store, without those of holds. */
export interface StoreCounts {
  /** The sessions that are not over. */
  readonly sessions: number;
  /** The ends that are neither acknowledged nor dead letters, claimed or not. */
  readonly ends: number;
}

/** The answer of `SessionStore.claim()`. */
export interface Claims {
  /** The claimed ends, the earliest due first. */
  readonly ends: readonly ClaimedEnd[];
  /**
   * Milliseconds until more ends can be claimed, as `nextIn()` returns them; 0 if
   * there are more now. A store that several nodes claim from may add a little, so
   * that they do not all claim at once.
   */
  readonly nextIn: number;
}
