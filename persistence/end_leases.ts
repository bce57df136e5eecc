import type { Clock } from "../base/clock.ts";
import { monotonic } from "../base/moment.ts";
import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import type { StoreBreaker } from "./store_breaker.ts";
import type {
  ClaimedEnd,
  ClaimKey,
  EndProgress,
  SessionStore,
} from "../stores/store.ts";

/** The part of a lease after which it is renewed. */
const RENEW_AFTER = 1 / 3;

/**
 * The part of a lease after which a failed renewal is repeated. A call may take
 * most of a short lease to fail.
 */
const REPEAT_AFTER = 1 / 12;

/**
 * The part of a lease that must be left when a callback is called, since the
 * callback may block for that long. A lease that is renewed on time always has more
 * left.
 */
const LEFT_AT_CALL = 1 / 2;

/** A claimed end whose lease this process holds. */
export interface LeasedEnd {
  claim: ClaimedEnd;
  /**
   * When this process requested the lease, in monotonic milliseconds. The lease
   * begins then or later, however late the answer comes.
   */
  leasedAt: number;
  /** The renewal under way; undefined without one. */
  renewal: Promise<void> | undefined;
}

/** The objects that leases use. */
export interface EndLeasesParts<T extends LeasedEnd> {
  readonly store: SessionStore;
  readonly breaker: StoreBreaker;
  /** Milliseconds. */
  readonly lease: number;
  /** The ends whose leases are renewed. */
  readonly ends: ReadonlyMap<string, T>;
  /** Called with an end that belongs to another process now. */
  onLost(end: T): void;
  /** Calls a function after a pause, if the end is still to be delivered. */
  later(end: T, act: () => void): void;
}

/** Renews the leases of the ends that this process has claimed. */
export class EndLeases<T extends LeasedEnd> {
  readonly #clock: Clock;
  readonly #parts: EndLeasesParts<T>;
  #timer: unknown = undefined;

  constructor(clock: Clock, parts: EndLeasesParts<T>) {
    this.#clock = clock;
    this.#parts = parts;
  }

