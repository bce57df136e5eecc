import type {
  NamedEndCallback,
  SessionEnd,
  SessionEndCallback,
} from "../session.ts";
import type {
  ClaimedEnd,
  MaybePromise,
  SessionStore,
} from "../stores/store.ts";
import { type Clock, monotonic } from "./clock.ts";
import { textOfThrown } from "./describe.ts";
import { isPromiseLike } from "./promise_like.ts";
import type { StoredEndCounts } from "./session_figures.ts";
import { decodeValue } from "./stored_values.ts";
import type { StoreLine } from "./store_line.ts";
import type { Turns } from "./turns.ts";

/** Who is to be told, and who hears of what fails. */
export interface EndAudience {
  /** Told of every end. */
  readonly callbacks: readonly SessionEndCallback[];
  /** Told of the ends of sessions that name them. */
  readonly named: ReadonlyMap<string, NamedEndCallback>;
  /** Hears of errors. */
  report(error: unknown, end: SessionEnd): void;
}

/** How often a callback that fails is called before its end is put aside. */
const MAX_TRIES = 5;

/** How often an end is claimed whose callback no node knows by name. */
const MAX_ATTEMPTS = 10;

/** Milliseconds before the second try; doubled for each further one. */
const FIRST_PAUSE = 1000;

/**
 * Milliseconds until an end is claimed again whose callback this node does not
 * know; for twice as long, this node leaves it to the others.
 */
const LEFT_FOR = 500;

/** The part of a lease after which it is renewed. */
const RENEW_AFTER = 1 / 3;

/**
 * The part of a lease that must be left when a callback is called, which may
 * block for that long. A lease that is renewed on time has more left.
 */
const LEFT_AT_CALL = 1 / 2;

/** An end that is to be told, or is being told. */
interface Duty {
  claim: ClaimedEnd;
  /**
   * When the store was asked for the lease, in monotonic milliseconds: the lease
   * begins then or later, however late the answer comes.
   */
  leasedAt: number;
  /** The renewal of the lease that is under way. */
  renewal: Promise<void> | undefined;
  /** Undefined until the end is told. */
  end: SessionEnd | undefined;
  /** What is left to do. */
  acts: (() => unknown)[];
  tries: number;
  readonly isDone: PromiseWithResolvers<void>;
}

/**
 * Tells the ends that this node has claimed, and lets the store forget each when
 * all have been told.
 *
 * A callback is called only while at least half of the lease is left by the
 * monotonic clock; after a delay the lease is renewed first.
 *
 * What fails is tried again, alone, after a pause that doubles; when that has
 * not helped, the end is put aside and reported. Leases are renewed meanwhile;
 * an end whose lease is lost is somebody else's to tell.
 */
export class EndDuty {
  /** What has come of the ends so far. */
  readonly counts: StoredEndCounts;
  readonly #counts = { claimed: 0, told: 0, failed: 0, aside: 0, left: 0 };
  readonly #clock: Clock;
  readonly #store: SessionStore;
  readonly #line: StoreLine;
  readonly #turns: Turns;
  readonly #lease: number;
  readonly #audience: EndAudience;
  readonly #duties = new Map<string, Duty>();
  /** What waits for its next try, by its timer. */
  readonly #pauses = new Map<unknown, Duty>();
  #timer: unknown = undefined;
  /** UNIX milliseconds. */
  #leftAt = -Infinity;
  #isHalted = false;

  constructor(
    clock: Clock,
    parts: {
      readonly store: SessionStore;
      readonly line: StoreLine;
      readonly turns: Turns;
      readonly lease: number;
      readonly audience: EndAudience;
    },
  ) {
    this.counts = this.#counts;
    this.#clock = clock;
    this.#store = parts.store;
    this.#line = parts.line;
    this.#turns = parts.turns;
    this.#lease = parts.lease;
    this.#audience = parts.audience;
  }

