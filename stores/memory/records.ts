import { Multimap } from "../../base/multimap.ts";
import type { LeaseStart } from "../lease_clock.ts";
import { type SessionRecord, uidTakenUntil } from "../record.ts";
import type { ClaimedEnd, StoreCounts } from "../store.ts";
import type { Watchers } from "../watchers.ts";
import { MOVED, NOTHING, TimingWheel } from "../../timing/timing_wheel.ts";

/** A session, and its end once it has ended. */
export interface Entry {
  record: SessionRecord;
  /** The row in the queue: due at the deadline, or when a lease runs out. */
  row: number;
  end: MemoryEnd | undefined;
  /** The lease of a claimed end. */
  lease?: { readonly start: LeaseStart; readonly length: number } | undefined;
}

/** An end, and the state of its delivery. */
export interface MemoryEnd
  extends Pick<ClaimedEnd, "areListenersDone" | "failingSince"> {
  readonly reason: string;
  readonly at: number;
  attempt: number;
  /** Undefined while no node has claimed the end. */
  fence: string | undefined;
  /** Defined once the end is a dead letter. */
  why?: string | undefined;
  areListenersDone?: boolean;
  failingSince?: number | undefined;
}

/** The records of a store: by uid, by principal, and in the order of their deadlines. */
export class MemoryRecords {
  readonly #watchers: Watchers;
  readonly #entries = new Map<string, Entry>();
  readonly #principals = new Multimap<string, string>();
  readonly #taken = new TakenUids();
  readonly #queue: DueQueue<Entry>;

  constructor(watchers: Watchers) {
    this.#watchers = watchers;
    this.#queue = new DueQueue(() => watchers.notifyDueEarlier());
  }

  /** The number of records, ended ones included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Returns all entries, in the order in which they were added. */
  all(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** Returns the entry of a uid, ended or not. */
  get(uid: string): Entry | undefined {
    return this.#entries.get(uid);
  }

  /** Returns the entry of a session that lives. */
  find(uid: string, now: number): Entry | undefined {
    const entry = this.#entries.get(uid);
    if (entry === undefined || entry.end !== undefined) return undefined;
    return now < entry.record.deadline ? entry : undefined;
  }

  /** Returns the records of a principal that have not ended. */
  ofPrincipal(principal: string): SessionRecord[] {
    return this.#principals.get(principal)
      .map((uid) => this.#entries.get(uid)!.record);
  }

  /** As {@linkcode SessionStore.count}. */
  count(now: number): StoreCounts {
    let sessions = 0;
    let ends = 0;
    for (const { record, end } of this.#entries.values()) {
      if (record.tokens.length === 0 || end?.why !== undefined) continue;
      if (end === undefined && now < record.deadline) sessions++;
      else ends++;
    }
    return { sessions, ends };
  }

  /** Returns whether a uid has a record, or had one a short time ago. */
  isTaken(uid: string, now: number): boolean {
    return this.#entries.has(uid) || this.#taken.has(uid, now);
  }

  /** Adds a record, due at its deadline. */
  add(record: SessionRecord, now: number): void {
    const entry: Entry = { record, row: 0, end: undefined };
    this.#entries.set(record.uid, entry);
    this.#index(record);
    entry.row = this.#queue.add(entry, record.deadline, now);
  }

  /** Replaces the record of an entry, and notifies if the version has changed. */
  replace(entry: Entry, record: SessionRecord, now: number): void {
    if (entry.record.principal !== record.principal) {
      this.unindex(entry.record);
      this.#index(record);
    }
    const { uid, version } = record;
    if (version !== entry.record.version) {
      this.#watchers.notifyChange({ uid, version });
    }
    entry.record = record;
    this.#queue.set(entry.row, record.deadline, now);
  }

  /** Removes an entry; its uid is free at once. */
  remove(entry: Entry): void {
    this.#entries.delete(entry.record.uid);
    this.unindex(entry.record);
    this.#queue.remove(entry.row);
  }

  /** Removes an entry; its uid stays taken. */
  retire(entry: Entry, now: number): void {
    this.remove(entry);
    const { uid, deadline } = entry.record;
    this.#taken.add(uid, uidTakenUntil(now, deadline), now);
  }

  /** Removes a record that ends from those of its principal. */
  unindex({ principal, uid }: SessionRecord): void {
    if (principal !== undefined) this.#principals.remove(principal, uid);
  }

  /** Makes an entry due at another time. */
  setDue(entry: Entry, time: number, now: number): void {
    this.#queue.set(entry.row, time, now);
  }

  /** Takes the entries that are due, at most `limit`. */
  takeDue(now: number, limit: number): Iterable<Entry> {
    return this.#queue.takeDue(now, limit);
  }

  /** Puts back an entry that `takeDue` has taken, due at another time. */
  putBack(entry: Entry, time: number, now: number): void {
    this.#queue.put(entry.row, time, now);
  }

  /** Returns the milliseconds until an entry is due, Infinity without one. */
  nextIn(now: number): number {
    return this.#queue.nextIn(now);
  }

  #index({ principal, uid }: SessionRecord): void {
    if (principal !== undefined) this.#principals.add(principal, uid);
  }
}

/** The number of uids from which free ones are searched and removed. */
const FIRST_SWEEP = 1000;

/** The uids of sessions that were acknowledged, until they are free again. */
export class TakenUids {
  /** When each uid is free again, in UNIX milliseconds. */
  readonly #freeAt = new Map<string, number>();
  #sweepAt = FIRST_SWEEP;

