/**
 * Sessions in Redis or Valkey, for sites in many processes, on many machines.
 *
 * @module
 */

import { checkRedis } from "./redis_check.ts";
import { RedisClaims } from "./redis_claims.ts";
import type { RedisClient } from "./redis_client.ts";
import { RedisEnds } from "./redis_ends.ts";
import { RedisListening } from "./redis_listening.ts";
import {
  decodeSession,
  decodeTimes,
  encodeChanges,
  encodeFacts,
  encodePrincipal,
  fieldsOf,
  isGrowing,
} from "./redis_record.ts";
import { failureTo, ScriptRunner } from "./redis_runner.ts";
import { COMMIT, COMMIT_SMALL, CREATE, LOAD } from "./redis_scripts.ts";
import { Shards } from "./redis_shard.ts";
import { type RedisPart, ShardGroup } from "./redis_shard_group.ts";
import { encodeText, listOf, numberOf, textsOf } from "./redis_text.ts";
import type {
  AsideEnd,
  Claimant,
  ClaimedEnd,
  Claims,
  EndNews,
  LoadedSession,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionStore,
  SessionTimes,
} from "./store.ts";

export * from "./redis_client.ts";
export type { RedisPart } from "./redis_shard_group.ts";

/** Options of {@linkcode RedisStore}. */
export interface RedisStoreOptions {
  /** How Redis is reached: what `fromNodeRedis` or `fromIoredis` answers. */
  readonly client: RedisClient;
  /**
   * What the names of all keys and of the channel begin with. Sites with the
   * same prefix share their sessions. It has no braces.
   *
   * @default {"curfew"}
   */
  readonly prefix?: string;
  /**
   * Over how many parts the sessions are spread, 1 or more. Each lies on one node
   * of a cluster whole, and is away with it; each is asked whenever ends are
   * claimed. On a single Redis more than one is of no use. All who share the
   * sessions have the same number; with another, sessions are not found.
   *
   * @default {1}
   */
  readonly shards?: number;
  /**
   * Seconds between touches of a session within which no second one is written.
   * Sessions end later by so much, so that none ends early. It saves Redis writes,
   * to its log and to its replicas, where visitors send many requests.
   *
   * @default {0}
   */
  readonly touchGranularity?: number;
}

/**
 * Keeps sessions in Redis 7 or later, or in Valkey, as {@linkcode SessionStore}
 * says.
 *
 * Each act is one script, which Redis runs as a whole, by its own clock. Loading
 * and touching is one command. Deadlines lie in a sorted set from which ends are
 * claimed, so that none is lost if nobody is there when it comes; no key ever
 * expires by itself. News of ends travels by pub/sub, as a hint only. Losing the
 * connection is a rejection with the client's error as its cause.
 *
 * Redis answers before its replicas have a write: after a failover the last ones
 * may be lost, and an end be told twice or a logout undone.
 *
 * A session without values takes some 430 bytes of Redis, its indexes included.
 * Values longer than 64 characters make it half as big again, unless the
 * setting `hash-max-listpack-value` of Redis is raised, to 1024 for example.
 *
 * @example Usage
 * ```ts ignore
 * import { Site } from "@curfew/web";
 * import { fromNodeRedis, RedisStore } from "@curfew/web/stores/redis";
 * import { createClient } from "npm:redis@6";
 *
 * const client = createClient({ url: "redis://localhost" });
 * await client.connect();
 * const store = new RedisStore({ client: fromNodeRedis(client) });
 * const site = new Site(root, { store });
 * ```
 */
export class RedisStore implements SessionStore, AsyncDisposable {
  /** The shards, each of which can be away by itself. */
  readonly parts: readonly RedisPart[];
  readonly #client: RedisClient;
  readonly #prefix: string;
  readonly #channel: string;
  /** Milliseconds, as scripts are told. */
  readonly #slack: string;
  readonly #shards: Shards;
  readonly #runner: ScriptRunner;
  readonly #ends: RedisEnds;
  readonly #all: ShardGroup;
  readonly #listening: RedisListening;

