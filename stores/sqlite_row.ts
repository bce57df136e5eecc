import type { SessionRecord } from "./record.ts";
import type { ClaimedEnd, OldSecret, StoredCallback } from "./store.ts";

/** A row of the table of sessions. */
export interface Row {
  readonly id: number;
  readonly uid: string;
  readonly secretHash: string;
  readonly oldSecrets: string | null;
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
  readonly reason: string | null;
  readonly at: number | null;
  readonly attempt: number | null;
  readonly why: string | null;
  /** Keys and values in turn; null if there are none. */
  readonly kept: string | null;
}

/** Selects whole rows, in the order of {@linkcode Row}. */
export const SELECT = `
  SELECT *, (
    SELECT '[' || group_concat(key || ',' || value, ',') || ']'
    FROM kept WHERE session = session.id
  ) AS kept FROM session`;

/** Selects rows without what is kept in the sessions. */
export const SELECT_FACTS = "SELECT *, NULL AS kept FROM session";

/** The columns that a commit may change; the first of them a touch does. */
export type Columns = ReturnType<typeof columnsOf>;

/** Whether a session is over at a time. */
export function isOver(row: Row, now: number): boolean {
  return row.reason !== null || row.deadline <= now;
}

/** The record that a row holds. */
export function recordOf(row: Row): SessionRecord {
  return {
    uid: row.uid,
    secretHash: row.secretHash,
    oldSecrets: row.oldSecrets === null
      ? []
      : JSON.parse(row.oldSecrets) as OldSecret[],
    isSecure: row.isSecure === 1,
    principal: row.principal === null
      ? undefined
      : JSON.parse(row.principal) as string,
    sessionTimeout: row.sessionTimeout,
    absoluteTimeout: row.absoluteTimeout,
    values: valuesOf(row.kept),
    callbacks: row.callbacks === null ? [] : callbacksIn(row.callbacks),
    createdAt: row.createdAt,
    touchedAt: row.touchedAt,
    touchedBefore: row.touchedBefore,
    deadline: row.deadline,
    version: row.version,
  };
}

/** What of a record is kept in columns that may change while it lives. */
export function columnsOf(record: SessionRecord): {
  secretHash: string;
  oldSecrets: string | null;
  principal: string | null;
  sessionTimeout: number;
  absoluteTimeout: number;
  callbacks: string | null;
  touchedAt: number;
  touchedBefore: number;
  deadline: number;
  version: number;
} {
  const { principal } = record;
  return {
    secretHash: record.secretHash,
    oldSecrets: listOf(record.oldSecrets),
    principal: principal === undefined ? null : JSON.stringify(principal),
    sessionTimeout: record.sessionTimeout,
    absoluteTimeout: record.absoluteTimeout,
    callbacks: listOf(record.callbacks),
    touchedAt: record.touchedAt,
    touchedBefore: record.touchedBefore,
    deadline: record.deadline,
    version: record.version,
  };
}

/** An end that has been put aside, or claimed but for its fence. */
export function endOf(row: Row, now: number): Omit<ClaimedEnd, "fence"> {
  return {
    session: { ...recordOf(row), now },
    reason: JSON.parse(row.reason!) as string,
    at: row.at!,
    attempt: row.attempt!,
  };
}

function listOf(list: readonly unknown[]): string | null {
  return list.length === 0 ? null : JSON.stringify(list);
}

/** Those that were written before there were ids have none. */
function callbacksIn(text: string): StoredCallback[] {
  const list = JSON.parse(text) as Partial<StoredCallback>[];
  return list.map(({ id = "", name = "", argument = "" }) => ({
    id,
    name,
    argument,
  }));
}

function valuesOf(kept: string | null): Map<string, string> {
  const values = new Map<string, string>();
  if (kept === null) return values;
  const list = JSON.parse(kept) as string[];
  for (let i = 0; i < list.length; i += 2) values.set(list[i]!, list[i + 1]!);
  return values;
}
