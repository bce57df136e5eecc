// Answers of a store that come late, or overtake each other: they are older than
// what the process knows, and undo nothing.

import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
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

function makeNode(
  store: ConstructorParameters<typeof Node>[0],
  options: ConstructorParameters<typeof Node>[1] = {},
): Node {
  return new Node(store, options)
    .page("visit", (request) => request.getSession().uid)
    .page("look", (request) => String(request.session?.uid))
    .page("renew", (request) => request.renewSession().uid)
    .page("logout", (request) => {
      request.logOut();
      return "";
    })
    .page("slow", async (request) => {
      request.getSession();
      await after(100);
      request.getSession().set("note", "kept");
      return "";
    })
    .page("set", (request) => {
      request.getSession().set("other", "kept");
      return "";
    });
}

async function newCookie(answer: Response | Promise<Response>) {
  const response = await answer;
  await response.body?.cancel();
  return cookieOf(response);
}

Deno.test("A load that is answered after the logout does not bring the session back", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = makeNode(bent.store);
  const cookie = await newCookie(node.get("visit"));
  bent.bends.load = async (act, ...args) => {
    const answer = await act(...args);
    await after(500);
    return answer;
  };
  const look = Promise.resolve(node.get("look", cookie));
  await pass(time, 50);
  delete bent.bends.load;
  await (await node.get("logout", cookie)).body?.cancel();
  await pass(time, 1000);
  assertEquals(await (await look).text(), "undefined");
  assertEquals(node.site.sessions.size, 0);
});

for (const isNotified of [true, false]) {
  Deno.test(`A load that is answered after sessions.end() in a process without the session does not bring it back, if the store notifies of ends: ${isNotified}`, async () => {
    using time = new FakeTime();
    const store = new MemoryStore();
    const bent = new BentStore(asynchronous(store));
    if (!isNotified) bent.bends.watch = () => () => {};
    await using node = makeNode(bent.store);
    await using other = makeNode(asynchronous(store));
    const cookie = await newCookie(other.get("visit"));
    bent.bends.load = async (act, ...args) => {
      const answer = await act(...args);
      await after(60);
      return answer;
    };
    const look = Promise.resolve(node.get("look", cookie));
    await pass(time, 20);
    const ending = Promise.resolve(node.site.sessions.end(uidOf(cookie)));
    await pass(time, 500);
    assertEquals(await ending, true);
    assertEquals(await (await look).text(), "undefined");
    assertEquals(node.site.sessions.size, 0);
  });
}

Deno.test("A load that is answered after the end in another process was notified does not bring the session back", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const bent = new BentStore(asynchronous(store));
  await using node = makeNode(bent.store);
  await using other = makeNode(asynchronous(store));
  const cookie = await newCookie(other.get("visit"));
  bent.bends.load = async (act, ...args) => {
    const answer = await act(...args);
    await after(60);
    return answer;
  };
  const look = Promise.resolve(node.get("look", cookie));
  await pass(time, 20);
  const logout = Promise.resolve(other.get("logout", cookie));
  await pass(time, 500);
  await (await logout).body?.cancel();
  assertEquals(await (await look).text(), "undefined");
  assertEquals(node.site.sessions.size, 0);
});

Deno.test("A session that has ended in this process stays ended, whatever the store says", async () => {
  using _time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using node = makeNode(bent.store);
  const cookie = await newCookie(node.get("visit"));
  const record = inner.load(uidOf(cookie), LOOK);
  await (await node.get("logout", cookie)).body?.cancel();
  bent.bends.load = () => Promise.resolve({ ...record, touchedBefore: 0 });
  const look = await node.get("look", cookie);
  assertEquals(await look.text(), "undefined");
});

