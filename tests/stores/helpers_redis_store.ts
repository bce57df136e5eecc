/**
 * What the tests of RedisStore share.
 *
 * Clients read the environment when they are imported, and so are imported where
 * that is allowed.
 *
 * @module
 */

import type { createClient as CreateClient } from "redis";
import {
  fromIoredis,
  fromNodeRedis,
  type RedisClient,
  RedisStore,
  type RedisStoreOptions,
} from "../../stores/redis_store.ts";
import type {
  ContractContext,
  StoreUnderTest,
} from "../../testing/contract_checks.ts";
import { testStoreContract } from "../../testing/store_contract.ts";
import type { RedisServer } from "../helpers_redis.ts";
import { repeatedIfStalled } from "../helpers_stalls.ts";
import { passDate } from "../helpers_time.ts";

/** Milliseconds that all tests of the contract may take, on a busy machine. */
export const CONTRACT_LIMIT = 480_000;

/** Enough sessions to meet each other, where the crowd is not the subject. */
export const FEW = { crowd: 300, races: 300 } as const;

/** Returns a client that is connected, and a function that closes it. */
export type Connect = () => Promise<[RedisClient, () => void]>;

/** Connects with `npm:redis`. */
export async function connectNodeRedis(
  { url }: Pick<RedisServer, "url">,
  options: Parameters<typeof CreateClient>[0] = {},
): Promise<[RedisClient, () => void]> {
  const { createClient } = await import("redis");
  const client = createClient({
    url,
    socket: { reconnectStrategy: 20 },
    ...options,
  });
  // In some tests the server is away.
  client.on("error", () => {});
  await client.connect();
  return [fromNodeRedis(client), () => client.destroy()];
}

/** Connects with `npm:ioredis`. */
export async function connectIoredis(
  { port }: RedisServer,
  keyPrefix = "",
): Promise<[RedisClient, () => void]> {
  const { Redis } = await import("ioredis");
  const client = new Redis(port, { keyPrefix, ...NOT_TWICE });
  await client.ping();
  return [fromIoredis(client), () => client.disconnect()];
}

/** Connects with `npm:iovalkey`. */
export async function connectIovalkey(
  { port }: RedisServer,
): Promise<[RedisClient, () => void]> {
  const { Redis } = await import("iovalkey");
  const client = new Redis(port, NOT_TWICE);
  await client.ping();
  return [fromIoredis(client), () => client.disconnect()];
}

/** Connects to a cluster with `npm:redis`. */
export async function connectNodeCluster(
  servers: readonly RedisServer[],
): Promise<[RedisClient, () => void]> {
  const { createCluster } = await import("redis");
  const cluster = createCluster({
    rootNodes: servers.map(({ url }) => ({ url })),
    commandOptions: { timeout: 2000 },
    defaults: { disableOfflineQueue: true, socket: { reconnectStrategy: 200 } },
  });
  cluster.on("error", () => {});
  await cluster.connect();
  return [fromNodeRedis(cluster), () => cluster.destroy()];
}

/** Connects to a cluster with `npm:ioredis`. */
export async function connectIoredisCluster(
  servers: readonly RedisServer[],
): Promise<[RedisClient, () => void]> {
  const { Cluster } = await import("ioredis");
  const cluster = new Cluster(nodesOf(servers), IOREDIS_CLUSTER);
  cluster.on("error", () => {});
  await cluster.ping();
  return [fromIoredis(cluster), () => cluster.disconnect()];
}

/** Connects to a cluster with `npm:iovalkey`. */
export async function connectIovalkeyCluster(
  servers: readonly RedisServer[],
): Promise<[RedisClient, () => void]> {
  const { Cluster } = await import("iovalkey");
  // With `retryDelayOnFailover: 0` it refuses commands for nodes that answer while
  // another node is away.
  const { redisOptions } = IOREDIS_CLUSTER;
  const cluster = new Cluster(nodesOf(servers), { redisOptions });
  cluster.on("error", () => {});
  await cluster.ping();
  return [fromIoredis(cluster), () => cluster.disconnect()];
}

const NOT_TWICE = { autoResendUnfulfilledCommands: false };

const IOREDIS_CLUSTER = {
  redisOptions: { commandTimeout: 2000 },
  retryDelayOnFailover: 0,
};

function nodesOf(
  servers: readonly RedisServer[],
): { host: string; port: number }[] {
  return servers.map(({ port }) => ({ host: "127.0.0.1", port }));
}

/** A store with a client of its own. */
export interface OpenStore extends AsyncDisposable {
  /** The store. */
  readonly store: RedisStore;
  /** Its client. */
  readonly client: RedisClient;
}

/** Opens a store; its client is closed with it. */
export async function openStore(
  connect: Connect,
  options: Omit<RedisStoreOptions, "client"> = {},
): Promise<OpenStore> {
  const [client, close] = await connect();
  const store = new RedisStore({ client, ...options });
  return {
    store,
    client,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      close();
    },
  };
}

/** Returns the context of a store for helpers of the contract. */
export function contextOf({ store }: OpenStore): ContractContext {
  const subject: StoreUnderTest = {
    store,
    advance: passDate,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { store, subject, crowd: 1, races: 1 };
}

/** Resolves after so many milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Runs the tests of the contract, each with a prefix of its own. */
export async function runContract(
  t: Deno.TestContext,
  connect: Connect,
  options: {
    readonly shards?: number;
    readonly crowd?: number;
    readonly races?: number;
    readonly shardedNotifications?: boolean;
  } = {},
): Promise<void> {
  const { shards = 1, shardedNotifications = false, ...sizes } = options;
  const tests = new Map<string, () => Promise<void>>();
  let count = 0;
  testStoreContract(async () => {
    const prefix = `test-${count++}`;
    const opened: OpenStore[] = [];
    const open = async () => {
      const options = { prefix, shards, shardedNotifications };
      opened.push(await openStore(connect, options));
      return opened.at(-1)!.store;
    };
    return {
      store: await open(),
      second: open,
      reopen: open,
      advance: passDate,
      async [Symbol.asyncDispose]() {
        for (const one of opened) await one[Symbol.asyncDispose]();
      },
    };
  }, {
    test: (name, fn) => tests.set(name, fn),
    isDurable: true,
    ...sizes,
  });
  for (const [name, fn] of tests) await t.step(name, repeatedIfStalled(fn));
}
