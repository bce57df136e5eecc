// What becomes of a session whose creation reaches the store more than once.

import { assert, assertEquals, assertMatch } from "@std/assert";
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
} from "../helpers_store.ts";

const LOOK = { tokenHash: "", touch: false, grace: 0 };

Deno.test("Sessions over a store keep a session whose creation the client of the store sent twice", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  bent.bends.create = async (act, ...args) => {
    await act(...args);
    return act(...args);
  };
  await using node = new Node(bent.store)
    .page("set", (request) => {
      request.getSession().set("cart", "tea");
      return "";
    })
    .page("get", (request) => String(request.session?.get("cart")));
  const cookie = cookieOf(await node.get("set"));
  assertEquals(await (await node.get("get", cookie)).text(), "tea");
  assertEquals(node.errors, []);
  await pass(time, 65_000);
  assertEquals(node.reasons, ["idle"]);
});

for (const how of ["is sent twice", "has no answer"]) {
  Deno.test(`Sessions over a store keep the timeouts that a request sets while a creation ${how}`, async () => {
    using time = new FakeTime();
    const inner = new MemoryStore();
    const bent = new BentStore(asynchronous(inner));
    bent.bends.create = async (act, ...args) => {
      delete bent.bends.create;
      await act(...args);
      await after(1500);
      if (how === "has no answer") throw new Error("the connection is lost");
      return act(...args);
    };
    await using node = new Node(bent.store)
      .page("slow", async (request) => {
        const session = request.getSession();
        // The session is written meanwhile.
        await after(800);
        session.sessionTimeout = 600;
        session.absoluteTimeout = 900;
        await after(2000);
        return session.uid;
      });
    const answer = Promise.resolve(node.get("slow"));
    await pass(time, 4000);
    const uid = await (await answer).text();
    const { sessionTimeout, absoluteTimeout } = inner.load(uid, LOOK)!;
    assertEquals([sessionTimeout, absoluteTimeout], [600_000, 900_000]);
  });
}

Deno.test("Sessions over a store make no session of a uid that another one has", async () => {
  using _time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  bent.bends.create = (act, session) =>
    act({ ...session, tokens: [{ hash: "", generation: 0, until: Infinity }] })
      .then(() => undefined);
  await using node = new Node(bent.store)
    .page("set", (request) => request.getSession().uid);
  const response = await node.get("set");
  await response.body?.cancel();
  assertEquals(response.status, 503);
  assertEquals(response.headers.getSetCookie(), []);
});

Deno.test("A value of a request that is answered 503 is not written when its session had been created before", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using node = new Node(bent.store)
    .page("slow", async (request) => {
      const session = request.getSession();
      await after(800);
      session.set("note", "refused");
      return session.uid;
    });
  bent.bends.create = async (act, ...args) => {
    delete bent.bends.create;
    await act(...args);
    throw new Error("the answer is lost");
  };
  const slow = Promise.resolve(node.get("slow"));
  await pass(time, 500);
  const uid = (node.errors.length > 0 && [...node.site.sessions.keys()][0]) ||
    "";
  bent.bends.load = () => {
    delete bent.bends.load;
    return Promise.reject(new Error("the answer is lost"));
  };
  await pass(time, 600);
  const response = await slow;
  await response.body?.cancel();
  assertEquals(response.status, 503);
  await pass(time, 10_000);
  assertEquals(inner.load(uid, LOOK)?.values, new Map());
});

Deno.test("A value of a request that is answered 503 is not written with the end, though code without a request has sent it", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  const gate = Promise.withResolvers<void>();
  await using node = new Node(bent.store)
    .page("slow", async (request) => {
      const session = request.getSession();
      await gate.promise;
      session.set("note", "refused");
      // Code without a request has the session written too.
      setTimeout(() => session.set("late", true), 5);
      return session.uid;
    });
  let uid: string | undefined;
  let creations = 0;
  bent.bends.create = async (create, session) => {
    uid ??= session.uid;
    if (session.uid !== uid) return create(session);
    // The first call is made, and the answer is lost. The second one is lost.
    creations++;
    const answer = creations === 2 ? undefined : await create(session);
    await after(50);
    if (creations < 3) throw new Error("the connection is lost");
    return answer;
  };
  const notes: unknown[] = [];
  bent.bends.commit = (commit, of, changes, ...rest) => {
    notes.push(changes.values?.get("note"));
    return commit(of, changes, ...rest);
  };
  const slow = node.get("slow");
  await pass(time, 20);
  gate.resolve();
  await pass(time, 500);
  assertEquals((await slow).status, 503);
  assertEquals(creations, 3);
  assertEquals(notes.filter((note) => note !== undefined), []);
  assertEquals(node.ends.map(({ reason }) => reason), ["evicted"]);
});

