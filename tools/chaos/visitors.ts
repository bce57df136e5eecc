import { Stay } from "./stay.ts";

/** What visitors do. */
export interface VisitorOptions {
  /** How many come. */
  readonly visitors: number;
  /** Milliseconds within which they come. */
  readonly within: number;
  /** Milliseconds without a visit after which sessions end. */
  readonly sessionTimeout: number;
  /** Where the nodes listen that do, at the time. */
  readonly origins: () => readonly string[];
}

/** What has been seen by the visitors. */
export interface Sightings {
  /** The sessions that they were given. */
  readonly stays: Map<string, Stay>;
  /** Requests that were answered 200. */
  answered: number;
  /** Those that were answered 503. */
  refused: number;
  /** Those that were not answered: nobody listened, or the node was killed. */
  unanswered: number;
  /** Whatever must not be, in sentences. */
  readonly wrongs: string[];
}

/** Milliseconds that a visitor waits for an answer. */
const PATIENCE = 20_000;

/** The part of the visitors who log out. */
const LEAVING = 0.25;

/** The part of the visits that come when the session is over, or nearly. */
const LATE = 0.1;

/** Has visitors come, stay for a few visits, and go. */
export async function visit(
  options: VisitorOptions,
  sightings: Sightings,
): Promise<void> {
  const visitors = Array.from(
    { length: options.visitors },
    () => new Visitor(options, sightings).stay(),
  );
  await Promise.all(visitors);
}

/** One who comes at some time, and keeps the cookie. */
class Visitor {
  readonly #options: VisitorOptions;
  readonly #sightings: Sightings;
  #cookie = "";
  #stay: Stay | undefined;

  constructor(options: VisitorOptions, sightings: Sightings) {
    this.#options = options;
    this.#sightings = sightings;
  }

  /** From the first visit to the last. */
  async stay(): Promise<void> {
    const { within, sessionTimeout } = this.#options;
    await pause(Math.random() * within);
    const visits = 1 + Math.floor(Math.random() * 5);
    for (let i = 0; i < visits; i++) {
      if (i > 0) await pause(pauseBetween(sessionTimeout));
      const kind = Math.random();
      if (kind < 0.5) await this.#ask("visit");
      else if (kind < 0.9) await this.#ask("count");
      else await this.#ask(`slow?ms=${Math.floor(Math.random() * 100)}`);
    }
    if (Math.random() < LEAVING) await this.#leave();
  }

  async #leave(): Promise<void> {
    const stay = this.#stay;
    if (stay === undefined) return;
    stay.leftAt ??= Date.now();
    const answer = await this.#ask("leave");
    if (answer?.[0] !== stay.uid) return;
    stay.hasLeft = true;
    // The cookie is as good as any that was stolen.
    await this.#ask("who");
  }

  /** Asks a node; answers the words of what it says, if that was 200. */
  async #ask(path: string): Promise<string[] | undefined> {
    const { origins } = this.#options;
    const sightings = this.#sightings;
    const all = origins();
    const origin = all[Math.floor(Math.random() * all.length)];
    const sentAt = Date.now();
    const stay = this.#stay;
    try {
      if (origin === undefined) throw new Error("nobody listens");
      const response = await fetch(`${origin}/${path}`, {
        headers: this.#cookie === "" ? {} : { cookie: this.#cookie },
        signal: AbortSignal.timeout(PATIENCE),
      });
      const words = (await response.text()).split(" ");
      if (response.status === 503) sightings.refused++;
      else if (response.status === 200) {
        sightings.answered++;
        this.#note(path, words, { sentAt, response });
        return words;
      } else sightings.wrongs.push(`${path} was answered ${response.status}`);
    } catch {
      sightings.unanswered++;
    }
    stay?.noteMaybe(path, Date.now());
  }

  #note(
    path: string,
    [uid = "", number]: readonly string[],
    { sentAt, response }: { sentAt: number; response: Response },
  ): void {
    const { wrongs, stays } = this.#sightings;
    const stay = this.#stay;
    const answeredAt = Date.now();
    const { sessionTimeout } = this.#options;
    if (stay !== undefined && uid !== stay.uid) {
      const deadline = stay.touchedAfter + sessionTimeout;
      if (stay.leftAt === undefined && answeredAt < deadline) {
        wrongs.push(
          `session ${stay.uid} was gone ${
            deadline - answeredAt
          } ms before its time`,
        );
      }
      this.#stay = undefined;
    }
    if (uid === "nobody") return;
    if (stay?.uid === uid) {
      stay.noteVisit(path, { sentAt, answeredAt });
      if (stay.hasLeft) {
        stay.wasRevivedAt = sentAt;
      }
      const problem = stay.noteCount(number);
      if (problem !== undefined) wrongs.push(problem);
      return;
    }
    const cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    if (cookie === "" || path === "leave" || path === "who") {
      wrongs.push(`${path} was answered with a session of nobody`);
      return;
    }
    this.#cookie = cookie;
    this.#stay = new Stay(uid, { sentAt, answeredAt });
    this.#stay.noteCount(number);
    stays.set(uid, this.#stay);
  }
}

/** Mostly well within the timeout; sometimes just when it is over, or later. */
function pauseBetween(timeout: number): number {
  return Math.random() < LATE
    ? timeout * (0.97 + Math.random() * 0.06)
    : timeout * Math.random() * 0.8;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
