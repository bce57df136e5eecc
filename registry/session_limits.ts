import { describe } from "../base/describe.ts";
import { Multimap } from "../base/multimap.ts";
import { isPromiseLike } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import type {
  Evictable,
  EvictionOptions,
  EvictionOrder,
} from "./eviction_order.ts";
import { loadLaterCode } from "./later_parts.ts";
import type { SessionsOptions } from "./sessions_options.ts";
import type { Session } from "../session.ts";
import { isHeld } from "../session/session_parts.ts";

/** The default of `maxSessions`. */
export const MAX_SESSIONS = 2_000_000;

/**
 * The most sessions that are compared at each eviction, which takes up to 0.1 ms.
 * With more, an order is kept.
 */
const FEW = 1000;

/** The order is built when this share of the limit is reached. */
const FULL_SOON = 0.9;

/**
 * Chooses the session to end when there are as many as the limit allows.
 *
 * Few sessions are compared when one has to go. For many, an order of idle sessions
 * is built shortly before the limit is reached.
 */
export class Eviction<T extends Evictable> {
  readonly #all: ReadonlyMap<string, T>;
  readonly #options: EvictionOptions<T>;
  #order: EvictionOrder<T> | undefined = undefined;
  #isMakingRoom = false;

  /**
   * @param all All sessions, the oldest first.
   * @param options The limit, and the function that ends a session.
   */
  constructor(all: ReadonlyMap<string, T>, options: EvictionOptions<T>) {
    this.#all = all;
    this.#options = options;
  }

  /** Enters a session that is new, or whose principal has changed. */
  note(item: T): void {
    this.#order?.note(item);
  }

  /**
   * Evicts a session if there is no room for another.
   *
   * @throws {Error} If a callback of an eviction makes a session that needs the
   * room of that eviction. Otherwise the evictions would never end.
   */
  makeRoom(): void {
    const { size } = this.#all;
    const { max, evict } = this.#options;
    if (this.#isMakingRoom) {
      if (size < max - 1) return;
      throw new Error(
        "Cannot make a session: the site is full, and room is being made for another",
      );
    }
    // An order is not needed for a while.
    if (size < max / 2) this.#order = undefined;
    if (size >= max * FULL_SOON && max > FEW) this.#openOrder();
    this.#order?.prepare();
    if (size < max) return;
    const item = this.#order?.take() ?? this.#findLongestIdle();
    if (item === undefined) return;
    this.#isMakingRoom = true;
    evict(item);
    this.#isMakingRoom = false;
  }

  #openOrder(): void {
    if (this.#order !== undefined) return;
    const module = loadLaterCode();
    if (!isPromiseLike(module)) {
      this.#order = new module.EvictionOrder(this.#all, this.#options);
    } else {
      // If it cannot be loaded, the next session tries again.
      module.catch(() => {});
    }
  }

  /**
   * Compares all sessions: anonymous ones go first, then those of a principal with
   * very many sessions.
   */
  #findLongestIdle(): T | undefined {
    const { findInCrowd, isHeld } = this.#options;
    let anonymous: T | undefined;
    let owned: T | undefined;
    for (const item of this.#all.values()) {
      if (item.principal === undefined) {
        if (goesBefore(item, anonymous, isHeld)) anonymous = item;
      } else if (goesBefore(item, owned, isHeld)) owned = item;
    }
    return anonymous ?? findInCrowd() ?? owned;
  }
}

/** Returns whether a session is evicted before another, if there is another. */
function goesBefore<T extends Pick<Evictable, "lastModified">>(
  item: T,
  other: T | undefined,
  isHeld: (item: T) => boolean,
): boolean {
  if (other === undefined) return true;
  const isItemHeld = isHeld(item);
  return isItemHeld === isHeld(other)
    ? item.lastModified < other.lastModified
    : !isItemHeld;
}

/** The number of sessions of one principal that are compared, to evict one. */
const SAMPLE = 64;

/**
 * Thrown at a login if the principal has the most sessions and
 * `whenPrincipalIsFull` is `"refuse"`; answered with 409.
 */
export class TooManySessionsError extends HttpError {
  /** @ignore */
  override name = "TooManySessionsError";

  /** Makes the error of a login that is refused. */
  constructor(message: string) {
    super(409, message);
  }
}

/** The sessions of each principal, and the limit of their number. */
export class PrincipalSessions {
  readonly #sessions = new Multimap<string, Session>();
  readonly #crowds: Crowds;
  /** Principals whose oldest session is being evicted. */
  readonly #evicting = new Set<string>();
  readonly #options: Readonly<SessionsOptions>;
  readonly #evict: (session: Session) => void;

