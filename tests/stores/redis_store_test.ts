import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  RedisStore,
  type RedisStoreOptions,
} from "../../stores/redis_store.ts";
import { decodeSession } from "../../stores/redis_record.ts";
import { Shards } from "../../stores/redis_shard.ts";
import { decodeText, encodeText } from "../../stores/redis_text.ts";
import type { ClaimedEnd } from "../../stores/store.ts";
import {
  claimDue,
  type ContractContext,
  LOOK,
  NODE,
  OTHER_NODE,
  sessionOf,
  VISIT,
} from "../../testing/contract_checks.ts";
import { ROOT } from "../helpers_process.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import {
  connectIoredis,
  connectNodeRedis,
  type OpenStore,
  openStore,
} from "./helpers_redis_store.ts";

const AOF = ["--appendonly", "yes", "--appendfsync", "always"] as const;

/** A client that sends nothing. */
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

/** For what the tests of the contract share. */
function contextOf(opened: OpenStore): ContractContext {
  const { store } = opened;
  const subject = { ...opened, advance: wait };
  return { store, subject, crowd: 1, races: 1 };
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

Deno.test("RedisStore refuses a client that is not adapted", () => {
  const client = {} as RedisStoreOptions["client"];
  assertThrows(() => new RedisStore({ client }), TypeError, "fromNodeRedis()");
});

Deno.test("RedisStore refuses options out of their range", () => {
  const client = NO_CLIENT;
  for (const shards of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => new RedisStore({ client, shards }), RangeError);
  }
  for (const touchGranularity of [-1, NaN, Infinity]) {
    assertThrows(
      () => new RedisStore({ client, touchGranularity }),
      RangeError,
    );
  }
  assertThrows(() => new RedisStore({ client, prefix: "a{b}" }), RangeError);
});

Deno.test("RedisStore passes on what the client failed at, as the cause", async () => {
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
    'Cannot put aside the end of session "a"': () =>
      store.putAside("a", "f", "why"),
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
    () => store.commit("a", { sessionTimeout: NaN }),
    () => store.end("a", "logout", claimant),
    () => store.release("a", "f", NaN),
  ];
  for (const call of calls) await assertRejects(call, RangeError);
});

Deno.test("encodeText() keeps every string, without control characters", () => {
  const units = fc.array(fc.nat(0xffff)).map((codes) =>
    String.fromCharCode(...codes)
  );
  fc.assert(fc.property(fc.oneof(units, fc.string()), (text) => {
    const kept = encodeText(text);
    assertEquals(decodeText(kept), text);
    assert(kept.isWellFormed());
    assert([...kept].every((character) => character >= " "));
  }));
});

Deno.test("decodeSession() reads callbacks from before they had ids", () => {
  const fields = new Map([["c", '["free","7"]\n["free","8","5a"]']]);
  assertEquals(decodeSession("a", fields, 0).callbacks, [
    { id: "", name: "free", argument: "7" },
    { id: "5a", name: "free", argument: "8" },
  ]);
});

Deno.test("Shards.placeOf() spreads sessions evenly", () => {
  const shards = new Shards("test", 4);
  const counts = new Map(shards.all.map((shard) => [shard, 0]));
  for (let i = 0; i < 4000; i++) {
    const { shard } = shards.placeOf(crypto.randomUUID().replaceAll("-", ""));
    counts.set(shard, counts.get(shard)! + 1);
  }
  for (const count of counts.values()) {
    assert(count > 800 && count < 1200, `${[...counts.values()]}`);
  }
});

testWithRedis("RedisStore loads and touches by one command", async () => {
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
});

testWithRedis(
  "RedisStore asks once per shard while nothing is due",
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
  "RedisStore sends scripts again that Redis has forgotten",
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
    `RedisStore goes on after Redis was restarted (${way})`,
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
      // Whoever watched may have missed something, and is told to look.
      await gap.promise;
      stop();
    },
  );
}

testWithRedis(
  "RedisStore reads replies whatever types the client maps",
  async () => {
    await using server = await RedisServer.start();
    const { RESP_TYPES } = await import("redis");
    const typeMapping = {
      [RESP_TYPES.BLOB_STRING]: Buffer,
      [RESP_TYPES.SIMPLE_STRING]: Buffer,
      [RESP_TYPES.NUMBER]: String,
      [RESP_TYPES.MAP]: Map,
    };
    await using opened = await openStore(() =>
      connectNodeRedis(server, { commandOptions: { typeMapping } })
    );
    const { store } = opened;
    await store.create(sessionOf("a", { values: new Map([["k", "\ud800"]]) }));
    assertEquals((await store.load("a", VISIT))?.values.get("k"), "\ud800");
    assert((await store.check()).length > 0);
  },
);