Deno.test("A renewal stays when the answer to an older load overtakes a later write", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = makeNode(bent.store);
  const cookie = await newCookie(node.get("visit"));
  const late = (milliseconds: number) =>
  async (
    act: (...args: unknown[]) => unknown,
    ...args: unknown[]
  ) => {
    const answer = await act(...args);
    await after(milliseconds);
    return answer;
  };
  bent.bends.load = late(300);
  const second = newCookie(node.get("renew", cookie));
  await pass(time, 10);
  delete bent.bends.load;
  const first = await newCookie(node.get("renew", cookie));
  bent.bends.commit = late(500);
  const set = Promise.resolve(node.get("set", cookie));
  await pass(time, 1500);
  await (await set).body?.cancel();
  delete bent.bends.commit;
  for (const renewed of [first, await second]) {
    const look = await node.get("look", renewed);
    assertEquals(await look.text(), uidOf(cookie));
  }
});

Deno.test("A session is not given up while its creation is under way", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  bent.bends.create = async (act, ...args) => {
    await after(1500);
    return act(...args);
  };
  await using node = makeNode(bent.store, { sessionTimeout: 0.5 });
  const slow = newCookie(node.get("slow"));
  await pass(time, 1600);
  const uid = uidOf(await slow);
  const values = inner.load(uid, LOOK)?.values;
  assertEquals([...values ?? []], [["note", 'j"kept"']]);
});

Deno.test("A session lives no longer because the clock is set back before it is created", async () => {
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
  }).page("set-back", (request) => {
    const { uid } = request.getSession();
    offset = -600_000;
    return uid;
  });
  const cookie = await newCookie(node.get("set-back"));
  const record = inner.load(uidOf(cookie), LOOK)!;
  assertEquals(record.deadline - record.now, 60_000);
});

for (const what of ["its clock is set forward", "it stands still"]) {
  Deno.test(`A process uses an answer that comes in time, though ${what} meanwhile`, async () => {
    const clock = new TestClock();
    let skipped = 0;
    const isStopped = what === "it stands still";
    const bent = new BentStore(asynchronous(new MemoryStore({ clock })));
    await using node = makeNode(bent.store, {
      clock: {
        now: () => clock.now() + skipped,
        monotonic: () => clock.monotonic() + (isStopped ? skipped : 0),
        setTimeout: (callback, delay) => clock.setTimeout(callback, delay),
        clearTimeout: (id) => clock.clearTimeout(id),
      },
    });
    const cookie = await newCookie(node.get("visit"));
    const answering = Promise.withResolvers<void>();
    bent.bends.load = async (act, ...args) => {
      await answering.promise;
      return act(...args);
    };
    const look = Promise.resolve(node.get("look", cookie));
    await clock.advance(0.05);
    skipped = 8000;
    await clock.advance(0.3);
    answering.resolve();
    assertEquals(await (await look).text(), uidOf(cookie));
    assertEquals(node.errors, []);
  });
}

Deno.test("A process waits as long for the answer to a call that it makes after its clock was set back", async () => {
  const clock = new TestClock();
  let offset = 0;
  const bent = new BentStore(asynchronous(new MemoryStore({ clock })));
  await using node = makeNode(bent.store, {
    clock: {
      now: () => clock.now() + offset,
      monotonic: () => clock.monotonic(),
      setTimeout: (callback, delay) => clock.setTimeout(callback, delay),
      clearTimeout: (id) => clock.clearTimeout(id),
    },
  });
  const cookie = await newCookie(node.get("visit"));
  const answering = Promise.withResolvers<void>();
  bent.bends.load = async (act, ...args) => {
    await answering.promise;
    return act(...args);
  };
  const first = Promise.resolve(node.get("look", cookie));
  await clock.advance(0.05);
  offset = -8000;
  const second = Promise.resolve(node.get("look", cookie));
  await clock.advance(1.5);
  answering.resolve();
  const uids = [await (await first).text(), await (await second).text()];
  assertEquals(uids, [uidOf(cookie), uidOf(cookie)]);
  assertEquals(node.errors, []);
});

