import type { Clock } from "../base/clock.ts";
import { type Moment, monotonic, readClock } from "../base/moment.ts";
import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import type { SessionEndReason } from "../session.ts";
import type { Claimant, ClaimedEnd, SessionStore } from "../stores/store.ts";
import { SLICE, type Turns } from "../timing/turns.ts";
import type { ClaimedEnds } from "./claimed_ends.ts";
import type { StoreBreaker } from "./store_breaker.ts";
import type { AnyPart } from "./store_parts.ts";

/** The most ends of one claim. */
const BATCH = 100;

/**
 * The most ends that this process delivers at a time; other processes can claim the
 * rest.
 */
const MAX_DELIVERIES = 1000;

/** The objects that claims in a part use. */
export interface PartClaimsParts {
  readonly store: SessionStore;
  readonly part: AnyPart;
  readonly breaker: StoreBreaker;
  readonly claimant: Claimant;
  readonly turns: Turns;
  readonly claimed: ClaimedEnds;
  /**
   * Called in a turn of its own with each accepted claim, and the time of its
   * answer.
   */
  onClaim(claim: ClaimedEnd, came: Moment): void;
  /** Called when claims that waited for busy turns can go on. */
  onIdle(): void;
}

/** Claims ends in a part of a store: due ends, and ends of this process. */
export class PartClaims {
  readonly #clock: Clock;
  readonly #parts: PartClaimsParts;
  #isStopped = false;

  constructor(clock: Clock, parts: PartClaimsParts) {
    this.#clock = clock;
    this.#parts = parts;
  }

  /** Stops claiming; releases the claims that are under way. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Ends a session in the store and claims its end.
   *
   * @returns undefined if the session had ended in the store.
   */
  claim(
    uid: string,
    reason: SessionEndReason,
  ): MaybePromise<ClaimedEnd | undefined> {
    const { breaker, store, claimant, claimed } = this.#parts;
    const leasedAt = monotonic(this.#clock);
    const claiming = breaker.call(
      () => store.end(uid, reason, claimant),
      (claim) => {
        if (claim !== undefined) this.#acceptLate([claim], leasedAt);
      },
    );
    const accept = (claim: ClaimedEnd | undefined) => {
      if (claim !== undefined) claimed.accept(claim, leasedAt);
      return claim;
    };
    return claiming instanceof Promise
      ? claiming.then(accept)
      : accept(claiming);
  }

  /**
   * Claims all due ends, for one slice of time at most.
   *
   * @param began When the round began, in UNIX milliseconds.
   * @returns the milliseconds until more ends are due.
   */
  claimAll(began: number): MaybePromise<number> {
    const { breaker, part, claimant, turns } = this.#parts;
    for (;;) {
      if (this.#isStopped) return Infinity;
      if (turns.isBusy) {
        // More ends would only wait here, while another process may be idle.
        turns.run(() => this.#parts.onIdle());
        return Infinity;
      }
      if (this.#parts.claimed.hasAsManyAs(MAX_DELIVERIES)) return SLICE;
      const leasedAt = monotonic(this.#clock);
      const claims = breaker.probe(
        () => part.claim(claimant, BATCH),
        ({ ends }) => this.#acceptLate(ends, leasedAt),
      );
      if (isPromiseLike(claims)) {
        return claims.then(({ ends, nextIn }) => {
          if (this.#isStopped) return this.#releaseAll(ends);
          this.#acceptAll(ends, leasedAt);
          return nextIn > 0 ? nextIn : this.claimAll(began);
        });
      }
      this.#acceptAll(claims.ends, leasedAt);
      if (claims.nextIn > 0) return claims.nextIn;
      // Yields to the event loop.
      if (this.#clock.now() - began >= SLICE) return 0;
    }
  }

  /**
   * Uses claims whose answer came after the timeout, if the lease holds; releases
   * them otherwise, so that no process waits for the lease.
   */
  #acceptLate(claims: readonly ClaimedEnd[], leasedAt: number): void {
    const age = monotonic(this.#clock) - leasedAt;
    if (this.#isStopped || age >= this.#parts.claimant.lease) {
      this.#releaseAll(claims);
    } else this.#acceptAll(claims, leasedAt);
  }

  #acceptAll(claims: readonly ClaimedEnd[], leasedAt: number): void {
    const { turns } = this.#parts;
    const came = readClock(this.#clock);
    // All are accepted before the first is delivered: leases of waiting ends are
    // renewed too.
    const accepted = claims.filter((claim) =>
      this.#parts.claimed.accept(claim, leasedAt)
    );
    for (const claim of accepted) {
      turns.run(() => this.#parts.onClaim(claim, came));
    }
  }

  /** Releases claims that came after the stop. */
  async #releaseAll(claims: readonly ClaimedEnd[]): Promise<number> {
    await Promise.all(
      claims.map((claim) => this.#parts.claimed.decline(claim)),
    );
    return Infinity;
  }
}
