import {
  BOOLEAN,
  checkOptions,
  numberThat,
  type OptionRules,
  required,
  SECONDS,
  stringThat,
  wholeAtLeast,
} from "../../base/options.ts";
import type { RedisClient } from "./client.ts";

/** Options of {@linkcode RedisStore}. */
export interface RedisStoreOptions {
  /** The client of Redis, as `fromNodeRedis` or `fromIoredis` adapts it. */
  readonly client: RedisClient;
  /**
   * The start of all keys, and of the channel, without braces. Sites with the
   * same prefix share their sessions.
   *
   * @default {"curfew"}
   */
  readonly prefix?: string;
  /**
   * The number of parts that the sessions are spread over, 1 to 16,384. Each lies on
   * one node of a cluster, and is away with that node. Each is polled for ends. On
   * a single Redis more than one is of no use. All sites that share the sessions
   * must have the same number; with another number, sessions are not found.
   *
   * @default {1}
   */
  readonly shards?: number;
  /**
   * Seconds between touches of a session that are written; 0 writes all.
   *
   * No session ends early: all end later by up to this time. It saves Redis writes,
   * to its log and to its replicas, where clients send many requests.
   *
   * @default {0}
   */
  readonly touchThrottle?: number;
  /**
   * Replicas of Redis that must have a new session, or the end of one, before the
   * call is answered (`WAIT`), 0 or more. If they do not have it within a second,
   * the call rejects, and its request is answered 503. Then such calls reject at
   * once, except one every three seconds which tries again, since the later commands
   * of a connection, visits included, wait until `WAIT` is answered. With replicas
   * that is about a round trip to them.
   *
   * A failover then loses no session and undoes no logout, as long as one of these
   * replicas takes over. Claims and acknowledgements of ends wait as well, but need
   * no replica: without one, a failover may lose them, and an end is delivered again.
   * Other writes do not wait: a failover may lose the last values and touches. A
   * cluster of `npm:ioredis` cannot wait.
   *
   * `WAIT` counts the writes of its connection, and follows the write as a command of
   * its own. If the connection is lost in between, or the primary changes, a client
   * that keeps commands until it is connected again may confirm a write that is lost.
   * So set `disableOfflineQueue` of `npm:redis`, or `enableOfflineQueue: false` of
   * `npm:ioredis`.
   *
   * @default {0}
   */
  readonly replicas?: number;
  /**
   * Whether the notifications of a shard go through its own node only (`SPUBLISH`).
   * Otherwise a cluster passes each to all its nodes. Set it on clusters of many
   * nodes. All sites that share the sessions need the same setting, or they notice
   * each other's ends and changes by polls only.
   *
   * It needs a cluster client of `npm:redis`, and the right to use the channels
   * `{prefix:*}:news`.
   *
   * @default {false}
   */
  readonly shardedNotifications?: boolean;
}

/** A cluster has as many hash slots, so more parts spread the sessions no further. */
const MOST_SHARDS = 16_384;

const RULES: OptionRules<RedisStoreOptions> = {
  client: required({
    kind: "adapted: call fromNodeRedis() or fromIoredis()",
    isKind: (value) =>
      typeof (value as RedisClient | null | undefined)?.send === "function",
  }),
  prefix: stringThat("a string without braces", (value) => !/[{}]/.test(value)),
  shards: numberThat(
    `a whole number from 1 to ${MOST_SHARDS}`,
    (value) => Number.isInteger(value) && value >= 1 && value <= MOST_SHARDS,
  ),
  touchThrottle: SECONDS,
  replicas: wholeAtLeast(0),
  shardedNotifications: BOOLEAN,
};

/**
 * Checks the options of a store, and returns them with their defaults.
 *
 * @throws {TypeError} If an option is of the wrong kind, or unknown.
 * @throws {RangeError} If an option is out of range.
 */
export function checkedOptions(
  options: RedisStoreOptions,
): Required<RedisStoreOptions> {
  checkOptions("create the store", options, RULES);
  const { client, prefix = "curfew", shards = 1 } = options;
  const { touchThrottle = 0, replicas = 0 } = options;
  const { shardedNotifications = false } = options;
  if (shardedNotifications && client.subscribeSharded === undefined) {
    throw new RangeError(
      "Cannot create the store: shardedNotifications needs a cluster client of npm:redis",
    );
  }
  if (replicas > 0 && client.routesByKey === false) {
    throw new RangeError(
      "Cannot create the store: replicas needs a client that sends WAIT to the node of a key, and a cluster of ioredis does not: use npm:redis",
    );
  }
  return {
    client,
    prefix,
    shards,
    touchThrottle,
    replicas,
    shardedNotifications,
  };
}
