// RedisStore and its server: memory, keys and rights.

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { RedisStore } from "../../stores/redis_store.ts";
import type { ClaimedEnd } from "../../stores/store.ts";
import {
  accessOf,
  claimDue,
  LOOK,
  NODE,
  OTHER_NODE,
  sessionOf,
  tokenOf,
  VISIT,
} from "../../testing/contract_checks.ts";
import { ROOT } from "../helpers_process.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import {
  connectNodeRedis,
  contextOf,
  openStore,
  pause,
} from "./helpers_redis_store.ts";

testWithRedis(
  "RedisStore ends sessions in a full memory, but creates none",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectNodeRedis(server));
    const { store } = opened;
    await store.create(sessionOf("a", { principal: "ann", idle: 5 }));
    await store.create(sessionOf("due", { sessionTimeout: 1 }));
    await server.cli("CONFIG", "SET", "maxmemory", "1");
    await assertRejects(() => store.create(sessionOf("b")), Error, "OOM");
    const values = new Map([["key", "1"]]);
    await assertRejects(() => store.commit("a", { values }), Error, "OOM");
    const access = accessOf();
    await assertRejects(() => store.commit("a", { access }), Error, "OOM");
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
  "RedisStore changes nothing if a key belongs to another program",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectNodeRedis(server));
    const { store } = opened;
    await server.cli("SET", "{curfew:0}:principals", "mine");
    const session = sessionOf("a", { principal: "ann" });
    const access = accessOf({ principal: "ann" });
    await assertRejects(() => store.create(session), Error, "WRONGTYPE");
    await store.create(sessionOf("b"));
    await assertRejects(
      () => store.commit("b", { access, sessionTimeout: 1 }),
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
  "RedisStore needs no more rights than the guide names",
  async () => {
    await using server = await RedisServer.start();
    const text = await Deno.readTextFile(new URL("docs/redis.md", ROOT));
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
    const notified = Promise.withResolvers<string>();
    const stop = await store.watch(({ uid }) => notified.resolve(uid));
    for (const uid of ["a", "b", "c"]) {
      await store.create(sessionOf(uid, { principal: "ann" }));
      await store.load(uid, VISIT);
      const values = new Map([["key", "1"], ["other", undefined]]);
      const access = accessOf({ principal: "bob", loginAge: 0 });
      await store.commit(uid, { values, access });
      await store.commit(uid, {}, { version: 0 });
    }
    assertEquals((await store.uidsOf("bob")).length, 3);
    const { version } = (await store.take(sessionOf("hold:a")))!;
    assert(await store.take(sessionOf("hold:a"), version));
    const { fence } = (await store.end("a", "logout", NODE))!;
    assertEquals(await notified.promise, "a");
    assert(await store.renew("a", fence, 1000));
    assert(await store.release("a", fence, 0));
    const [end] = await claimDue(contextOf(opened), 1);
    assert(await store.deadLetter("a", end!.fence, "why"));
    assertEquals((await store.listDeadLetters()).length, 1);
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
  "RedisStore.acknowledge() leaves no keys but those that expire",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectNodeRedis(server), {
      shards: 3,
    });
    const { store } = opened;
    const ends: ClaimedEnd[] = [];
    for (let i = 0; i < 50; i++) {
      await store.create(sessionOf(`${i}`, { principal: `${i % 5}` }));
      ends.push((await store.end(`${i}`, "logout", NODE))!);
    }
    for (const { session, fence } of ends) {
      await store.acknowledge(session.uid, fence);
    }
    const info = await server.cli("INFO", "keyspace");
    assertMatch(info, /keys=50,expires=50,/);
  },
);

testWithRedis(
  "RedisStore.listDeadLetters() lists the dead letters of all shards, oldest first",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectNodeRedis(server), {
      shards: 2,
    });
    const { store } = opened;
    for (const uid of ["a", "b", "c"]) {
      await store.create(sessionOf(uid, { principal: "ann" }));
      const { fence } = (await store.end(uid, "logout", NODE))!;
      await store.deadLetter(uid, fence, `why ${uid}`);
      await pause(2);
    }
    const letters = await store.listDeadLetters();
    assertEquals(
      letters.map(({ session, why }) => `${session.uid}: ${why}`),
      ["a: why a", "b: why b", "c: why c"],
    );
    assertEquals(letters[0]!.reason, "logout");
    assertEquals(letters[0]!.session.principal, "ann");
  },
);

