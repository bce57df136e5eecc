/**
 * What a store of sessions is to do: keep their records beyond the process, and
 * hand each end to exactly one of those who ask.
 *
 * A store keeps records, never live sessions, and never a token: of the secret
 * it knows the SHA-256 only. Whoever serves a site over it has the live objects.
 *
 * @module
 */

/** Something now, or a promise of it. A store that need not wait gives none. */
export type MaybePromise<T> = T | Promise<T>;

/** The hash of a secret that a renewal has replaced. */
export interface OldSecret {
  /** Its SHA-256, in lower-case hex digits. */
  readonly hash: string;
  /** Until when it still opens the session: UNIX milliseconds of the store. */
  readonly until: number;
}

/** A callback that is registered by name, so that it survives the process. */
export interface StoredCallback {
  /**
   * Tells it from the others of its session: what is added again under the same
   * id, since the answer to the first time was lost, is the same callback. It is
   * "" for one that was kept before there were ids.
   */
  readonly id: string;
  /** The name that it is registered by with the site. */
  readonly name: string;
  /** What it is called with, encoded by the site. */
  readonly argument: string;
}

/** What does not change by itself while a session lives. */
export interface SessionFacts {
  /** The SHA-256 of the secret, in lower-case hex digits. */
  readonly secretHash: string;
  /** What the secret was before; few. */
  readonly oldSecrets: readonly OldSecret[];
  /** Whether it was made over https. */
  readonly isSecure: boolean;
  /** Whose it is. */
  readonly principal: string | undefined;
  /** Milliseconds without a touch after which it ends; Infinity for never. */
  readonly sessionTimeout: number;
  /** Milliseconds of life after which it ends; Infinity for never. */
  readonly absoluteTimeout: number;
  /** What is kept in it, by key, encoded by the site. */
  readonly values: ReadonlyMap<string, string>;
  /** Who is told of its end, by name, in the order of registration. */
  readonly callbacks: readonly StoredCallback[];
}

/** A session that is to be kept. */
export interface NewSession extends SessionFacts {
  /** Its name; nobody else has it. */
  readonly uid: string;
  /** Milliseconds since it was made. */
  readonly age: number;
  /** Milliseconds since it was touched. */
  readonly idle: number;
}

/** The times of a record, in UNIX milliseconds of the store's own clock. */
export interface SessionTimes {
  /** What the store's clock shows. */
  readonly now: number;
  /** When the session was made. */
  readonly createdAt: number;
  /** When it was touched last. */
  readonly touchedAt: number;
  /** When it ends if nobody touches it; Infinity for never. */
  readonly deadline: number;
  /** Raised by each commit that changes more than the times. */
  readonly version: number;
}

/** A session as it is kept. */
export interface StoredSession extends SessionFacts, SessionTimes {
  /** Its name. */
  readonly uid: string;
}

/** A session that has been loaded. */
export interface LoadedSession extends StoredSession {
  /** When it had been touched before this load: what a touch is taken back to. */
  readonly touchedBefore: number;
}

/** How a session is loaded. */
export interface LoadOptions {
  /** The SHA-256 of the secret that the visitor has shown. */
  readonly secretHash: string;
  /**
   * Whether the load is a touch too. It is none if the hash is neither the
   * current one nor an old one within its grace: nobody keeps a session alive
   * by its name.
   */
  readonly touch: boolean;
}

/** A new secret. */
export interface Renewal {
  /** The SHA-256 of the new one, in lower-case hex digits. */
  readonly secretHash: string;
  /**
   * Milliseconds that the one before still opens the session. It becomes one of
   * the `oldSecrets`, of which the last 8 are kept, those past their time too.
   */
  readonly grace: number;
}

/** What has become different in a session; what is left out stays. */
export interface SessionChanges {
  /** The secret is another. */
  readonly renewal?: Renewal;
  /** As in {@linkcode SessionFacts}. */
  readonly sessionTimeout?: number;
  /** Likewise. */
  readonly absoluteTimeout?: number;
  /** Whose it is from now on; null for nobody's. */
  readonly principal?: string | null;
  /** The keys that have changed, with their values; undefined is none any more. */
  readonly values?: ReadonlyMap<string, string | undefined>;
  /** Callbacks that have been added; those that are there already, by id, stay. */
  readonly addedCallbacks?: readonly StoredCallback[];
  /** Milliseconds since a touch that is to count, unless there was a later one. */
  readonly idle?: number;
  /**
   * A load was no touch after all: back to `to`, or to `before`, which is what the
   * load found; unless somebody has touched the session since `touchedAt`.
   */
  readonly takenBack?: {
    readonly touchedAt: number;
    readonly before: number;
    readonly to?: number;
  };
}

/** Who tells of an end, and how long nobody else shall. */
export interface Claimant {
  /** Names the node; unique for each life of one. */
  readonly owner: string;
  /** Milliseconds until somebody else may tell, unless it is renewed. */
  readonly lease: number;
}

/** An end that the claimant is to tell. */
export interface ClaimedEnd {
  /** The session as it was at its end, and the time of the claim. */
  readonly session: StoredSession;
  /** Why it ended: "idle" or "absolute" if its deadline came. */
  readonly reason: string;
  /**
   * When it ended: UNIX milliseconds of the store; the deadline if that came,
   * however late somebody claims it.
   */
  readonly at: number;
  /** Counts how often it has been claimed, from 1. */
  readonly attempt: number;
  /**
   * Names this claim: whoever claims later gets another, and what is done under
   * this one is refused from then on.
   */
  readonly fence: string;
}

