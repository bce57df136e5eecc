/**
 * Sessions in the memory of the process, for tests and for several sites in one
 * process.
 *
 * @module
 */

import "../persistence/stored_backend.ts";
import { systemClock } from "../base/clock.ts";
import { fenceAfter } from "../base/ids.ts";
import { Multimap } from "../base/multimap.ts";
import { checkOptions, having, type OptionRules } from "../base/options.ts";
import { DueQueue } from "./due_queue.ts";
import {
  LeaseClock,
  type LeaseStart,
  steadyTimeOf,
  type StoreClock,
} from "./lease_clock.ts";
import {
  commitRecord,
  createRecord,
  dueReasonOf,
  givesWay,
  loadRecord,
  type SessionRecord,
  timesOf,
  uidTakenUntil,
} from "./record.ts";
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
import { TakenUids } from "./taken_uids.ts";
import { Watchers } from "./watchers.ts";

/** Options of {@linkcode MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * The clock of the store, in UNIX milliseconds.
   *
   * If it has `monotonic()`, as {@linkcode Clock} may, leases run by that, so
   * that they survive a step of `now()`.
   *
   * @default the clock of the process, looked up at each use
   */
  readonly clock?: { now(): number; monotonic?(): number };
}

const RULES: OptionRules<MemoryStoreOptions> = {
  clock: having("a clock", "now"),
};

/** A session, and its end once it has ended. */
interface Entry {
  record: SessionRecord;
  /** The row in the queue; due at the deadline, or when a lease runs out. */
  row: number;
  end: End | undefined;
  /** The lease of a claimed end. */
  lease?: { readonly start: LeaseStart; readonly length: number } | undefined;
}

interface End extends Pick<ClaimedEnd, "areListenersDone" | "failingSince"> {
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

/**
 * A {@linkcode SessionStore} in memory, which ends with the process.
 *
 * It is for several sites in one process that share their sessions, for tests of
 * sites with a store, and an example of a store; a single site needs none. It is
 * synchronous, sets no timer, and needs no closing.
 *
 * @example Usage
 * ```ts
 * import { MemoryStore } from "@curfew/web/stores/memory";
 * import { assertEquals } from "@std/assert";
 *
 * const store = new MemoryStore();
 * const options = { tokenHash: "", touch: true, grace: 0 };
 * assertEquals(store.load("no such session", options), undefined);
 * assertEquals(store.nextIn(), Infinity);
 * ```
 */
export class MemoryStore implements SessionStore {
  /** {@inheritDoc SessionStore.isNotifyingReliably} True here. */
  readonly isNotifyingReliably: boolean = true;
  readonly #clock: StoreClock;
  readonly #leaseClock: LeaseClock;
  readonly #entries = new Map<string, Entry>();
  readonly #principals = new Multimap<string, string>();
  readonly #taken = new TakenUids();
  readonly #watchers = new Watchers();
  readonly #queue = new DueQueue<Entry>(() =>
    this.#watchers.notifyDueEarlier()
  );
  #claims = 0;
  #lastFence = 0;

  /**
   * Creates an empty store.
   *
   * @throws {TypeError} If an option is of the wrong kind, or unknown.
   */
  constructor(options: MemoryStoreOptions = {}) {
    checkOptions("create the store", options, RULES);
    const clock = this.#clock = options.clock ?? systemClock;
    this.#leaseClock = new LeaseClock(clock, steadyTimeOf(clock));
  }

  /** The number of sessions, of those that have ended, and of dead letters. */
  get size(): number {
    return this.#entries.size;
  }

  /** {@inheritDoc SessionStore.create} */
  create(session: NewSession): SessionTimes | undefined {
    const now = this.#clock.now();
    const { uid } = session;
    if (this.#entries.has(uid) || this.#taken.has(uid, now)) return undefined;
    return this.#add(createRecord(session, { now }), now);
  }

  /** {@inheritDoc SessionStore.take} */
  take(session: NewSession, replaces?: number): SessionTimes | undefined {
    const now = this.#clock.now();
    const { uid } = session;
    const former = this.#entries.get(uid);
    const isOver = this.#find(uid, now) === undefined;
    if (!givesWay(former?.record, isOver, replaces)) return undefined;
    if (former !== undefined) {
      this.#entries.delete(uid);
      this.#queue.remove(former.row);
    }
    const version = this.#lastFence = fenceAfter(this.#lastFence, now);
    return this.#add({ ...createRecord(session, { now }), version }, now);
  }

  /** {@inheritDoc SessionStore.load} */
  load(uid: string, options: LoadOptions): LoadedSession | undefined {
    const now = this.#clock.now();
    const entry = this.#find(uid, now);
    if (entry === undefined) return undefined;
    const touchedBefore = entry.record.touchedAt;
    this.#replace(entry, loadRecord(entry.record, options, { now }), now);
    return { ...entry.record, now, touchedBefore };
  }

  /** {@inheritDoc SessionStore.commit} */
  commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): CommitTimes | undefined {
    const now = this.#clock.now();
    const entry = this.#find(uid, now);
    if (entry === undefined) return undefined;
    const { record } = entry;
    const after = commitRecord(record, changes, { now, conditions });
    if (after === undefined) {
      return { ...timesOf(record, now), isRefused: true };
    }
    this.#replace(entry, after, now);
    return timesOf(after, now);
  }

  /** {@inheritDoc SessionStore.end} */
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

