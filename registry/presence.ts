import type { Clock } from "../base/clock.ts";
import { randomId } from "../base/ids.ts";
import {
  callGuarded,
  checkCallback,
  type MaybePromise,
} from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import { IS_STREAMING } from "../session/internals.ts";
import type { OwnerOf } from "../session/session_owner.ts";
import type { Expiring } from "../session/session_warnings.ts";
import type { Session, SessionEnd } from "../session.ts";
import type { EndDelivery } from "./end_delivery.ts";
import type { HeldKey, HoldBackend, NewHold } from "./hold_backend.ts";
import type { SessionInfo } from "./session_backend.ts";

/**
 * Where a visitor is, by all sessions of a principal in all processes.
 *
 * - `"present"`: a stream or a socket is open, or a visit was less than `awayAfter`
 *   seconds ago
 * - `"away"`: there is a session, and no more than that
 * - `"offline"`: there is no session
 */
export type PresenceState = "present" | "away" | "offline";

/** A change of a visitor's presence, as callbacks get it. */
export interface PresenceChange {
  /** The user that the sessions belong to. */
  readonly principal: string;
  /** Where the visitor is from now on. */
  readonly state: PresenceState;
}

/** Called with each change of presence. */
export type PresenceCallback = (change: PresenceChange) => unknown;

/** The name of the callback of the holds here. */
const CALLBACK = "@curfew/presence";

/** Milliseconds until a change that the store did not take is tried again. */
const RETRY = 1000;

/** Milliseconds between two looks at a hold whose end is being delivered. */
const LOOK_EVERY = 50;

/** Milliseconds for which such a hold is waited for: callbacks may hang. */
const PATIENCE = 8000;

/** Milliseconds before each further call of a callback that fails. */
const PAUSES = [1000, 2000, 4000];

/** Milliseconds that an absent visitor is known beyond the end of the sessions. */
const MARGIN = 60_000;

/** A change, as the hold whose end tells it keeps it. */
interface Change extends PresenceChange {
  /** Whether the hold of the arrived visitor was taken before. */
  readonly isEntered?: boolean;
}

/** A visitor whom this process has seen of late. */
interface Visitor extends Expiring {
  readonly principal: string;
  /** The sessions with open streams here. */
  readonly streaming: Set<Session>;
  /** UNIX milliseconds of the last visit, or the last change of the streams. */
  seenAt: number;
  /** Whether the first hold was taken, and the arrival is still to be told. */
  isUntold: boolean;
  /** Whether a call to the store is under way. */
  isBusy: boolean;
  entry: number;
}

/** The members of the registry that presence uses. */
export interface PresenceRegistry {
  readonly clock: Clock;
  readonly options: { readonly awayAfter?: number };
  readonly site: { reportError(error: unknown, context: object): void };
  readonly queue: OwnerOf<Session, SessionEnd>["queue"];
  readonly backend: {
    readonly mustLoad: boolean;
    readonly holds: HoldBackend;
    keyOf(secret: string): string;
    list(principal: string): MaybePromise<SessionInfo[]>;
  };
  readonly delivery: EndDelivery;
  readonly sessions: ReadonlyMap<string, Session>;
  readonly isClosed: boolean;
  sessionsOf(principal: string): Session[];
}

/**
 * Which visitors are present, by their principals.
 *
 * Two holds without a session say so, in the store where there is one. The first
 * lives while the visitor is present: each process that sees him touches it, and it
 * ends `awayAfter` seconds after the last touch, whichever process dies. The second
 * lives while he is away. A change is the end of one of them, so one process claims
 * it and calls the callbacks, and another one does if that process dies. A hold
 * cannot be taken while the end of its predecessor is delivered, so the changes of
 * one visitor keep their order.
 */
export class Presence {
  readonly #registry: PresenceRegistry;
  readonly #awayAfter: number;
  readonly #callbacks = new Set<{ readonly callback: PresenceCallback }>();
  readonly #visitors = new Map<string, Visitor>();
  #halting: Promise<void> | undefined = undefined;

  constructor(registry: PresenceRegistry) {
    this.#registry = registry;
    this.#awayAfter = awayAfterOf(registry);
    registry.delivery.register(
      CALLBACK,
      (change, end) => this.#conclude(change as Change, end),
    );
    registry.delivery.add(({ session: { principal } }) =>
      principal === undefined ? undefined : this.#noteEnd(principal)
    );
    for (const session of registry.sessions.values()) {
      if (session[IS_STREAMING]) this.note(session);
    }
  }

  /**
   * Adds a callback.
   *
   * @returns a function that takes it back, this registration only.
   */
  add(callback: PresenceCallback): () => void {
    checkCallback("notify of presence", callback);
    const entry = { callback };
    this.#callbacks.add(entry);
    return () => void this.#callbacks.delete(entry);
  }

