// RedisStore while one of its shards does not answer, and its one connection that
// listens for all shards.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type RedisClient, RedisStore } from "../../stores/redis_store.ts";
import { NODE, sessionOf } from "../../testing/contract_checks.ts";
import { RedisCluster, RedisServer, testWithRedis } from "../helpers_redis.ts";
import {
  connectNodeCluster,
  connectNodeRedis,
  openStore,
} from "./helpers_redis_store.ts";

/** Returns a client for which shard 1 rejects, or never answers. */
function without(client: RedisClient, how: "rejects" | "hangs"): RedisClient {
  return {
    ...client,
    send(args, key) {
      if (!key.startsWith("{curfew:1}")) return client.send(args, key);
      if (how === "rejects") return Promise.reject(new Error("away"));
      return new Promise(() => {});
    },
  };
}

for (const how of ["rejects", "hangs"] as const) {
  testWithRedis(
    `RedisStore.claim() answers the ends of the other shards while one ${how}`,
    async () => {
      await using server = await RedisServer.start();
      await using opened = await openStore(() => connectNodeRedis(server), {
        shards: 3,
      });
      const uids = Array.from({ length: 30 }, (_, i) => `session ${i}`);
      const { store } = opened;
      for (const uid of uids) {
        await store.create(sessionOf(uid, { sessionTimeout: 0 }));
      }
      const client = without(opened.client, how);
      const broken = new RedisStore({ client, shards: 3 });
      const { ends } = await broken.claim(NODE, 100);
      assertEquals(
        new Set(ends.map(({ session }) => session.uid)),
        new Set(uids.filter((uid) => store.partOf(uid).name !== "shard 1")),
      );
      if (how === "hangs") return;
      await assertRejects(
        () => broken.claim(NODE, 100),
        Error,
        "look for ends",
      );
    },
  );

  testWithRedis(
    `RedisStore.parts answer while another ${how}`,
    async () => {
      await using server = await RedisServer.start();
      await using opened = await openStore(() => connectNodeRedis(server), {
        shards: 3,
      });
      const client = without(opened.client, how);
      const { parts } = new RedisStore({ client, shards: 3 });
      for (const name of ["shard 0", "shard 2"]) {
        const part = parts.find((part) => part.name === name)!;
        assertEquals((await part.claim(NODE, 1)).ends, []);
        assertEquals(await part.nextIn(), Infinity);
        assertEquals(await part.uidsOf("ann"), []);
        assertEquals(await part.listDeadLetters(), []);
      }
    },
  );

  Deno.test(`RedisStore.check() refuses an unfit shard while another ${how}`, async () => {
    using time = new FakeTime();
    const old = "redis_version:6.2.14\r\naof_enabled:1\r\n";
    const client = without({
      send: ([command]) =>
        Promise.resolve(command === "SET" ? null : ["0", "0", old, ""]),
      subscribe: () => Promise.reject(new Error("not asked for")),
    }, how);
    const { check } = bound(new RedisStore({ client, shards: 3 }));
    const refused = assertRejects(check, RangeError, "version 6.2.14");
    await time.tickAsync(6000);
    await refused;
  });

  Deno.test(`RedisStore.check() fails in time if a shard ${how}`, async () => {
    using time = new FakeTime();
    const fit = "redis_version:7.2.4\r\naof_enabled:1\r\n";
    const client = without({
      send: ([command]) =>
        Promise.resolve(command === "SET" ? null : ["0", "0", fit, ""]),
      subscribe: () => Promise.reject(new Error("not asked for")),
    }, how);
    const { check } = bound(new RedisStore({ client, shards: 3 }));
    const failed = assertRejects(check, Error, "Cannot check Redis");
    await time.tickAsync(6000);
    await failed;
  });
}

function bound(store: RedisStore): { check: () => Promise<unknown> } {
  return { check: () => store.check() };
}

testWithRedis(
  "RedisStore.watch() shares one connection among all parts",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectNodeRedis(server), {
      shards: 4,
    });
    const { store } = opened;
    const count = async () => {
      const list = await server.cli("CLIENT", "LIST", "TYPE", "pubsub");
      return list === "" ? 0 : list.split("\n").length;
    };
    const stops = await Promise.all(
      [store, ...store.parts].map((part) => part.watch(() => {})),
    );
    assertEquals(await count(), 1);
    for (const stop of stops.slice(1)) stop();
    assertEquals(await count(), 1);
    stops[0]!();
    await store[Symbol.asyncDispose]();
    while (await count() > 0) await wait(10);
    const notified = Promise.withResolvers<string>();
    const stop = await store.watch(({ uid }) => notified.resolve(uid));
    await store.create(sessionOf("a"));
    await store.end("a", "logout", NODE);
    assertEquals(await notified.promise, "a");
    stop();
  },
);

Deno.test("RedisStore can be disposed of while its connection does not open", async () => {
  using time = new FakeTime();
  const client: RedisClient = {
    send: () => new Promise(() => {}),
    subscribe: () => new Promise(() => {}),
  };
  const store = new RedisStore({ client });
  const failed = assertRejects(
    () => store.watch(() => {}),
    Error,
    "Cannot watch for ends",
  );
  await time.tickAsync(6000);
  await failed;
  const disposed = store[Symbol.asyncDispose]();
  await time.tickAsync(6000);
  await disposed;
});

testWithRedis(
  "RedisStore.check() says that a cluster refuses all while a node is away",
  async () => {
    await using cluster = await RedisCluster.start();
    await using opened = await openStore(
      () => connectNodeCluster(cluster.servers),
      { shards: 6 },
    );
    const sentences = async () => (await opened.store.check()).join("\n");
    const setting = "cluster-require-full-coverage";
    assertStringIncludes(await sentences(), `set "${setting} no"`);
    for (const server of cluster.servers) {
      await server.cli("CONFIG", "SET", setting, "no");
    }
    assertEquals((await sentences()).includes(setting), false);
  },
);

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