testWithRedis("RedisStore reads replies that are bytes", async () => {
  await using server = await RedisServer.start();
  const toBytes = (reply: unknown): unknown =>
    Array.isArray(reply)
      ? reply.map(toBytes)
      : typeof reply === "string"
      ? new TextEncoder().encode(reply)
      : reply;
  await using opened = await openStore(async () => {
    const [client, close] = await connectNodeRedis(server);
    const send: typeof client.send = async (args, key) =>
      toBytes(await client.send(args, key));
    return [{ ...client, send }, close];
  });
  const { store } = opened;
  await store.create(sessionOf("a", { principal: "ann" }));
  assertEquals((await store.load("a", VISIT))?.principal, "ann");
  assertEquals(await store.uidsOf("ann"), ["a"]);
  assert((await store.check()).length > 0);
});

testWithRedis(
  "RedisStore hears of ends whatever prefix the client puts before keys",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectIoredis(server, "app:"));
    const { store } = opened;
    const heard = Promise.withResolvers<string>();
    const stop = await store.watch(({ uid }) => heard.resolve(uid));
    await store.create(sessionOf("a"));
    await store.end("a", "logout", NODE);
    assertEquals(await heard.promise, "a");
    stop();
    assertStringIncludes(await server.cli("KEYS", "*"), "app:{curfew:0}:s:a");
  },
);

testWithRedis(
  "RedisStore passes over what others publish to its channel",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server);
    const { store } = opened;
    const heard: string[] = [];
    const last = Promise.withResolvers<void>();
    const stop = await store.watch(({ uid }) => {
      heard.push(uid);
      last.resolve();
    });
    for (const noise of ["", "{}", "a\tb", "\t"]) {
      await server.cli("PUBLISH", "curfew:news", noise);
    }
    await store.create(sessionOf("a"));
    await store.end("a", "logout", NODE);
    await last.promise;
    assertEquals(heard, ["a"]);
    stop();
  },
);

testWithRedis(
  "RedisStore.touchGranularity saves writes, and ends nobody early",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server, { touchGranularity: 600 });
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
    // That there was a touch is written once, lest another be taken back over it.
    assertEquals(calls.get("hset"), 1);
    const later = await store.load("b", VISIT);
    assertEquals(later?.touchedAt, later?.now);
    assertEquals(later?.deadline, later!.now + 4_200_000);
  },
);

testWithRedis(
  "RedisStore.touchGranularity takes no touch back over one that was not written",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server, { touchGranularity: 60 });
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
  "RedisStore ends sessions in a full memory, but makes none",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server);
    const { store } = opened;
    await store.create(sessionOf("a", { principal: "ann", idle: 5 }));
    await store.create(sessionOf("due", { sessionTimeout: 1 }));
    await server.cli("CONFIG", "SET", "maxmemory", "1");
    await assertRejects(() => store.create(sessionOf("b")), Error, "OOM");
    const values = new Map([["key", "1"]]);
    await assertRejects(() => store.commit("a", { values }), Error, "OOM");
    const loaded = await store.load("a", VISIT);
    assertEquals(loaded?.touchedAt, loaded?.now);
    assertEquals(loaded?.values.size, 0);
    assert(await store.commit("a", { values: new Map([["k", undefined]]) }));
    const end = await store.end("a", "logout", NODE);
    assert(await store.acknowledge("a", end!.fence));
    const [due] = await claimDue(contextOf(opened), 1);
    assert(await store.acknowledge("due", due!.fence));
  },
);

testWithRedis(
  "RedisStore changes nothing where a key is somebody else's",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server);
    const { store } = opened;
    await server.cli("SET", "{curfew:0}:principals", "mine");
    const session = sessionOf("a", { principal: "ann" });
    await assertRejects(() => store.create(session), Error, "WRONGTYPE");
    await store.create(sessionOf("b"));
    await assertRejects(
      () => store.commit("b", { principal: "ann", sessionTimeout: 1 }),
      Error,
      "WRONGTYPE",
    );
    await assertRejects(
      async () => {
        await store.commit("b", { sessionTimeout: 0 });
        await store.claim(NODE, 1);
      },
      Error,
      "WRONGTYPE",
    );
    await server.cli("SET", "{curfew:0}:due", "mine");
    await assertRejects(() => store.create(sessionOf("c")), Error, "WRONGTYPE");
    await assertRejects(
      () =>
        store.load("c", VISIT).then((loaded) => {
          if (loaded === undefined) throw new Error("absent");
        }),
      Error,
      "absent",
    );
    const keys = (await server.cli("KEYS", "*:s:*")).split("\n");
    assertEquals(keys, ["{curfew:0}:s:b"]);
    const left = await server.cli("HGET", "{curfew:0}:s:b", "p");
    assertEquals(left, "");
  },
);

