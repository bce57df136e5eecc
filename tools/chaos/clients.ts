import { SeenSession } from "./seen_session.ts";

/** The options of the clients. */
export interface ClientOptions {
  /** The number of clients. */
  readonly clients: number;
  /** Milliseconds in which they begin. */
  readonly within: number;
  /** Milliseconds without access after which sessions end. */
  readonly sessionTimeout: number;
  /** Returns the URLs of the nodes that listen now. */
  readonly origins: () => readonly string[];
}

/** The observations of all clients. */
export interface Observations {
  /** The sessions that the clients got, by uid. */
  readonly seen: Map<string, SeenSession>;
  /** Responses with status 200. */
  answered: number;
  /** Responses with status 503. */
  refused: number;
  /** Requests without a response: no node listened, or the node was killed. */
  unanswered: number;
  /** Sentences about other errors. */
  readonly wrongs: string[];
}

/** The longest wait for a response, in milliseconds. */
const LONGEST_WAIT = 20_000;

/** The part of the clients that log out. */
const LEAVING = 0.25;

/** The part of the requests that are sent close to the deadline. */
const LATE = 0.1;

/** Runs clients that send a few requests each. */
export async function runClients(
  options: ClientOptions,
  observations: Observations,
): Promise<void> {
  const clients = Array.from(
    { length: options.clients },
    () => new Client(options, observations).run(),
  );
  await Promise.all(clients);
}

/** A client with a cookie, which begins at a random time. */
class Client {
  readonly #options: ClientOptions;
  readonly #observations: Observations;
  #cookie = "";
  #session: SeenSession | undefined;

  constructor(options: ClientOptions, observations: Observations) {
    this.#options = options;
    this.#observations = observations;
  }

  /** Sends all requests of the client. */
  async run(): Promise<void> {
    const { within, sessionTimeout } = this.#options;
    await pause(Math.random() * within);
    const requests = 1 + Math.floor(Math.random() * 5);
    for (let i = 0; i < requests; i++) {
      if (i > 0) await pause(pauseBetween(sessionTimeout));
      const kind = Math.random();
      if (kind < 0.5) await this.#request("visit");
      else if (kind < 0.9) await this.#request("count");
      else await this.#request(`slow?ms=${Math.floor(Math.random() * 100)}`);
    }
    if (Math.random() < LEAVING) await this.#leave();
  }

  async #leave(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    session.leftAt ??= Date.now();
    const words = await this.#request("leave");
    if (words?.[0] !== session.uid) return;
    session.hasLeft = true;
    // Tests the cookie after the logout, as a thief could use it.
    await this.#request("who");
  }

  /** Sends a request to a node; returns the words of a response with status 200. */
  async #request(path: string): Promise<string[] | undefined> {
    const { origins } = this.#options;
    const observations = this.#observations;
    const all = origins();
    const origin = all[Math.floor(Math.random() * all.length)];
    const sentAt = Date.now();
    const session = this.#session;
    try {
      if (origin === undefined) throw new Error("no node listens");
      const response = await fetch(`${origin}/${path}`, {
        headers: this.#cookie === "" ? {} : { cookie: this.#cookie },
        signal: AbortSignal.timeout(LONGEST_WAIT),
      });
      const words = (await response.text()).split(" ");
      if (response.status === 503) observations.refused++;
      else if (response.status === 200) {
        observations.answered++;
        this.#record(path, words, { sentAt, response });
        return words;
      } else observations.wrongs.push(`${path} got status ${response.status}`);
    } catch {
      observations.unanswered++;
    }
    session?.recordUncertain(path, Date.now());
  }

  #record(
    path: string,
    [uid = "", number]: readonly string[],
    { sentAt, response }: { sentAt: number; response: Response },
  ): void {
    const { wrongs, seen } = this.#observations;
    const session = this.#session;
    const answeredAt = Date.now();
    const { sessionTimeout } = this.#options;
    if (session !== undefined && uid !== session.uid) {
      const deadline = session.touchedAfter + sessionTimeout;
      if (session.leftAt === undefined && answeredAt < deadline) {
        wrongs.push(
          `session ${session.uid} ended ${deadline - answeredAt} ms early`,
        );
      }
      this.#session = undefined;
    }
    if (uid === "none") return;
    if (session?.uid === uid) {
      session.recordVisit(path, { sentAt, answeredAt });
      if (session.hasLeft) {
        session.revivedAt = sentAt;
      }
      const problem = session.recordCount(number);
      if (problem !== undefined) wrongs.push(problem);
      return;
    }
    const cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    if (cookie === "" || path === "leave" || path === "who") {
      wrongs.push(`${path} responded with a session of no client`);
      return;
    }
    this.#cookie = cookie;
    this.#session = new SeenSession(uid, { sentAt, answeredAt });
    this.#session.recordCount(number);
    seen.set(uid, this.#session);
  }
}

/** Returns a pause: mostly within the timeout, sometimes close to its end. */
function pauseBetween(timeout: number): number {
  return Math.random() < LATE
    ? timeout * (0.97 + Math.random() * 0.06)
    : timeout * Math.random() * 0.8;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
