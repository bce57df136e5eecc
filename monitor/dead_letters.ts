import type { MonitoredSite } from "./monitored_site.ts";

/** Milliseconds for which a count is used again. */
const FRESH_FOR = 10_000;

/** The number of dead letters in the store: of the ends of all processes. */
export class DeadLetters {
  readonly #site: MonitoredSite;
  #count: number | undefined = undefined;
  #countedAt = -Infinity;
  #counting: Promise<void> | undefined = undefined;

  constructor(site: MonitoredSite) {
    this.#site = site;
  }

  /**
   * The last count; undefined without a store, and while the store fails. Reading it
   * may begin a new count.
   */
  get count(): number | undefined {
    void this.refresh();
    return this.#count;
  }

  /** Resolves when the count is at most some seconds old; never rejects. */
  async refresh(): Promise<void> {
    if (this.#site.storedEnds === undefined) return;
    const now = this.#site.clock.now();
    if (now < this.#countedAt + FRESH_FOR) return;
    await (this.#counting ??= this.#run(now));
  }

  async #run(now: number): Promise<void> {
    this.#countedAt = now;
    try {
      this.#count = (await this.#site.sessions.listDeadLetters()).length;
    } catch {
      // The page says that the number is unknown.
      this.#count = undefined;
    }
    this.#counting = undefined;
  }
}
