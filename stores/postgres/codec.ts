// deno-lint-ignore-file camelcase -- the names of columns

import type {
  ClaimedEnd,
  CommitConditions,
  CommitTimes,
  DeadLetter,
  EndProgress,
  NewSession,
  SessionChanges,
  StoredCallback,
  StoredSession,
} from "../store.ts";
import { isMoreThanTimes } from "../record.ts";

/** A time in JSON; "Infinity" is a string there. */
type Time = number | string;

/** A row of the table of sessions, as Postgres writes it in JSON. */
interface Row {
  readonly uid: string;
  readonly is_secure: boolean;
  readonly created_at: Time;
  readonly authenticated_at: Time | null;
  readonly touched_at: Time;
  readonly deadline: Time;
  readonly version: number;
  readonly generation: number;
  readonly login_generation: number;
  readonly is_renewal_due: boolean;
  readonly is_remembered: boolean;
  readonly session_timeout: Time;
  readonly absolute_timeout: Time;
  readonly tokens: readonly [string, number, Time | null][];
  readonly callbacks: readonly [string, string, string][];
  readonly principal: string | null;
  readonly description: string | null;
  readonly reason: string | null;
  readonly at: Time | null;
  readonly attempt: number | null;
  readonly fence: string | null;
  readonly why: string | null;
  readonly are_listeners_done: boolean;
  readonly failing_since: Time | null;
}

/** The answer of the function `encode` in the database. */
export interface EncodedSession {
  readonly row: Row;
  readonly now: Time;
  readonly before: Time | null;
  /** Whether the load has put a token into effect; null for other calls. */
  readonly isChanged: boolean | null;
  readonly values: readonly [string, string][] | null;
}

/** Returns the session of an answer. */
export function decodeSession(
  { row, now, values }: EncodedSession,
): StoredSession {
  return {
    uid: row.uid,
    now: Number(now),
    tokens: row.tokens.map(([hash, generation, until]) => ({
      hash,
      generation,
      until: Number(until ?? Infinity),
    })),
    generation: row.generation,
    loginGeneration: row.login_generation,
    isRenewalDue: row.is_renewal_due,
    isRemembered: row.is_remembered,
    isSecure: row.is_secure,
    authenticatedAt: decodeTime(row.authenticated_at),
    principal: decodeText(row.principal),
    ...row.description === null
      ? {}
      : { description: decodeText(row.description) },
    sessionTimeout: Number(row.session_timeout),
    absoluteTimeout: Number(row.absolute_timeout),
    values: new Map(
      values?.map(([key, value]) => [JSON.parse(key), JSON.parse(value)]),
    ),
    callbacks: row.callbacks.map(([id, name, argument]) => ({
      id: JSON.parse(id),
      name: JSON.parse(name),
      argument: JSON.parse(argument),
    })),
    createdAt: Number(row.created_at),
    touchedAt: Number(row.touched_at),
    deadline: Number(row.deadline),
    version: row.version,
  };
}

/** Returns the claimed end of an answer. */
export function decodeEnd(encoded: EncodedSession): ClaimedEnd {
  const { row } = encoded;
  return {
    session: decodeSession(encoded),
    reason: JSON.parse(row.reason!),
    at: Number(row.at),
    attempt: row.attempt!,
    fence: row.fence!,
    areListenersDone: row.are_listeners_done,
    failingSince: decodeTime(row.failing_since),
  };
}

/** Returns the dead letter of an answer. */
export function decodeDeadLetter(encoded: EncodedSession): DeadLetter {
  const { fence: _, ...end } = decodeEnd(encoded);
  return { ...end, why: JSON.parse(encoded.row.why!) };
}

/** Returns the times in the answer to a creation or a commit. */
export function decodeTimes(answer: string): CommitTimes {
  const [now, createdAt, touchedAt, deadline, version, isRefused] = JSON.parse(
    answer,
  ) as [Time, Time, Time, Time, number, boolean];
  return {
    now: Number(now),
    createdAt: Number(createdAt),
    touchedAt: Number(touchedAt),
    deadline: Number(deadline),
    version,
    ...isRefused ? { isRefused } : {},
  };
}

