import {
  addCallback,
  type Callbacks,
  callGuarded,
  type MaybePromise,
} from "../base/promises.ts";
import type { Clock } from "../base/clock.ts";
import type { SessionEnd } from "../session.ts";
import type { HeldKey, HoldBackend, NewHold } from "./hold_backend.ts";
import {
  awayAfterOf,
  type Change,
  holdOf,
  keyOf,
  type PresenceChange,
} from "./presence_holds.ts";
import type { SessionInfo } from "./session_backend.ts";

/** Called with each change of presence. */
export type PresenceCallback = (change: PresenceChange) => unknown;

/** Milliseconds between two checks of a hold whose end is being delivered. */
const LOOK_EVERY = 50;

/** The longest milliseconds to wait for such a hold, since callbacks may hang. */
const PATIENCE = 8000;

/** Milliseconds before each further call of a callback that fails. */
const PAUSES = [1000, 2000, 4000];

/** Milliseconds for which the hold of an absent visitor outlasts the sessions. */
const MARGIN = 60_000;

/** A visitor who arrives. */
export interface Arrival {
  readonly principal: string;
  /** The id of the first hold, if it was taken and the arrival is not announced yet. */
  pending: string | undefined;
}

/** The members of the registry that changes of presence use. */
export interface ChangesRegistry {
  readonly clock: Clock;
  readonly options: { readonly awayAfter?: number };
  readonly site: { reportError(error: unknown, context: object): void };
  readonly backend: {
    keyOf(secret: string): string;
    readonly directory: {
      list(principal: string): MaybePromise<SessionInfo[]>;
    };
  };
  readonly isClosed: boolean;
}

/**
 * The changes of the presence of visitors, each announced once.
 *
 * The presence of a visitor is kept by two holds without a session, over a store in
 * the store. The first lives while the visitor is present, and ends `awayAfter`
 * seconds after its last touch. The second lives while the visitor is away. Each
 * change is the end of a hold, so one process claims it and calls the callbacks; if
 * that process dies, another one does. A hold cannot be taken while the end of the
 * one before is being delivered, so the changes of one visitor stay in order.
 */
export class PresenceChanges {
  readonly #registry: ChangesRegistry;
  readonly #holds: HoldBackend;
  readonly #callbacks: Callbacks<PresenceCallback> = new Set();

  constructor(registry: ChangesRegistry, holds: HoldBackend) {
    this.#registry = registry;
    this.#holds = holds;
  }

  /**
   * Adds a callback.
   *
   * @returns a function that removes this registration only.
   */
  add(callback: PresenceCallback): () => void {
    return addCallback(this.#callbacks, callback);
  }

  /** Announces an arrival; returns false if that must be tried again. */
  async arrive(visitor: Arrival): Promise<boolean> {
    const { principal } = visitor;
    const key = this.#away(principal);
    const away = await this.#holds.find(key);
    if (visitor.pending !== undefined) {
      const here = await this.#holds.find(this.#here(principal));
      if (here !== undefined && here.id !== visitor.pending) {
        // Another process has announced the same arrival.
        visitor.pending = undefined;
        return true;
      }
      // The stay begins when it is announced. If it is over, the visitor may have left.
      if (here === undefined || !await this.#holds.touch(here.key, 0)) {
        visitor.pending = undefined;
        return false;
      }
    } else if (away === undefined) {
      // The key is taken while the change before is delivered, or by another
      // process.
      const here = await this.#holds.take(this.#stay(principal));
      if (here === undefined) return false;
      visitor.pending = here.id;
    }
    const stay = visitor.pending;
    const change = { principal, state: "present", stay } as const;
    const isAnnounced = await this.#announce(key, change, away);
    if (isAnnounced) visitor.pending = undefined;
    return isAnnounced;
  }

  /** Announces that a visitor is offline, if the last session has ended. */
  async noteEnd(principal: string): Promise<void> {
    if (!await this.#isOffline(principal)) return;
    const change = { principal, state: "offline" } as const;
    for (const key of [this.#here(principal), this.#away(principal)]) {
      const held = await this.#holds.find(key);
      if (held !== undefined) {
        return void await this.#announce(key, change, held);
      }
    }
  }

  /** Takes a hold that ends at once, so that one process announces a change. */
  async #announce(
    key: string,
    change: Change,
    former: HeldKey | undefined,
  ): Promise<boolean> {
    const hold = holdOf(key, 0, change);
    return await this.#holds.take(hold, former?.fence) !== undefined;
  }

  /** Takes the next hold after a change, and calls the callbacks. */
  async conclude(change: Change, end: SessionEnd): Promise<void> {
    const { principal, stay } = change;
    let { state } = change;
    if (state === "present") {
      // The process stops, and the sessions end with it.
      if (end.reason === "shutdown") return;
      if (stay === undefined) await this.#beginStay(principal, end);
      else if (!await this.#isNews(principal, stay)) return;
    } else if (state === "away" && !await this.#beginAway(principal, end)) {
      state = "offline";
    }
    if (state === "offline") await this.#waitForOther(principal, end);
    await this.#call({ principal, state }, end);
  }

  /**
   * Returns whether an arrival is still to be told: its stay may have ended with the
   * last session, or another process may have announced the same arrival since.
   *
   * @param stay The id of the first hold.
   */
  async #isNews(principal: string, stay: string): Promise<boolean> {
    const here = await this.#holds.find(this.#here(principal));
    if (here !== undefined) return here.id === stay;
    return !await this.#isOffline(principal);
  }

  async #isOffline(principal: string): Promise<boolean> {
    const { directory } = this.#registry.backend;
    return (await directory.list(principal)).length === 0;
  }

  /**
   * Waits until the change before is told: that was the end of the other hold, whose
   * key is free then.
   */
  async #waitForOther(principal: string, end: SessionEnd): Promise<void> {
    // A process without a store takes no more holds when it stops.
    if (this.#registry.isClosed && this.#holds.owners === undefined) return;
    const here = this.#here(principal);
    const key = end.hold?.key === here ? this.#away(principal) : here;
    const hold = holdOf(key, 0, { principal, state: "offline" });
    await this.#begin({ ...hold, callback: undefined }, end);
  }

  /**
   * Takes the hold of a visitor who is present. If another process has taken it
   * meanwhile, replaces it: from its id, that process knows that the arrival is
   * announced.
   */
  async #beginStay(principal: string, end: SessionEnd): Promise<void> {
    const stay = this.#stay(principal);
    const taken = await this.#begin(stay, end);
    // A process that owns the hold does not touch it.
    if (taken === undefined || taken.owner !== undefined) return;
    await this.#holds.take(stay, taken.fence);
  }

