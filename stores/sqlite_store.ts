/**
 * Sessions in a file of SQLite, shared by the processes of one machine.
 *
 * @module
 */

import "../persistence/stored_backend.ts";
import type { Clock } from "../base/clock.ts";
import { SqliteDatabase } from "./sqlite/database.ts";
import { SqliteEnds } from "./sqlite/ends.ts";
import { checkedOptions, type SqliteStoreOptions } from "./sqlite/options.ts";
import { SqliteSessions } from "./sqlite/sessions.ts";
import { prepareStatements, type Statements } from "./sqlite/statements.ts";
import type {
  ChangeNotification,
  Claimant,
  ClaimedEnd,
  ClaimKey,
  Claims,
  CommitConditions,
  CommitTimes,
  DeadLetter,
  EndNotification,
  EndProgress,
  LoadedSession,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionStore,
  SessionTimes,
  StoreCounts,
} from "./store.ts";

export type { SqliteStoreOptions };

/** Bytes of the log from which `check()` warns. A healthy log has 16 MB. */
const LARGE_LOG = 64_000_000;

/**
 * A {@linkcode SessionStore} in a file. Its sessions outlive the process, and all
 * processes of one machine share them, workers of `deno serve --parallel` too.
 *
 * It is synchronous. Writes survive a sudden end of the process. A power cut or a
 * crash of the machine may lose the writes of the last seconds, since not every
 * change waits for the disk; the database stays whole.
 *
 * A call that fails throws an Error whose message gives the reason in words, and
 * whose cause is SQLite's error: the database is locked for too long, is full,
 * is damaged, may not be written, or its file was deleted or replaced. A call that
 * fails changes nothing.
 *
 * The file may be one that version 0.1.0 wrote: it is brought up to date when it
 * is opened, and 0.1.0 cannot open it any more.
 *
 * It needs permission to read and write the file at `path`, and no other: SQLite
 * opens those beside it by itself. With `--allow-sys=osUptime`, leases survive a
 * step of the machine's clock. In `deno.json`, for `deno run -P`:
 * `"permissions": { "default": { "read": ["sessions.db"], "write": ["sessions.db"] } }`.
 *
 * @example Usage
 * ```ts
 * import { SqliteStore } from "@curfew/web/stores/sqlite";
 * import { assertEquals } from "@std/assert";
 *
 * using store = new SqliteStore({ path: ":memory:" });
 * const options = { tokenHash: "", touch: true, grace: 0 };
 * assertEquals(store.load("no such session", options), undefined);
 * assertEquals(store.nextIn(), Infinity);
 * ```
 */
export class SqliteStore implements SessionStore, Disposable {
  readonly #clock: Clock;
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  readonly #sessions: SqliteSessions;
  readonly #ends: SqliteEnds;

  /**
   * Opens the database, and brings an older one up to date.
   *
   * @throws {TypeError} If an option is of the wrong kind, or unknown.
   * @throws {RangeError} If an option is out of range.
   * @throws {Error} If the file cannot be opened or written, is not a database of
   * SQLite, or is one of another program or of a later version.
   */
  constructor(options: SqliteStoreOptions) {
    const { path, clock, touchThrottle, interval, ...limits } = checkedOptions(
      options,
    );
    this.#clock = clock;
    const database = this.#database = new SqliteDatabase(path, limits);
    const statements = this.#statements = prepareStatements(database);
    const ends = { clock, statements, interval };
    const { notifications } = this.#ends = new SqliteEnds(database, ends);
    const sessions = { clock, statements, touchThrottle, notifications };
    this.#sessions = new SqliteSessions(database, sessions);
  }

  /** {@inheritDoc SessionStore.create} */
  create(session: NewSession): SessionTimes | undefined {
    return this.#sessions.create(session);
  }

  /** {@inheritDoc SessionStore.take} */
  take(session: NewSession, replaces?: number): SessionTimes | undefined {
    return this.#sessions.take(session, replaces);
  }

  /** {@inheritDoc SessionStore.load} */
  load(uid: string, options: LoadOptions): LoadedSession | undefined {
    return this.#sessions.load(uid, options);
  }

