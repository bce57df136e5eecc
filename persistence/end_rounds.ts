import type { Clock } from "../base/clock.ts";
import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import type { Session } from "../session.ts";
import type { SessionStore } from "../stores/store.ts";
import { PollingLoop } from "../timing/polling_loop.ts";
import type { ClaimedEnds } from "./claimed_ends.ts";
import type { DeadlineChecks } from "./deadline_checks.ts";
import type { EndWatch } from "./end_watch.ts";
import type { PartClaims } from "./part_claims.ts";
import type { StoreBreaker } from "./store_breaker.ts";
import type { AnyPart } from "./store_parts.ts";
import type { UnwrittenEnds } from "./unwritten_ends.ts";

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
    const settling = unwritten.writeAll();
    watch.begin();
    settling.push(...checks.run(checked));
    if (settling.some(isPromiseLike)) {
      return Promise.all(settling).then(() => {});
    }
  }
}
