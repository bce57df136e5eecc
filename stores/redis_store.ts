/**
 * Sessions in Redis or Valkey, for sites in many processes, on many machines.
 *
 * @module
 */

import "../persistence/stored_backend.ts";
import { NotificationChannel } from "./redis/channel.ts";
import { RedisClaims } from "./redis/end_claims.ts";
import { RedisEnds } from "./redis/ends.ts";
import { checkRedis } from "./redis/health_check.ts";
import { RedisNotifications } from "./redis/notifications.ts";
import { checkedOptions, type RedisStoreOptions } from "./redis/options.ts";
import { Replication } from "./redis/replication.ts";
import { failureTo, ScriptRunner } from "./redis/script_runner.ts";
import { RedisSessions } from "./redis/sessions.ts";
import { type RedisPart, ShardGroup } from "./redis/shard_group.ts";
import { Shards } from "./redis/shards.ts";
import type {
  ChangeNotification,
  Claimant,
  ClaimedEnd,
  ClaimKey,
  Claims,
  CommitConditions,
  CommitTimes,
  DeadLetter,
  EndNotification,
  EndProgress,
  LoadedSession,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionStore,
  SessionTimes,
  StoreCounts,
} from "./store.ts";

export type { RedisClient } from "./redis/client.ts";
export * from "./redis/ioredis.ts";
export * from "./redis/node_redis.ts";
export type { RedisPart, RedisStoreOptions };

/**
 * A {@linkcode SessionStore} in Redis 7 or later, or in Valkey.
 *
 * Each call is one script, which Redis runs in one step. Times are those of its own
 * clock. To load and touch a session is one command. Deadlines are in a sorted set
 * from which nodes claim ends, so no end is lost while no node runs; no key expires
 * by itself. Notifications travel by pub/sub, as hints. If the connection is lost,
 * calls reject; the cause is the client's error.
 *
 * Redis answers before its replicas have a write. A failover may lose the last
 * writes: an end is delivered twice, or a logout is undone; see `replicas`.
 *
 * A session without values takes some 430 bytes of Redis, its indexes included. A
 * session with values longer than 64 characters takes half as much again, unless
 * the setting `hash-max-listpack-value` of Redis is raised, to 1024 for example.
 *
 * The sessions may be those of version 0.1.0: each is brought up to date when it
 * is first loaded or changed, and 0.1.0 cannot read it any more.
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
  /** The shards; each can be away on its own. */
  readonly parts: readonly RedisPart[];
  readonly #options: Required<RedisStoreOptions>;
  readonly #channel: NotificationChannel;
  readonly #shards: Shards;
  readonly #sessions: RedisSessions;
  readonly #ends: RedisEnds;
  readonly #all: ShardGroup;
  readonly #notifications: RedisNotifications;

  /**
   * Creates a store; nothing is sent yet.
   *
   * @param options See each option.
   * @throws {TypeError} If an option is of the wrong kind, or unknown.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(options: RedisStoreOptions) {
    const checked = this.#options = checkedOptions(options);
    const { client, prefix } = checked;
    const shards = this.#shards = new Shards(prefix, checked.shards);
    const channel = this.#channel = new NotificationChannel(client, prefix, {
      key: shards.all[0]!.due,
      isSharded: checked.shardedNotifications,
    });
    const runner = new ScriptRunner(client, channel);
    const replication = new Replication(client, checked.replicas);
    const tracked = { shards, replication };
    const ends = this.#ends = new RedisEnds(runner, tracked);
    const claims = new RedisClaims(runner, tracked);
    const notifications = this.#notifications = new RedisNotifications(
      client,
      channel,
      { shards, claims },
    );
    const tools = { runner, claims, ends, notifications };
    const { touchThrottle } = checked;
    this.#sessions = new RedisSessions(runner, { ...tracked, touchThrottle });
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
  create(session: NewSession): Promise<SessionTimes | undefined> {
    return this.#sessions.create(session);
  }

  /** {@inheritDoc SessionStore.take} */
  take(
    session: NewSession,
    replaces?: number,
  ): Promise<SessionTimes | undefined> {
    return this.#sessions.take(session, replaces);
  }

  /** {@inheritDoc SessionStore.load} */
  load(uid: string, options: LoadOptions): Promise<LoadedSession | undefined> {
    return this.#sessions.load(uid, options);
  }

  /** {@inheritDoc SessionStore.commit} */
  commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): Promise<CommitTimes | undefined> {
    return this.#sessions.commit(uid, changes, conditions);
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
   * It takes one command for each shard in which an end may be due, and a second
   * one if an end is due. Notifications show which shards these are, and every
   * shard is polled once a second. At most 1000 ends are claimed at once. While
   * other nodes claim too, `nextIn` may be up to 20 ms more, so that not all nodes
   * poll at once.
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

  /** {@inheritDoc SessionStore.acknowledgeAll} */
  acknowledgeAll(claims: readonly ClaimKey[]): Promise<boolean[]> {
    return this.#ends.acknowledgeAll(claims);
  }

  /** {@inheritDoc SessionStore.release} */
  release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): Promise<boolean> {
    return this.#ends.release(uid, fence, delay, progress);
  }

  /** {@inheritDoc SessionStore.deadLetter} */
  deadLetter(
    uid: string,
    fence: string,
    why: string,
    progress?: EndProgress,
  ): Promise<boolean> {
    return this.#ends.deadLetter(uid, fence, why, progress);
  }

  /**
   * Lists the dead letters, the oldest first.
   *
   * It rejects while a shard is away: then call the `parts` one by one.
   */
  listDeadLetters(): Promise<DeadLetter[]> {
    return this.#all.listDeadLetters();
  }

  /** {@inheritDoc SessionStore.retryDeadLetter} */
  retryDeadLetter(uid: string): Promise<boolean> {
    return this.#ends.retryDeadLetter(uid);
  }

  /** {@inheritDoc SessionStore.deleteDeadLetter} */
  deleteDeadLetter(uid: string): Promise<boolean> {
    return this.#ends.deleteDeadLetter(uid);
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
   * {@inheritDoc SessionStore.count}
   *
   * It reads counts that Redis has. While more than 10,000 ends wait for their
   * first claim, holds count among those. It rejects while a shard is away.
   */
  count(): Promise<StoreCounts> {
    return this.#all.count();
  }

  /**
   * {@inheritDoc SessionStore.watch}
   *
   * The first watcher opens a connection that listens, which all watchers share.
   */
  watch(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): Promise<() => void> {
    return this.#all.watch(onEnd, onDueEarlier, onChange);
  }

  /**
   * {@inheritDoc SessionStore.check}
   *
   * It refuses a Redis older than 7, one that drops keys by itself
   * (`maxmemory-policy allkeys-*`), a replica, sessions of another number of shards
   * or of a later version. It reports a clock that differs by more than a second,
   * losses at a restart, fewer replicas than the option `replicas` asks for, a
   * cluster that is not used or that stops as a whole when one node is away, and
   * checks that Redis refuses. A node that does not answer within 5 s counts as away.
   *
   * @throws {RangeError} If it refuses Redis.
   */
  async check(): Promise<readonly string[]> {
    const { client, prefix, replicas } = this.#options;
    try {
      return await checkRedis({
        client,
        replicas,
        keys: this.#shards.all.map(({ due }) => due),
        channel: this.#channel,
        markKey: `${prefix}:shards`,
      });
    } catch (error) {
      throw error instanceof RangeError
        ? error
        : failureTo("check Redis", error);
    }
  }

  /** Stops all watching; the client stays open, as it is the user's. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#notifications.stop();
  }
}
