/**
 * The contract of session stores: a store holds the records of sessions beyond the
 * process, and gives each end to exactly one of the nodes that claim ends.
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
  ClaimKey,
  Claims,
  CommitConditions,
  CommitTimes,
  DeadLetter,
  EndProgress,
  LoadedSession,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionTimes,
  StoreCounts,
} from "./stored_session.ts";
import type { ChangeNotification, EndNotification } from "./watchers.ts";

export type { MaybePromise };
export type * from "./stored_session.ts";
export type * from "./watchers.ts";

/**
 * The version of the contract of stores. It grows with each change that a store must
 * implement; CHANGELOG lists these changes. A store that was written for an older
 * version may lose data.
 *
 * - 1: version 0.1.0.
 * - 2: tokens with generations, writes by version, named callbacks that are
 *   replaced and removed, progress of ends, dead letters that are listed, retried
 *   and deleted, and uids that stay taken for a minute.
 */
export const STORE_CONTRACT = 2;

/**
 * A part of a store that can be away while the others are not: the sessions on
 * one node of a cluster, for example. Its members are those of
 * {@linkcode SessionStore}, for its own sessions only.
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
 * milliseconds. Callers pass durations, or times that the store has returned. A
 * duration may be Infinity. A store reads its clock once for each call, and only
 * when no other call can change the record any more. So if a call waits for a lock
 * until the deadline has passed, the session is over.
 *
 * **A session is over** once `end()` was called or its deadline has passed, whether
 * or not the end was claimed. From then on `load()` and `commit()` treat it as
 * absent, for ever: nothing revives it, and its uid stays taken, as `create()`
 * says. **An end** stays until it is acknowledged or becomes a dead letter; it can
 * be claimed again whenever its lease runs out.
 *
 * **Texts** are any strings of JavaScript, with NUL and lone surrogates:
 * principals, keys, values, the members of callbacks, descriptions, reasons,
 * errors, and owners. They are compared exactly, by case too. A uid and a hash are
 * visible ASCII characters. **Ties**: ends that are due in the same millisecond come
 * in any order; sessions of one `createdAt` are listed in the order of their creation.
 *
 * **Absent** is `undefined` or false, never an exception. **A failure**, of the
 * database for example, is an exception or a rejection, and does not say whether a
 * change was made. Every call may be repeated: the same token or callback is added
 * only once, and the same value is set again. A repeated commit with a `version`
 * changes nothing if the first commit was made. **A synchronous store** returns no
 * promise from any method.
 *
 * Authors of stores run the tests of `@curfew/web/testing/store_contract`; stores in
 * JavaScript compute their records by `@curfew/web/stores/record`. This is version
 * {@linkcode STORE_CONTRACT} of the contract.
 */
export interface SessionStore {
  /**
   * Whether `watch()` never loses a notification. Then nodes poll for ends when
   * `nextIn()` has passed; otherwise they poll every second.
   *
   * @default {false}
   */
  readonly isNotifyingReliably?: boolean;

  /**
   * Stores a new session.
   *
   * @returns its times; undefined, without a change, if the uid is taken. A uid
   * is taken while its session lives, until its end is acknowledged or deleted
   * as a dead letter, for a minute after that, and until a minute after the
   * deadline (a week at most). So a call that arrives late does not create a
   * session that has ended meanwhile, and a node that missed an end does not
   * take the session for one that the store has lost.
   */
  create(session: NewSession): MaybePromise<SessionTimes | undefined>;

  /**
   * Stores the session of a hold, whose uid is used again and again. A store
   * without this method has no holds.
   *
   * The `version` of the session is its fencing number. It is greater than every
   * earlier one of the uid, even after the store has lost its data, as long as its
   * clock does not go back.
   *
   * @param replaces The version of the hold to replace, which must live. Without it
   * the uid must be free.
   * @returns its times; undefined, without a change, if the hold to replace does
   * not live, or the uid is not free. A hold takes its uid while it lives, and
   * while it is over and has callbacks left. A hold that is over, without callbacks
   * left, frees its uid at once, even if its end was not claimed or acknowledged.
   */
  take?(
    session: NewSession,
    replaces?: number,
  ): MaybePromise<SessionTimes | undefined>;

  /**
   * Loads a session, and touches it if asked to.
   *
   * A token that has not expired and whose generation is later than `generation`
   * takes effect in the same step: `generation` becomes its generation, the tokens
   * of earlier generations whose `until` is Infinity expire after the `grace`, and
   * `version` is raised. Another load with the same token changes none of these.
   *
   * @returns the session, with any token; undefined if it is over or absent.
   */
  load(
    uid: string,
    options: LoadOptions,
  ): MaybePromise<LoadedSession | undefined>;