  /** Notes a visit of a session, or that its streams have changed. */
  note(session: Session): void {
    const { principal } = session;
    if (principal === undefined) return;
    const { clock, queue } = this.#registry;
    const now = clock.now();
    const known = this.#visitors.get(principal);
    const { isClosed } = this.#registry;
    if (known === undefined && (isClosed || !session.isActive)) return;
    const visitor: Visitor = known ?? {
      principal,
      streaming: new Set(),
      seenAt: now,
      isUntold: false,
      isBusy: false,
      entry: 0,
      checkExpired: (now: number) => this.#renew(visitor, now),
    };
    visitor.seenAt = now;
    if (session[IS_STREAMING]) visitor.streaming.add(session);
    else visitor.streaming.delete(session);
    if (known !== undefined) return;
    this.#visitors.set(principal, visitor);
    visitor.entry = queue.add(visitor, now + this.#pause(), now);
    void this.#touch(visitor, true);
  }

  /** Stops; resolves when the store has the times of the last visits. */
  halt(): Promise<void> {
    return this.#halting ??= this.#halt();
  }

  async #halt(): Promise<void> {
    const visitors = [...this.#visitors.values()];
    for (const visitor of visitors) this.#forget(visitor);
    if (!this.#registry.backend.mustLoad) return;
    await Promise.all(visitors.map((visitor) => this.#touch(visitor, false)));
  }

  /** Milliseconds until a hold is touched again; spread, so that not all are at once. */
  #pause(): number {
    return this.#awayAfter * (0.25 + Math.random() / 12);
  }

  /** Touches the hold of a visitor, who is forgotten if he is not here. */
  async #renew(visitor: Visitor, now: number): Promise<void> {
    this.#registry.queue.move(visitor.entry, now + this.#pause(), now);
    if (visitor.isBusy) return;
    const { principal, isUntold, seenAt } = visitor;
    const isHere = this.#isStreaming(visitor);
    // The last session may have ended elsewhere since the visit.
    const mayArrive = isHere || isUntold ||
      this.#registry.sessionsOf(principal).length > 0;
    const isDone = await this.#touch(visitor, mayArrive);
    if (isDone && !isHere && seenAt === visitor.seenAt) this.#forget(visitor);
  }

  /**
   * Touches the hold of a visitor; has an arrival told if there is none.
   *
   * @returns false if that has to be tried again, which it is soon.
   */
  async #touch(visitor: Visitor, mayArrive: boolean): Promise<boolean> {
    const { clock, queue } = this.#registry;
    const { principal, seenAt } = visitor;
    const idle = this.#isStreaming(visitor) ? 0 : clock.now() - seenAt;
    visitor.isBusy = true;
    let isDone = false;
    try {
      const isPresent = await this.#holds.touch(this.#here(principal), idle);
      isDone = (isPresent && !visitor.isUntold) || !mayArrive ||
        await this.#arrive(visitor);
    } catch (error) {
      // The holds have reported a failure of the store.
      if (!(error instanceof HttpError)) this.#report(error);
    }
    visitor.isBusy = false;
    const now = clock.now();
    const again = now + Math.min(RETRY, this.#pause());
    const isKnown = this.#visitors.get(principal) === visitor;
    if (!isDone && isKnown) queue.move(visitor.entry, again, now);
    return isDone;
  }

  #isStreaming({ streaming, principal }: Visitor): boolean {
    for (const session of streaming) {
      const isHere = session.isActive && session[IS_STREAMING];
      if (isHere && session.principal === principal) return true;
      streaming.delete(session);
    }
    return false;
  }

  #forget({ principal, entry }: Visitor): void {
    if (this.#visitors.delete(principal)) this.#registry.queue.remove(entry);
  }

  /** Has an arrival told; returns false if that has to be tried again. */
  async #arrive(visitor: Visitor): Promise<boolean> {
    const { principal } = visitor;
    const change = { principal, state: "present" } as const;
    const away = await this.#holds.find(this.#away(principal));
    if (away === undefined && !visitor.isUntold) {
      // It is taken while the change before is delivered, or by another process.
      const here = await this.#holds.take(this.#stay(principal));
      if (here === undefined) return false;
      visitor.isUntold = true;
    }
    const told = { ...change, isEntered: visitor.isUntold };
    const isTold = await this.#tell(this.#away(principal), told, away);
    if (isTold) visitor.isUntold = false;
    return isTold;
  }

  /** Tells that a visitor is offline, if the last session has ended. */
  async #noteEnd(principal: string): Promise<void> {
    const infos = await this.#registry.backend.list(principal);
    if (infos.length > 0) return;
    const change = { principal, state: "offline" } as const;
    for (const key of [this.#here(principal), this.#away(principal)]) {
      const held = await this.#holds.find(key);
      if (held !== undefined) return void await this.#tell(key, change, held);
    }
  }

