import type { StatementSync } from "node:sqlite";
import { LONGEST_TAKEN, UID_TAKEN_FOR } from "../record.ts";
import type { SqliteDatabase } from "./database.ts";

/** The statements of a store. */
export type Statements = Readonly<
  Record<
    | "insert"
    | "nextFence"
    | "deleteHold"
    | "freeUid"
    | "select"
    | "selectLive"
    | "selectFacts"
    | "selectDue"
    | "selectDeadLetters"
    | "updateTimes"
    | "update"
    | "setValue"
    | "deleteValue"
    | "claim"
    | "postpone"
    | "renew"
    | "acknowledge"
    | "acknowledgeAll"
    | "freeUids"
    | "release"
    | "deadLetter"
    | "keepProgress"
    | "retryDeadLetter"
    | "deleteDeadLetter"
    | "nextDue"
    | "uidsOf"
    | "count",
    StatementSync
  >
>;

/** The columns that a commit writes, in the order of `columnsOf()`. */
const COLUMNS = [
  "tokens",
  "generation",
  "loginGeneration",
  "isRenewalDue",
  "isRemembered",
  "authenticatedAt",
  "principal",
  "sessionTimeout",
  "absoluteTimeout",
  "callbacks",
  "description",
  "touchedAt",
  "touchedBefore",
  "deadline",
  "version",
] as const;

/** The columns that only the creation writes. */
const FIXED_COLUMNS = ["uid", "isSecure", "createdAt"] as const;

const PAIRS = `(
  SELECT '[' || group_concat(key || ',' || value, ',') || ']'
  FROM sessionValue WHERE session = session.id
) AS pairs`;

/** Whole rows; see `Row`. */
const SELECT = `SELECT *, ${PAIRS} FROM session`;

/** The columns of a session that lives; see `LiveRow`. */
const LIVE = ["id", ...FIXED_COLUMNS, ...COLUMNS, "reason"].join();

/** Is true unless another process has changed the session since it was read. */
const IS_AS_READ = `
  id = :id AND touchedAt = :readTouchedAt
  AND touchedBefore = :readTouchedBefore AND version = :readVersion
  AND reason IS NULL`;

/** The rows that are not acknowledged; those of holds; those of ends. */
const [ROWS, HOLDS, ENDS] = [
  "session INDEXED BY sessionByDue WHERE freeAt IS NULL",
  "session INDEXED BY sessionHold WHERE freeAt IS NULL AND tokens = '[]'",
  `session INDEXED BY sessionEnd
    WHERE freeAt IS NULL AND reason IS NOT NULL AND tokens <> '[]'`,
] as const;

/** Counts the sessions that have not ended, by their deadline; ?1 is the time. */
function countOf(relation: "<=" | ">"): string {
  return [ROWS, HOLDS, ENDS]
    .map((rows) => `(SELECT count(*) FROM ${rows} AND due ${relation} ?1)`)
    .join(" - ");
}

const IS_CLAIMED = "uid = ? AND fence = ?";

/** What an acknowledgement, or a deletion, writes, by the rule of `uidTakenUntil()`. */
const ACKNOWLEDGED = `
  freeAt = max(?1, min(deadline, ?1 + ${LONGEST_TAKEN})) + ${UID_TAKEN_FOR},
  due = 9e999, fence = NULL, leasedAt = NULL, tokens = '[]', principal = NULL,
  callbacks = NULL, description = NULL`;

