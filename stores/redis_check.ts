import type { RedisClient } from "./redis_client.ts";
import { inTime } from "./redis_in_time.ts";
import { INSPECT } from "./redis_scripts.ts";
import { listOf, textOf, textsOf } from "./redis_text.ts";

/** What is to be looked at, and how. */
export interface RedisCheck {
  /** Who asks. */
  readonly client: RedisClient;
  /** A key of each shard. */
  readonly keys: readonly string[];
  /** Where news is published. */
  readonly channel: string;
  /** Where the number of shards is written down. */
  readonly shardsKey: string;
}

/** The oldest Redis whose scripts say whether they may run in a full memory. */
const OLDEST = 7;

/** Milliseconds by which clocks may differ before it is worth a sentence. */
const CLOCK_TOLERANCE = 1000;

/**
 * Looks at the Redis that a store is to rely on.
 *
 * @returns sentences for those who run it, each once.
 * @throws {RangeError} If it would lose sessions, whatever else is away.
 * @throws {Error} If any of it is away.
 */
export async function checkRedis(check: RedisCheck): Promise<string[]> {
  const results = await Promise.allSettled([
    ...check.keys.map((key) =>
      inTime(checkNode(check, key), `look at "${key}"`)
    ),
    inTime(checkShards(check), `look at "${check.shardsKey}"`),
  ]);
  const failures = results.filter((result) => result.status === "rejected")
    .map(({ reason }) => reason);
  if (failures.length > 0) {
    throw failures.find((error) => error instanceof RangeError) ?? failures[0];
  }
  const sentences = results.filter((result) => result.status === "fulfilled")
    .flatMap(({ value }) => value);
  return [...new Set(sentences)];
}

/** Any node that has a shard may differ from the others. */
async function checkNode(check: RedisCheck, key: string): Promise<string[]> {
  const { client, channel } = check;
  const asked = Date.now();
  const [seconds, micros, info = "", refusal] = textsOf(
    await client.send(["EVAL", INSPECT.text, "1", key, channel], key),
  );
  const answered = Date.now();
  const here = (asked + answered) / 2;
  const there = Number(seconds) * 1000 + Number(micros) / 1000;
  const sentences: string[] = [];
  // An answer that took its time may be from any moment of it.
  const doubt = (answered - asked) / 2;
  if (Math.abs(there - here) > CLOCK_TOLERANCE + doubt) {
    sentences.push(
      `The clock of Redis is ${Math.round(Math.abs(there - here) / 1000)} s ${
        there > here ? "ahead of" : "behind"
      } this machine's: sessions end by the clock of Redis, and times are shown by it`,
    );
  }
  if (refusal !== "") {
    sentences.push(
      `Redis does not let the store publish to the channel "${channel}" (${refusal}): other processes hear of ends later, when they look`,
    );
  }
  if (info === "") {
    sentences.push(
      "Redis does not let the store read INFO: its version, its eviction policy and whether it keeps data through a restart could not be checked",
    );
    return sentences;
  }
  refuseUnfit(info);
  sentences.push(...await checkPersistence(client, key, info));
  if (fieldOf(info, "cluster_enabled") === "1") {
    sentences.push(...await checkCluster(check, key, info));
  }
  return sentences;
}

function refuseUnfit(info: string): void {
  const version = fieldOf(info, "redis_version") ?? "";
  if (Number.parseInt(version) < OLDEST) {
    throw new RangeError(
      `Cannot keep sessions in Redis: it is version ${version}, and must be ${OLDEST} or later, or Valkey`,
    );
  }
  const policy = fieldOf(info, "maxmemory_policy");
  if (policy?.startsWith("allkeys-")) {
    throw new RangeError(
      `Cannot keep sessions in Redis: its maxmemory-policy is "${policy}", so that it drops sessions when its memory is full, and nobody is told of their end: set it to "noeviction", or to "volatile-lru" where a cache shares it`,
    );
  }
  if (fieldOf(info, "role") === "slave") {
    throw new RangeError(
      "Cannot keep sessions in Redis: it is a replica, which takes no writes: connect to its primary",
    );
  }
}

async function checkPersistence(
  client: RedisClient,
  key: string,
  info: string,
): Promise<string[]> {
  if (fieldOf(info, "aof_enabled") === "1") return [];
  let save: string;
  try {
    save = settingOf(await client.send(["CONFIG", "GET", "save"], key));
  } catch (error) {
    return [
      `Whether Redis keeps sessions through a restart could not be checked, since it writes no AOF and CONFIG is refused: ${
        messageOf(error)
      }`,
    ];
  }
  return [
    save === ""
      ? `Redis keeps nothing through a restart, so that all sessions are lost then, and nobody is told of their end: set "appendonly yes"`
      : `Redis keeps snapshots only ("save ${save}"), so that after a crash the sessions since the last are lost, and those that ended since then are back: set "appendonly yes"`,
  ];
}

async function checkCluster(
  { client, keys }: RedisCheck,
  key: string,
  info: string,
): Promise<string[]> {
  const sentences: string[] = [];
  if (keys.length === 1) {
    sentences.push(
      "Redis is a cluster, but all sessions lie on one node of it: raise the option shards to spread them",
    );
  }
  if (fieldOf(info, "connected_slaves") === "0") {
    sentences.push(
      "A node of the cluster has no replica: while it is away, no session on it is found or ends",
    );
  }
  const setting = "cluster-require-full-coverage";
  try {
    if (
      settingOf(await client.send(["CONFIG", "GET", setting], key)) === "yes"
    ) {
      sentences.push(
        `While a node of the cluster is away, the others refuse their sessions too: set "${setting} no"`,
      );
    }
  } catch {
    // CONFIG is refused: the store works without it.
  }
  return sentences;
}

/** With another number of shards, sessions are looked for where they are not. */
async function checkShards(check: RedisCheck): Promise<string[]> {
  const { client, keys, shardsKey } = check;
  const shards = String(keys.length);
  const reply = await client.send(
    ["SET", shardsKey, shards, "NX", "GET"],
    shardsKey,
  );
  const before = reply === null ? shards : textOf(reply);
  if (before === shards) return [];
  throw new RangeError(
    `Cannot keep sessions in Redis: those that are there lie in ${before} shards, not in ${shards}: set the option shards to ${before}, or choose another prefix, or delete the key "${shardsKey}" if none are left`,
  );
}

function fieldOf(info: string, name: string): string | undefined {
  return info.match(new RegExp(`^${name}:(.*?)\\r?$`, "m"))?.[1];
}

/** The value in a reply to CONFIG GET: a list, a Map or an object. */
function settingOf(reply: unknown): string {
  const list = reply instanceof Map
    ? [...reply].flat()
    : Array.isArray(reply)
    ? listOf(reply)
    : Object.entries(reply ?? {}).flat();
  return textOf(list[1] ?? "");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