  /** {@inheritDoc SessionStore.commit} */
  commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): CommitTimes | undefined {
    return this.#sessions.commit(uid, changes, conditions);
  }

  /** {@inheritDoc SessionStore.end} */
  end(uid: string, reason: string, claimant: Claimant): ClaimedEnd | undefined {
    return this.#ends.end(uid, reason, claimant);
  }

  /** {@inheritDoc SessionStore.claim} */
  claim(claimant: Claimant, limit: number): Claims {
    return this.#ends.claim(claimant, limit);
  }

  /** {@inheritDoc SessionStore.renew} */
  renew(uid: string, fence: string, lease: number): boolean {
    return this.#ends.renew(uid, fence, lease);
  }

  /** {@inheritDoc SessionStore.acknowledge} */
  acknowledge(uid: string, fence: string): boolean {
    return this.#ends.acknowledge(uid, fence);
  }

  /** {@inheritDoc SessionStore.acknowledgeAll} */
  acknowledgeAll(claims: readonly ClaimKey[]): boolean[] {
    return this.#ends.acknowledgeAll(claims);
  }

  /** {@inheritDoc SessionStore.release} */
  release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): boolean {
    return this.#ends.release(uid, fence, delay, progress);
  }

  /** {@inheritDoc SessionStore.deadLetter} */
  deadLetter(
    uid: string,
    fence: string,
    why: string,
    progress?: EndProgress,
  ): boolean {
    return this.#ends.deadLetter(uid, fence, why, progress);
  }

  /** Lists the dead letters, the earliest end first. */
  listDeadLetters(): DeadLetter[] {
    return this.#ends.listDeadLetters();
  }

  /** {@inheritDoc SessionStore.retryDeadLetter} */
  retryDeadLetter(uid: string): boolean {
    return this.#ends.retryDeadLetter(uid);
  }

  /** {@inheritDoc SessionStore.deleteDeadLetter} */
  deleteDeadLetter(uid: string): boolean {
    return this.#ends.deleteDeadLetter(uid);
  }

  /** {@inheritDoc SessionStore.nextIn} */
  nextIn(): number {
    return this.#ends.nextIn();
  }

  /** {@inheritDoc SessionStore.uidsOf} */
  uidsOf(principal: string): string[] {
    const text = JSON.stringify(principal);
    const rows = this.#database.try(
      "read the store",
      () => this.#statements.uidsOf.all(text, this.#clock.now()),
    );
    return rows.map(({ uid }) => uid as string);
  }

  /** {@inheritDoc SessionStore.count} It reads indexes only. */
  count(): StoreCounts {
    const { sessions, ends } = this.#database.try(
      "read the store",
      () => this.#statements.count.get(this.#clock.now())!,
    );
    return { sessions: sessions as number, ends: ends as number };
  }

  /**
   * {@inheritDoc SessionStore.watch}
   *
   * Ends of this store are notified in a microtask, those of other processes
   * within the `pollInterval`.
   */
  watch(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): () => void {
    return this.#database.try(
      "watch the store",
      () => this.#ends.notifications.watch(onEnd, onDueEarlier, onChange),
    );
  }

  /**
   * {@inheritDoc SessionStore.check}
   *
   * @returns sentences if the database is in memory, or its log has grown beyond
   * 64 MB: another program reads the database all the time.
   * @throws {Error} If the database cannot be written.
   */
  check(): readonly string[] {
    this.#database.write("write the store", () => {});
    if (this.#database.isInMemory) {
      return [
        "The store of sessions is in memory: they are gone with the process.",
      ];
    }
    const { logSize } = this.#database;
    if (logSize <= LARGE_LOG) return [];
    return [
      `The log beside the store of sessions has grown to ${
        Math.round(logSize / 1e6)
      } MB: a program has read the database for long, such as a backup or an open sqlite3; the log becomes small again once it has ended`,
    ];
  }

  /**
   * Closes the database. All other calls throw afterwards; a second call does
   * nothing.
   */
  close(): void {
    this.#ends.close();
    this.#database.close();
  }

  /** Closes the database. */
  [Symbol.dispose](): void {
    this.close();
  }
}
