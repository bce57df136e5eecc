import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type Clock,
  Resource,
  Session,
  type SessionEnd,
  Site,
  type SiteRequest,
} from "../mod.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import { TestClock, TestSite } from "../testing.ts";
import { Leaf } from "./helpers_http.ts";

/** Answers the uid of the visitor's session. */
const sayUid = (request: SiteRequest) => request.getSession().uid;

/** What a visitor sees at a path. */
async function see(
  visitor: Pick<TestSite, "fetch">,
  path = "/",
): Promise<string> {
  return await (await visitor.fetch(path)).text();
}

function reasonsOf(testSite: TestSite): string[] {
  return testSite.ends.map(({ reason }) => reason);
}

Deno.test("TestClock begins in 2026, or where it is told", () => {
  assertEquals(new TestClock().now(), Date.UTC(2026, 0, 1));
  assertEquals(new TestClock(12.5).now(), 12_500);
});

Deno.test("TestClock refuses a start that is no time", () => {
  assertThrows(
    () => new TestClock(NaN),
    RangeError,
    "Cannot make a clock: the start is not a finite number: NaN",
  );
});

Deno.test("TestClock.advance() calls timers in order, each at its time", async () => {
  const clock = new TestClock(0);
  const calls: [string, number][] = [];
  const call = (name: string) => () => void calls.push([name, clock.now()]);
  clock.setTimeout(call("third"), 2000);
  clock.setTimeout(call("first"), 1000);
  clock.setTimeout(call("second"), 1000);
  clock.setTimeout(call("never"), 2001);

  await clock.advance(2);

  assertEquals(calls, [["first", 1000], ["second", 1000], ["third", 2000]]);
  assertEquals(clock.now(), 2000);
});

Deno.test("TestClock.advance() calls a timer that another has set on the way", async () => {
  const clock = new TestClock(0);
  const calls: number[] = [];
  const tick = () => {
    calls.push(clock.now());
    clock.setTimeout(tick, 400);
  };
  tick();

  await clock.advance(1);

  assertEquals(calls, [0, 400, 800]);
});

Deno.test("TestClock.advance() lets promises go on between two timers", async () => {
  const clock = new TestClock(0);
  const seen: number[] = [];
  clock.setTimeout(async () => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    seen.push(clock.now());
  }, 1000);
  clock.setTimeout(() => seen.push(clock.now()), 2000);

  await clock.advance(3);

  assertEquals(seen, [1000, 2000]);
});

Deno.test("TestClock.advance() calls nothing that was cleared", async () => {
  const clock = new TestClock(0);
  const calls: string[] = [];
  const id = clock.setTimeout(() => calls.push("called"), 1000);
  clock.clearTimeout(id);
  clock.clearTimeout(id);
  clock.clearTimeout(undefined);

  await clock.advance(2);

  assertEquals(calls, []);
});

Deno.test("TestClock.advance() is exact to the millisecond", async () => {
  const clock = new TestClock(0);
  for (let i = 0; i < 1000; i++) await clock.advance(0.001);
  await clock.advance(1.001);
  assertEquals(clock.now(), 2001);
});

for (const seconds of [-1, NaN, Infinity, "1" as unknown as number]) {
  Deno.test(`TestClock.advance() refuses ${Deno.inspect(seconds)}`, async () => {
    const clock = new TestClock(0);
    await assertRejects(
      () => clock.advance(seconds),
      RangeError,
      "Cannot advance the clock: not a finite number of seconds, 0 or more",
    );
    assertEquals(clock.now(), 0);
  });
}

Deno.test("TestClock.advance() gives timers up that set each other for ever", async () => {
  const clock = new TestClock(0);
  const again = () => void clock.setTimeout(again, 0);
  again();
  await assertRejects(
    () => clock.advance(1),
    Error,
    "Cannot advance the clock: more than 100000 timers at one time",
  );
});

Deno.test("TestSite.fetch() keeps a visitor's cookies", async () => {
  await using testSite = new TestSite(new Leaf(sayUid));
  assertEquals(await see(testSite), await see(testSite));
  assertEquals(testSite.site.sessions.size, 1);
});

