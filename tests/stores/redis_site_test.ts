import { assert, assertEquals, assertRejects } from "@std/assert";
import type { SessionStore } from "../../stores/store.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import { cookieOf, Node } from "../helpers_store.ts";
import {
  connectIoredis,
  connectNodeRedis,
  openStore,
} from "./helpers_redis_store.ts";

/** A node with pages that count visits and log out. */
function makeNode(store: SessionStore): Node {
  return new Node(store)
    .page("count", (request) => {
      const session = request.getSession();
      const count = (session.get<number>("count") ?? 0) + 1;
      session.set("count", count);
      return `${count}`;
    })
    .page("logout", (request) => {
      request.getSession().expire();
      return "";
    });
}

testWithRedis(
  "Sites over Redis share a session and its end, told once",
  async () => {
    const settings = ["--appendonly", "yes"];
    await using server = await RedisServer.start({ settings });
    await using one = await openStore(() => connectNodeRedis(server));
    await using two = await openStore(() => connectIoredis(server));
    await using node = makeNode(one.store);
    await using other = makeNode(two.store);

    const first = await node.get("count");
    assertEquals(await first.text(), "1");
    const cookie = cookieOf(first);
    assertEquals(await (await other.get("count", cookie)).text(), "2");
    assertEquals(await (await node.get("count", cookie)).text(), "3");

    const [live] = other.site.sessions.values();
    assert(live !== undefined);
    const ended = live.ended;
    await (await node.get("logout", cookie)).text();
    assertEquals((await ended).reason, "logout");
    assertEquals(await (await other.get("count", cookie)).text(), "1");
    await Promise.all([node.site.close(), other.site.close()]);
    assertEquals([...node.reasons, ...other.reasons], ["logout"]);
    assertEquals([...node.errors, ...other.errors], []);
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
