import type { Clock } from "../base/clock.ts";
import type { MaybePromise } from "../base/promises.ts";
import type { SessionChange } from "./internals.ts";
import type { StreamLimits } from "../live/session_streams.ts";
import type { Expiring, SessionEndReason } from "./deadline.ts";
import type { Hold, HoldOptions } from "./hold.ts";
import type { NamedRegistration } from "./named_callback.ts";
import type { StoredValuesOf } from "./session_values.ts";
import type { computeValue } from "./value_change.ts";

/** The parts of the place where sessions live that the sessions use. */
export interface BackendOf<Session, End> {
  /** The values of stored sessions; undefined without a store. */
  readonly values: StoredValuesOf<Session> | undefined;
  /** Records a change; throws a TypeError if it cannot be stored. */
  changed(session: Session, change: SessionChange): void;
  /** Returns whether a session whose deadline has passed here may end now. */
  mayExpire(session: Session): boolean;
  /** Returns whether a store has a session, even if this process has forgotten it. */
  hasRecord(session: Session): boolean;
  /** Delivers an end to the listeners of all sessions. */
  deliver(end: End): void;
}

/** The holds of keys by sessions. */
export interface HoldsOf<Session> {
  hold(
    session: Session,
    key: string,
    options: HoldOptions,
  ): Promise<Hold | undefined>;
  release(session: Session, key: string): Promise<boolean>;
}

/**
 * The parts of the registry that its sessions use.
 *
 * The types of sessions and ends are parameters, since both refer to their owner.
 */
export interface OwnerOf<Session, End> {
  /** The source of the time. */
  readonly clock: Clock;
  /** The deadlines of all sessions, in UNIX milliseconds. */
  readonly queue: {
    add(item: Expiring, deadline: number, now: number): number;
    deadlineOf(entry: number): number;
    move(entry: number, deadline: number, now: number): void;
    remove(entry: number): void;
  };
  /** Whether the sessions are in a store, where they outlive the process. */
  readonly isStored: boolean;
  /** The place where the sessions live. */
  readonly backend: BackendOf<Session, End>;
  /**
   * The sessions whose deadline has passed here, while the store has not confirmed
   * it yet.
   */
  readonly underCheck: ReadonlySet<Session>;
  /** The most streams that a session, and a site, may have open. */
  readonly streamLimits: StreamLimits;
  /** Called when a stream of a session has been opened, or closed. */
  noteStreams?(session: Session): void;
  /** Milliseconds for which a replaced token is still recognized. */
  readonly renewalGrace: number;
  readonly later: {
    /** Loads the code of updates. */
    load(): MaybePromise<{ readonly computeValue: typeof computeValue }>;
    /** Calls a function with the holds of keys. */
    with<A, R>(
      argument: A,
      use: (parts: { readonly holds: HoldsOf<Session> }, argument: A) => R,
    ): R | Promise<Awaited<R>>;
  };
  /** Registers a callback of `onEnd` by its name. */
  callAtEnd(session: Session, call: NamedRegistration): () => void;
  /** Registers a warning by name, `lead` milliseconds before the end. */
  warn(session: Session, lead: number, warning: NamedRegistration): () => void;
  /** The most callbacks of one kind that a session may have. */
  readonly maxCallbacks: number;
  /** Calls a callback of `onEnd`, and calls it again if it fails. */
  readonly retries: {
    call(
      end: End,
      call: { readonly name: string; readonly argument: unknown },
    ): void;
  };
  /** Indexes a session by its principal. */
  indexPrincipal(session: Session, before: string | undefined): void;
  /** Removes an ended session from the registry. */
  remove(session: Session): void;
  /** Ends a session, even one whose overridden `expire()` would not. */
  end(session: Session, reason: SessionEndReason): void;
  readonly calls: {
    /** Calls a callback, reports its errors, and tracks its promise. */
    run<T>(
      callback: (argument: T) => unknown,
      argument: T,
      session: Session,
    ): void;
    /** Calls `expire()` of a session in the same way. */
    expire(session: Session, reason: SessionEndReason): void;
  };
}
