import fs from "node:fs";
import { resolve } from "node:path";
import { markInUse, mayRead } from "../../base/files_in_use.ts";

/**
 * Milliseconds within which a thread that makes the file closes it. Its two calls
 * take microseconds, unless a busy machine stalls the thread between them.
 */
const MAKING = 1000;

/** Milliseconds between two attempts while waiting for that thread. */
const PAUSE = 5;

/**
 * Milliseconds between two checks of the files, which take 10 microseconds. A file
 * that is written over is noticed if it is smaller than at the check before.
 */
const CHECK_EVERY = 10;

/** The identity of the file at a path. */
interface Identity {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/**
 * The files that a connection has open. SQLite does not notice when one of them
 * is deleted or replaced: it goes on with a file that no other process can open.
 */
export class DatabaseFiles {
  /** Marks the files as not in use any more. */
  readonly unmark: () => void;
  readonly #path: string;
  readonly #files: readonly Identity[];
  #nextCheck = 0;
  /** The size of the database file at the last check, in bytes. */
  #size = 0;
  /** Changes when the database is vacuumed, which makes the file smaller. */
  #schemaVersion: number | undefined;
  #problem: string | undefined;

  /** @param path The path of the database; it may be a link. */
  constructor(path: string) {
    const real = fs.realpathSync(path);
    const beside = [`${real}-wal`, `${real}-shm`];
    // The program may change its folder.
    this.#path = mayRead(".") ? resolve(path) : real;
    this.unmark = markInUse([real, ...beside]);
    this.#files = [this.#path, ...beside].filter(mayRead).flatMap((path) => {
      const info = statOf(path);
      return info === undefined ? [] : [{ path, dev: info.dev, ino: info.ino }];
    });
  }

  /**
   * Returns the fault of a file, such as that it was deleted; undefined if there is
   * none. It checks the files at most a hundred times a second.
   *
   * @param readSchemaVersion Reads the `schema_version` of SQLite.
   */
  problem(readSchemaVersion: () => number): string | undefined {
    const now = performance.now();
    if (now < this.#nextCheck) return this.#problem;
    this.#nextCheck = now + CHECK_EVERY;
    return this.#problem = this.#check(readSchemaVersion);
  }

  /** Returns the size of the log in bytes; 0 if it may not be read. */
  logSize(): number {
    const log = this.#files.find(({ path }) => path.endsWith("-wal"));
    return log === undefined ? 0 : statOf(log.path)?.size ?? 0;
  }

  #check(readSchemaVersion: () => number): string | undefined {
    for (const { path, dev, ino } of this.#files) {
      const info = statOf(path);
      if (info === undefined) {
        return `the file "${path}" was deleted: ${REMEDY}`;
      }
      if (info.dev !== dev || info.ino !== ino) {
        return `the file "${path}" was replaced: ${REMEDY}`;
      }
      if (path !== this.#path) continue;
      if (info.size < this.#size && !this.#isVacuumed(readSchemaVersion)) {
        return `another file was written over it: ${REMEDY}`;
      }
      this.#schemaVersion ??= readSchemaVersion();
      this.#size = info.size;
    }
  }

  #isVacuumed(readSchemaVersion: () => number): boolean {
    const before = this.#schemaVersion;
    this.#schemaVersion = readSchemaVersion();
    return this.#schemaVersion !== before;
  }
}

/** Advice for the operators. */
const REMEDY = "put it back, or restart all programs that use it";

/**
 * Makes an empty file that only its owner may read, unless there is a file. SQLite
 * gives the files beside it the same mode.
 *
 * A file that exists is not opened here. POSIX drops all locks that a process has
 * on a file when the process closes any descriptor of it. Without SQLite's locks
 * the next process that closes the database deletes the log that is still written.
 */
export function makeFile(path: string): void {
  try {
    fs.closeSync(fs.openSync(path, "wx", 0o600));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    waitForMaker(path);
  }
}

/** Blocks the thread for so many milliseconds. */
export function pause(milliseconds: number): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(cell, 0, 0, milliseconds);
}

/**
 * Waits while the file is empty: another thread of this process may have made it
 * and not closed it yet. A file that stays empty is used all the same.
 */
function waitForMaker(path: string): void {
  for (let waited = 0; waited < MAKING; waited += PAUSE) {
    const info = fs.statSync(path);
    if (!info.isFile() || info.size > 0) return;
    pause(PAUSE);
  }
}

/** Returns facts of a file; undefined if it is absent. */
function statOf(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Returns the code of an error of the system, `"ENOENT"` for example. */
function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}
