import type { Clock } from "./clock.ts";
import { Histogram } from "./histogram.ts";
import { type CountedSite, LATENESS_BOUNDS } from "./session_figures.ts";
import type { SessionEnd, SessionEndReason } from "../session.ts";

/** What is kept of an end: not the session, which is free to go. */
export interface PastEnd {
  readonly uid: string;
  readonly principal: string | undefined;
  readonly reason: SessionEndReason;
  /** UNIX seconds. */
  readonly at: number;
  /** Seconds. */
  readonly lasted: number;
  /** Seconds; undefined where no deadline ended the session. */
  readonly lateness: number | undefined;
}

/** What happened in one minute. */
export interface Minute {
  /** Minutes since the UNIX epoch. */
  readonly number: number;
  /** How many sessions were made. */
  readonly made: number;
  /** How many have ended, by reason. */
  readonly ended: ReadonlyMap<SessionEndReason, number>;
}

/** How many minutes are remembered. */
export const MINUTES = 60;

/** How many ends are remembered. */
const MAX_ENDS = 50;

interface ChangingMinute extends Minute {
  made: number;
  readonly ended: Map<SessionEndReason, number>;
}

/**
 * What has become of a site's sessions lately: of bounded size, however many
 * there are, and a few numbers to write at each start and end.
 */
export class SessionChronicle {
  /** How late deadlines were, in seconds, since the beginning. */
  readonly lateness: Histogram = new Histogram(LATENESS_BOUNDS);
  /** The last ends, the latest last. */
  readonly ends: readonly PastEnd[];
  /** How many have ended since the beginning. */
  endCount = 0;

  readonly #clock: Clock;
  readonly #ends: PastEnd[];
  /** Each at its number modulo their count. */
  readonly #minutes: ChangingMinute[] = [];

  /** Begins to watch the site. */
  constructor(site: CountedSite & { readonly clock: Clock }) {
    this.#clock = site.clock;
    this.ends = this.#ends = [];
    site.notifyOnSessionStart(() => void this.#minute().made++);
    site.notifyOnSessionEnd((end) => this.#note(end));
  }

  /** The last minutes, the one that has begun last, those without anything too. */
  minutes(): Minute[] {
    const now = this.#now();
    return Array.from({ length: MINUTES }, (_, i) => {
      const number = now - MINUTES + 1 + i;
      const minute = this.#minutes[number % MINUTES];
      return minute?.number === number ? minute : emptyMinute(number);
    });
  }

  #note({ session, uid, reason, at }: SessionEnd): void {
    const { principal, lateness } = session;
    const lasted = Math.max(0, at - session.createdAt);
    this.#ends.push({ uid, principal, reason, at, lasted, lateness });
    if (this.#ends.length > MAX_ENDS) this.#ends.shift();
    this.endCount++;
    const { ended } = this.#minute();
    ended.set(reason, (ended.get(reason) ?? 0) + 1);
    if (lateness !== undefined) this.lateness.add(lateness);
  }

  #minute(): ChangingMinute {
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
