import type { Clock } from "./clock.ts";
import { describe } from "./describe.ts";

/** What waits for its time among the deadlines of a site. */
export interface Expiring {
  /** Looks whether its time has come, and does what is due then. */
  checkExpired(now: number): unknown;
}

/** The deadlines among which warnings wait; times are UNIX milliseconds. */
export interface WarningDeadlines {
  add(item: Expiring, deadline: number, now: number): number;
  move(row: number, deadline: number, now: number): void;
  remove(row: number): void;
}

/** What warnings need of the session that is going to end. */
export interface WarnedSession {
  readonly site: {
    readonly clock: Clock;
    readonly deadlines: WarningDeadlines;
  };
  /** Ends it if that is due. */
  checkExpired(): boolean;
}

/** A warning that waits, over and over, for a session to come near its end. */
interface Warning extends Expiring {
  /** Milliseconds before the deadline. */
  readonly lead: number;
  /** Where it waits; 0 as long as the session has no deadline. */
  row: number;
}

/**
 * The warnings of one session.
 *
 * Each has a row of its own among the site's deadlines, which a touch moves as
 * it moves the session's: by writing a number. Once it was given it waits for
 * ever, until the deadline moves.
 */
export class SessionWarnings {
  readonly #session: WarnedSession;
  readonly #warnings = new Set<Warning>();
  /** Undefined before the session is started. */
  #deadline: number | undefined = undefined;

  constructor(session: WarnedSession) {
    this.#session = session;
  }

  /** How many there are. */
  get size(): number {
    return this.#warnings.size;
  }

  /**
   * Has a function called `lead` milliseconds before each deadline; in the next
   * turn if it is nearer.
   *
   * @returns a function that takes that back.
   */
  add(lead: number, callback: () => void, now: number): () => void {
    const session = this.#session;
    const { clock, deadlines } = session.site;
    const warning: Warning = {
      lead,
      row: 0,
      checkExpired() {
        let isOver = true;
        try {
          isOver = session.checkExpired();
        } finally {
          // It may be over as far as is known, and stay.
          if (warning.row !== 0) {
            deadlines.move(warning.row, Infinity, clock.now());
          }
        }
        if (!isOver) callback();
      },
    };
    this.#warnings.add(warning);
    if (this.#deadline !== undefined) this.#place(warning, this.#deadline, now);
    return () => {
      if (this.#warnings.delete(warning)) this.#remove(warning);
    };
  }

  /** The session has another deadline, or its first. */
  follow(deadline: number, now: number): void {
    if (deadline === this.#deadline) return;
    this.#deadline = deadline;
    for (const warning of this.#warnings) this.#place(warning, deadline, now);
  }

  /** The session has ended. */
  clear(): void {
    for (const warning of this.#warnings) this.#remove(warning);
    this.#warnings.clear();
  }

  #place(warning: Warning, deadline: number, now: number): void {
    const { deadlines } = this.#session.site;
    const due = deadline - warning.lead;
    if (warning.row === 0) warning.row = deadlines.add(warning, due, now);
    else deadlines.move(warning.row, due, now);
  }

  #remove(warning: Warning): void {
    if (warning.row !== 0) this.#session.site.deadlines.remove(warning.row);
    warning.row = 0;
  }
}

/**
 * Milliseconds of how long before the end somebody wants to be told.
 *
 * @throws {TypeError} If the seconds are no number.
 * @throws {RangeError} If they are not finite, or not above 0.
 */
export function leadOf(seconds: unknown): number {
  if (typeof seconds === "number" && seconds > 0 && seconds < Infinity) {
    return seconds * 1000;
  }
  const message =
    `Cannot notify before the end: not a number of seconds above 0: ${
      describe(seconds)
    }`;
  throw typeof seconds === "number"
    ? new RangeError(message)
    : new TypeError(message);
}
