// Warnings by name: session.notifyBeforeEnd(60, "warn", argument).

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Session } from "../sessions.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import type { SessionStore } from "../stores/store.ts";
import { PostgresServer, testWithPostgres } from "./helpers_postgres.ts";
import { RedisServer, testWithRedis } from "./helpers_redis.ts";
import {
  after,
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
  SetClock,
  STORE_KINDS,
} from "./helpers_store.ts";

/** A node whose callback "warn" notes the warnings, and may fail. */
function nodeOf(store: SessionStore | undefined, options = {}) {
  const node = new Node(store, { sessionTimeout: 600, ...options });
  const warned: string[] = [];
  let failures = 0;
  const { sessions } = node.site;
  sessions.onWarning(
    "warn",
    (argument, { session, uid, reason, expiresAt }) => {
      if (failures-- > 0) throw new Error("the mail is away");
      assertEquals(session.uid, uid);
      const left = Math.round(expiresAt - Date.now() / 1000);
      warned.push(`${argument} ${reason} ${left}`);
    },
  );
  const register = (session: Session) =>
    session.notifyBeforeEnd(60, "warn", "a@b");
  node.page("in", (request) => {
    const session = request.getSession();
    register(session);
    return session.uid;
  });
  return Object.assign(node, {
    warned,
    /** What went wrong, beside the advice about a database in memory. */
    failures: () =>
      node.errors.filter((error) => !String(error).includes("is in memory")),
    register,
    sessions,
    fail: (times: number) => void (failures = times),
  });
}

