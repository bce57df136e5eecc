import { HttpError } from "../http/http_error.ts";
import type { OwnerOf } from "../session/session_owner.ts";
import type { Expiring } from "../session/deadline.ts";
import type { Session, SessionEnd } from "../session.ts";
import type {
  EndRegistration,
  HeldKey,
  HoldBackend,
  HoldLease,
  LeaseEnd,
} from "./hold_backend.ts";
import {
  type Arrival,
  type ChangesRegistry,
  type PresenceCallback,
  PresenceChanges,
} from "./presence_changes.ts";
import {
  awayAfterOf,
  CALLBACK,
  type Change,
  keyOf,
  type PresenceState,
} from "./presence_holds.ts";

export type { PresenceCallback } from "./presence_changes.ts";
export type { PresenceChange, PresenceState } from "./presence_holds.ts";

/** Milliseconds before a change that could not be written is tried again. */
const RETRY = 1000;

/** A visitor with a recent visit, or an open stream, in this process. */
interface Visitor extends Arrival, Expiring {
  /** The sessions with open streams here. */
  readonly streaming: Set<Session>;
  /** UNIX milliseconds of the last visit, or the last change of the streams. */
  seenAt: number;
  /** The first hold of the visitor, if this process owns it. */
  held: HeldKey | undefined;
  /** Whether that hold may have ended: a stream here has, perhaps with its session. */
  isUnsure: boolean;
  /** Whether a call to the store is under way. */
  isBusy: boolean;
  entry: number;
}

/** The members of the registry that presence uses. */
export interface PresenceRegistry extends ChangesRegistry {
  readonly queue: OwnerOf<Session, SessionEnd>["queue"];
  readonly delivery: EndRegistration;
  readonly sessions: ReadonlyMap<string, Session>;
  sessionsOf(principal: string): Session[];
  /** Returns whether a session has open streams in this process. */
  isStreaming(session: Session): boolean;
}

/**
 * The visitors with a recent visit or an open stream in this process, by their
 * principals.
 *
 * It prevents the end of each visitor's hold. Without a store, and for visits, it
 * touches the hold from time to time. Over a store, one of the processes with
 * streams of the visitor owns the hold, and touches only its own lease.
 */
export class Presence {
  readonly #registry: PresenceRegistry;
  readonly #holds: HoldBackend;
  readonly #changes: PresenceChanges;
  readonly #awayAfter: number;
  /** Undefined without a store. */
  readonly #lease: HoldLease | undefined;
  readonly #visitors = new Map<string, Visitor>();
  #halting: Promise<void> | undefined = undefined;

