import type { StatementSync } from "node:sqlite";
import type { Clock } from "../internal/clock.ts";
import type { SqliteDatabase } from "./sqlite_database.ts";
import type { EndNews } from "./store.ts";
import { Watchers } from "./watchers.ts";

/**
 * Milliseconds that news is kept. Who looks later than that has missed it, which
 * costs no more than a hint.
 */
const KEPT_FOR = 60_000;

/** What is needed to hear of the others. */
export interface NewsOptions {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** Milliseconds between two looks. */
  readonly interval: number;
  /** UNIX milliseconds of when something is due. */
  readonly nextDue: () => number;
}

/**
 * News of ends, to this process at once and to others through the database.
 *
 * Only while somebody watches does it look whether others have written anything,
 * which costs a microsecond or two; only if so does it read.
 */
export class SqliteNews {
  readonly #database: SqliteDatabase;
  readonly #options: NewsOptions;
  readonly #watchers = new Watchers();
  /** Names this handle, which has heard its own news already. */
  readonly #source = crypto.randomUUID().slice(0, 8);
  readonly #add: StatementSync;
  readonly #forget: StatementSync;
  readonly #newest: StatementSync;
  readonly #read: StatementSync;
  #timer: unknown = undefined;
  #dataVersion = 0;
  #heard = 0;
  #nextDue = Infinity;

  constructor(database: SqliteDatabase, options: NewsOptions) {
    this.#database = database;
    this.#options = options;
    this.#add = database.prepare(`
      INSERT INTO news (source, uid, reason, at, toldAt)
      VALUES (?, ?, ?, ?, ?)`);
    // Two for each that is added, so that they become fewer.
    this.#forget = database.prepare(`
      DELETE FROM news WHERE toldAt < ? AND number IN (
        SELECT number FROM news ORDER BY number LIMIT 2
      )`);
    this.#newest = database.prepare(
      "SELECT coalesce(max(number), 0) AS number FROM news",
    );
    this.#read = database.prepare(`
      SELECT number, source, uid, reason, at FROM news
      WHERE number > ? ORDER BY number`);
  }

  /** Writes an end down, as a part of what brings it about. */
  write(news: EndNews, now: number): void {
    const reason = JSON.stringify(news.reason);
    this.#add.run(this.#source, news.uid, reason, news.at, now);
    this.#forget.run(now - KEPT_FOR);
  }

  /** Tells of an end that has been written down. */
  tell(news: EndNews): void {
    this.#watchers.tellEnd(news);
  }

  /** Tells that something is due at a time, if it is sooner than what was. */
  tellDue(due: number): void {
    if (this.#watchers.size === 0 || due >= this.#nextDue) return;
    this.#nextDue = due;
    this.#watchers.tellSooner();
  }

  /** What was found to be due next. */
  noteNextDue(due: number): void {
    this.#nextDue = due;
  }

  /** Adds somebody who wants to hear. */
  watch(onEnd: (news: EndNews) => void, onSooner?: () => void): () => void {
    if (this.#watchers.size === 0) this.#begin();
    const remove = this.#watchers.add(onEnd, onSooner);
    return () => {
      remove();
      if (this.#watchers.size === 0) this.stop();
    };
  }

  /** Looks no more. */
  stop(): void {
    if (this.#timer === undefined) return;
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #begin(): void {
    this.#dataVersion = this.#database.dataVersion;
    this.#heard = this.#newest.get()!.number as number;
    this.#nextDue = this.#options.nextDue();
    this.#setTimer();
  }

  #setTimer(): void {
    const { clock, interval } = this.#options;
    this.#timer = clock.setTimeout(() => {
      this.#setTimer();
      try {
        this.#look();
      } catch {
        // A hint that is lost; the next look may find it.
      }
    }, interval);
  }

  #look(): void {
    const version = this.#database.dataVersion;
    if (version === this.#dataVersion) return;
    for (const row of this.#read.all(this.#heard)) {
      const { number, source, uid, reason, at } = row as unknown as
        & EndNews
        & { number: number; source: string };
      this.#heard = number;
      if (source === this.#source) continue;
      this.tell({ uid, reason: JSON.parse(reason), at });
    }
    this.tellDue(this.#options.nextDue());
    this.#dataVersion = version;
  }
}
