/**
 * The contract of session stores: a store holds the records of sessions beyond
 * the process, and returns each end to exactly one of the nodes that ask for it.
 *
 * A store holds records, never live sessions, and only the SHA-256 of secrets,
 * never a token. The live sessions are in the nodes: the processes of a site.
 *
 * @module
 */

import type { MaybePromise } from "../base/promises.ts";
import type {
  Claimant,
  ClaimedEnd,
  Claims,
  DeadLetter,
  EndProgress,
} from "./claimed_end.ts";
import type { ChangeNotification, EndNotification } from "./notification.ts";
import type {
  CommitConditions,
  CommitTimes,
  LoadedSession,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionTimes,
} from "./stored_session.ts";

export type { MaybePromise };
export type * from "./claimed_end.ts";
export type * from "./notification.ts";
export type * from "./stored_session.ts";

/**
 * The version of the contract of stores. It is raised by each change that a store
 * has to follow; CHANGELOG says what is new. A store of an older version may lose
 * what it does not know of.
 *
 * - 1: version 0.1.0.
 * - 2: tokens with generations, writes by version, named callbacks that are
 *   replaced and removed, progress of ends, dead letters that are listed, retried
 *   and deleted, and uids that stay taken for a minute.
 */
export const STORE_CONTRACT = 2;

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
 * A store of sessions beyond the process.
 *
 * **Times** are those of the store's own clock, which all nodes share, in whole
 * milliseconds; callers hand over durations, or times that the store has answered.
 * A duration may be Infinity. A store reads its clock once for each call, and only
 * when no other call can change the record any more: a call that has waited for a
 * lock past the deadline finds the session over.
 *
 * **A session is over** once `end()` was called or its deadline has passed, whether
 * or not the end was claimed. From then on it is absent for `load()` and `commit()`,
 * for ever: nothing revives it, and its uid stays taken, as `create()` says.
 * **An end** stays until it is acknowledged or becomes a dead
 * letter; it can be claimed again whenever its lease runs out.
 *
 * **Texts** are any strings of JavaScript, with NUL and lone surrogates: principals,
 * keys, values, the members of callbacks, descriptions, reasons, errors, and owners.
 * A uid and a hash are visible ASCII characters. **Ties**: what is due in the same
 * millisecond comes in any order; sessions of the same `createdAt` are listed in the
 * order in which they were created.
 *
 * **Absent** is `undefined` or false, never an exception. **A failure**, of the
 * database for example, is an exception or a rejection, and does not say whether
 * a change was made. Every call may be repeated: the same token or callback is
 * added only once, and the same value is set again. A repeated commit with a
 * `version` changes nothing if the first commit was made. **A synchronous
 * store** waits for nothing and answers no promise at all.
 *
 * Authors of stores run the tests of `@curfew/web/testing/store_contract`
 * against them. Stores in JavaScript compute their records by
 * `@curfew/web/stores/record`. This is version {@linkcode STORE_CONTRACT} of the
 * contract.
 */
export interface SessionStore {
  /**
   * Whether `watch()` never loses a notification. Then nodes need not poll for
   * ends before `nextIn()` has passed; otherwise they poll every second.
   *
   * @default {false}
   */
  readonly isNotifyingReliably?: boolean;

  /**
   * Stores a new session.
   *
   * @returns its times; undefined, and nothing is changed, if the uid is taken:
   * by a session that lives, by one whose end is not acknowledged yet, or by one
   * that was acknowledged within the last minute, or whose deadline has not passed
   * for a minute (a week at most). So a call that arrives late makes no session
   * anew that has ended meanwhile, and a node that missed the end of a session
   * does not take it for one that the store has lost.
   */
  create(session: NewSession): MaybePromise<SessionTimes | undefined>;

  /**
   * Stores the session of a hold, whose uid is used again and again. A store
   * without this method has no holds.
   *
   * The `version` of the session is its fencing number: it is greater than every
   * version that a session of the uid has been taken with, also when the store has
   * lost its data, as long as its clock does not go back.
   *
   * @param replaces The version of a hold that must live; this one comes in its
   * place. Without it the uid must be free.
   * @returns its times; undefined, and nothing is changed, if that is not so. The
   * uid is taken by a hold that lives, or by one that is over and has callbacks
   * left. One that is over and has no callbacks is
   * forgotten, whether or not its end was claimed, and so is the time for which
   * an acknowledged uid stays taken.
   */
  take?(
    session: NewSession,
    replaces?: number,
  ): MaybePromise<SessionTimes | undefined>;