for (const [kind, makeStore] of Object.entries(STORE_KINDS)) {
  Deno.test(`Session.notifyBeforeEnd() by name ${kind} warns before the end, once`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = cookieOf(await node.get("in"));
    await node.get("in", cookie); // again: it is the same warning
    await pass(time, 539_000);
    assertEquals(node.warned, []);
    await pass(time, 8_000);
    assertEquals(node.warned.length, 1);
    assertMatch(node.warned[0]!, /^a@b idle (5\d|60)$/);
    await pass(time, 120_000);
    assertEquals(node.warned.length, 1);
    // The ends of holds are none of sessions.
    assertEquals(node.reasons, ["idle"]);
    await pass(time, 700_000);
    assertEquals(node.warned.length, 1);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Session.notifyBeforeEnd() by name ${kind} follows visits, and warns again`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = cookieOf(await node.get("in"));
    await pass(time, 300_000);
    await node.get("in", cookie);
    await pass(time, 500_000);
    assertEquals(node.warned, []);
    await pass(time, 48_000);
    assertEquals(node.warned.length, 1);
    await node.get("in", cookie); // just in time
    await pass(time, 530_000);
    assertEquals(node.warned.length, 1);
    await pass(time, 20_000);
    assertEquals(node.warned.length, 2);
    assertEquals(node.reasons, []);
    await pass(time, 100_000);
    assertEquals(node.reasons, ["idle"]);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Session.notifyBeforeEnd() by name ${kind} is taken back`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = cookieOf(await node.get("in"));
    node.page("back", (request) => {
      node.register(request.getSession())();
      return "";
    });
    await node.get("back", cookie);
    await pass(time, 700_000);
    assertEquals(node.warned, []);
    assertEquals(node.reasons, ["idle"]);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Session.notifyBeforeEnd() by name ${kind} says nothing after a logout`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const uid = await (await node.get("in")).text();
    await pass(time, 10_000);
    await node.sessions.end(uid, "logout");
    await pass(time, 700_000);
    assertEquals(node.warned, []);
    assertEquals(node.reasons, ["logout"]);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Session.notifyBeforeEnd() by name ${kind} is called again if it fails`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    await node.get("in");
    node.fail(3);
    await pass(time, 530_000);
    await pass(time, 50_000);
    assertEquals(node.warned.length, 1);
    await pass(time, 100_000);
    assertEquals(node.warned.length, 1);
    assertEquals(node.reasons, ["idle"]);
  });

  Deno.test(`Session.notifyBeforeEnd() by name ${kind} that has failed warns once of an end that a visit has postponed`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore(), { sessionTimeout: 60 });
    node.page("see", (request) => request.getSession().uid);
    const cookie = cookieOf(await node.get("in"));
    node.fail(1);
    await pass(time, 1200);
    await node.get("see", cookie);
    await pass(time, 80_000);
    assertEquals(node.warned.length, 1);
    assertEquals(node.reasons, ["idle"]);
  });

  Deno.test(`Session.notifyBeforeEnd() by name ${kind} does nothing for a session that ends with its request`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using node = nodeOf(store);
    // A HEAD request makes no session that lasts.
    await node.site.fetch(
      new Request("https://localhost/in", { method: "HEAD" }),
    );
    await pass(time, 100);
    if (store !== undefined) assertEquals(await store.nextIn(), Infinity);
    assertEquals(node.failures(), []);
  });

  Deno.test(`Session.notifyBeforeEnd() by name ${kind} warns of an absolute end, which a visit does not postpone`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore(), {
      sessionTimeout: 500,
      absoluteTimeout: 600,
    });
    const cookie = cookieOf(await node.get("in"));
    await pass(time, 300_000);
    await node.get("in", cookie);
    await pass(time, 230_000);
    assertEquals(node.warned, []);
    await pass(time, 18_000);
    assertEquals(node.warned.length, 1);
    assertMatch(node.warned[0]!, /^a@b absolute/);
    await node.get("in", cookie);
    await pass(time, 60_000);
    assertEquals(node.warned.length, 1);
    assertEquals(node.reasons, ["absolute"]);
  });

  Deno.test(`Session.notifyBeforeEnd() ${kind} refuses names that are not registered, and too many warnings`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore(), { maxCallbacks: 3 });
    const session = node.sessions.create();
    assertThrows(
      () => session.notifyBeforeEnd(60, "toString"),
      TypeError,
      'not registered by onWarning(), and not a function: "toString"',
    );
    assertThrows(() => session.notifyBeforeEnd(0, "warn"), RangeError);
    for (
      const [argument, fault] of [[() => {}, "cannot be cloned"], [
        1n,
        "no JSON",
      ]]
    ) {
      const { message } = assertThrows(
        () => session.notifyBeforeEnd(60, "warn", argument),
        TypeError,
      );
      assert(
        message.startsWith(
          'Cannot notify before the end: the argument for "warn"',
        ),
        message,
      );
      assert(message.includes(`${fault}`), message);
    }
    for (const argument of [1, 2, 3, 3]) {
      session.notifyBeforeEnd(60, "warn", argument);
    }
    assertThrows(() => session.notifyBeforeEnd(60, "warn", 4), RangeError);
    session.notifyBeforeEnd(60, "warn", 3)();
    session.notifyBeforeEnd(60, "warn", 4);
  });
}

for (const how of ["restart", "another process"]) {
  Deno.test(`Session.notifyBeforeEnd() by name outlives its process: ${how}`, async () => {
    using time = new FakeTime();
    const store = new MemoryStore();
    const first = nodeOf(store);
    await using other = nodeOf(store);
    const cookie = cookieOf(await first.get("in"));
    await pass(time, 100_000);
    if (how === "restart") {
      await other.site.close();
      await first.site.close();
    } else {
      await first.site.close();
      await other.get("in", cookie);
    }
    await pass(time, 100_000);
    await using last = how === "restart" ? nodeOf(store) : other;
    await pass(time, how === "restart" ? 335_000 : 430_000);
    assertEquals(last.warned, []);
    await pass(time, 15_000);
    assertEquals(last.warned.length, 1);
    await pass(time, 70_000);
    assertEquals(last.warned.length, 1);
    assertEquals(last.reasons, ["idle"]);
    assertEquals(last.errors, []);
  });
}