  /** Milliseconds for which others shall have the chance to claim. */
  get standBackFor(): number {
    return Math.max(0, this.#leftAt + 2 * LEFT_FOR - this.#clock.now());
  }

  /** How many ends are to be told, or are being told. */
  get size(): number {
    return this.#duties.size;
  }

  /** Returns whether an end has been accepted and not been told yet. */
  isWaiting(uid: string): boolean {
    const duty = this.#duties.get(uid);
    return duty !== undefined && duty.end === undefined;
  }

  /** Returns a promise that resolves when an end is told, or dropped. */
  whenDone(uid: string): Promise<void> | undefined {
    return this.#duties.get(uid)?.isDone.promise;
  }

  /**
   * Accepts an end that this node has claimed, and renews its lease from now on.
   *
   * @param leasedAt When the store was asked for it, in monotonic milliseconds.
   * @returns false if the end was accepted before: its lease had run out, and
   * this node has claimed it again.
   */
  accept(claim: ClaimedEnd, leasedAt: number): boolean {
    const { uid } = claim.session;
    const before = this.#duties.get(uid);
    if (before !== undefined) {
      before.claim = claim;
      before.leasedAt = leasedAt;
      return false;
    }
    this.#counts.claimed++;
    this.#duties.set(uid, {
      claim,
      leasedAt,
      renewal: undefined,
      end: undefined,
      acts: [],
      tries: 0,
      isDone: Promise.withResolvers<void>(),
    });
    this.#timer ??= this.#clock.setTimeout(this.#renew, this.#renewEvery);
    return true;
  }

  /** Leaves an accepted end to others, unless it is told already. */
  leave(uid: string): void {
    if (this.isWaiting(uid)) this.#leave(this.#duties.get(uid)!);
  }

  /** Drops an accepted end that is not told: its lease runs out. */
  lapse(uid: string): void {
    if (this.isWaiting(uid)) this.#lose(this.#duties.get(uid)!);
  }

  /** Tells an end that has been accepted. */
  tell(end: SessionEnd): void {
    const { callbacks, named } = this.#audience;
    const { uid } = end;
    const duty = this.#duties.get(uid);
    if (duty === undefined || duty.end !== undefined) return;
    const { claim } = duty;
    const acts = callbacks.map((callback) => () => callback(end));
    for (const { name, argument } of claim.session.callbacks) {
      const callback = named.get(name);
      if (callback === undefined && claim.attempt < MAX_ATTEMPTS) {
        // Another node may know it; nobody has been told yet.
        this.#audience.report(
          new Error(
            `Cannot call "${name}" at the end of session "${uid}": no callback of that name here; register it by site.onEnd()`,
          ),
          end,
        );
        this.#leftAt = this.#clock.now();
        this.#leave(duty, LEFT_FOR);
        return;
      }
      acts.push(() => {
        if (callback === undefined) {
          throw new Error(`No callback is registered as "${name}"`);
        }
        return callback(decodeValue(argument), end);
      });
    }
    duty.end = end;
    duty.acts = acts;
    this.#try(duty, end);
  }

  /** Tries nothing again: others may, at once. What is being told still is. */
  halt(): void {
    this.#isHalted = true;
    for (const [timer, duty] of this.#pauses) {
      this.#clock.clearTimeout(timer);
      this.#leave(duty);
    }
    this.#pauses.clear();
  }

  /** Leaves what has not been told to others, who may begin at once. */
  async stop(): Promise<void> {
    this.halt();
    this.#rest();
    await Promise.all(
      [...this.#duties.values()].map((duty) => this.#leave(duty)),
    );
  }

  /** Leaves an end that has been claimed to others, in so many milliseconds. */
  decline({ session, fence }: ClaimedEnd, delay = 0): MaybePromise<void> {
    return this.#tend(() => this.#store.release(session.uid, fence, delay));
  }

  #leave(duty: Duty, delay = 0): MaybePromise<void> {
    this.#lose(duty);
    return this.decline(duty.claim, delay);
  }

  #lose(duty: Duty): void {
    if (!this.#isMine(duty)) return;
    this.#counts.left++;
    this.#drop(duty);
  }

  get #renewEvery(): number {
    return this.#lease * RENEW_AFTER;
  }

  #try(duty: Duty, end: SessionEnd): void {
    duty.tries++;
    const { acts } = duty;
    const failed: (() => unknown)[] = [];
    const promises: PromiseLike<void>[] = [];
    let lastError: unknown;
    const fail = (act: () => unknown, error: unknown) => {
      lastError = error;
      this.#counts.failed++;
      failed.push(act);
      this.#audience.report(error, end);
    };
    const call = (act: () => unknown) => {
      try {
        const result = act();
        if (!isPromiseLike(result)) return;
        promises.push(
          Promise.resolve(result).then(() => {}, (error) => fail(act, error)),
        );
      } catch (error) {
        fail(act, error);
      }
    };
    const conclude = () => {
      duty.acts = failed;
      this.#conclude(duty, end, lastError);
    };
    const callFrom = (first: number): void => {
      for (let index = first; index < acts.length; index++) {
        // The callback before this one may have blocked.
        const isSure = this.#secure(duty);
        if (isPromiseLike(isSure)) {
          isSure.then(() => this.#turns.run(() => callFrom(index)));
          return;
        }
        if (!isSure) return;
        call(acts[index]!);
      }
      if (promises.length === 0) conclude();
      else Promise.all(promises).then(conclude);
    };
    callFrom(0);
  }

  #conclude(duty: Duty, end: SessionEnd, lastError: unknown): void {
    if (!this.#isMine(duty)) return;
    const { acts, tries } = duty;
    const { uid } = end;
    if (acts.length === 0) {
      this.#finish(
        duty,
        "told",
        (fence) => this.#store.acknowledge(uid, fence),
      );
    } else if (tries === MAX_TRIES) {
      this.#audience.report(
        new Error(
          `Cannot tell the end of session "${uid}": callbacks failed ${tries} times, it is put aside`,
          { cause: lastError },
        ),
        end,
      );
      const why = textOfThrown(lastError);
      this.#finish(
        duty,
        "aside",
        (fence) => this.#store.putAside(uid, fence, why),
      );
    } else {
      const pause = FIRST_PAUSE * 2 ** (tries - 1);
      this.#later(duty, pause, () => {
        this.#turns.run(() => this.#try(duty, end));
      });
    }
  }

  /** Has the store forget it; until it has, the lease is kept. */
  #finish(
    duty: Duty,
    as: "told" | "aside",
    act: (fence: string) => MaybePromise<boolean>,
  ): void {
    const { claim } = duty;
    const again = () => {
      this.#later(duty, FIRST_PAUSE, () => this.#finish(duty, as, act));
    };
    const finished = (wasMine: boolean) => {
      // It may have been claimed here once more meanwhile.
      if (duty.claim !== claim) return this.#finish(duty, as, act);
      this.#counts[wasMine ? as : "left"]++;
      this.#drop(duty);
    };
    try {
      const answer = this.#line.call(() => act(claim.fence));
      if (!isPromiseLike(answer)) return finished(answer);
      Promise.resolve(answer).then(finished, again);
    } catch {
      again();
    }
  }

  #isMine(duty: Duty): boolean {
    return this.#duties.get(duty.claim.session.uid) === duty;
  }

  #drop(duty: Duty): void {
    if (!this.#isMine(duty)) return;
    this.#duties.delete(duty.claim.session.uid);
    if (this.#duties.size === 0) this.#rest();
    duty.isDone.resolve();
  }

  #isSure(duty: Duty): boolean {
    const age = monotonic(this.#clock) - duty.leasedAt;
    return age <= this.#lease * (1 - LEFT_AT_CALL);
  }

  /**
   * Makes sure that at least half of the lease is left.
   *
   * @returns whether it is: false if the end is another node's by now. A promise
   * if the store has to be asked: look again when it is kept.
   */
  #secure(duty: Duty): MaybePromise<boolean | void> {
    if (!this.#isMine(duty)) return false;
    if (this.#isSure(duty)) return true;
    // The timer is late for the others, too, and the next callback may block.
    for (const other of this.#duties.values()) {
      if (!this.#isSure(other)) this.#renewLease(other);
    }
    if (duty.renewal !== undefined) return duty.renewal;
    if (!this.#isMine(duty)) return false;
    if (this.#isSure(duty)) return true;
    // The store could not be asked, or took too long.
    return new Promise((resolve) => this.#later(duty, FIRST_PAUSE, resolve));
  }

  readonly #renew = (): void => {
    this.#timer = undefined;
    for (const duty of this.#duties.values()) this.#renewLease(duty);
    if (this.#duties.size > 0) {
      this.#timer = this.#clock.setTimeout(this.#renew, this.#renewEvery);
    }
  };

  #renewLease(duty: Duty): void {
    if (duty.renewal !== undefined) return;
    const { claim } = duty;
    const { session, fence } = claim;
    const askedAt = monotonic(this.#clock);
    const renewing = this.#tend(
      () => this.#store.renew(session.uid, fence, this.#lease),
      (isMine) => {
        // This node may have claimed it once more meanwhile.
        if (duty.claim !== claim) return;
        if (isMine) duty.leasedAt = askedAt;
        else this.#lose(duty);
      },
    );
    if (!isPromiseLike(renewing)) return;
    duty.renewal = Promise.resolve(renewing).then(() => {
      duty.renewal = undefined;
    });
  }

  #rest(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #later(duty: Duty, pause: number, act: () => void): void {
    if (this.#isHalted) return void this.#leave(duty);
    const timer = this.#clock.setTimeout(() => {
      this.#pauses.delete(timer);
      if (this.#isMine(duty)) act();
    }, pause);
    this.#pauses.set(timer, duty);
  }

  /** Asks the store for what a lease that runs out mends too, if it fails. */
  #tend(
    act: () => MaybePromise<boolean>,
    heed: (answer: boolean) => void = () => {},
  ): MaybePromise<void> {
    try {
      const answer = this.#line.call(act);
      if (!isPromiseLike(answer)) return heed(answer);
      return Promise.resolve(answer).then(heed, () => {});
    } catch {
      // The lease runs out, and somebody else tells.
    }
  }
}
