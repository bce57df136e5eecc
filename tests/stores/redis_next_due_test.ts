import { assert, assertEquals } from "@std/assert";
import { NextDueCache } from "../../stores/redis/next_due.ts";
import { Shards } from "../../stores/redis/shards.ts";
import type { RedisClient } from "../../stores/redis_store.ts";
import {
  claimDue,
  NODE,
  OTHER_NODE,
  sessionOf,
} from "../../testing/contract_checks.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import { Node } from "../helpers_store.ts";
import {
  connectNodeRedis,
  contextOf,
  openStore,
  pause,
} from "./helpers_redis_store.ts";

const SHARDS = new Shards("test", 2).all;
const [SHARD, OTHER_SHARD] = SHARDS;
const OWNER = "here";

/** Creates a cache of two shards, and a clock to set. */
function makeCache() {
  const clock = { time: 0 };
  const cache = new NextDueCache(2, () => clock.time);
  const poll = (until: number) => {
    for (const shard of SHARDS) cache.startPoll(shard)(until);
  };
  const notify = (until: number, claimant?: string) =>
    cache.record({ index: 0, until, claimant }, OWNER);
  return { cache, clock, poll, notify };
}

Deno.test("NextDueCache.needsPoll() is true while no connection listens", () => {
  const { cache, poll } = makeCache();
  poll(500);
  assert(cache.needsPoll(SHARD!));
  assertEquals(cache.nextIn(SHARDS), 500);
  cache.setListening(true);
  poll(500);
  assert(!cache.needsPoll(SHARD!));
  cache.setListening(false);
  assert(cache.needsPoll(SHARD!));
});

Deno.test("NextDueCache.needsPoll() is true when a connection starts to listen, and after a gap", () => {
  const { cache, poll } = makeCache();
  poll(500);
  cache.setListening(true);
  assert(cache.needsPoll(SHARD!));
  poll(500);
  cache.clear();
  assert(cache.needsPoll(SHARD!));
});

Deno.test("NextDueCache.needsPoll() is true when the next end is due", () => {
  const { cache, clock, poll } = makeCache();
  cache.setListening(true);
  poll(500);
  assertEquals(cache.nextIn(SHARDS), 500);
  clock.time = 499;
  assert(!cache.needsPoll(SHARD!));
  clock.time = 500;
  assert(cache.needsPoll(SHARD!));
});

Deno.test("NextDueCache.needsPoll() is true once a second, despite notifications", () => {
  const { cache, clock, poll, notify } = makeCache();
  cache.setListening(true);
  poll(Infinity);
  assertEquals(cache.nextIn(SHARDS), 1000);
  clock.time = 999;
  notify(60_000);
  assert(!cache.needsPoll(SHARD!));
  clock.time = 1000;
  assert(cache.needsPoll(SHARD!));
});

Deno.test("NextDueCache.record() takes over earlier deadlines, and claims", () => {
  const { cache, clock, poll, notify } = makeCache();
  cache.setListening(true);
  poll(500);
  notify(100);
  assertEquals(cache.nextIn(SHARDS), 98);
  clock.time = 98;
  assert(cache.needsPoll(SHARD!));
  assert(!cache.needsPoll(OTHER_SHARD!));
  notify(300, OWNER);
  assert(!cache.needsPoll(SHARD!));
  assertEquals(cache.nextIn(SHARDS), 298);
});

Deno.test("NextDueCache.record() counts more than a poll that was sent before", () => {
  const { cache, poll, notify } = makeCache();
  cache.setListening(true);
  poll(500);
  const recordAnswer = cache.startPoll(SHARD!);
  notify(100);
  recordAnswer(500);
  assertEquals(cache.nextIn(SHARDS), 98);
});

Deno.test("NextDueCache.nextIn() is up to 20 ms more while other nodes claim", () => {
  const { cache, clock, poll, notify } = makeCache();
  cache.setListening(true);
  notify(500, "there");
  poll(500);
  const waits = Array.from({ length: 100 }, () => cache.nextIn(SHARDS));
  assert(waits.every((wait) => wait >= 500 && wait <= 520), `${waits}`);
  assert(new Set(waits).size > 50);
  // A node that is there in time polls.
  clock.time = 500;
  assert(cache.needsPoll(SHARD!));
  assert(cache.nextIn(SHARDS) <= 20);
  // All nodes help while there is more to claim.
  poll(0);
  assertEquals(cache.nextIn(SHARDS), 0);
  clock.time = 10_001;
  poll(500);
  assertEquals(cache.nextIn(SHARDS), 500);
});

