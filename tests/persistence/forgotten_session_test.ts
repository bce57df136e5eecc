// Sessions that end in a process which no longer has them, or has them otherwise
// than the store: the store is told, with what was changed before the end.

import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Session } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { TestClock } from "../../testing.ts";
import {
  after,
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
  uidOf,
} from "../helpers_store.ts";

const LOOK = { tokenHash: "", touch: false, grace: 0 };

const pages: { session?: Session } = {};

function makeNode(
  store: ConstructorParameters<typeof Node>[0],
  options: ConstructorParameters<typeof Node>[1] = {},
): Node {
  const node = new Node(store, options)
    .page("visit", (request) => {
      pages.session = request.getSession();
      return "";
    })
    .page("look", (request) => String(request.session?.get("note")))
    .page("login", (request) => request.logIn("alice").uid)
    .page("slow-login", async (request) => {
      request.logIn("alice");
      await after(3000);
      return "";
    })
    .page("slow-logout", async (request) => {
      request.session;
      await after(70_000);
      request.logOut();
      return "";
    })
    .page("set", (request) => {
      request.getSession().set("note", "first");
      return "";
    })
    .page("set-and-logout", (request) => {
      request.getSession().set("note", "before the end");
      request.logOut();
      return "";
    })
    .page("bill", async (request) => {
      request.getSession().notifyOnExpire("bill", 1);
      await after(500);
      return "";
    })
    .page("logout", (request) => {
      request.logOut();
      return "";
    });
  return node;
}

async function newCookie(answer: Response | Promise<Response>) {
  const response = await answer;
  await response.body?.cancel();
  return cookieOf(response);
}

async function statusOf(answer: Response | Promise<Response>): Promise<number> {
  const response = await answer;
  await response.body?.cancel();
  return response.status;
}

Deno.test("Session.expire() ends a session that another process keeps, in this process too", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  await using one = makeNode(asynchronous(inner));
  await using other = makeNode(asynchronous(inner));
  const cookie = await newCookie(one.get("visit"));
  const { session } = pages;
  for (let visits = 0; visits < 3; visits++) {
    await pass(time, 40_000);
    await statusOf(other.get("visit", cookie));
  }
  assertEquals(one.site.sessions.size, 0);
  session!.expire();
  await pass(time, 100);
  assertEquals(inner.load(uidOf(cookie), LOOK), undefined);
  assertEquals([...one.reasons, ...other.reasons], ["logout"]);
});

Deno.test("RequestSession.logOut() ends a session whose deadline has passed in this process only", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const options = { renewalGrace: 600 };
  await using one = makeNode(asynchronous(inner), options);
  await using other = makeNode(asynchronous(inner), options);
  const cookie = await newCookie(one.get("visit"));
  const login = await newCookie(other.get("login", cookie));
  const logout = statusOf(one.get("slow-logout", cookie));
  await pass(time, 40_000);
  await statusOf(other.get("visit", login));
  await pass(time, 31_000);
  assertEquals(await logout, 200);
  assertEquals(inner.load(uidOf(cookie), LOOK), undefined);
});

Deno.test("A value that a request sets before its logout is in the record that ends", async () => {
  using _time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using node = makeNode(bent.store);
  const cookie = await newCookie(node.get("visit"));
  let value: unknown;
  bent.bends.end = (act, ...args) => {
    value = inner.load(uidOf(cookie), LOOK)?.values.get("note");
    return act(...args);
  };
  assertEquals(await statusOf(node.get("set-and-logout", cookie)), 200);
  assertEquals(value, 'j"before the end"');
});

Deno.test("A touch that is taken back takes no visit of the same millisecond along", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  await using node = makeNode(asynchronous(inner));
  const cookie = await newCookie(node.get("visit"));
  for (let visits = 0; visits < 3; visits++) {
    await pass(time, 40_000);
    await statusOf(node.get("look", cookie));
    await statusOf(node.get("visit", cookie));
  }
  await pass(time, 40_000);
  await statusOf(node.get("look", cookie));
  const record = inner.load(uidOf(cookie), LOOK)!;
  assertEquals(record.deadline - record.now, 20_000);
});

Deno.test("A login beside another one counts, though it is answered after renewalGrace", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const options = { renewalGrace: 1 };
  await using one = makeNode(asynchronous(inner), options);
  await using other = makeNode(asynchronous(inner), options);
  const cookie = await newCookie(one.get("visit"));
  await newCookie(other.get("login", cookie));
  const joined = newCookie(one.get("slow-login", cookie));
  await pass(time, 4000);
  const login = await joined;
  assertEquals(uidOf(login), uidOf(cookie));
  assertEquals(await statusOf(one.get("visit", login)), 200);
  assertEquals(pages.session?.uid, uidOf(cookie));
});

