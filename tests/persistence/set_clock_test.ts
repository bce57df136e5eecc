// The clock of a process is set, forward or back, while it uses sessions in a store:
// the process measures the step by its monotonic clock, and nothing depends on it.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { EventStream, SiteOptions } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import {
  after,
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
  SetClock,
  uidOf,
} from "../helpers_store.ts";

const LOOK = { tokenHash: "", touch: false, grace: 0 };
const STEPS = [-100_000, 100_000];

/** A process over a store, and the clock of the process. */
function makeNode(store: MemoryStore, options: SiteOptions = {}) {
  const bent = new BentStore(asynchronous(store));
  const clock = new SetClock();
  const node = new Node(bent.store, { clock, absoluteTimeout: 80, ...options })
    .page("visit", (request) => request.getSession().uid)
    .page("look", (request) => String(request.session?.uid))
    .page("set", (request) => {
      request.getSession().set("note", "kept");
      return "";
    });
  return { node, clock, bends: bent.bends };
}

for (const by of STEPS) {
  Deno.test(`A request has its session though the clock is set by ${by} ms while its load is answered`, async () => {
    using time = new FakeTime();
    const store = new MemoryStore();
    const { node, clock, bends } = makeNode(store);
    await using _ = node;
    const cookie = cookieOf(await node.get("visit"));
    for (const path of ["look", "set"]) {
      bends.load = async (act, ...args) => {
        const answer = await act(...args);
        await after(50);
        return answer;
      };
      const response = Promise.resolve(node.get(path, cookie));
      await pass(time, 20);
      clock.set(by);
      await pass(time, 50);
      bends.load = undefined;
      const text = await (await response).text();
      if (path === "look") assertEquals(text, uidOf(cookie));
    }
    const record = store.load(uidOf(cookie), LOOK)!;
    assertEquals([...record.values], [["note", 'j"kept"']]);
  });

  Deno.test(`A request under way keeps its session though the clock is set by ${by} ms`, async () => {
    using time = new FakeTime();
    const { node, clock } = makeNode(new MemoryStore());
    await using _ = node;
    node.page("slow", async (request) => {
      request.getSession();
      await after(500);
      return String(request.session?.uid);
    });
    const cookie = cookieOf(await node.get("visit"));
    const slow = Promise.resolve(node.get("slow", cookie));
    await pass(time, 200);
    clock.set(by);
    await pass(time, 400);
    assertEquals(await (await slow).text(), uidOf(cookie));
    assertEquals(node.reasons, []);
  });

  Deno.test(`The store refuses a write that was answered 503, though the clock was set by ${by} ms before it`, async () => {
    using time = new FakeTime();
    const store = new MemoryStore();
    const { node, clock, bends } = makeNode(store);
    await using _ = node;
    const cookie = cookieOf(await node.get("visit"));
    node.page("set-later", async (request) => {
      const session = request.getSession();
      await after(100);
      session.set("note", "lost");
      return "";
    });
    bends.commit = async (act, ...args) => {
      bends.commit = undefined;
      await after(20_000);
      return await act(...args);
    };
    const response = Promise.resolve(node.get("set-later", cookie));
    await pass(time, 50);
    clock.set(by);
    await pass(time, 30_000);
    assertEquals((await response).status, 503);
    const record = store.load(uidOf(cookie), LOOK)!;
    assertEquals([...record.values], []);
  });
}

Deno.test("A request that touches its session keeps it though the clock was set forward before another one wrote", async () => {
  using time = new FakeTime();
  const options = { sessionTimeout: 100 };
  const { node, clock, bends } = makeNode(new MemoryStore(), options);
  await using _ = node;
  node.page("slow-set", async (request) => {
    const session = request.getSession();
    await after(400);
    session.set("note", "kept");
    return "";
  });
  node.page("slow", async (request) => {
    await after(500);
    request.getSession();
    await after(600);
    return String(request.session?.uid);
  });
  const cookie = cookieOf(await node.get("visit"));
  const slow = Promise.resolve(node.get("slow", cookie));
  const set = Promise.resolve(node.get("slow-set", cookie));
  await pass(time, 200);
  // The absolute deadline, 80 s after the creation, passes by the new clock only.
  clock.set(79_000);
  await pass(time, 700);
  bends.load = bends.commit = async (act, ...args) => {
    await after(300);
    return await act(...args);
  };
  await pass(time, 2000);
  bends.load = bends.commit = undefined;
  assertEquals((await set).status, 200);
  assertEquals(await (await slow).text(), uidOf(cookie));
});

