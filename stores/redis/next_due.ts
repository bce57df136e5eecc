import type { Shard } from "./shards.ts";

/**
 * Milliseconds after which a shard is polled in any case: an end whose notification
 * was lost is late by this at most.
 */
const LONGEST_TRUST = 1000;

/** Milliseconds that a notification takes, roughly; an early poll costs little. */
const NOTIFICATION_TIME = 2;

/**
 * Milliseconds over which several nodes spread their polls: the first one claims
 * the due ends, and the others are notified before they poll. Ends are late by this
 * at most, with two nodes by half of it.
 */
const SPREAD = 20;

/**
 * Milliseconds after the last claim of another node, from which polls are not
 * spread.
 */
const OTHERS_STAY = 10_000;

/** When the next end in a shard can be claimed. */
export interface NextDue {
  /** The index of the shard. */
  readonly index: number;
  /** Milliseconds until the next end. */
  readonly until: number;
  /** The node that has just claimed there; undefined for an earlier deadline. */
  readonly claimant: string | undefined;
}

/** The cache of one shard; its times are those of `performance.now()`. */
interface Cached {
  /** When the next end can be claimed, or earlier. */
  dueAt: number;
  /** Whether an end could be claimed already when that was read. */
  isBehind: boolean;
  polledAt: number;
  /** Whether notifications of the shard arrive. */
  isListening: boolean;
  /** Counts the notifications. */
  notifications: number;
}

/**
 * Caches when the next end is due in each shard, so that idle shards are not
 * polled.
 *
 * Touches only postpone deadlines, so the cached time is too early rather than too
 * late, except for sessions that are due before all others of their shard. For
 * those there are notifications, in order. Since notifications may be lost, each
 * shard is polled every second. Without a connection that listens, nothing is
 * cached.
 */
export class NextDueCache {
  readonly #shards: readonly Cached[];
  readonly #now: () => number;
  #othersAt = -Infinity;

  /**
   * @param count The number of shards.
   * @param now Returns milliseconds of a clock that is never set.
   */
  constructor(count: number, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#shards = Array.from({ length: count }, () => ({
      dueAt: -Infinity,
      isBehind: true,
      polledAt: -Infinity,
      isListening: false,
      notifications: 0,
    }));
  }

  /**
   * Sets whether notifications arrive from now on.
   *
   * @param index The shard; all if it is undefined.
   */
  setListening(isListening: boolean, index?: number): void {
    for (const [place, cached] of this.#shards.entries()) {
      if (index !== undefined && place !== index) continue;
      cached.isListening = isListening;
      if (isListening) forget(cached);
    }
  }

  /** Forgets everything, since notifications may have been lost. */
  clear(): void {
    this.#shards.forEach(forget);
  }

  /** Records a notification; `owner` names this node in its claims. */
  record({ index, until, claimant }: NextDue, owner: string | undefined): void {
    const cached = this.#shards[index];
    if (cached === undefined) return;
    const now = this.#now();
    cached.dueAt = now + until - NOTIFICATION_TIME;
    cached.isBehind = until <= 0;
    cached.notifications++;
    if (claimant !== undefined && claimant !== owner) this.#othersAt = now;
  }

  /** Returns whether a shard has to be polled for ends. */
  needsPoll({ index }: Shard): boolean {
    const { dueAt, polledAt, isListening } = this.#shards[index]!;
    const now = this.#now();
    return !isListening || dueAt <= now ||
      now - polledAt >= LONGEST_TRUST;
  }

  /**
   * Records that a shard is polled now.
   *
   * @returns a function that records the answer: the milliseconds until the next.
   */
  startPoll({ index }: Shard): (until: number) => void {
    const cached = this.#shards[index]!;
    const { notifications } = cached;
    const sentAt = this.#now();
    return (until) => {
      cached.polledAt = sentAt;
      // The answer may be older than a notification that came meanwhile.
      if (cached.notifications !== notifications) return;
      cached.dueAt = sentAt + until;
      cached.isBehind = until <= 0;
    };
  }

  /** Returns the milliseconds until one of these shards should be polled. */
  nextIn(shards: readonly Shard[]): number {
    const now = this.#now();
    const isShared = now - this.#othersAt < OTHERS_STAY;
    const pause = isShared ? Math.random() * SPREAD : 0;
    const waits = shards.map(({ index }) => {
      const { dueAt, isBehind, polledAt, isListening } = this.#shards[index]!;
      const wait = Math.max(0, dueAt - now);
      if (!isListening || isBehind) return wait;
      return Math.min(wait + pause, polledAt + LONGEST_TRUST - now);
    });
    return Math.max(0, Math.min(...waits));
  }
}

/** Forgets the due times of a shard. */
function forget(cached: Cached): void {
  cached.dueAt = -Infinity;
  cached.isBehind = true;
  cached.notifications++;
}
