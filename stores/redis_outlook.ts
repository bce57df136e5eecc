import type { NextNews } from "./redis_news.ts";
import type { Shard } from "./redis_shard.ts";

/**
 * Milliseconds after which a shard is looked into whatever is known of it: so
 * late at most comes an end of which no news arrived.
 */
const LONGEST_TRUST = 1000;

/** Milliseconds that news takes, roughly; a look too early costs little. */
const NEWS_TAKES = 2;

/**
 * Milliseconds over which those who share the ends spread their looks: the first
 * claims what is due, and the others hear of it before they look. Ends are late
 * by as much at most, and half of it among two.
 */
const SPREAD = 20;

/** Milliseconds without news of others after which nobody is waited for. */
const OTHERS_STAY = 10_000;

/** What is known of a shard; the times are those of `performance.now()`. */
interface View {
  /** When the next can be claimed; or earlier. */
  dueAt: number;
  /** Whether there was more to claim already when that was told. */
  isBehind: boolean;
  lookedAt: number;
  /** Counts what was heard of it. */
  news: number;
}

/**
 * When something can be claimed in each shard, as far as looks and news have
 * told: a shard in which nothing is due need not be looked into.
 *
 * Touches only put deadlines off, so what is known of a shard is early rather
 * than late, but for sessions that are due sooner than all others there. News of
 * these comes in order. Without news, which may be lost, each shard is looked
 * into every second; where nobody listens, nothing is relied on.
 */
export class RedisOutlook {
  readonly #views: readonly View[];
  readonly #now: () => number;
  #listeners = 0;
  #othersAt = -Infinity;

  /**
   * @param shards How many there are.
   * @param now Milliseconds of a clock that never steps.
   */
  constructor(shards: number, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#views = Array.from({ length: shards }, () => ({
      dueAt: -Infinity,
      isBehind: true,
      lookedAt: -Infinity,
      news: 0,
    }));
  }

  /** News is heard from now on; answers what says that it is not any more. */
  listen(): () => void {
    let isOn = true;
    this.#listeners++;
    this.forget();
    return () => {
      if (isOn) this.#listeners--;
      isOn = false;
    };
  }

  /** Something may have happened of which there was no news. */
  forget(): void {
    for (const view of this.#views) {
      view.dueAt = -Infinity;
      view.isBehind = true;
      view.news++;
    }
  }

  /** Takes over what is heard; `owner` names who claims here. */
  note({ index, until, claimant }: NextNews, owner: string | undefined): void {
    const view = this.#views[index];
    if (view === undefined) return;
    const now = this.#now();
    view.dueAt = now + until - NEWS_TAKES;
    view.isBehind = until <= 0;
    view.news++;
    if (claimant !== undefined && claimant !== owner) this.#othersAt = now;
  }

  /** Whether there may be something to claim in a shard. */
  mayBeDue({ index }: Shard): boolean {
    const { dueAt, lookedAt } = this.#views[index]!;
    const now = this.#now();
    return this.#listeners === 0 || dueAt <= now ||
      now - lookedAt >= LONGEST_TRUST;
  }

  /** A look is sent now; answers what takes the milliseconds that it tells. */
  look({ index }: Shard): (until: number) => void {
    const view = this.#views[index]!;
    const { news } = view;
    const sentAt = this.#now();
    return (until) => {
      view.lookedAt = sentAt;
      // It may be older than what has been heard meanwhile.
      if (view.news !== news) return;
      view.dueAt = sentAt + until;
      view.isBehind = until <= 0;
    };
  }

  /** Milliseconds until it is worth claiming from one of these shards. */
  nextIn(shards: readonly Shard[]): number {
    const now = this.#now();
    const isShared = now - this.#othersAt < OTHERS_STAY;
    const pause = isShared ? Math.random() * SPREAD : 0;
    const waits = shards.map(({ index }) => {
      const { dueAt, isBehind, lookedAt } = this.#views[index]!;
      const wait = Math.max(0, dueAt - now);
      if (this.#listeners === 0 || isBehind) return wait;
      return Math.min(wait + pause, lookedAt + LONGEST_TRUST - now);
    });
    return Math.max(0, Math.min(...waits));
  }
}
