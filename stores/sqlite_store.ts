/**
 * Sessions in a file of SQLite, shared by the processes of one machine.
 *
 * @module
 */

import type { StatementSync } from "node:sqlite";
import { type Clock, systemClock } from "../internal/clock.ts";
import { describe } from "../internal/describe.ts";
import {
  changed,
  dueReason,
  isOpenedBy,
  newRecord,
  type SessionRecord,
  timesOf,
  touched,
} from "./record.ts";
import { SqliteDatabase } from "./sqlite_database.ts";
import { SqliteNews } from "./sqlite_news.ts";
import {
  columnsOf,
  endOf,
  isOver,
  recordOf,
  type Row,
  SELECT,
  SELECT_FACTS,
} from "./sqlite_row.ts";
import type {
  AsideEnd,
  Claimant,
  ClaimedEnd,
  Claims,
  EndNews,
  LoadedSession,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionStore,
  SessionTimes,
} from "./store.ts";

/** Options of {@linkcode SqliteStore}. */
export interface SqliteStoreOptions {
  /**
   * The file of the database, made if there is none, for its owner only; or
   * ":memory:".
   *
   * SQLite keeps two more beside it, with "-wal" and "-shm" at their ends. It is
   * to be on a disk of the machine: over NFS and its like, locks are not reliable
   * and memory is not shared.
   *
   * A process that has a store open must open these files by `node:sqlite` only,
   * not by `Deno.readFile()` or `Deno.copyFile()`: closing one drops the locks of
   * the whole process (POSIX), and sessions are lost. Make copies by SQLite's
   * `VACUUM INTO`.
   */
  readonly path: string;
  /**
   * Seconds between the touches of a session that are written down, to save
   * writing; all of them if 0.
   *
   * Nobody is cut off early: sessions end that much later instead, those without
   * a touch too. A visitor who keeps coming costs two writes in that time.
   *
   * @default {0}
   */
  readonly touchGranularity?: number;
  /**
   * Seconds to wait for other processes that write; the whole process waits.
   * After that a call throws.
   *
   * @default {5}
   */
  readonly busyTimeout?: number;
  /**
   * Seconds between two looks for what other processes have ended, while
   * somebody watches. A look costs microseconds.
   *
   * @default {0.05}
   */
  readonly pollInterval?: number;
  /**
   * Bytes that the database may grow to. What would need more throws, as when
   * the disk is full.
   *
   * @default {Infinity}
   */
  readonly maxSize?: number;
  /**
   * Where the time comes from: one for all who share the file.
   *
   * @default the clock of the process, looked up at each use
   */
  readonly clock?: Clock;
}

/**
 * Keeps sessions in a file, as {@linkcode SessionStore} says: they outlive the
 * process, and all the processes of one machine share them, workers of
 * `deno serve --parallel` too.
 *
 * It is synchronous. What has been written survives the end of the process,
 * however sudden. A power cut or a crash of the machine may lose what was
 * written in the seconds before, since not every change waits for the disk; the
 * database is whole all the same.
 *
 * Each call that fails throws an Error that says why in words and has SQLite's
 * error as its cause: the database is locked for too long, full, damaged, may
 * not be written. Whatever fails is not done, not even in part.
 *
 * It needs permission to read and write the file at `path`, and no other: SQLite
 * opens those beside it by itself. In `deno.json`, for `deno run -P`:
 * `"permissions": { "default": { "read": ["sessions.db"], "write": ["sessions.db"] } }`.
 *
 * @example Usage
 * ```ts
 * import { SqliteStore } from "@curfew/web/stores/sqlite";
 * import { assertEquals } from "@std/assert";
 *
 * using store = new SqliteStore({ path: ":memory:" });
 * assertEquals(store.load("nobody", { secretHash: "", touch: true }), undefined);
 * assertEquals(store.nextIn(), Infinity);
 * ```
 */
export class SqliteStore implements SessionStore, Disposable {
  readonly #clock: Clock;
  readonly #slack: number;
  readonly #database: SqliteDatabase;
  readonly #news: SqliteNews;
  readonly #statements: Statements;

