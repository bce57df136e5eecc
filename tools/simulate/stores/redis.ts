import * as endScripts from "../../../stores/redis/end_scripts.ts";
import { decodeSession } from "../../../stores/redis/record_codec.ts";
import { RedisScript } from "../../../stores/redis/script.ts";
import * as sessionScripts from "../../../stores/redis/session_scripts.ts";
import { Shards } from "../../../stores/redis/shards.ts";
import { RedisStore } from "../../../stores/redis_store.ts";
import type { StoreMaker } from "../stores.ts";
import { digestsOf, SimulatedRedis } from "./simulated_redis.ts";

const PREFIX = "sim";

/**
 * Makes a Redis within the process, to which each program has a connection and a
 * store of its own. Every second seed has two shards.
 */
export async function redisMaker(): Promise<StoreMaker> {
  const digests = await scriptDigests();
  return {
    hasTimers: true,
    make(clock, seed) {
      const redis = new SimulatedRedis(clock, digests);
      const shards = 1 + seed % 2;
      const places = new Shards(PREFIX, shards);
      return {
        isRemote: true,
        open: () =>
          new RedisStore({ client: redis.connect(), prefix: PREFIX, shards }),
        peek(uid) {
          const fields = redis.keyspace.hash(places.placeOf(uid).key);
          const now = clock.now();
          const deadline = Number(fields.get("d")?.replace("inf", "Infinity"));
          return fields.has("r") || !(now < deadline)
            ? undefined
            : decodeSession(uid, fields, now);
        },
      };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Returns the digests of the store's scripts by their texts. */
export function scriptDigests(): Promise<Map<string, string>> {
  const all: unknown[] = [
    ...Object.values(endScripts),
    ...Object.values(sessionScripts),
  ];
  return digestsOf(all.filter((each) => each instanceof RedisScript));
}