Deno.test("TestSite.fetch() takes a path, a URL and a request", async () => {
  await using testSite = new TestSite(new Leaf(({ url }) => url.href));
  assertEquals(await see(testSite, "/a?b"), "http://localhost/a?b");
  const urls = [
    "https://h/a",
    new URL("https://h/a"),
    new Request("https://h/a"),
  ];
  for (const url of urls) {
    const response = await testSite.fetch(url);
    assertEquals(await response.text(), "https://h/a");
  }
});

Deno.test("TestSite.fetch() hands on the method and the body", async () => {
  await using testSite = new TestSite(
    new Leaf(async (request) => request.method + await request.text()),
  );
  const response = await testSite.fetch("/", { method: "POST", body: "hello" });
  assertEquals(await response.text(), "POSThello");
});

Deno.test("TestSite.fetch() sends a Cookie header of the test's own in place", async () => {
  await using testSite = new TestSite(
    new Leaf((request) => {
      request.getSession();
      return request.getHeader("cookie") ?? "";
    }),
  );
  await testSite.fetch("/");
  const response = await testSite.fetch("/", { headers: { cookie: "a=1" } });
  assertEquals(await response.text(), "a=1");
});

Deno.test("TestSite.fetch() follows no redirect", async () => {
  await using testSite = new TestSite(
    new Leaf((request) => request.redirect("/elsewhere")),
  );
  assertEquals((await testSite.fetch("/")).status, 302);
});

Deno.test("TestSite.fetch() forgets the cookie of a session that has ended", async () => {
  await using testSite = new TestSite(
    new Leaf((request) => {
      request.session?.expire();
      return request.method === "POST" ? "" : sayUid(request);
    }),
  );
  await testSite.fetch("/");
  assert(testSite.session);

  await testSite.fetch("/", { method: "POST" });

  assertEquals(testSite.session, undefined);
  assertEquals(testSite.visitor().cookiesFor("/"), undefined);
});

Deno.test("TestSite.visitor() has cookies of its own", async () => {
  await using testSite = new TestSite(new Leaf(sayUid));
  const [alice, bob] = [testSite.visitor(), testSite.visitor()];
  assertNotEquals(await see(alice), await see(bob));
  assertEquals(await see(alice), alice.session?.uid);
  assertEquals(await see(bob), bob.session?.uid);
  assertEquals(testSite.session, undefined);
});

Deno.test("TestVisitor.cookiesFor() is what a request would carry", async () => {
  await using testSite = new TestSite(new Leaf(sayUid), { cookieName: "id" });
  const visitor = testSite.visitor();
  const uid = await see(visitor);
  assertEquals(visitor.cookiesFor("/")?.startsWith(`id=${uid}`), true);
  assertEquals(visitor.cookiesFor("http://elsewhere/"), undefined);
});

Deno.test("TestVisitor keeps the sessions of http and https apart", async () => {
  await using testSite = new TestSite(new Leaf(sayUid));
  const visitor = testSite.visitor();
  const plain = await see(visitor);
  const secure = await see(visitor, "https://localhost/");
  assertNotEquals(plain, secure);
  assertEquals(visitor.session?.uid, secure);
  assertEquals(await see(visitor), plain);
  assertEquals(visitor.session?.uid, plain);
});

Deno.test("TestVisitor.session is no visit", async () => {
  await using testSite = new TestSite(new Leaf(sayUid), { sessionTimeout: 10 });
  await testSite.fetch("/");
  await testSite.advance(9);
  assert(testSite.session?.isActive);
  await testSite.advance(1);
  assertEquals(testSite.session, undefined);
});

Deno.test("TestVisitor drops a persistent cookie when its time is over", async () => {
  await using testSite = new TestSite(new Leaf(sayUid), {
    absoluteTimeout: 10,
    cookie: { persistent: true },
  });
  const visitor = testSite.visitor();
  await visitor.fetch("/");
  await testSite.advance(9);
  assert(visitor.cookiesFor("/"));
  await testSite.advance(1);
  assertEquals(visitor.cookiesFor("/"), undefined);
});