  /**
   * Opens the database, and brings an older one up to date.
   *
   * @throws {TypeError} If an option is of the wrong kind.
   * @throws {RangeError} If a number is negative, or NaN.
   * @throws {Error} If the file cannot be opened or written, is none of SQLite,
   * of another program, or of a later version of this one.
   */
  constructor(options: SqliteStoreOptions) {
    const { path, clock = systemClock, maxSize = Infinity } = options;
    if (typeof path !== "string" || path === "") {
      throw new TypeError(
        `Cannot open the store: the path is not one: ${describe(path)}`,
      );
    }
    this.#clock = clock;
    this.#slack = millisecondsOf(options, "touchGranularity", 0);
    const busyTimeout = millisecondsOf(options, "busyTimeout", 5);
    const interval = millisecondsOf(options, "pollInterval", 0.05);
    this.#database = new SqliteDatabase(path, { busyTimeout, maxSize });
    this.#statements = prepareStatements(this.#database);
    this.#news = new SqliteNews(this.#database, {
      clock,
      interval,
      nextDue: () => this.#nextDue(),
    });
  }

  /** Keeps a new session: {@linkcode SessionStore.create}. */
  create(session: NewSession): SessionTimes | undefined {
    const times = this.#database.write("keep a session in", () => {
      const now = this.#clock.now();
      const record = newRecord(session, now, this.#slack);
      const { uid, isSecure, createdAt } = record;
      const { changes, lastInsertRowid } = this.#statements.insert.run({
        ...columnsOf(record),
        uid,
        isSecure: isSecure ? 1 : 0,
        createdAt,
      });
      if (changes === 0) return undefined;
      this.#keep(lastInsertRowid, record.values);
      return timesOf(record, now);
    });
    if (times !== undefined) this.#news.tellDue(times.deadline);
    return times;
  }

  /** Loads a session, and may touch it: {@linkcode SessionStore.load}. */
  load(uid: string, options: LoadOptions): LoadedSession | undefined {
    const { secretHash, touch } = options;
    return this.#database.try("load a session from", () => {
      for (;;) {
        const row = this.#statements.select.get(uid) as Row | undefined;
        const now = this.#clock.now();
        if (row === undefined || isOver(row, now)) return undefined;
        const record = recordOf(row);
        const touchedBefore = record.touchedAt;
        if (!touch || !isOpenedBy(record, secretHash, now)) {
          return { ...record, now, touchedBefore };
        }
        const after = touched(record, now, this.#slack);
        if (after === record || this.#touch(row, after)) {
          return { ...after, now, touchedBefore };
        }
        // Somebody has changed it since it was read.
      }
    });
  }

  /** Changes a session: {@linkcode SessionStore.commit}. */
  commit(uid: string, changes: SessionChanges): SessionTimes | undefined {
    const times = this.#database.write("commit a session to", () => {
      const now = this.#clock.now();
      const row = this.#statements.selectFacts.get(uid) as Row | undefined;
      if (row === undefined || isOver(row, now)) return undefined;
      const record = changed(recordOf(row), changes, now, this.#slack);
      this.#statements.update.run({ ...columnsOf(record), id: row.id });
      if (changes.values !== undefined) this.#keep(row.id, changes.values);
      return timesOf(record, now);
    });
    if (times !== undefined) this.#news.tellDue(times.deadline);
    return times;
  }

  /** Ends a session: {@linkcode SessionStore.end}. */
  end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): ClaimedEnd | undefined {
    const end = this.#database.write("end a session in", () => {
      const row = this.#statements.select.get(uid) as Row | undefined;
      const now = this.#clock.now();
      if (row === undefined || isOver(row, now)) return undefined;
      return this.#claim(this.#end(row, reason, now, now), claimant, now);
    });
    if (end !== undefined) this.#tell([end], claimant);
    return end;
  }

  /** Claims ends: {@linkcode SessionStore.claim}. */
  claim(claimant: Claimant, limit: number): Claims {
    const waiting = this.nextIn();
    // Without a lock, while there is nothing to claim.
    if (waiting > 0) return { ends: [], nextIn: waiting };
    const ends = this.#database.write("claim ends in", () => {
      const now = this.#clock.now();
      const rows = this.#statements.selectDue.all(now, limit);
      return (rows as unknown as Row[]).map((row) => {
        const ended = row.reason === null
          ? this.#end(row, dueReason(recordOf(row)), row.deadline, now)
          : row;
        return this.#claim(ended, claimant, now);
      });
    });
    this.#tell(ends, claimant);
    return { ends, nextIn: this.nextIn() };
  }

  /** Renews a lease: {@linkcode SessionStore.renew}. */
  renew(uid: string, fence: string, lease: number): boolean {
    const due = this.#clock.now() + lease;
    return this.#database.try("renew a claim in", () => {
      const isHeld = isOne(this.#statements.renew.run(due, uid, fence));
      if (isHeld) this.#news.tellDue(due);
      return isHeld;
    });
  }

  /** Forgets what has been told: {@linkcode SessionStore.acknowledge}. */
  acknowledge(uid: string, fence: string): boolean {
    return this.#database.try(
      "acknowledge an end in",
      () => isOne(this.#statements.acknowledge.run(uid, fence)),
    );
  }

  /** Leaves an end to others: {@linkcode SessionStore.release}. */
  release(uid: string, fence: string, delay: number): boolean {
    const due = this.#clock.now() + delay;
    return this.#database.try("release a claim in", () => {
      const isHeld = isOne(this.#statements.release.run(due, uid, fence));
      if (isHeld) this.#news.tellDue(due);
      return isHeld;
    });
  }

  /** Gives up on an end: {@linkcode SessionStore.putAside}. */
  putAside(uid: string, fence: string, why: string): boolean {
    const text = JSON.stringify(why);
    return this.#database.try(
      "put an end aside in",
      () => isOne(this.#statements.putAside.run(text, uid, fence)),
    );
  }

  /** Milliseconds until something can be claimed: {@linkcode SessionStore.nextIn}. */
  nextIn(): number {
    const due = this.#database.try("read the store", () => this.#nextDue());
    this.#news.noteNextDue(due);
    return Math.max(0, due - this.#clock.now());
  }

  /** The sessions of a principal: {@linkcode SessionStore.uidsOf}. */
  uidsOf(principal: string): string[] {
    const text = JSON.stringify(principal);
    const rows = this.#database.try(
      "read the store",
      () => this.#statements.uidsOf.all(text, this.#clock.now()),
    );
    return rows.map(({ uid }) => uid as string);
  }

  /**
   * Hears of ends: {@linkcode SessionStore.watch}. Of its own in a microtask, of
   * those of others within the `pollInterval`.
   */
  watch(onEnd: (news: EndNews) => void, onSooner?: () => void): () => void {
    return this.#database.try(
      "watch the store",
      () => this.#news.watch(onEnd, onSooner),
    );
  }

  /**
   * Whether the store can be written: {@linkcode SessionStore.check}.
   *
   * @returns a sentence if it is in memory.
   * @throws {Error} If it cannot.
   */
  check(): readonly string[] {
    this.#database.write("write the store", () => {});
    return this.#database.isInMemory
      ? ["The store of sessions is in memory: they are gone with the process."]
      : [];
  }

  /** The ends that have been put aside, the longest kept first. */
  listAside(): AsideEnd[] {
    const now = this.#clock.now();
    const rows = this.#database.try(
      "read the store",
      () => this.#statements.selectAside.all(),
    );
    return (rows as unknown as Row[]).map((row) => ({
      ...endOf(row, now),
      why: JSON.parse(row.why!) as string,
    }));
  }

  /** Closes the database; again does nothing. All other calls throw from then on. */
  close(): void {
    this.#news.stop();
    this.#database.close();
  }

  /** Closes the database. */
  [Symbol.dispose](): void {
    this.close();
  }

  #nextDue(): number {
    const { due } = this.#statements.nextDue.get()!;
    return due as number | null ?? Infinity;
  }

  /** Writes the touch down, unless somebody else has changed the session. */
  #touch(before: Row, after: SessionRecord): boolean {
    return isOne(this.#statements.touch.run(
      after.touchedAt,
      after.touchedBefore,
      after.deadline,
      after.deadline,
      before.id,
      before.touchedAt,
      before.touchedBefore,
      before.version,
    ));
  }

  #keep(
    id: number | bigint,
    values: ReadonlyMap<string, string | undefined>,
  ): void {
    for (const [key, value] of values) {
      const text = JSON.stringify(key);
      if (value === undefined) this.#statements.drop.run(id, text);
      else this.#statements.keep.run(id, text, JSON.stringify(value));
    }
  }

  /** The row with its end, of which the others hear once it is committed. */
  #end(row: Row, reason: string, at: number, now: number): Row {
    this.#news.write({ uid: row.uid, reason, at }, now);
    return { ...row, reason: JSON.stringify(reason), at, attempt: 0 };
  }

  #claim(row: Row, claimant: Claimant, now: number): ClaimedEnd {
    const fence = crypto.randomUUID();
    const claimed = { ...row, attempt: row.attempt! + 1 };
    const { reason, at, attempt, id } = claimed;
    const due = now + claimant.lease;
    this.#statements.claim.run(reason, at, attempt, fence, due, id);
    return { ...endOf(claimed, now), fence };
  }

  /** Of ends that were told before, everybody has heard. */
  #tell(ends: readonly ClaimedEnd[], { lease }: Claimant): void {
    for (const { session: { uid, now }, reason, at, attempt } of ends) {
      if (attempt === 1) this.#news.tell({ uid, reason, at });
      this.#news.tellDue(now + lease);
    }
  }
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: SqliteDatabase): Record<
  | "insert"
  | "select"
  | "selectFacts"
  | "selectDue"
  | "selectAside"
  | "touch"
  | "update"
  | "keep"
  | "drop"
  | "claim"
  | "renew"
  | "acknowledge"
  | "release"
  | "putAside"
  | "nextDue"
  | "uidsOf",
  StatementSync