/** An end that has been put aside. */
export interface AsideEnd extends Omit<ClaimedEnd, "fence"> {
  /** What went wrong, in words. */
  readonly why: string;
}

/** What there was to claim. */
export interface Claims {
  /** The ends, those that were due first before the others. */
  readonly ends: readonly ClaimedEnd[];
  /**
   * Milliseconds until more can be claimed, as for `nextIn`: 0 if there is more
   * already. Of a store that several nodes claim from it may be some more, so
   * that they do not all come at once.
   */
  readonly nextIn: number;
}

/** An end that somebody, anywhere, has brought about. */
export interface EndNews {
  /** The session that has ended. */
  readonly uid: string;
  /** Why. */
  readonly reason: string;
  /** When: UNIX milliseconds of the store. */
  readonly at: number;
}

/**
 * A part of a store that can be away while the others are not: the sessions on
 * one node of a cluster, for example.
 *
 * Its members are those of {@linkcode SessionStore}, for its own sessions only.
 */
export interface StorePart
  extends Pick<SessionStore, "claim" | "nextIn" | "uidsOf" | "watch"> {
  /** Names the part in errors: `shard 2`. */
  readonly name: string;
}

/**
 * Where sessions are kept beyond the process.
 *
 * **Times** are those of the store's own clock, which all its users share;
 * callers hand over durations only. **A session is over** when `end` was called
 * or its deadline has passed, whether or not somebody has claimed the end; from
 * then on it is absent for `load` and `commit`, for ever: nothing revives it.
 * **An end** stays until it is acknowledged or put aside; until then it is
 * claimed again whenever a lease runs out. **Absent** is `undefined` or false,
 * never an exception. **Failing**, because the database is away for example, is
 * an exception or a rejection; whether a change was made then is not known, and
 * every call may be made again: what it adds is there once. A store is
 * **synchronous** if nothing that it does has to be waited for; then it answers
 * no promise at all.
 *
 * Whoever writes a store runs the tests of `@curfew/web/testing/store_contract`
 * against it.
 */
export interface SessionStore {
  /**
   * Keeps a new session.
   *
   * @returns its times; undefined if there is or was one of that uid whose end
   * has not been acknowledged: nothing is changed then.
   */
  create(session: NewSession): MaybePromise<SessionTimes | undefined>;

  /** A session that is not over, and touches it if asked to; or undefined. */
  load(
    uid: string,
    options: LoadOptions,
  ): MaybePromise<LoadedSession | undefined>;

  /**
   * Changes a session; other keys than those given stay as they are.
   *
   * A changed timeout counts from the last touch. One that is over is not
   * changed: a slow write never revives a logout.
   *
   * @returns its times; undefined if it is over or absent.
   */
  commit(
    uid: string,
    changes: SessionChanges,
  ): MaybePromise<SessionTimes | undefined>;

  /**
   * Ends a session now, and claims the end for the caller, who has to tell it.
   *
   * @returns undefined if it is over or absent: somebody else tells.
   */
  end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): MaybePromise<ClaimedEnd | undefined>;

  /**
   * Claims ends that nobody tells: of sessions whose deadline has come, and
   * those whose lease has run out.
   *
   * @param limit The most to claim, 1 or more.
   */
  claim(claimant: Claimant, limit: number): MaybePromise<Claims>;

  /** Has a lease begin anew; false if the claim is not the caller's any more. */
  renew(uid: string, fence: string, lease: number): MaybePromise<boolean>;

  /** All have been told: forgets the session. False as for `renew`. */
  acknowledge(uid: string, fence: string): MaybePromise<boolean>;

  /**
   * Leaves an end to whoever claims next, in so many milliseconds. False as for
   * `renew`.
   */
  release(uid: string, fence: string, delay: number): MaybePromise<boolean>;

  /**
   * Gives up on an end that cannot be told: it is kept for people to look at, is
   * never claimed again, and no longer belongs to a principal. False as for
   * `renew`.
   *
   * @param why What went wrong, in words.
   */
  putAside(uid: string, fence: string, why: string): MaybePromise<boolean>;

  /**
   * Milliseconds until something can be claimed; Infinity if nothing will be.
   *
   * It may be less, for a store that knows its order only roughly: whoever waits
   * asks again then, and is told more exactly the nearer it comes. It is never
   * more.
   */
  nextIn(): MaybePromise<number>;

  /** The uids of the sessions of a principal that are not over, oldest first. */
  uidsOf(principal: string): MaybePromise<string[]>;

  /**
   * Hears of ends, one's own too, and of deadlines that are sooner than others.
   *
   * A hint: news may be late, doubled, or never come. What is called must not
   * throw.
   *
   * @param onEnd Called with each end.
   * @param onSooner Called when `nextIn` may have become less.
   * @returns stops it.
   */
  watch(
    onEnd: (news: EndNews) => void,
    onSooner?: () => void,
  ): MaybePromise<() => void>;

  /**
   * Whether the store can be relied on; called when a site begins, and again
   * while it fails, until it has answered.
   *
   * @returns sentences that those who run the site should read.
   * @throws {RangeError} If it would lose sessions: the site must not be served.
   * Any other error is taken for one that may pass.
   */
  check?(): MaybePromise<readonly string[]>;

  /**
   * The parts that can be away one by one, each with sessions of its own.
   *
   * A site claims the ends of each part by itself, and refuses the sessions of a
   * part that does not answer, but no others. A store that has none is away as a
   * whole.
   */
  readonly parts?: readonly StorePart[];

  /** Returns the part that the session of a uid belongs to, if there are any. */
  partOf?(uid: string): StorePart;
}
