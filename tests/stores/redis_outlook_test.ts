import { assert, assertEquals } from "@std/assert";
import { RedisOutlook } from "../../stores/redis_outlook.ts";
import { Shards } from "../../stores/redis_shard.ts";
import type { RedisClient } from "../../stores/redis_store.ts";
import { NODE, OTHER_NODE, sessionOf } from "../../testing/contract_checks.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import { Node } from "../helpers_store.ts";
import { connectNodeRedis, openStore } from "./helpers_redis_store.ts";

const SHARDS = new Shards("test", 2).all;
const [SHARD, OTHER_SHARD] = SHARDS;
const OWNER = "here";

/** What is known of two shards, and the time to set. */
function makeOutlook() {
  const clock = { time: 0 };
  const outlook = new RedisOutlook(2, () => clock.time);
  const look = (until: number) => {
    for (const shard of [SHARD!, OTHER_SHARD!]) outlook.look(shard)(until);
  };
  const hear = (until: number, claimant?: string) =>
    outlook.note({ index: 0, until, claimant }, OWNER);
  return { outlook, clock, look, hear };
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

Deno.test("RedisOutlook relies on nothing while nobody listens", () => {
  const { outlook, look } = makeOutlook();
  look(500);
  assert(outlook.mayBeDue(SHARD!));
  assertEquals(outlook.nextIn(SHARDS), 500);
  const stop = outlook.listen();
  look(500);
  assert(!outlook.mayBeDue(SHARD!));
  stop();
  stop();
  assert(outlook.mayBeDue(SHARD!));
});

Deno.test("RedisOutlook relies on nothing from before it listened, or before a gap", () => {
  const { outlook, look } = makeOutlook();
  look(500);
  outlook.listen();
  assert(outlook.mayBeDue(SHARD!));
  look(500);
  outlook.forget();
  assert(outlook.mayBeDue(SHARD!));
});

Deno.test("RedisOutlook has a shard looked into when its next end is due", () => {
  const { outlook, clock, look } = makeOutlook();
  outlook.listen();
  look(500);
  assertEquals(outlook.nextIn(SHARDS), 500);
  clock.time = 499;
  assert(!outlook.mayBeDue(SHARD!));
  clock.time = 500;
  assert(outlook.mayBeDue(SHARD!));
});

Deno.test("RedisOutlook has each shard looked into once a second, whatever is heard", () => {
  const { outlook, clock, look, hear } = makeOutlook();
  outlook.listen();
  look(Infinity);
  assertEquals(outlook.nextIn(SHARDS), 1000);
  clock.time = 999;
  hear(60_000);
  assert(!outlook.mayBeDue(SHARD!));
  clock.time = 1000;
  assert(outlook.mayBeDue(SHARD!));
});

Deno.test("RedisOutlook hears of what is due sooner, and of what was claimed", () => {
  const { outlook, clock, look, hear } = makeOutlook();
  outlook.listen();
  look(500);
  hear(100);
  assertEquals(outlook.nextIn(SHARDS), 98);
  clock.time = 98;
  assert(outlook.mayBeDue(SHARD!));
  assert(!outlook.mayBeDue(OTHER_SHARD!));
  hear(300, OWNER);
  assert(!outlook.mayBeDue(SHARD!));
  assertEquals(outlook.nextIn(SHARDS), 298);
});

Deno.test("RedisOutlook believes news rather than a look that was sent before", () => {
  const { outlook, look, hear } = makeOutlook();
  outlook.listen();
  look(500);
  const answered = outlook.look(SHARD!);
  hear(100);
  answered(500);
  assertEquals(outlook.nextIn(SHARDS), 98);
});

Deno.test("RedisOutlook lets others be faster, by 20 ms at most, while there are any", () => {
  const { outlook, clock, look, hear } = makeOutlook();
  outlook.listen();
  hear(500, "there");
  look(500);
  const waits = Array.from({ length: 100 }, () => outlook.nextIn(SHARDS));
  assert(waits.every((wait) => wait >= 500 && wait <= 520), `${waits}`);
  assert(new Set(waits).size > 50);
  // Whoever is there in time looks.
  clock.time = 500;
  assert(outlook.mayBeDue(SHARD!));
  assert(outlook.nextIn(SHARDS) <= 20);
  // Where there is more to claim, everybody helps.
  look(0);
  assertEquals(outlook.nextIn(SHARDS), 0);
  clock.time = 10_001;
  look(500);
  assertEquals(outlook.nextIn(SHARDS), 500);
});

testWithRedis(
  "RedisStore looks into no shard in which nothing is due, while it hears news",
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
  "RedisStore hears when something is due sooner that another has made",
  async () => {
    await using server = await RedisServer.start();
    const connect = () => connectNodeRedis(server);
    await using opened = await openStore(connect, { shards: 4 });
    await using other = await openStore(connect, { shards: 4 });
    const sooner = Promise.withResolvers<void>();
    const stop = await opened.store.watch(() => {}, sooner.resolve);
    await opened.store.claim(NODE, 100);
    await other.store.create(sessionOf("a", { sessionTimeout: 100 }));
    await sooner.promise;
    const { ends, nextIn } = await opened.store.claim(NODE, 100);
    assertEquals(ends, []);
    assert(nextIn <= 100, `${nextIn}`);
    await wait(Math.ceil(nextIn) + 5);
    assertEquals((await opened.store.claim(NODE, 100)).ends.length, 1);
    stop();
  },
);

testWithRedis(
  "RedisStore does not look for what another has claimed",
  async () => {
    await using server = await RedisServer.start();
    const connect = () => connectNodeRedis(server);
    await using opened = await openStore(connect);
    await using other = await openStore(connect);
    const heard = Promise.withResolvers<void>();
    const stop = await opened.store.watch(() => heard.resolve());
    await opened.store.create(sessionOf("a", { sessionTimeout: 50 }));
    await opened.store.claim(NODE, 100);
    await wait(60);
    assertEquals((await other.store.claim(OTHER_NODE, 100)).ends.length, 1);
    await heard.promise;
    await server.cli("CONFIG", "RESETSTAT");
    await opened.store.claim(NODE, 100);
    assertEquals((await server.countCalls()).get("evalsha"), undefined);
    stop();
  },
);

/** A client whose news never comes. */
function deaf(client: RedisClient): RedisClient {
  return {
    send: (args, key) => client.send(args, key),
    subscribe: (channel, _, onGap) =>
      client.subscribe(channel, () => {}, onGap),
  };
}

for (const isDeaf of [false, true]) {
  const within = isDeaf ? 1500 : 500;
  testWithRedis(
    `Sites over Redis tell ends of another process's sessions within ${within} ms, ${
      isDeaf ? "though no news comes" : "by its news"
    }`,
    async () => {
      await using server = await RedisServer.start();
      const connect = () => connectNodeRedis(server);
      await using quiet = await openStore(async () => {
        const [client, close] = await connect();
        return [isDeaf ? deaf(client) : client, close];
      }, { shards: 4 });
      await using maker = await openStore(connect, { shards: 4 });
      await using node = new Node(quiet.store);
      await node.site.ready;
      await wait(100);
      const count = 40;
      for (let i = 0; i < count; i++) {
        await maker.store.create(
          sessionOf(`${i}`, { sessionTimeout: 100 + (i * 37) % 500 }),
        );
      }
      for (let tries = 0; node.ends.length < count; tries++) {
        assert(tries < 300, `${node.ends.length} were told`);
        await wait(20);
      }
      const late = Math.max(
        ...node.ends.map(({ session }) => session.lateness! * 1000),
      );
      assert(late <= within, `${late} ms late`);
    },
  );
}
