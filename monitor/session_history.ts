import type { Clock } from "../base/clock.ts";
import { Histogram } from "../metrics/prometheus_text.ts";
import { type CountedSite, LATENESS_BOUNDS } from "../metrics/site_metrics.ts";
import type { SessionEnd, SessionEndReason } from "../session.ts";

/** A record of an end, without the session, so that its memory is freed. */
export interface PastEnd {
  readonly uid: string;
  readonly principal: string | undefined;
  readonly reason: SessionEndReason;
  /** UNIX seconds. */
  readonly at: number;
  /** Seconds that the session lasted. */
  readonly lasted: number;
  /** Seconds; undefined if no deadline ended the session. */
  readonly lateness: number | undefined;
}

/** The counts of one minute. */
export interface Minute {
  /** Minutes since the UNIX epoch. */
  readonly number: number;
  /** Sessions made. */
  readonly made: number;
  /** Sessions ended, by reason. */
  readonly ended: ReadonlyMap<SessionEndReason, number>;
}

/** Minutes in the history. */
export const MINUTES = 60;

const MAX_ENDS = 50;

interface ChangingMinute extends Minute {
  made: number;
  readonly ended: Map<SessionEndReason, number>;
}

/**
 * The recent history of a site's sessions.
 *
 * Its size is bounded, and each start or end of a session writes a few numbers.
 */
export class SessionHistory {
  /** The lateness of all ends by deadline, in seconds. */
  readonly lateness: Histogram = new Histogram(LATENESS_BOUNDS);
  /** The last ends, the latest last. */
  readonly ends: readonly PastEnd[];
  /** The number of all ends. */
  endCount = 0;

  /** Whether a session has begun or ended. */
  hasBegun = false;

  readonly #clock: Clock;
  readonly #ends: PastEnd[];
  /** A ring: each minute is at its number modulo {@linkcode MINUTES}. */
  readonly #minutes: ChangingMinute[] = [];

  /** Begins to record the sessions of a site. */
  constructor(site: CountedSite & { readonly clock: Clock }) {
    this.#clock = site.clock;
    this.ends = this.#ends = [];
    site.notifyOnSessionStart(() => void this.#minute().made++);
    site.notifyOnSessionEnd((end) => this.#record(end));
  }

  /** Returns the last minutes, the current one last, empty ones included. */
  minutes(): Minute[] {
    const now = this.#now();
    return Array.from({ length: MINUTES }, (_, i) => {
      const number = now - MINUTES + 1 + i;
      const minute = this.#minutes[number % MINUTES];
      return minute?.number === number ? minute : emptyMinute(number);
    });
  }

  #record({ session, uid, reason, at, lateness }: SessionEnd): void {
    const { principal } = session;
    const lasted = Math.max(0, at - session.createdAt);
    this.#ends.push({ uid, principal, reason, at, lasted, lateness });
    if (this.#ends.length > MAX_ENDS) this.#ends.shift();
    this.endCount++;
    const { ended } = this.#minute();
    ended.set(reason, (ended.get(reason) ?? 0) + 1);
    if (lateness !== undefined) this.lateness.add(lateness);
  }

  #minute(): ChangingMinute {
    this.hasBegun = true;
    const number = this.#now();
    const minute = this.#minutes[number % MINUTES];
    if (minute?.number === number) return minute;
    return this.#minutes[number % MINUTES] = emptyMinute(number);
  }

  #now(): number {
    return Math.floor(this.#clock.now() / 60_000);
  }
}

function emptyMinute(number: number): ChangingMinute {
  return { number, made: 0, ended: new Map() };
}
