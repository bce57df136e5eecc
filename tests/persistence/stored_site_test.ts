import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { NO_TOKEN } from "../../persistence/record_calls.ts";
import { FakeTime } from "@std/testing/time";
import type { SiteRequest } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import {
  after,
  asynchronous,
  BentStore,
  BrokenStore,
  cookieOf,
  Node,
  pass,
  uidOf,
} from "../helpers_store.ts";

const KINDS: Record<string, () => SessionStore> = {
  "a store": () => new MemoryStore(),
  "a store that has to be waited for": () => asynchronous(new MemoryStore()),
};

/** The pages that most tests use. */
function nodeOf(store: SessionStore, options = {}): Node {
  return new Node(store, options)
    .page("count", (request) => {
      const session = request.getSession();
      const count = (session.get<number>("count") ?? 0) + 1;
      session.set("count", count);
      return String(count);
    })
    .page("visit", (request) => request.getSession().uid)
    .page("plain", () => "nothing of a session")
    .page("leave", (request) => {
      request.getSession().expire();
      return "bye";
    });
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`Site over ${kind} finds a session that another process has made`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    await using one = nodeOf(store);
    await using other = nodeOf(store);
    const first = await one.get("count");
    const cookie = cookieOf(first);
    assertEquals(await first.text(), "1");
    assertEquals(await (await other.get("count", cookie)).text(), "2");
    assertEquals(await (await one.get("count", cookie)).text(), "3");
    assertEquals(await (await one.get("visit", cookie)).text(), uidOf(cookie));
    assertEquals([...one.errors, ...other.errors], []);
  });

  Deno.test(`Site over ${kind} goes on after a restart, of which nobody is told`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const before = nodeOf(store);
    const cookie = cookieOf(await before.get("count"));
    await pass(time, 30_000);
    await before.site.close();
    await pass(time, 20_000);
    assertEquals(before.reasons, []);
    await using after = nodeOf(store);
    assertEquals(await (await after.get("count", cookie)).text(), "2");
    await pass(time, 59_000);
    assertEquals(after.reasons, []);
    await pass(time, 1_100);
    assertEquals(after.reasons, ["idle"]);
    assertEquals(after.errors, []);
  });

  Deno.test(`Site over ${kind} tells an end that came while nobody was running`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const before = nodeOf(store);
    const cookie = cookieOf(await before.get("count"));
    await before.site.close();
    await pass(time, 3600_000);
    await using after = nodeOf(store);
    await pass(time, 10);
    const [end] = after.ends;
    assertEquals(end?.reason, "idle");
    assertEquals(end?.uid, uidOf(cookie));
    assertEquals(end?.session.get("count"), 1);
    assertEquals(end?.session.isActive, false);
    assertEquals(after.ends.length, 1);
  });

  Deno.test(`Site over ${kind} tells an end once, however many processes there are`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using one = nodeOf(store);
    await using other = nodeOf(store);
    const cookies: string[] = [];
    for (let i = 0; i < 50; i++) cookies.push(cookieOf(await one.get("visit")));
    for (const cookie of cookies) {
      await (await other.get("visit", cookie)).text();
    }
    await pass(time, 59_990);
    assertEquals([...one.reasons, ...other.reasons], []);
    await pass(time, 60);
    const uids = [...one.ends, ...other.ends].map(({ uid }) => uid);
    assertEquals(uids.sort(), cookies.map(uidOf).sort());
    assertEquals(one.site.sessions.size + other.site.sessions.size, 0);
  });

  Deno.test(`Site over ${kind} keeps a session that is visited elsewhere`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const told: string[] = [];
    await using one = nodeOf(store).page("wait", (request) => {
      request.getSession().notifyOnExpire(({ reason }) => told.push(reason));
      return "";
    });
    await using other = nodeOf(store);
    const cookie = cookieOf(await one.get("wait"));
    for (let i = 0; i < 5; i++) {
      await pass(time, 50_000);
      assertEquals(
        await (await other.get("visit", cookie)).text(),
        uidOf(cookie),
      );
    }
    assertEquals(told, []);
    await pass(time, 59_990);
    assertEquals(told, []);
    await pass(time, 1_100);
    assertEquals(told, ["idle"]);
    assertEquals([...one.reasons, ...other.reasons], ["idle"]);
  });

  Deno.test(`Site over ${kind} ends the session in every process at a logout`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const signals: AbortSignal[] = [];
    await using one = nodeOf(store).page("watch", (request) => {
      signals.push(request.getSession().signal);
      return "";
    });
    await using other = nodeOf(store);
    const cookie = cookieOf(await one.get("watch"));
    await other.get("leave", cookie);
    await pass(time, 50);
    assertEquals(signals[0]?.aborted, true);
    assertMatch(String(signals[0]?.reason), /logout/);
    assertEquals(other.reasons, ["logout"]);
    assertEquals(one.reasons, []);
    const again = await one.get("visit", cookie);
    assertNotEquals(await again.text(), uidOf(cookie));
  });

  Deno.test(`Site over ${kind} does not let a slow request revive a logout`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const gate = Promise.withResolvers<void>();
    await using one = nodeOf(store).page("slow", async (request) => {
      const session = request.getSession();
      await gate.promise;
      assertThrows(() => session.set("late", true));
      return "done";
    });
    await using other = nodeOf(store);
    const cookie = cookieOf(await one.get("visit"));
    const slow = one.get("slow", cookie);
    await pass(time, 5);
    await other.get("leave", cookie);
    await pass(time, 5);
    gate.resolve();
    const response = await slow;
    assertEquals(await response.text(), "done");
    // The request did not log out itself: a login may have come meanwhile.
    assertEquals(response.headers.get("set-cookie"), null);
    assertEquals(
      await store.load(uidOf(cookie), NO_TOKEN),
      undefined,
    );
    assertEquals(other.reasons, ["logout"]);
  });

  Deno.test(`Site over ${kind} is not touched by a page that asks for no session`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = cookieOf(await node.get("visit"));
    await pass(time, 40_000);
    assertEquals(
      await (await node.get("plain", cookie)).text(),
      "nothing of a session",
    );
    await pass(time, 19_900);
    assertEquals(node.reasons, []);
    await pass(time, 1_200);
    assertEquals(node.reasons, ["idle"]);
  });

  Deno.test(`Site over ${kind} is not touched by two such pages at once`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const gates = [
      Promise.withResolvers<void>(),
      Promise.withResolvers<void>(),
    ];
    node.page("poll", async (request) => {
      await gates[Number(request.query.get("gate"))]!.promise;
      return "";
    });
    const cookie = cookieOf(await node.get("visit"));
    await pass(time, 30_000);
    const first = node.get("poll?gate=0", cookie);
    await pass(time, 10_000);
    const second = node.get("poll?gate=1", cookie);
    await pass(time, 5_000);
    gates[0]!.resolve();
    await first;
    gates[1]!.resolve();
    await second;
    await pass(time, 14_000);
    assertEquals(node.reasons, []);
    await pass(time, 2_500);
    assertEquals(node.reasons, ["idle"]);
  });

  Deno.test(`Site over ${kind} neither opens nor touches a session by its name`, async () => {
    using time = new FakeTime();
    const suspicions: string[] = [];
    await using node = nodeOf(makeStore(), {
      onSuspiciousSession: ({ kind }: { kind: string }) =>
        suspicions.push(kind),
    });
    const cookie = cookieOf(await node.get("visit"));
    const forged = `session=${uidOf(cookie)}${"0".repeat(32)}`;
    await pass(time, 40_000);
    const response = await node.get("visit", forged);
    assertNotEquals(await response.text(), uidOf(cookie));
    assertEquals(suspicions, ["wrong-secret"]);
    await pass(time, 21_100);
    assertEquals(node.ends[0]?.uid, uidOf(cookie));
  });

  Deno.test(`Site over ${kind} keeps changed timeouts, and the principal`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using one = nodeOf(store).page("login", (request) => {
      const session = request.getSession();
      session.principal = "alice";
      session.sessionTimeout = 600;
      session.absoluteTimeout = 900;
      return "";
    });
    await using other = nodeOf(store).page("who", (request) => {
      const session = request.getSession();
      return `${session.principal} ${session.sessionTimeout} ${session.absoluteTimeout}`;
    });
    const cookie = cookieOf(await one.get("visit"));
    await one.get("login", cookie);
    assertEquals(
      await (await other.get("who", cookie)).text(),
      "alice 600 900",
    );
    await pass(time, 590_000);
    assertEquals([...one.reasons, ...other.reasons], []);
    assertEquals(
      await (await other.get("who", cookie)).text(),
      "alice 600 900",
    );
    await pass(time, 311_100);
    assertEquals([...one.reasons, ...other.reasons], ["absolute"]);
    assertEquals([...one.ends, ...other.ends][0]?.session.principal, "alice");
  });

  Deno.test(`Site over ${kind} renews in one process, and the other knows`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const suspicions: string[] = [];
    await using one = nodeOf(store).page(
      "renew",
      (request) => request.renewSession().uid,
    );
    await using other = nodeOf(store, {
      onSuspiciousSession: ({ kind }: { kind: string }) =>
        suspicions.push(kind),
    });
    const old = cookieOf(await one.get("visit"));
    await other.get("visit", old);
    const fresh = cookieOf(await one.get("renew", old));
    assertNotEquals(fresh, old);
    assertEquals(uidOf(fresh), uidOf(old));
    assertEquals(await (await other.get("visit", fresh)).text(), uidOf(old));
    assertEquals(await (await other.get("visit", old)).text(), uidOf(old));
    await pass(time, 11_000);
    assertNotEquals(await (await other.get("visit", old)).text(), uidOf(old));
    assertEquals(suspicions, ["outdated-token"]);
    assertEquals(await (await other.get("visit", fresh)).text(), uidOf(old));
    assertEquals(await (await one.get("visit", fresh)).text(), uidOf(old));
  });

  Deno.test(`Site over ${kind} loads what another process wrote before a touch here`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using one = nodeOf(store);
    await using other = nodeOf(store);
    const cookie = cookieOf(await one.get("count"));
    await pass(time, 1000);
    assertEquals(await (await other.get("count", cookie)).text(), "2");
    await pass(time, 1000);
    one.site.sessions.get(uidOf(cookie))!.touch();
    await pass(time, 2000);
    assertEquals(await (await one.get("count", cookie)).text(), "3");
    assertEquals(await (await other.get("count", cookie)).text(), "4");
  });

  Deno.test(`Site over ${kind} renews again once the new token was shown`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore()).page(
      "renew",
      (request) => request.renewSession().uid,
    );
    let cookie = cookieOf(await node.get("visit"));
    const uid = uidOf(cookie);
    const cookies = new Set([cookie]);
    for (let i = 0; i < 3; i++) {
      cookie = cookieOf(await node.get("renew", cookie));
      cookies.add(cookie);
      assertEquals(await (await node.get("visit", cookie)).text(), uid);
    }
    assertEquals(cookies.size, 4);
  });

  Deno.test(`Site.endSessions() over ${kind} ends those in every process`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const login = (request: SiteRequest) => {
      request.getSession().principal = "alice";
      return "";
    };
    await using one = nodeOf(store).page("login", login);
    await using other = nodeOf(store).page("login", login);
    const cookies = [
      cookieOf(await one.get("login")),
      cookieOf(await other.get("login")),
      cookieOf(await other.get("login")),
    ];
    assertEquals(await one.site.endSessions("alice"), 3);
    await pass(time, 20);
    assertEquals([...one.reasons, ...other.reasons], [
      "revoked",
      "revoked",
      "revoked",
    ]);
    for (const cookie of cookies) {
      const response = await other.get("visit", cookie);
      assertNotEquals(await response.text(), uidOf(cookie));
    }
    assertEquals(await one.site.endSessions("alice"), 0);
  });

  Deno.test(`Site over ${kind} calls a callback by name in another life`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const before = nodeOf(store).page("book", (request) => {
      const seats = new Set([4, 5]);
      const session = request.getSession();
      session.notifyOnExpire("release", { seats }, { key: "seats" });
      return "";
    });
    before.site.onEnd("release", () => {});
    const cookie = cookieOf(await before.get("book"));
    await before.site.close();
    await using after = nodeOf(store);
    const released: unknown[] = [];
    after.site.onEnd("release", (argument, end) => {
      released.push([argument, end.reason, end.uid]);
    });
    await pass(time, 61_000);
    assertEquals(released, [[
      { seats: new Set([4, 5]) },
      "idle",
      uidOf(cookie),
    ]]);
  });

  Deno.test(`Site over ${kind} calls a callback that fails again, then keeps the end as a dead letter`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore(), { endRetryFor: 15 });
    node.page("book", (request) => {
      request.getSession().notifyOnExpire("release");
      return "";
    });
    const calls: number[] = [];
    node.site.onEnd("release", () => {
      calls.push(Date.now());
      throw new Error("no line to the booking office");
    });
    await node.get("book");
    await pass(time, 60_000);
    await pass(time, 100);
    assertEquals(calls.length, 1);
    for (let i = 0; i < 30; i++) await pass(time, 1_000);
    assertEquals(
      calls.slice(1).map((at, i) => Math.round((at - calls[i]!) / 1000)),
      [1, 2, 4, 8],
    );
    assertEquals(node.reasons, ["idle"]);
    assertMatch(String(node.errors.at(-1)), /dead letter/);
  });

  Deno.test(`Site over ${kind} leaves an end to whoever knows the callback`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const before = nodeOf(store).page("book", (request) => {
      request.getSession().notifyOnExpire("release", 7);
      return "";
    });
    before.site.onEnd("release", () => {});
    await before.get("book");
    await before.site.close();
    await using stranger = nodeOf(store);
    await pass(time, 62_000);
    assertEquals(stranger.reasons, []);
    assertMatch(String(stranger.errors[0]), /"release".*onEnd/s);
    await using friend = nodeOf(store);
    const released: unknown[] = [];
    friend.site.onEnd("release", (argument) => void released.push(argument));
    await pass(time, 8_000);
    assertEquals(released, [7]);
    assertEquals([...stranger.reasons, ...friend.reasons], ["idle"]);
  });

  Deno.test(`Site over ${kind} tells an end again whose teller has died`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const clock = {
      isDead: false,
      now: () => Date.now(),
      setTimeout: (callback: () => void, delay: number) =>
        setTimeout(() => clock.isDead || callback(), delay),
      clearTimeout: (id: unknown) => clearTimeout(id as number),
    };
    const dying = nodeOf(store, { clock });
    dying.site.notifyOnSessionEnd(() => new Promise(() => {}));
    await dying.get("visit");
    await pass(time, 60_100);
    assertEquals(dying.reasons, ["idle"]);
    clock.isDead = true;
    await using other = nodeOf(store);
    await pass(time, 9_000);
    assertEquals(other.reasons, []);
    await pass(time, 3_000);
    assertEquals(other.reasons, ["idle"]);
  });

  Deno.test(`Site over ${kind} holds a session while a request is under way`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const gate = Promise.withResolvers<void>();
    await using one = nodeOf(store).page("slow", async (request) => {
      request.getSession();
      await gate.promise;
      return "done";
    });
    await using other = nodeOf(store);
    const cookie = cookieOf(await one.get("visit"));
    const slow = one.get("slow", cookie);
    await pass(time, 200_000);
    assertEquals([...one.reasons, ...other.reasons], []);
    gate.resolve();
    assertEquals(await (await slow).text(), "done");
    assertEquals(
      await (await other.get("visit", cookie)).text(),
      uidOf(cookie),
    );
    await pass(time, 61_100);
    assertEquals([...one.reasons, ...other.reasons], ["idle"]);
  });

  Deno.test(`Site over ${kind} holds a session while the request that made it is under way`, async () => {
    using time = new FakeTime();
    const gate = Promise.withResolvers<void>();
    await using node = nodeOf(makeStore()).page("slow", async (request) => {
      const { uid } = request.getSession();
      await gate.promise;
      return uid;
    });
    const slow = node.get("slow");
    await pass(time, 200_000);
    assertEquals(node.reasons, []);

    gate.resolve();

    const response = await slow;
    assertEquals(await response.text(), uidOf(cookieOf(response)));
  });

  for (const whose of ["a session", "the session that it made"]) {
    Deno.test(`Site over ${kind} does not hold ${whose} for a request whose client has left`, async () => {
      using time = new FakeTime();
      const gate = Promise.withResolvers<void>();
      await using node = nodeOf(makeStore()).page("slow", async (request) => {
        request.getSession();
        await gate.promise;
        return "done";
      });
      const cookie = whose === "a session"
        ? cookieOf(await node.get("visit"))
        : "";
      const client = new AbortController();
      const slow = node.get("slow", cookie, { signal: client.signal });
      await pass(time, 100_000);
      assertEquals(node.reasons, []);

      client.abort();
      await pass(time, 61_000);

      assertEquals(node.reasons, ["idle"]);
      gate.resolve();
      await slow;
    });
  }

  Deno.test(`Session.touch() over ${kind} counts outside of requests`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using one = nodeOf(store);
    await using other = nodeOf(store);
    const cookie = cookieOf(await one.get("visit"));
    const session = one.site.sessions.get(uidOf(cookie))!;
    for (let i = 0; i < 6; i++) {
      await pass(time, 50_000);
      session.touch();
    }
    await pass(time, 2_000);
    assertEquals([...one.reasons, ...other.reasons], []);
    await pass(time, 60_000);
    assertEquals([...one.reasons, ...other.reasons], ["idle"]);
  });
}

