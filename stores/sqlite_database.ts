import { DatabaseSync, type StatementSync } from "node:sqlite";
import { markInUse } from "../internal/files_in_use.ts";
import { APPLICATION_ID, MIGRATIONS } from "./sqlite_schema.ts";

/** How a database is opened. */
export interface DatabaseOptions {
  /** Milliseconds to wait for other processes that write. */
  readonly busyTimeout: number;
  /** Bytes that the database may grow to; Infinity for what the disk holds. */
  readonly maxSize: number;
  /** What leads from one version of the schema to the next. */
  readonly migrations?: readonly string[];
}

/** What the first byte of SQLite's error codes says of the database. */
const ERRORS: ReadonlyMap<number, string> = new Map([
  [5, "it was locked by others for longer than the busyTimeout"],
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
 * Pages of 4 KiB that the log grows to before they are moved to their places.
 * Four times SQLite's own: a touch took a quarter less time, for 16 MB of disk.
 */
const LOG_PAGES = 4000;

/** Milliseconds between two looks at what is waited for. */
const PAUSE = 5;

/**
 * Milliseconds in which a thread that makes the file has closed it: two calls in
 * a row take microseconds, unless a busy machine stalls the thread between them.
 */
const MAKING = 1000;

/** A database file of ours, with its schema up to date. */
export class SqliteDatabase implements Disposable {
  readonly #path: string;
  readonly #connection: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #isClosed = false;
  #unmark = () => {};

  /**
   * Opens a database; makes it, readable for its owner only, if there is none.
   *
   * @throws {Error} If it cannot be opened, or is not ours.
   */
  constructor(path: string, options: DatabaseOptions) {
    this.#path = path;
    const { busyTimeout, maxSize, migrations = MIGRATIONS } = options;
    const isFile = path !== ":memory:";
    this.#connection = this.try("open the store", () => {
      if (isFile) makeFile(path);
      return new DatabaseSync(path, { timeout: busyTimeout });
    });
    try {
      this.try("open the store", () => {
        // Looked at before anything is written to what may not be ours.
        this.#checkOwner(migrations.length);
        if (isFile) retryWhileBusy(busyTimeout, () => this.#useLog());
        this.#connection.exec(`
          PRAGMA synchronous = NORMAL;
          PRAGMA foreign_keys = ON;
          PRAGMA wal_autocheckpoint = ${LOG_PAGES}`);
        if (maxSize !== Infinity) {
          const pages = Math.floor(maxSize / this.#pragma("page_size"));
          this.#connection.exec(`PRAGMA max_page_count = ${pages}`);
        }
      });
      this.#begin = this.#connection.prepare("BEGIN IMMEDIATE");
      this.#commit = this.#connection.prepare("COMMIT");
      this.write("open the store", () => this.#migrate(migrations));
      if (isFile) this.#unmark = markInUse(filesOf(path));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Whether it is in memory only. */
  get isInMemory(): boolean {
    return this.#path === ":memory:";
  }

  /** Changes by other connections make it another number. */
  get dataVersion(): number {
    return this.#pragma("data_version");
  }

  /** Prepares a statement. */
  prepare(sql: string): StatementSync {
    return this.#connection.prepare(sql);
  }

  /**
   * Does what reads, or what writes by a single statement.
   *
   * @param act What is done, for the message: "load session".
   * @throws {Error} If it fails, saying why in words.
   */
  try<T>(act: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#explain(act, error);
    }
  }

  /**
   * Does what writes, wholly or not at all, and while nobody else does.
   *
   * @param act What is done, for the message.
   * @throws {Error} If it fails; nothing is changed then.
   */
  write<T>(act: string, work: () => T): T {
    try {
      this.#begin.run();
    } catch (error) {
      throw this.#explain(act, error);
    }
    try {
      const answer = work();
      this.#commit.run();
      return answer;
    } catch (error) {
      this.#rollBack();
      throw this.#explain(act, error);
    }
  }

  /** Closes it; again does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
    this.#unmark();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  #rollBack(): void {
    try {
      this.#connection.exec("ROLLBACK");
    } catch {
      // SQLite has done so itself, as it does if the disk is full.
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
        `it is of version ${version}, and this program knows ${known} at most`,
      );
    }
  }

  /**
   * Readers and a writer do not wait for each other then. It is a statement,
   * since the errors of `exec` have no code in Deno.
   */
  #useLog(): void {
    this.#connection.prepare("PRAGMA journal_mode = WAL").get();
  }

  #migrate(migrations: readonly string[]): void {
    // Another process may have been faster.
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

/** Returns the files that SQLite has open; a path may be a link to the first. */
function filesOf(path: string): string[] {
  const file = Deno.realPathSync(path);
  return [file, `${file}-wal`, `${file}-shm`];
}

/**
 * Makes an empty file that only its owner may read, unless there is a file. SQLite
 * gives the files beside it the same mode.
 *
 * A file that exists is not opened here. POSIX drops all locks that a process has
 * on a file when the process closes any descriptor of it. Without SQLite's locks
 * the next process that closes the database deletes the log that is still written.
 */
function makeFile(path: string): void {
  try {
    const options = { write: true, createNew: true, mode: 0o600 };
    Deno.openSync(path, options).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    waitForMaker(path);
  }
}

/**
 * Waits while the file is empty: another thread of this process may have made it
 * and not closed it yet. A file that stays empty is used all the same.
 */
function waitForMaker(path: string): void {
  for (let waited = 0; waited < MAKING; waited += PAUSE) {
    const { isFile, size } = Deno.statSync(path);
    if (!isFile || size > 0) return;
    pause();
  }
}

/** SQLite does not wait by itself where two would begin a log. */
function retryWhileBusy(busyTimeout: number, work: () => void): void {
  const latest = performance.now() + busyTimeout;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (codeOf(error) !== BUSY || performance.now() >= latest) throw error;
      pause();
    }
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
}

/** The code of an error of SQLite, without what it adds for the curious. */
function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" ? errcode & 0xff : undefined;
}