Deno.test("A token that has expired opens nothing, though the clock was set back and a write overtook its load", async () => {
  using time = new FakeTime();
  const { node, clock, bends } = makeNode(new MemoryStore());
  await using _ = node;
  node.page("renew", (request) => request.renewSession().uid)
    .page("slow-set", async (request) => {
      const session = request.getSession();
      await after(1000);
      session.set("note", "kept");
      return "";
    });
  const old = cookieOf(await node.get("visit"));
  const cookie = cookieOf(await node.get("renew", old));
  await node.get("visit", cookie);
  // The old token expires after the grace of 10 s.
  await pass(time, 9600);
  const set = Promise.resolve(node.get("slow-set", cookie));
  await pass(time, 200);
  clock.set(-5000);
  await pass(time, 400);
  bends.load = async (act, ...args) => {
    bends.load = undefined;
    const answer = await act(...args);
    await after(600);
    return answer;
  };
  const look = Promise.resolve(node.get("look", old));
  await pass(time, 1000);
  assertEquals((await set).status, 200);
  assertEquals(await (await look).text(), "undefined");
});

Deno.test("A session keeps its time though the clock is set back by 95 ms before its creation, and forward by 150 ms after it", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const { node, clock } = makeNode(store);
  await using _ = node;
  await node.get("visit");
  clock.set(-95);
  node.page("begin", (request) => {
    const { uid } = request.getSession();
    clock.set(150);
    return uid;
  });
  const now = Date.now();
  const response = Promise.resolve(node.get("begin"));
  await pass(time, 100);
  const { createdAt } = store.load(await (await response).text(), LOOK)!;
  assertAlmostEquals(createdAt, now, 100);
});

for (const login of ["", ", by a login"]) {
  Deno.test(`A session keeps its absolute deadline though the clock is set forward while it is created${login}`, async () => {
    using time = new FakeTime();
    const { node, clock, bends } = makeNode(new MemoryStore());
    await using _ = node;
    node.page("begin", (request) => {
      if (login !== "") request.logIn("alice");
      return request.getSession().uid;
    });
    bends.create = async (act, ...args) => {
      const answer = await act(...args);
      await after(500);
      return answer;
    };
    const begin = Promise.resolve(node.get("begin"));
    await pass(time, 200);
    clock.set(79_000);
    await pass(time, 500);
    const cookie = cookieOf(await begin);
    await node.get("visit", cookie);
    await pass(time, 3000);
    node.page("twice", (request) => {
      request.getSession();
      return String(request.session?.uid);
    });
    const twice = await node.get("twice", cookie);
    assertEquals(await twice.text(), uidOf(cookie));
  });
}

for (const by of [-5000, 5000]) {
  Deno.test(`A stream closes when its replaced token expires, though the clock is set by ${by} ms before`, async () => {
    using time = new FakeTime();
    const { node, clock } = makeNode(new MemoryStore());
    await using _ = node;
    const opened: EventStream[] = [];
    node.page("events", (request) => {
      const events = request.getSession().events(request);
      opened.push(events);
      return events.response;
    }).page("renew", (request) => request.renewSession().uid);
    const cookie = cookieOf(await node.get("visit"));
    const events = await node.get("events", cookie);
    const renewed = cookieOf(await node.get("renew", cookie));
    await node.get("visit", renewed);
    // The grace of the replaced token is 10 s.
    await pass(time, 9000);
    clock.set(by);
    await pass(time, 500);
    assertEquals(opened[0]!.isOpen, true);
    await pass(time, 1000);
    assertEquals(opened[0]!.isOpen, false);
    await events.body!.cancel();
  });
}

Deno.test("A session has the times of its record again at the first visit after the machine has slept", async () => {
  using time = new FakeTime();
  const { node, clock } = makeNode(new MemoryStore());
  await using _ = node;
  node.page("in", (request) => String(request.logIn("alice").createdAt))
    .page("times", (request) => {
      const { createdAt, authenticatedAt } = request.getSession();
      return JSON.stringify([createdAt, authenticatedAt]);
    });
  const cookie = cookieOf(await node.get("in"));
  const times = async () => await (await node.get("times", cookie)).json();
  await pass(time, 100);
  const before = await times();
  // The monotonic clock of a machine stands still while the machine sleeps.
  const { monotonic } = clock;
  clock.monotonic = () => monotonic.call(clock) - 5000;
  await pass(time, 5000);
  const after = await times();
  assertAlmostEquals(after[0], before[0], 0.1);
  assertAlmostEquals(after[1], before[1], 0.1);
});
