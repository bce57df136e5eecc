/**
 * What the database of a store looks like.
 *
 * Texts that may be any string of JavaScript are kept as JSON, since the UTF-8
 * of SQLite has no lone surrogates. Times are REAL, for they may be Infinity;
 * whole ones take six bytes all the same.
 *
 * @module
 */

/** Says that a database is ours: "CRFW". */
export const APPLICATION_ID = 0x43524657;

/**
 * What leads from each version of the schema to the next, the first from an empty
 * file. A program that has gone out is served by what is here: only add.
 *
 * - `due` is when a session can be claimed: at its deadline, or when the lease of
 *   its end runs out; Infinity once it is put aside.
 * - `reason` is null until it ends; `fence` is null while nobody has the end.
 * - `news` is for other processes, which look at what is new in it.
 */
export const MIGRATIONS: readonly string[] = [`
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
`];
