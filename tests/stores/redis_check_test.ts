import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { RECORD_FORMAT } from "../../stores/record.ts";
import { type RedisClient, RedisStore } from "../../stores/redis_store.ts";
import { RedisCluster, RedisServer, testWithRedis } from "../helpers_redis.ts";
import {
  connectNodeCluster,
  connectNodeRedis,
  openStore,
} from "./helpers_redis_store.ts";

const AOF = ["--appendonly", "yes"] as const;

/** Returns a client that answers INFO as given. */
function pretend(
  info: string,
  options: { now?: number; save?: () => Promise<unknown> } = {},
): RedisClient {
  const { now = Date.now(), save } = options;
  return {
    send([command]) {
      if (command === "CONFIG" && save !== undefined) return save();
      if (command === "SET") return Promise.resolve(null);
      const time = [`${Math.floor(now / 1000)}`, `${now % 1000 * 1000}`];
      return Promise.resolve([...time, info, ""]);
    },
    subscribe: () => Promise.reject(new Error("not asked for")),
  };
}

const FIT = "redis_version:7.2.4\r\naof_enabled:1\r\n";

function check(client: RedisClient): Promise<readonly string[]> {
  return new RedisStore({ client }).check();
}

testWithRedis(
  "RedisStore.check() has nothing to say of a Redis that writes a log",
  async () => {
    await using server = await RedisServer.start({ settings: AOF });
    await using opened = await openStore(() => connectNodeRedis(server));
    assertEquals(await opened.store.check(), []);
    assertEquals(await opened.store.check(), []);
  },
);

testWithRedis(
  "RedisStore.check() refuses a Redis that drops sessions",
  async () => {
    await using server = await RedisServer.start({ settings: AOF });
    await using opened = await openStore(() => connectNodeRedis(server));
    for (const policy of ["allkeys-lru", "allkeys-random"]) {
      await server.cli("CONFIG", "SET", "maxmemory-policy", policy);
      await assertRejects(() => opened.store.check(), RangeError, policy);
    }
    for (const policy of ["volatile-lru", "volatile-ttl", "noeviction"]) {
      await server.cli("CONFIG", "SET", "maxmemory-policy", policy);
      assertEquals(await opened.store.check(), []);
    }
  },
);

testWithRedis(
  "RedisStore.check() says what a restart would lose",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectNodeRedis(server));
    const [nothing] = await opened.store.check();
    assertStringIncludes(nothing!, "keeps nothing through a restart");
    await server.cli("CONFIG", "SET", "save", "3600 1");
    const [snapshots] = await opened.store.check();
    assertStringIncludes(snapshots!, 'snapshots only ("save 3600 1")');
  },
);

testWithRedis(
  "RedisStore.check() says what it was not allowed to check",
  async () => {
    await using server = await RedisServer.start();
    await server.cli(
      ...["ACL", "SETUSER", "a", "on", ">pw", "~*", "&*", "+@all", "-config"],
    );
    await server.cli(
      ...["ACL", "SETUSER", "b", "on", ">pw", "~*", "&*", "+@all", "-info"],
    );
    const checkAs = async (user: string) => {
      const url = server.url.replace("//", `//${user}:pw@`);
      await using opened = await openStore(() => connectNodeRedis({ url }));
      return await opened.store.check();
    };
    assertStringIncludes((await checkAs("a"))[0]!, "CONFIG is refused");
    assertStringIncludes((await checkAs("b"))[0]!, "read INFO");
  },
);

testWithRedis(
  "RedisStore.check() refuses another number of shards",
  async () => {
    await using server = await RedisServer.start({ settings: AOF });
    const openWith = (shards: number) =>
      openStore(() => connectNodeRedis(server), { shards });
    await using two = await openWith(2);
    assertEquals(await two.store.check(), []);
    await using three = await openWith(3);
    await assertRejects(
      () => three.store.check(),
      RangeError,
      "in 2 shards, not in 3",
    );
  },
);