testWithRedis(
  "RedisStore.claim() has a fence of its own for each claim",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectNodeRedis(server));
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
      // As after a minute.
      await server.cli("DEL", "{curfew:0}:z:a");
    }
    assertEquals(fences.size, 6);
    assertEquals(await store.load("a", LOOK), undefined);
  },
);

testWithRedis(
  "RedisStore.load() replaces the secrets of version 0.1.0 by the newest 8 tokens",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectNodeRedis(server));
    const { store, client } = opened;
    const key = "{curfew:0}:s:a";
    const until = 2 * Date.now();
    const old = Array.from({ length: 8 }, (_, i) => `old${i} ${until + i}`);
    const fields = { t: "1", d: "inf", a: "1000", v: "1", h: "new" };
    await client.send(
      ["HSET", key, ...Object.entries(fields).flat(), "o", old.join("\n")],
      key,
    );
    const byOld = { tokenHash: "old1", touch: true, grace: 0 };
    const loaded = (await store.load("a", byOld))!;
    assertEquals(loaded.touchedAt, loaded.now);
    assertEquals(loaded.tokens, [
      ...Array.from({ length: 7 }, (_, i) => ({
        hash: `old${i + 1}`,
        generation: i + 1,
        until: until + i + 1,
      })),
      tokenOf("new", 8),
    ]);
    assertEquals([loaded.generation, loaded.version], [8, 1]);
    assertEquals(await server.cli("HMGET", key, "h", "o"), "");
    const again = await store.load("a", LOOK);
    assertEquals(again?.tokens, loaded.tokens);
    assertEquals(again?.generation, 8);
  },
);

testWithRedis(
  "RedisStore notifies no store in another database of the same Redis",
  async () => {
    await using server = await RedisServer.start();
    const connect = (database: number) => () =>
      connectNodeRedis(server, { database });
    await using zero = await openStore(connect(0));
    await using one = await openStore(connect(1));
    await using again = await openStore(connect(1));
    const notified: string[] = [];
    const arrived = Promise.withResolvers<void>();
    await zero.store.watch(
      ({ uid }) => notified.push(`zero ${uid}`),
      () => notified.push("zero earlier"),
    );
    await again.store.watch(({ uid }) => {
      notified.push(`one ${uid}`);
      arrived.resolve();
    });
    await one.store.create(sessionOf("a"));
    await one.store.end("a", "logout", NODE);
    await arrived.promise;
    const last = Promise.withResolvers<void>();
    await zero.store.watch(() => last.resolve());
    await zero.store.create(sessionOf("b"));
    await zero.store.end("b", "logout", NODE);
    await last.promise;
    assertEquals(notified.filter((text) => !text.endsWith("earlier")), [
      "one a",
      "zero b",
    ]);
    const channels = await server.cli("PUBSUB", "CHANNELS");
    assertEquals(channels.split("\n").sort(), ["curfew:news", "curfew:news:1"]);
  },
);

testWithRedis(
  "RedisStore reads the number of the database again after a failure",
  async () => {
    await using server = await RedisServer.start();
    const [client, close] = await connectNodeRedis(server, { database: 1 });
    let isAway = true;
    const store = new RedisStore({
      client: {
        ...client,
        send(args, key) {
          if (isAway) return Promise.reject(new Error("Socket closed"));
          return client.send(args, key);
        },
      },
    });
    await assertRejects(
      () => store.create(sessionOf("a")),
      Error,
      'Cannot create session "a": Redis failed: Socket closed',
    );
    isAway = false;
    assertEquals((await store.create(sessionOf("a")))?.version, 1);
    await store.watch(() => {});
    assertEquals(await server.cli("PUBSUB", "CHANNELS"), "curfew:news:1");
    await store[Symbol.asyncDispose]();
    close();
  },
);