  /**
   * Sends nothing yet.
   *
   * @param options See each option.
   * @throws {TypeError} If there is no client.
   * @throws {RangeError} If another option is out of its range.
   */
  constructor(options: RedisStoreOptions) {
    const {
      client,
      prefix = "curfew",
      shards: count = 1,
      touchGranularity = 0,
    } = options;
    checkOptions({ client, prefix, shards: count, touchGranularity });
    const channel = `${prefix}:news`;
    const runner = new ScriptRunner(client);
    const shards = new Shards(prefix, count);
    const ends = new RedisEnds(runner, shards, channel);
    const claims = new RedisClaims(runner, shards.all, channel);
    const listening = new RedisListening(client, channel, { shards, claims });
    const tools = { runner, claims, ends, listening };
    this.#client = client;
    this.#prefix = prefix;
    this.#channel = channel;
    this.#slack = String(touchGranularity * 1000);
    this.#shards = shards;
    this.#runner = runner;
    this.#ends = ends;
    this.#listening = listening;
    this.#all = new ShardGroup("all shards", shards.all, tools);
    this.parts = shards.all.map((shard) =>
      new ShardGroup(`shard ${shard.index}`, [shard], tools)
    );
  }

  /** {@inheritDoc SessionStore.partOf} */
  partOf(uid: string): RedisPart {
    return this.parts[this.#shards.placeOf(uid).shard.index]!;
  }

  /** {@inheritDoc SessionStore.create} */
  async create(session: NewSession): Promise<SessionTimes | undefined> {
    const { uid, age, idle, sessionTimeout, absoluteTimeout, principal } =
      session;
    const at = this.#shards.placeOf(uid);
    const list = textsOf(
      await this.#runner.run(CREATE, `create session "${uid}"`, {
        keys: [at.key, at.shard.due, at.shard.principals],
        words: [at.name, this.#slack, this.#channel],
        numbers: [age, idle, sessionTimeout, absoluteTimeout],
        more: [encodePrincipal(principal), ...encodeFacts(session)],
      }),
    );
    return list.length === 0 ? undefined : decodeTimes(list);
  }

