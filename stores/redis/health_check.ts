import { RECORD_FORMAT } from "../record.ts";
import type { NotificationChannel } from "./channel.ts";
import type { RedisClient } from "./client.ts";
import { listOf, textOf, textsOf } from "./encoding.ts";
import { PUBLISH_COMMAND, RedisScript } from "./script.ts";
import { inTime } from "./time_limit.ts";

/** The parts of a store to check. */
export interface RedisCheck {
  readonly client: RedisClient;
  /** A key of each shard. */
  readonly keys: readonly string[];
  readonly channel: NotificationChannel;
  /** The replicas that the store waits for. */
  readonly replicas: number;
  /** The key of the mark: the number of shards, and the format of records. */
  readonly markKey: string;
}

/** The oldest Redis whose scripts declare whether they run in a full memory. */
const OLDEST = 7;

const REPEATS =
  'The client of Redis sends commands again that Redis may have run, so session.update() may change a value twice: set "autoResendUnfulfilledCommands: false", or "retryDelayOnFailover: 0" of a cluster';

/** A difference of clocks of more milliseconds than this is reported. */
const CLOCK_TOLERANCE = 1000;

/**
 * Reads the clock and INFO, and tries to publish; it runs on a Redis that is too
 * old for the other scripts. KEYS: any of the shard. ARGV: channel.
 */
const INSPECT = new RedisScript(
  PUBLISH_COMMAND + `
local time = redis.call('TIME')
local info = redis.pcall('INFO')
local published = redis.pcall(publish_command(ARGV[1]), ARGV[1], '')
return { time[1], time[2],
  type(info) == 'string' and info or '',
  type(published) == 'table' and published.err or '' }
`,
);

/**
 * Checks the Redis of a store.
 *
 * @returns sentences for the operators, each once.
 * @throws {RangeError} If it would lose sessions, even while a node is away.
 * @throws {Error} If a node is away.
 */
export async function checkRedis(check: RedisCheck): Promise<string[]> {
  const results = await Promise.allSettled([
    ...check.keys.map((key) => inTime(checkNode(check, key), `check "${key}"`)),
    inTime(checkMark(check), `check "${check.markKey}"`),
  ]);
  const failures = results.filter((result) => result.status === "rejected")
    .map(({ reason }) => reason);
  if (failures.length > 0) {
    throw failures.find((error) => error instanceof RangeError) ?? failures[0];
  }
  const sentences = results.filter((result) => result.status === "fulfilled")
    .flatMap(({ value }) => value);
  if (check.client.repeatsCommands) sentences.push(REPEATS);
  return [...new Set(sentences)];
}

/** The nodes that have shards may differ. */
async function checkNode(check: RedisCheck, key: string): Promise<string[]> {
  const { client, channel, replicas } = check;
  const inspect = async (channel: string) =>
    textsOf(await client.send(["EVAL", INSPECT.text, "1", key, channel], key));
  let name = channel.isSharded ? await channel.nameFor(key) : channel.firstName;
  const asked = Date.now();
  const [seconds, micros, info = "", firstRefusal = ""] = await inspect(name);
  const answered = Date.now();
  const here = (asked + answered) / 2;
  const there = Number(seconds) * 1000 + Number(micros) / 1000;
  const sentences: string[] = [];
  // A slow answer may be from any moment of its time.
  const doubt = (answered - asked) / 2;
  if (Math.abs(there - here) > CLOCK_TOLERANCE + doubt) {
    sentences.push(
      `The clock of Redis is ${Math.round(Math.abs(there - here) / 1000)} s ${
        there > here ? "ahead of" : "behind"
      } this machine's: sessions end by the clock of Redis, and times are shown by it`,
    );
  }
  let refusal = firstRefusal;
  if (refusal !== "" && !channel.isSharded) {
    name = await channel.name;
    if (name !== channel.firstName) refusal = (await inspect(name))[3] ?? "";
  }
  if (refusal !== "") {
    sentences.push(
      `Redis does not let the store publish to the channel "${name}" (${refusal}): other processes learn of ends later, when they poll`,
    );
  }
  if (info === "") {
    sentences.push(
      "Redis does not let the store read INFO: its version, its eviction policy and whether it keeps data through a restart could not be checked",
    );
    return sentences;
  }
  refuseUnfit(info);
  const count = fieldOf(info, "connected_slaves");
  if (Number(count) < replicas) {
    sentences.push(
      `Redis has ${count} replicas, fewer than the ${replicas} of the option replicas: no session begins, and no logout is confirmed`,
    );
  }
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
      `Cannot keep sessions in Redis: its maxmemory-policy is "${policy}", so it drops sessions when its memory is full, and their ends are not delivered: set it to "noeviction", or to "volatile-lru" if a cache shares it`,
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
      ? `Redis keeps nothing through a restart: all sessions are lost then, and their ends are not delivered: set "appendonly yes"`
      : `Redis keeps snapshots only ("save ${save}"): after a crash the sessions since the last are lost, and those that ended since then are back: set "appendonly yes"`,
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

/**
 * The mark is "4 (format 2)" for 4 shards. Version 0.1.0 wrote "4", and refuses
 * the new mark, as it cannot read the new records.
 */
async function checkMark(check: RedisCheck): Promise<string[]> {
  const { client, keys, markKey } = check;
  const own = `${keys.length} (format ${RECORD_FORMAT})`;
  const reply = await client.send(["SET", markKey, own, "NX", "GET"], markKey);
  const mark = reply === null ? own : textOf(reply);
  if (mark === own) return [];
  const [, shards = mark, format = "1"] = /^(\d+)(?: \(format (\d+)\))?$/
    .exec(mark) ?? [];
  if (shards !== String(keys.length)) {
    throw new RangeError(
      `Cannot keep sessions in Redis: the sessions in it are in ${shards} shards, not in ${keys.length}: set the option shards to ${shards}, or choose another prefix, or delete the key "${markKey}" if no sessions are left`,
    );
  }
  if (Number(format) > RECORD_FORMAT) {
    throw new RangeError(
      `Cannot keep sessions in Redis: the sessions in it have format ${format}, and this version reads ${RECORD_FORMAT} at most: update it`,
    );
  }
  await client.send(["SET", markKey, own], markKey);
  return [];
}

function fieldOf(info: string, name: string): string | undefined {
  return info.match(new RegExp(`^${name}:(.*?)\\r?$`, "m"))?.[1];
}

/** Returns the value in a reply to CONFIG GET: a list, a Map or an object. */
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