Deno.test("A named callback is called or reported if its session ends elsewhere while a doubtful creation is repeated", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using node = new Node(bent.store, { sessionTimeout: 2 })
    .page("slow", async (request) => {
      const session = request.getSession();
      await after(1000);
      session.notifyOnExpire("bill", 1);
      return session.uid;
    });
  const bills: unknown[] = [];
  node.site.onEnd("bill", (argument) => void bills.push(argument));
  await using other = new Node(asynchronous(inner));
  bent.bends.create = async (act, ...args) => {
    delete bent.bends.create;
    await act(...args);
    bent.bends.create = async (act, ...args) => {
      await after(3000);
      return act(...args);
    };
    throw new Error("the answer is lost");
  };
  const slow = Promise.resolve(node.get("slow"));
  await pass(time, 10_000);
  await (await slow).body?.cancel();
  assertEquals(other.reasons.length + node.reasons.length, 1);
  const isReported = node.errors.some((error) =>
    String(error).includes('callback "bill"')
  );
  assert(bills.length === 1 || isReported);
});

Deno.test("A named callback is reported if its session ends elsewhere while the process closes", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  bent.bends.watch = () => Promise.resolve(() => {});
  const node = new Node(bent.store).page("slow", async (request) => {
    const session = request.getSession();
    await after(2000);
    session.notifyOnExpire("bill", 1);
    return session.uid;
  });
  node.site.onEnd("bill", () => {});
  const slow = Promise.resolve(node.get("slow"));
  await pass(time, 500);
  const [uid = ""] = [...node.site.sessions.keys()];
  inner.end(uid, "revoked", { owner: "other", lease: 10_000 });
  const closing = node.site.close();
  await pass(time, 60_000);
  await (await slow).body?.cancel();
  await closing;
  assertMatch(
    node.errors.map(String).join("\n"),
    new RegExp(`Cannot keep callback "bill" of session "${uid}"`),
  );
});

Deno.test("A process that has closed does not look again and again at a deadline that has passed", async () => {
  const clock = new TestClock();
  const inner = new MemoryStore({ clock });
  const node = new Node(asynchronous(inner), { clock, sessionTimeout: 2 });
  const isOver = Promise.withResolvers<void>();
  node.page("slow", async (request) => {
    const session = request.getSession();
    await isOver.promise;
    session.touch();
    return session.uid;
  });
  const slow = Promise.resolve(node.get("slow"));
  await clock.advance(1);
  const closing = node.site.close();
  await clock.advance(1);
  isOver.resolve();
  await (await slow).body?.cancel();
  // The clock throws if timers at one time are an endless loop.
  await clock.advance(60);
  await closing;
  assertEquals(node.errors, []);
});

Deno.test("A session whose creation was sent twice, and that ended in between, is told once", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  bent.bends.create = async (act, ...args) => {
    delete bent.bends.create;
    await act(...args);
    // The process stands still meanwhile.
    time.tick(1500);
    return act(...args);
  };
  // Another process delivers the end.
  bent.bends.watch = () => Promise.resolve(() => {});
  bent.bends.claim = () => Promise.resolve({ ends: [], nextIn: 1000 });
  await using other = new Node(asynchronous(inner));
  await using node = new Node(bent.store, { sessionTimeout: 1 })
    .page("visit", (request) => request.getSession().uid);
  const visit = Promise.resolve(node.get("visit"));
  await pass(time, 20_000);
  await (await visit).body?.cancel();
  assertEquals([...node.reasons, ...other.reasons], ["idle"]);
});
