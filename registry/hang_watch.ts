import type { Clock } from "../base/clock.ts";
import { Alarm } from "../timing/alarm.ts";

/** Milliseconds after which a promise of a callback counts as hanging. */
const HANGS_AFTER = 10_000;

/** A promise that has not settled. */
interface Watched<T> {
  readonly owner: T;
  /** UNIX milliseconds. */
  readonly since: number;
  isReported: boolean;
}

/** Watches the promises of callbacks, and reports those that do not settle. */
export class HangWatch<T> {
  readonly #clock: Clock;
  readonly #onHang: (owners: readonly T[]) => void;
  readonly #alarm: Alarm;
  /** The promises that have not settled, the oldest first. */
  readonly #watched = new Set<Watched<T>>();
  #isStopped = false;

  /**
   * @param onHang Called with the owners of promises that have begun to hang, once
   * for each promise.
   */
  constructor(clock: Clock, onHang: (owners: readonly T[]) => void) {
    this.#clock = clock;
    this.#onHang = onHang;
    this.#alarm = new Alarm(clock, () => this.#look());
  }

  /** The number of promises that have not settled for 10 s. */
  get hanging(): number {
    const before = this.#clock.now() - HANGS_AFTER;
    let count = 0;
    for (const { since } of this.#watched) {
      if (since > before) break;
      count++;
    }
    return count;
  }

  /** Watches a promise, which must not reject. */
  add(promise: Promise<unknown>, owner: T): void {
    if (this.#isStopped) return;
    const now = this.#clock.now();
    const watched = { owner, since: now, isReported: false };
    this.#watched.add(watched);
    this.#alarm.setFor(now + HANGS_AFTER, now);
    promise.then(() => {
      this.#watched.delete(watched);
      if (this.#watched.size === 0) this.#alarm.clear();
    });
  }

  /** Stops watching. */
  stop(): void {
    this.#isStopped = true;
    this.#alarm.clear();
    this.#watched.clear();
  }

  #look(): void {
    const now = this.#clock.now();
    const owners: T[] = [];
    for (const watched of this.#watched) {
      const hangsAt = watched.since + HANGS_AFTER;
      if (hangsAt > now) {
        this.#alarm.setFor(hangsAt, now);
        break;
      }
      if (!watched.isReported) owners.push(watched.owner);
      watched.isReported = true;
    }
    if (owners.length > 0) this.#onHang(owners);
  }
}
