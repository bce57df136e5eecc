import { DatabaseSync, type StatementSync } from "node:sqlite";
import { DatabaseFiles, makeFile, pause } from "./files.ts";
import { APPLICATION_ID, MIGRATIONS } from "./schema.ts";

/** Options of {@linkcode SqliteDatabase}. */
export interface DatabaseOptions {
  /** Milliseconds that a call waits for other processes that write. */
  readonly busyTimeout: number;
  /** Bytes that the database may grow to; Infinity for no limit. */
  readonly maxSize: number;
  /**
   * The steps from each version of the schema to the next.
   *
   * @default {MIGRATIONS}
   */
  readonly migrations?: readonly string[];
}

/**
 * Words for the state of the database, by the first byte of SQLite's error code.
 */
const ERRORS: ReadonlyMap<number, string> = new Map([
  [5, "it is locked by others, for longer than the busyTimeout"],
  [6, "a table of it is locked"],
  [8, "it may not be written"],
  [10, "the disk could not be read or written"],
  [11, "it is damaged"],
  [13, "it is full: the disk is, or it has grown to its maxSize"],
  [14, "the file could not be opened"],
  [26, "it is not a database of SQLite"],
]);

const BUSY = 5;

/**
 * Pages of 4 KiB in the log before SQLite copies them into the database. Four times
 * SQLite's default: a touch takes a quarter less time, for 16 MB of disk.
 */
const LOG_PAGES = 4000;

/**
 * Milliseconds that opening waits for a process that makes the tables, or brings
 * them up to date. No request is served yet.
 */
const OPENING = 5000;

/**
 * Milliseconds between two attempts while waiting. SQLite's own pauses grow to
 * 25 ms and more, in which others take the lock again.
 */
const PAUSE = 1;

/**
 * Milliseconds after a wait in vain in which no call waits. Otherwise a process
 * that holds the lock for long would make one call after another wait.
 */
const NO_WAIT = 500;

/** The database file of a store, with its schema up to date. */
export class SqliteDatabase implements Disposable {
  readonly #path: string;
  readonly #connection: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #busyTimeout: number;
  #isClosed = false;
  #files: DatabaseFiles | undefined;
  /** When a call may wait again, in monotonic milliseconds. */
  #mayWaitAt = -Infinity;

