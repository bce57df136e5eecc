import type { Clock } from "../base/clock.ts";
import {
  callGuarded,
  isPromiseLike,
  type MaybePromise,
  proceed,
} from "../base/promises.ts";
import type { ClaimedEnds } from "./claimed_ends.ts";
import type { DeadlineChecks } from "./deadline_checks.ts";
import type { PartClaims } from "./part_claims.ts";
import type { StoreBreaker } from "./store_breaker.ts";
import type { AnyPart } from "./store_parts.ts";
import type { UnwrittenEnds } from "./unwritten_ends.ts";
import type { Session, SessionEndReason } from "../session.ts";
import type { ChangeNotification, SessionStore } from "../stores/store.ts";
import { PollingLoop } from "../timing/polling_loop.ts";

/** Milliseconds between two polls while ends or checks are unfinished. */
const POLL_EVERY = 1000;

/** The objects that polls use. */
export interface EndRoundsParts {
  readonly store: SessionStore;
  /** The part of the store that is polled. */
  readonly part: AnyPart;
  readonly breaker: StoreBreaker;
  readonly checks: DeadlineChecks;
  readonly claims: PartClaims;
  readonly claimed: ClaimedEnds;
  readonly watch: EndWatch;
  readonly unwritten: UnwrittenEnds;
  /** Ends of recent notifications, by the uids of their sessions. */
  readonly quiet: Map<string, unknown>;
  /** Called at each poll. */
  onRound(): void;
}

/** Polls a part of a store: claims the due ends, and finishes writes and checks. */
export class EndRounds {
  readonly #clock: Clock;
  readonly #parts: EndRoundsParts;
  readonly #loop: PollingLoop;
  #current: Promise<unknown> | undefined = undefined;

  constructor(clock: Clock, parts: EndRoundsParts) {
    this.#clock = clock;
    this.#parts = parts;
    const { isNotifyingReliably } = parts.store;
    this.#loop = new PollingLoop(clock, () => this.#run(), isNotifyingReliably);
  }

  /** The round under way, or the last one that waited for the store. */
  get current(): Promise<unknown> | undefined {
    return this.#current;
  }

  /** Begins a round in the next turn. */
  wake(): void {
    this.#loop.wake();
  }

  /** Begins a round now, if it is to begin in the next turn. */
  begin(): void {
    this.#loop.begin();
  }

  /** Begins a round soon. */
  nudge(): void {
    this.#loop.nudge();
  }

  /** Stops polling. */
  stop(): void {
    this.#loop.stop();
  }

  /**
   * Claims and delivers the due ends. Reports a failed claim.
   *
   * @returns the milliseconds until the next round.
   */
  #run(): MaybePromise<number> {
    const { breaker, claims, claimed, watch, checks, unwritten } = this.#parts;
    this.#parts.onRound();
    const checked = checks.all();
    const quiet = [...this.#parts.quiet.keys()];
    const conclude = (next: number): MaybePromise<number> => {
      const settled = this.#settle(checked);
      const isSettled = !breaker.isOpen && watch.isWatching &&
        unwritten.size === 0 && checks.size === 0;
      const rest = Math.max(
        isSettled ? next : Math.min(next, POLL_EVERY),
        claimed.standBackFor,
      );
      // The answer to a claim has come by now, if its notification came before this round.
      for (const uid of quiet) {
        if (!claimed.isWaiting(uid)) this.#parts.quiet.delete(uid);
      }
      return proceed(settled, () => rest);
    };
    const fail = (error: unknown): never => {
      breaker.report(error, {});
      throw error;
    };
    try {
      // A claim that needs no call to the store cannot serve as a probe.
      const probing = breaker.isInDoubt
        ? breaker.probe(() => this.#parts.part.nextIn())
        : undefined;
      const next = proceed(
        proceed(probing, () => claims.claimAll(this.#clock.now())),
        conclude,
      );
      if (!isPromiseLike(next)) return next;
      const round = next.catch(fail);
      this.#current = round.catch(() => {});
      return round;
    } catch (error) {
      return fail(error);
    }
  }

  /** Writes the unwritten ends and runs the checks. */
  #settle(checked: readonly Session[]): MaybePromise<void> {
    const { checks, watch, unwritten } = this.#parts;
    const written = unwritten.tryAll();
    watch.begin();
    const settling = [written, ...checks.run(checked)];
    if (settling.some(isPromiseLike)) {
      return Promise.all(settling).then(() => {});
    }
  }
}

/** The objects that the watch uses. */
export interface EndWatchParts {
  /** The part of the store whose ends are watched. */
  readonly part: AnyPart;
  /** Called with each end of another process. */
  onEnd(uid: string, reason: SessionEndReason): void;
  /** Called when an end may be due earlier than known. */
  onEarlier(): void;
  /** Called with each change of a session. */
  onChange(notification: ChangeNotification): void;
  onError(error: unknown): void;
}

/** Watches a part of a store for the ends and changes of other processes. */
export class EndWatch {
  readonly #parts: EndWatchParts;
  #unwatch: (() => void) | undefined = undefined;
  #isWatching = false;
  #isStopped = false;

  constructor(parts: EndWatchParts) {
    this.#parts = parts;
  }

  /** Whether the watch has begun, and has not failed. */
  get isWatching(): boolean {
    return this.#isWatching;
  }

  /** Begins to watch, unless the watch has begun. */
  begin(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const watching = (unwatch: () => void) => {
      if (this.#isStopped) this.#stopWatching(unwatch);
      else this.#unwatch = unwatch;
    };
    const failed = () => void (this.#isWatching = false);
    try {
      // Without the breaker: notifications may fail while the store answers.
      const unwatch = this.#parts.part.watch(
        ({ uid, reason }) => this.#parts.onEnd(uid, reason as SessionEndReason),
        () => this.#parts.onEarlier(),
        (notification) => this.#parts.onChange(notification),
      );
      if (isPromiseLike(unwatch)) unwatch.then(watching, failed);
      else watching(unwatch);
    } catch {
      // A later round begins the watch again; until then claims find the ends.
      failed();
    }
  }

  /** Stops watching. */
  stop(): void {
    this.#isStopped = true;
    if (this.#unwatch !== undefined) this.#stopWatching(this.#unwatch);
    this.#unwatch = undefined;
  }

  #stopWatching(unwatch: () => void): void {
    callGuarded(unwatch, (error) => this.#parts.onError(error));
  }
}
