import { type Clock, LONGEST_DELAY } from "./clock.ts";

/** Promises to wait for before closing, each with its owner. */
export class PendingPromises<T> {
  readonly #owners = new Map<Promise<unknown>, T>();

  /** Adds a promise that never rejects, and removes it when it is fulfilled. */
  add(promise: Promise<unknown>, owner: T): void {
    const pending = promise.finally(() => this.#owners.delete(pending));
    this.#owners.set(pending, owner);
  }

  /**
   * Waits for all promises, including those that are added meanwhile.
   *
   * @param seconds The longest wait; promises still pending then are dropped.
   * @returns the owners of the dropped promises, each once.
   */
  async settle(clock: Clock, seconds: number): Promise<T[]> {
    const isLate = Promise.withResolvers<void>();
    const delay = seconds * 1000;
    const timer = this.#owners.size === 0 || delay > LONGEST_DELAY
      ? undefined
      : clock.setTimeout(isLate.resolve, delay);
    // Keeps the process alive, unlike other timers of a clock.
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
