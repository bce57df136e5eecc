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
import type { Clock } from "./clock.ts";
import { isPromiseLike } from "./promise_like.ts";
import type { StoredEndCounts } from "./session_figures.ts";
import { decodeValue } from "./stored_values.ts";
import type { StoreLine } from "./store_line.ts";

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

/** Leases that may pass before one is renewed, as a part. */
const RENEW_AFTER = 1 / 3;

/** An end that is being told. */
interface Duty {
  claim: ClaimedEnd;
  readonly end: SessionEnd;
  /** What is left to do. */
  acts: (() => unknown)[];
  tries: number;
  readonly isDone: PromiseWithResolvers<void>;
}

/**
 * Tells the ends that this node has claimed, and lets the store forget each when
 * all have been told.
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
      readonly lease: number;
      readonly audience: EndAudience;
    },
  ) {
    this.counts = this.#counts;
    this.#clock = clock;
    this.#store = parts.store;
    this.#line = parts.line;
    this.#lease = parts.lease;
    this.#audience = parts.audience;
  }

  /** Milliseconds for which others shall have the chance to claim. */
  get standBackFor(): number {
    return Math.max(0, this.#leftAt + 2 * LEFT_FOR - this.#clock.now());
  }

  /** How many ends are being told. */
  get size(): number {
    return this.#duties.size;
  }

  /** Tells an end; a promise if that has to be waited for. */
  tell(claim: ClaimedEnd, end: SessionEnd): MaybePromise<void> {
    const { callbacks, named } = this.#audience;
    const { uid } = claim.session;
    const before = this.#duties.get(uid);
    if (before !== undefined) {
      // Its lease had run out, and nobody else was faster: it is told already.
      before.claim = claim;
      return before.isDone.promise;
    }
    this.#counts.claimed++;
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
        this.#counts.left++;
        this.#leftAt = this.#clock.now();
        return this.#tend(() =>
          this.#store.release(uid, claim.fence, LEFT_FOR)
        );
      }
      acts.push(() => {
        if (callback === undefined) {
          throw new Error(`No callback is registered as "${name}"`);
        }
        return callback(decodeValue(argument), end);
      });
    }
    const duty = {
      claim,
      end,
      acts,
      tries: 0,
      isDone: Promise.withResolvers<void>(),
    };
    this.#duties.set(uid, duty);
    this.#timer ??= this.#clock.setTimeout(this.#renew, this.#renewEvery);
    this.#try(duty);
    return this.#duties.has(uid) ? duty.isDone.promise : undefined;
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

  #leave(duty: Duty): MaybePromise<void> {
    this.#counts.left++;
    this.#drop(duty);
    return this.decline(duty.claim);
  }

  /** Leaves an end that has been claimed to others. */
  decline({ session, fence }: ClaimedEnd): MaybePromise<void> {
    return this.#tend(() => this.#store.release(session.uid, fence, 0));
  }

  get #renewEvery(): number {
    return this.#lease * RENEW_AFTER;
  }

  #try(duty: Duty): void {
    duty.tries++;
    const failed: (() => unknown)[] = [];
    const promises: Promise<void>[] = [];
    let lastError: unknown;
    const fail = (act: () => unknown, error: unknown) => {
      lastError = error;
      this.#counts.failed++;
      failed.push(act);
      this.#audience.report(error, duty.end);
    };
    for (const act of duty.acts) {
      try {
        const result = act();
        if (!isPromiseLike(result)) continue;
        promises.push(
          Promise.resolve(result).then(() => {}, (error) => fail(act, error)),
        );
      } catch (error) {
        fail(act, error);
      }
    }
    const conclude = () => {
      duty.acts = failed;
      this.#conclude(duty, lastError);
    };
    if (promises.length === 0) conclude();
    else Promise.all(promises).then(conclude);
  }

  #conclude(duty: Duty, lastError: unknown): void {
    if (!this.#isMine(duty)) return;
    const { acts, tries } = duty;
    const { uid } = duty.claim.session;
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
        duty.end,
      );
      const why = String(lastError);
      this.#finish(
        duty,
        "aside",
        (fence) => this.#store.putAside(uid, fence, why),
      );
    } else {
      const pause = FIRST_PAUSE * 2 ** (tries - 1);
      this.#later(duty, pause, () => this.#try(duty));
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

  readonly #renew = (): void => {
    this.#timer = undefined;
    for (const duty of this.#duties.values()) {
      const { claim } = duty;
      const { session, fence } = claim;
      this.#tend(
        () => this.#store.renew(session.uid, fence, this.#lease),
        (isMine) => {
          if (isMine || duty.claim !== claim || !this.#isMine(duty)) return;
          this.#counts.left++;
          this.#drop(duty);
        },
      );
    }
    if (this.#duties.size > 0) {
      this.#timer = this.#clock.setTimeout(this.#renew, this.#renewEvery);
    }
  };

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