testWithRedis(
  "RedisStore.check() marks the sessions of version 0.1.0 as of this version",
  async () => {
    await using server = await RedisServer.start({ settings: AOF });
    await using opened = await openStore(() => connectNodeRedis(server));
    await server.cli("SET", "curfew:shards", "1");
    assertEquals(await opened.store.check(), []);
    const mark = await server.cli("GET", "curfew:shards");
    assertEquals(mark, `1 (format ${RECORD_FORMAT})`);
    assertEquals(await opened.store.check(), []);
  },
);

testWithRedis(
  "RedisStore.check() refuses the sessions of a later version",
  async () => {
    await using server = await RedisServer.start({ settings: AOF });
    await using opened = await openStore(() => connectNodeRedis(server));
    const mark = `1 (format ${RECORD_FORMAT + 1})`;
    await server.cli("SET", "curfew:shards", mark);
    await assertRejects(
      () => opened.store.check(),
      RangeError,
      `have format ${
        RECORD_FORMAT + 1
      }, and this version reads ${RECORD_FORMAT} at most`,
    );
    assertEquals(await server.cli("GET", "curfew:shards"), mark);
  },
);

testWithRedis("RedisStore.check() refuses a replica", async () => {
  await using server = await RedisServer.start({ settings: AOF });
  await using opened = await openStore(() => connectNodeRedis(server));
  await server.cli("REPLICAOF", "127.0.0.1", "1");
  await assertRejects(
    () => opened.store.check(),
    RangeError,
    "it is a replica",
  );
});

testWithRedis(
  "RedisStore.check() says that a cluster is not made use of",
  async () => {
    await using cluster = await RedisCluster.start();
    await using opened = await openStore(() =>
      connectNodeCluster(cluster.servers)
    );
    const sentences = (await opened.store.check()).join("\n");
    assertStringIncludes(sentences, "all sessions lie on one node");
    assertStringIncludes(sentences, "has no replica");
  },
);

Deno.test("RedisStore.check() refuses a Redis that is too old", async () => {
  const info = FIT.replace("7.2.4", "6.2.14");
  await assertRejects(() => check(pretend(info)), RangeError, "version 6.2.14");
});

Deno.test("RedisStore.check() says that the client repeats commands", async () => {
  const client = { ...pretend(FIT), repeatsCommands: true };
  assertStringIncludes((await check(client)).join(), "change a value twice");
});

Deno.test("RedisStore.check() says that a clock differs", async () => {
  using _ = new FakeTime();
  const [ahead] = await check(pretend(FIT, { now: Date.now() + 90_000 }));
  assertStringIncludes(ahead!, "90 s ahead of");
  const [behind] = await check(pretend(FIT, { now: Date.now() - 5_000 }));
  assertStringIncludes(behind!, "5 s behind");
  assertEquals(await check(pretend(FIT, { now: Date.now() + 500 })), []);
});

Deno.test("RedisStore.check() says that Redis has fewer replicas than the store waits for", async () => {
  const says = (count: number) =>
    new RedisStore({
      client: pretend(`${FIT}connected_slaves:${count}\r\n`),
      replicas: 2,
    }).check();
  assertStringIncludes((await says(1)).join(), "1 replicas, fewer than the 2");
  assertEquals(await says(2), []);
});

Deno.test("RedisStore.check() does not take a slow answer for a clock that differs", async () => {
  using time = new FakeTime();
  const client = pretend(FIT);
  const slow: RedisClient = {
    ...client,
    send(args, key) {
      time.tick(2500);
      return client.send(args, key);
    },
  };
  assertEquals(await check(slow), []);
});

Deno.test("RedisStore.check() reads settings in any form", async () => {
  const info = FIT.replace("enabled:1", "enabled:0");
  const forms = [
    ["save", "60 1"],
    { save: "60 1" },
    new Map([["save", "60 1"]]),
    [new TextEncoder().encode("save"), new TextEncoder().encode("60 1")],
  ];
  for (const form of forms) {
    const save = () => Promise.resolve(form);
    const [sentence] = await check(pretend(info, { save }));
    assertStringIncludes(sentence!, '"save 60 1"');
  }
});