/** Encodes a session to create. */
export function encodeNewSession(
  session: NewSession,
  throttle: number,
): string {
  const { principal, description, tokens, callbacks, values } = session;
  return encodeJson({
    ...session,
    age: Math.round(session.age),
    idle: Math.round(session.idle),
    loginAge: rounded(session.loginAge),
    tokens: tokens.map(({ hash, generation }) => [hash, generation, null]),
    callbacks: encodeCallbacks(callbacks),
    principal: encodeText(principal),
    description: encodeText(description),
    values: encodeValues(values),
    throttle,
  });
}

/** Encodes changes, and their conditions. */
export function encodeChanges(
  changes: SessionChanges,
  conditions: CommitConditions = {},
): string {
  const { access, addedCallbacks, removedCallbacks, values } = changes;
  return encodeJson({
    ...conditions,
    sessionTimeout: changes.sessionTimeout,
    absoluteTimeout: changes.absoluteTimeout,
    takenBack: changes.takenBack,
    idle: rounded(changes.idle),
    description: encodeText(changes.description),
    access: access && {
      ...access,
      principal: access.principal === null
        ? null
        : encodeText(access.principal),
      loginAge: rounded(access.loginAge),
      tokens: access.tokens.map(({ hash, generation }) => [hash, generation]),
    },
    added: addedCallbacks && encodeCallbacks(addedCallbacks),
    removed: removedCallbacks && encodeCallbacks(removedCallbacks),
    values: values && encodeValues(values),
    raise: isMoreThanTimes(changes) ? 1 : 0,
  });
}

/** Encodes the progress of an end; null for none. */
export function encodeProgress(
  progress: EndProgress | undefined,
): string | null {
  if (progress === undefined) return null;
  const { areListenersDone, callbacks } = progress;
  return encodeJson({
    areListenersDone,
    callbacks: encodeCallbacks(callbacks),
  });
}

/** Encodes any string of JavaScript as one that Postgres accepts. */
export function encodeText(text: string): string;
export function encodeText(text: string | undefined): string | undefined;
export function encodeText(text: string | undefined): string | undefined {
  return text === undefined ? undefined : JSON.stringify(text);
}

function encodeCallbacks(
  callbacks: readonly StoredCallback[],
): [string, string, string][] {
  return callbacks.map(({ id, name, argument }) => [
    encodeText(id),
    encodeText(name),
    encodeText(argument),
  ]);
}

function encodeValues(
  values: ReadonlyMap<string, string | undefined>,
): [string, string | null][] {
  return [...values].map(([key, value]) => [
    encodeText(key),
    encodeText(value) ?? null,
  ]);
}

/**
 * Encodes an object; Infinity is a string.
 *
 * @throws {RangeError} If a number is NaN.
 */
function encodeJson(value: object): string {
  return JSON.stringify(value, (_, member) => {
    if (Number.isNaN(member)) {
      throw new RangeError("a time is not a number");
    }
    return member === Infinity ? "Infinity" : member;
  });
}

function rounded(time: number | undefined): number | undefined {
  return time === undefined ? undefined : Math.round(time);
}

function decodeText(text: string | null): string | undefined {
  return text === null ? undefined : JSON.parse(text);
}

function decodeTime(time: Time | null): number | undefined {
  return time === null ? undefined : Number(time);
}

/**
 * Encodes the facts of a call.
 *
 * @throws {RangeError} If they cannot be encoded: `Cannot <verb>`.
 */
export function encodeFor(verb: string, encode: () => string): string {
  try {
    return encode();
  } catch (error) {
    const why = (error as Error).message;
    throw new RangeError(`Cannot ${verb}: ${why}`, { cause: error });
  }
}
