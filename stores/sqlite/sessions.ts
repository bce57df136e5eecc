import type { Clock } from "../../base/clock.ts";
import { fenceAfter } from "../../base/ids.ts";
import {
  commitRecord,
  createRecord,
  givesWay,
  isMoreThanTimes,
  loadRecord,
  type SessionRecord,
  timesOf,
} from "../record.ts";
import type {
  CommitConditions,
  CommitTimes,
  LoadedSession,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionTimes,
} from "../store.ts";
import type { SqliteDatabase } from "./database.ts";
import type { SqliteNotifications } from "./notifications.ts";
import { columnsOf, isOver, type LiveRow, recordOf } from "./row.ts";
import { isOne, type Statements } from "./statements.ts";

/** Parts of a store that its sessions need. */
export interface SessionsParts {
  readonly clock: Clock;
  readonly statements: Statements;
  /** Milliseconds between touches that are written. */
  readonly touchThrottle: number;
  /** Notifies of changes and of earlier deadlines. */
  readonly notifications: SqliteNotifications;
}

/** The sessions of a database that have not ended. */
export class SqliteSessions {
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #touchThrottle: number;
  readonly #statements: Statements;
  readonly #notifications: SqliteNotifications;

  constructor(database: SqliteDatabase, parts: SessionsParts) {
    this.#database = database;
    this.#clock = parts.clock;
    this.#touchThrottle = parts.touchThrottle;
    this.#statements = parts.statements;
    this.#notifications = parts.notifications;
  }

  /** As {@linkcode SessionStore.create}. */
  create(session: NewSession): SessionTimes | undefined {
    const times = this.#database.write("create a session in", () => {
      const now = this.#clock.now();
      return this.#insert(createRecord(session, this.#optionsAt(now)), now);
    });
    if (times !== undefined) this.#notifications.notifyDue(times.deadline);
    return times;
  }

  /** As {@linkcode SessionStore.take}. */
  take(session: NewSession, replaces?: number): SessionTimes | undefined {
    const times = this.#database.write("take a hold in", () => {
      const { uid } = session;
      const row = this.#statements.selectFacts.get(uid) as LiveRow | undefined;
      const now = this.#clock.now();
      const record = row && recordOf(row);
      const hasEnded = row === undefined || isOver(row, now);
      if (!givesWay(record, hasEnded, replaces)) return undefined;
      if (row !== undefined) this.#statements.deleteHold.run(row.id);
      const { number } = this.#statements.nextFence.get(fenceAfter(0, now))!;
      const version = Number(number);
      const hold = createRecord(session, this.#optionsAt(now));
      return this.#insert({ ...hold, version }, now);
    });
    if (times !== undefined) this.#notifications.notifyDue(times.deadline);
    return times;
  }

  /** As {@linkcode SessionStore.load}. */
  load(uid: string, options: LoadOptions): LoadedSession | undefined {
    let version: number | undefined;
    const loaded = this.#database.try("load a session from", () => {
      for (;;) {
        const row = this.#statements.selectLive.get(uid) as LiveRow | undefined;
        const now = this.#clock.now();
        if (row === undefined || isOver(row, now)) return undefined;
        const record = recordOf(row);
        const after = loadRecord(record, options, this.#optionsAt(now));
        if (after === record || this.#update(row, after)) {
          if (after.version !== record.version) version = after.version;
          return { ...after, now, touchedBefore: record.touchedAt };
        }
        // Another process has changed the session since it was read.
      }
    });
    if (version !== undefined) {
      this.#notifications.notifyChange({ uid, version });
    }
    return loaded;
  }

  /** As {@linkcode SessionStore.commit}. */
  commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): CommitTimes | undefined {
    const times = this.#database.write(
      "commit a session to",
      (): CommitTimes | undefined => {
        const now = this.#clock.now();
        const row = this.#statements.selectFacts.get(uid) as
          | LiveRow
          | undefined;
        if (row === undefined || isOver(row, now)) return undefined;
        const record = recordOf(row);
        const options = { ...this.#optionsAt(now), conditions };
        const after = commitRecord(record, changes, options);
        if (after === undefined) {
          return { ...timesOf(record, now), isRefused: true };
        }
        // Most writes change values only.
        const { values, ...others } = changes;
        this.#update(row, after, isMoreThanTimes(others));
        if (values !== undefined) this.#setValues(row.id, values);
        return timesOf(after, now);
      },
    );
    if (times === undefined) return undefined;
    this.#notifications.notifyDue(times.deadline);
    if (isMoreThanTimes(changes) && !times.isRefused) {
      this.#notifications.notifyChange({ uid, version: times.version });
    }
    return times;
  }

  #optionsAt(now: number): { now: number; touchThrottle: number } {
    return { now, touchThrottle: this.#touchThrottle };
  }

  /** Writes a new record, unless its uid is taken. */
  #insert(record: SessionRecord, now: number): SessionTimes | undefined {
    const { uid, isSecure, createdAt } = record;
    const { insert, freeUid } = this.#statements;
    const row = {
      ...columnsOf(record),
      uid,
      isSecure: isSecure ? 1 : 0,
      createdAt,
    };
    let inserted = insert.run(row);
    if (!isOne(inserted)) {
      // A row may be left of an acknowledged session whose uid is free again.
      if (!isOne(freeUid.run(uid, now))) return undefined;
      inserted = insert.run(row);
    }
    this.#setValues(inserted.lastInsertRowid, record.values);
    return timesOf(record, now);
  }

  /**
   * Writes a record, unless another process has changed it since it was read.
   *
   * @param hasOtherFacts Whether more than its times, version and values differ.
   */
  #update(
    read: LiveRow,
    after: SessionRecord,
    hasOtherFacts: boolean = after.version !== read.version,
  ): boolean {
    const { touchedAt, touchedBefore, deadline, version } = after;
    const asRead = {
      id: read.id,
      readTouchedAt: read.touchedAt,
      readTouchedBefore: read.touchedBefore,
      readVersion: read.version,
    };
    return isOne(
      hasOtherFacts
        ? this.#statements.update.run({ ...asRead, ...columnsOf(after) })
        : this.#statements.updateTimes.run({
          ...asRead,
          touchedAt,
          touchedBefore,
          deadline,
          version,
        }),
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
