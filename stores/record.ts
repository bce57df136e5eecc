/**
 * The record of a session as pure functions, for stores written in JavaScript: the
 * functions that `create`, `load` and `commit` of a store call.
 *
 * A record is never changed, but replaced. These functions do not check whether the
 * deadline has passed; the store does. Read the clock once for each call of the
 * store, after the record has been locked, and pass that time on.
 *
 * @example A store that forgets its sessions at the deadline
 * ```ts
 * import { commitRecord, createRecord, timesOf } from "@curfew/web/stores/record";
 * import type { SessionRecord } from "@curfew/web/stores/record";
 * import { assertEquals } from "@std/assert";
 *
 * const records = new Map<string, SessionRecord>();
 * const record = createRecord({
 *   uid: "a",
 *   tokens: [],
 *   generation: 0,
 *   loginGeneration: 0,
 *   isRenewalDue: false,
 *   isRemembered: false,
 *   principal: undefined,
 *   isSecure: true,
 *   sessionTimeout: 900_000,
 *   absoluteTimeout: Infinity,
 *   values: new Map(),
 *   callbacks: [],
 *   age: 0,
 *   idle: 0,
 *   loginAge: undefined,
 * }, { now: 1000 });
 * records.set(record.uid, record);
 *
 * const changes = { values: new Map([["cart", "[]"]]) };
 * const changed = commitRecord(record, changes, { now: 2000 });
 * assertEquals(changed && timesOf(changed, 2000).version, 2);
 * ```
 *
 * @module
 */

import {
  accessAfter,
  callbacksAfter,
  fade,
  timeBefore,
  valuesAfter,
} from "./record_changes.ts";
import type {
  CommitConditions,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionTimes,
  StoredSession,
} from "./stored_session.ts";

/**
 * The version of the format of records, for stores that keep them beyond a process.
 * Format 1, of version 0.1.0, had one secret and its predecessors in place of
 * tokens.
 */
export const RECORD_FORMAT = 2;

/** The most tokens that a session has. */
export const MAX_TOKENS = 8;

/**
 * Milliseconds for which the uid of an acknowledged session stays taken. So a
 * `create()` that arrives late, through a proxy for example, makes no second
 * session.
 */
export const UID_TAKEN_FOR = 60_000;

/** The longest that a uid stays taken for its deadline, in milliseconds: a week. */
export const LONGEST_TAKEN = 7 * 24 * 60 * 60 * 1000;

/**
 * Returns the time until which the uid of a session stays taken if its end is
 * acknowledged now.
 *
 * A node that missed the end keeps the session until its deadline. If the uid were
 * free then, the node would take the session for a lost one.
 */
export function uidTakenUntil(now: number, deadline: number): number {
  const last = Math.min(deadline, now + LONGEST_TAKEN);
  return Math.max(now, last) + UID_TAKEN_FOR;
}

/** A session of a store, without regard to the time. */
export interface SessionRecord extends Omit<StoredSession, "now"> {
  /**
   * The touch before the last one, by its time; after the last one was undone, the
   * last one itself.
   */
  readonly touchedBefore: number;
}

/** The time and the settings by which a store computes a record. */
export interface RecordContext {
  /** The time of the store's clock, in UNIX milliseconds. */
  readonly now: number;
  /**
   * Milliseconds between touches that are written, to save writes. Each deadline is
   * later by as much, so that no session ends early because a touch was not
   * written.
   *
   * @default {0}
   */
  readonly touchThrottle?: number;
}

/** The time, the settings and the conditions of a commit. */
export interface CommitContext extends RecordContext {
  /** Conditions of the commit. */
  readonly conditions?: CommitConditions | undefined;
}

/** Returns the record of a new session. */
export function createRecord(
  session: NewSession,
  options: RecordContext,
): SessionRecord {
  const { age, idle, loginAge, values, tokens, callbacks, ...facts } = session;
  const { now } = options;
  return withDeadline({
    ...facts,
    values: new Map(values),
    tokens: [...tokens],
    callbacks: [...callbacks],
    createdAt: now - age,
    authenticatedAt: timeBefore(now, loginAge),
    touchedAt: now - idle,
    touchedBefore: now - idle,
    deadline: Infinity,
    version: session.version ?? 1,
  }, options);
}

/**
 * Returns the record after a load: a token of a later generation takes effect,
 * and a touch counts if the token opens the session.
 *
 * @returns the same record if there is nothing to write.
 */
