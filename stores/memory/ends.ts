import { LeaseClock, steadyTimeOf, type StoreClock } from "../lease_clock.ts";
import { dueReasonOf } from "../record.ts";
import type {
  Claimant,
  ClaimedEnd,
  Claims,
  DeadLetter,
  EndProgress,
} from "../store.ts";
import type { Watchers } from "../watchers.ts";
import type { Entry, MemoryEnd, MemoryRecords } from "./records.ts";

/** The ends of the sessions of a store. */
export class MemoryEnds {
  readonly #records: MemoryRecords;
  readonly #clock: StoreClock;
  readonly #leaseClock: LeaseClock;
  readonly #watchers: Watchers;
  #claims = 0;

  constructor(records: MemoryRecords, clock: StoreClock, watchers: Watchers) {
    this.#records = records;
    this.#clock = clock;
    this.#leaseClock = new LeaseClock(clock, steadyTimeOf(clock));
    this.#watchers = watchers;
  }

  /** As {@linkcode SessionStore.end}. */
  end(uid: string, reason: string, claimant: Claimant): ClaimedEnd | undefined {
    const now = this.#clock.now();
    const entry = this.#records.find(uid, now);
    if (entry === undefined) return undefined;
    const end = this.#end(entry, reason, now);
    return this.#claim(entry, end, claimant, now);
  }

  /** As {@linkcode SessionStore.claim}. */
  claim(claimant: Claimant, limit: number): Claims {
    const now = this.#clock.now();
    const ends: ClaimedEnd[] = [];
    for (const entry of this.#records.takeDue(now, limit)) {
      const { record } = entry;
      const left = this.#leaseLeft(entry, now);
      if (left > 0) {
        // A smaller rest would be lost in the sum: the end would be due at once again.
        this.#records.putBack(entry, now + Math.max(left, 1), now);
        continue;
      }
      const end = entry.end ??
        this.#end(entry, dueReasonOf(record), record.deadline);
      ends.push(this.#claim(entry, end, claimant, now));
    }
    return { ends, nextIn: this.#records.nextIn(now) };
  }

  /** As {@linkcode SessionStore.renew}. */
  renew(uid: string, fence: string, lease: number): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    const now = this.#clock.now();
    const start = this.#leaseClock.start(now);
    entry.lease = { start, length: lease };
    this.#records.setDue(entry, now + lease, now);
    return true;
  }

  /** As {@linkcode SessionStore.acknowledge}. */
  acknowledge(uid: string, fence: string): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    this.#records.retire(entry, this.#clock.now());
    return true;
  }

  /** As {@linkcode SessionStore.release}. */
  release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): boolean {
    return this.#giveBack(uid, fence, progress, (entry, now) => {
      this.#records.setDue(entry, now + delay, now);
    });
  }

  /** As {@linkcode SessionStore.deadLetter}. */
  deadLetter(
    uid: string,
    fence: string,
    why: string,
    progress?: EndProgress,
  ): boolean {
    return this.#giveBack(uid, fence, progress, (entry, now) => {
      entry.end!.why = why;
      this.#records.setDue(entry, Infinity, now);
    });
  }

  /** Lists the dead letters, in the order in which their sessions were created. */
  listDeadLetters(): DeadLetter[] {
    const now = this.#clock.now();
    const letters: DeadLetter[] = [];
    for (const { record, end } of this.#records.all()) {
      if (end?.why === undefined) continue;
      const { fence: _, why, ...facts } = end;
      letters.push({ session: { ...record, now }, ...facts, why });
    }
    return letters;
  }

  /** As {@linkcode SessionStore.retryDeadLetter}. */
  retryDeadLetter(uid: string): boolean {
    const entry = this.#records.get(uid);
    if (entry?.end?.why === undefined) return false;
    const now = this.#clock.now();
    entry.end.why = entry.end.failingSince = undefined;
    this.#records.setDue(entry, now, now);
    return true;
  }

  /** As {@linkcode SessionStore.deleteDeadLetter}. */
  deleteDeadLetter(uid: string): boolean {
    const entry = this.#records.get(uid);
    if (entry?.end?.why === undefined) return false;
    this.#records.retire(entry, this.#clock.now());
    return true;
  }

  #findClaim(uid: string, fence: string): Entry | undefined {
    const entry = this.#records.get(uid);
    const held = entry?.end?.fence;
    return held !== undefined && held === fence ? entry : undefined;
  }

  /** Ends a session for all nodes. */
  #end(entry: Entry, reason: string, at: number): MemoryEnd {
    this.#records.unindex(entry.record);
    this.#watchers.notifyEnd({ uid: entry.record.uid, reason, at });
    return entry.end = { reason, at, attempt: 0, fence: undefined };
  }

  #claim(
    entry: Entry,
    end: MemoryEnd,
    claimant: Claimant,
    now: number,
  ): ClaimedEnd {
    end.attempt++;
    const fence = end.fence = `${claimant.owner}:${++this.#claims}`;
    entry.lease = {
      start: this.#leaseClock.start(now),
      length: claimant.lease,
    };
    this.#records.putBack(entry, now + claimant.lease, now);
    return { session: { ...entry.record, now }, ...end, fence };
  }

  /** Takes an end from its claimant, unless another claim has followed. */
  #giveBack(
    uid: string,
    fence: string,
    progress: EndProgress | undefined,
    place: (entry: Entry, now: number) => void,
  ): boolean {
    const entry = this.#findClaim(uid, fence);
    if (entry === undefined) return false;
    const now = this.#clock.now();
    this.#keepProgress(entry, progress, now);
    entry.end!.fence = undefined;
    entry.lease = undefined;
    place(entry, now);
    return true;
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
}