  /** Takes a hold that ends at once, so that one process tells of a change. */
  async #tell(
    key: string,
    change: Change,
    former: HeldKey | undefined,
  ): Promise<boolean> {
    const hold = holdOf(key, 0, change);
    return await this.#holds.take(hold, former?.fence) !== undefined;
  }

  /** Begins what follows a change, and calls the callbacks. */
  async #conclude(
    { principal, state, isEntered }: Change,
    end: SessionEnd,
  ): Promise<void> {
    if (state === "present") {
      // This process stops, and the session has ended with it.
      if (end.reason === "shutdown") return;
      if (!isEntered) await this.#begin(this.#stay(principal), end);
    } else if (state === "away" && !await this.#beginAway(principal, end)) {
      state = "offline";
    }
    await this.#call({ principal, state });
  }

  /** Begins the time for which a visitor is away; false without a session. */
  async #beginAway(principal: string, end: SessionEnd): Promise<boolean> {
    const { backend, clock } = this.#registry;
    const infos = await backend.list(principal);
    if (infos.length === 0) return false;
    const last = Math.max(...infos.map(({ expiresAt }) => expiresAt)) * 1000;
    const length = Math.max(0, last - clock.now()) + MARGIN;
    const change = { principal, state: "offline" } as const;
    await this.#begin(holdOf(this.#away(principal), length, change), end);
    return true;
  }

  /** Takes a hold; waits while the end of its predecessor is delivered. */
  async #begin(hold: NewHold, { attempt }: SessionEnd): Promise<void> {
    for (let waited = 0; waited < PATIENCE; waited += LOOK_EVERY) {
      if (await this.#holds.take(hold) !== undefined) return;
      // A process that has died since may have taken it, and it may be over.
      const isTaken = await this.#holds.find(hold.key) !== undefined;
      if (isTaken || attempt > 1) return;
      await this.#sleep(LOOK_EVERY);
    }
  }

  /** Calls the callbacks; those that fail again, after pauses. */
  async #call(change: PresenceChange): Promise<void> {
    let left = [...this.#callbacks];
    for (const pause of [...PAUSES, undefined]) {
      const failed: typeof left = [];
      let lastError: unknown;
      await Promise.all(
        left.map((entry) =>
          callGuarded(() => entry.callback(change), (error) => {
            this.#report(lastError = error);
            failed.push(entry);
          })
        ),
      );
      if (failed.length === 0 || pause === undefined) return;
      // Over a store another process calls them.
      if (this.#registry.isClosed) throw lastError;
      await this.#sleep(pause);
      left = failed.filter((entry) => this.#callbacks.has(entry));
    }
  }

  get #holds(): HoldBackend {
    return this.#registry.backend.holds;
  }

  /** Returns the hold of a visitor who is present. */
  #stay(principal: string): NewHold {
    const change = { principal, state: "away" } as const;
    const hold = holdOf(this.#here(principal), this.#awayAfter, change);
    return { ...hold, isTouched: true };
  }

  #here(principal: string): string {
    return hereOf(this.#registry, principal);
  }

  #away(principal: string): string {
    return keyOf(this.#registry, "away", principal);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#registry.clock.setTimeout(resolve, ms);
    });
  }

  #report(error: unknown): void {
    this.#registry.site.reportError(error, {});
  }
}

/** Looks up where a visitor is. */
export async function presenceOf(
  registry: PresenceRegistry,
  principal: string,
): Promise<PresenceState> {
  const { backend, clock } = registry;
  const infos = await backend.list(principal);
  if (infos.length === 0) return "offline";
  const since = (clock.now() - awayAfterOf(registry)) / 1000;
  const isHere = infos.some(({ lastModified }) => lastModified > since) ||
    registry.sessionsOf(principal).some((session) => session[IS_STREAMING]) ||
    await backend.holds.find(hereOf(registry, principal)) !== undefined;
  return isHere ? "present" : "away";
}

function holdOf(key: string, length: number, change: Change): NewHold {
  const callback = { name: CALLBACK, argument: change };
  return { key, holder: undefined, id: randomId(), length, callback };
}

function hereOf(registry: PresenceRegistry, principal: string): string {
  return keyOf(registry, "here", principal);
}

function keyOf(
  { backend }: PresenceRegistry,
  kind: "here" | "away",
  principal: string,
): string {
  // A principal may have characters that no uid of a record can have.
  return `${CALLBACK} ${kind} ${backend.keyOf(JSON.stringify(principal))}`;
}

function awayAfterOf({ options }: PresenceRegistry): number {
  return (options.awayAfter ?? 10) * 1000;
}
