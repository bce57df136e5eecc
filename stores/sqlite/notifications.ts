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

/** Milliseconds for which changes are collected before others are notified. */
const COLLECT_FOR = 10;

/**
 * What happened to a session: its new version, or the reason of its end, as JSON,
 * and the time of the end.
 */
export type Message =
  | readonly [uid: string, version: number, at?: never]
  | readonly [uid: string, reason: string, at: number];

/** Options of {@linkcode SqliteNotifications}. */
export interface NotificationsOptions {
  readonly clock: Clock;
  /** Milliseconds between two polls. */
  readonly interval: number;
  /** Returns the time at which the next end is due, in UNIX milliseconds. */
  readonly nextDue: () => number;
}

/**
 * Notifies of ends and changes: this process at once, others through the database.
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
  /** Changes that others are not notified of yet: the last version by uid. */
  readonly #changes = new Map<string, number>();
  #changesTimer: unknown = undefined;
  #timer: unknown = undefined;
  #dataVersion = 0;
  #lastRead = 0;
  #nextDue = Infinity;

  constructor(database: SqliteDatabase, options: NotificationsOptions) {
    this.#database = database;
    this.#options = options;
    this.#insert = database.prepare(`
      INSERT INTO notification (source, messages, addedAt) VALUES (?, ?, ?)`);
    // Deletes two rows for each new one, so that old rows become fewer. The new one
    // stays, so that numbers grow.
    this.#deleteOld = database.prepare(`
      DELETE FROM notification WHERE addedAt < ? AND number IN (
        SELECT number FROM notification ORDER BY number LIMIT 2
      )`);
    this.#selectNewest = database.prepare(
      "SELECT coalesce(max(number), 0) AS number FROM notification",
    );
    this.#selectSince = database.prepare(`
      SELECT number, source, messages FROM notification
      WHERE number > ? ORDER BY number`);
  }

  /** Writes messages, in the transaction that ends the sessions. */
  write(messages: readonly Message[], now: number): void {
    this.#insert.run(this.#source, JSON.stringify(messages), now);
    this.#deleteOld.run(now - LIFETIME);
  }

  /**
   * Notifies of a change, after it has been committed: this process at once, others
   * together with the changes of the next milliseconds. A row for each change, in
   * its transaction, made commits a third slower.
   */
  notifyChange(notification: ChangeNotification): void {
    this.#watchers.notifyChange(notification);
    if (this.#database.isInMemory) return;
    const { uid, version } = notification;
    this.#changes.set(uid, version);
    this.#changesTimer ??= this.#options.clock.setTimeout(
      () => this.#writeChanges(),
      COLLECT_FOR,
    );
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

  /** Writes the remaining notifications, and stops. */
  close(): void {
    this.stop();
    if (this.#changesTimer === undefined) return;
    this.#options.clock.clearTimeout(this.#changesTimer);
    this.#writeChanges();
  }

  /** Stops polling. */
  stop(): void {
    if (this.#timer === undefined) return;
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #writeChanges(): void {
    this.#changesTimer = undefined;
    const { clock } = this.#options;
    try {
      this.#database.write("notify of changes in", () => {
        this.write([...this.#changes], clock.now());
      });
    } catch {
      // Notifications are hints.
    }
    this.#changes.clear();
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
      this.#lastRead = row.number as number;
      if (row.source === this.#source) continue;
      const messages = JSON.parse(row.messages as string) as Message[];
      for (const [uid, what, at] of messages) {
        if (typeof what === "number") {
          this.#watchers.notifyChange({ uid, version: what });
        } else this.notifyEnd({ uid, reason: JSON.parse(what), at: at! });
      }
    }
    this.notifyDue(this.#options.nextDue());
    this.#dataVersion = version;
  }
}
