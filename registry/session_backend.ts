import type { MaybePromise } from "../base/promises.ts";
import type {
  EndSessionsOptions,
  Session,
  SessionEnd,
  SessionEndReason,
} from "../session.ts";
import type { BackendOf } from "../session/session_owner.ts";
import type { AccessOperation } from "../session/access.ts";
import type { LoadedSession, StoreCounts } from "../stores/store.ts";

/** A request that a backend serves. `RequestVisit` is one. */
export interface BackendVisit {
  /** The session of the request, found or made; undefined if it has none. */
  readonly ownSession: Session | undefined;
  /** The tokens of the request, and the outcome of their lookups. */
  readonly lookups: readonly Lookup[];
  /** Whether the tokens open different sessions; then the request uses none. */
  readonly isInConflict: boolean;
  /** Whether the request has touched its session. */
  readonly wasTouched: boolean;
  /**
   * Whether the request has touched its session, and waits for something. Reading it
   * may make Deno print a warning, since it reads the signal of the client.
   */
  readonly isHolding: boolean;
  /** Whether the request ended its session. */
  readonly hasLoggedOut: boolean;
  /** Whether the request made its session. */
  readonly isNewSession: boolean;
  /** Whether the request was given its session, and may have changed it. */
  readonly hasSeenSession: boolean;
  /** Whether a login has superseded the token by which it uses its session. */
  readonly isSuperseded: boolean;
  /** The session that it had, and left when a login had superseded its token. */
  readonly leftSession: Session | undefined;
  /** The principal that the request has logged in; undefined if it has not. */
  readonly loggedInAs: string | undefined;
  /** The changes of principal and tokens that the request made. */
  readonly operations: readonly AccessOperation[];
}

/**
 * The place where sessions live: this process, or a store that other processes
 * share.
 */
export interface SessionBackend extends BackendOf<Session, SessionEnd> {
  /**
   * Whether the sessions are in a store. Then the limit of a principal's sessions is
   * applied when a login is written.
   */
  readonly isStored: boolean;
  /** Whether requests wait for `load()` before code that may use the session. */
  readonly mustLoad: boolean;
  /** Returns the form in which the secret half of a token is kept and compared. */
  keyOf(secret: string): string;
  /** Loads the sessions of the tokens; a failure is recorded in the lookup. */
  load(lookups: readonly Lookup[]): MaybePromise<void> | undefined;
  /**
   * Returns the uid of a new session.
   *
   * @throws {HttpError} 503 if no session can be created now.
   */
  newUid(): string;
  /** Called for a new session. */
  created(session: Session): void;
  /** Finds a session that lives, in any process; it is not touched. */
  find(uid: string): MaybePromise<Session | undefined>;
  /** Returns the id by which a session keeps the named callback of a key. */
  idOfCallback(key: string): string;
  /** Returns whether a session of this process has the named callback of an id. */
  hasCallback(session: Session, id: string): boolean;
  /**
   * Keeps the session of a request that waits for something; returns a function
   * that ends that.
   */
  hold(visit: BackendVisit): (() => void) | undefined;
  /** Writes what a request has changed, before its response leaves. */
  flush(visit: BackendVisit): MaybePromise<void>;
  /**
   * Forgets a session that lives on in a store; returns false if there is no store.
   */
  evict(session: Session): boolean;
  /** Lists and ends the sessions of all processes. */
  readonly directory: SessionDirectory;
  /**
   * Makes requests wait for a promise, which must not reject; without a store only.
   */
  waitFor?(promise: Promise<unknown>): void;
  /** Checks the store, and begins to deliver ends. */
  start(): Promise<void>;
  /** Stops at once: ends the sessions, or writes their last changes. */
  halt(): void;
  /** Waits for the work that `halt` has begun. */
  close(): Promise<void>;
}