  /**
   * Changes a session; keys of values that are not given stay as they are. A changed
   * timeout counts from the last touch. A session that is over is not changed: a slow
   * write never revives a logout.
   *
   * @returns the times of the session; undefined if it is over or absent.
   */
  commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): MaybePromise<CommitTimes | undefined>;

  /**
   * Ends a session now, and claims the end for the caller, who delivers it.
   *
   * @returns undefined if the session is over or absent: another node delivers it.
   */
  end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): MaybePromise<ClaimedEnd | undefined>;

  /**
   * Claims ends without a lease: those of sessions whose deadline has passed, and
   * those whose lease has run out.
   *
   * @param limit The most ends to claim, 1 or more.
   */
  claim(claimant: Claimant, limit: number): MaybePromise<Claims>;

  /**
   * Starts a lease again.
   *
   * @returns false if a later claim exists, or the end is gone.
   */
  renew(uid: string, fence: string, lease: number): MaybePromise<boolean>;

  /**
   * Forgets a session whose end was delivered. Its uid stays taken for a minute.
   *
   * @returns false in the cases of {@linkcode SessionStore.renew}.
   */
  acknowledge(uid: string, fence: string): MaybePromise<boolean>;

  /**
   * Acknowledges several ends in one step, as {@linkcode SessionStore.acknowledge}
   * does each. Without this method, each end takes a call.
   *
   * @param claims The uids and fences, each uid once.
   * @returns the answer for each claim, in their order.
   */
  acknowledgeAll?(claims: readonly ClaimKey[]): MaybePromise<boolean[]>;

  /**
   * Releases a claim: any node can claim the end after `delay` milliseconds.
   *
   * @param progress The part of the end that remains; as before if left out.
   * @returns false in the cases of {@linkcode SessionStore.renew}.
   */
  release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): MaybePromise<boolean>;

  /**
   * Makes a dead letter of an end that cannot be delivered. It is kept for an
   * operator, is never claimed again, and belongs to no principal any more.
   *
   * @param why The error, in words.
   * @param progress As in {@linkcode SessionStore.release}.
   * @returns false in the cases of {@linkcode SessionStore.renew}.
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
   * Turns a dead letter into an end again, which any node can claim at once. Its
   * `failingSince` becomes undefined. Returns false if the uid has no dead letter.
   */
  retryDeadLetter(uid: string): MaybePromise<boolean>;

  /**
   * Forgets a dead letter. Its uid stays taken, as after an acknowledgement. Returns
   * false if the uid has no dead letter.
   */
  deleteDeadLetter(uid: string): MaybePromise<boolean>;

  /**
   * Returns the milliseconds until an end can be claimed; Infinity for never. They
   * may be too few, if a store keeps its order only roughly, but never too many.
   */
  nextIn(): MaybePromise<number>;

  /** Lists the uids of a principal's sessions that are not over, oldest first. */
  uidsOf(principal: string): MaybePromise<string[]>;

  /**
   * Counts sessions and ends, for operators. Sessions without tokens are holds, and
   * do not count.
   *
   * It may take longer the more sessions there are, so callers call it seldom. A
   * store without this method has no counts.
   */
  count?(): MaybePromise<StoreCounts>;

  /**
   * Notifies of ends and changes, the caller's own included, and of earlier
   * deadlines.
   *
   * Notifications are hints: they may come late, twice or never, unless
   * `isNotifyingReliably` is true. The callbacks must not throw.
   *
   * @param onEnd Called with each end.
   * @param onDueEarlier Called when `nextIn()` may have become smaller.
   * @param onChange Called with each change that raises a version, within a second.
   * Without these calls, a session that is live in several nodes is brought up to
   * date only by its next request.
   * @returns a function that stops the notifications.
   */
  watch(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): MaybePromise<() => void>;

  /**
   * Checks whether the store is suitable for sessions. A site calls it at its
   * start, again until it has answered, and then every minute.
   *
   * @returns sentences for the operators of the site.
   * @throws {RangeError} If the store would lose sessions: the site does not serve
   * any. Any other error is taken for a temporary one.
   */
  check?(): MaybePromise<readonly string[]>;

  /**
   * The parts that can be away one by one, each with sessions of its own, whose ends
   * are claimed separately. If a part does not answer, only its sessions are refused.
   * A store without parts is away as a whole.
   */
  readonly parts?: readonly StorePart[];

  /** Returns the part that the session of a uid belongs to. */
  partOf?(uid: string): StorePart;
}
