import type { Clock } from "../base/clock.ts";
import type { ProcessInfo } from "../registry/session_backend.ts";
import type { StoreCounts } from "../stores/store.ts";
import type { MonitoredSite } from "./monitored_site.ts";

/** Milliseconds for which a figure is used again. */
const FRESH_FOR = 10_000;

/** Milliseconds until a figure that could not be read is read again. */
const RETRY = 2000;

/** Milliseconds that a page waits for figures. */
const PATIENCE = 300;

/** The limits of the calls for a figure. */
interface Limits {
  /** Milliseconds after which a store does not answer any more. */
  readonly longest: number;
  /** A figure is kept for at least so many times as long as the answer took. */
  readonly agePerCost: number;
}

const LIMITS: Limits = { longest: 5000, agePerCost: 0 };

/** A large database reads all its sessions to count them. */
const COUNTING: Limits = { longest: 60_000, agePerCost: 200 };

/** Figures of all processes that share a store, as they were read last. */
export interface StoreFiguresShown {
  /** Undefined if they are unknown. */
  readonly counts: StoreCounts | undefined;
  /** The number of dead letters; undefined if it is unknown. */
  readonly deadLetters: number | undefined;
  /** Undefined if they are unknown. */
  readonly processes: readonly ProcessInfo[] | undefined;
  /**
   * When the figures were read, if the store does not answer since then, in UNIX
   * seconds; undefined while it answers.
   */
  readonly awaySince: number | undefined;
}

/**
 * Reads the figures of a store for all viewers, each at most every ten seconds, and
 * only while there are viewers.
 */
export class StoreFigures {
  readonly #site: MonitoredSite;
  readonly #counts: Figure<StoreCounts | undefined>;
  readonly #deadLetters: Figure<number>;
  readonly #processes: Figure<readonly ProcessInfo[]>;

  constructor(site: MonitoredSite) {
    const { sessions, clock } = this.#site = site;
    this.#counts = new Figure(clock, () => sessions.countStored(), COUNTING);
    this.#deadLetters = new Figure(
      clock,
      async () => (await sessions.listDeadLetters()).length,
    );
    this.#processes = new Figure(clock, () => sessions.listProcesses());
  }

  /**
   * The figures; undefined without a store. Each use of this property may begin
   * to read them from the store again.
   */
  get shown(): StoreFiguresShown | undefined {
    if (this.#site.storedEnds === undefined) return undefined;
    const figures = [this.#counts, this.#deadLetters, this.#processes];
    for (const figure of figures) void figure.refresh();
    const away = figures.filter((figure) => figure.isAway);
    const readAt = Math.min(...away.map((figure) => figure.readAt));
    return {
      counts: this.#counts.value,
      deadLetters: this.#deadLetters.value,
      processes: this.#processes.value,
      awaySince: away.length > 0 ? readAt / 1000 : undefined,
    };
  }

  /** Resolves when the figures are fresh, or a short time has passed. */
  async refresh(): Promise<void> {
    if (this.#site.storedEnds === undefined) return;
    const { clock } = this.#site;
    const reading = [this.#counts.refresh(), this.#deadLetters.refresh()];
    await within(clock, PATIENCE, Promise.all(reading)).catch(() => {});
    // Processes take a second to answer.
    void this.#processes.refresh();
  }
}

/** A figure that is read from the store, and kept. */
class Figure<T> {
  readonly #clock: Clock;
  readonly #read: () => Promise<T>;
  readonly #limits: Limits;
  #reading: Promise<void> | undefined = undefined;
  #until = -Infinity;

  /** The last answer; undefined before the first. */
  value: T | undefined = undefined;

  /** When it came, in UNIX milliseconds. */
  readAt = -Infinity;

  /** Whether the store has failed, or did not answer in time. */
  isAway = false;

  constructor(clock: Clock, read: () => Promise<T>, limits: Limits = LIMITS) {
    this.#clock = clock;
    this.#read = read;
    this.#limits = limits;
  }

  /** Resolves when the figure is fresh, or could not be read; never rejects. */
  refresh(): Promise<void> {
    if (this.#clock.now() < this.#until) return Promise.resolve();
    return this.#reading ??= this.#run().finally(() => {
      this.#reading = undefined;
    });
  }

  async #run(): Promise<void> {
    const clock = this.#clock;
    const { longest, agePerCost } = this.#limits;
    const since = performance.now();
    try {
      this.value = await within(clock, longest, this.#read());
      const cost = performance.now() - since;
      this.readAt = clock.now();
      this.#until = this.readAt + Math.max(FRESH_FOR, cost * agePerCost);
      this.isAway = false;
    } catch {
      // The page says so.
      this.#until = clock.now() + RETRY;
      this.isAway = true;
    }
  }
}

/** Returns the value of a promise; rejects if it takes too many milliseconds. */
async function within<T>(
  clock: Clock,
  longest: number,
  promise: Promise<T>,
): Promise<T> {
  let timer: unknown;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        const late = new Error(`No answer in ${longest} ms`);
        timer = clock.setTimeout(() => reject(late), longest);
      }),
    ]);
  } finally {
    clock.clearTimeout(timer);
  }
}