  constructor(registry: PresenceRegistry, holds: HoldBackend) {
    this.#registry = registry;
    this.#holds = holds;
    const changes = this.#changes = new PresenceChanges(registry, holds);
    const awayAfter = this.#awayAfter = awayAfterOf(registry);
    const { clock, delivery } = registry;
    const lease = this.#lease = holds.owners?.openLease({
      clock,
      callback: CALLBACK,
      awayAfter,
      onLost: () => this.#ownAnew(),
      report: (error) => this.#report(error),
    });
    delivery.register(CALLBACK, (argument, end) => {
      const of = argument as Change | LeaseEnd;
      return "owner" in of
        ? lease?.conclude(of, end)
        : changes.conclude(of, end);
    });
    delivery.add(({ session: { principal } }) =>
      principal === undefined ? undefined : changes.noteEnd(principal)
    );
    for (const session of registry.sessions.values()) {
      if (registry.isStreaming(session)) this.note(session);
    }
  }

  /**
   * Adds a callback.
   *
   * @returns a function that removes this registration only.
   */
  add(callback: PresenceCallback): () => void {
    return this.#changes.add(callback);
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
      held: undefined,
      isUnsure: false,
      pending: undefined,
      isBusy: false,
      entry: 0,
      checkExpired: (now: number) => this.#renew(visitor, now),
    };
    visitor.seenAt = now;
    if (this.#registry.isStreaming(session)) visitor.streaming.add(session);
    else if (visitor.streaming.delete(session)) visitor.isUnsure = true;
    if (known !== undefined) return;
    this.#visitors.set(principal, visitor);
    visitor.entry = queue.add(visitor, now + this.#pause(), now);
    void this.#touch(visitor, { mayArrive: true, isSlot: false });
  }

  /** Stops; resolves when the store has the times of the last visits. */
  halt(): Promise<void> {
    return this.#halting ??= this.#halt();
  }

  async #halt(): Promise<void> {
    const visitors = [...this.#visitors.values()];
    for (const visitor of visitors) this.#forget(visitor);
    if (this.#lease === undefined) return;
    const how = { mayArrive: false, isSlot: false };
    await Promise.all(visitors.map((visitor) => this.#touch(visitor, how)));
    await this.#lease.close();
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
    const { principal, pending, seenAt } = visitor;
    const isHere = this.#isStreaming(visitor);
    // Since the visit, another process may have ended the last session.
    const mayArrive = isHere || pending !== undefined ||
      this.#registry.sessionsOf(principal).length > 0;
    const isDone = await this.#touch(visitor, { mayArrive, isSlot: true });
    if (isDone && !isHere && seenAt === visitor.seenAt) this.#forget(visitor);
  }

  /**
   * Touches the hold of a visitor; if there is no hold, announces the arrival.
   *
   * @returns false if that must be tried again soon.
   */
  async #touch(
    visitor: Visitor,
    { mayArrive, isSlot }: {
      readonly mayArrive: boolean;
      readonly isSlot: boolean;
    },
  ): Promise<boolean> {
    const { clock, queue } = this.#registry;
    const { principal, seenAt } = visitor;
    const idle = this.#isStreaming(visitor) ? 0 : clock.now() - seenAt;
    visitor.isBusy = true;
    let isDone = false;
    try {
      isDone = await this.#isKept(visitor, { idle, isSlot }) || !mayArrive ||
        await this.#changes.arrive(visitor);
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

  /**
   * Prolongs the first hold of a visitor; returns false if it is gone.
   *
   * @param isSlot Whether this is one of the regular touches. A hold gets an owner
   * only then, so that many visitors who arrive at once cost the store less.
   */
  async #isKept(
    visitor: Visitor,
    { idle, isSlot }: { readonly idle: number; readonly isSlot: boolean },
  ): Promise<boolean> {
    const lease = this.#lease;
    const holds = this.#holds;
    const key = keyOf(this.#registry, "here", visitor.principal);
    if (visitor.pending !== undefined) return false;
    const isHere = this.#isStreaming(visitor) && !this.#registry.isClosed;
    const { held, isUnsure } = visitor;
    if (held !== undefined && isHere && !isUnsure && !lease!.isOld(held)) {
      return true;
    }
    visitor.held = undefined;
    visitor.isUnsure = false;
    if (held !== undefined && !isHere && await lease!.free(held, idle)) {
      return true;
    }
    if (lease === undefined || !isHere || !isSlot) {
      return await holds.touch(key, idle);
    }
    const found = await holds.find(key);
    if (found === undefined) return false;
    if (found.fence === held?.fence && !lease.isOld(found)) {
      visitor.held = held;
      return true;
    }
    // If the other process has died, its holds get no owner before its lease ends.
    if (lease.isOfOther(found)) return await holds.touch(key, idle);
    visitor.held = await lease.own(found);
    return visitor.held !== undefined;
  }

  /** Makes this process the owner again of holds that others have freed. */
  #ownAnew(): void {
    const { clock, queue } = this.#registry;
    const now = clock.now();
    for (const visitor of this.#visitors.values()) {
      visitor.held = undefined;
      queue.move(visitor.entry, now, now);
    }
  }

  #isStreaming(visitor: Visitor): boolean {
    const { streaming, principal } = visitor;
    for (const session of streaming) {
      const isHere = session.isActive &&
        this.#registry.isStreaming(session);
      if (isHere && session.principal === principal) return true;
      streaming.delete(session);
      visitor.isUnsure = true;
    }
    return false;
  }

  #forget({ principal, entry }: Visitor): void {
    if (this.#visitors.delete(principal)) this.#registry.queue.remove(entry);
  }

  #report(error: unknown): void {
    this.#registry.site.reportError(error, {});
  }
}

/** Returns the presence of a visitor. */
export async function presenceOf(
  registry: PresenceRegistry,
  holds: HoldBackend,
  principal: string,
): Promise<PresenceState> {
  const { backend, clock } = registry;
  const infos = await backend.directory.list(principal);
  if (infos.length === 0) return "offline";
  const since = (clock.now() - awayAfterOf(registry)) / 1000;
  const isHere = infos.some(({ lastModified }) => lastModified > since) ||
    registry.sessionsOf(principal).some((session) =>
      registry.isStreaming(session)
    ) ||
    await holds.find(keyOf(registry, "here", principal)) !== undefined;
  return isHere ? "present" : "away";
}