  /**
   * Loads a session, and touches it if asked to.
   *
   * A token that counts and whose generation is later than `generation` takes
   * effect in the same step: `generation` becomes its generation, the tokens of
   * earlier generations whose `until` is Infinity count for the `grace`, and
   * `version` is raised. Loading again by the same token changes none of it.
   *
   * @returns the session, whatever the token; undefined if it is over or absent.
   */
  load(
    uid: string,
    options: LoadOptions,
  ): MaybePromise<LoadedSession | undefined>;

  /**
   * Changes a session; keys of values that are not given stay as they are.
   *
   * A changed timeout counts from the last touch. A session that is over is not
   * changed: a slow write never revives a logout.
   *
   * @returns the times of the session; undefined if it is over or absent.
   */
  commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): MaybePromise<CommitTimes | undefined>;

  /**
   * Ends a session now, and claims the end for the caller, which delivers it.
   *
   * @returns undefined if the session is over or absent: its end is delivered by
   * the node that claims it.
   */
  end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): MaybePromise<ClaimedEnd | undefined>;

  /**
   * Claims ends that no node has a lease of: those of sessions whose deadline has
   * passed, and those whose lease has run out.
   *
   * @param limit The most ends to claim, 1 or more.
   */
  claim(claimant: Claimant, limit: number): MaybePromise<Claims>;

  /**
   * Starts a lease anew.
   *
   * @returns false if another claim was made meanwhile, or the end is gone.
   */
  renew(uid: string, fence: string, lease: number): MaybePromise<boolean>;

  /**
   * Forgets a session whose end was delivered. Its uid stays taken for a minute.
   *
   * @returns false as of {@linkcode SessionStore.renew}.
   */
  acknowledge(uid: string, fence: string): MaybePromise<boolean>;

  /**
   * Gives a claim up: any node can claim the end after `delay` milliseconds.
   *
   * @param progress The part of the end that is left; later claims answer it.
   * Without it the end stays as it is.
   * @returns false as of {@linkcode SessionStore.renew}.
   */
  release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): MaybePromise<boolean>;

  /**
   * Gives up on an end that cannot be delivered. It is kept for a person to look
   * at, is never claimed again, and no longer belongs to a principal.
   *
   * @param why The error, in words.
   * @param progress As in {@linkcode SessionStore.release}.
   * @returns false as of {@linkcode SessionStore.renew}.
   */
  deadLetter(
    uid: string,
    fence: string,
    why: string,
    progress?: EndProgress,
  ): MaybePromise<boolean>;

  /** Lists the dead letters, in the order that the store keeps. */
  listDeadLetters(): MaybePromise<DeadLetter[]>;

  /**
   * Makes a dead letter an end again, which any node can claim at once. Its
   * `failingSince` becomes undefined.
   *
   * @returns false if there is no dead letter of the uid.
   */
  retryDeadLetter(uid: string): MaybePromise<boolean>;

  /**
   * Forgets a dead letter.
   *
   * @returns false if there is no dead letter of the uid.
   */
  deleteDeadLetter(uid: string): MaybePromise<boolean>;

  /**
   * Returns the milliseconds until an end can be claimed; Infinity for never.
   *
   * The answer may be too small, for a store that knows its order only roughly,
   * and is never too large. Callers ask again when that time has passed.
   */
  nextIn(): MaybePromise<number>;

  /** Lists the uids of the sessions of a principal, those over left out, oldest first. */
  uidsOf(principal: string): MaybePromise<string[]>;

  /**
   * Notifies of ends and changes, the caller's own included, and of earlier
   * deadlines.
   *
   * Notifications are hints: they may come late, twice or never, unless
   * `isNotifyingReliably` is true. The callbacks must not throw.
   *
   * @param onEnd Called with each end.
   * @param onDueEarlier Called when `nextIn()` may have become smaller.
   * @param onChange Called with each change that raises a version, within a
   * second. A store that does not call it has sessions that are live in several
   * nodes changed with their next request only.
   * @returns a function that stops it.
   */
  watch(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): MaybePromise<() => void>;

  /**
   * Checks whether the store is fit for sessions. A site calls it at its start,
   * and again while it fails, until it has answered.
   *
   * @returns sentences for the people who run the site.
   * @throws {RangeError} If the store would lose sessions: the site does not
   * serve any. Another error counts as one that may pass.
   */
  check?(): MaybePromise<readonly string[]>;

  /**
   * The parts that can be away one by one, each with sessions of its own.
   *
   * The ends of each part are claimed apart, and only the sessions of a part that
   * does not answer are refused. A store without parts is away as a whole.
   */
  readonly parts?: readonly StorePart[];

  /** Returns the part that the session of a uid belongs to, if there are any. */
  partOf?(uid: string): StorePart;
}
