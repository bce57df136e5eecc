/** One token of a stored session. */
export interface StoredToken {
  /** The SHA-256 of its secret, in lower-case hex digits. */
  readonly hash: string;
  /** Raised by each renewal and each login. */
  readonly generation: number;
  /**
   * When the token expires, in UNIX milliseconds of the store; Infinity while no
   * token of a later generation has arrived.
   */
  readonly until: number;
}

/** A callback that is registered by name, so that it outlives the process. */
export interface StoredCallback {
  /**
   * Identifies the callback within its session. A callback that is added under the
   * id of another one takes its place. A callback of version 0.1.0 has the id "";
   * one of the same name and argument takes its place.
   */
  readonly id: string;
  /** The name under which the site has registered the callback. */
  readonly name: string;
  /** The argument of the call, encoded by the site. */
  readonly argument: string;
}

/** The facts of a session that only a commit, or a token that arrives, changes. */
export interface SessionFacts {
  /** The tokens that the session has; at most 8. */
  readonly tokens: readonly StoredToken[];
  /** The lowest generation whose tokens are current. */
  readonly generation: number;
  /** The lowest generation whose tokens open the session. */
  readonly loginGeneration: number;
  /** Whether the next request with a current token is sent a new one. */
  readonly isRenewalDue: boolean;
  /**
   * Whether the browser keeps the cookie when it is closed, as the login asked. It
   * is false for a session of version 0.1.0.
   */
  readonly isRemembered: boolean;
  /** The user that the session belongs to; undefined for none. */
  readonly principal: string | undefined;
  /** Whether the session was created over https. */
  readonly isSecure: boolean;
  /** Milliseconds without a touch after which the session ends; or Infinity. */
  readonly sessionTimeout: number;
  /**
   * Milliseconds after the last login, or else after the creation, after which
   * the session ends; or Infinity.
   */
  readonly absoluteTimeout: number;
  /** The values by key, encoded by the site. */
  readonly values: ReadonlyMap<string, string>;
  /** The named callbacks of its end, in the order of registration. */
  readonly callbacks: readonly StoredCallback[];
  /**
   * The site's description of the client, for lists of sessions.
   *
   * @default {undefined}
   */
  readonly description?: string | undefined;
}

/** A session to store. The `until` of each of its tokens is Infinity. */
export interface NewSession extends SessionFacts {
  /** Names the session; no other session has it. */
  readonly uid: string;
  /** Milliseconds since the session was created. */
  readonly age: number;
  /** Milliseconds since the last touch. */
  readonly idle: number;
  /** Milliseconds since the login; undefined before the first. */
  readonly loginAge: number | undefined;
  /**
   * The `version` of the record. A commit that was on its way when an earlier record
   * of the session vanished does not fit a record with a version of its own.
   *
   * @default {1}
   */
  readonly version?: number;
}

/** The times of a record, in UNIX milliseconds of the store's clock. */
export interface SessionTimes {
  /** The time of the store's clock. */
  readonly now: number;
  /** When the session was created. */
  readonly createdAt: number;
  /** When the session was touched last. */
  readonly touchedAt: number;
  /** When the session ends without another touch; Infinity for never. */
  readonly deadline: number;
  /** Raised by 1 by each commit, and each load, that changes more than times. */
  readonly version: number;
}

/** The answer of a store to a commit. */
export interface CommitTimes extends SessionTimes {
  /**
   * True if a condition of the commit does not hold. Then nothing was changed,
   * and the times are those of the record as it is.
   *
   * @default {false}
   */
  readonly isRefused?: boolean;
}

/** A session as a store has it. */
export interface StoredSession extends SessionFacts, SessionTimes {
  /** Names the session. */
  readonly uid: string;
  /** When its last login was, in UNIX milliseconds of the store; or undefined. */
  readonly authenticatedAt: number | undefined;
}

/** A session that has been loaded. */
export interface LoadedSession extends StoredSession {
  /** The last touch before this load; a commit can go back to it. */
  readonly touchedBefore: number;
}

/** Options of {@linkcode SessionStore.load}. */
export interface LoadOptions {
  /**
   * The SHA-256 of the secret that the request came with, in lower-case hex
   * digits; "" if the load is not for a request.
   */
  readonly tokenHash: string;
  /**
   * Whether the load touches the session. It does so only for a token that has not
   * expired and whose generation is `loginGeneration` or later: neither the uid
   * alone nor a superseded token keeps a session alive.
   */
  readonly touch: boolean;
  /**
   * Milliseconds until the tokens of earlier generations expire, if this is the
   * first load with a token of its generation.
   */
  readonly grace: number;
}

/** Principal and tokens of a session, as a commit replaces them. */
export interface AccessChange extends
  Pick<
    SessionFacts,
    "generation" | "loginGeneration" | "isRenewalDue" | "isRemembered"
  > {
  /** The user that the session belongs to; null for none. */
  readonly principal: string | null;
  /**
   * Milliseconds since the login that this change is about. If it is absent or
   * undefined, the record keeps the exact time of its last login. No change removes
   * that time.
   */
  readonly loginAge?: number | undefined;
  /**
   * All tokens of the session after the commit. A token that the record has already
   * keeps its `until`, so that a repeated commit prolongs nothing.
   */
  readonly tokens: readonly {
    readonly hash: string;
    readonly generation: number;
  }[];
  /**
   * Milliseconds until tokens of a lower generation than the new `generation`
   * expire; those with an earlier time keep it.
   */
  readonly grace: number;
}

/** Changes of a session; a member that is left out stays as it is. */
export interface SessionChanges {
  /** Replaces principal and tokens; only the time of the login may stay. */
  readonly access?: AccessChange;
  /** As in {@linkcode SessionFacts}. */
  readonly sessionTimeout?: number;
  /** As in {@linkcode SessionFacts}. */
  readonly absoluteTimeout?: number;
  /** The values to set by key; undefined deletes a key. */
  readonly values?: ReadonlyMap<string, string | undefined>;
  /** Callbacks to add at the end, or in place of those with the same id. */
  readonly addedCallbacks?: readonly StoredCallback[];
  /**
   * Callbacks to remove, after others were added. A callback that the record does
   * not have, or has with another name or argument, is ignored.
   */
  readonly removedCallbacks?: readonly StoredCallback[];
  /** Replaces the description. */
  readonly description?: string;
  /** Milliseconds since a touch; ignored if a later touch is stored. */
  readonly idle?: number;
  /**
   * Undoes the touch of a load: the last touch becomes `to`, or else `before`,
   * which the load found. It does nothing if the session was touched after
   * `touchedAt`, or if a commit has touched it in between, after `before`.
   */
  readonly takenBack?: {
    readonly touchedAt: number;
    readonly before: number;
    readonly to?: number;
  };
}

/** Conditions of a commit, checked in the same step as it is made. */
export interface CommitConditions {
  /** Refuses the commit unless the record has exactly this version. */
  readonly version?: number;
  /**
   * Refuses the commit from this time on, in UNIX milliseconds of the store: by
   * then the caller has given it up.
   *
   * @default {Infinity}
   */
  readonly until?: number;
}

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