/** Lists and ends the sessions of all processes. */
export interface SessionDirectory {
  /** Ends the sessions of a principal in all processes; returns their number. */
  endAll(principal: string, options: EndSessionsOptions): MaybePromise<number>;
  /** Lists the sessions of a principal in all processes, the oldest first. */
  list(
    principal: string,
    options?: ListSessionsOptions,
  ): MaybePromise<SessionInfo[]>;
  /** Ends a session, in any process; returns false if there is none. */
  end(uid: string, reason: SessionEndReason): MaybePromise<boolean>;
  /** Lists the ends that the store keeps as dead letters; over a store only. */
  listDeadLetters?(): MaybePromise<readonly UndeliveredEnd[]>;
  /** Retries a dead letter of the store; returns false if there is none. */
  retryDeadLetter?(uid: string): MaybePromise<boolean>;
  /** Deletes a dead letter of the store; returns false if there is none. */
  deleteDeadLetter?(uid: string): MaybePromise<boolean>;
  /** Counts the sessions and the ends in the store; over one that has counts only. */
  readonly count?: (() => MaybePromise<StoreCounts>) | undefined;
  /** Lists the processes that share the store, the oldest first. */
  listProcesses?(): Promise<ProcessInfo[]>;
}

/** One token of a request, and the outcome of its lookup. */
export interface Lookup {
  /** The token as it came: the uid, then the secret. */
  readonly token: string;
  /** The uid of the session. */
  readonly uid: string;
  /** A text that ends with the form of the secret that is compared. */
  readonly key: string;
  /** The index at which that form begins. */
  readonly keyBegin: number;
  /** Whether the token was meant for https, and came over plain http. */
  readonly isLeaked: boolean;
  /** Whether loading the session is access. */
  readonly isTouch: boolean;
  /** Why the session could not be looked up; undefined if it could. */
  failure: { readonly cause: unknown } | undefined;
  /** The record that was loaded; undefined without a store or a record. */
  loaded: LoadedSession | undefined;
  /**
   * When the store was called, in UNIX milliseconds of this process's clock;
   * undefined without a store. The token's status at that time counts, since the
   * answer may be slow.
   */
  askedAt: number | undefined;
  /**
   * The number of times that changes of the session had been dropped before it was
   * loaded.
   */
  drops: number;
}

/** A session of a principal, in any process; see `sessions.list()`. */
export interface SessionInfo {
  /** The name of the session; safe to show. */
  readonly uid: string;
  /** When the session was made, in UNIX seconds. */
  readonly createdAt: number;
  /** When its user logged in last, in UNIX seconds; undefined without a login. */
  readonly authenticatedAt: number | undefined;
  /** When the session was touched last, in UNIX seconds. */
  readonly lastModified: number;
  /** When it ends if no access comes, in UNIX seconds; Infinity for never. */
  readonly expiresAt: number;
  /** The text of the option `describe`; undefined without one. */
  readonly description: string | undefined;
  /** The values by key, if they were asked for. */
  readonly values?: ReadonlyMap<string, unknown>;
}

/** A process that shares the store; see `sessions.listProcesses()`. */
export interface ProcessInfo {
  /**
   * Its id, and with `--allow-sys=hostname` the name of its machine:
   * `process 4711 on web-2`.
   */
  readonly name: string;
  /** When it made its `Sessions`, in UNIX seconds of its own clock. */
  readonly startedAt: number;
  /** When it has written to the store that it lives, in UNIX seconds. */
  readonly seenAt: number;
  /** Whether it is this process. */
  readonly isThis: boolean;
}

/** The options of `sessions.list()`. */
export interface ListSessionsOptions {
  /**
   * Whether the values of the sessions are listed too, to export the data of a user.
   *
   * @default {false}
   */
  readonly values?: boolean;
}

/** An end with callbacks that have failed for `endRetryFor` seconds. */
export interface UndeliveredEnd {
  /** The uid of the session. */
  readonly uid: string;
  /** Why the session ended. */
  readonly reason: SessionEndReason;
  /** When it ended, in UNIX seconds. */
  readonly at: number;
  /** The principal of the session. */
  readonly principal: string | undefined;
  /** The number of deliveries. */
  readonly attempt: number;
  /** The named callbacks that have failed, with their arguments. */
  readonly callbacks: readonly {
    readonly name: string;
    readonly argument: unknown;
  }[];
  /** The last error, in words. */
  readonly why: string;
}

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
