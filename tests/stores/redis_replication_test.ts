import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Replication } from "../../stores/redis/replication.ts";
import { Shards } from "../../stores/redis/shards.ts";
import { type RedisClient, RedisStore } from "../../stores/redis_store.ts";
import { NODE, sessionOf } from "../../testing/contract_checks.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import { connectNodeRedis } from "./helpers_redis_store.ts";

const SHARDS = new Shards("test", 2);

/** Returns a place in a shard. */
function placeIn(index: number) {
  for (let i = 0;; i++) {
    const place = SHARDS.placeOf(`${i}`);
    if (place.shard.index === index) return place;
  }
}

/** Makes one for a replica, with a clock and a count of replicas to set. */
function makeReplication() {
  const state = {
    now: 0,
    replicas: 1,
    waits: 0,
    isAway: false,
    isHanging: false,
    onWait: () => {},
  };
  const client: RedisClient = {
    async send(args) {
      assertEquals(args, ["WAIT", "1", "1000"]);
      state.waits++;
      state.onWait();
      if (state.isAway) throw new Error("The client is offline");
      if (state.isHanging) return await new Promise(() => {});
      // Redis answers at once, or after the limit.
      if (state.replicas === 0) state.now += 1000;
      return state.replicas;
    },
    subscribe: () => Promise.reject(new Error("not called")),
  };
  const replication = new Replication(client, 1, () => state.now);
  const create = (index = 0) => replication.wait("create", placeIn(index));
  return { state, create };
}

Deno.test("Replication.wait() sends a WAIT every three seconds only, while replicas are too few", async () => {
  const { state, create } = makeReplication();
  state.replicas = 0;
  await assertRejects(create, Error, "0 of 1 replicas have it after 1 s");
  for (state.now = 1000; state.now < 4000; state.now += 100) {
    await assertRejects(create, Error, "fewer than 1 replicas had an earlier");
  }
  assertEquals(state.waits, 1);
  await assertRejects(create, Error, "0 of 1 replicas have it after 1 s");
  assertEquals(state.waits, 2);
});

Deno.test("Replication.wait() sends one WAIT at a time for all shards whose replicas are too few", async () => {
  const { state, create } = makeReplication();
  state.replicas = 0;
  await assertRejects(() => create(0));
  await assertRejects(() => create(1));
  state.now += 3000;
  const tries = [create(0), create(1), create(0), create(1)];
  for (const each of tries) await assertRejects(() => each);
  assertEquals(state.waits, 3);
});

Deno.test("Replication.wait() waits as before once a WAIT finds enough replicas, in all shards", async () => {
  const { state, create } = makeReplication();
  state.replicas = 0;
  await assertRejects(() => create(0));
  await assertRejects(() => create(1));
  state.replicas = 1;
  await assertRejects(() => create(0), Error, "had an earlier write");
  state.now += 3000;
  for (const index of [0, 1, 0, 1]) await create(index);
  assertEquals(state.waits, 6);
});

Deno.test("Replication.wait() does not pause in a shard whose replicas are enough", async () => {
  const { state, create } = makeReplication();
  state.replicas = 0;
  await assertRejects(() => create(0));
  state.replicas = 1;
  await create(1);
  assertEquals(state.waits, 2);
});

Deno.test("Replication.wait() shares a WAIT among writes that come during another, and no older one", async () => {
  const { state, create } = makeReplication();
  await Promise.all([create(), create(), create()]);
  assertEquals(state.waits, 1);
  const isSent = new Promise<void>((resolve) => state.onWait = resolve);
  const first = create();
  await isSent;
  const later = [create(), create()];
  await Promise.all([first, ...later]);
  assertEquals(state.waits, 3);
});

Deno.test("Replication.wait() rejects with the error of the client, and sends the next WAIT", async () => {
  const { state, create } = makeReplication();
  state.isAway = true;
  await assertRejects(create, Error, "Cannot create: Redis failed: The client");
  state.isAway = false;
  await create();
  assertEquals(state.waits, 2);
});

Deno.test("Replication.wait() gives up a WAIT without an answer, and sends the next one", async () => {
  using time = new FakeTime();
  const { state, create } = makeReplication();
  state.isHanging = true;
  const first = assertRejects(create, Error, "no answer in 2 s");
  await time.runMicrotasks();
  const second = create();
  state.isHanging = false;
  await time.tickAsync(2000);
  await first;
  await second;
  assertEquals(state.waits, 2);
});

/** Opens a store with sessions that are over, whose client answers each WAIT. */
async function openWith(server: RedisServer, answer: () => number) {
  const [real, close] = await connectNodeRedis(server);
  const client: RedisClient = {
    ...real,
    send: (args, key) =>
      args[0] === "WAIT"
        ? Promise.resolve().then(answer)
        : real.send(args, key),
  };
  const before = new RedisStore({ client: real });
  for (const uid of "abcd") {
    await before.create(sessionOf(uid, { sessionTimeout: 1 }));
  }
  const store = new RedisStore({ client, replicas: 1 });
  return {
    claim: async () => {
      // The deadlines have passed after some milliseconds.
      for (;;) {
        const { ends } = await store.claim(NODE, 4);
        if (ends.length > 0) return ends;
      }
    },
    store,
    [Symbol.dispose]: close,
  };
}

testWithRedis(
  "RedisStoreOptions.replicas rejects a claim and acknowledgements at a node that is no primary any more",
  async () => {
    await using server = await RedisServer.start();
    using opened = await openWith(server, () => {
      throw new Error("UNBLOCKED force unblock, instance state changed");
    });
    const { store, claim } = opened;
    await assertRejects(claim, Error, "Cannot claim ends: Redis failed");
    const fence = await server.cli("HGET", "{curfew:0}:s:a", "f");
    await assertRejects(
      () => store.acknowledge("a", fence),
      Error,
      'Cannot acknowledge the end of session "a"',
    );
    await assertRejects(
      () => store.acknowledgeAll([{ uid: "b", fence }]),
      Error,
      "Cannot acknowledge ends",
    );
  },
);

testWithRedis(
  "RedisStoreOptions.replicas lets ends be claimed and acknowledged while replicas are too few",
  async () => {
    await using server = await RedisServer.start();
    using opened = await openWith(server, () => 0);
    const { store, claim } = opened;
    const [first, ...others] = await claim();
    assertEquals(
      await store.acknowledge(first!.session.uid, first!.fence),
      true,
    );
    const rest = others.map(({ session: { uid }, fence }) => ({ uid, fence }));
    assertEquals(
      await store.acknowledgeAll(rest),
      rest.map(() => true),
    );
  },
);