  /** Takes the hold of an absent visitor; returns false without a session. */
  async #beginAway(principal: string, end: SessionEnd): Promise<boolean> {
    const { backend, clock } = this.#registry;
    const infos = await backend.directory.list(principal);
    if (infos.length === 0) return false;
    const last = Math.max(...infos.map(({ expiresAt }) => expiresAt)) * 1000;
    const length = Math.max(0, last - clock.now()) + MARGIN;
    const change = { principal, state: "offline" } as const;
    const key = this.#away(principal);
    const since = clock.now();
    await this.#begin(holdOf(key, length, change), end);
    // The last session may have ended meanwhile.
    if (clock.now() - since < LOOK_EVERY) return true;
    if (!await this.#isOffline(principal)) return true;
    const held = await this.#holds.find(key);
    if (held === undefined) return false;
    await this.#announce(key, change, held);
    return true;
  }

  /**
   * Takes a hold; waits while the end of the one before is delivered.
   *
   * @returns the hold of another process that has the key.
   */
  async #begin(
    hold: NewHold,
    { attempt }: SessionEnd,
  ): Promise<HeldKey | undefined> {
    for (let waited = 0; waited < PATIENCE; waited += LOOK_EVERY) {
      if (await this.#holds.take(hold) !== undefined) return undefined;
      // A process that has died may have taken the key, and that hold may be over.
      const taken = await this.#holds.find(hold.key);
      if (taken !== undefined || attempt > 1) return taken;
      await this.#sleep(LOOK_EVERY);
    }
  }

  /**
   * Calls the callbacks, as long as this process delivers the end of the hold; calls
   * those that fail again, after pauses.
   */
  async #call(change: PresenceChange, end: SessionEnd): Promise<void> {
    const callbacks = this.#callbacks;
    // A callback before this one may have taken it back.
    const call = (entry: { readonly callback: PresenceCallback }) =>
      callbacks.has(entry) ? entry.callback(change) : undefined;
    let left = [...callbacks];
    for (const pause of [...PAUSES, undefined]) {
      // The process may have stood still, or have waited for the store.
      if (await this.#holds.confirm?.(end) === false) return;
      const failed: typeof left = [];
      let lastError: unknown;
      await Promise.all(
        left.map((entry) =>
          callGuarded(() => call(entry), (error) => {
            this.#registry.site.reportError(lastError = error, {});
            failed.push(entry);
          })
        ),
      );
      if (failed.length === 0 || pause === undefined) return;
      // Over a store, another process calls the callbacks.
      if (this.#registry.isClosed) throw lastError;
      await this.#sleep(pause);
      left = failed;
    }
  }

  /** Returns the hold of a visitor who is present. */
  #stay(principal: string): NewHold {
    const change = { principal, state: "away" } as const;
    const length = awayAfterOf(this.#registry);
    const hold = holdOf(this.#here(principal), length, change);
    return { ...hold, isTouched: true };
  }

  #here(principal: string): string {
    return keyOf(this.#registry, "here", principal);
  }

  #away(principal: string): string {
    return keyOf(this.#registry, "away", principal);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#registry.clock.setTimeout(resolve, ms);
    });
  }
}
