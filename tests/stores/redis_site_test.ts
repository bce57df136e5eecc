import { assert, assertEquals, assertRejects } from "@std/assert";
import { RedisCluster, RedisServer, testWithRedis } from "../helpers_redis.ts";
import { cookieOf } from "../helpers_store.ts";
import {
  connectIoredis,
  connectNodeCluster,
  connectNodeRedis,
  openStore,
} from "./helpers_redis_store.ts";
import {
  assertCounted,
  assertHeld,
  assertLost,
  assertOldTokensLogInApart,
  assertPresent,
  assertSeenElsewhere,
  assertShared,
  makeNode,
} from "./helpers_store_site.ts";

testWithRedis(
  "Sites over Redis share a session and its end, delivered once",
  async () => {
    const settings = ["--appendonly", "yes"];
    await using server = await RedisServer.start({ settings });
    await using one = await openStore(() => connectNodeRedis(server));
    await using two = await openStore(() => connectIoredis(server));
    await assertShared(one.store, two.store);
  },
);

testWithRedis(
  "Sites over Redis count the sessions of both, and list each other",
  async () => {
    await using server = await RedisServer.start();
    await using one = await openStore(() => connectNodeRedis(server));
    await using two = await openStore(() => connectIoredis(server));
    await assertCounted(one.store, two.store);
  },
);

testWithRedis(
  "Sites over a cluster of Redis count the sessions of both, and list each other",
  async () => {
    await using cluster = await RedisCluster.start();
    const connect = () => connectNodeCluster(cluster.servers);
    await using one = await openStore(connect, { shards: 5 });
    await using two = await openStore(connect, { shards: 5 });
    await assertCounted(one.store, two.store);
  },
);

testWithRedis(
  "Sites over Redis hold keys for each other, and call what a hold has left behind",
  async () => {
    const settings = ["--appendonly", "yes"];
    await using server = await RedisServer.start({ settings });
    await using one = await openStore(() => connectNodeRedis(server));
    await using two = await openStore(() => connectIoredis(server));
    await assertHeld(one.store, two.store);
  },
);

testWithRedis(
  "Sites over Redis tell once where a visitor is",
  async () => {
    const settings = ["--appendonly", "yes"];
    await using server = await RedisServer.start({ settings });
    await using one = await openStore(() => connectNodeRedis(server));
    await using two = await openStore(() => connectIoredis(server));
    await assertPresent(one.store, two.store);
  },
);

testWithRedis(
  "Sites over Redis see what the other changes in a session",
  async () => {
    const settings = ["--appendonly", "yes"];
    await using server = await RedisServer.start({ settings });
    await using one = await openStore(() => connectNodeRedis(server));
    await using two = await openStore(() => connectIoredis(server));
    await assertSeenElsewhere(one.store, two.store);
  },
);

testWithRedis(
  "Sites over Redis end sessions as lost that FLUSHALL has taken away",
  async () => {
    await using server = await RedisServer.start();
    await using one = await openStore(() => connectNodeRedis(server));
    await using two = await openStore(() => connectIoredis(server));
    await assertLost([one.store, two.store], async () => {
      await server.cli("FLUSHALL");
    });
  },
);

testWithRedis(
  "Sites over Redis end sessions as lost when an empty Redis replaces it",
  async () => {
    await using server = await RedisServer.start();
    await using one = await openStore(() => connectNodeRedis(server));
    await using two = await openStore(() => connectIoredis(server));
    await assertLost([one.store, two.store], async () => {
      await server.kill();
      await server.restart();
    });
  },
);

testWithRedis(
  "Sites over Redis refuse a login by a token that was replaced",
  async () => {
    const settings = ["--appendonly", "yes"];
    await using server = await RedisServer.start({ settings });
    await using one = await openStore(() => connectNodeRedis(server));
    await using two = await openStore(() => connectIoredis(server));
    await assertOldTokensLogInApart(one.store, two.store);
  },
);

testWithRedis("A Site over Redis goes on when Redis was killed", async () => {
  const settings = ["--appendonly", "yes", "--appendfsync", "always"];
  await using server = await RedisServer.start({ settings });
  await using opened = await openStore(() => connectNodeRedis(server));
  await using node = makeNode(opened.store);
  const first = await node.get("count");
  const cookie = cookieOf(first);
  await first.text();
  await server.kill();
  await server.restart();
  assertEquals(await (await node.get("count", cookie)).text(), "2");
  await node.site.close();
  assertEquals(node.reasons, []);
});

testWithRedis(
  "A Site is not served over a Redis that drops sessions",
  async () => {
    const settings = ["--maxmemory-policy", "allkeys-lru"];
    await using server = await RedisServer.start({ settings });
    await using opened = await openStore(() => connectNodeRedis(server));
    await using node = makeNode(opened.store);
    await assertRejects(() => node.site.ready, RangeError, "allkeys-lru");
    const response = await node.get("count");
    await response.body?.cancel();
    assertEquals(response.status, 503);
    assert(node.errors.some((error) => /allkeys-lru/.test(`${error}`)));
  },
);