testWithRedis(
  "RedisStore.claim() polls no idle shard while notifications arrive",
  async () => {
    await using server = await RedisServer.start();
    const connect = () => connectNodeRedis(server);
    await using opened = await openStore(connect, { shards: 4 });
    const { store } = opened;
    await store.create(sessionOf("a"));
    const stop = await store.watch(() => {});
    await store.claim(NODE, 100);
    await server.cli("CONFIG", "RESETSTAT");
    const { ends, nextIn } = await store.claim(NODE, 100);
    assertEquals(ends, []);
    assert(nextIn > 0 && nextIn <= 1000, `${nextIn}`);
    assertEquals((await server.countCalls()).get("evalsha"), undefined);
    stop();
  },
);

testWithRedis(
  "RedisStore.watch() notifies of an earlier deadline in another store",
  async () => {
    await using server = await RedisServer.start();
    const connect = () => connectNodeRedis(server);
    await using opened = await openStore(connect, { shards: 4 });
    await using other = await openStore(connect, { shards: 4 });
    const earlier = Promise.withResolvers<void>();
    const stop = await opened.store.watch(() => {}, earlier.resolve);
    await opened.store.claim(NODE, 100);
    await other.store.create(sessionOf("a", { sessionTimeout: 500 }));
    await earlier.promise;
    const { ends, nextIn } = await opened.store.claim(NODE, 100);
    assertEquals(ends, []);
    // Without the notification it would be almost a second.
    assert(nextIn <= 500, `${nextIn}`);
    await claimDue(contextOf(opened), 1);
    stop();
  },
);

testWithRedis(
  "RedisStore.claim() does not poll for ends that another store has claimed",
  async () => {
    await using server = await RedisServer.start();
    const connect = () => connectNodeRedis(server);
    await using opened = await openStore(connect);
    await using other = await openStore(connect);
    const notified = Promise.withResolvers<void>();
    const stop = await opened.store.watch(() => notified.resolve());
    await opened.store.create(sessionOf("a", { sessionTimeout: 300 }));
    assertEquals((await opened.store.claim(NODE, 100)).ends, []);
    await claimDue(contextOf(other), 1, OTHER_NODE);
    await notified.promise;
    await server.cli("CONFIG", "RESETSTAT");
    await opened.store.claim(NODE, 100);
    assertEquals((await server.countCalls()).get("evalsha"), undefined);
    stop();
  },
);

/** Returns a client whose notifications never arrive. */
function silence(client: RedisClient): RedisClient {
  return {
    send: (args, key) => client.send(args, key),
    subscribe: (channel, _, onGap) =>
      client.subscribe(channel, () => {}, onGap),
  };
}

for (const isSilent of [false, true]) {
  const within = isSilent ? 1500 : 500;
  testWithRedis(
    `Sites over Redis deliver ends of another process's sessions within ${within} ms, ${
      isSilent ? "without notifications" : "by notifications"
    }`,
    async () => {
      await using server = await RedisServer.start();
      const connect = () => connectNodeRedis(server);
      await using quiet = await openStore(async () => {
        const [client, close] = await connect();
        return [isSilent ? silence(client) : client, close];
      }, { shards: 4 });
      await using maker = await openStore(connect, { shards: 4 });
      await using node = new Node(quiet.store);
      await node.site.ready;
      await pause(100);
      const count = 40;
      for (let i = 0; i < count; i++) {
        await maker.store.create(
          sessionOf(`${i}`, { sessionTimeout: 100 + (i * 37) % 500 }),
        );
      }
      for (let tries = 0; node.ends.length < count; tries++) {
        assert(tries < 1000, `${node.ends.length} were delivered`);
        await pause(20);
      }
      const late = Math.max(
        ...node.ends.map(({ session }) => session.end?.lateness! * 1000),
      );
      assert(late <= within, `${late} ms late`);
    },
  );
}
