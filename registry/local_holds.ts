import type { Clock } from "../base/clock.ts";
import { fenceAfter } from "../base/ids.ts";
import { copyOfArgument } from "../session/named_callback.ts";
import type { Expiring } from "../session/deadline.ts";
import type {
  Session,
  SessionEnd,
  SessionEndReason,
  SessionOwner,
  SessionSite,
} from "../session.ts";
import type { HeldKey, HoldBackend, NewHold } from "./hold_backend.ts";

/** A hold in this process. It ends at its deadline. */
interface LocalHold extends Expiring {
  held: HeldKey;
  readonly length: number;
  /** The reason of its end at the deadline. */
  readonly due: "idle" | "absolute";
  readonly callback: NewHold["callback"];
  /** Its entry in the queue of deadlines; 0 without a deadline. */
  entry: number;
  /** Whether its callback is being called. */
  isEnding: boolean;
}

/** The members of the registry that holds in this process use. */
export interface LocalHoldsRegistry {
  readonly clock: Clock;
  readonly queue: SessionOwner["queue"];
  readonly retries: {
    /** Calls a named callback; `onDone` when it has succeeded. */
    call(
      end: SessionEnd,
      call: { readonly name: string; readonly argument: unknown },
      onDone: () => void,
    ): void;
  };
  readonly site: SessionSite;
  /** Makes the end of a session that stands for a hold, and this session. */
  makeEnd(end: Omit<SessionEnd, "session">): SessionEnd;
}

/** Holds in the memory of this process. They end with it. */
export class LocalHolds implements HoldBackend {
  readonly owners: undefined = undefined;
  readonly #registry: LocalHoldsRegistry;
  readonly #holds = new Map<string, LocalHold>();
  #lastFence = 0;

  constructor(registry: LocalHoldsRegistry) {
    this.#registry = registry;
  }

  take(hold: NewHold, replaces?: number): HeldKey | undefined {
    const { key, holder, id, length } = hold;
    const due = hold.isTouched ? "idle" : "absolute";
    const callback = hold.callback && {
      name: hold.callback.name,
      argument: copyOfArgument(`hold "${key}"`, hold.callback),
    };
    const former = this.#find(key);
    if (former?.isEnding || former?.held.fence !== replaces) return undefined;
    if (former !== undefined) this.#remove(former);
    const { queue, clock } = this.#registry;
    const now = clock.now();
    const fence = this.#lastFence = fenceAfter(this.#lastFence, now);
    const argument = callback?.argument;
    const held = { key, holder, id, fence, until: now + length, argument };
    const kept: LocalHold = {
      held,
      length,
      due,
      callback,
      entry: 0,
      isEnding: false,
      checkExpired: (now: number) => {
        const { until } = kept.held;
        if (now >= until) this.#end(kept, due, until);
      },
    };
    this.#holds.set(key, kept);
    if (length < Infinity) kept.entry = queue.add(kept, held.until, now);
    return held;
  }

  touch(key: string, idle: number): boolean {
    const kept = this.#find(key);
    if (kept === undefined || kept.isEnding) return false;
    const now = this.#registry.clock.now();
    const until = now - idle + kept.length;
    if (until <= kept.held.until) return true;
    kept.held = { ...kept.held, until };
    this.#registry.queue.move(kept.entry, until, now);
    return true;
  }

  find(key: string): HeldKey | undefined {
    const kept = this.#find(key);
    return kept?.isEnding === false ? kept.held : undefined;
  }

  end(
    key: string,
    isMeant: (held: HeldKey) => boolean,
    reason: SessionEndReason | undefined,
  ): HeldKey | undefined {
    const held = this.find(key);
    if (held === undefined || !isMeant(held)) return undefined;
    const kept = this.#holds.get(key)!;
    if (reason === undefined) this.#remove(kept);
    else this.#end(kept, reason, this.#registry.clock.now());
    return held;
  }

  afterEnd(_session: Session, act: () => Promise<void>): Promise<void> {
    return act();
  }

  keep(): void {}

  isLasting(): boolean {
    return true;
  }

  /** Ends all holds. */
  halt(): void {
    const now = this.#registry.clock.now();
    for (const kept of [...this.#holds.values()]) {
      if (!kept.isEnding) this.#end(kept, "shutdown", now);
    }
  }

  /**
   * Finds a hold. A hold whose deadline has passed is ended, even if its timer is
   * late.
   */
  #find(key: string): LocalHold | undefined {
    const kept = this.#holds.get(key);
    if (kept?.isEnding === false) kept.checkExpired(this.#registry.clock.now());
    return this.#holds.get(key);
  }

  #end(kept: LocalHold, reason: SessionEndReason, at: number): void {
    const { callback, held } = kept;
    const { key, fence, holder } = held;
    this.#leaveQueue(kept);
    if (callback === undefined) return this.#remove(kept);
    kept.isEnding = true;
    const registry = this.#registry;
    const uid = `hold:${encodeURIComponent(key)}`;
    const late = registry.clock.now() - at;
    const end = registry.makeEnd({
      uid,
      reason,
      at: at / 1000,
      lateness: reason === kept.due ? Math.round(late) / 1000 : undefined,
      attempt: 1,
      hold: { key, fence, holder },
    });
    registry.retries.call(end, callback, () => this.#remove(kept));
  }

  #remove(kept: LocalHold): void {
    this.#leaveQueue(kept);
    const { key } = kept.held;
    if (this.#holds.get(key) === kept) this.#holds.delete(key);
  }

  #leaveQueue(kept: LocalHold): void {
    if (kept.entry !== 0) this.#registry.queue.remove(kept.entry);
    kept.entry = 0;
  }
}
