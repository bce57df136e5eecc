/**
 * Sessions in a file of SQLite, shared by the processes of one machine.
 *
 * @module
 */

import "../persistence/stored_backend.ts";
import type { Clock } from "../base/clock.ts";
import { fenceAfter } from "../base/ids.ts";
import {
  commitRecord,
  createRecord,
  givesWay,
  isMoreThanTimes,
  loadRecord,
  type SessionRecord,
  timesOf,
} from "./record.ts";
import { SqliteDatabase } from "./sqlite/database.ts";
import { SqliteEnds } from "./sqlite/ends.ts";
import { checkedOptions, type SqliteStoreOptions } from "./sqlite/options.ts";
import { columnsOf, isOver, recordOf, type Row } from "./sqlite/row.ts";
import {
  isOne,
  prepareStatements,
  type Statements,
} from "./sqlite/statements.ts";
import type {
  ChangeNotification,
  Claimant,
  ClaimedEnd,
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
} from "./store.ts";

export type { SqliteStoreOptions };

/** Bytes of the log from which `check()` warns; it has 16 MB when all is well. */
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
  readonly #touchThrottle: number;
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
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
    this.#touchThrottle = touchThrottle;
    this.#database = new SqliteDatabase(path, limits);
    const statements = this.#statements = prepareStatements(this.#database);
    const parts = { clock, statements, interval };
    this.#ends = new SqliteEnds(this.#database, parts);
  }

  /** {@inheritDoc SessionStore.create} */
  create(session: NewSession): SessionTimes | undefined {
    const times = this.#database.write("create a session in", () => {
      const now = this.#clock.now();
      return this.#insert(createRecord(session, this.#optionsAt(now)), now);
    });
    if (times !== undefined) this.#ends.notifications.notifyDue(times.deadline);
    return times;
  }

  /** {@inheritDoc SessionStore.take} */
  take(session: NewSession, replaces?: number): SessionTimes | undefined {
    const times = this.#database.write("take a hold in", () => {
      const { uid } = session;
      const row = this.#statements.selectFacts.get(uid) as Row | undefined;
      const now = this.#clock.now();
      const record = row && recordOf(row);
      const hasEnded = row === undefined || isOver(row, now);
      if (!givesWay(record, hasEnded, replaces)) return undefined;
      if (row !== undefined) this.#statements.deleteHold.run(row.id);
      this.#statements.freeUid.run(uid);
      const { number } = this.#statements.nextFence.get(fenceAfter(0, now))!;
      const version = Number(number);
      const hold = createRecord(session, this.#optionsAt(now));
      return this.#insert({ ...hold, version }, now);
    });
    if (times !== undefined) this.#ends.notifications.notifyDue(times.deadline);
    return times;
  }

  /** {@inheritDoc SessionStore.load} */
  load(uid: string, options: LoadOptions): LoadedSession | undefined {
    let changed: SessionTimes | undefined;
    const loaded = this.#database.try("load a session from", () => {
      for (;;) {
        const row = this.#statements.select.get(uid) as Row | undefined;
        const now = this.#clock.now();
        if (row === undefined || isOver(row, now)) return undefined;
        const record = recordOf(row);
        const after = loadRecord(record, options, this.#optionsAt(now));
        if (after === record || this.#update(row, after)) {
          if (after.version !== record.version) changed = timesOf(after, now);
          return { ...after, now, touchedBefore: record.touchedAt };
        }
        // Another process has changed the session since it was read.
      }
    });
    if (changed !== undefined) this.#notifyChange(uid, changed);
    return loaded;
  }

  /** {@inheritDoc SessionStore.commit} */
  commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): CommitTimes | undefined {
    const times = this.#database.write(
      "commit a session to",
      (): CommitTimes | undefined => {
        const now = this.#clock.now();
        const row = this.#statements.selectFacts.get(uid) as Row | undefined;
        if (row === undefined || isOver(row, now)) return undefined;
        const record = recordOf(row);
        const options = { ...this.#optionsAt(now), conditions };
        const after = commitRecord(record, changes, options);
        if (after === undefined) {
          return { ...timesOf(record, now), isRefused: true };
        }
        this.#update(row, after);
        if (changes.values !== undefined) {
          this.#setValues(
            row.id,
            changes.values,
          );
        }
        if (after.version !== record.version) {
          this.#ends.notifications.writeChange(after, now);
        }
        return timesOf(after, now);
      },
    );
    if (times === undefined) return undefined;
    this.#ends.notifications.notifyDue(times.deadline);
    if (isMoreThanTimes(changes) && !times.isRefused) {
      this.#ends.notifications.notifyChange({ uid, version: times.version });
    }
    return times;
  }

  /** {@inheritDoc SessionStore.end} */
  end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): ClaimedEnd | undefined {
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

  /** Closes the database, so that all other calls throw; again does nothing. */
  close(): void {
    this.#ends.notifications.stop();
    this.#database.close();
  }

  /** Closes the database. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Notifies of a token that has taken effect; it is no transaction of its own. */
  #notifyChange(uid: string, { version, now }: SessionTimes): void {
    const { notifications } = this.#ends;
    notifications.notifyChange({ uid, version });
    try {
      notifications.writeChange({ uid, version }, now);
    } catch {
      // Notifications are hints, and the load has succeeded.
    }
  }

  #optionsAt(now: number): { now: number; touchThrottle: number } {
    return { now, touchThrottle: this.#touchThrottle };
  }

  /** Writes a new record, unless its uid is taken. */
  #insert(record: SessionRecord, now: number): SessionTimes | undefined {
    const { uid, isSecure, createdAt } = record;
    const { changes, lastInsertRowid } = this.#statements.insert.run({
      ...columnsOf(record),
      uid,
      isSecure: isSecure ? 1 : 0,
      createdAt,
      now,
    });
    if (changes === 0) return undefined;
    this.#setValues(lastInsertRowid, record.values);
    return timesOf(record, now);
  }

  /** Writes a record, unless another process has changed it since it was read. */
  #update(read: Row, after: SessionRecord): boolean {
    const { touchedAt, touchedBefore, deadline } = after;
    const asRead = {
      id: read.id,
      readTouchedAt: read.touchedAt,
      readTouchedBefore: read.touchedBefore,
      readVersion: read.version,
    };
    const isTouch = after.version === read.version;
    return isOne(
      isTouch
        ? this.#statements.touch.run({
          ...asRead,
          touchedAt,
          touchedBefore,
          deadline,
        })
        : this.#statements.update.run({ ...asRead, ...columnsOf(after) }),
    );
  }

  #setValues(
    id: number | bigint,
    values: ReadonlyMap<string, string | undefined>,
  ): void {
    for (const [key, value] of values) {
      const text = JSON.stringify(key);
      if (value === undefined) this.#statements.deleteValue.run(id, text);
      else this.#statements.setValue.run(id, text, JSON.stringify(value));
    }
  }
}
