// RedisStore with replicas: what WAIT makes sure of, and a failover by Sentinel.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromNodeRedis, RedisStore } from "../../stores/redis_store.ts";
import { Shards } from "../../stores/redis/shards.ts";
import { LOOK, NODE, sessionOf, VISIT } from "../../testing/contract_checks.ts";
import { makeFolder, SOON } from "../helpers_process.ts";
import { RedisCluster, RedisServer, testWithRedis } from "../helpers_redis.ts";
import {
  connectNodeCluster,
  connectNodeRedis,
  openStore,
  pause,
} from "./helpers_redis_store.ts";

/** Starts a primary and its replica. */
async function startPair(): Promise<{
  readonly primary: RedisServer;
  readonly replica: RedisServer;
}> {
  const primary = await RedisServer.start();
  const replica = await RedisServer.start({
    settings: [
      ...["--replicaof", "127.0.0.1", `${primary.port}`],
      ...["--repl-diskless-sync-delay", "0"],
    ],
  });
  await becomes(async () => {
    const info = await replica.cli("INFO", "replication");
    return info.includes("master_link_status:up");
  }, "the replica follows");
  return { primary, replica };
}

/** Waits until a condition holds. */
async function becomes(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
  limit = 4 * SOON,
): Promise<void> {
  const latest = Date.now() + limit;
  while (!await isTrue()) {
    assert(Date.now() < latest, `Too late: ${what}`);
    await pause(50);
  }
}

testWithRedis(
  "RedisStoreOptions.replicas lets creations and ends wait for replicas",
  async () => {
    const { primary, replica } = await startPair();
    await using _ = primary;
    await using __ = replica;
    await using opened = await openStore(() => connectNodeRedis(primary), {
      replicas: 1,
    });
    const { store } = opened;
    for (let i = 0; i < 20; i++) {
      await store.create(sessionOf(`${i}`));
      assertEquals(await replica.cli("EXISTS", `{curfew:0}:s:${i}`), "1");
    }
    await store.end("0", "logout", NODE);
    const reason = await replica.cli("HGET", "{curfew:0}:s:0", "r");
    assert(reason.includes("logout"), reason);
    assertEquals(await store.create(sessionOf("1")), undefined);
    assertEquals(await store.end("0", "logout", NODE), undefined);

    await replica.kill();
    await assertRejects(
      () => store.create(sessionOf("a")),
      Error,
      'Cannot create session "a" for sure: 0 of 1 replicas have it after 1 s',
    );
    await assertRejects(
      () => store.take!(sessionOf("hold:a")),
      Error,
      'Cannot take "hold:a" for sure',
    );
    await assertRejects(
      () => store.end("1", "logout", NODE),
      Error,
      'Cannot end session "1" for sure',
    );
    // Other calls do not wait.
    assertEquals((await store.load("2", VISIT))?.uid, "2");
  },
);

testWithRedis(
  "RedisStoreOptions.replicas waits in a cluster only for the replicas of the session's node",
  async () => {
    await using cluster = await RedisCluster.start({
      settings: ["--repl-diskless-sync-delay", "0"],
      replicas: 1,
    });
    await cluster.untilReplicated();
    await using opened = await openStore(
      () => connectNodeCluster(cluster.servers),
      { shards: 6, replicas: 1 },
    );
    const { store } = opened;
    const [primary] = await cluster.primaries();
    const replica = await replicaOf(cluster, primary!);
    await replica.kill();
    const shards = new Shards("curfew", 6);
    for (const index of shards.all.keys()) {
      let uid = "0";
      const placeOf = () => shards.placeOf(uid);
      while (placeOf().shard.index !== index) uid = `${Number(uid) + 1}`;
      const isThere = await primary!.cli("EXISTS", placeOf().key) === "0";
      const created = store.create(sessionOf(uid));
      if (isThere) await assertRejects(() => created, Error, "0 of 1 replicas");
      else assert(await created !== undefined);
    }
  },
);

testWithRedis(
  "fromNodeRedis() sends commands without a key to the node of the key in a cluster",
  async () => {
    await using cluster = await RedisCluster.start();
    const [client, close] = await connectNodeCluster(cluster.servers);
    for (let i = 0; i < 20; i++) {
      const key = `{${i}}`;
      await client.send(["SET", key, ""], key);
      const reply = await client.send(["CONFIG", "GET", "port"], key);
      const { port } = reply as { port: string };
      const node = cluster.servers.find((server) => `${server.port}` === port);
      assertEquals(await node!.cli("EXISTS", key), "1");
    }
    close();
  },
);

/** Returns the replica of a primary. */
async function replicaOf(
  { servers }: RedisCluster,
  primary: RedisServer,
): Promise<RedisServer> {
  for (const server of servers) {
    const [role, , port] = (await server.cli("ROLE")).split("\n");
    if (role === "slave" && Number(port) === primary.port) return server;
  }
  throw new Error("The primary has no replica");
}

testWithRedis(
  "RedisStore over a sentinel client follows a failover",
  async () => {
    const { createSentinel } = await import("redis");
    const { primary, replica } = await startPair();
    await using _ = primary;
    await using __ = replica;
    using folder = makeFolder();
    folder.write(
      "sentinel.conf",
      `sentinel monitor curfew 127.0.0.1 ${primary.port} 1
sentinel down-after-milliseconds curfew 1000
sentinel failover-timeout curfew 5000
`,
    );
    await using sentinel = await RedisServer.start({
      configuration: `${folder.path}/sentinel.conf`,
      settings: ["--sentinel"],
    });
    await becomes(async () => {
      const known = await sentinel.cli("SENTINEL", "replicas", "curfew");
      return known.includes(`${replica.port}`);
    }, "the sentinel knows the replica");
    const client = createSentinel({
      name: "curfew",
      sentinelRootNodes: [{ host: "127.0.0.1", port: sentinel.port }],
      commandOptions: { timeout: 1000 },
      scanInterval: 500,
      maxCommandRediscovers: 0,
      nodeClientOptions: { disableOfflineQueue: true },
    });
    client.on("error", () => {});
    await client.connect();
    const store = new RedisStore({
      client: fromNodeRedis(client),
      replicas: 1,
    });
    const ends: string[] = [];
    await store.watch(({ uid }) => ends.push(uid));
    await store.create(sessionOf("kept", { principal: "ann" }));
    await store.create(sessionOf("over"));
    await store.end("over", "logout", NODE);
    await becomes(() => ends.includes("over"), "a notification");

    await primary.kill();
    const load = () => store.load("kept", VISIT).catch(() => undefined);
    await becomes(
      async () => (await load())?.principal === "ann",
      "the session at the new primary",
      60_000,
    );
    assertEquals(await store.load("over", LOOK), undefined);

    // There is no replica any more to wait for.
    const other = new RedisStore({ client: fromNodeRedis(client) });
    await other.create(sessionOf("later"));
    await other.end("later", "logout", NODE);
    await becomes(
      () => ends.includes("later"),
      "a notification of the new primary",
    );
    await store[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await client.close();
  },
  // The client leaves the timers of connections to the old primary behind.
  { sanitizeOps: false, sanitizeResources: false },
);