  /** Adds the uid of a session that is acknowledged now. */
  add(uid: string, freeAt: number, now: number): void {
    this.#freeAt.set(uid, freeAt);
    if (this.#freeAt.size >= this.#sweepAt) this.#sweep(now);
  }

  /** Returns whether a uid is taken. */
  has(uid: string, now: number): boolean {
    const freeAt = this.#freeAt.get(uid);
    return freeAt !== undefined && now < freeAt;
  }

  /** Removes the free uids; each costs a constant time on average. */
  #sweep(now: number): void {
    for (const [uid, freeAt] of this.#freeAt) {
      if (now >= freeAt) this.#freeAt.delete(uid);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#freeAt.size);
  }
}

/**
 * Items in the order in which they are due, in UNIX milliseconds, for a store
 * that sets no timer. A row number names an item, as in {@linkcode TimingWheel}.
 */
export class DueQueue<T> {
  readonly #wheel = new TimingWheel<T>();
  readonly #onDueEarlier: () => void;

  /** @param onDueEarlier Called when an item may be due before all others. */
  constructor(onDueEarlier: () => void) {
    this.#onDueEarlier = onDueEarlier;
  }

  /** Adds an item, and returns its row. */
  add(item: T, due: number, now: number): number {
    const row = this.#wheel.add(item, due);
    this.#place(row, now);
    return row;
  }

  /** Changes the time at which an item of the queue is due. */
  set(row: number, due: number, now: number): void {
    if (this.#wheel.setDue(row, due)) this.#place(row, now);
  }

  /** Puts back an item that was taken, or changes the time at which it is due. */
  put(row: number, due: number, now: number): void {
    this.#wheel.setDue(row, due);
    this.#place(row, now);
  }

  /**
   * Takes the items that are due, the earliest first. The caller must `put()` or
   * forget each.
   */
  takeDue(now: number, limit: number): T[] {
    const items: T[] = [];
    this.#wheel.startTurn();
    while (items.length < limit) {
      const row = this.#takeRow(now);
      if (row === undefined) break;
      items.push(this.#wheel.itemAt(row)!);
    }
    return items;
  }

  /** Forgets an item. */
  remove(row: number): void {
    this.#wheel.remove(row);
    if (this.#wheel.size === 0) this.#wheel.clear();
  }

  /** Returns the milliseconds until an item is due, or less. */
  nextIn(now: number): number {
    this.#wheel.startTurn();
    const row = this.#takeRow(now);
    if (row === undefined) return Math.max(0, this.#wheel.nextStep() - now);
    this.#wheel.place(row, now);
    return 0;
  }

  #place(row: number, now: number): void {
    const next = this.#wheel.nextStep();
    if (now < next) this.#wheel.turnTo(now);
    if (this.#wheel.place(row, now) < next) this.#onDueEarlier();
  }

  #takeRow(now: number): number | undefined {
    for (;;) {
      const row = this.#wheel.step(now);
      if (row === NOTHING) return undefined;
      if (row !== MOVED) return row;
    }
  }
}
