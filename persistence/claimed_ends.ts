import type { Clock } from "../base/clock.ts";
import { textOfThrown } from "../registry/dead_letters.ts";
import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import { pauseAfter } from "../registry/end_delivery.ts";
import {
  NO_COUNTS,
  type StoredEndCounts,
} from "../registry/session_backend.ts";
import type { SessionEnd } from "../session.ts";
import type { ClaimedEnd } from "../stores/store.ts";
import { Acknowledgements, EndLeases } from "./end_leases.ts";
import { callAll, callsOf, deadLetterError, progressOf } from "./end_calls.ts";
import {
  type ClaimedEndsParts,
  type Delivery,
  DeliveryPauses,
  hasAsManyAs,
  isSameEnd,
  newDelivery,
} from "./deliveries.ts";

/** Tries of a failing callback here, before its end goes back to the store. */
const MAX_TRIES = 5;

/** Milliseconds before another try to write, or to renew a lease. */
const PAUSE = 1000;

/** Milliseconds until others can claim an end that has a callback unknown here. */
const LEFT_FOR = 500;

/**
 * Delivers the ends that this process has claimed, and acknowledges each in the
 * store when all its callbacks have succeeded.
 *
 * A callback is called only while at least half of the lease is left, by the
 * monotonic clock. Only failed callbacks are called again, after pauses that double:
 * the first ones here, later ones by the process that claims the end then. After
 * `endRetryFor` the end becomes a dead letter and is reported. An end whose lease is
 * lost belongs to another process.
 */
export class ClaimedEnds {
  readonly #counts = { ...NO_COUNTS };
  /** Counts of the ends so far. */
  readonly counts: StoredEndCounts = this.#counts;
  readonly #clock: Clock;
  readonly #parts: ClaimedEndsParts;
  readonly #leases: EndLeases<Delivery>;
  readonly #acknowledgements: Acknowledgements;
  readonly #deliveries = new Map<string, Delivery>();
  readonly #pauses: DeliveryPauses;
  /** When an end was last left to other processes, in UNIX milliseconds. */
  #leftAt = -Infinity;
  #isHalted = false;
  /** The releases since the halt; they never reject. */
  readonly #leaving: MaybePromise<void>[] = [];

