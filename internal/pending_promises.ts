import type { Clock } from "./clock.ts";

/** Milliseconds: a timer for longer fires at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** Promises that are to be kept before something closes, and whose they are. */
export class PendingPromises<T> {
  readonly #owners = new Map<Promise<unknown>, T>();

  /** Adds one that never rejects; it goes when it is kept. */
  add(promise: Promise<unknown>, owner: T): void {
    const kept = promise.finally(() => this.#owners.delete(kept));
    this.#owners.set(kept, owner);
  }

  /**
   * Waits for all, those that are added meanwhile too.
   *
   * @param seconds How long, at most; those that are late are forgotten.
   * @returns whose they are, each once.
   */
  async settle(clock: Clock, seconds: number): Promise<T[]> {
    const isLate = Promise.withResolvers<void>();
    const delay = seconds * 1000;
    const timer = this.#owners.size === 0 || delay > LONGEST_DELAY
      ? undefined
      : clock.setTimeout(isLate.resolve, delay);
    // Unlike the timer of the deadlines, it is waited for.
    (timer as { ref?(): void } | undefined)?.ref?.();
    await Promise.race([this.#settleAll(), isLate.promise]);
    if (timer !== undefined) clock.clearTimeout(timer);
    const late = new Set(this.#owners.values());
    this.#owners.clear();
    return [...late];
  }

  async #settleAll(): Promise<void> {
    while (this.#owners.size > 0) await Promise.all(this.#owners.keys());
  }
}
