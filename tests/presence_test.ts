// Presence: sessions.onPresence(), sessions.presence().

import { assert, assertEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Site, type SiteOptions } from "../mod.ts";
import { type PresenceState, Sessions } from "../sessions.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import type { SessionStore } from "../stores/store.ts";
import { TestClock, TestSite } from "../testing.ts";
import {
  after as pause,
  asynchronous,
  BentStore,
  BrokenStore,
  cookieOf,
  Node,
  Page,
  pass,
  STORE_KINDS,
} from "./helpers_store.ts";

/** A node that notes the changes of presence, with pages and streams. */
function nodeOf(store: SessionStore | undefined, options = {}) {
  const node = new Node(store, { sessionTimeout: 600, ...options });
  const told: string[] = [];
  let failures = 0;
  const { sessions } = node.site;
  const takeBack = sessions.onPresence(({ principal, state }) => {
    if (failures-- > 0) throw new Error("the database is away");
    told.push(`${principal} ${state}`);
  });
  node.page("login", (request) => request.logIn(request.query.get("as")!).uid);
  node.page("visit", (request) => request.getSession().uid);
  node.page("logout", (request) => {
    request.logOut();
    return "";
  });
  node.page(
    "stream",
    (request) => request.session!.events(request).response,
  );
  return Object.assign(node, {
    sessions,
    told,
    takeBack,
    fail: (times: number) => void (failures = times),
    /** What went wrong, beside the advice about a database in memory. */
    failures: () =>
      node.errors.filter((error) => !String(error).includes("is in memory")),
    logIn: async (as = "ann") => cookieOf(await node.get(`login?as=${as}`)),
    /** Opens a stream, and returns a function that leaves it. */
    open: async (cookie: string) => {
      const { body } = await node.get("stream", cookie);
      return () => body!.cancel();
    },
  });
}