  constructor(clock: Clock, parts: ClaimedEndsParts) {
    this.#parts = parts;
    this.#clock = clock;
    this.#pauses = new DeliveryPauses(clock);
    this.#acknowledgements = new Acknowledgements(parts.store, parts.breaker);
    this.#leases = new EndLeases(clock, {
      ...parts,
      ends: this.#deliveries,
      onLost: (delivery) => this.#lose(delivery),
      later: (delivery, act) => this.#later(delivery, PAUSE, act),
    });
  }

  /** Milliseconds for which this process leaves claims to other processes. */
  get standBackFor(): number {
    const rest = this.#leftAt + 2 * LEFT_FOR - this.#clock.now();
    // The clock may have been set back since.
    return Math.min(Math.max(0, rest), 2 * LEFT_FOR);
  }

  /** Returns whether `count` ends or more wait here, without slow callbacks. */
  hasAsManyAs(count: number): boolean {
    return hasAsManyAs(this.#deliveries, count, this.#clock.now());
  }

  /** Returns the claim of an end whose delivery has not begun. */
  waitingClaim(uid: string): ClaimedEnd | undefined {
    const delivery = this.#deliveries.get(uid);
    return delivery?.end === undefined ? delivery?.claim : undefined;
  }

  /** Returns whether an end was accepted and its delivery has not begun. */
  isWaiting(uid: string): boolean {
    return this.waitingClaim(uid) !== undefined;
  }

  /** Returns whether a claimed end still waits for its delivery. */
  isWaitingFor(claim: ClaimedEnd): boolean {
    const waiting = this.waitingClaim(claim.session.uid);
    return waiting !== undefined && isSameEnd(waiting, claim);
  }

  /** Makes sure that an end still belongs to this process; see `EndLeases`. */
  confirm(end: SessionEnd): MaybePromise<boolean> {
    const delivery = this.#deliveries.get(end.uid);
    return delivery?.end === end && this.#leases.confirm(delivery);
  }

  /** Returns a promise that resolves when an end is delivered, or dropped. */
  whenDone(uid: string): Promise<void> | undefined {
    return this.#deliveries.get(uid)?.isDone.promise;
  }

  /**
   * Accepts a claimed end, and renews its lease from now on.
   *
   * @param leasedAt When it was requested, in monotonic milliseconds.
   * @returns false if it was accepted before, and its lease had run out.
   */
  accept(claim: ClaimedEnd, leasedAt: number): boolean {
    const { uid } = claim.session;
    const before = this.#deliveries.get(uid);
    if (before !== undefined && isSameEnd(before.claim, claim)) {
      before.claim = claim;
      before.leasedAt = leasedAt;
      return false;
    }
    if (before !== undefined) this.#lose(before);
    this.#counts.claimed++;
    const delivery = newDelivery(claim, leasedAt, this.#clock.now());
    this.#deliveries.set(uid, delivery);
    this.#leases.begin(delivery);
    return true;
  }

  /** Releases an accepted end to other processes, unless its delivery has begun. */
  leave(uid: string): void {
    if (this.isWaiting(uid)) this.#leave(this.#deliveries.get(uid)!);
  }

  /** Drops an accepted end unless its delivery has begun; its lease runs out. */
  lapse(uid: string): void {
    if (this.isWaiting(uid)) this.#lose(this.#deliveries.get(uid)!);
  }

  /** Delivers an accepted end. */
  deliver(end: SessionEnd): void {
    const delivery = this.#deliveries.get(end.uid);
    if (delivery === undefined || delivery.end !== undefined) return;
    const calls = callsOf(end, delivery.claim, this.#parts.callbacks);
    if (calls instanceof Error) {
      this.#parts.report(calls, end);
      this.#leftAt = this.#clock.now();
      return void this.#leave(delivery, LEFT_FOR);
    }
    delivery.end = end;
    delivery.calls = calls;
    this.#try(delivery, end);
  }

  /** Releases the ends that wait for another try. Running callbacks finish. */
  halt(): void {
    this.#isHalted = true;
    for (const delivery of this.#pauses.stop()) this.#leave(delivery);
  }

  /** Releases all ends that are left to other processes, without a delay. */
  async stop(): Promise<void> {
    this.halt();
    this.#leases.rest();
    for (const one of [...this.#deliveries.values()]) this.#leave(one);
    await Promise.all(this.#leaving);
  }

  /** Releases a claimed end that this process does not deliver. */
  decline(claim: ClaimedEnd): MaybePromise<void> {
    return this.#leases.release(claim);
  }

  #leave(delivery: Delivery, delay = 0): void {
    this.#lose(delivery);
    const { claim, failingSince, calls, end, finish } = delivery;
    const hasFailed = end !== undefined && failingSince !== undefined;
    const progress = hasFailed ? progressOf(calls) : undefined;
    // Other processes must not make the calls again that have been made here.
    const leaving = finish === undefined
      ? this.#leases.release(claim, delay, progress, this.#isHalted)
      : this.#leases.conclude(claim, finish);
    if (this.#isHalted) this.#leaving.push(leaving);
  }

  #lose(delivery: Delivery): void {
    if (!this.#isMine(delivery)) return;
    this.#counts.left++;
    this.#drop(delivery);
  }

  #try(delivery: Delivery, end: SessionEnd): void {
    delivery.tries++;
    delivery.triedAt = this.#clock.now();
    callAll(delivery.calls, {
      isSure: () => this.#leases.secure(delivery),
      turns: this.#parts.turns,
      onPromise: (promise) => this.#parts.watch(promise, end),
      onFailure: (error) => {
        this.#counts.failed++;
        this.#parts.report(error, end);
      },
      conclude: (failed, lastError) => {
        delivery.calls = failed;
        this.#conclude(delivery, end, lastError);
      },
    });
  }

  #conclude(delivery: Delivery, end: SessionEnd, lastError: unknown): void {
    if (!this.#isMine(delivery)) return;
    const { calls, tries, claim } = delivery;
    const { store, turns, retryFor } = this.#parts;
    const { uid } = end;
    if (calls.length === 0) {
      const { size } = this.#deliveries;
      const acknowledge = (fence: string) => store.acknowledge(uid, fence);
      const send = (fence: string) =>
        this.#acknowledgements.send(uid, fence, size);
      return this.#finish(delivery, "delivered", acknowledge, send);
    }
    const now = claim.session.now + this.#clock.now() - delivery.acceptedAt;
    delivery.failingSince ??= now;
    const pause = pauseAfter(now - delivery.failingSince, retryFor);
    if (pause === undefined) return this.#giveUp(delivery, end, lastError);
    if (tries < MAX_TRIES && !this.#pauses.areFull) {
      const again = () => turns.run(() => this.#try(delivery, end));
      this.#later(delivery, pause, again);
    } else {
      const progress = progressOf(calls);
      const release = (fence: string) =>
        store.release(uid, fence, pause, progress);
      this.#finish(delivery, "left", release);
    }
  }

  /** Makes a dead letter of an end whose callbacks have failed for too long. */
  #giveUp(delivery: Delivery, end: SessionEnd, lastError: unknown): void {
    const { store, report, retryFor } = this.#parts;
    report(deadLetterError(end.uid, retryFor, lastError), end);
    const facts = [
      textOfThrown(lastError),
      progressOf(delivery.calls),
    ] as const;
    const letter = (fence: string) =>
      store.deadLetter(end.uid, fence, ...facts);
    this.#finish(delivery, "deadLetter", letter);
  }

  /**
   * Finishes an end in the store; until then the lease is kept.
   *
   * @param send Writes the outcome, as `act` does, through the breaker.
   */
  #finish(
    delivery: Delivery,
    as: "delivered" | "deadLetter" | "left",
    act: (fence: string) => MaybePromise<boolean>,
    send: (fence: string) => MaybePromise<boolean> = (fence) =>
      this.#parts.breaker.call(() => act(fence)),
  ): void {
    const { claim } = delivery;
    delivery.finish = act;
    const repeat = () => this.#finish(delivery, as, act, send);
    const again = () => this.#later(delivery, PAUSE, repeat);
    const finished = (wasMine: boolean) => {
      // This process may have claimed it again meanwhile.
      if (delivery.claim !== claim) return repeat();
      this.#counts[wasMine ? as : "left"]++;
      this.#drop(delivery);
    };
    try {
      const answer = send(claim.fence);
      if (!isPromiseLike(answer)) return finished(answer);
      Promise.resolve(answer).then(finished, again);
    } catch {
      again();
    }
  }

  #isMine(delivery: Delivery): boolean {
    return this.#deliveries.get(delivery.claim.session.uid) === delivery;
  }

  #drop(delivery: Delivery): void {
    if (!this.#isMine(delivery)) return;
    this.#deliveries.delete(delivery.claim.session.uid);
    if (this.#deliveries.size === 0) this.#leases.rest();
    delivery.isDone.resolve();
  }

  #later(delivery: Delivery, pause: number, act: () => void): void {
    if (this.#isHalted) return void this.#leave(delivery);
    this.#pauses.add(delivery, pause, () => {
      if (this.#isMine(delivery)) act();
    });
  }
}
