import type { SessionRecord } from "../record.ts";
import type { ClaimedEnd, StoredCallback, StoredToken } from "../store.ts";

/** The columns of a live session, with its values. */
export interface LiveRow {
  readonly id: number;
  readonly uid: string;
  readonly tokens: string;
  readonly generation: number;
  readonly loginGeneration: number;
  readonly isRenewalDue: number;
  readonly isRemembered: number;
  readonly authenticatedAt: number | null;
  readonly isSecure: number;
  readonly principal: string | null;
  readonly sessionTimeout: number;
  readonly absoluteTimeout: number;
  readonly callbacks: string | null;
  readonly createdAt: number;
  readonly touchedAt: number;
  readonly touchedBefore: number;
  readonly deadline: number;
  readonly version: number;
  readonly description: string | null;
  readonly reason: string | null;
  /** Keys and values in turn; null without values. */
  readonly pairs: string | null;
}

/** A whole row, with the values of the session. */
export interface Row extends LiveRow {
  readonly at: number | null;
  readonly attempt: number | null;
  readonly why: string | null;
  readonly areListenersDone: number;
  readonly failingSince: number | null;
  readonly due: number;
  readonly leasedAt: number | null;
  readonly leaseSteadyAt: number | null;
  readonly freeAt: number | null;
}

/** The columns that change while a session lives. */
export type Columns = Record<string, string | number | null>;

/** Returns whether a session is over at a time. */
export function isOver(row: LiveRow, now: number): boolean {
  return row.reason !== null || row.deadline <= now;
}

/** Returns the record in a row. */
export function recordOf(row: LiveRow): SessionRecord {
  return {
    uid: row.uid,
    tokens: decodeTokens(row.tokens),
    generation: row.generation,
    loginGeneration: row.loginGeneration,
    isRenewalDue: row.isRenewalDue === 1,
    isRemembered: row.isRemembered === 1,
    authenticatedAt: row.authenticatedAt ?? undefined,
    isSecure: row.isSecure === 1,
    principal: row.principal === null
      ? undefined
      : JSON.parse(row.principal) as string,
    sessionTimeout: row.sessionTimeout,
    absoluteTimeout: row.absoluteTimeout,
    values: decodePairs(row.pairs),
    callbacks: row.callbacks === null ? [] : decodeCallbacks(row.callbacks),
    createdAt: row.createdAt,
    touchedAt: row.touchedAt,
    touchedBefore: row.touchedBefore,
    deadline: row.deadline,
    version: row.version,
    ...row.description === null
      ? {}
      : { description: JSON.parse(row.description) as string },
  };
}

/** Returns the parts of a record that change while the session lives. */
export function columnsOf(record: SessionRecord): Columns {
  const { principal, callbacks, description } = record;
  return {
    tokens: encodeTokens(record.tokens),
    generation: record.generation,
    loginGeneration: record.loginGeneration,
    isRenewalDue: record.isRenewalDue ? 1 : 0,
    isRemembered: record.isRemembered ? 1 : 0,
    authenticatedAt: record.authenticatedAt ?? null,
    principal: principal === undefined ? null : JSON.stringify(principal),
    sessionTimeout: record.sessionTimeout,
    absoluteTimeout: record.absoluteTimeout,
    callbacks: encodeCallbacks(callbacks),
    description: description === undefined ? null : JSON.stringify(description),
    touchedAt: record.touchedAt,
    touchedBefore: record.touchedBefore,
    deadline: record.deadline,
    version: record.version,
  };
}

/** Returns the end in a row: a dead letter, or claimed except for its fence. */
export function endOf(row: Row, now: number): Omit<ClaimedEnd, "fence"> {
  return {
    session: { ...recordOf(row), now },
    reason: JSON.parse(row.reason!) as string,
    at: row.at!,
    attempt: row.attempt!,
    ...row.areListenersDone === 0 ? {} : { areListenersDone: true },
    ...row.failingSince === null ? {} : { failingSince: row.failingSince },
  };
}

/** Returns callbacks as the database keeps them. */
export function encodeCallbacks(
  callbacks: readonly StoredCallback[],
): string | null {
  return callbacks.length === 0 ? null : JSON.stringify(callbacks);
}

/** JSON writes Infinity as null. */
function encodeTokens(tokens: readonly StoredToken[]): string {
  return JSON.stringify(
    tokens.map(({ hash, generation, until }) => [hash, generation, until]),
  );
}

function decodeTokens(text: string): StoredToken[] {
  const list = JSON.parse(text) as [string, number, number | null][];
  return list.map(([hash, generation, until]) => ({
    hash,
    generation,
    until: until ?? Infinity,
  }));
}

/** Callbacks of version 0.1.0 have no id. */
function decodeCallbacks(text: string): StoredCallback[] {
  const list = JSON.parse(text) as Partial<StoredCallback>[];
  return list.map(({ id = "", name = "", argument = "" }) => ({
    id,
    name,
    argument,
  }));
}

function decodePairs(pairs: string | null): Map<string, string> {
  const values = new Map<string, string>();
  if (pairs === null) return values;
  const list = JSON.parse(pairs) as string[];
  for (let i = 0; i < list.length; i += 2) values.set(list[i]!, list[i + 1]!);
  return values;
}
