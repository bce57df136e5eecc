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
 * The presence of a visitor: of a principal, by its sessions in all processes.
 *
 * - `"present"`: a stream or a socket is open, or the last visit was less than
 *   `awayAfter` seconds ago
 * - `"away"`: there is a session, but no stream, socket or recent visit
 * - `"offline"`: there is no session
 */
export type PresenceState = "present" | "away" | "offline";

/** A change of a visitor's presence, as callbacks get it. */
export interface PresenceChange {
  /** The user that the sessions belong to. */
  readonly principal: string;
  /** The presence from now on. */
  readonly state: PresenceState;
}

/** Called with each change of presence. */
export type PresenceCallback = (change: PresenceChange) => unknown;

/** The name of the callback of these holds. */
const CALLBACK = "@curfew/presence";

/** Milliseconds before a change that could not be written is tried again. */
const RETRY = 1000;

/** Milliseconds between two checks of a hold whose end is being delivered. */
const LOOK_EVERY = 50;

/** The longest milliseconds to wait for such a hold, since callbacks may hang. */
const PATIENCE = 8000;

/** Milliseconds before each further call of a callback that fails. */
const PAUSES = [1000, 2000, 4000];

/** Milliseconds for which the hold of an absent visitor outlasts the sessions. */
const MARGIN = 60_000;

/** A change, as the argument of the hold whose end announces it. */
interface Change extends PresenceChange {
  /** Whether the hold of the arrived visitor was taken before. */
  readonly isEntered?: boolean;
}

/** A visitor with a recent visit, or an open stream, in this process. */
interface Visitor extends Expiring {
  readonly principal: string;
  /** The sessions with open streams here. */
  readonly streaming: Set<Session>;
  /** UNIX milliseconds of the last visit, or the last change of the streams. */
  seenAt: number;
  /** Whether the first hold was taken and the arrival is not announced yet. */
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
 * The presence of visitors, by their principals.
 *
 * It is kept by two holds without a session, over a store in the store. The first
 * lives while the visitor is present: each process with a visit touches it, and it
 * ends `awayAfter` seconds after the last touch, even if processes die. The second
 * lives while the visitor is away. Each change is the end of a hold, so one process
 * claims it and calls the callbacks; if that process dies, another one does. A hold
 * cannot be taken while the end of the one before is being delivered, so the
 * changes of one visitor stay in order.
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
   * @returns a function that removes this registration only.
   */
  add(callback: PresenceCallback): () => void {
    checkCallback("notify of presence", callback);
    const entry = { callback };
    this.#callbacks.add(entry);
    return () => void this.#callbacks.delete(entry);
  }

  /** Records a visit of a session, or a change of its streams. */
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

  /**
   * Returns the milliseconds until a hold is touched again; random, to spread the
   * calls.
   */
  #pause(): number {
    return this.#awayAfter * (0.25 + Math.random() / 12);
  }

  /** Touches the hold of a visitor, or forgets a visitor who is not here. */
  async #renew(visitor: Visitor, now: number): Promise<void> {
    this.#registry.queue.move(visitor.entry, now + this.#pause(), now);
    if (visitor.isBusy) return;
    const { principal, isUntold, seenAt } = visitor;
    const isHere = this.#isStreaming(visitor);
    // Since the visit, another process may have ended the last session.
    const mayArrive = isHere || isUntold ||
      this.#registry.sessionsOf(principal).length > 0;
    const isDone = await this.#touch(visitor, mayArrive);
    if (isDone && !isHere && seenAt === visitor.seenAt) this.#forget(visitor);
  }

  /**
   * Touches the hold of a visitor; if there is no hold, announces the arrival.
   *
   * @returns false if that must be tried again soon.
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
      // A failure of the store was reported before.
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

  /** Announces an arrival; returns false if that must be tried again. */
  async #arrive(visitor: Visitor): Promise<boolean> {
    const { principal } = visitor;
    const change = { principal, state: "present" } as const;
    const away = await this.#holds.find(this.#away(principal));
    if (away === undefined && !visitor.isUntold) {
      // The key is taken while the change before is delivered, or by another
      // process.
      const here = await this.#holds.take(this.#stay(principal));
      if (here === undefined) return false;
      visitor.isUntold = true;
    }
    const told = { ...change, isEntered: visitor.isUntold };
    const isTold = await this.#tell(this.#away(principal), told, away);
    if (isTold) visitor.isUntold = false;
    return isTold;
  }

  /** Announces that a visitor is offline, if the last session has ended. */
  async #noteEnd(principal: string): Promise<void> {
    const infos = await this.#registry.backend.list(principal);
    if (infos.length > 0) return;
    const change = { principal, state: "offline" } as const;
    for (const key of [this.#here(principal), this.#away(principal)]) {
      const held = await this.#holds.find(key);
      if (held !== undefined) return void await this.#tell(key, change, held);
    }
  }

  /** Takes a hold that ends at once, so that one process announces a change. */
  async #tell(
    key: string,
    change: Change,
    former: HeldKey | undefined,
  ): Promise<boolean> {
    const hold = holdOf(key, 0, change);
    return await this.#holds.take(hold, former?.fence) !== undefined;
  }

  /** Takes the next hold after a change, and calls the callbacks. */
  async #conclude(
    { principal, state, isEntered }: Change,
    end: SessionEnd,
  ): Promise<void> {
    if (state === "present") {
      // The process stops, and the sessions end with it.
      if (end.reason === "shutdown") return;
      if (!isEntered) await this.#begin(this.#stay(principal), end);
    } else if (state === "away" && !await this.#beginAway(principal, end)) {
      state = "offline";
    }
    await this.#call({ principal, state });
  }

  /** Takes the hold of an absent visitor; returns false without a session. */
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

  /** Takes a hold; waits while the end of the one before is delivered. */
  async #begin(hold: NewHold, { attempt }: SessionEnd): Promise<void> {
    for (let waited = 0; waited < PATIENCE; waited += LOOK_EVERY) {
      if (await this.#holds.take(hold) !== undefined) return;
      // A process that has died may have taken the key, and that hold may be over.
      const isTaken = await this.#holds.find(hold.key) !== undefined;
      if (isTaken || attempt > 1) return;
      await this.#sleep(LOOK_EVERY);
    }
  }

  /** Calls the callbacks; calls those that fail again, after pauses. */
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
      // Over a store, another process calls the callbacks.
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

/** Returns the presence of a visitor. */
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