> {
  const isHeld = "WHERE uid = ? AND fence = ?";
  return {
    insert: database.prepare(`
      INSERT INTO session (
        uid, secretHash, oldSecrets, isSecure, principal, sessionTimeout,
        absoluteTimeout, callbacks, createdAt, touchedAt, touchedBefore,
        deadline, version, due
      ) VALUES (
        :uid, :secretHash, :oldSecrets, :isSecure, :principal, :sessionTimeout,
        :absoluteTimeout, :callbacks, :createdAt, :touchedAt, :touchedBefore,
        :deadline, :version, :deadline
      ) ON CONFLICT DO NOTHING`),
    select: database.prepare(`${SELECT} WHERE uid = ?`),
    selectFacts: database.prepare(`${SELECT_FACTS} WHERE uid = ?`),
    selectDue: database.prepare(
      `${SELECT} WHERE due <= ? ORDER BY due LIMIT ?`,
    ),
    selectAside: database.prepare(
      `${SELECT} WHERE why IS NOT NULL ORDER BY at, id`,
    ),
    touch: database.prepare(`
      UPDATE session
      SET touchedAt = ?, touchedBefore = ?, deadline = ?, due = ?
      WHERE id = ? AND touchedAt = ? AND touchedBefore = ? AND version = ?
        AND reason IS NULL`),
    update: database.prepare(`
      UPDATE session SET
        secretHash = :secretHash, oldSecrets = :oldSecrets,
        principal = :principal, sessionTimeout = :sessionTimeout,
        absoluteTimeout = :absoluteTimeout, callbacks = :callbacks,
        touchedAt = :touchedAt, touchedBefore = :touchedBefore,
        deadline = :deadline, due = :deadline, version = :version
      WHERE id = :id`),
    keep: database.prepare(`
      INSERT INTO kept (session, key, value) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET value = excluded.value`),
    drop: database.prepare("DELETE FROM kept WHERE session = ? AND key = ?"),
    claim: database.prepare(`
      UPDATE session SET reason = ?, at = ?, attempt = ?, fence = ?, due = ?
      WHERE id = ?`),
    renew: database.prepare(`UPDATE session SET due = ? ${isHeld}`),
    acknowledge: database.prepare(`DELETE FROM session ${isHeld}`),
    release: database.prepare(
      `UPDATE session SET due = ?, fence = NULL ${isHeld}`,
    ),
    putAside: database.prepare(
      `UPDATE session SET due = 9e999, fence = NULL, why = ? ${isHeld}`,
    ),
    nextDue: database.prepare("SELECT min(due) AS due FROM session"),
    uidsOf: database.prepare(`
      SELECT uid FROM session
      WHERE principal = ? AND reason IS NULL AND deadline > ?
      ORDER BY createdAt, id`),
  };
}

function isOne({ changes }: { readonly changes: number | bigint }): boolean {
  return Number(changes) === 1;
}

function millisecondsOf(
  options: SqliteStoreOptions,
  name: "touchGranularity" | "busyTimeout" | "pollInterval",
  otherwise: number,
): number {
  const seconds: unknown = options[name] ?? otherwise;
  if (typeof seconds === "number" && seconds >= 0 && seconds < Infinity) {
    return Math.round(seconds * 1000);
  }
  const message =
    `Cannot open the store: ${name} is not a number of seconds, 0 or more: ${
      describe(seconds)
    }`;
  throw typeof seconds === "number"
    ? new RangeError(message)
    : new TypeError(message);
}