Deno.test("TestSite.advance() ends sessions at their deadlines", async () => {
  await using testSite = new TestSite(new Leaf(sayUid), { sessionTimeout: 60 });
  const [alice, bob] = [testSite.visitor(), testSite.visitor()];
  const { now } = testSite;
  await alice.fetch("/");
  await testSite.advance(10);
  await bob.fetch("/");
  await testSite.advance(40);
  await alice.fetch("/");

  await testSite.advance(3600);

  assertEquals(testSite.ends.map(({ at }) => at - now), [70, 110]);
  assertEquals(reasonsOf(testSite), ["idle", "idle"]);
  assertEquals(testSite.now - now, 3650);
});

Deno.test("TestSite.advance() lets an asynchronous callback finish", async () => {
  await using testSite = new TestSite(new Leaf(sayUid), { sessionTimeout: 60 });
  const done: string[] = [];
  testSite.site.notifyOnSessionEnd(async ({ uid }) => {
    await Promise.resolve();
    done.push(uid);
  });
  const uid = await see(testSite);

  await testSite.advance(60);

  assertEquals(done, [uid]);
});

Deno.test("TestSite.advance() passes over a month with one session", async () => {
  await using testSite = new TestSite(new Leaf(sayUid), {
    sessionTimeout: 30 * 24 * 60 * 60,
  });
  await testSite.fetch("/");
  await testSite.advance(30 * 24 * 60 * 60 - 1);
  assertEquals(testSite.ends, []);
  await testSite.advance(1);
  assertEquals(reasonsOf(testSite), ["idle"]);
});

Deno.test("TestSite.advance() refuses a clock that is not its own", async () => {
  const clock: Clock = {
    now: () => 1000,
    setTimeout: () => 0,
    clearTimeout: () => {},
  };
  await using testSite = new TestSite(new Resource(), { clock });
  assertEquals(testSite.now, 1);
  await assertRejects(
    () => testSite.advance(1),
    Error,
    "Cannot advance the clock: not a TestClock",
  );
});

Deno.test("TestSite takes the clock that it is given, for several sites too", async () => {
  const clock = new TestClock(0);
  const options = { clock, sessionTimeout: 60 };
  await using one = new TestSite(new Leaf(sayUid), options);
  await using other = new TestSite(new Leaf(sayUid), options);
  await one.fetch("/");
  await other.fetch("/");

  await one.advance(60);

  assertEquals([one.ends.length, other.ends.length], [1, 1]);
  assertEquals(other.now, 60);
});

Deno.test("TestSite.ends has the ends in order, whatever ends them", async () => {
  await using testSite = new TestSite(new Leaf(sayUid));
  const visitors = [testSite.visitor(), testSite.visitor()];
  for (const visitor of visitors) await visitor.fetch("/");
  visitors[1]!.session?.expire("revoked");
  await testSite.advance(900);
  assertEquals(reasonsOf(testSite), ["revoked", "idle"]);
});

Deno.test("TestSite.errors has what goes to onError, which is told too", async () => {
  const error = new Error("broken");
  const told: unknown[] = [];
  await using testSite = new TestSite(
    new Leaf(() => {
      throw error;
    }),
    { onError: (error) => void told.push(error) },
  );
  assertEquals((await testSite.fetch("/")).status, 500);
  assertEquals(testSite.errors, [error]);
  assertEquals(told, [error]);
});

Deno.test("TestSite closes its site in the end", async () => {
  const ends: SessionEnd[] = [];
  {
    await using testSite = new TestSite(new Leaf(sayUid));
    await testSite.fetch("/");
    testSite.site.notifyOnSessionEnd((end) => void ends.push(end));
  }
  assertEquals(ends.map(({ reason }) => reason), ["shutdown"]);
});

Deno.test("TestSite tests a site that a function makes", async () => {
  class ShortSession extends Session {
    override sessionTimeout = 5;
  }
  await using testSite = new TestSite((options) => {
    const site = new Site(new Leaf(sayUid), options);
    site.sessionFactory = ShortSession;
    return site;
  });
  await testSite.fetch("/");
  await testSite.advance(5);
  assertEquals(reasonsOf(testSite), ["idle"]);
});

Deno.test("TestSite refuses what is neither a resource nor a function", () => {
  assertThrows(
    () => new TestSite({} as Resource),
    TypeError,
    'Cannot make a site to test: neither a Resource nor a function: an object "Object"',
  );
});

