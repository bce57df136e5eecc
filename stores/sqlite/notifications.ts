import type { StatementSync } from "node:sqlite";
import type { Clock } from "../../base/clock.ts";
import type { ChangeNotification, EndNotification } from "../store.ts";
import { Watchers } from "../watchers.ts";
import type { SqliteDatabase } from "./database.ts";

/**
 * Milliseconds for which a notification stays. A process that reads later misses
 * it, which is allowed for a hint.
 */
const LIFETIME = 60_000;

/** Options of {@linkcode SqliteNotifications}. */
export interface NotificationsOptions {
  /** The clock of the store. */
  readonly clock: Clock;
  /** Milliseconds between two polls. */
  readonly interval: number;
  /** Returns the time at which the next end is due, in UNIX milliseconds. */
  readonly nextDue: () => number;
}

/**
 * Notifies of ends: this process at once, others through the database.
 *
 * It polls only while there are watchers. A poll costs a microsecond or two, and
 * reads rows only if another connection has written.
 */
export class SqliteNotifications {
  readonly #database: SqliteDatabase;
  readonly #options: NotificationsOptions;
  readonly #watchers = new Watchers();
  /** Identifies this connection, which does not read its own notifications. */
  readonly #source = crypto.randomUUID().slice(0, 8);
  readonly #insert: StatementSync;
  readonly #deleteOld: StatementSync;
  readonly #selectNewest: StatementSync;
  readonly #selectSince: StatementSync;
  #timer: unknown = undefined;
  #dataVersion = 0;
  #lastRead = 0;
  #nextDue = Infinity;

  constructor(database: SqliteDatabase, options: NotificationsOptions) {
    this.#database = database;
    this.#options = options;
    this.#insert = database.prepare(`
      INSERT INTO endNotification (source, uid, reason, at, addedAt)
      VALUES (?, ?, ?, ?, ?)`);
    // Deletes two rows for each new one, so that old rows become fewer.
    this.#deleteOld = database.prepare(`
      DELETE FROM endNotification WHERE addedAt < ? AND number IN (
        SELECT number FROM endNotification ORDER BY number LIMIT 2
      )`);
    this.#selectNewest = database.prepare(
      "SELECT coalesce(max(number), 0) AS number FROM endNotification",
    );
    this.#selectSince = database.prepare(`
      SELECT number, source, uid, reason, at FROM endNotification
      WHERE number > ? ORDER BY number`);
  }

  /** Writes a notification, in the transaction that ends the session. */
  write({ uid, reason, at }: EndNotification, now: number): void {
    this.#insert.run(this.#source, uid, JSON.stringify(reason), at, now);
    this.#deleteOld.run(now - LIFETIME);
  }

  /**
   * Writes the notification of a change, in the transaction that makes it: a row
   * whose reason is null in JSON, with the version in the place of the time.
   */
  writeChange({ uid, version }: ChangeNotification, now: number): void {
    this.#insert.run(this.#source, uid, "null", version, now);
    this.#deleteOld.run(now - LIFETIME);
  }

  /** Notifies this process of a change, after it has been committed. */
  notifyChange(notification: ChangeNotification): void {
    this.#watchers.notifyChange(notification);
  }

  /** Notifies this process of an end, after it has been committed. */
  notifyEnd(notification: EndNotification): void {
    this.#watchers.notifyEnd(notification);
  }

  /** Notifies this process of a time at which an end is due, if it is earlier. */
  notifyDue(due: number): void {
    if (this.#watchers.size === 0 || due >= this.#nextDue) return;
    this.#nextDue = due;
    this.#watchers.notifyDueEarlier();
  }

  /** Sets the time at which the next end is due, as it was read. */
  setNextDue(due: number): void {
    this.#nextDue = due;
  }

  /** As {@linkcode SessionStore.watch}. */
  watch(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): () => void {
    if (this.#watchers.size === 0) this.#start();
    const remove = this.#watchers.add(onEnd, onDueEarlier, onChange);
    return () => {
      remove();
      if (this.#watchers.size === 0) this.stop();
    };
  }

  /** Stops polling. */
  stop(): void {
    if (this.#timer === undefined) return;
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    this.#dataVersion = this.#database.dataVersion;
    this.#lastRead = this.#selectNewest.get()!.number as number;
    this.#nextDue = this.#options.nextDue();
    this.#setTimer();
  }

  #setTimer(): void {
    const { clock, interval } = this.#options;
    this.#timer = clock.setTimeout(() => {
      this.#setTimer();
      try {
        this.#poll();
      } catch {
        // Notifications are hints; the next poll reads what this one did not.
      }
    }, interval);
  }

  #poll(): void {
    const version = this.#database.dataVersion;
    if (version === this.#dataVersion) return;
    for (const row of this.#selectSince.all(this.#lastRead)) {
      const { number, source, uid, reason, at } = row as unknown as
        & EndNotification
        & { number: number; source: string };
      this.#lastRead = number;
      if (source === this.#source) continue;
      if (reason === "null") this.notifyChange({ uid, version: at });
      else this.notifyEnd({ uid, reason: JSON.parse(reason), at });
    }
    this.notifyDue(this.#options.nextDue());
    this.#dataVersion = version;
  }
}
