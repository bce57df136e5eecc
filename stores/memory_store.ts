/**
 * Sessions in the memory of the process, for tests and for several sites in one
 * process.
 *
 * @module
 */

import { systemClock } from "../internal/clock.ts";
import { Principals } from "../internal/principals.ts";
import { MOVED, NOTHING, TimingWheel } from "../internal/timing_wheel.ts";
import {
  changed,
  dueReason,
  isOpenedBy,
  newRecord,
  type SessionRecord,
  timesOf,
  touched,
} from "./record.ts";
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
import { Watchers } from "./watchers.ts";

/** Options of {@linkcode MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Where the store reads its time, in UNIX milliseconds.
   *
   * @default the clock of the process, looked up at each use
   */
  readonly clock?: { now(): number };
}

/** A session and what is to be done about it. */
interface Entry {
  record: SessionRecord;
  /** Its row in the wheel: due when it ends, or when its lease runs out. */
  row: number;
  end: End | undefined;
}

interface End {
  readonly reason: string;
  readonly at: number;
  attempt: number;
  /** Undefined while nobody has it. */
  fence: string | undefined;
  /** Defined once it is put aside. */
  why?: string;
}

/**
 * Keeps sessions in memory, as {@linkcode SessionStore} says: all that is in it
 * is gone with the process.
 *
 * A site on its own needs none, it keeps its live sessions itself. This one is
 * for several sites in one process that share their sessions, for tests of what
 * a site does with a store, and to read how a store works. It is synchronous,
 * sets no timer, and needs no closing.
 *
 * @example Usage
 * ```ts
 * import { MemoryStore } from "@curfew/web/stores/memory";
 * import { assertEquals } from "@std/assert";
 *
 * const store = new MemoryStore();
 * assertEquals(store.load("nobody", { secretHash: "", touch: true }), undefined);
 * assertEquals(store.nextIn(), Infinity);
 * ```
 */
export class MemoryStore implements SessionStore {
  readonly #clock: { now(): number };
  readonly #entries = new Map<string, Entry>();
  readonly #principals = new Principals<string>();
  readonly #wheel = new TimingWheel<Entry>();
  readonly #watchers = new Watchers();
  #claims = 0;

  /**
   * Makes an empty store.
   *
   * @param options See each option.
   */
  constructor(options: MemoryStoreOptions = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  /** How many sessions and ends are kept, those put aside included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Keeps a new session: {@linkcode SessionStore.create}. */
  create(session: NewSession): SessionTimes | undefined {
    if (this.#entries.has(session.uid)) return undefined;
    const now = this.#clock.now();
    const record = newRecord(session, now, 0);
    const entry: Entry = { record, row: 0, end: undefined };
    this.#entries.set(session.uid, entry);
    this.#enter(record);
    entry.row = this.#wheel.add(entry, record.deadline);
    this.#place(entry, now);
    return timesOf(record, now);
  }

  /** Loads a session, and may touch it: {@linkcode SessionStore.load}. */
  load(uid: string, options: LoadOptions): LoadedSession | undefined {
    const now = this.#clock.now();
    const entry = this.#find(uid, now);
    if (entry === undefined) return undefined;
    const touchedBefore = entry.record.touchedAt;
    if (options.touch && isOpenedBy(entry.record, options.secretHash, now)) {
      this.#replace(entry, touched(entry.record, now, 0), now);
    }
    return { ...entry.record, now, touchedBefore };
  }

  /** Changes a session: {@linkcode SessionStore.commit}. */
  commit(uid: string, changes: SessionChanges): SessionTimes | undefined {
    const now = this.#clock.now();
    const entry = this.#find(uid, now);
    if (entry === undefined) return undefined;
    this.#replace(entry, changed(entry.record, changes, now, 0), now);
    return timesOf(entry.record, now);
  }

  /** Ends a session: {@linkcode SessionStore.end}. */
  end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): ClaimedEnd | undefined {
    const now = this.#clock.now();
    const entry = this.#find(uid, now);
    if (entry === undefined) return undefined;
    const end = this.#end(entry, reason, now);
    return this.#claim(entry, end, claimant, now);
  }

  /** Claims ends: {@linkcode SessionStore.claim}. */
  claim(claimant: Claimant, limit: number): Claims {
    const now = this.#clock.now();
    const due: Entry[] = [];
    this.#wheel.startTurn();
    while (due.length < limit) {
      const entry = this.#takeDue(now);
      if (entry === undefined) break;
      due.push(entry);
    }
    const ends = due.map((entry) => {
      const { record } = entry;
      const end = entry.end ??
        this.#end(entry, dueReason(record), record.deadline);
      return this.#claim(entry, end, claimant, now);
    });
    return { ends, nextIn: this.#nextIn(now) };
  }

  /** Renews a lease: {@linkcode SessionStore.renew}. */
  renew(uid: string, fence: string, lease: number): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    const now = this.#clock.now();
    this.#setDue(entry, now + lease, now);
    return true;
  }

  /** Forgets what has been told: {@linkcode SessionStore.acknowledge}. */
  acknowledge(uid: string, fence: string): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    this.#entries.delete(uid);
    this.#wheel.remove(entry.row);
    if (this.#wheel.size === 0) this.#wheel.clear();
    return true;
  }

  /** Leaves an end to others: {@linkcode SessionStore.release}. */
  release(uid: string, fence: string, delay: number): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    const now = this.#clock.now();
    entry.end!.fence = undefined;
    this.#setDue(entry, now + delay, now);
    return true;
  }