Deno.test("TestSite.crash() tells nobody of sessions that are gone", async () => {
  await using testSite = new TestSite(new Leaf(sayUid));
  const told: unknown[] = [];
  const before = await see(testSite);
  const session = testSite.session!;
  session.notifyOnExpire((end) => void told.push(end));

  testSite.crash();
  await testSite.advance(10_000);

  assertEquals(told, []);
  assertEquals(testSite.ends, []);
  assertEquals(session.isActive, true);
  assertNotEquals(await see(testSite), before);
});

Deno.test("TestSite.crash() starts another site with the same options", async () => {
  await using testSite = new TestSite(new Leaf(sayUid), { sessionTimeout: 60 });
  const { clock, now, site } = testSite;

  testSite.crash();

  assertNotEquals(testSite.site, site);
  assertStrictEquals(testSite.site.resource, site.resource);
  assertStrictEquals(testSite.clock, clock);
  assertEquals(testSite.now, now);
  await testSite.fetch("/");
  await testSite.advance(60);
  assertEquals(reasonsOf(testSite), ["idle"]);
});

Deno.test("TestSite.crash() leaves visitors their cookies", async () => {
  await using testSite = new TestSite(new Leaf(sayUid));
  const visitor = testSite.visitor();
  await visitor.fetch("/");
  const cookies = visitor.cookiesFor("/");
  assert(cookies);
  testSite.crash();
  assertEquals(visitor.cookiesFor("/"), cookies);
  assertEquals(visitor.session, undefined);
});

Deno.test("TestSite.crash() keeps what the old site still says out of the record", async () => {
  await using testSite = new TestSite(new Leaf(sayUid));
  await testSite.fetch("/");
  const { site } = testSite;
  const session = testSite.session!;
  session.notifyOnExpire(() => {
    throw new Error("broken");
  });
  testSite.crash();
  session.expire();
  await site.close();
  assertEquals(testSite.ends, []);
  assertEquals(testSite.errors, []);
});

Deno.test("TestSite.visitor() sends what a subdomain plants, and keeps its session", async () => {
  const root = new Leaf((request) => {
    const plant = request.query.get("plant");
    if (plant === null) return request.getSession().uid;
    const setCookie = `${plant}; Domain=shop.test; Path=/; Secure`;
    return new Response("", { headers: { "set-cookie": setCookie } });
  });
  await using testSite = new TestSite(root);
  const [attacker, victim] = [testSite.visitor(), testSite.visitor()];
  await attacker.fetch("https://shop.test/");
  const cookie = attacker.cookiesFor("https://shop.test/")!;
  const uid = await see(victim, "https://shop.test/");

  for (const plant of [cookie, `\xa0${cookie}`]) {
    const query = new URLSearchParams({ plant });
    await victim.fetch(`https://blog.shop.test/?${query}`);
  }

  const [, ...planted] = victim.cookiesFor("https://shop.test/")!.split("; ");
  assertEquals(planted, [`\xa0${cookie}`]);
  assertEquals(await see(victim, "https://shop.test/"), uid);
});

Deno.test("TestSite.crash() has a function make the new site", async () => {
  let made = 0;
  await using testSite = new TestSite((options) => {
    made++;
    return new Site(new Leaf(sayUid), options);
  });
  testSite.crash();
  assertEquals(made, 2);
});

Deno.test("TestSite.crash() breaks event streams off", async () => {
  await using testSite = new TestSite(
    new Leaf((request) => {
      request.setHeader("content-type", "text/event-stream");
      return new ReadableStream({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
      });
    }),
  );
  const { body } = await testSite.fetch("/");
  const reader = body!.getReader();
  assert((await reader.read()).value);
  testSite.crash();
  assert((await reader.read()).done);
});

/** A site over a store that outlives it, all by one clock. */
function overStore(): TestSite {
  const clock = new TestClock();
  const store = new MemoryStore({ clock });
  return new TestSite(new Leaf(sayUid), { clock, store, sessionTimeout: 60 });
}

Deno.test("TestSite.crash() leaves the sessions in a store", async () => {
  await using testSite = overStore();
  const uid = await see(testSite);
  testSite.crash();
  assertEquals(await see(testSite), uid);
  assertEquals(testSite.ends, []);
});

