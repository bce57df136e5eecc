import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { NODE, sessionOf, VISIT } from "../../testing/contract_checks.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import {
  connectIoredis,
  connectNodeRedis,
  openStore,
} from "./helpers_redis_store.ts";

testWithRedis(
  "RedisStore reads replies for every mapping of types of the client",
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
  "RedisStore.watch() notifies of ends if the client puts a prefix before keys",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectIoredis(server, "app:"));
    const { store } = opened;
    const notified = Promise.withResolvers<string>();
    const stop = await store.watch(({ uid }) => notified.resolve(uid));
    await store.create(sessionOf("a"));
    await store.end("a", "logout", NODE);
    assertEquals(await notified.promise, "a");
    stop();
    assertStringIncludes(await server.cli("KEYS", "*"), "app:{curfew:0}:s:a");
  },
);

testWithRedis(
  "RedisStore.watch() ignores messages of other programs on its channel",
  async () => {
    await using server = await RedisServer.start();
    await using opened = await openStore(() => connectNodeRedis(server));
    const { store } = opened;
    const notified: string[] = [];
    const last = Promise.withResolvers<void>();
    const stop = await store.watch(({ uid }) => {
      notified.push(uid);
      last.resolve();
    });
    for (const noise of ["", "{}", "a\tb", "\t"]) {
      await server.cli("PUBLISH", "curfew:news", noise);
    }
    await store.create(sessionOf("a"));
    await store.end("a", "logout", NODE);
    await last.promise;
    assertEquals(notified, ["a"]);
    stop();
  },
);