Deno.test("Site over a store answers at once where the store does", async () => {
  using _time = new FakeTime();
  await using node = nodeOf(new MemoryStore());
  const response = node.get("count");
  assert(response instanceof Response);
  assert(node.get("count", cookieOf(response)) instanceof Response);
});

Deno.test("Site over a store asks it nothing without the cookie, once with it", async () => {
  using time = new FakeTime();
  const broken = new BrokenStore();
  await using node = nodeOf(broken.store);
  const cookie = cookieOf(await node.get("visit"));
  await pass(time, 100);
  broken.calls.length = 0;
  await node.get("plain");
  assertEquals(broken.calls, []);
  await node.get("visit", cookie);
  assertEquals(broken.calls, ["load"]);
  await node.get("count", cookie);
  assertEquals(broken.calls, ["load", "load", "commit"]);
});

Deno.test("Session.set() over a store refuses what cannot be cloned, naming it", async () => {
  using _time = new FakeTime();
  await using node = nodeOf(new MemoryStore());
  node.page("bad", (request) => {
    request.getSession().set("cart", () => 1);
    return "";
  });
  assertEquals((await node.get("bad")).status, 500);
  assertMatch(String(node.errors[0]), /Cannot set "cart".*value is a function/);
});

for (const how of ["throws", "hangs"] as const) {
  Deno.test(`Site over a store that ${how} answers 503 to those who need it only`, async () => {
    using time = new FakeTime();
    const broken = new BrokenStore();
    await using node = nodeOf(broken.store);
    const cookie = cookieOf(await node.get("visit"));
    await pass(time, 100);
    broken.how = how;
    const first = node.get("visit", cookie);
    await pass(time, 2_200);
    assertEquals((await first).status, 503);
    await pass(time, 3_000);
    // From then on nobody waits.
    for (const path of ["visit", "count"]) {
      assertEquals((await node.get(path, cookie)).status, 503);
    }
    assertEquals((await node.get("visit")).status, 503);
    const plain = await node.get("plain", cookie);
    assertEquals(plain.status, 200);
    assertEquals(await plain.text(), "nothing of a session");
    broken.how = "works";
    await pass(time, 3_500);
    const back = await node.get("visit", cookie);
    assertEquals(await back.text(), uidOf(cookie));
  });

  Deno.test(`Site over a store that ${how} tells later what it could not tell`, async () => {
    using time = new FakeTime();
    const broken = new BrokenStore();
    await using node = nodeOf(broken.store);
    const cookie = cookieOf(await node.get("visit"));
    await pass(time, 100);
    const session = node.site.sessions.get(uidOf(cookie))!;
    broken.how = how;
    session.expire();
    await pass(time, 5_000);
    assertEquals(session.isActive, false);
    assertEquals(node.reasons, []);
    broken.how = "works";
    await pass(time, 5_000);
    assertEquals(node.reasons, ["logout"]);
  });
}