/** Prepares the statements of a store. */
export function prepareStatements(database: SqliteDatabase): Statements {
  const all = [...FIXED_COLUMNS, ...COLUMNS];
  return {
    insert: database.prepare(`
      INSERT INTO session (${all}, due)
      VALUES (${all.map((name) => `:${name}`)}, :deadline)
      ON CONFLICT DO NOTHING`),
    nextFence: database.prepare(`
      INSERT INTO holdFence (id, number) VALUES (1, ?)
      ON CONFLICT DO UPDATE SET number = max(number + 1, excluded.number)
      RETURNING number`),
    freeUid: database.prepare(
      "DELETE FROM session WHERE uid = ? AND freeAt <= ?",
    ),
    deleteHold: database.prepare("DELETE FROM session WHERE id = ?"),
    select: database.prepare(`${SELECT} WHERE uid = ?`),
    selectLive: database.prepare(
      `SELECT ${LIVE}, ${PAIRS} FROM session WHERE uid = ?`,
    ),
    selectFacts: database.prepare(
      `SELECT ${LIVE}, NULL AS pairs FROM session WHERE uid = ?`,
    ),
    selectDue: database.prepare(
      `${SELECT} WHERE due <= ? AND freeAt IS NULL ORDER BY due LIMIT ?`,
    ),
    selectDeadLetters: database.prepare(
      `${SELECT} WHERE why IS NOT NULL ORDER BY at, id`,
    ),
    updateTimes: database.prepare(`
      UPDATE session SET
        touchedAt = :touchedAt, touchedBefore = :touchedBefore,
        deadline = :deadline, due = :deadline, version = :version
      WHERE ${IS_AS_READ}`),
    update: database.prepare(`
      UPDATE session SET
        ${COLUMNS.map((name) => `${name} = :${name}`)}, due = :deadline
      WHERE ${IS_AS_READ}`),
    setValue: database.prepare(`
      INSERT INTO sessionValue (session, key, value) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET value = excluded.value`),
    deleteValue: database.prepare(
      "DELETE FROM sessionValue WHERE session = ? AND key = ?",
    ),
    // A session that has ended keeps its reason and time. One that is due ends at
    // its deadline.
    claim: database.prepare(`
      UPDATE session SET
        reason = coalesce(reason, ?), at = coalesce(at, ?, deadline),
        attempt = coalesce(attempt, 0) + 1, fence = ?,
        due = ?, leasedAt = ?, leaseSteadyAt = ?
      WHERE id IN (SELECT value FROM json_each(?))`),
    postpone: database.prepare(
      "UPDATE session SET due = ?, leasedAt = ? WHERE id = ?",
    ),
    renew: database.prepare(`
      UPDATE session SET due = ?, leasedAt = ?, leaseSteadyAt = ?
      WHERE ${IS_CLAIMED}`),
    acknowledge: database.prepare(
      `UPDATE session SET ${ACKNOWLEDGED} WHERE uid = ?2 AND fence = ?3`,
    ),
    acknowledgeAll: database.prepare(`
      UPDATE session SET ${ACKNOWLEDGED} WHERE id IN (
        SELECT session.id FROM json_each(?2) claim JOIN session
          ON uid = claim.value ->> 0 AND fence = claim.value ->> 1
      ) RETURNING uid`),
    freeUids: database.prepare(`
      DELETE FROM session WHERE id IN (
        SELECT id FROM session WHERE freeAt <= ? ORDER BY freeAt LIMIT ?
      )`),
    release: database.prepare(
      `UPDATE session SET due = ?, fence = NULL, leasedAt = NULL
       WHERE ${IS_CLAIMED}`,
    ),
    deadLetter: database.prepare(`
      UPDATE session SET
        due = 9e999, fence = NULL, leasedAt = NULL, why = ?
      WHERE ${IS_CLAIMED}`),
    keepProgress: database.prepare(`
      UPDATE session SET areListenersDone = ?, callbacks = ?,
        failingSince = coalesce(failingSince, ?)
      WHERE ${IS_CLAIMED}`),
    retryDeadLetter: database.prepare(`
      UPDATE session SET due = ?, why = NULL, failingSince = NULL
      WHERE uid = ? AND why IS NOT NULL`),
    deleteDeadLetter: database.prepare(`
      UPDATE session SET ${ACKNOWLEDGED}, why = NULL
      WHERE uid = ?2 AND why IS NOT NULL`),
    nextDue: database.prepare(
      "SELECT min(due) AS due FROM session WHERE freeAt IS NULL",
    ),
    uidsOf: database.prepare(`
      SELECT uid FROM session
      WHERE principal = ? AND reason IS NULL AND deadline > ?
      ORDER BY createdAt, id`),
    count: database.prepare(`
      SELECT ${countOf(">")} AS sessions,
        ${
      countOf("<=")
    } + (SELECT count(*) FROM ${ENDS} AND why IS NULL) AS ends`),
  };
}

/** Returns whether a statement has changed a row. */
export function isOne(
  { changes }: { readonly changes: number | bigint },
): boolean {
  return Number(changes) === 1;
}
