import type { SessionChange } from "./session_change.ts";
import type { StreamLimits } from "../live/session_streams.ts";
import type { SessionEndReason } from "./deadline.ts";
import type { Hold, HoldOptions } from "./hold.ts";
import type { NamedCallbackOptions, NamedCallbacks } from "./named_callback.ts";
import type { StoredValuesOf } from "./session_values.ts";
import type { Expiring } from "./session_warnings.ts";

/**
 * The parts of the registry that its sessions use.
 *
 * The types of sessions and ends are parameters, since both refer to their owner.
 */
export interface OwnerOf<Session, End> {
  /** The deadlines of all sessions, in UNIX milliseconds. */
  readonly queue: {
    add(item: Expiring, deadline: number, now: number): number;
    deadlineOf(entry: number): number;
    move(entry: number, deadline: number, now: number): void;
    remove(entry: number): void;
  };
  /** Whether the sessions are in a store, where they outlive the process. */
  readonly isStored: boolean;
  /** The most streams that a session, and a site, may have open. */
  readonly streamLimits: StreamLimits;
  /** Called when a stream of a session has been opened, or closed. */
  noteStreams?(session: Session): void;
  /** Milliseconds for which a replaced token is still recognized. */
  readonly renewalGrace: number;
  /** The callbacks that `onEnd` has registered. */
  readonly namedCallbacks: NamedCallbacks<End>;
  /** The values of sessions that are in a store; undefined without a store. */
  readonly values: StoredValuesOf<Session> | undefined;
  /** The holds of keys. */
  readonly holds: {
    hold(
      session: Session,
      key: string,
      options: HoldOptions,
    ): Promise<Hold | undefined>;
    release(session: Session, key: string): Promise<boolean>;
  };
  /** Warnings by name. */
  readonly warnings: {
    add(
      session: Session,
      lead: number,
      warning: {
        readonly name: string;
        readonly argument: unknown;
        readonly options: NamedCallbackOptions | undefined;
      },
    ): () => void;
  };
  /** The most callbacks of one kind that a session may have. */
  readonly maxCallbacks: number;
  /** Calls a callback of `onEnd`, and calls it again if it fails. */
  callNamed(
    end: End,
    call: { readonly name: string; readonly argument: unknown },
  ): void;
  /** Records a change; throws a TypeError if it cannot be stored. */
  changed(session: Session, change: SessionChange): void;
  /** Indexes a session by its principal. */
  indexPrincipal(session: Session, before: string | undefined): void;
  /** Returns whether a session whose deadline has passed may end in this process. */
  mayExpire(session: Session): boolean;
  /**
   * Returns whether the deadline has passed here and the store has not confirmed it
   * yet.
   */
  isUnderCheck(session: Session): boolean;
  /**
   * Returns whether a store has the session, even if this process has forgotten it.
   */
  hasRecord(session: Session): boolean;
  /** Removes an ended session from the registry. */
  remove(session: Session): void;
  /** Delivers an end to the listeners of all sessions. */
  deliver(end: End): void;
  /** Ends a session, even one whose overridden `expire()` would not. */
  end(session: Session, reason: SessionEndReason): void;
  /** Calls a callback, reports its errors, and tracks its promise. */
  run<T>(
    callback: (argument: T) => unknown,
    argument: T,
    session: Session,
  ): void;
}
