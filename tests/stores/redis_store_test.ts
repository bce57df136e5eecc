import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  RedisStore,
  type RedisStoreOptions,
} from "../../stores/redis_store.ts";
import {
  accessOf,
  claimDue,
  NODE,
  sessionOf,
  VISIT,
} from "../../testing/contract_checks.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import {
  connectNodeRedis,
  contextOf,
  openStore,
} from "./helpers_redis_store.ts";

const AOF = ["--appendonly", "yes", "--appendfsync", "always"] as const;

/** A client that rejects. */
const NO_CLIENT: RedisStoreOptions["client"] = {
  send: () => Promise.reject(new Error("Socket closed")),
  subscribe: () => Promise.reject(new Error("Socket closed")),
};

function open(
  server: RedisServer,
  options: Omit<RedisStoreOptions, "client"> = {},
) {
  return openStore(() => connectNodeRedis(server), options);
}

Deno.test("RedisStore refuses a client that is not adapted", () => {
  for (const client of [undefined, null, {}, 7]) {
    const options = { client } as RedisStoreOptions;
    assertThrows(() => new RedisStore(options), TypeError, "client");
  }
  const client = {} as RedisStoreOptions["client"];
  assertThrows(() => new RedisStore({ client }), TypeError, "fromNodeRedis()");
});

Deno.test("RedisStore refuses options of the wrong kind, out of range, or unknown", () => {
  const open = (options: object) => () =>
    new RedisStore({ client: NO_CLIENT, ...options });
  for (const shards of [0, -1, 1.5, NaN, Infinity, 16385]) {
    assertThrows(open({ shards }), RangeError, `${shards}`);
  }
  for (const touchThrottle of [-1, NaN, Infinity]) {
    assertThrows(open({ touchThrottle }), RangeError, `${touchThrottle}`);
  }
  assertThrows(open({ prefix: "a{b}" }), RangeError, '"a{b}"');
  const cluster = { ...NO_CLIENT, routesByKey: false };
  assertThrows(open({ client: cluster, replicas: 1 }), RangeError, "WAIT");
  assertThrows(open({ shards: "2" }), TypeError, '"2"');
  assertThrows(open({ touchGranularity: 1 }), TypeError, '"touchGranularity"');
});

Deno.test("RedisStore rejects with the error of the client as the cause", async () => {
  const store = new RedisStore({ client: NO_CLIENT });
  const calls: Record<string, () => Promise<unknown>> = {
    'Cannot create session "a"': () => store.create(sessionOf("a")),
    'Cannot load session "a"': () => store.load("a", VISIT),
    'Cannot change session "a"': () => store.commit("a", {}),
    'Cannot end session "a"': () => store.end("a", "logout", NODE),
    "Cannot look for ends": () => store.claim(NODE, 1),
    'Cannot renew the claim of session "a"': () => store.renew("a", "f", 1),
    'Cannot acknowledge the end of session "a"': () =>
      store.acknowledge("a", "f"),
    'Cannot release the end of session "a"': () => store.release("a", "f", 1),
    'Cannot make a dead letter of the end of session "a"': () =>
      store.deadLetter("a", "f", "why"),
    "Cannot list the dead letters": () => store.listDeadLetters(),
    "Cannot list the sessions of a principal": () => store.uidsOf("ann"),
    "Cannot watch for ends": () => store.watch(() => {}),
    "Cannot check Redis": () => store.check(),
  };
  for (const [message, call] of Object.entries(calls)) {
    const error = await assertRejects(
      call,
      Error,
      `${message}: Redis failed: Socket closed`,
    );
    assertInstanceOf(error.cause, Error);
  }
});

Deno.test("RedisStore refuses times that are not numbers, and sends nothing", async () => {
  const store = new RedisStore({ client: NO_CLIENT });
  const claimant = { owner: "node", lease: NaN };
  const calls: (() => Promise<unknown>)[] = [
    () => store.create(sessionOf("a", { idle: NaN })),
    () => store.load("a", { ...VISIT, grace: NaN }),
    () => store.commit("a", { sessionTimeout: NaN }),
    () => store.commit("a", {}, { until: NaN }),
    () => store.commit("a", { access: accessOf({ loginAge: NaN }) }),
    () => store.end("a", "logout", claimant),
    () => store.release("a", "f", NaN),
  ];
  for (const call of calls) await assertRejects(call, RangeError);
});

testWithRedis(
  "RedisStore.load() loads and touches by one command",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server);
    const { store } = opened;
    await store.create(sessionOf("a"));
    await store.load("a", VISIT);
    await server.cli("CONFIG", "RESETSTAT");
    for (let i = 0; i < 100; i++) await store.load("a", VISIT);
    const calls = await server.countCalls();
    assertEquals(calls.get("evalsha"), 100);
    assertEquals(calls.get("eval"), undefined);
    const outside = [...calls.keys()].filter((name) =>
      ![
        "evalsha",
        "hgetall",
        "hmget",
        "hset",
        "hdel",
        "zadd",
        "time",
        "config|resetstat",
      ]
        .includes(name)
    );
    assertEquals(outside, []);
  },
);