  /** Renews all leases from time to time, and that of an end whose claim was late. */
  begin(end: T): void {
    if (this.#ageOf(end) > RENEW_AFTER) this.#renewLease(end);
    this.#renewIn(RENEW_AFTER);
  }

  /** Stops renewing. */
  rest(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Makes sure that at least half of the lease of an end is left.
   *
   * @returns false if the end belongs to another process now; a promise if the
   * lease must be renewed first: call this again when it has resolved.
   */
  secure(end: T): MaybePromise<boolean | void> {
    if (!this.#isMine(end)) return false;
    if (this.#isSure(end)) return true;
    // The timer is late for other ends too, and the next callback may block.
    for (const other of this.#parts.ends.values()) {
      if (!this.#isSure(other)) this.#renewLease(other);
    }
    if (end.renewal !== undefined) return end.renewal;
    if (!this.#isMine(end)) return false;
    if (this.#isSure(end)) return true;
    // The renewal failed, or took too long.
    return new Promise((resolve) => this.#parts.later(end, resolve));
  }

  /**
   * Makes sure of a lease as `secure` does, for a call that is under way.
   *
   * @throws {Error} If the lease cannot be renewed now.
   */
  async confirm(end: T): Promise<boolean> {
    if (this.#isMine(end) && !this.#isSure(end)) {
      this.#renewLease(end);
      await end.renewal;
    }
    if (!this.#isMine(end)) return false;
    if (this.#isSure(end)) return true;
    const { uid } = end.claim.session;
    throw new Error(`Cannot renew the lease of the end of "${uid}"`);
  }

  /**
   * Releases a claimed end; other processes can claim it after some milliseconds.
   *
   * @param progress The calls that are left; undefined for all.
   * @param isLast Whether the process closes.
   */
  release(
    claim: ClaimedEnd,
    delay = 0,
    progress?: EndProgress,
    isLast = false,
  ): MaybePromise<void> {
    const { uid } = claim.session;
    const act = (fence: string) =>
      this.#parts.store.release(uid, fence, delay, progress);
    // Without an answer, another process makes all calls again.
    if (isLast && progress !== undefined) return this.conclude(claim, act);
    return this.#tend(() => act(claim.fence));
  }

  /**
   * Writes the final outcome of a claimed end whose callbacks have all been called.
   */
  async conclude(
    { fence }: ClaimedEnd,
    act: (fence: string) => MaybePromise<boolean>,
  ): Promise<void> {
    try {
      // It is the last chance, so the store is called though the circuit is open.
      await this.#parts.breaker.probe(() => act(fence));
    } catch {
      // The lease runs out, and another process delivers the end again.
    }
  }

  #isMine(end: T): boolean {
    return this.#parts.ends.get(end.claim.session.uid) === end;
  }

  #isSure(end: T): boolean {
    return this.#ageOf(end) <= 1 - LEFT_AT_CALL;
  }

  /** Returns the part of a lease that is over. */
  #ageOf({ leasedAt }: T): number {
    return (monotonic(this.#clock) - leasedAt) / this.#parts.lease;
  }

  readonly #renew = (): void => {
    this.#timer = undefined;
    const { ends, breaker } = this.#parts;
    if (breaker.isOpen) return this.#renewIn(REPEAT_AFTER);
    for (const end of ends.values()) {
      this.#renewLease(end);
    }
    this.#renewIn(RENEW_AFTER);
  };

  /** Renews all leases after a part of a lease, unless that is due already. */
  #renewIn(part: number): void {
    if (this.#parts.ends.size === 0) return;
    this.#timer ??= this.#clock.setTimeout(
      this.#renew,
      this.#parts.lease * part,
    );
  }

  #renewLease(end: T): void {
    if (end.renewal !== undefined) return;
    const { claim } = end;
    const { session, fence } = claim;
    const askedAt = monotonic(this.#clock);
    const renewing = this.#tend(
      () => this.#parts.store.renew(session.uid, fence, this.#parts.lease),
      (isMine) => {
        // This process may have claimed it again meanwhile.
        if (end.claim !== claim) return;
        if (isMine) end.leasedAt = askedAt;
        else this.#parts.onLost(end);
      },
      () => {
        this.rest();
        this.#renewIn(REPEAT_AFTER);
      },
    );
    if (!isPromiseLike(renewing)) return;
    end.renewal = Promise.resolve(renewing).then(() => {
      end.renewal = undefined;
    });
  }

  /** Calls the store. If that fails, the lease runs out unless it is renewed. */
  #tend(
    act: () => MaybePromise<boolean>,
    handle: (answer: boolean) => void = () => {},
    failed: () => void = () => {},
  ): MaybePromise<void> {
    try {
      const answer = this.#parts.breaker.call(act);
      if (!isPromiseLike(answer)) return handle(answer);
      return Promise.resolve(answer).then(handle, failed);
    } catch {
      failed();
    }
  }
}

/** The most ends that are acknowledged together: some milliseconds of work. */
const MOST = 100;

/** The number of ends to deliver from which they are acknowledged together. */
const CROWD = 20;

/** An acknowledgement that is not sent yet. */
interface Waiting extends ClaimKey {
  readonly answer: PromiseWithResolvers<boolean>;
}

/**
 * Acknowledges delivered ends. Many ends of one turn of the event loop take one call,
 * if the store has it.
 */
export class Acknowledgements {
  readonly #store: SessionStore;
  readonly #breaker: StoreBreaker;
  #waiting: Waiting[] = [];

  constructor(store: SessionStore, breaker: StoreBreaker) {
    this.#store = store;
    this.#breaker = breaker;
  }

  /**
   * Acknowledges an end.
   *
   * @param size The number of ends to deliver now.
   * @returns false if the end belongs to another process.
   */
  send(uid: string, fence: string, size: number): MaybePromise<boolean> {
    if (size < CROWD || this.#store.acknowledgeAll === undefined) {
      return this.#breaker.call(() => this.#store.acknowledge(uid, fence));
    }
    const answer = Promise.withResolvers<boolean>();
    const count = this.#waiting.push({ uid, fence, answer });
    if (count === MOST) this.#sendAll();
    else if (count === 1) queueMicrotask(() => this.#sendAll());
    return answer.promise;
  }

  #sendAll(): void {
    const all = this.#waiting;
    if (all.length === 0) return;
    this.#waiting = [];
    const settle = (answers: readonly boolean[]) => {
      for (const [index, { answer }] of all.entries()) {
        answer.resolve(answers[index]!);
      }
    };
    const fail = (error: unknown) => {
      for (const { answer } of all) answer.reject(error);
    };
    try {
      const claims = all.map(({ uid, fence }) => ({ uid, fence }));
      const answers = this.#breaker.call(() =>
        this.#store.acknowledgeAll!(claims)
      );
      if (isPromiseLike(answers)) answers.then(settle, fail);
      else settle(answers);
    } catch (error) {
      fail(error);
    }
  }
}