/** What a request does, and the sessionTimeout and the absoluteTimeout then. */
const TIMEOUTS: readonly [string, (request: SiteRequest) => void, string][] = [
  ["set sessionTimeout", (request) => {
    request.getSession().sessionTimeout = 600;
  }, "600 Infinity"],
  ["set absoluteTimeout", (request) => {
    request.getSession().absoluteTimeout = 900;
  }, "60 900"],
];

for (const [what, act, expected] of TIMEOUTS) {
  Deno.test(`Site keeps the timeouts of a request, ${what}, while a write of another request is refused`, async () => {
    using time = new FakeTime();
    const inner = asynchronous(new MemoryStore());
    const bent = new BentStore(inner);
    const set = (key: string) => (request: SiteRequest) => {
      request.getSession().set(key, 1);
      return "";
    };
    await using one = nodeOf(bent.store).page("set", set("a"))
      .page("act", (request) => {
        act(request);
        return "";
      });
    await using other = nodeOf(inner).page("set", set("b"))
      .page("see", (request) => {
        const { sessionTimeout, absoluteTimeout } = request.getSession();
        return `${sessionTimeout} ${absoluteTimeout}`;
      });
    const cookie = cookieOf(await one.get("visit"));
    // The commit arrives when the other process has written.
    bent.bends.commit = async (commit, ...args) => {
      await after(30);
      return await commit(...args);
    };
    // The record is loaded again, and its answer is slow.
    bent.bends.load = async (load, ...args) => {
      const answer = await load(...args);
      if (args[1].tokenHash === "") await after(50);
      return answer;
    };
    const setting = one.get("set", cookie);
    await pass(time, 10);
    await other.get("set", cookie);
    await pass(time, 40);
    const acting = one.get("act", cookie);
    await pass(time, 500);
    assertEquals((await setting).status, 200);
    assertEquals((await acting).status, 200);
    const answer = await other.get("see", cookie);
    assertEquals(await answer.text(), expected);
  });
}
