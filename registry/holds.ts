import { randomId } from "../base/ids.ts";
import { proceed } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import type {
  EndRegistration,
  HeldKey,
  HoldBackend,
  NewHold,
} from "./hold_backend.ts";
import type { Session, SessionChange } from "../session.ts";
import {
  checkHold,
  checkHoldKey,
  type Hold,
  type HoldOptions,
} from "../session/hold.ts";
import {
  type NamedCallback,
  namedCallbackOf,
} from "../session/named_callback.ts";

/** The name of the callback by which a session ends its holds. */
const CALLBACK = "@curfew/hold";

/**
 * Milliseconds until a hold without a deadline ends, as long as its session does
 * not have the callback that ends it: this process may die in between.
 */
const PROVISIONAL = 30_000;

/** The argument of the callback by which a session ends one hold. */
type Bond = Pick<HeldKey, "key" | "id">;

/** The members of the registry that holds use. */
export interface HoldingRegistry {
  readonly backend: {
    changed(session: Session, change: SessionChange): void;
  };
  readonly delivery: EndRegistration;
  readonly calls: { track(promise: Promise<unknown>, session: Session): void };
  readonly namedCallbacks: ReadonlyMap<string, unknown>;
  readonly isClosed: boolean;
}

/**
 * The holds of keys by sessions and by the program.
 *
 * The backend gives a key to one holder. A named callback of the session ends its
 * holds. The callback is written after the hold was taken.
 */
export class Holds {
  readonly #registry: HoldingRegistry;
  readonly #backend: HoldBackend;

  constructor(registry: HoldingRegistry, backend: HoldBackend) {
    this.#registry = registry;
    this.#backend = backend;
    // Each process may have to deliver the end of a session with holds.
    registry.delivery.register(
      CALLBACK,
      (bond, { reason }) => {
        const { key, id } = bond as Bond;
        return proceed(
          backend.end(key, (held) => held.id === id, reason),
          () => {},
        );
      },
    );
  }

  /** Holds a key for a session, or renews its hold. */
  hold(
    session: Session,
    key: string,
    options: HoldOptions,
  ): Promise<Hold | undefined> {
    return this.#hold(session, options, { key });
  }