Deno.test("Session.notifyBeforeEnd() by name warns once for several processes", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  await using one = nodeOf(store);
  await using two = nodeOf(store);
  const cookie = cookieOf(await one.get("in"));
  await two.get("in", cookie);
  await one.get("in", cookie);
  await pass(time, 560_000);
  assertEquals([...one.warned, ...two.warned].length, 1);
  await pass(time, 60_000);
  assertEquals([...one.warned, ...two.warned].length, 1);
  assertEquals([...one.errors, ...two.errors], []);
});

Deno.test("Session.notifyBeforeEnd() by name warns though the check before is acknowledged late", async () => {
  using time = new FakeTime();
  const { store, bends } = new BentStore();
  await using node = nodeOf(store);
  node.page("see", (request) => request.getSession().uid);
  const cookie = cookieOf(await node.get("in"));
  // The first check finds the end 200 ms later, and the second is 200 ms after it.
  await pass(time, 200);
  await node.get("see", cookie);
  bends.acknowledge = async (acknowledge, ...args) => {
    await after(500);
    return acknowledge(...args);
  };
  await pass(time, 539_000);
  await pass(time, 3000);
  assertEquals(node.warned.length, 1);
  await pass(time, 60_000);
  assertEquals(node.warned.length, 1);
  assertEquals(node.reasons, ["idle"]);
  assertEquals(node.failures(), []);
});

Deno.test("Session.notifyBeforeEnd() by name warns once though a call that was given up reaches the store after the warning", async () => {
  using time = new FakeTime();
  const { store, bends } = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(store);
  node.page("see", (request) => request.getSession().uid);
  const cookie = cookieOf(await node.get("in"));
  await pass(time, 5000);
  await node.get("see", cookie);
  await pass(time, 530_000);
  bends.take = async (take, ...args) => {
    bends.take = undefined;
    await after(10_000);
    const answer = await take(...args);
    await after(10_000);
    return answer;
  };
  await pass(time, 12_000);
  assertEquals(node.warned.length, 1);
  await pass(time, 50_000);
  assertEquals(node.warned.length, 1);
  await pass(time, 10_000);
  assertEquals(node.reasons, ["idle"]);
});

/** Milliseconds that a page which only looks is under way, from 530 s on. */
for (const lasts of [15_000, 90_000]) {
  Deno.test(`Session.notifyBeforeEnd() by name warns though a page that only looks is under way for ${lasts} ms`, async () => {
    using time = new FakeTime();
    const store = asynchronous(new MemoryStore());
    await using one = nodeOf(store);
    await using two = nodeOf(store);
    one.page("look", async (request) => {
      await after(lasts);
      return `${request.session?.uid}`;
    });
    const cookie = cookieOf(await one.get("in"));
    await pass(time, 530_000);
    const looking = one.get("look", cookie);
    await pass(time, 30_000);
    const warned = () => [...one.warned, ...two.warned];
    assertEquals(warned().length, 1);
    assertMatch(warned()[0]!, /^a@b idle (5\d|60)$/);
    await pass(time, 80_000);
    await looking;
    assertEquals(warned().length, 1);
    assertEquals([...one.reasons, ...two.reasons], ["idle"]);
    assertEquals([...one.failures(), ...two.failures()], []);
  });
}

Deno.test("Session.notifyBeforeEnd() by name is in the store before its request is answered", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const order: string[] = [];
  bent.bends.take = async (take, ...args) => {
    await after(50);
    const answer = await take(...args);
    order.push("taken");
    return answer;
  };
  const answered = Promise.resolve(node.get("in"))
    .then(({ status }) => order.push(`answered ${status}`));
  await pass(time, 100);
  await answered;
  assertEquals(order, ["taken", "answered 200"]);
});