testWithRedis(
  "RedisStore needs no more rights than the documents say",
  async () => {
    await using server = await RedisServer.start();
    const text = await Deno.readTextFile(new URL("docs/deploying.md", ROOT));
    const [, rule] = /^ACL (SETUSER [^`]*)/m.exec(text)!;
    await server.cli("ACL", ...rule!.trim().split(/\s+/));
    const url = server.url.replace("//", "//curfew:secret@");
    await using opened = await openStore(() => connectNodeRedis({ url }), {
      shards: 2,
    });
    const { store } = opened;
    const [sentence, ...others] = await store.check();
    assertStringIncludes(sentence!, "keeps nothing through a restart");
    assertEquals(others, []);
    const heard = Promise.withResolvers<string>();
    const stop = await store.watch(({ uid }) => heard.resolve(uid));
    for (const uid of ["a", "b", "c"]) {
      await store.create(sessionOf(uid, { principal: "ann" }));
      await store.load(uid, VISIT);
      const values = new Map([["key", "1"], ["other", undefined]]);
      await store.commit(uid, { values, principal: "bob" });
    }
    assertEquals((await store.uidsOf("bob")).length, 3);
    const { fence } = (await store.end("a", "logout", NODE))!;
    assertEquals(await heard.promise, "a");
    assert(await store.renew("a", fence, 1000));
    assert(await store.release("a", fence, 0));
    const [end] = await claimDue(contextOf(opened), 1);
    assert(await store.putAside("a", end!.fence, "why"));
    assertEquals((await store.listAside()).length, 1);
    const other = (await store.end("b", "logout", NODE))!;
    assert(await store.acknowledge("b", other.fence));
    stop();
    const denied = await server.cli("ACL", "LOG");
    assertEquals(denied, "");
  },
);

testWithRedis("RedisStore needs no right to publish", async () => {
  await using server = await RedisServer.start();
  await server.cli(
    ...["ACL", "SETUSER", "site", "on", ">pw", "~*", "+@all", "resetchannels"],
  );
  const url = server.url.replace("//", "//site:pw@");
  await using opened = await openStore(() => connectNodeRedis({ url }));
  const { store } = opened;
  await store.create(sessionOf("a"));
  assertEquals((await store.end("a", "logout", NODE))?.reason, "logout");
  const sentences = (await store.check()).join("\n");
  assertStringIncludes(sentences, 'publish to the channel "curfew:news"');
});

testWithRedis(
  "RedisStore leaves no keys but those of shards when all is told",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server, { shards: 3 });
    const { store } = opened;
    const told: ClaimedEnd[] = [];
    for (let i = 0; i < 50; i++) {
      await store.create(sessionOf(`${i}`, { principal: `${i % 5}` }));
      told.push((await store.end(`${i}`, "logout", NODE))!);
    }
    for (const { session, fence } of told) {
      await store.acknowledge(session.uid, fence);
    }
    assertEquals(await server.cli("DBSIZE"), "0");
  },
);

testWithRedis(
  "RedisStore.listAside() shows what was put aside, until it is forgotten",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server, { shards: 2 });
    const { store } = opened;
    for (const uid of ["a", "b", "c"]) {
      await store.create(sessionOf(uid, { principal: "ann" }));
      const { fence } = (await store.end(uid, "logout", NODE))!;
      await store.putAside(uid, fence, `why ${uid}`);
      await wait(2);
    }
    const aside = await store.listAside();
    assertEquals(
      aside.map(({ session, why }) => `${session.uid}: ${why}`),
      ["a: why a", "b: why b", "c: why c"],
    );
    assertEquals(aside[0]!.reason, "logout");
    assertEquals(aside[0]!.session.principal, "ann");
  },
);

testWithRedis(
  "RedisStore names claims differently, and the later one counts",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await open(server);
    const { store } = opened;
    const fences = new Set<string>();
    for (let i = 0; i < 3; i++) {
      await store.create(sessionOf("a"));
      const end = (await store.end("a", "logout", NODE))!;
      fences.add(end.fence);
      await store.release("a", end.fence, 0);
      const { ends } = await store.claim(OTHER_NODE, 1);
      fences.add(ends[0]!.fence);
      assertNotEquals(await store.acknowledge("a", end.fence), true);
      assert(await store.acknowledge("a", ends[0]!.fence));
    }
    assertEquals(fences.size, 6);
    assertEquals(await store.load("a", LOOK), undefined);
  },
);
