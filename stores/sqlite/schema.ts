/**
 * The schema of the database of a store.
 *
 * Texts that may be any string of JavaScript are JSON, since the UTF-8 of SQLite
 * has no lone surrogates. Times are REAL, for they may be Infinity; whole ones
 * take six bytes all the same.
 *
 * @module
 */

/** Marks a database of this package: "CRFW". */
export const APPLICATION_ID = 0x43524657;

/**
 * The steps from each version of the schema to the next, the first from an empty
 * file. Files of released versions start in between: only add steps.
 *
 * - `due` is when an end can be claimed: at the deadline, or when the lease runs
 *   out; Infinity for a dead letter and for an acknowledged end.
 * - `reason` is null until the session ends; `fence` is null while the end is not
 *   claimed; `why` is the error of a dead letter.
 * - `areListenersDone` and `failingSince` are those of a claimed end.
 * - `callbacks` is JSON: a list of objects with id, name and argument.
 * - `tokens` has [hash, generation, until] of each; null stands for Infinity.
 * - `leasedAt` and `leaseSteadyAt` are when the lease began, by the store's clock
 *   and by steady time; null if no lease holds, or steady time is unknown.
 * - `freeAt` is null until the end is acknowledged; then it is when the uid is free
 *   again, and the row keeps nothing else of the session.
 * - `notification` is for other processes, which read its new rows: `messages` is a
 *   list as JSON, see `SqliteNotifications`.
 * - `holdFence` has one row, with the last fencing number of all holds.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    secretHash TEXT NOT NULL,
    oldSecrets TEXT,
    isSecure INTEGER NOT NULL,
    principal TEXT,
    sessionTimeout REAL NOT NULL,
    absoluteTimeout REAL NOT NULL,
    callbacks TEXT,
    createdAt REAL NOT NULL,
    touchedAt REAL NOT NULL,
    touchedBefore REAL NOT NULL,
    deadline REAL NOT NULL,
    version INTEGER NOT NULL,
    due REAL NOT NULL,
    reason TEXT,
    at REAL,
    attempt INTEGER,
    fence TEXT,
    why TEXT
  ) STRICT;
  CREATE INDEX sessionByDue ON session (due);
  CREATE INDEX sessionByPrincipal ON session (principal)
    WHERE principal IS NOT NULL;
  CREATE TABLE kept (
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (session, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE news (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    uid TEXT NOT NULL,
    reason TEXT NOT NULL,
    at REAL NOT NULL,
    toldAt REAL NOT NULL
  ) STRICT;
`,
  // Format 2 of records. The secret of version 0.1.0 becomes the token of the
  // newest generation, the seven before it become tokens of earlier ones.
  `
  ALTER TABLE session ADD COLUMN tokens TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE session ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE session ADD COLUMN loginGeneration INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE session ADD COLUMN isRenewalDue INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE session ADD COLUMN isRemembered INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE session ADD COLUMN authenticatedAt REAL;
  UPDATE session SET
    generation = json_array_length(coalesce(oldSecrets, '[]')),
    tokens = json_insert((
      SELECT json_group_array(
        json_array(value ->> 'hash', key, value ->> 'until') ORDER BY key
      )
      FROM json_each(coalesce(oldSecrets, '[]'))
      WHERE key >= json_array_length(oldSecrets) - 7
    ), '$[#]', json_array(
      secretHash, json_array_length(coalesce(oldSecrets, '[]')), NULL
    ));
  ALTER TABLE session DROP COLUMN secretHash;
  ALTER TABLE session DROP COLUMN oldSecrets;
  ALTER TABLE kept RENAME TO sessionValue;
  ALTER TABLE news RENAME TO endNotification;
  ALTER TABLE endNotification RENAME COLUMN toldAt TO addedAt;
`,
  `
  CREATE TABLE takenUid (uid TEXT PRIMARY KEY, freeAt REAL NOT NULL) STRICT;
  ALTER TABLE session ADD COLUMN leasedAt REAL;
  ALTER TABLE session ADD COLUMN leaseSteadyAt REAL;
`,
  // An end that is partly delivered, and the description of the client.
  `
  ALTER TABLE session ADD COLUMN areListenersDone INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE session ADD COLUMN failingSince REAL;
  ALTER TABLE session ADD COLUMN description TEXT;
`,
  "CREATE INDEX takenUidByTime ON takenUid (freeAt)",
  "CREATE TABLE holdFence (id INTEGER PRIMARY KEY, number INTEGER NOT NULL) STRICT",
  // The row of an acknowledged session keeps its uid taken, in place of a row of
  // its own, and a notification has several messages.
  `
  ALTER TABLE session ADD COLUMN freeAt REAL;
  CREATE INDEX sessionByFreeAt ON session (freeAt) WHERE freeAt IS NOT NULL;
  DROP INDEX sessionByDue;
  CREATE INDEX sessionByDue ON session (due) WHERE freeAt IS NULL;
  CREATE TRIGGER sessionAcknowledged AFTER UPDATE OF freeAt ON session
  BEGIN
    DELETE FROM sessionValue WHERE session = new.id;
  END;
  INSERT INTO session (
    uid, isSecure, sessionTimeout, absoluteTimeout, createdAt, touchedAt,
    touchedBefore, deadline, version, due, reason, at, attempt, freeAt
  ) SELECT uid, 0, 0, 0, 0, 0, 0, 0, 0, 9e999, '""', 0, 1, freeAt FROM takenUid
    WHERE uid NOT IN (SELECT uid FROM session);
  DROP TABLE takenUid;
  DROP TABLE endNotification;
  CREATE TABLE notification (
    number INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    messages TEXT NOT NULL,
    addedAt REAL NOT NULL
  ) STRICT;
`,
  // For counts, which read no rows. The first index has the holds, the second one
  // the ends of sessions.
  `
  CREATE INDEX sessionHold ON session (due)
    WHERE freeAt IS NULL AND tokens = '[]';
  CREATE INDEX sessionEnd ON session (due, why)
    WHERE freeAt IS NULL AND reason IS NOT NULL AND tokens <> '[]';
`,
];