Deno.test("Site.close() waits until a warning by name is in the store", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const uid = await (await node.get("in")).text();
  const order: string[] = [];
  bent.bends.take = async (take, ...args) => {
    await after(50);
    const answer = await take(...args);
    order.push("taken");
    return answer;
  };
  node.sessions.get(uid)!.notifyBeforeEnd(120, "warn", "early");
  const closing = node.site.close().then(() => order.push("closed"));
  await pass(time, 100);
  await closing;
  assertEquals(order, ["taken", "closed"]);
});

/** Milliseconds that the first of two pages which only look is under way. */
for (const lasts of [5000, 25_000]) {
  Deno.test(`Session.notifyBeforeEnd() by name warns though two pages that only look are under way, the first for ${lasts} ms`, async () => {
    using time = new FakeTime();
    const store = asynchronous(new MemoryStore());
    await using node = nodeOf(store);
    node.page("look", async (request) => {
      await after(Number(request.query.get("lasts")));
      return `${request.session?.uid}`;
    });
    const cookie = cookieOf(await node.get("in"));
    await pass(time, 530_000);
    const first = node.get(`look?lasts=${lasts}`, cookie);
    await pass(time, 4000);
    const second = node.get("look?lasts=90000", cookie);
    await pass(time, 30_000);
    assertEquals(node.warned.length, 1);
    assertMatch(node.warned[0]!, /^a@b idle (5\d|60)$/);
    await pass(time, 130_000);
    await Promise.all([first, second]);
    assertEquals(node.warned.length, 1);
    assertEquals(node.reasons, ["idle"]);
    assertEquals(node.failures(), []);
  });
}

Deno.test("Session.notifyBeforeEnd() by name warns though it is called while a page that only looks is under way in another process", async () => {
  using time = new FakeTime();
  const store = asynchronous(new MemoryStore());
  await using one = nodeOf(store);
  await using other = nodeOf(store);
  one.page("visit", (request) => request.getSession().uid);
  other.page("look", async (request) => {
    await after(95_000);
    return `${request.session?.uid}`;
  });
  const cookie = cookieOf(await one.get("visit"));
  await pass(time, 500_000);
  const looking = other.get("look", cookie);
  await pass(time, 20_000);
  const [session] = one.sessions.values();
  one.register(session!);
  await pass(time, 28_000);
  assertEquals([...one.warned, ...other.warned].length, 1);
  await pass(time, 80_000);
  await looking;
  assertEquals([...one.warned, ...other.warned].length, 1);
  assertEquals([...one.reasons, ...other.reasons], ["idle"]);
});

Deno.test("Session.notifyBeforeEnd() by name warns once though a page that only looks comes after the warning", async () => {
  using time = new FakeTime();
  const store = asynchronous(new MemoryStore());
  await using node = nodeOf(store);
  node.page("look", async (request) => {
    await after(5000);
    return `${request.session?.uid}`;
  });
  const cookie = cookieOf(await node.get("in"));
  await pass(time, 545_000);
  assertEquals(node.warned.length, 1);
  for (let looks = 0; looks < 6; looks++) {
    const looking = node.get("look", cookie);
    await pass(time, 6000);
    await looking;
  }
  await pass(time, 60_000);
  assertEquals(node.warned.length, 1);
  assertEquals(node.reasons, ["idle"]);
});