Deno.test("RequestSession.logOut() ends a session by a token that was in its grace when the store was asked", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using node = makeNode(bent.store);
  const cookie = await newCookie(node.get("visit"));
  const renewed = await newCookie(node.get("renew", cookie));
  await (await node.get("visit", renewed)).body?.cancel();
  await pass(time, 9500);
  bent.bends.load = async (act, ...args) => {
    const answer = await act(...args);
    await after(1000);
    return answer;
  };
  const logout = Promise.resolve(node.get("logout", cookie));
  await pass(time, 2000);
  await (await logout).body?.cancel();
  assertEquals(inner.load(uidOf(cookie), LOOK), undefined);
});

Deno.test("RequestSession.logOut() ends a session by a recognized token, though the deadline passes here while the store answers", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  const options = { renewalGrace: 600 };
  await using node = makeNode(bent.store, options);
  await using other = makeNode(asynchronous(inner), options);
  node.page("login", (request) => request.logIn("alice").uid);
  const cookie = await newCookie(node.get("visit"));
  const login = await newCookie(node.get("login", cookie));
  await pass(time, 59_500);
  bent.bends.load = async (act, ...args) => {
    const answer = await act(...args);
    await after(1000);
    return answer;
  };
  const logout = Promise.resolve(node.get("logout", cookie));
  await pass(time, 100);
  await (await other.get("visit", login)).body?.cancel();
  await pass(time, 2000);
  assertEquals((await logout).status, 200);
  await (await logout).body?.cancel();
  assertEquals(inner.load(uidOf(cookie), LOOK), undefined);
});

Deno.test("A request whose session ends while its load is answered gets no new cookie", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = makeNode(bent.store, { sessionTimeout: 2 });
  const cookie = await newCookie(node.get("visit"));
  bent.bends.load = async (act, ...args) => {
    const answer = await act(...args);
    await after(1900);
    return answer;
  };
  await pass(time, 1000);
  const visits = [node.get("visit", cookie), node.get("renew", cookie)];
  delete bent.bends.load;
  await pass(time, 10);
  await node.site.sessions.end(uidOf(cookie));
  await pass(time, 3000);
  for (const visit of visits) {
    const response = await visit;
    await response.body?.cancel();
    assertEquals(response.headers.getSetCookie(), []);
  }
});

Deno.test("A call whose answer is lost fails alone, if the store has answered a later call", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  const errors: string[] = [];
  let atOnce: Response | Promise<Response> | undefined;
  await using node: Node = makeNode(bent.store, {
    onError: (error) => {
      errors.push(String(error));
      atOnce = node.get("visit", second);
    },
  });
  const first = await newCookie(node.get("visit"));
  const second = await newCookie(node.get("visit"));
  bent.bends.load = (load, uid, ...rest) =>
    uid === uidOf(first) ? new Promise(() => {}) : load(uid, ...rest);
  const lost = Promise.resolve(node.get("visit", first));
  await pass(time, 3000);
  assertEquals((await lost).status, 503);
  assertEquals((await atOnce)?.status, 200);
  assertEquals(errors, [
    "StoreUnavailableError: Cannot ask the session store: no answer in 2 s",
  ]);
});

Deno.test("A token that has expired opens nothing after a sleep of the machine, in which its monotonic clock stood still", async () => {
  const clock = new TestClock();
  let slept = 0;
  const store = asynchronous(new MemoryStore({ clock }));
  await using node = makeNode(store, {
    renewalGrace: 1,
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic() - slept,
      setTimeout: (callback, delay) => clock.setTimeout(callback, delay),
      clearTimeout: (id) => clock.clearTimeout(id),
    },
  });
  const cookie = await newCookie(node.get("visit"));
  const renewed = await newCookie(node.get("renew", cookie));
  await (await node.get("visit", renewed)).body?.cancel();
  await clock.advance(0.5);
  await clock.advance(0.7);
  slept = 700;
  assertEquals(await (await node.get("look", cookie)).text(), "undefined");
});
