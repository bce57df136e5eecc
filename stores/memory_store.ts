/**
 * Sessions in the memory of the process, for tests and for several sites in one
 * process.
 *
 * @module
 */

import "../persistence/stored_backend.ts";
import { systemClock } from "../base/clock.ts";
import { fenceAfter } from "../base/ids.ts";
import { checkOptions, having, type OptionRules } from "../base/options.ts";
import type { StoreClock } from "./lease_clock.ts";
import { MemoryEnds } from "./memory/ends.ts";
import { MemoryRecords } from "./memory/records.ts";
import {
  commitRecord,
  createRecord,
  givesWay,
  loadRecord,
  type SessionRecord,
  timesOf,
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
  StoreCounts,
} from "./store.ts";
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

/**
 * A {@linkcode SessionStore} in the memory of the process.
 *
 * It is for several sites in one process that share their sessions, and for tests
 * of sites with a store. A single site needs no store. It is synchronous, sets no
 * timer, and needs no closing.
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
  /**
   * True: no notification is lost. See {@linkcode
   * SessionStore.isNotifyingReliably}.
   */
  readonly isNotifyingReliably: boolean = true;
  readonly #clock: StoreClock;
  readonly #watchers = new Watchers();
  readonly #records = new MemoryRecords(this.#watchers);
  readonly #ends: MemoryEnds;
  #lastFence = 0;

  /**
   * Creates an empty store.
   *
   * @throws {TypeError} If an option is of the wrong kind, or unknown.
   */
  constructor(options: MemoryStoreOptions = {}) {
    checkOptions("create the store", options, RULES);
    const clock = this.#clock = options.clock ?? systemClock;
    this.#ends = new MemoryEnds(this.#records, clock, this.#watchers);
  }

  /** The number of sessions, ended ones included, and of dead letters. */
  get size(): number {
    return this.#records.size;
  }

  /** {@inheritDoc SessionStore.create} */
  create(session: NewSession): SessionTimes | undefined {
    const now = this.#clock.now();
    const { uid } = session;
    if (this.#records.isTaken(uid, now)) return undefined;
    return this.#add(createRecord(session, { now }), now);
  }

  /** {@inheritDoc SessionStore.take} */
  take(session: NewSession, replaces?: number): SessionTimes | undefined {
    const now = this.#clock.now();
    const { uid } = session;
    const former = this.#records.get(uid);
    const isOver = this.#records.find(uid, now) === undefined;
    if (!givesWay(former?.record, isOver, replaces)) return undefined;
    if (former !== undefined) this.#records.remove(former);
    const version = this.#lastFence = fenceAfter(this.#lastFence, now);
    return this.#add({ ...createRecord(session, { now }), version }, now);
  }

  /** {@inheritDoc SessionStore.load} */
  load(uid: string, options: LoadOptions): LoadedSession | undefined {
    const now = this.#clock.now();
    const entry = this.#records.find(uid, now);
    if (entry === undefined) return undefined;
    const touchedBefore = entry.record.touchedAt;
    this.#records.replace(
      entry,
      loadRecord(entry.record, options, { now }),
      now,
    );
    return { ...entry.record, now, touchedBefore };
  }

  /** {@inheritDoc SessionStore.commit} */
  commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): CommitTimes | undefined {
    const now = this.#clock.now();
    const entry = this.#records.find(uid, now);
    if (entry === undefined) return undefined;
    const { record } = entry;
    const after = commitRecord(record, changes, { now, conditions });
    if (after === undefined) {
      return { ...timesOf(record, now), isRefused: true };
    }
    this.#records.replace(entry, after, now);
    return timesOf(after, now);
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

  /** {@inheritDoc SessionStore.nextIn} */
  nextIn(): number {
    return this.#records.nextIn(this.#clock.now());
  }

  /** {@inheritDoc SessionStore.uidsOf} */
  uidsOf(principal: string): string[] {
    const now = this.#clock.now();
    return this.#records.ofPrincipal(principal)
      .filter(({ deadline }) => now < deadline)
      .sort((a, b) => a.createdAt - b.createdAt)
      .map(({ uid }) => uid);
  }

  /** {@inheritDoc SessionStore.count} It examines each record. */
  count(): StoreCounts {
    return this.#records.count(this.#clock.now());
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

  #add(record: SessionRecord, now: number): SessionTimes {
    this.#records.add(record, now);
    return timesOf(record, now);
  }
}