export function loadRecord(
  record: SessionRecord,
  load: LoadOptions,
  options: RecordContext,
): SessionRecord {
  const { tokenHash, touch, grace } = load;
  const { now } = options;
  const token = record.tokens.find(({ hash, until }) =>
    hash === tokenHash && now < until
  );
  if (token === undefined) return record;
  const { generation } = token;
  const after = generation <= record.generation ? record : {
    ...record,
    generation,
    tokens: fade(record.tokens, generation, now + grace),
    version: record.version + 1,
  };
  return touch && generation >= record.loginGeneration
    ? touched(after, options)
    : after;
}

/**
 * Returns the record after a commit.
 *
 * @returns undefined if a condition refuses the commit.
 */
export function commitRecord(
  record: SessionRecord,
  changes: SessionChanges,
  options: CommitContext,
): SessionRecord | undefined {
  const { now, conditions } = options;
  if (isRefused(record, conditions, now)) return undefined;
  const { access, values, idle, takenBack } = changes;
  const last = isLastTouch(record, takenBack)
    ? takenBack.to ?? takenBack.before
    : record.touchedAt;
  const touch = idle === undefined ? -Infinity : now - idle;
  const isTouched = touch >= last;
  const touchedAt = isTouched ? touch : last;
  // Undoing the last touch must not undo this earlier touch, which comes only now.
  const before = Math.max(record.touchedBefore, touch);
  return withDeadline({
    ...record,
    ...access === undefined ? {} : accessAfter(record, access, now),
    sessionTimeout: changes.sessionTimeout ?? record.sessionTimeout,
    absoluteTimeout: changes.absoluteTimeout ?? record.absoluteTimeout,
    values: values === undefined
      ? record.values
      : valuesAfter(record.values, values),
    callbacks: callbacksAfter(record.callbacks, changes),
    ...changes.description === undefined
      ? {}
      : { description: changes.description },
    touchedAt,
    touchedBefore: isTouched ? last : Math.min(before, touchedAt),
    version: record.version + (isMoreThanTimes(changes) ? 1 : 0),
  }, options);
}

/**
 * Returns whether a hold makes room for a new one with its uid: if it lives and is
 * the one to replace, or if none is to be replaced and it is over, without
 * callbacks left.
 *
 * @param record Undefined if there is no hold of the uid.
 */
export function givesWay(
  record: Pick<SessionRecord, "version" | "callbacks"> | undefined,
  isOver: boolean,
  replaces: number | undefined,
): boolean {
  if (replaces !== undefined) return !isOver && record?.version === replaces;
  return record === undefined || isOver && record.callbacks.length === 0;
}

/** Returns whether changes raise the version: touches alone do not. */
export function isMoreThanTimes(changes: SessionChanges): boolean {
  const { idle: _, takenBack: __, ...others } = changes;
  return Object.values(others).some((change) => change !== undefined);
}

/** Returns the times of a record, in the form of an answer of the store. */
export function timesOf(record: SessionRecord, now: number): SessionTimes {
  const { createdAt, touchedAt, deadline, version } = record;
  return { now, createdAt, touchedAt, deadline, version };
}

/**
 * Returns the reason of the end at the deadline; `"absolute"` if both deadlines are
 * equal.
 */
export function dueReasonOf(record: SessionRecord): "idle" | "absolute" {
  return absoluteEndOf(record) <= record.deadline ? "absolute" : "idle";
}

function isRefused(
  record: SessionRecord,
  conditions: CommitConditions = {},
  now: number,
): boolean {
  const { version = record.version, until = Infinity } = conditions;
  return version !== record.version || now >= until;
}

/**
 * Returns whether a touch need not be written: the deadline is late enough for it,
 * even if the last touch is undone.
 */
function touched(record: SessionRecord, options: RecordContext): SessionRecord {
  const { touchedAt, touchedBefore } = record;
  const { now, touchThrottle = 0 } = options;
  if (now <= touchedBefore + touchThrottle) return record;
  return withDeadline({
    ...record,
    touchedAt: Math.max(touchedAt, now),
    touchedBefore: touchedAt,
  }, options);
}

/** Compares both times, since two touches may come in one millisecond. */
function isLastTouch(
  { touchedAt, touchedBefore }: SessionRecord,
  touch: SessionChanges["takenBack"],
): touch is NonNullable<SessionChanges["takenBack"]> {
  return touch?.touchedAt === touchedAt && touch.before === touchedBefore;
}

function withDeadline(
  record: SessionRecord,
  { touchThrottle = 0 }: RecordContext,
): SessionRecord {
  const idleEnd = record.touchedAt + record.sessionTimeout + touchThrottle;
  return { ...record, deadline: Math.min(idleEnd, absoluteEndOf(record)) };
}

function absoluteEndOf(record: SessionRecord): number {
  const { createdAt, authenticatedAt, absoluteTimeout } = record;
  return (authenticatedAt ?? createdAt) + absoluteTimeout;
}