  /** @param evict Ends a session that makes room for another one. */
  constructor(
    options: Readonly<SessionsOptions>,
    evict: (session: Session) => void,
  ) {
    this.#options = options;
    this.#evict = evict;
    this.#crowds = new Crowds(options.maxSessions ?? MAX_SESSIONS);
  }

  /**
   * Returns the live sessions of a principal, in the order in which they got it.
   */
  of(principal: string): Session[] {
    return this.#sessions.get(principal).filter((session) =>
      !session.checkExpired()
    );
  }

  /** Adds a session. */
  add(principal: string, session: Session): void {
    const before = this.#sessions.count(principal);
    this.#sessions.add(principal, session);
    this.#noteCount(principal, before);
  }

  /** Removes a session. */
  remove(principal: string, session: Session): void {
    const before = this.#sessions.count(principal);
    this.#sessions.remove(principal, session);
    this.#noteCount(principal, before);
  }

  /**
   * Returns a session of the principal with the most sessions, if it has very many:
   * among its oldest, the longest idle that no request uses.
   */
  findInCrowd(): Session | undefined {
    const principal = this.#crowds.find();
    if (principal === undefined) return undefined;
    let best: Session | undefined;
    let compared = 0;
    for (const session of this.#sessions.values(principal)) {
      if (goesBefore(session, best, isHeld)) best = session;
      if (++compared === SAMPLE) break;
    }
    return best;
  }

  #noteCount(principal: string, before: number): void {
    const count = this.#sessions.count(principal);
    if (count !== before) this.#crowds.note(principal, count, before);
  }

  /**
   * Ends the sessions of a principal with the oldest logins, if the principal has
   * the most sessions.
   *
   * @param session The session that gets the principal, if it exists already.
   * @throws {TooManySessionsError} If the options say so.
   */
  makeRoom(principal: string, session?: Session): void {
    // A callback of an eviction may set the principal that it still has.
    if (session !== undefined && this.#sessions.has(principal, session)) return;
    const { maxSessionsPerPrincipal = Infinity } = this.#options;
    // A callback of the session that makes room may not take the room.
    const isEvicting = this.#evicting.has(principal);
    const room = maxSessionsPerPrincipal - Number(isEvicting);
    if (this.#sessions.count(principal) < room) return;
    const sessions = this.of(principal);
    if (sessions.length < room) return;
    if (isEvicting || this.#options.whenPrincipalIsFull === "refuse") {
      throw new TooManySessionsError(
        `Cannot log in ${
          describe(principal)
        }: it has ${sessions.length} sessions already, as many as are allowed`,
      );
    }
    sessions.sort((one, other) => loggedInAt(one) - loggedInAt(other));
    this.#evicting.add(principal);
    // The loop may end several: assigned principals do not count against the limit.
    const { length } = sessions;
    for (const session of sessions.slice(0, length - room + 1)) {
      this.#evict(session);
    }
    this.#evicting.delete(principal);
  }
}

/** The time of the login in UNIX seconds; that of the creation without one. */
function loggedInAt({ authenticatedAt, createdAt }: Session): number {
  return authenticatedAt ?? createdAt;
}

/** The most sessions of a principal that a full site treats like any other. */
const MANY = 8;

/**
 * The principals that have very many sessions: more than 8, or more than half of
 * the site's limit if that is less.
 *
 * Each change takes a constant time: a principal's number of sessions changes by
 * one, so the largest number does too.
 */
export class Crowds {
  readonly #many: number;
  /** The principals with very many sessions, by their number. */
  readonly #byCount = new Map<number, Set<string>>();
  #largest = 0;

  /** @param max The most sessions of the site. */
  constructor(max: number) {
    this.#many = Math.min(MANY, Math.max(1, Math.floor(max / 2)));
  }

  /** Records the number of a principal's sessions, now and before. */
  note(principal: string, count: number, before: number): void {
    if (before > this.#many) {
      const principals = this.#byCount.get(before);
      principals?.delete(principal);
      if (principals?.size === 0) this.#byCount.delete(before);
    }
    if (count <= this.#many) return;
    this.#largest = Math.max(this.#largest, count);
    const principals = this.#byCount.get(count);
    if (principals === undefined) {
      this.#byCount.set(count, new Set([principal]));
    } else principals.add(principal);
  }

  /** Returns the principal with the most sessions, if it has very many. */
  find(): string | undefined {
    while (this.#largest > this.#many) {
      const [principal] = this.#byCount.get(this.#largest) ?? [];
      if (principal !== undefined) return principal;
      this.#largest--;
    }
    return undefined;
  }
}

/** Returns whether logins beyond the limit are refused. */
export function isRefusing(
  { maxSessionsPerPrincipal, whenPrincipalIsFull }: Readonly<SessionsOptions>,
): boolean {
  return maxSessionsPerPrincipal !== undefined &&
    whenPrincipalIsFull === "refuse";
}
