import type { RedisClient } from "./client.ts";
import { failureTo } from "./script_runner.ts";
import type { Place, Shard } from "./shards.ts";
import { inTime } from "./time_limit.ts";

/** Milliseconds within which replicas must have a write. */
const LIMIT = 1000;

/**
 * Milliseconds without a `WAIT` for shards whose replicas are too few. Until a
 * `WAIT` is answered, Redis serves no other command of its connection, and so no
 * visit: a longer pause helps the visits, and refuses new sessions for longer after
 * the replicas are back.
 */
const PAUSE = 3000;

/** A key by which a command goes to the node of a shard. */
type KeyInShard = Pick<Place, "key" | "shard">;

/** A `WAIT` of a shard. */
interface SharedWait {
  isSent: boolean;
  /** The replicas that have all writes so far; undefined if no `WAIT` is sent. */
  readonly count: Promise<number | undefined>;
}

/** Waits until replicas have a write. */
export class Replication {
  readonly #client: RedisClient;
  readonly #replicas: number;
  readonly #now: () => number;
  readonly #waits = new Map<Shard, SharedWait>();
  /** The shards whose last `WAIT` found too few replicas. */
  readonly #short = new Set<Shard>();
  /**
   * The time of the next `WAIT` for any of these shards. They may share a
   * connection, so one of them tries for all.
   */
  #nextTry = 0;

  /**
   * @param replicas The replicas to wait for; 0 never waits.
   * @param now Returns milliseconds that never go back.
   */
  constructor(
    client: RedisClient,
    replicas: number,
    now: () => number = () => performance.now(),
  ) {
    this.#client = client;
    this.#replicas = replicas;
    this.#now = now;
  }

  /**
   * Waits until replicas have the last write to a shard.
   *
   * @param verb The action of the write, for the error.
   * @throws {Error} If too few have it in time, or had an earlier write a moment ago.
   */
  async wait(verb: string, place: KeyInShard): Promise<void> {
    const count = await this.tryWait(verb, place);
    const replicas = this.#replicas;
    if (count === undefined) {
      throw new Error(
        `Cannot ${verb} for sure: fewer than ${replicas} replicas had an earlier write in time`,
      );
    }
    if (count < replicas) {
      throw new Error(
        `Cannot ${verb} for sure: ${count} of ${replicas} replicas have it after ${
          LIMIT / 1000
        } s`,
      );
    }
  }

  /**
   * As {@linkcode Replication.wait}, but too few replicas are no error.
   *
   * @returns the number of replicas that have the write; undefined if that is not
   * asked.
   * @throws {Error} If Redis or the client fails: another node may be the primary.
   */
  async tryWait(verb: string, place: KeyInShard): Promise<number | undefined> {
    if (this.#replicas === 0) return 0;
    try {
      return await this.#count(place);
    } catch (error) {
      throw failureTo(verb, error);
    }
  }

  /** A `WAIT` is for the writes before it: those that come meanwhile share the next. */
  #count({ key, shard }: KeyInShard): Promise<number | undefined> {
    const last = this.#waits.get(shard);
    if (last?.isSent === false) return last.count;
    const next: SharedWait = {
      isSent: false,
      count: Promise.allSettled([last?.count]).then(() => {
        next.isSent = true;
        return this.#ask(key, shard);
      }),
    };
    this.#waits.set(shard, next);
    return next.count;
  }

  async #ask(key: string, shard: Shard): Promise<number | undefined> {
    const isTry = this.#short.has(shard);
    if (isTry) {
      const now = this.#now();
      if (now < this.#nextTry) return undefined;
      this.#nextTry = now + LIMIT + PAUSE;
    }
    const command = ["WAIT", `${this.#replicas}`, `${LIMIT}`];
    const answer = this.#client.send(command, key);
    const count = Number(await inTime(answer, "wait for replicas", 2 * LIMIT));
    if (count < this.#replicas) {
      this.#short.add(shard);
      this.#nextTry = this.#now() + PAUSE;
    } else if (isTry) {
      // The replicas of the other shards may be back as well.
      this.#short.clear();
    }
    return count;
  }
}
