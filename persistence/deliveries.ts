import type { EndDelivery } from "../registry/end_delivery.ts";
import type { Turns } from "../timing/turns.ts";
import type { StoreBreaker } from "./store_breaker.ts";
import type { Clock } from "../base/clock.ts";
import type { MaybePromise } from "../base/promises.ts";
import type { SessionEnd } from "../session.ts";
import type { ClaimedEnd, SessionStore } from "../stores/store.ts";
import type { EndCall } from "./end_calls.ts";
import type { LeasedEnd } from "./end_leases.ts";

/** Milliseconds after which callbacks that have not settled do not delay others. */
const RECENT = 1000;

/** The most deliveries that wait for another try. */
const MAX_PAUSES = 100;

/** A claimed end that is to be delivered, or is being delivered. */
export interface Delivery extends LeasedEnd {
  /** Undefined until the delivery begins. */
  end: SessionEnd | undefined;
  /** The calls that are left. */
  calls: readonly EndCall[];
  tries: number;
  /** When the claim came, in UNIX milliseconds. */
  readonly acceptedAt: number;
  /** When the last try began, in UNIX milliseconds; Infinity before the first. */
  triedAt: number;
  /** When a call failed first, in UNIX milliseconds of the store. */
  failingSince: number | undefined;
  /** Writes the outcome to the store; undefined until all calls have been made. */
  finish: ((fence: string) => MaybePromise<boolean>) | undefined;
  readonly isDone: PromiseWithResolvers<void>;
}

/** The objects that claimed ends use. */
export interface ClaimedEndsParts {
  readonly store: SessionStore;
  readonly breaker: StoreBreaker;
  readonly turns: Turns;
  /** Milliseconds. */
  readonly lease: number;
  readonly callbacks: EndDelivery;
  /** Milliseconds for which failed callbacks are called again. */
  readonly retryFor: number;
  readonly report: (error: unknown, end: SessionEnd) => void;
  /** Reports a promise of a callback that does not settle. */
  readonly watch: (promise: Promise<unknown>, end: SessionEnd) => void;
}

/**
 * Returns a delivery that has not begun.
 *
 * @param leasedAt When the lease was requested, in monotonic milliseconds.
 * @param now UNIX milliseconds.
 */
export function newDelivery(
  claim: ClaimedEnd,
  leasedAt: number,
  now: number,
): Delivery {
  return {
    claim,
    leasedAt,
    acceptedAt: now,
    triedAt: Infinity,
    failingSince: claim.failingSince,
    finish: undefined,
    renewal: undefined,
    end: undefined,
    calls: [],
    tries: 0,
    isDone: Promise.withResolvers<void>(),
  };
}

/** The deliveries that wait for their next try. */
export class DeliveryPauses {
  readonly #clock: Clock;
  readonly #waiting = new Map<unknown, Delivery>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether no more deliveries can wait. */
  get areFull(): boolean {
    return this.#waiting.size >= MAX_PAUSES;
  }

  /** Calls a function for a delivery after a pause in milliseconds. */
  add(delivery: Delivery, pause: number, act: () => void): void {
    const timer = this.#clock.setTimeout(() => {
      this.#waiting.delete(timer);
      act();
    }, pause);
    this.#waiting.set(timer, delivery);
  }

  /** Stops the timers; returns the deliveries that waited. */
  stop(): Delivery[] {
    const waiting = [...this.#waiting.values()];
    for (const timer of this.#waiting.keys()) this.#clock.clearTimeout(timer);
    this.#waiting.clear();
    return waiting;
  }
}

/**
 * Returns whether there are `count` deliveries or more. Deliveries whose callbacks
 * take long do not count.
 *
 * @param now UNIX milliseconds.
 */
export function hasAsManyAs(
  deliveries: ReadonlyMap<string, Delivery>,
  count: number,
  now: number,
): boolean {
  if (deliveries.size < count) return false;
  let left = count;
  for (const { triedAt } of deliveries.values()) {
    if (triedAt > now - RECENT && --left === 0) return true;
  }
  return false;
}

/** The uid of a hold is used again; the hold before may wait to be acknowledged. */
export function isSameEnd(
  { session }: ClaimedEnd,
  { session: other }: ClaimedEnd,
): boolean {
  return session.createdAt === other.createdAt;
}
