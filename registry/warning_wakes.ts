/**
 * Warnings by name, the arguments of the holds that wake them, and what these say
 * of deadlines.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { MaybePromise } from "../base/promises.ts";
import {
  copyOfArgument,
  type NamedCallback,
  namedCallbackOf,
  type NamedRegistration,
} from "../session/named_callback.ts";
import type {
  Session,
  SessionChange,
  SessionEnd,
  SessionWarning,
} from "../session.ts";
import type { EndRegistration } from "./hold_backend.ts";

/** The name under which a session keeps its warnings, and by which holds wake them. */
export const WARNING = "@curfew/warning";

/**
 * Milliseconds by which two readings of one deadline may differ, since each process
 * has a clock of its own.
 */
export const SAME = 500;

/**
 * Milliseconds by which two readings of a deadline that a request under way has
 * postponed may differ. A visit at about the same time postpones it for good.
 */
const SAME_TOUCH = 100;

/** A callback that `onWarning` has registered. */
export type NamedWarningCallback = (
  argument: unknown,
  warning: SessionWarning,
) => unknown;

/** The members of the registry that warnings use. */
export interface WarningRegistry {
  readonly clock: Clock;
  readonly site: { reportError(error: unknown, context: object): void };
  readonly backend: {
    changed(session: Session, change: SessionChange): void;
    find(uid: string): MaybePromise<Session | undefined>;
    idOfCallback(key: string): string;
    hasCallback(session: Session, id: string): boolean;
  };
  readonly delivery: EndRegistration;
  readonly namedCallbacks: ReadonlyMap<string, unknown>;
  /** The callbacks that `onWarning` has registered. */
  readonly warningCallbacks: ReadonlyMap<string, NamedWarningCallback>;
}

/** The argument of a hold that wakes a warning. */
export interface Wake {
  readonly uid: string;
  /** The id of the callback in the session. */
  readonly id: string;
  readonly lead: number;
  readonly name: string;
  readonly argument: unknown;
  /**
   * The deadline of the last warning, in UNIX milliseconds; 0 before the first
   * warning.
   */
  readonly warnedOf: number;
  /**
   * Which of two keys the hold has. A key stays taken while its callback runs, so
   * the next hold takes the other key.
   */
  readonly slot: 0 | 1;
  /** The end to warn of, while the record shows another deadline. */
  readonly expected?: ExpectedEnd;
}

/**
 * An end that only a request under way has postponed, which may turn out to be no
 * visit. Times are UNIX milliseconds.
 */
export interface ExpectedEnd {
  readonly deadline: number;
  /** The deadline in the record meanwhile; undefined if the touch was undone. */
  readonly shown?: number;
}

/** Returns the callback by which a session keeps a warning. */
export function callbackOf(
  registered: ReadonlyMap<string, unknown>,
  lead: number,
  { name, argument, options }: NamedRegistration,
): NamedCallback {
  // A prefix tells it from the keys of callbacks for the end.
  const key = options?.key;
  const act = "notify before the end";
  const copy = copyOfArgument(act, { name, argument });
  return namedCallbackOf(registered, {
    name: WARNING,
    argument: { lead, name, ...copy === undefined ? {} : { argument: copy } },
    options: key === undefined
      ? options
      : { ...options, key: `${WARNING} ${key}` },
    act,
    shown: name,
  });
}

/**
 * Returns whether a hold has ended at its time, and not because the program stops.
 */
export function isWake({ hold, reason }: SessionEnd): boolean {
  return hold !== undefined && reason === "absolute";
}

/** Returns whether an end was warned of or checked before, or a later one was. */
export function isKnown({ deadline, shown }: ExpectedEnd, wake: Wake): boolean {
  if (wake.warnedOf > deadline - SAME) return true;
  const { expected } = wake;
  return shown !== undefined && expected?.shown !== undefined &&
    Math.abs(expected.shown - shown) < SAME_TOUCH;
}

/** Returns the deadline to warn of, by the deadline that the record shows. */
export function deadlineOf({ expected }: Wake, shown: number): number {
  return expected?.shown !== undefined &&
      Math.abs(expected.shown - shown) < SAME_TOUCH
    ? expected.deadline
    : shown;
}

/** Returns the key of the hold of a wake. */
export function keyOf(
  { uid, id, slot }: Pick<Wake, "uid" | "id" | "slot">,
): string {
  return `${WARNING} ${uid} ${id} ${slot}`;
}

/** Returns the warning of an end, which is at `expiresAt` in UNIX seconds. */
export function warningOf(session: Session, expiresAt: number): SessionWarning {
  const { uid, authenticatedAt, createdAt } = session;
  const end = (authenticatedAt ?? createdAt) + session.absoluteTimeout;
  const reason = expiresAt > end - 0.001 ? "absolute" : "idle";
  return { session, uid, reason, expiresAt };
}