for (const kind of ["a new session", "a session"]) {
  Deno.test(`Session.notifyBeforeEnd() by name warns of the end of ${kind} though it is due before its request is answered`, async () => {
    using time = new FakeTime();
    const store = asynchronous(new MemoryStore());
    const bent = new BentStore(store);
    // A login that may be refused is written when its request is answered.
    const options = {
      sessionTimeout: 62,
      maxSessionsPerPrincipal: 1,
      whenPrincipalIsFull: "refuse",
    };
    await using one = nodeOf(bent.store, options);
    await using other = nodeOf(store, options);
    one.page("visit", (request) => request.getSession().uid);
    one.page("log-in", async (request) => {
      one.register(request.logIn("alice"));
      await after(5000);
      return "";
    });
    const cookie = kind === "a session"
      ? cookieOf(await one.get("visit"))
      : undefined;
    // The other process makes the check after two seconds.
    bent.bends.claim = () => ({ ends: [], nextIn: 1000 });
    const answered = one.get("log-in", cookie);
    await pass(time, 6000);
    assertEquals((await answered).status, 200);
    await pass(time, 2000);
    assertEquals([...one.warned, ...other.warned].length, 1);
    await pass(time, 50_000);
    assertEquals([...one.warned, ...other.warned].length, 1);
    assertEquals([...one.failures(), ...other.failures()], []);
  });
}

Deno.test("Sessions.onWarning() refuses a name that is taken", async () => {
  await using node = nodeOf(undefined);
  assertThrows(
    () => node.sessions.onWarning("warn", () => {}),
    Error,
    'Cannot register "warn": the name is taken',
  );
});

/** Has a session warned by a process that did not make it, in real time. */
async function warnsElsewhere(
  first: SessionStore,
  second: SessionStore,
): Promise<void> {
  await using other = new Node(second, { sessionTimeout: 4 });
  const warned = Promise.withResolvers<[unknown, number]>();
  other.site.onWarning("warn", (argument, { expiresAt }) => {
    warned.resolve([argument, expiresAt - Date.now() / 1000]);
  });
  {
    await using node = nodeOf(first, { sessionTimeout: 4 });
    node.page("soon", (request) => {
      request.getSession().notifyBeforeEnd(2, "warn", { mail: "a@b" });
      return "";
    });
    await node.get("soon");
  }
  const [argument, left] = await warned.promise;
  assertEquals(argument, { mail: "a@b" });
  assert(left <= 2 && left > 0, `${left} s are left`);
}

testWithRedis("Session.notifyBeforeEnd() by name is over Redis", async () => {
  const { connectNodeRedis, openStore } = await import(
    "./stores/helpers_redis_store.ts"
  );
  await using server = await RedisServer.start();
  await using one = await openStore(() => connectNodeRedis(server));
  await using two = await openStore(() => connectNodeRedis(server));
  await warnsElsewhere(one.store, two.store);
});

testWithPostgres(
  "Session.notifyBeforeEnd() by name is over Postgres",
  async () => {
    const { connectPg, openStore } = await import(
      "./stores/helpers_postgres_store.ts"
    );
    await using server = await PostgresServer.start();
    await using one = await openStore(() => connectPg(server));
    await using two = await openStore(() => connectPg(server));
    await warnsElsewhere(one.store, two.store);
  },
);

for (const others of [1, 0]) {
  Deno.test(`Session.notifyBeforeEnd() by name warns once though a process beside ${others} others gets the answers for its check when its lease is over`, async () => {
    using time = new FakeTime();
    const store = asynchronous(new MemoryStore());
    const bent = new BentStore(store);
    const clock = new SetClock();
    const options = { endLease: 4, storeTimeout: 3, clock };
    await using node = nodeOf(bent.store, options);
    await node.get("in");
    await pass(time, 530_000);
    for (const name of ["load", "take"]) {
      bent.bends[name] = async (act, ...args) => {
        const answer = await act(...args);
        await after(2500);
        return answer;
      };
    }
    bent.bends.renew = () =>
      Promise.reject(new Error("The connection is lost"));
    await pass(time, 11_000);
    if (others > 0) bent.bends.claim = () => ({ ends: [], nextIn: 1000 });
    await using other = nodeOf(others > 0 ? store : undefined, options);
    await pass(time, 5000);
    delete bent.bends.renew;
    await pass(time, 30_000);
    assertEquals(node.warned.length, 1 - others);
    assertEquals(other.warned.length, others);
  });
}