  /**
   * @param renewed The one hold to renew; undefined to take or renew the session's
   * hold.
   */
  async #hold(
    session: Session,
    options: HoldOptions,
    { key, renewed }: { readonly key: string; readonly renewed?: HeldKey },
  ): Promise<Hold | undefined> {
    const wanted = this.#holdOf(key, options, session.uid);
    const holds = this.#backend;
    mustLive(session);
    const hasDeadline = wanted.length < Infinity;
    const first = hasDeadline ? wanted : { ...wanted, length: PROVISIONAL };
    let former = renewed;
    let held = await holds.take(first, former?.fence);
    if (held === undefined) {
      if (renewed !== undefined) return undefined;
      former = await holds.find(key);
      if (former?.holder !== session.uid) return undefined;
      held = await holds.take(first, former.fence);
      if (held === undefined) return undefined;
    }
    let isComplete = hasDeadline;
    try {
      mustLive(session);
      const { key: bond } = this.#bind(session, held);
      // A client of the store that sends a take() twice finds its own hold.
      if (former !== undefined && former.id !== held.id) {
        this.#bind(session, former, true);
      }
      await holds.keep(session, CALLBACK);
      isComplete ||= !await holds.isLasting(session, bond);
    } catch (error) {
      // A hold that was renewed ends with its session, or at its own deadline.
      if (former === undefined) await this.#drop(held);
      else await this.#endWith(session, held);
      throw error;
    }
    if (!isComplete) held = await holds.take(wanted, held.fence);
    if (held === undefined) return undefined;
    const own = { key, renewed: held };
    return this.#holdFor(
      held,
      session,
      (seconds) => this.#hold(session, { ...options, ...seconds }, own),
    );
  }

  /** Ends a hold whose session has ended while the hold was renewed. */
  async #endWith(session: Session, { key, id }: HeldKey): Promise<void> {
    const { end } = session;
    if (end === undefined) return;
    const holds = this.#backend;
    const endHold = async () => {
      try {
        await holds.end(key, (held) => held.id === id, end.reason);
      } catch {
        // The hold ends at its own deadline.
      }
    };
    await holds.afterEnd(session, () => {
      const ending = endHold();
      // The close of the site waits for it.
      this.#registry.calls.track(ending, session);
      return ending;
    });
  }

  /**
   * Releases the hold of a session; returns false if the session does not hold the
   * key.
   */
  async release(session: Session, key: string): Promise<boolean> {
    checkHoldKey("release", key);
    return await this.#release(
      key,
      ({ holder }) => holder === session.uid,
      session,
    );
  }

  /** Holds a key without a session. */
  async lease(
    key: string,
    options: HoldOptions,
    replaces?: number,
  ): Promise<Hold | undefined> {
    const wanted = this.#holdOf(key, options, undefined);
    const holds = this.#backend;
    const held = await holds.take(wanted, replaces);
    if (held === undefined) return undefined;
    return this.#holdFor(
      held,
      undefined,
      (seconds) => this.lease(key, { ...options, ...seconds }, held.fence),
    );
  }

  /** Releases the hold with a fencing number; returns false if it has ended. */
  async releaseLease(key: string, fence: number): Promise<boolean> {
    checkHoldKey("release", key);
    return await this.#release(key, (held) => held.fence === fence, undefined);
  }

  #holdFor(
    held: HeldKey,
    session: Session | undefined,
    renew: (seconds: HoldOptions) => Promise<Hold | undefined>,
  ): Hold {
    const { key, fence, until } = held;
    const release = () =>
      this.#release(key, (held) => held.fence === fence, session);
    return {
      key,
      fence,
      expiresAt: until / 1000,
      release,
      renew: (seconds) => renew(seconds === undefined ? {} : { seconds }),
      [Symbol.asyncDispose]: async () => void await release(),
    };
  }

  async #release(
    key: string,
    isMeant: (held: HeldKey) => boolean,
    session: Session | undefined,
  ): Promise<boolean> {
    const holds = this.#backend;
    const released = await holds.end(key, isMeant, undefined);
    if (released === undefined) return false;
    if (session?.isActive) this.#bind(session, released, true);
    return true;
  }

  /**
   * Releases a hold that the caller does not get. If that fails, its deadline ends
   * it.
   */
  async #drop({ key, id }: HeldKey): Promise<void> {
    try {
      await this.#release(key, (held) => held.id === id, undefined);
    } catch {
      // The store fails.
    }
  }

  /** Gives a session the callback that ends a hold, or removes that callback. */
  #bind(session: Session, { key, id }: Bond, isRemoved = false): NamedCallback {
    const callback = namedCallbackOf(this.#registry.namedCallbacks, {
      name: CALLBACK,
      argument: { key, id },
      options: undefined,
    });
    this.#registry.backend.changed(session, {
      kind: "callback",
      callback,
      isRemoved,
    });
    return callback;
  }

  #holdOf(
    key: string,
    options: HoldOptions,
    holder: string | undefined,
  ): NewHold {
    const { namedCallbacks, isClosed } = this.#registry;
    const isLease = holder === undefined;
    checkHold(key, options, { callbacks: namedCallbacks, isLease });
    if (isClosed) throw new HttpError(503, "The sessions are closed");
    const { seconds = Infinity, then, argument } = options;
    const callback = then === undefined ? undefined : { name: then, argument };
    const length = Math.ceil(seconds * 1000);
    return { key, holder, id: randomId(), length, callback };
  }
}

/** @throws {SessionEndedError} If the session has ended. */
function mustLive(session: Session): void {
  // The signal of a session that lives would make it an observed one.
  if (!session.isActive) session.signal.throwIfAborted();
}
