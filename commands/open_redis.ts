import {
  decodeText,
  listOf,
  numberOf,
  textOf,
  textsOf,
} from "../stores/redis/encoding.ts";
import { type Shard, Shards } from "../stores/redis/shards.ts";
import { inTime } from "../stores/redis/time_limit.ts";
import {
  fromNodeRedis,
  type NodeRedisClient,
  type RedisClient,
  RedisStore,
} from "../stores/redis_store.ts";
import { RECORD_FORMAT } from "../stores/record.ts";
import { importClient } from "./import_client.ts";
import { type OpenedStore, refuseOtherFormat } from "./opened_store.ts";

/** The number of sessions that are read at a time. */
const PAGE = 500;

/** Milliseconds to wait for a connection. */
const CONNECT_TIMEOUT = 5000;

/** Milliseconds to wait for an answer. */
const ANSWER_TIMEOUT = 60_000;

/** The members of `npm:redis` that are used. */
interface RedisModule {
  createClient(options: object): OpenClient;
  createCluster(options: object): OpenClient;
}

type OpenClient = NodeRedisClient & {
  connect(): Promise<unknown>;
  on(event: "error", listener: () => void): unknown;
  destroy(): void;
};

/** Options of {@linkcode openRedis}. */
export interface OpenRedisOptions {
  readonly prefix: string | undefined;
  /** Whether the URL is that of a node of a cluster. */
  readonly cluster: boolean;
}

/**
 * Opens the store in Redis. Writes nothing before it has found a store of this
 * version.
 *
 * @throws {Error} If there is no such store.
 */
export async function openRedis(
  url: string,
  { prefix = "curfew", cluster }: OpenRedisOptions,
): Promise<OpenedStore> {
  const redis = await importClient<RedisModule>("npm:redis@^6.0.0");
  const settings = {
    // A lost connection is a failure of the command.
    disableOfflineQueue: true,
    socket: { connectTimeout: CONNECT_TIMEOUT, reconnectStrategy: false },
  };
  const { username, password, protocol } = new URL(url);
  const connection = cluster
    ? redis.createCluster({
      rootNodes: [{ url }],
      defaults: {
        ...settings,
        ...username === "" ? {} : { username: decodeURIComponent(username) },
        ...password === "" ? {} : { password: decodeURIComponent(password) },
        socket: { ...settings.socket, tls: protocol === "rediss:" },
      },
    })
    : redis.createClient({ url, ...settings });
  connection.on("error", () => {});
  try {
    // The client has no time limit for the first answer, nor for a command that was
    // sent.
    await inTime(connection.connect(), "connect", CONNECT_TIMEOUT);
    const adapted = fromNodeRedis(connection);
    const client: RedisClient = {
      ...adapted,
      send: (args, key) =>
        inTime(adapted.send(args, key), `run ${args[0]}`, ANSWER_TIMEOUT),
    };
    const shards = await readShards(client, prefix);
    const store = new RedisStore({ client, prefix, shards });
    const all = new Shards(prefix, shards).all;
    return {
      store,
      uids: () => uidsIn(client, all),
      // deno-lint-ignore require-await -- rejects if it throws
      async [Symbol.asyncDispose]() {
        connection.destroy();
      },
    };
  } catch (error) {
    try {
      connection.destroy();
    } catch {
      // It has never been connected.
    }
    throw error;
  }
}

/** Reads the number of shards from the mark that the check of a store writes. */
async function readShards(
  client: RedisClient,
  prefix: string,
): Promise<number> {
  const key = `${prefix}:shards`;
  const mark = await client.send(["GET", key], key);
  if (mark === null) {
    throw new Error(`it has no sessions with the prefix "${prefix}"`);
  }
  const [, shards = "1", format = "1"] =
    /^(\d+)(?: \(format (\d+)\))?$/.exec(textOf(mark)) ?? [];
  refuseOtherFormat(Number(format), RECORD_FORMAT);
  return Number(shards);
}

/**
 * Lists the sessions with a deadline in that order, and then those that never end.
 */
async function* uidsIn(
  client: RedisClient,
  shards: readonly Shard[],
): AsyncIterable<readonly string[]> {
  const seen = new Set<string>();
  const heads = shards.map((shard) => new DueUids(client, shard));
  for (;;) {
    const page: string[] = [];
    while (page.length < PAGE) {
      const nexts = await Promise.all(heads.map((head) => head.peek()));
      const least = Math.min(...nexts.map((next) => next?.due ?? Infinity));
      const head = heads.find((_, index) => nexts[index]?.due === least);
      if (head === undefined) break;
      const { uid } = head.take();
      if (!seen.has(uid)) page.push(uid);
      seen.add(uid);
    }
    if (page.length === 0) break;
    yield page;
  }
  for (const shard of shards) yield* otherUids(client, shard, seen);
}

/** The sorted set of a shard, read page by page. */
class DueUids {
  readonly #client: RedisClient;
  readonly #key: string;
  #page: { readonly uid: string; readonly due: number }[] = [];
  /**
   * The start of the next page: a time, and a number of entries after the first one
   * of that time.
   */
  #next: { from: string; offset: number } | undefined = {
    from: "-inf",
    offset: 0,
  };

  constructor(client: RedisClient, shard: Shard) {
    this.#client = client;
    this.#key = shard.due;
  }

  /** Returns the next uid without taking it; undefined after the last. */
  async peek(): Promise<{ uid: string; due: number } | undefined> {
    if (this.#page.length === 0 && this.#next !== undefined) {
      const { from, offset } = this.#next;
      const reply = listOf(
        await this.#client.send([
          ...["ZRANGE", this.#key, from, "+inf", "BYSCORE"],
          ...["LIMIT", `${offset}`, `${PAGE}`, "WITHSCORES"],
        ], this.#key),
      ).flat();
      for (let i = 1; i < reply.length; i += 2) {
        const uid = decodeText(textOf(reply[i - 1]));
        this.#page.push({ uid, due: numberOf(reply[i]) });
      }
      const last = this.#page.at(-1)?.due;
      const same = this.#page.filter(({ due }) => due === last).length;
      const before = from === String(last) ? offset : 0;
      this.#next = last === undefined
        ? undefined
        : { from: String(last), offset: before + same };
    }
    return this.#page[0];
  }

  /** Takes the uid that `peek()` has returned. */
  take(): { uid: string; due: number } {
    return this.#page.shift()!;
  }
}

/** Finds the sessions that have no deadline, among all keys of the server. */
async function* otherUids(
  client: RedisClient,
  { session, due }: Shard,
  seen: ReadonlySet<string>,
): AsyncIterable<readonly string[]> {
  const pattern = session.replace(/[\\*?[\]]/g, "\\$&") + "*";
  let cursor = "0";
  do {
    const [next, keys] = listOf(
      await client.send(
        ["SCAN", cursor, "MATCH", pattern, "COUNT", "1000"],
        due,
      ),
    );
    cursor = textOf(next);
    const uids = textsOf(keys)
      .map((key) => decodeText(key.slice(session.length)))
      .filter((uid) => !seen.has(uid));
    if (uids.length > 0) yield [...new Set(uids)];
  } while (cursor !== "0");
}
