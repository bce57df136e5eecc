import { type Clock, systemClock } from "../../base/clock.ts";
import {
  atLeast,
  checkOptions,
  having,
  type OptionRules,
  required,
  SECONDS,
  stringThat,
} from "../../base/options.ts";
import type { DatabaseOptions } from "./database.ts";

/** Options of {@linkcode SqliteStore}. */
export interface SqliteStoreOptions {
  /**
   * The file of the database, made if it is missing, for its owner only; or
   * ":memory:".
   *
   * SQLite keeps two more files beside it, whose names end in "-wal" and "-shm".
   * The file has to be on a disk of the machine: on network file systems such as
   * NFS, locks are not reliable and memory is not shared.
   *
   * A process that has a store open must open these files by `node:sqlite` only,
   * not by `Deno.readFile()` or `Deno.copyFile()`: closing one drops the locks of
   * the whole process (POSIX), and sessions are lost. Make copies by SQLite's
   * `VACUUM INTO`.
   */
  readonly path: string;
  /**
   * Seconds between touches of a session that are written, to save writing; 0
   * writes all.
   *
   * No session ends early: all end later by up to this time, even without a touch.
   * A client that keeps coming costs two writes in that time.
   *
   * @default {0}
   */
  readonly touchThrottle?: number;
  /**
   * Seconds that a call waits for another process that writes. Meanwhile the whole
   * process stands still, including requests that need no session.
   *
   * After that the call throws, and its request is answered 503. For half a second
   * no further call waits. Opening the store waits up to 5 s in any case.
   *
   * @default {0.09}
   */
  readonly busyTimeout?: number;
  /**
   * Seconds between two polls for the ends of other processes, while `watch()` is
   * in use. A poll costs microseconds.
   *
   * @default {0.05}
   */
  readonly pollInterval?: number;
  /**
   * Bytes that the database may grow to. A call that needs more throws, as it
   * does when the disk is full.
   *
   * @default {Infinity}
   */
  readonly maxSize?: number;
  /**
   * The clock of the store: one for all processes that share the file.
   *
   * Deadlines move with a step of the clock. Leases of ends do not, if the clock
   * has `monotonic()`, or if the program may read the machine's uptime, by
   * `--allow-sys=osUptime`. Otherwise a clock that is set forward by more than the
   * `endLease` lets another process deliver an end once more.
   *
   * @default the clock of the process, looked up at each use
   */
  readonly clock?: Clock;
}

const RULES: OptionRules<SqliteStoreOptions> = {
  path: required(stringThat("a file name", (value) => value !== "")),
  touchThrottle: SECONDS,
  busyTimeout: SECONDS,
  pollInterval: SECONDS,
  maxSize: atLeast(0),
  clock: having("a clock", "now"),
};

/** The checked options of a store, all times in milliseconds. */
export interface CheckedOptions extends DatabaseOptions {
  readonly path: string;
  readonly touchThrottle: number;
  readonly interval: number;
  readonly clock: Clock;
}

/**
 * Checks the options of a store, and returns them with their defaults.
 *
 * @throws {TypeError} If an option is of the wrong kind, or unknown.
 * @throws {RangeError} If an option is out of range.
 */
export function checkedOptions(options: SqliteStoreOptions): CheckedOptions {
  checkOptions("open the store", options, RULES);
  const { path, maxSize = Infinity, clock = systemClock } = options;
  const { touchThrottle = 0, busyTimeout = 0.09, pollInterval = 0.05 } =
    options;
  return {
    path,
    maxSize,
    clock,
    touchThrottle: Math.round(touchThrottle * 1000),
    busyTimeout: Math.round(busyTimeout * 1000),
    interval: Math.round(pollInterval * 1000),
  };
}
