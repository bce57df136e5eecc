import { describe } from "../base/describe.ts";
import { type MaybePromise, proceed } from "../base/promises.ts";
import {
  isRefusing,
  TooManySessionsError,
} from "../registry/session_limits.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { SessionStore } from "../stores/store.ts";
import type { BackendParts } from "./backend_parts.ts";
import { NO_TOKEN } from "./record_calls.ts";
import { unkept } from "./store_breaker.ts";

/** The number of times that a login checks whether another login has given way. */
const LOOKS = 20;

/** Milliseconds between two checks. */
const PAUSE = 50;

/**
 * The limit of sessions that a principal may have, in all processes.
 *
 * No store counts across its parts in one step, so a login counts the sessions
 * after its own write. Of two logins at once, the later write counts both. All
 * processes order the sessions of a principal by their logins, so they choose the
 * same sessions to end.
 */
export class LoginLimit {
  /** Whether there is a limit. */
  readonly isFinite: boolean;
  readonly #registry: SessionRegistry;
  readonly #parts: BackendParts;
  readonly #most: number;
  readonly #isRefusing: boolean;

  constructor(registry: SessionRegistry, parts: BackendParts) {
    const { maxSessionsPerPrincipal } = registry.options;
    this.#registry = registry;
    this.#parts = parts;
    this.#most = Math.floor(maxSessionsPerPrincipal ?? Infinity);
    this.isFinite = this.#most < Infinity;
    this.#isRefusing = isRefusing(registry.options);
  }

  /**
   * Returns the refusal of a login that is not written yet, if it must be refused.
   *
   * @param uid The session that the principal logs in to.
   */
  async refusalOf(
    principal: string,
    uid: string,
  ): Promise<TooManySessionsError | undefined> {
    if (!this.#isRefusing) return undefined;
    const uids = await this.#uidsOf(principal);
    const isCounted = uids.includes(uid);
    if (isCounted || uids.length < this.#most) return undefined;
    return tooMany(principal, uids.length);
  }

  /**
   * Ends sessions beyond the limit after a login has been written.
   *
   * @throws {TooManySessionsError} If another login at the same time has taken the
   * last place, and logins are refused. Then the session of this login has ended.
   */
  async apply(principal: string, uid: string): Promise<void> {
    for (let looks = 1;; looks++) {
      const uids = await this.#uidsOf(principal);
      if (uids.length <= this.#most) return;
      const order = await this.#byLogin(uids);
      const excess = order.length - this.#most;
      if (excess <= 0 || !order.includes(uid)) return;
      if (!this.#isRefusing) {
        const over = order.slice(0, excess);
        await Promise.all(over.map((one) => this.#end(one)));
        return;
      }
      const isFirst = order.indexOf(uid) < this.#most;
      if (!isFirst || looks === LOOKS) {
        await this.#endOwn(uid);
        throw tooMany(principal, order.length - 1);
      }
      // The other login was written before or after this one was counted. In the
      // second case it ends its own session.
      await new Promise<void>((resolve) =>
        this.#registry.clock.setTimeout(resolve, PAUSE)
      );
    }
  }

  async #uidsOf(principal: string): Promise<string[]> {
    const lists = await Promise.all(
      this.#parts.claims.all.map((claims) => claims.uidsOf(principal)),
    );
    return lists.flat();
  }

  /**
   * Returns the sessions that have not ended since they were listed, in the order
   * of their logins; without one, of their creation.
   */
  async #byLogin(uids: readonly string[]): Promise<string[]> {
    const logins = await Promise.all(uids.map(async (uid) => {
      const record = await this.#load(uid);
      return record &&
        { uid, at: record.authenticatedAt ?? record.createdAt };
    }));
    return logins.filter((login) => login !== undefined)
      .sort((a, b) => a.at - b.at || (a.uid < b.uid ? -1 : 1))
      .map(({ uid }) => uid);
  }

  #load(uid: string): ReturnType<SessionStore["load"]> {
    const { breakers, store } = this.#parts;
    return breakers.of(uid).call(() => store.load(uid, NO_TOKEN));
  }

  /**
   * Ends the session of a login that is refused.
   *
   * @throws {HttpError} 503 if the store does not answer: it may have written the end.
   */
  async #endOwn(uid: string): Promise<void> {
    try {
      await this.#end(uid);
    } catch (error) {
      throw unkept(error);
    }
  }

  #end(uid: string): MaybePromise<void> {
    const claims = this.#parts.claims.of(uid);
    const writing = proceed(
      claims.end(uid, "evicted"),
      () => claims.writeEnd(uid),
    );
    return proceed(writing, () => {
      // The login fails, though a later round writes the end.
      if (this.#parts.ended.unwritten.has(uid)) throw unkept();
    });
  }
}

function tooMany(principal: string, count: number): TooManySessionsError {
  return new TooManySessionsError(
    `Cannot log in ${
      describe(principal)
    }: it has ${count} sessions already, as many as are allowed`,
  );
}
