import { randomId } from "../base/ids.ts";
import type { MaybePromise } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import type { SessionEnd } from "../session.ts";
import type {
  HeldKey,
  HoldBackend,
  HoldLease,
  HoldOwners,
  LeaseEnd,
  LeaseOptions,
} from "../registry/hold_backend.ts";

/** The longest lease, in milliseconds. */
const LONGEST = 30_000;

/**
 * Milliseconds that a hold with an owner lasts after its last touch. It needs an
 * end, because a late write of a dead process could make that process its owner
 * again.
 */
const OWNED_FOR = 3_600_000;

/**
 * Holds that are freed together, between two turns of the event loop. Each call to the
 * store for an end waits for those that a client has queued before it.
 */
const TOGETHER = 8;

/** The objects that a lease uses. */
export interface PresenceLeaseParts extends LeaseOptions {
  readonly holds: HoldBackend;
  readonly owners: HoldOwners;
}

/**
 * The lease of a process. The holds of the process last as long as the lease.
 *
 * It is a hold itself. If the process dies, the lease ends, and another process
 * delivers that end: it takes the owner from each hold of the dead process. Those
 * holds end `awayAfter` after the last touch of the lease, unless another process
 * touches or owns them by then. So a process with many visitors touches one hold.
 */
export class PresenceLease implements HoldLease {
  readonly #parts: PresenceLeaseParts;
  readonly #length: number;
  /** The names that this process has had. */
  readonly #names = new Set<string>();
  #opening: Promise<string> | undefined = undefined;
  #timer: unknown = undefined;
  #isClosed = false;

  constructor(parts: PresenceLeaseParts) {
    this.#parts = parts;
    this.#length = Math.min(parts.awayAfter / 2, LONGEST);
  }

  async own(held: HeldKey): Promise<HeldKey | undefined> {
    const { owners, awayAfter } = this.#parts;
    const length = Math.max(OWNED_FOR, awayAfter);
    return await owners.change(held, await this.#open(), { idle: 0, length });
  }

  isOld({ until }: HeldKey): boolean {
    return until - this.#parts.clock.now() < OWNED_FOR / 2;
  }

  isOfOther({ owner }: HeldKey): boolean {
    return owner !== undefined && !this.#names.has(owner);
  }

  async free(held: HeldKey, idle: number): Promise<boolean> {
    const { owners, awayAfter: length } = this.#parts;
    return await owners.change(held, undefined, { idle, length }) !== undefined;
  }

  async conclude({ owner }: LeaseEnd, { at }: SessionEnd): Promise<void> {
    const { holds, owners, clock } = this.#parts;
    const keys = await owners.keysOf(owner);
    for (let first = 0; first < keys.length; first += TOGETHER) {
      await Promise.all(
        keys.slice(first, first + TOGETHER).map(async (key) => {
          const held = await holds.find(key);
          if (held?.owner !== owner) return;
          const touchedAt = at * 1000 - this.#length;
          // At random, so that they do not all end in the same millisecond.
          const spread = Math.random() * this.#length / 3;
          await this.free(held, clock.now() - touchedAt + spread);
        }),
      );
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 0));
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#parts.clock.clearTimeout(this.#timer);
    const owner = await this.#opening?.catch(() => undefined);
    if (owner === undefined) return;
    // If that fails, the lease ends by itself.
    await this.#try(() => this.#parts.holds.end(owner, () => true, undefined));
  }

  /** Returns the name of this process, once the store has its lease. */
  #open(): Promise<string> {
    return this.#opening ??= this.#take().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
  }

  async #take(): Promise<string> {
    const { holds, callback: name } = this.#parts;
    const owner = `${name} ${randomId()}`;
    const argument: LeaseEnd = { owner };
    await holds.take({
      key: owner,
      holder: undefined,
      id: randomId(),
      length: this.#length,
      isTouched: true,
      callback: { name, argument },
    });
    this.#names.add(owner);
    this.#touchLater(owner);
    return owner;
  }

  #touchLater(owner: string): void {
    if (this.#isClosed) return;
    const { clock } = this.#parts;
    const touch = () => void this.#touch(owner);
    this.#timer = clock.setTimeout(touch, this.#length / 3);
  }

  async #touch(owner: string): Promise<void> {
    const { holds, onLost } = this.#parts;
    const isKept = await this.#try(() => holds.touch(owner, 0));
    if (isKept !== false) return this.#touchLater(owner);
    this.#opening = undefined;
    onLost();
  }

  /** Asks the store; returns undefined if that fails. */
  async #try<T>(ask: () => MaybePromise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      // A failure of the store was reported before.
      if (!(error instanceof HttpError)) this.#parts.report(error);
    }
  }
}