Deno.test("TestSite.crash() leaves the ends in a store to the new site, once", async () => {
  await using testSite = overStore();
  const uid = await see(testSite);
  const told: unknown[] = [];
  testSite.session!.notifyOnExpire((end) => void told.push(end));
  testSite.crash();

  await testSite.advance(60);

  assertEquals(
    testSite.ends.map((end) => [end.uid, end.reason]),
    [[uid, "idle"]],
  );
  assertEquals(told, []);
  assertEquals(testSite.errors, []);
});

Deno.test("TestSite.crash() lets another tell what the old site had begun to tell", async () => {
  await using testSite = overStore();
  const uid = await see(testSite);
  const { promise: never } = Promise.withResolvers<void>();
  testSite.site.notifyOnSessionEnd(() => never);
  await testSite.advance(60);
  assertEquals(testSite.ends.length, 1);

  testSite.crash();
  await testSite.advance(30);

  assertEquals(testSite.ends.map((end) => end.uid), [uid, uid]);
});

Deno.test("TestSite.crash() breaks streams off without the end and without a time to come back", async () => {
  for (const isStored of [false, true]) {
    const clock = new TestClock();
    const store = { store: new MemoryStore({ clock }) };
    await using test = new TestSite(
      new Leaf((request) => {
        const events = request.getSession().events(request);
        events.send("hello");
        return events.response;
      }),
      { clock, ...(isStored ? store : {}) },
    );
    const response = await test.fetch("/");
    test.crash();
    assertEquals(await response.text(), "data: hello\n\n");
  }
});

Deno.test("TestClock.advance() waits for chains of promises, however long", async () => {
  const clock = new TestClock();
  let steps = 0;
  clock.setTimeout(async () => {
    for (; steps < 5000; steps++) await undefined;
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
    steps++;
  }, 1000);
  await clock.advance(1);
  assertEquals(steps, 5001);
});

Deno.test("TestClock.advance() at once adds up, in order", async () => {
  const clock = new TestClock(0);
  const fired: number[] = [];
  const tick = () => {
    fired.push(clock.now());
    clock.setTimeout(tick, 1000);
  };
  clock.setTimeout(tick, 1000);
  await Promise.all([clock.advance(2), clock.advance(0), clock.advance(3)]);
  assertEquals(fired, [1000, 2000, 3000, 4000, 5000]);
  assertEquals(clock.now(), 5000);
});

Deno.test("TestClock.advance() goes on after one that a timer failed", async () => {
  const clock = new TestClock(0);
  clock.setTimeout(() => {
    throw new Error("no");
  }, 1000);
  const first = clock.advance(2);
  const second = clock.advance(1);
  await assertRejects(() => first, Error, "no");
  await second;
  assertEquals(clock.now(), 2000);
});

Deno.test("TestClock.advance() may be awaited by a callback on the way", async () => {
  const clock = new TestClock(0);
  const done = Promise.withResolvers<void>();
  clock.setTimeout(async () => {
    await clock.advance(5);
    done.resolve();
  }, 1000);
  await clock.advance(1);
  await done.promise;
  assertEquals(clock.now(), 6000);
});

for (
  const [delay, due] of [
    [NaN, 0],
    [undefined, 0],
    [-5, 0],
    [Infinity, 0],
    [2 ** 31, 0],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [1.9, 1],
    ["20", 20],
    [null, 0],
  ] as const
) {
  Deno.test(`TestClock.setTimeout() takes ${delay} as setTimeout does`, async () => {
    const clock = new TestClock(0);
    let fired: number | undefined;
    clock.setTimeout(() => void (fired = clock.now()), delay as number);
    await clock.advance(0);
    if (due > 0) {
      assertEquals(fired, undefined);
      await clock.advance(due / 1000);
    }
    assertEquals([fired, clock.now()], [due, due]);
  });
}

Deno.test("TestClock.setTimeout() hands arguments on, and refuses what is no function", async () => {
  const clock = new TestClock(0);
  const seen: unknown[] = [];
  clock.setTimeout((...args: unknown[]) => void seen.push(...args), 5, "a", 1);
  await clock.advance(1);
  assertEquals(seen, ["a", 1]);
  assertThrows(
    () => clock.setTimeout("x" as unknown as () => void, 1),
    TypeError,
    'Cannot set a timer: the callback is not a function: "x"',
  );
});