testWithRedis(
  "RedisStore.claim() takes one command a shard while nothing is due",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server, { shards: 4 });
    const { store } = opened;
    await store.create(sessionOf("a"));
    await store.claim(NODE, 100);
    await server.cli("CONFIG", "RESETSTAT");
    await store.claim(NODE, 100);
    assertEquals((await server.countCalls()).get("evalsha"), 4);
  },
);

testWithRedis(
  "RedisStore claims the ends that a load finds, though Redis has dropped their order",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server);
    const { store } = opened;
    await store.create(sessionOf("due", { sessionTimeout: 30 }));
    await store.create(sessionOf("letter"));
    await store.create(sessionOf("claimed"));
    await store.end("claimed", "logout", NODE);
    const letter = await store.end("letter", "logout", NODE);
    await store.deadLetter("letter", letter!.fence, "too often");
    await server.cli("DEL", "{curfew:0}:due");
    await contextOf(opened).subject.advance(40);
    assertEquals(await store.nextIn(), Infinity);
    for (const uid of ["due", "claimed", "letter"]) {
      assertEquals(await store.load(uid, VISIT), undefined);
      assertEquals(await store.load(uid, VISIT), undefined);
    }
    const ends = await claimDue(contextOf(opened), 2);
    assertEquals(
      ends.map(({ session, reason, attempt }) => [
        session.uid,
        reason,
        attempt,
      ]),
      [["due", "idle", 1], ["claimed", "logout", 2]],
    );
  },
);

testWithRedis(
  "RedisStore sends scripts again after Redis has forgotten them",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server);
    const { store } = opened;
    await store.create(sessionOf("a"));
    await store.load("a", VISIT);
    await server.cli("SCRIPT", "FLUSH");
    assertEquals((await store.load("a", VISIT))?.uid, "a");
    await server.cli("CONFIG", "RESETSTAT");
    await store.load("a", VISIT);
    assertEquals((await server.countCalls()).get("eval"), undefined);
  },
);

for (const way of ["stop", "kill"] as const) {
  testWithRedis(
    `RedisStore works after Redis was restarted (${way})`,
    async () => {
      await using server = await RedisServer.start({ settings: AOF });
      await using opened = await open(server);
      const { store } = opened;
      const gap = Promise.withResolvers<void>();
      const stop = await store.watch(() => {}, gap.resolve);
      await store.create(sessionOf("long", { sessionTimeout: Infinity }));
      await store.create(
        sessionOf("due", { sessionTimeout: 50, principal: "a" }),
      );
      await server[way]();
      await server.restart();
      assertEquals((await store.load("long", VISIT))?.uid, "long");
      const [end] = await claimDue(contextOf(opened), 1);
      assertEquals(end!.session.uid, "due");
      // Watchers may have missed notifications, and poll.
      await gap.promise;
      stop();
    },
  );
}

testWithRedis(
  "RedisStore.touchThrottle saves writes, and ends no session early",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server, { touchThrottle: 600 });
    const { store } = opened;
    const made = await store.create(sessionOf("a", { idle: 500 }));
    assertEquals(made!.deadline, made!.touchedAt + 4_200_000);
    await store.create(sessionOf("b", { idle: 600_000 }));
    await server.cli("CONFIG", "RESETSTAT");
    for (let i = 0; i < 20; i++) {
      const loaded = await store.load("a", VISIT);
      assertEquals(loaded?.touchedAt, made!.touchedAt);
      assert(loaded!.deadline >= loaded!.now + 3_600_000);
    }
    const calls = await server.countCalls();
    assertEquals(calls.get("zadd"), undefined);
    // A mark says that there was a touch, so that no load takes it back.
    assertEquals(calls.get("hset"), 1);
    const later = await store.load("b", VISIT);
    assertEquals(later?.touchedAt, later?.now);
    assertEquals(later?.deadline, later!.now + 4_200_000);
  },
);

testWithRedis(
  "RedisStore.touchThrottle lets no touch be taken back after one that was not written",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server, { touchThrottle: 60 });
    const { store } = opened;
    await store.create(sessionOf("a", { idle: 100_000 }));
    const first = await store.load("a", VISIT);
    await store.load("a", VISIT);
    const { touchedAt, touchedBefore: before } = first!;
    const times = await store.commit("a", { takenBack: { touchedAt, before } });
    assertEquals(times?.touchedAt, touchedAt);
  },
);

testWithRedis(
  "RedisStore.create() takes the uid of an acknowledged session again a minute after its deadline",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server);
    const { store } = opened;
    const values = new Map([["key", "1"]]);
    await store.create(sessionOf("a", { values, sessionTimeout: 60_000 }));
    const { fence } = (await store.end("a", "logout", NODE))!;
    await store.acknowledge("a", fence);
    assertEquals(await store.create(sessionOf("a")), undefined);
    const [key = "", ...others] = (await server.cli("KEYS", "*:z:*"))
      .trim().split("\n");
    assertEquals(others, []);
    const left = Number(await server.cli("PTTL", key));
    assert(left > 60_000 && left <= 120_000, `${left}`);
    await server.cli("DEL", key);
    assertEquals((await store.create(sessionOf("a")))?.version, 1);
    assertEquals((await store.load("a", VISIT))?.values, new Map());
  },
);