  /** {@inheritDoc SessionStore.load} */
  async load(
    uid: string,
    options: LoadOptions,
  ): Promise<LoadedSession | undefined> {
    const at = this.#shards.placeOf(uid);
    const [now, before, fields] = listOf(
      await this.#runner.run(LOAD, `load session "${uid}"`, {
        keys: [at.key, at.shard.due],
        words: [
          at.name,
          this.#slack,
          encodeText(options.secretHash),
          options.touch ? "1" : "0",
        ],
      }),
    );
    if (now === undefined) return undefined;
    return {
      ...decodeSession(uid, fieldsOf(textsOf(fields)), numberOf(now)),
      touchedBefore: numberOf(before),
    };
  }

  /** {@inheritDoc SessionStore.commit} */
  async commit(
    uid: string,
    changes: SessionChanges,
  ): Promise<SessionTimes | undefined> {
    const at = this.#shards.placeOf(uid);
    const script = isGrowing(changes) ? COMMIT : COMMIT_SMALL;
    const list = textsOf(
      await this.#runner.run(script, `change session "${uid}"`, {
        keys: [at.key, at.shard.due, at.shard.principals],
        words: [at.name, this.#slack, this.#channel],
        more: encodeChanges(changes),
      }),
    );
    return list.length === 0 ? undefined : decodeTimes(list);
  }

  /** {@inheritDoc SessionStore.end} */
  end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): Promise<ClaimedEnd | undefined> {
    return this.#ends.end(uid, reason, claimant);
  }

  /**
   * {@inheritDoc SessionStore.claim}
   *
   * One command if there is nothing, two if there is; as many for each shard in
   * which something may be due, as far as is known by news, of which all are
   * looked into once a second. Where others claim too, `nextIn` may be up to
   * 20 ms more, so that not all look at once. What somebody else claims in
   * between is not claimed again. At most 1000 are claimed at once.
   *
   * Ends of shards that answer are claimed even if another shard fails, or does
   * not answer within 5 s. To ask one shard only, use `parts`.
   */
  claim(claimant: Claimant, limit: number): Promise<Claims> {
    return this.#all.claim(claimant, limit);
  }

  /** {@inheritDoc SessionStore.renew} */
  renew(uid: string, fence: string, lease: number): Promise<boolean> {
    return this.#ends.renew(uid, fence, lease);
  }

  /** {@inheritDoc SessionStore.acknowledge} */
  acknowledge(uid: string, fence: string): Promise<boolean> {
    return this.#ends.acknowledge(uid, fence);
  }

  /** {@inheritDoc SessionStore.release} */
  release(uid: string, fence: string, delay: number): Promise<boolean> {
    return this.#ends.release(uid, fence, delay);
  }

  /**
   * {@inheritDoc SessionStore.putAside}
   *
   * `listAside` shows it.
   */
  putAside(uid: string, fence: string, why: string): Promise<boolean> {
    return this.#ends.putAside(uid, fence, why);
  }

  /**
   * The ends that have been put aside, the longest kept first.
   *
   * Redis keeps them until somebody deletes their keys. It rejects while a shard
   * is away: then ask the `parts` one by one.
   */
  listAside(): Promise<AsideEnd[]> {
    return this.#all.listAside();
  }

  /** {@inheritDoc SessionStore.nextIn} */
  nextIn(): Promise<number> {
    return this.#all.nextIn();
  }

  /** {@inheritDoc SessionStore.uidsOf} */
  uidsOf(principal: string): Promise<string[]> {
    return this.#all.uidsOf(principal);
  }

  /**
   * {@inheritDoc SessionStore.watch}
   *
   * Opens a connection that listens, one for all who watch.
   */
  watch(
    onEnd: (news: EndNews) => void,
    onSooner?: () => void,
  ): Promise<() => void> {
    return this.#all.watch(onEnd, onSooner);
  }

  /**
   * {@inheritDoc SessionStore.check}
   *
   * It refuses a Redis older than 7, one that drops keys which nobody has asked
   * it to drop (`maxmemory-policy allkeys-*`), a replica, and a number of shards
   * other than that of the sessions which are there. It tells of a clock that
   * differs by more than a second, of what a restart would lose, of a cluster
   * that is not made use of or stops as a whole when one node is away, and of what
   * it was not allowed to look at. A node that does not answer in 5 s is taken to
   * be away.
   *
   * @throws {RangeError} If it refuses Redis.
   */
  async check(): Promise<readonly string[]> {
    try {
      return await checkRedis({
        client: this.#client,
        keys: this.#shards.all.map(({ due }) => due),
        channel: this.#channel,
        shardsKey: `${this.#prefix}:shards`,
      });
    } catch (error) {
      throw error instanceof RangeError
        ? error
        : failureTo("check Redis", error);
    }
  }

  /** Stops all watching; the client stays open, as it is the user's. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listening.stop();
  }
}

function checkOptions(options: Required<RedisStoreOptions>): void {
  const { client, prefix, shards, touchGranularity } = options;
  if (typeof client?.send !== "function") {
    throw new TypeError(
      "Cannot make store: the client is not adapted: call fromNodeRedis() or fromIoredis()",
    );
  }
  if (/[{}]/.test(prefix)) {
    throw new RangeError(
      `Cannot make store: the prefix has braces: "${prefix}"`,
    );
  }
  if (!Number.isInteger(shards) || shards < 1) {
    throw new RangeError(
      `Cannot make store: shards is not a whole number of 1 or more: ${shards}`,
    );
  }
  if (!(touchGranularity >= 0 && touchGranularity < Infinity)) {
    throw new RangeError(
      `Cannot make store: touchGranularity is not a number of seconds: ${touchGranularity}`,
    );
  }
}