for (const [kind, makeStore] of Object.entries(STORE_KINDS)) {
  Deno.test(`Sessions.onPresence() ${kind} tells of a visit, once, and that it is over after awayAfter`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = await node.logIn();
    await pass(time, 100);
    assertEquals(node.told, ["ann present"]);
    await pass(time, 5000);
    await node.get("visit", cookie);
    await pass(time, 9800);
    assertEquals(node.told, ["ann present"]);
    assertEquals(await node.sessions.presence("ann"), "present");
    await pass(time, 400);
    assertEquals(node.told, ["ann present", "ann away"]);
    assertEquals(await node.sessions.presence("ann"), "away");
    await pass(time, 100_000);
    assertEquals(node.told.length, 2);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Sessions.onPresence() ${kind} keeps a visitor present while a stream is open`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = await node.logIn();
    const leave = await node.open(cookie);
    await pass(time, 100_000);
    assertEquals(node.told, ["ann present"]);
    assertEquals(await node.sessions.presence("ann"), "present");
    await leave();
    await pass(time, 9800);
    assertEquals(node.told, ["ann present"]);
    await pass(time, 400);
    assertEquals(node.told, ["ann present", "ann away"]);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Sessions.onPresence() ${kind} tells nothing of a page that reloads`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = await node.logIn();
    for (let reload = 0; reload < 5; reload++) {
      const leave = await node.open(cookie);
      await pass(time, 30_000);
      await leave();
      await pass(time, 9000);
    }
    assertEquals(node.told, ["ann present"]);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Sessions.onPresence() ${kind} tells that a visitor has come again`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = await node.logIn();
    await pass(time, 60_000);
    await node.get("visit", cookie);
    await pass(time, 60_000);
    const leave = await node.open(cookie);
    await pass(time, 60_000);
    assertEquals(node.told, [
      "ann present",
      "ann away",
      "ann present",
      "ann away",
      "ann present",
    ]);
    await leave();
    assertEquals(node.failures(), []);
  });

  Deno.test(`Sessions.onPresence() ${kind} tells of the last logout, at once and without an "away"`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const one = await node.logIn();
    const other = await node.logIn();
    await node.open(one);
    await pass(time, 30_000);
    await node.get("logout", other);
    await pass(time, 30_000);
    assertEquals(node.told, ["ann present"]);
    await node.get("logout", one);
    await pass(time, 200);
    assertEquals(node.told, ["ann present", "ann offline"]);
    assertEquals(await node.sessions.presence("ann"), "offline");
    await pass(time, 100_000);
    assertEquals(node.told.length, 2);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Sessions.onPresence() ${kind} tells of the idle end of a visitor who is away`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore(), { sessionTimeout: 60 });
    await node.logIn();
    await pass(time, 59_000);
    assertEquals(node.told, ["ann present", "ann away"]);
    await pass(time, 3000);
    assertEquals(node.told, ["ann present", "ann away", "ann offline"]);
    await pass(time, 300_000);
    assertEquals(node.told.length, 3);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Sessions.onPresence() ${kind} tells of a login after the logout`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    await node.get("logout", await node.logIn());
    await pass(time, 1000);
    await node.logIn();
    await pass(time, 5000);
    // A visit that is over before it is told may be left out.
    assertEquals(node.told.at(-1), "ann present");
    await pass(time, 60_000);
    assertEquals(node.told.at(-1), "ann away");
    assertEquals(node.failures(), []);
  });

  Deno.test(`Sessions.onPresence() ${kind} tells of a login during a slow "offline", and of its end`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore(), {
      awayAfter: 1,
      sessionTimeout: 10,
    });
    const slow: string[] = [];
    let isSlow = true;
    node.sessions.onPresence(async ({ state }) => {
      const ms = state === "offline" && isSlow ? 3000 : 0;
      isSlow = ms === 0;
      await new Promise((resolve) => setTimeout(resolve, ms));
      slow.push(state);
    });
    const cookie = await node.logIn();
    await pass(time, 2000);
    await node.get("logout", cookie);
    await pass(time, 100);
    await node.logIn();

    await pass(time, 7000);
    const expected = ["present", "away", "offline", "present", "away"];
    assertEquals(slow, expected);
    await pass(time, 10_000);
    assertEquals(slow, [...expected, "offline"]);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Sessions.onPresence() ${kind} tells of the last end during a slow "present" at once`, async () => {
    using time = new FakeTime();
    const options = { awayAfter: 1, sessionTimeout: 2 };
    await using node = nodeOf(makeStore(), options);
    node.sessions.onPresence(({ state }) =>
      state === "present"
        ? new Promise((resolve) => setTimeout(resolve, 4000))
        : undefined
    );
    await node.logIn();
    await pass(time, 6000);
    assertEquals(node.told, ["ann present", "ann away", "ann offline"]);
    await pass(time, 120_000);
    assertEquals(node.told.length, 3);
    assertEquals(node.failures(), []);
  });

  for (const leaves of [false, true]) {
    const when = leaves ? "after" : "by";
    Deno.test(`Sessions.onPresence() ${kind} tells of a login with a stream at once ${when} the end of the stream before`, async () => {
      using time = new FakeTime();
      await using node = nodeOf(makeStore());
      const cookie = await node.logIn();
      const leave = await node.open(cookie);
      await pass(time, 7000);
      if (leaves) await leave();
      await node.get("logout", cookie);
      await node.open(await node.logIn());

      await pass(time, 5000);
      assertEquals(node.told, ["ann present", "ann offline", "ann present"]);
      await pass(time, 60_000);
      assertEquals(node.told.length, 3);
      assertEquals(node.failures(), []);
    });
  }

  Deno.test(`Sessions.onPresence() ${kind} knows visitors by any principal`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const names = ["ann", "", "a\0b", "\ud800", "ünï 💧", "x".repeat(5000)];
    for (const name of names) {
      node.page("as", (request) => request.logIn(name).uid);
      await node.get("as");
    }
    await pass(time, 15_000);
    for (const state of ["present", "away"] satisfies PresenceState[]) {
      for (const name of names) {
        const text = `${name} ${state}`;
        assert(node.told.includes(text), JSON.stringify(text));
      }
    }
    assertEquals(node.told.length, 2 * names.length);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Sessions.onPresence() ${kind} knows no visitor without a principal`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = cookieOf(await node.get("visit"));
    await node.open(cookie);
    await pass(time, 30_000);
    assertEquals(node.told, []);
    // The stream that is open makes the login an arrival.
    const [session] = node.sessions.values();
    session!.principal = "ann";
    await pass(time, 30_000);
    assertEquals(node.told, ["ann present"]);
  });

  Deno.test(`Sessions.onPresence() ${kind} calls a callback again that fails, and only that`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const others: string[] = [];
    node.sessions.onPresence(({ state }) => void others.push(state));
    node.fail(2);
    await node.logIn();
    await pass(time, 5000);
    assertEquals(node.told, ["ann present"]);
    assertEquals(others, ["present"]);
    assertEquals(node.failures().length, 2);
    await pass(time, 10_000);
    assertEquals(node.told, ["ann present", "ann away"]);
    assertEquals(others, ["present", "away"]);
  });

  Deno.test(`Sessions.onPresence() ${kind} keeps the order of changes though a callback is slow`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore(), { awayAfter: 1 });
    const slow: string[] = [];
    node.sessions.onPresence(async ({ state }) => {
      await new Promise((resolve) => setTimeout(resolve, 3000));
      slow.push(state);
    });
    const cookie = await node.logIn();
    await pass(time, 15_000);
    assertEquals(slow, ["present", "away"]);
    await node.get("logout", cookie);
    await pass(time, 15_000);
    assertEquals(slow, ["present", "away", "offline"]);
    assertEquals(node.failures(), []);
  });

  for (
    const [during, at, states] of [
      ["present", 500, ["present", "offline"]],
      ["away", 2000, ["present", "away", "offline"]],
    ] as const
  ) {
    Deno.test(`Sessions.onPresence() ${kind} keeps the order of changes though the last session ends while a callback is told "${during}"`, async () => {
      using time = new FakeTime();
      await using node = nodeOf(makeStore(), { awayAfter: 1 });
      const slow: string[] = [];
      node.sessions.onPresence(async ({ state }) => {
        const ms = state === during ? 3000 : 0;
        await new Promise((resolve) => setTimeout(resolve, ms));
        slow.push(state);
      });
      const cookie = await node.logIn();
      await pass(time, at);
      assertEquals(node.told.at(-1), `ann ${during}`);
      assertEquals(slow.includes(during), false);

      await node.get("logout", cookie);
      await pass(time, 15_000);

      assertEquals(node.told, states.map((state) => `ann ${state}`));
      assertEquals(slow, [...states]);
      assertEquals(node.failures(), []);
    });
  }

  Deno.test(`Sessions.onPresence() ${kind} answers a function that takes it back`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const others: string[] = [];
    node.sessions.onPresence(({ state }) => void others.push(state));
    await node.logIn();
    await pass(time, 1000);
    node.takeBack();
    node.takeBack();
    await pass(time, 20_000);
    assertEquals(node.told, ["ann present"]);
    assertEquals(others, ["present", "away"]);
  });

  Deno.test(`Sessions.onPresence() ${kind} calls no callback that one before it has taken back`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const calls: string[] = [];
    node.sessions.onPresence(() => {
      calls.push("first");
      takeBack();
    });
    const takeBack = node.sessions.onPresence(() => void calls.push("second"));
    await node.logIn();
    await pass(time, 100);
    assertEquals(calls, ["first"]);
  });

  Deno.test(`Sessions.onPresence() ${kind} does not count HEAD, prefetches and pages that touch no session`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = await node.logIn();
    await pass(time, 30_000);
    assertEquals(node.told, ["ann present", "ann away"]);
    const headers = { cookie };
    const url = "http://localhost/visit";
    await node.site.fetch(new Request(url, { headers, method: "HEAD" }));
    node.page("look", (request) => request.session!.uid);
    await node.get("look", cookie);
    await pass(time, 30_000);
    assertEquals(node.told, ["ann present", "ann away"]);
  });
}

// Several processes, which share a store.

const STORES = {
  "over MemoryStore": () => new MemoryStore(),
  "over a store that is waited for": () => asynchronous(new MemoryStore()),
};

for (const [kind, makeStore] of Object.entries(STORES)) {
  Deno.test(`Sessions.onPresence() ${kind} tells one process for a visitor of several`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using node = nodeOf(store);
    await using other = nodeOf(store);
    const told = () => [...node.told, ...other.told];
    const cookie = await node.logIn();
    const leave = await node.open(cookie);
    const leaveOther = await other.open(cookie);
    await pass(time, 60_000);
    assertEquals(told(), ["ann present"]);
    await leave();
    await pass(time, 60_000);
    assertEquals(told(), ["ann present"]);
    assertEquals(await node.sessions.presence("ann"), "present");
    await leaveOther();
    await pass(time, 9800);
    assertEquals(told(), ["ann present"]);
    await pass(time, 1400);
    assertEquals(told(), ["ann present", "ann away"]);
    await Promise.all([node, other].map((each) => each.get("visit", cookie)));
    await pass(time, 1200);
    assertEquals(told(), ["ann present", "ann away", "ann present"]);
    await pass(time, 60_000);
    assertEquals(told().length, 4);
    assertEquals([...node.failures(), ...other.failures()], []);
  });

  Deno.test(`Sessions.onPresence() ${kind} tells once of a return, however soon another process is visited`, async () => {
    using time = new FakeTime();
    for (let turns = 0; turns < 60; turns++) {
      const store = makeStore();
      await using node = nodeOf(store);
      await using other = nodeOf(store);
      const cookie = await node.logIn();
      await pass(time, 12_000);
      const told = () => [...node.told, ...other.told];
      assertEquals(told(), ["ann present", "ann away"]);
      const visit = node.get("visit", cookie);
      for (let turn = 0; turn < turns; turn++) await undefined;
      await Promise.all([visit, other.get("visit", cookie)]);
      await pass(time, 5000);
      assertEquals(told(), ["ann present", "ann away", "ann present"]);
    }
  });

  Deno.test(`Sessions.onPresence() ${kind} tells nothing of a page that reloads in another process`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using node = nodeOf(store);
    await using other = nodeOf(store);
    const cookie = await node.logIn();
    for (let reload = 0; reload < 5; reload++) {
      const leave = await [node, other][reload % 2]!.open(cookie);
      await pass(time, 20_000);
      await leave();
      await pass(time, 9000);
    }
    assertEquals([...node.told, ...other.told], ["ann present"]);
  });

  Deno.test(`Sessions.onPresence() ${kind} tells once that the last of many sessions has ended`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using node = nodeOf(store);
    await using other = nodeOf(store);
    const cookies: string[] = [];
    for (let device = 0; device < 6; device++) cookies.push(await node.logIn());
    for (const cookie of cookies) await other.open(cookie);
    await pass(time, 5000);
    await Promise.all(
      cookies.map((cookie, device) =>
        [node, other][device % 2]!.get("logout", cookie)
      ),
    );
    await pass(time, 3000);
    const told = [...node.told, ...other.told];
    assertEquals(told, ["ann present", "ann offline"]);
    await pass(time, 60_000);
    assertEquals([...node.told, ...other.told].length, 2);
    assertEquals([...node.failures(), ...other.failures()], []);
  });

  Deno.test(`Sessions.close() ${kind} leaves a visitor present for awayAfter`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const node = nodeOf(store);
    await using other = nodeOf(store);
    await node.open(await node.logIn());
    await pass(time, 12_345);
    await node.site.close();
    await pass(time, 9800);
    assertEquals([...node.told, ...other.told], ["ann present"]);
    await pass(time, 1400);
    assertEquals(other.told.at(-1), "ann away");
    assertEquals([...node.failures(), ...other.failures()], []);
  });
}

for (
  const [kind, wrap] of [
    ["over MemoryStore", (store: SessionStore) => store],
    ["over a store that is waited for", asynchronous],
  ] as const
) {
  Deno.test(`Sessions.onPresence() ${kind} tells of the visitors of a process that has died, once`, async () => {
    const clock = new TestClock();
    const store = wrap(new MemoryStore({ clock }));
    const told: string[] = [];
    let life = 0;
    const make = (options: SiteOptions) => {
      const site = new Site(
        new Page((request) => {
          const session = request.logIn(request.query.get("as")!);
          return session.events(request).response;
        }),
        options,
      );
      const name = ++life;
      site.sessions.onPresence(({ principal, state }) =>
        told.push(`${name}: ${principal} ${state}`)
      );
      return site;
    };
    const options = { clock, store, sessionTimeout: 600 };
    await using dying = new TestSite(make, options);
    await using living = new TestSite(make, options);
    const names = Array.from({ length: 20 }, (_, index) => `user ${index}`);
    for (const name of names) await dying.visitor().fetch(`/?as=${name}`);
    await living.visitor().fetch("/?as=user 0");
    await clock.advance(30);
    assertEquals(told.length, names.length);

    told.length = 0;
    dying.crash();
    await clock.advance(6.5);
    assertEquals(told, []);
    await clock.advance(4.5);
    assertEquals(
      told.map((text) => text.slice(3)).sort(),
      names.slice(1).map((name) => `${name} away`).sort(),
    );
    await clock.advance(60);
    assertEquals(told.length, names.length - 1);
    assertEquals([...dying.errors, ...living.errors], []);
  });

  for (const dying of ["present", "away", "present again", "offline"]) {
    Deno.test(`Sessions.onPresence() ${kind} tells in another process if the first dies while it tells "${dying}"`, async () => {
      const clock = new TestClock();
      const store = wrap(new MemoryStore({ clock }));
      const { promise, resolve } = Promise.withResolvers<void>();
      const told: string[] = [];
      let visits = 0;
      let isDying = false;
      const make = (options: SiteOptions) => {
        const site = new Site(
          new Page((request) => request.logIn("ann").uid),
          options,
        );
        site.sessions.onPresence(({ state }) => {
          const isAgain = state === "present" && visits === 2;
          const text = isAgain ? "present again" : state;
          if (text === dying && !isDying) {
            isDying = true;
            return promise;
          }
          told.push(text);
        });
        return site;
      };
      const options = { clock, store, sessionTimeout: 100 };
      await using test = new TestSite(make, options);
      for (let second = 0; second < 200; second++) {
        if (second === 0 || second === 40) {
          visits++;
          await test.fetch("/");
        }
        const wasDying = isDying;
        await clock.advance(1);
        if (isDying && !wasDying) test.crash();
      }
      assert(isDying);
      assertEquals(
        told,
        ["present", "away", "present again", "away", "offline"],
      );
      resolve();
    });
  }
}

Deno.test("Sessions.onPresence() leaves no visitor present whose last session ends before the arrival is told", async () => {
  using time = new FakeTime();
  const bent = new BentStore();
  const gate = Promise.withResolvers<void>();
  bent.bends.take = async (act, hold, replaces) => {
    if (hold.uid.includes("away")) {
      bent.bends.take = undefined;
      await gate.promise;
    }
    return act(hold, replaces);
  };
  await using node = nodeOf(bent.store);
  const cookie = await node.logIn();
  await pass(time, 100);
  await node.get("logout", cookie);
  await pass(time, 100);
  assertEquals(node.told, ["ann offline"]);

  gate.resolve();
  await pass(time, 1000);
  assertEquals(node.told, ["ann offline"]);

  await node.logIn();
  await pass(time, 4000);
  assertEquals(node.told, ["ann offline", "ann present"]);
  assertEquals(node.failures(), []);
});

Deno.test("Sessions.onPresence() calls no callback again in a process that has lost the change to another", async () => {
  using time = new FakeTime();
  const bent = new BentStore();
  const options = { endLease: 1.2, storeTimeout: 0.5 };
  await using one = nodeOf(bent.store, options);
  one.fail(1);
  await one.logIn();
  await pass(time, 100);
  assertEquals(one.failures().length, 1);

  bent.bends.renew = () => false;
  bent.bends.claim = () => ({ ends: [], nextIn: Infinity });
  await using other = nodeOf(bent.inner, options);
  await pass(time, 5000);

  assertEquals([one.told, other.told], [[], ["ann present"]]);
});

Deno.test("Sessions.close() resolves though the store is away, with a stream that keeps a visitor present", async () => {
  using time = new FakeTime();
  const broken = new BrokenStore();
  const node = nodeOf(broken.store);
  await node.open(await node.logIn());
  await pass(time, 7000);
  broken.how = "throws";

  const closing = node.sessions.close();
  await pass(time, 15_000);
  await closing;

  const away = "StoreUnavailableError: Cannot reach the session store";
  assertEquals(node.failures().map(String), [away]);
});

Deno.test("Sessions.onPresence() goes on when a store answers again", async () => {
  using time = new FakeTime();
  const broken = new BrokenStore();
  await using node = nodeOf(broken.store);
  const cookie = await node.logIn();
  const leave = await node.open(cookie);
  await pass(time, 5000);
  broken.how = "throws";
  await pass(time, 1500);
  broken.how = "works";
  await pass(time, 60_000);
  assertEquals(node.told, ["ann present"]);
  broken.how = "hangs";
  await pass(time, 60_000);
  broken.how = "works";
  await pass(time, 20_000);
  // The store could not know that the stream was open.
  assertEquals(node.told, ["ann present", "ann away", "ann present"]);
  await leave();
});

Deno.test("Sessions does not ask the store for presence without onPresence()", async () => {
  using time = new FakeTime();
  const counts: number[] = [];
  for (const isUsed of [false, true]) {
    const counting = new BrokenStore();
    const node = new Node(counting.store);
    node.page("login", (request) => request.logIn("ann").uid);
    node.page(
      "stream",
      (request) => request.getSession().events(request).response,
    );
    if (isUsed) node.site.sessions.onPresence(() => {});
    const cookie = cookieOf(await node.get("login"));
    counting.calls.length = 0;
    await node.get("stream", cookie);
    await pass(time, 50_000);
    counts.push(counting.calls.filter((name) => name !== "load").length);
    const isAsked = counting.calls.includes("take") ||
      counting.calls.includes("commit");
    assertEquals(isAsked, isUsed);
    await node.site.close();
  }
  assert(counts[0]! < counts[1]!);
});

Deno.test("Sessions.onPresence() costs the store no more for many visitors with streams than for one", async () => {
  using time = new FakeTime();
  const counting = new BrokenStore();
  await using node = nodeOf(counting.store);
  const leaves: (() => Promise<void>)[] = [];
  for (let visitor = 0; visitor < 50; visitor++) {
    leaves.push(await node.open(await node.logIn(`user ${visitor}`)));
  }
  await pass(time, 10_000);
  counting.calls.length = 0;
  await pass(time, 100_000);
  const touches = counting.calls.filter((name) => name === "commit").length;
  assert(touches >= 45 && touches <= 65, `${touches}`);
  assertEquals(node.told.length, leaves.length);
  for (const leave of leaves) await leave();
  await pass(time, 11_000);
  assertEquals(node.told.length, 2 * leaves.length);
});

Deno.test("Sessions.onPresence() keeps visitors present whose process stalls for most of awayAfter", async () => {
  const clock = new TestClock();
  const store = new MemoryStore({ clock });
  const told: string[] = [];
  const stalled = new BentStore(store);
  const make = (options: SiteOptions) => {
    const site = new Site(
      new Page((request) => request.logIn("ann").events(request).response),
      options,
    );
    site.sessions.onPresence(({ state }) => told.push(state));
    return site;
  };
  await using one = new TestSite(make, {
    clock,
    store: stalled.store,
    sessionTimeout: 600,
  });
  await using other = new TestSite(make, { clock, store });
  await other.site.ready;
  await one.fetch("/");
  await clock.advance(30);
  // The lease of the first process ends, and the other process frees its holds.
  stalled.bends["commit"] = () => {
    throw new Error("the process has no network");
  };
  // With the latest renewal before and the longest pause after it, just in time.
  await clock.advance(7);
  delete stalled.bends["commit"];
  await clock.advance(300);
  assertEquals(told, ["present"]);
});

Deno.test("Sessions.onPresence() finds its visitors again in a store that has lost all", async () => {
  const clock = new TestClock();
  const stores = [new MemoryStore({ clock }), new MemoryStore({ clock })];
  let current = 0;
  const store = new Proxy(stores[0]!, {
    get: (_, name) => {
      const member = Reflect.get(stores[current]!, name);
      return typeof member === "function"
        ? member.bind(stores[current]!)
        : member;
    },
  });
  const told: string[] = [];
  const make = (options: SiteOptions) => {
    const site = new Site(
      new Page((request) => request.logIn("ann").events(request).response),
      options,
    );
    site.sessions.onPresence(({ state }) => told.push(state));
    return site;
  };
  await using test = new TestSite(make, { clock, store, sessionTimeout: 600 });
  await test.fetch("/");
  await clock.advance(30);
  current = 1;
  await clock.advance(1);
  // The session has ended with its record; the visitor logs in again.
  await test.visitor().fetch("/");
  await clock.advance(30);
  assertEquals(told[0], "present");
  assertEquals(told.at(-1), "present");
});

Deno.test("Sessions.onPresence() tells once of a visitor who comes back to two processes at once", async () => {
  using time = new FakeTime();
  const inner = asynchronous(new MemoryStore());
  const [first, second] = [new BentStore(inner), new BentStore(inner)];
  await using one = nodeOf(first.store);
  await using two = nodeOf(second.store);
  const cookie = await one.logIn();
  await pass(time, 12_000);
  // The first process announces the arrival before the second one takes the stay, and
  // tells of it before the second one announces its own.
  first.bends.take = async (take, ...args) => {
    if (String(args[0].uid).includes("here")) await pause(100);
    return await take(...args);
  };
  second.bends.take = async (take, ...args) => {
    const answer = await take(...args);
    if (String(args[0].uid).includes("here")) await pause(300);
    return answer;
  };
  const visits = [one.get("visit", cookie)];
  await pass(time, 20);
  visits.push(two.get("visit", cookie));
  await pass(time, 2000);
  await Promise.all(visits);
  const told = [...one.told, ...two.told].filter((each) =>
    each.endsWith("present")
  );
  assertEquals(told.length, 2);
});

Deno.test("Sessions.onPresence() refuses a callback that is not a function", () => {
  using sessions = new Sessions();
  assertThrows(
    () => sessions.onPresence("away" as never),
    TypeError,
    'Cannot notify of presence: the callback is not a function: "away"',
  );
});

Deno.test("Sessions.onPresence() knows streams that were open before", async () => {
  using time = new FakeTime();
  await using node = new Node(undefined);
  node.page("stream", (request) => {
    const session = request.logIn("ann");
    return session.events(request).response;
  });
  await node.get("stream");
  await pass(time, 30_000);
  const { sessions } = node.site;
  assertEquals(await sessions.presence("ann"), "present");
  const told: string[] = [];
  sessions.onPresence(({ state }) => void told.push(state));
  await pass(time, 15_000);
  assertEquals(told, ["present"]);
});

Deno.test("Sessions.close() without a store tells that its visitors are offline", async () => {
  using time = new FakeTime();
  const node = nodeOf(undefined);
  await node.open(await node.logIn());
  await node.logIn("bob");
  await pass(time, 1000);
  await node.site.close();
  assertEquals(node.told.slice(2).sort(), ["ann offline", "bob offline"]);
  assertEquals(node.failures(), []);
});
