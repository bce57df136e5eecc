// Sites over stores that are not fit, or away, when the site begins.

import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Resource, Site } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { type RedisClient, RedisStore } from "../../stores/redis_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { ROOT, runText, testWith } from "../helpers_process.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import { cookieOf, Node, pass } from "../helpers_store.ts";
import { connectNodeRedis } from "../stores/helpers_redis_store.ts";

function nodeOf(store: SessionStore): Node {
  return new Node(store)
    .page("visit", (request) => request.getSession().uid)
    .page("plain", () => "nothing of a session");
}

/** A store whose check says so. */
function checking(check: () => readonly string[]): SessionStore {
  return Object.assign(new MemoryStore(), { check });
}

function refusing(): SessionStore {
  return checking(() => {
    throw new RangeError("Cannot keep sessions: they would be lost");
  });
}

Deno.test("Site over a store that refuses says so once, and answers 503 to those who need it only", async () => {
  using time = new FakeTime();
  const cookie = `session=${"5a".repeat(32)}`;
  await using node = nodeOf(refusing());
  await time.tickAsync(10);
  await assertRejects(() => node.site.ready, RangeError, "would be lost");
  assertEquals(node.errors.map(String), [
    "RangeError: Cannot keep sessions: they would be lost",
  ]);
  for (const each of ["", cookie]) {
    assertEquals((await node.get("visit", each)).status, 503);
    const plain = await node.get("plain", each);
    assertEquals(await plain.text(), "nothing of a session");
  }
});

Deno.test("Site over a store that refuses claims nothing of it", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const before = nodeOf(store);
  await before.get("visit");
  await before.site.close();
  await using node = nodeOf(
    Object.assign(store, {
      check() {
        throw new RangeError("no");
      },
    }),
  );
  await time.tickAsync(3600_000);
  assertEquals(node.reasons, []);
});

Deno.test("Site over a store whose check takes its time tells ends meanwhile", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const before = nodeOf(store);
  await before.get("visit");
  await before.site.close();
  await time.tickAsync(3600_000);
  await using node = nodeOf(
    Object.assign(store, { check: () => new Promise<string[]>(() => {}) }),
  );
  for (let i = 0; i < 30; i++) await time.tickAsync(100);
  assertEquals(node.reasons, ["idle"]);
});

Deno.test("Site over a store that is away when it begins goes on when that is back", async () => {
  using time = new FakeTime();
  let isAway = true;
  await using node = nodeOf(checking(() => {
    if (isAway) throw new Error("the database is away");
    return [];
  }));
  await time.tickAsync(10);
  await node.site.ready;
  assertEquals(node.errors.map(String), ["Error: the database is away"]);
  isAway = false;
  const cookie = cookieOf(await node.get("visit"));
  assertEquals((await node.get("visit", cookie)).status, 200);
  await time.tickAsync(61_100);
  assertEquals(node.reasons, ["idle"]);
});

/** A store whose check fails so often, then says so. */
function backAfter(
  failures: number,
  check: () => readonly string[],
): { store: SessionStore; counts: { checks: number } } {
  const counts = { checks: 0 };
  const store = checking(() => {
    if (counts.checks++ < failures) throw new Error("the database is away");
    return check();
  });
  return { store, counts };
}

Deno.test("Site over a store that is away when it begins checks it until it answers, and reports that", async () => {
  using time = new FakeTime();
  const { store, counts } = backAfter(4, () => ["The clock is 9 s behind"]);
  await using node = nodeOf(store);
  await time.tickAsync(10);
  await node.site.ready;
  await pass(time, 14_000);
  assertEquals(counts.checks, 4);
  await pass(time, 2000);
  assertEquals(node.errors.map(String), [
    "Error: the database is away",
    "Error: The clock is 9 s behind",
  ]);
  assertEquals(counts.checks, 5);
  // Then it is checked every minute; what it says is reported once.
  await pass(time, 600_000);
  assertEquals([counts.checks, node.errors.length], [15, 2]);
});

Deno.test("Site over a store that is away when it begins, and refuses later, answers 503 from then on", async () => {
  using time = new FakeTime();
  const { store } = backAfter(1, () => {
    throw new RangeError("Cannot keep sessions: they would be lost");
  });
  await using node = nodeOf(store);
  await time.tickAsync(10);
  await node.site.ready;
  const cookie = cookieOf(await node.get("visit"));
  await pass(time, 1100);
  assertEquals((await node.get("visit", cookie)).status, 503);
  assertEquals((await node.get("visit")).status, 503);
  assertEquals((await node.get("plain")).status, 200);
  await pass(time, 61_000);
  assertEquals(node.reasons, ["idle"]);
  assertEquals(node.errors.map(String), [
    "Error: the database is away",
    "RangeError: Cannot keep sessions: they would be lost",
  ]);
});

Deno.test("Site.close() ends the checks of a store that is away, and what they answer is not heard", async () => {
  using time = new FakeTime();
  let checks = 0;
  const answer = Promise.withResolvers<string[]>();
  const node = nodeOf(Object.assign(new MemoryStore(), {
    check: () =>
      ++checks < 2 ? Promise.reject(new Error("away")) : answer.promise,
  }));
  await pass(time, 1100);
  assertEquals(checks, 2);
  await node.site.close();
  answer.reject(new Error("still away"));
  await pass(time, 600_000);
  assertEquals(checks, 2);
  assertEquals(node.errors.map(String), ["Error: away"]);
});