  /**
   * Opens a database. A missing file is made, readable for its owner only.
   *
   * @throws {Error} If the file cannot be opened, or belongs to another program.
   */
  constructor(path: string, options: DatabaseOptions) {
    const { busyTimeout, maxSize, migrations = MIGRATIONS } = options;
    this.#path = path;
    this.#busyTimeout = busyTimeout;
    const isFile = path !== ":memory:";
    this.#connection = this.try("open the store", () => {
      if (isFile) makeFile(path);
      return new DatabaseSync(path, { timeout: OPENING });
    });
    try {
      this.try("open the store", () => {
        // No write comes before: the file may belong to another program. It is one
        // transaction, since another process may be making the tables.
        this.#connection.prepare("BEGIN").run();
        this.#checkOwner(migrations.length);
        this.#connection.prepare("COMMIT").run();
        if (isFile) retryWhileBusy(OPENING, () => this.#useLog());
        this.#connection.exec(`
          PRAGMA synchronous = NORMAL;
          PRAGMA foreign_keys = ON;
          PRAGMA wal_autocheckpoint = ${LOG_PAGES};
          PRAGMA journal_size_limit = ${LOG_PAGES * 4096}`);
        if (maxSize !== Infinity) {
          const pages = Math.floor(maxSize / this.#pragma("page_size"));
          this.#connection.exec(`PRAGMA max_page_count = ${pages}`);
        }
      });
      this.#begin = this.#connection.prepare("BEGIN IMMEDIATE");
      this.#commit = this.#connection.prepare("COMMIT");
      if (this.#pragma("user_version") !== migrations.length) {
        this.write("open the store", () => this.#migrate(migrations));
      }
      this.#connection.exec("PRAGMA busy_timeout = 0");
      if (isFile) this.#files = new DatabaseFiles(path);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Whether the database is in memory only. */
  get isInMemory(): boolean {
    return this.#path === ":memory:";
  }

  /** The size of the log in bytes; 0 if it may not be read. */
  get logSize(): number {
    return this.#files?.logSize() ?? 0;
  }

  /** Returns a number that changes when another connection has written. */
  get dataVersion(): number {
    return this.#pragma("data_version");
  }

  /** Prepares a statement. */
  prepare(sql: string): StatementSync {
    return this.#connection.prepare(sql);
  }

  /**
   * Runs work that reads, or that writes by a single statement; repeats it while
   * the database is locked.
   *
   * @param act The work, for the message: "load a session from".
   * @throws {Error} If the work fails; the message gives the reason in words.
   */
  try<T>(act: string, work: () => T): T {
    try {
      this.#checkFiles();
      return this.#whileLocked(work);
    } catch (error) {
      throw this.#explain(act, error);
    }
  }

  /**
   * Runs work that writes in a transaction, while no other connection writes.
   *
   * @param act The work, for the message.
   * @throws {Error} If the work fails; then nothing is changed.
   */
  write<T>(act: string, work: () => T): T {
    try {
      this.#checkFiles();
      this.#whileLocked(() => this.#begin.run());
    } catch (error) {
      throw this.#explain(act, error);
    }
    try {
      const answer = work();
      this.#commit.run();
      this.#mayWaitAt = -Infinity;
      return answer;
    } catch (error) {
      this.#rollBack();
      throw this.#explain(act, error);
    }
  }

  /**
   * Moves the changes in the log to the database file, except those that a reader
   * still needs in the log. SQLite also does so by itself, but only when the log is
   * long, and then it waits long for the disk.
   */
  shortenLog(): void {
    this.#connection.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
  }

  /** Closes the database; a second call does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
    this.#files?.unmark();
  }

  /** Closes the database. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Repeats work while the database is locked, for the busyTimeout at most. */
  #whileLocked<T>(work: () => T): T {
    let latest: number | undefined;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (codeOf(error) !== BUSY) throw error;
        const now = performance.now();
        latest ??= now < this.#mayWaitAt ? now : now + this.#busyTimeout;
        if (now >= latest) {
          this.#mayWaitAt = Math.max(this.#mayWaitAt, latest + NO_WAIT);
          throw error;
        }
        pause(PAUSE);
      }
    }
  }

  /** Throws if the file was deleted or replaced: all writes would be lost. */
  #checkFiles(): void {
    const problem = this.#files?.problem(() => this.#pragma("schema_version"));
    if (problem !== undefined) throw new Error(problem);
  }

  #rollBack(): void {
    try {
      this.#connection.exec("ROLLBACK");
    } catch {
      // SQLite rolls back by itself after some errors, such as a full disk.
    }
  }

  #explain(act: string, error: unknown): Error {
    const path = JSON.stringify(this.#path);
    const code = this.#isClosed ? undefined : codeOf(error);
    const known = code === undefined ? undefined : ERRORS.get(code);
    const state = this.#isClosed
      ? "it is closed"
      : known ?? (error instanceof Error ? error.message : String(error));
    return new Error(`Cannot ${act} ${path}: ${state}`, { cause: error });
  }

  #pragma(name: string): number {
    const row = this.#connection.prepare(`PRAGMA ${name}`).get();
    return Object.values(row!)[0] as number;
  }

  #checkOwner(known: number): void {
    const application = this.#pragma("application_id");
    const version = this.#pragma("user_version");
    const { count } = this.#connection
      .prepare("SELECT count(*) AS count FROM sqlite_schema").get()!;
    if (application === 0 && version === 0 && count === 0) return;
    if (application !== APPLICATION_ID) {
      throw new Error("it is a database of another program");
    }
    if (version > known) {
      throw new Error(
        `it is of version ${version}, and this program reads ${known} at most`,
      );
    }
  }

  /**
   * Sets the mode with a log, in which readers and a writer do not wait for each
   * other. Uses a statement, since the errors of `exec` have no code in Deno.
   */
  #useLog(): void {
    this.#connection.prepare("PRAGMA journal_mode = WAL").get();
  }

  #migrate(migrations: readonly string[]): void {
    // Another process may have changed it since the first check.
    this.#checkOwner(migrations.length);
    const version = this.#pragma("user_version");
    if (version === migrations.length) return;
    for (const sql of migrations.slice(version)) this.#connection.exec(sql);
    this.#connection.exec(
      `PRAGMA application_id = ${APPLICATION_ID};
       PRAGMA user_version = ${migrations.length}`,
    );
  }
}

/** Waits when two connections start a log at once, which SQLite does not. */
function retryWhileBusy(limit: number, work: () => void): void {
  const latest = performance.now() + limit;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (codeOf(error) !== BUSY || performance.now() >= latest) throw error;
      pause(PAUSE);
    }
  }
}

/** Returns the primary code of an error of SQLite, its extension cut off. */
function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" ? errcode & 0xff : undefined;
}
