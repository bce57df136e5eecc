import { createHash } from "node:crypto";
import { hashOfSecret } from "../../persistence/secret_hash.ts";
import { Sessions, type SessionsOptions } from "../../sessions.ts";
import type { SessionStore } from "../../stores/store.ts";
import { newSession } from "../new_session.ts";

/** The name of the cookie. */
export const COOKIE_NAME = "fleet";

/** The secret of all sessions. */
const SECRET = "5a".repeat(16);

/** The hash of the secret in the tokens of the sessions. */
export const TOKEN_HASH: string = hashOfSecret(SECRET);

/** Milliseconds without a visit after which the sessions that last would end. */
export const LASTING = 24 * 3_600_000;

/** The value that each session has. */
export const CART: string = "x".repeat(100);

/** Calls in flight while sessions are made. */
const AT_ONCE = 32;

/** The sessions of one process, some of which last while others end. */
export interface Crowd {
  /** The sessions as the site sees them. */
  readonly sessions: Sessions;
  /** What was reported to `onError`. */
  readonly errors: string[];
  /** Makes the sessions with the numbers from `from` on, which last. */
  fill(from: number, count: number): Promise<void>;
  /** Returns the cookie of a session that lasts. */
  cookieOf(number: number): string;
  /**
   * Makes a session that ends.
   *
   * @param deadline UNIX milliseconds.
   * @returns its uid and the deadline that it got.
   */
  makeEnding(number: number, deadline: number): Promise<[string, number]>;
}

/** Returns the uid of a session: its number gives no hint where it lies. */
export function uidOf(number: number): string {
  return createHash("md5").update(`curfew ${number}`).digest("hex");
}

/** Sessions in a store, each known to all processes. */
export class StoredCrowd implements Crowd {
  readonly sessions: Sessions;
  readonly errors: string[] = [];
  readonly #store: SessionStore;

  constructor(store: SessionStore) {
    this.#store = store;
    this.sessions = new Sessions({
      store,
      ...optionsFor(this.errors),
    });
  }

  async fill(from: number, count: number): Promise<void> {
    await each(from, count, async (number) => {
      const session = newSession(uidOf(number), {
        tokens: [{ hash: TOKEN_HASH, generation: 0, until: Infinity }],
        sessionTimeout: LASTING,
        isSecure: false,
        principal: `user-${Math.floor(number / 10)}`,
        values: new Map([["cart", `j"${CART}"`]]),
      });
      await this.#store.create(session);
    });
  }

  cookieOf(number: number): string {
    return `${COOKIE_NAME}=${uidOf(number)}${SECRET}`;
  }

  async makeEnding(
    number: number,
    deadline: number,
  ): Promise<[string, number]> {
    const uid = uidOf(number);
    const times = await this.#store.create(newSession(uid, {
      sessionTimeout: Math.max(1, deadline - Date.now()),
      principal: `user-${Math.floor(number / 10)}`,
      values: new Map([["cart", `j"${CART}"`]]),
    }));
    return [uid, times!.deadline];
  }
}

/** Sessions in the memory of one process, which no other process sees. */
export class LocalCrowd implements Crowd {
  readonly errors: string[] = [];
  readonly sessions: Sessions = new Sessions(optionsFor(this.errors));
  readonly #cookies: string[] = [];

  async fill(_from: number, count: number): Promise<void> {
    await each(0, count, async () => {
      const response = await this.#make(LASTING);
      this.#cookies.push(response.headers.get("set-cookie")!.split(";")[0]!);
    });
  }

  cookieOf(number: number): string {
    return this.#cookies[number % this.#cookies.length]!;
  }

  async makeEnding(
    _number: number,
    deadline: number,
  ): Promise<[string, number]> {
    const response = await this.#make(Math.max(1, deadline - Date.now()));
    return [response.headers.get("uid")!, Number(response.headers.get("ends"))];
  }

  async #make(timeout: number): Promise<Response> {
    return await this.sessions.serve(
      new Request("http://localhost/"),
      (visit) => {
        const session = visit.getSession();
        session.set("cart", CART);
        session.sessionTimeout = timeout / 1000;
        session.touch();
        const ends = `${session.expiresAt * 1000}`;
        return new Response(null, { headers: { uid: session.uid, ends } });
      },
    );
  }
}

function optionsFor(errors: string[]): SessionsOptions {
  return {
    maxSessions: Infinity,
    cookieName: COOKIE_NAME,
    onError: (error) => void errors.push(String(error)),
  };
}

async function each(
  from: number,
  count: number,
  act: (number: number) => Promise<void>,
): Promise<void> {
  let next = from;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < from + count) await act(next++);
  }));
}
