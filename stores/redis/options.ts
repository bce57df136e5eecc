import { checkOptions, type OptionRules } from "../../base/options.ts";
import { SECONDS } from "../option_rules.ts";
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
   * The number of parts that the sessions are spread over, 1 or more. Each lies
   * on one node of a cluster, and is away with it; each is asked whenever ends
   * are claimed. On a single Redis more than one is of no use. All sites that
   * share the sessions have the same number; with another, sessions are not
   * found.
   *
   * @default {1}
   */
  readonly shards?: number;
  /**
   * Seconds between touches of a session that are written; 0 writes all.
   *
   * No session ends early: all end later by as much. It saves Redis writes, to
   * its log and to its replicas, where clients send many requests.
   *
   * @default {0}
   */
  readonly touchThrottle?: number;
}

const RULES: OptionRules<RedisStoreOptions> = {
  client: {
    kind: "adapted: call fromNodeRedis() or fromIoredis()",
    isKind: (value) =>
      typeof (value as RedisClient | null)?.send === "function",
  },
  prefix: {
    kind: "a string without braces",
    isKind: (value) => typeof value === "string",
    isInRange: (value: string) => !/[{}]/.test(value),
  },
  shards: {
    kind: "a whole number, 1 or more",
    isKind: (value) => typeof value === "number",
    isInRange: (value: number) => Number.isInteger(value) && value >= 1,
  },
  touchThrottle: SECONDS,
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
  const { client, prefix = "curfew", shards = 1, touchThrottle = 0 } = options;
  if (client === undefined) {
    throw new TypeError("Cannot create the store: there is no client");
  }
  return { client, prefix, shards, touchThrottle };
}