Deno.test("A named callback is reported if the session ends before its write is answered", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using node = makeNode(bent.store, { sessionTimeout: 1 });
  node.site.onEnd("bill", () => {});
  const cookie = await newCookie(node.get("visit"));
  await pass(time, 600);
  bent.bends.commit = () => new Promise(() => {});
  const bill = statusOf(node.get("bill", cookie));
  await pass(time, 5000);
  await bill;
  const messages = node.errors.map(String);
  assert(
    messages.some((text) => text.includes('callback "bill"')),
    messages.join("\n"),
  );
});

Deno.test("A named callback that waits to be written is called though the process has forgotten the session, and ends it by a new object", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  const options = { sessionTimeout: 1 };
  await using one = makeNode(bent.store, options);
  await using other = makeNode(asynchronous(inner), options);
  const billed: unknown[] = [];
  for (const { site } of [one, other]) {
    site.onEnd("bill", (argument) => void billed.push(argument));
  }
  const cookie = await newCookie(one.get("visit"));
  bent.bends.commit = async (act, ...args) => {
    bent.bends.commit = undefined;
    await after(1900);
    return act(...args);
  };
  const set = statusOf(one.get("set", cookie));
  await pass(time, 10);
  // It waits for the write before.
  const bill = statusOf(one.get("bill", cookie));
  await pass(time, 600);
  await statusOf(other.get("visit", cookie));
  await pass(time, 600);
  assertEquals(one.site.sessions.size, 0);
  assertEquals(await statusOf(one.get("logout", cookie)), 200);
  await pass(time, 1500);
  await set;
  assertEquals(await bill, 200);
  assertEquals(billed, [1]);
});

/**
 * Two processes with a session that ends in the other one while a request of the
 * first is under way, which then registers a named callback.
 */
async function billAfterEnd(time: FakeTime, loadsTake: number) {
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  bent.bends.watch = () => Promise.resolve(() => {});
  const one = makeNode(bent.store);
  const other = makeNode(asynchronous(inner));
  const billed: unknown[] = [];
  for (const { site } of [one, other]) {
    site.onEnd("bill", (argument) => void billed.push(argument));
  }
  one.page("late-bill", async (request) => {
    const session = request.getSession();
    await after(100);
    session.notifyOnExpire("bill", 1);
    return "";
  });
  const cookie = await newCookie(one.get("visit"));
  const bill = Promise.resolve(one.get("late-bill", cookie));
  let billedBefore: number | undefined;
  bill.then(() => billedBefore = billed.length);
  await pass(time, 50);
  await statusOf(other.get("logout", cookie));
  bent.bends.load = async (act, ...args) => {
    await after(loadsTake);
    return act(...args);
  };
  await pass(time, 5000);
  const status = await statusOf(bill);
  bent.bends.load = undefined;
  await pass(time, 10_000);
  await one.site.close();
  await other.site.close();
  return { status, billed, billedBefore, errors: one.errors.map(String) };
}

Deno.test("A named callback is called before its request is answered if the session has ended in another process", async () => {
  using time = new FakeTime();
  const { status, billed, billedBefore, errors } = await billAfterEnd(
    time,
    500,
  );
  assertEquals([status, billed, billedBefore], [200, [1], 1]);
  assertEquals(errors, []);
});

Deno.test("A named callback is reported, and its request answered 503, if the session has ended and the store does not tell in time", async () => {
  using time = new FakeTime();
  const { status, billed, errors } = await billAfterEnd(time, 3000);
  assertEquals([status, billed], [503, []]);
  assert(
    errors.some((text) => text.includes('Cannot keep callback "bill"')),
    errors.join("\n"),
  );
});

Deno.test("A token expires by the clock of the store, though the clock here is set back", async () => {
  using time = new FakeTime();
  let offset = 0;
  const inner = new MemoryStore();
  const clock = {
    now: () => Date.now() + offset,
    setTimeout: (callback: () => void, delay: number) =>
      setTimeout(callback, delay),
    clearTimeout: (id: unknown) => clearTimeout(id as number),
  };
  await using one = makeNode(asynchronous(inner), { clock });
  one.page("renew", (request) => request.renewSession().uid);
  const cookie = await newCookie(one.get("set"));
  const renewed = await newCookie(one.get("renew", cookie));
  await statusOf(one.get("visit", renewed));
  offset = -3_600_000;
  await pass(time, 11_000);
  const look = await one.get("look", cookie);
  assertEquals(await look.text(), "undefined");
});