  /** Gives up on an end: {@linkcode SessionStore.putAside}. */
  putAside(uid: string, fence: string, why: string): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    entry.end!.fence = undefined;
    entry.end!.why = why;
    this.#setDue(entry, Infinity, this.#clock.now());
    return true;
  }

  /**
   * Milliseconds until something can be claimed, or less:
   * {@linkcode SessionStore.nextIn}.
   */
  nextIn(): number {
    this.#wheel.startTurn();
    return this.#nextIn(this.#clock.now());
  }

  /** The sessions of a principal: {@linkcode SessionStore.uidsOf}. */
  uidsOf(principal: string): string[] {
    const now = this.#clock.now();
    return this.#principals.of(principal)
      .map((uid) => this.#entries.get(uid)!.record)
      .filter(({ deadline }) => now < deadline)
      .sort((a, b) => a.createdAt - b.createdAt)
      .map(({ uid }) => uid);
  }

  /** Hears of ends, in a microtask: {@linkcode SessionStore.watch}. */
  watch(onEnd: (news: EndNews) => void, onSooner?: () => void): () => void {
    return this.#watchers.add(onEnd, onSooner);
  }

  /** The ends that have been put aside, the longest kept first. */
  listAside(): AsideEnd[] {
    const now = this.#clock.now();
    const aside: AsideEnd[] = [];
    for (const { record, end } of this.#entries.values()) {
      if (end?.why === undefined) continue;
      const { reason, at, attempt, why } = end;
      aside.push({ session: { ...record, now }, reason, at, attempt, why });
    }
    return aside;
  }

  #find(uid: string, now: number): Entry | undefined {
    const entry = this.#entries.get(uid);
    if (entry === undefined || entry.end !== undefined) return undefined;
    return now < entry.record.deadline ? entry : undefined;
  }

  #findClaim(uid: string, fence: string): Entry | undefined {
    const entry = this.#entries.get(uid);
    const held = entry?.end?.fence;
    return held !== undefined && held === fence ? entry : undefined;
  }

  #replace(entry: Entry, record: SessionRecord, now: number): void {
    if (entry.record.principal !== record.principal) {
      this.#leave(entry.record);
      this.#enter(record);
    }
    entry.record = record;
    this.#setDue(entry, record.deadline, now);
  }

  /** From here on it is over, for everybody. */
  #end(entry: Entry, reason: string, at: number): End {
    this.#leave(entry.record);
    this.#watchers.tellEnd({ uid: entry.record.uid, reason, at });
    return entry.end = { reason, at, attempt: 0, fence: undefined };
  }

  #claim(
    entry: Entry,
    end: End,
    claimant: Claimant,
    now: number,
  ): ClaimedEnd {
    end.attempt++;
    const fence = end.fence = `${claimant.owner}:${++this.#claims}`;
    // One that was due is in no slot any more, and has to be placed.
    this.#wheel.note(entry.row, now + claimant.lease);
    this.#place(entry, now);
    const { reason, at, attempt } = end;
    return { session: { ...entry.record, now }, reason, at, attempt, fence };
  }

  #enter({ principal, uid }: SessionRecord): void {
    if (principal !== undefined) this.#principals.add(principal, uid);
  }

  #leave({ principal, uid }: SessionRecord): void {
    if (principal !== undefined) this.#principals.remove(principal, uid);
  }

  #setDue(entry: Entry, due: number, now: number): void {
    if (this.#wheel.note(entry.row, due)) this.#place(entry, now);
  }

  #place(entry: Entry, now: number): void {
    const next = this.#wheel.nextStep();
    if (now < next) this.#wheel.turnTo(now);
    if (this.#wheel.place(entry.row, now) < next) this.#watchers.tellSooner();
  }

  /** Takes the next that is due out of its slot; it has to be placed again. */
  #takeDue(now: number): Entry | undefined {
    for (;;) {
      const row = this.#wheel.step(now);
      if (row === NOTHING) return undefined;
      if (row !== MOVED) return this.#wheel.itemAt(row);
    }
  }

  #nextIn(now: number): number {
    const entry = this.#takeDue(now);
    if (entry === undefined) return Math.max(0, this.#wheel.nextStep() - now);
    this.#wheel.place(entry.row, now);
    return 0;
  }
}