  /** {@inheritDoc SessionStore.claim} */
  claim(claimant: Claimant, limit: number): Claims {
    const now = this.#clock.now();
    const ends: ClaimedEnd[] = [];
    for (const entry of this.#queue.takeDue(now, limit)) {
      const { record } = entry;
      const left = this.#leaseLeft(entry, now);
      if (left > 0) {
        this.#queue.put(entry.row, now + left, now);
        continue;
      }
      const end = entry.end ??
        this.#end(entry, dueReasonOf(record), record.deadline);
      ends.push(this.#claim(entry, end, claimant, now));
    }
    return { ends, nextIn: this.#queue.nextIn(now) };
  }

  /** {@inheritDoc SessionStore.renew} */
  renew(uid: string, fence: string, lease: number): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    const now = this.#clock.now();
    const start = this.#leaseClock.start(now);
    entry.lease = { start, length: lease };
    this.#queue.set(entry.row, now + lease, now);
    return true;
  }

  /** {@inheritDoc SessionStore.acknowledge} */
  acknowledge(uid: string, fence: string): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    this.#entries.delete(uid);
    const now = this.#clock.now();
    this.#taken.add(uid, uidTakenUntil(now, entry.record.deadline), now);
    this.#queue.remove(entry.row);
    return true;
  }

  /** {@inheritDoc SessionStore.release} */
  release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    const now = this.#clock.now();
    this.#keepProgress(entry, progress, now);
    entry.end!.fence = undefined;
    entry.lease = undefined;
    this.#queue.set(entry.row, now + delay, now);
    return true;
  }

  /** {@inheritDoc SessionStore.deadLetter} */
  deadLetter(
    uid: string,
    fence: string,
    why: string,
    progress?: EndProgress,
  ): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    const now = this.#clock.now();
    this.#keepProgress(entry, progress, now);
    entry.end!.fence = undefined;
    entry.lease = undefined;
    entry.end!.why = why;
    this.#queue.set(entry.row, Infinity, now);
    return true;
  }

  /** {@inheritDoc SessionStore.nextIn} */
  nextIn(): number {
    return this.#queue.nextIn(this.#clock.now());
  }

  /** {@inheritDoc SessionStore.uidsOf} */
  uidsOf(principal: string): string[] {
    const now = this.#clock.now();
    return this.#principals.get(principal)
      .map((uid) => this.#entries.get(uid)!.record)
      .filter(({ deadline }) => now < deadline)
      .sort((a, b) => a.createdAt - b.createdAt)
      .map(({ uid }) => uid);
  }

  /** {@inheritDoc SessionStore.watch} The callbacks run in a microtask. */
  watch(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): () => void {
    return this.#watchers.add(onEnd, onDueEarlier, onChange);
  }

  /** Lists the dead letters, in the order in which their sessions were created. */
  listDeadLetters(): DeadLetter[] {
    const now = this.#clock.now();
    const letters: DeadLetter[] = [];
    for (const { record, end } of this.#entries.values()) {
      if (end?.why === undefined) continue;
      const { fence: _, why, ...facts } = end;
      letters.push({ session: { ...record, now }, ...facts, why });
    }
    return letters;
  }

  /** {@inheritDoc SessionStore.retryDeadLetter} */
  retryDeadLetter(uid: string): boolean {
    const entry = this.#entries.get(uid);
    if (entry?.end?.why === undefined) return false;
    const now = this.#clock.now();
    entry.end.why = entry.end.failingSince = undefined;
    this.#queue.set(entry.row, now, now);
    return true;
  }

  /** {@inheritDoc SessionStore.deleteDeadLetter} */
  deleteDeadLetter(uid: string): boolean {
    const entry = this.#entries.get(uid);
    if (entry?.end?.why === undefined) return false;
    this.#entries.delete(uid);
    this.#queue.remove(entry.row);
    return true;
  }

  #add(record: SessionRecord, now: number): SessionTimes {
    const entry: Entry = { record, row: 0, end: undefined };
    this.#entries.set(record.uid, entry);
    this.#index(record);
    entry.row = this.#queue.add(entry, record.deadline, now);
    return timesOf(record, now);
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
      this.#unindex(entry.record);
      this.#index(record);
    }
    const { uid, version } = record;
    if (version !== entry.record.version) {
      this.#watchers.notifyChange({ uid, version });
    }
    entry.record = record;
    this.#queue.set(entry.row, record.deadline, now);
  }

  /** Ends a session for all nodes. */
  #end(entry: Entry, reason: string, at: number): End {
    this.#unindex(entry.record);
    this.#watchers.notifyEnd({ uid: entry.record.uid, reason, at });
    return entry.end = {
      reason,
      at,
      attempt: 0,
      fence: undefined,
    };
  }

  #claim(
    entry: Entry,
    end: End,
    claimant: Claimant,
    now: number,
  ): ClaimedEnd {
    end.attempt++;
    const fence = end.fence = `${claimant.owner}:${++this.#claims}`;
    entry.lease = {
      start: this.#leaseClock.start(now),
      length: claimant.lease,
    };
    this.#queue.put(entry.row, now + claimant.lease, now);
    return { session: { ...entry.record, now }, ...end, fence };
  }

  #keepProgress(
    entry: Entry,
    progress: EndProgress | undefined,
    now: number,
  ): void {
    if (progress === undefined) return;
    const { areListenersDone, callbacks } = progress;
    entry.record = { ...entry.record, callbacks: [...callbacks] };
    entry.end!.areListenersDone = areListenersDone;
    entry.end!.failingSince ??= now;
  }

  /** Returns the milliseconds that are left of a lease, if the clock has stepped. */
  #leaseLeft({ lease }: Entry, now: number): number {
    if (lease === undefined) return 0;
    const { start, length } = lease;
    return length - this.#leaseClock.passedSince(start, now);
  }

  #index({ principal, uid }: SessionRecord): void {
    if (principal !== undefined) this.#principals.add(principal, uid);
  }

  #unindex({ principal, uid }: SessionRecord): void {
    if (principal !== undefined) this.#principals.remove(principal, uid);
  }
}