Deno.test("RequestSession.logOut() ends a session by a superseded token in its grace, though the clock is set forward while a request holds the session", async () => {
  const clock = new TestClock();
  let offset = 0;
  const inner = new MemoryStore({ clock });
  await using node = makeNode(asynchronous(inner), {
    clock: {
      now: () => clock.now() + offset,
      monotonic: () => clock.monotonic(),
      setTimeout: (callback, delay) => clock.setTimeout(callback, delay),
      clearTimeout: (id) => clock.clearTimeout(id),
    },
  });
  const login = Promise.withResolvers<void>();
  node.page("held-login", async (request) => {
    request.logIn("alice");
    await login.promise;
    return "";
  });
  const cookie = await newCookie(node.get("visit"));
  const held = Promise.resolve(node.get("held-login", cookie));
  await clock.advance(1);
  offset = 57_500;
  // The request touches its session meanwhile, so that the process knows the step.
  await clock.advance(2);
  assertEquals(await statusOf(node.get("logout", cookie)), 200);
  assertEquals(inner.load(uidOf(cookie), LOOK), undefined);
  login.resolve();
  await statusOf(held);
});

Deno.test("The touch of a login that is refused moves by nothing when the clock is set before it is written", async () => {
  const clock = new TestClock();
  let offset = 0;
  const inner = new MemoryStore({ clock });
  const bent = new BentStore(asynchronous(inner));
  await using node = makeNode(bent.store, {
    maxSessionsPerPrincipal: 3,
    whenPrincipalIsFull: "refuse",
    clock: {
      now: () => clock.now() + offset,
      monotonic: () => clock.monotonic(),
      setTimeout: (callback, delay) => clock.setTimeout(callback, delay),
      clearTimeout: (id) => clock.clearTimeout(id),
    },
  });
  node.page("login-later", async (request) => {
    request.getSession();
    const { promise, resolve } = Promise.withResolvers<void>();
    clock.setTimeout(resolve, 1000);
    await promise;
    request.logIn("alice");
    return "";
  });
  const cookie = await newCookie(node.get("visit"));
  await clock.advance(9);
  const login = Promise.resolve(node.get("login-later", cookie));
  const away = () => Promise.reject(new Error("The store is away"));
  bent.bends.uidsOf = () => {
    bent.bends.load = bent.bends.commit = away;
    return away();
  };
  await clock.advance(1);
  assertEquals((await login).status, 503);
  const before = inner.load(uidOf(cookie), LOOK)!;
  offset = 4000;
  await clock.advance(6);
  bent.bends.load = bent.bends.commit = undefined;
  await clock.advance(6);
  const record = inner.load(uidOf(cookie), LOOK)!;
  assertEquals(record.touchedAt - before.touchedAt, 1000);
});

Deno.test("The absolute deadline of a session goes by the store's clock, though the clock here is set forward", async () => {
  const clock = new TestClock();
  let offset = 0;
  const inner = new MemoryStore({ clock });
  await using node = makeNode(asynchronous(inner), {
    absoluteTimeout: 100,
    clock: {
      now: () => clock.now() + offset,
      monotonic: () => clock.monotonic(),
      setTimeout: (callback, delay) => clock.setTimeout(callback, delay),
      clearTimeout: (id) => clock.clearTimeout(id),
    },
  });
  node.page("slow-look", async (request) => {
    request.getSession();
    const { promise, resolve } = Promise.withResolvers<void>();
    clock.setTimeout(resolve, 100);
    await promise;
    return String(request.session?.uid);
  });
  const cookie = await newCookie(node.get("visit"));
  await clock.advance(1);
  offset = 110_000;
  const look = Promise.resolve(node.get("slow-look", cookie));
  await clock.advance(50);
  assertEquals(await (await look).text(), uidOf(cookie));
  await statusOf(node.get("visit", cookie));
  await clock.advance(48);
  assertEquals(node.reasons, []);
  await clock.advance(2);
  assertEquals(node.reasons, ["absolute"]);
});

for (const [isLeft, and] of [[false, ""], [true, " and that it has left"]]) {
  Deno.test(`A session that a login elsewhere has taken from a request${and} is kept in its process for the callbacks that the request registers later`, async () => {
    using time = new FakeTime();
    const inner = new MemoryStore();
    const heard: string[] = [];
    await using one = makeNode(asynchronous(inner))
      .page("late", async (request) => {
        const session = request.getSession();
        await after(100_000);
        if (isLeft) request.getSession();
        await after(50_000);
        session.notifyBeforeEnd(20, ({ expiresAt }) => {
          heard.push(`${Math.round(expiresAt - Date.now() / 1000)} s left`);
        });
        session.notifyOnExpire(({ reason }) => void heard.push(reason));
        return "";
      });
    await using other = makeNode(asynchronous(inner));
    const old = await newCookie(one.get("visit"));
    const late = one.get("late", old);
    await pass(time, 1000);
    const cookie = await newCookie(other.get("login", old));
    for (let visits = 0; visits < 3; visits++) {
      await pass(time, 40_000);
      await statusOf(other.get("visit", cookie));
    }
    await pass(time, 30_000);
    assertEquals(await statusOf(late), 200);
    await pass(time, 40_000);
    assertEquals(heard, ["20 s left", "idle"]);
  });
}