Deno.test("Site.ready is kept with what the store warns of, which is reported", async () => {
  using _time = new FakeTime();
  await using node = nodeOf(checking(() => ["The clock is 9 s behind"]));
  await node.site.ready;
  assertEquals(node.errors.map(String), ["Error: The clock is 9 s behind"]);
});

testWith(
  ["read", "run"],
  "listen() stops again where the store refuses, and the process fails",
  async () => {
    await using program = runText(`
import { listen, Resource, Site } from "${ROOT}mod.ts";
import { MemoryStore } from "${ROOT}stores/memory_store.ts";

const store = Object.assign(new MemoryStore(), {
  check: () => Promise.reject(new RangeError("Cannot keep sessions")),
});
const site = new Site(new Resource(), {
  store,
  onError: (error) => console.log(error.message),
});
await listen(site, "tcp:0:interface=127.0.0.1").finished;
console.log("stopped");
`);
    assertEquals(await program.stdout.next(), "Cannot keep sessions");
    assertEquals(await program.stdout.next(), "stopped");
    assertEquals((await program.status).code, 1);
  },
);

testWith(
  ["read", "run"],
  "listen() tells nobody of ends before the program has said who is told",
  async () => {
    await using program = runText(`
import { listen, Resource, Site } from "${ROOT}mod.ts";
import { MemoryStore } from "${ROOT}stores/memory_store.ts";

const store = new MemoryStore();
const before = new Site(new Resource(), { store, sessionTimeout: 0.2 });
before.makeSession();
await before.close();
while (store.nextIn() > 0) await new Promise((resolve) => setTimeout(resolve, 1));
const site = new Site(new Resource(), { store });
const server = listen(site, "tcp:0:interface=127.0.0.1");
site.notifyOnSessionEnd(({ reason }) => {
  console.log(reason);
  server.shutdown().then(() => site.close());
});
`);
    assertEquals(await program.stdout.next(), "idle");
    assertEquals((await program.status).code, 0);
  },
);

/** A client of a Redis whose clock is that many seconds ahead. */
function ahead(client: RedisClient, seconds: number): RedisClient {
  return {
    ...client,
    async send(args, key) {
      const reply = await client.send(args, key);
      // The only script that is sent as a text at once is that of the check.
      if (args[0] !== "EVAL" || !args[1]!.includes("INFO")) return reply;
      const [now, ...rest] = reply as unknown[];
      return [String(Number(String(now)) + seconds), ...rest];
    },
  };
}

testWithRedis(
  "Site over a RedisStore reports a clock that is far from its own, and begins",
  async () => {
    await using server = await RedisServer.start({
      settings: ["--appendonly", "yes"],
    });
    const [client, close] = await connectNodeRedis(server);
    await using store = new RedisStore({ client: ahead(client, 90) });
    {
      await using node = nodeOf(store);
      await node.site.ready;
      assertEquals(node.errors.length, 1);
      assertMatch(
        String(node.errors[0]),
        /The clock of Redis is [89]\d s ahead of this machine's/,
      );
      assertEquals((await node.get("visit")).status, 200);
    }
    close();
  },
);

testWithRedis(
  "Site over a RedisStore is not ready where Redis would drop sessions",
  async () => {
    await using server = await RedisServer.start({
      settings: ["--maxmemory-policy", "allkeys-lru"],
    });
    const [client, close] = await connectNodeRedis(server);
    await using store = new RedisStore({ client });
    {
      const errors: unknown[] = [];
      await using site = new Site(new Resource(), {
        store,
        onError: (error) => void errors.push(error),
      });
      const error = await assertRejects(() => site.ready, RangeError);
      assertStringIncludes(error.message, "allkeys-lru");
      assertEquals(errors, [error]);
    }
    close();
  },
);

Deno.test("Site checks its store every minute, and reports each finding once while it lasts", async () => {
  using time = new FakeTime();
  let checks = 0;
  let finding: string | RangeError | undefined = "The clock is 9 s behind";
  await using node = nodeOf(checking(() => {
    checks++;
    if (finding instanceof RangeError) throw finding;
    return finding === undefined ? [] : [finding];
  }));
  const reported = async (next: typeof finding) => {
    finding = next;
    node.errors.length = 0;
    await pass(time, 60_000);
    return node.errors.map((error) => (error as Error).message);
  };
  await pass(time, 1000);
  assertEquals(checks, 1);
  assertEquals(await reported("The clock is 8 s behind"), []);
  assertEquals(await reported("maxmemory-policy is allkeys-lru"), [
    "maxmemory-policy is allkeys-lru",
  ]);
  const refusal = new RangeError("Redis is a replica");
  assertEquals(await reported(refusal), ["Redis is a replica"]);
  assertEquals(await reported(refusal), []);
  // A failover may pass: the site goes on.
  assertEquals((await node.get("visit")).status, 200);
  assertEquals(await reported(undefined), []);
  assertEquals(await reported(refusal), ["Redis is a replica"]);
  assertEquals(checks, 7);
});
