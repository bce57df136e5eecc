import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { HttpError, SessionEndedError, Sessions } from "../sessions.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import type { SessionStore } from "../stores/store.ts";
import {
  after,
  asynchronous,
  BentStore,
  BrokenStore,
  cookieOf,
  Node,
  pass,
  SetClock,
  STORE_KINDS,
} from "./helpers_store.ts";

/** A node whose callback "free" notes the holds that ended. */
function nodeOf(store: SessionStore | undefined, options = {}) {
  const node = new Node(store, options);
  const freed: string[] = [];
  const { sessions } = node.site;
  sessions.onEnd("free", (argument, { reason, hold }) => {
    freed.push(`${argument} ${reason} ${hold?.key}`);
  });
  return Object.assign(node, { freed, sessions });
}

const FREE = { then: "free", argument: 12 } as const;

for (const [kind, makeStore] of Object.entries(STORE_KINDS)) {
  Deno.test(`Session.hold() ${kind} refuses a key that another session holds`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const ann = node.sessions.create();
    const bob = node.sessions.create();
    const hold = await ann.hold("seat 12", { seconds: 10, ...FREE });
    assertEquals(hold?.key, "seat 12");
    assertEquals(hold?.expiresAt, Date.now() / 1000 + 10);
    assertEquals(await bob.hold("seat 12", FREE), undefined);
    assertEquals((await bob.hold("seat 13", FREE))?.expiresAt, Infinity);
    assertEquals(node.freed, []);
  });

  Deno.test(`Session.release() ${kind} gives the key back without a call`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const ann = node.sessions.create();
    const bob = node.sessions.create();
    const fences: number[] = [];
    for (const session of [ann, bob, ann]) {
      const hold = await session.hold("seat", { seconds: 10, ...FREE });
      fences.push(hold!.fence);
      assertEquals(await session.release("seat"), true);
      assertEquals(await session.release("seat"), false);
    }
    assertEquals(fences, [...new Set(fences)].sort((a, b) => a - b));
    await pass(time, 61_000);
    assertEquals(node.freed, []);
  });

  Deno.test(`Session.release() ${kind} does not release the hold of another`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore(), { sessionTimeout: 600 });
    const ann = node.sessions.create();
    const bob = node.sessions.create();
    const first = await ann.hold("seat", { seconds: 10 });
    await pass(time, 10_000);
    assertEquals(await first!.renew(), undefined);
    const second = await bob.hold("seat", { seconds: 10 });
    assert(second!.fence > first!.fence);
    assertEquals(await ann.release("seat"), false);
    assertEquals(await first!.release(), false);
    assertEquals(await first!.renew(), undefined);
    assertEquals(await ann.hold("seat"), undefined);
    assertEquals(await bob.release("seat"), true);
  });

  Deno.test(`Session.hold() ${kind} ends at its own deadline, and not before`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const session = node.sessions.create();
    await session.hold("seat", { seconds: 10, ...FREE });
    await pass(time, 9_990);
    assertEquals(node.freed, []);
    await pass(time, 20);
    assertEquals(node.freed, ["12 absolute seat"]);
    assertEquals(session.isActive, true);
    assertEquals(await session.release("seat"), false);
    await pass(time, 90_000);
    assertEquals(node.freed, ["12 absolute seat"]);
    // The end of a hold is none of a session.
    assertEquals(node.reasons, ["idle"]);
  });

  Deno.test(`Session.hold() ${kind} ends with the session, by its reason`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const ann = node.sessions.create();
    const bob = node.sessions.create();
    await ann.hold("a", FREE);
    await ann.hold("b", { ...FREE, seconds: 3600 });
    await bob.hold("c", FREE);
    await pass(time, 40_000);
    ann.expire();
    await pass(time, 1000);
    assertEquals(node.freed.toSorted(), ["12 logout a", "12 logout b"]);
    assert(await bob.hold("a", FREE));
    await pass(time, 20_000);
    assertEquals(node.freed.slice(2).toSorted(), ["12 idle a", "12 idle c"]);
  });

  Deno.test(`Session.hold() ${kind} renews the session's own hold`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore(), { sessionTimeout: 600 });
    const session = node.sessions.create();
    const first = await session.hold("seat", { seconds: 10, ...FREE });
    await pass(time, 9000);
    const renewal = { seconds: 10, then: "free", argument: 13 };
    const second = await session.hold("seat", renewal);
    assert(second!.fence > first!.fence);
    await pass(time, 9000);
    assertEquals(node.freed, []);
    const third = await second!.renew(2);
    assertEquals(third!.expiresAt, Date.now() / 1000 + 2);
    assertEquals(await second!.release(), false);
    await pass(time, 2000);
    assertEquals(node.freed, ["13 absolute seat"]);
    await pass(time, 600_000);
    assertEquals(node.freed, ["13 absolute seat"]);
  });

  Deno.test(`Session.hold() ${kind} keeps the key while the callback has not succeeded`, async () => {
    using time = new FakeTime();
    await using node = new Node(makeStore(), { sessionTimeout: 600 });
    const { sessions } = node.site;
    const calls: number[] = [];
    sessions.onEnd("free", (_, { attempt }) => {
      calls.push(attempt);
      if (calls.length < 3) throw new Error("not yet");
    });
    const session = sessions.create();
    await session.hold("seat", { seconds: 10, ...FREE });
    await pass(time, 10_500);
    assertEquals(calls.length, 1);
    assertEquals(await session.hold("seat"), undefined);
    assertEquals(await session.release("seat"), false);
    await pass(time, 5_000);
    assertEquals(calls.length, 3);
    assert(await session.hold("seat"));
  });

  Deno.test(`Session.hold() ${kind} gives a key whose dead letter is deleted`, async () => {
    using time = new FakeTime();
    await using node = new Node(makeStore(), {
      sessionTimeout: 600,
      endRetryFor: 5,
    });
    const { sessions } = node.site;
    sessions.onEnd("free", () => {
      throw new Error("never");
    });
    const session = sessions.create();
    await session.hold("seat 12", { seconds: 1, ...FREE });
    await pass(time, 20_000);
    const [letter] = await sessions.listDeadLetters();
    assertEquals(letter?.uid, "hold:seat%2012");
    assertEquals(letter?.callbacks, [{ name: "free", argument: 12 }]);
    assertEquals(await session.hold("seat 12"), undefined);
    assertEquals(await sessions.deleteDeadLetter(letter!.uid), true);
    assert(await session.hold("seat 12"));
  });

  Deno.test(`Session.hold() ${kind} leaves nothing behind in its session`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore(), { maxCallbacks: 3 });
    const session = node.sessions.create();
    const other = node.sessions.create();
    await other.hold("taken");
    for (let round = 0; round < 10; round++) {
      assert(await session.hold("lock", FREE));
      assert(await session.hold("lock", FREE));
      assertEquals(await session.hold("taken", FREE), undefined);
      assertEquals(await session.release("lock"), true);
    }
    for (const key of ["a", "b", "c"]) assert(await session.hold(key));
    await assertRejects(() => session.hold("d"), RangeError, "maxCallbacks");
    assert(await other.hold("d"));
  });

  Deno.test(`Session.hold() ${kind} rejects once the session has ended`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const session = node.sessions.create();
    session.expire();
    await assertRejects(() => session.hold("a"), SessionEndedError);
    assert(await node.sessions.create().hold("a"));
  });

  Deno.test(`Session.hold() ${kind} lasts beyond the request that made the session`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    node.page("book", async (request) => {
      const hold = await request.getSession().hold("seat", FREE);
      return `${hold?.fence}`;
    });
    node.page("pay", async (request) => {
      return `${await request.getSession().release("seat")}`;
    });
    const response = await node.get("book");
    const cookie = cookieOf(response);
    assertMatch(await response.text(), /^\d+$/);
    assertEquals(await (await node.get("book")).text(), "undefined");
    await pass(time, 50_000);
    assertEquals(await (await node.get("pay", cookie)).text(), "true");
    const second = cookieOf(await node.get("book"));
    await pass(time, 61_000);
    assertEquals(node.freed, ["12 idle seat"]);
    assertEquals(await (await node.get("pay", second)).text(), "false");
  });

  Deno.test(`Session.hold() ${kind} of a session that ends with its request ends with it`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    node.page("book", async (request) => {
      await request.getSession().hold("seat", FREE);
      return "";
    });
    await node.site.fetch(
      new Request("http://localhost/book", { method: "HEAD" }),
    );
    await pass(time, 1000);
    assertEquals(node.freed.length, 1);
    assert(await node.sessions.create().hold("seat"));
  });

  Deno.test(`Sessions.hold() ${kind} holds a key without a session`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const { sessions } = node;
    const first = await sessions.hold("job", { seconds: 10, ...FREE });
    assertEquals(await sessions.hold("job", { seconds: 10 }), undefined);
    assertEquals(await sessions.create().hold("job"), undefined);
    await pass(time, 8000);
    const second = await first!.renew();
    assert(second!.fence > first!.fence);
    assertEquals(await sessions.release("job", first!.fence), false);
    await pass(time, 8000);
    assertEquals(node.freed, []);
    await pass(time, 2000);
    assertEquals(node.freed, ["12 absolute job"]);
    {
      await using third = await sessions.hold("job", { seconds: 10 });
      assert(third);
    }
    const late = await sessions.hold("job", { seconds: 10 });
    await pass(time, 10_000);
    assertEquals(await late!.renew(), undefined);
    const fourth = await sessions.hold("job", { seconds: 10 });
    assertEquals(await sessions.release("job", fourth!.fence), true);
    assertEquals(await sessions.release("job", fourth!.fence), false);
  });

  Deno.test(`Session.hold() ${kind} refuses wrong keys and options`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const { sessions } = node;
    const session = sessions.create();
    for (const key of ["", "a".repeat(201), "\ud800"]) {
      await assertRejects(() => session.hold(key), RangeError);
      await assertRejects(() => session.release(key), RangeError);
    }
    await assertRejects(() => session.hold(5 as never), TypeError);
    const then = "nothing";
    await assertRejects(
      () => session.hold("a", { then }),
      TypeError,
      'Cannot hold "a": then is not the name of a callback of onEnd(): "nothing"',
    );
    const argument = () => {};
    await assertRejects(
      () => session.hold("a", { then: "free", argument }),
      TypeError,
      "a",
    );
    await assertRejects(
      () => sessions.hold("a", {} as never),
      TypeError,
      'Cannot hold "a": seconds is not a finite number of seconds above 0',
    );
    assert(await session.hold("a".repeat(200)));
    assert(await session.hold("Käse/\0 ?"));
  });

  Deno.test(`Session.hold() ${kind} gives one of many callers the key`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const buyers = Array.from({ length: 20 }, () => node.sessions.create());
    let last = 0;
    for (let round = 0; round < 20; round++) {
      const holds = await Promise.all(buyers.map((one) => one.hold("seat")));
      const won = holds.filter((hold) => hold !== undefined);
      assertEquals(won.length, 1);
      assert(won[0]!.fence > last);
      last = won[0]!.fence;
      assertEquals(await won[0]!.release(), true);
    }
  });
}

Deno.test("Session.hold() without a store ends when the sessions are closed", async () => {
  const freed: string[] = [];
  const sessions = new Sessions();
  sessions.onEnd("free", (argument, { reason }) => {
    freed.push(`${argument} ${reason}`);
  });
  await sessions.create().hold("a", FREE);
  await sessions.hold("b", { seconds: 60, then: "free", argument: 13 });
  await sessions.close();
  assertEquals(freed, ["12 shutdown", "13 shutdown"]);
  await assertRejects(
    () => sessions.hold("a", { seconds: 1 }),
    HttpError,
    "closed",
  );
});

for (
  const [kind, makeStore] of Object.entries(STORE_KINDS).filter(([, make]) =>
    make() !== undefined
  )
) {
  Deno.test(`Session.hold() ${kind} counts in all processes`, async () => {
    using time = new FakeTime();
    const store = makeStore()!;
    await using one = nodeOf(store);
    await using other = nodeOf(store);
    const ann = one.sessions.create();
    await ann.hold("seat", FREE);
    const bob = other.sessions.create();
    assertEquals(await bob.hold("seat"), undefined);
    await pass(time, 30_000);
    bob.touch();
    await pass(time, 31_000);
    assertEquals([...one.freed, ...other.freed], ["12 idle seat"]);
    assert(await bob.hold("seat"));
  });

  Deno.test(`Session.hold() ${kind} outlives its process, and is delivered once`, async () => {
    using time = new FakeTime();
    const store = makeStore()!;
    {
      await using gone = nodeOf(store);
      const session = gone.sessions.create();
      await session.hold("a", { seconds: 5, ...FREE });
      await session.hold("b", FREE);
    }
    await pass(time, 6000);
    await using one = nodeOf(store);
    await using other = nodeOf(store);
    await pass(time, 1000);
    assertEquals([...one.freed, ...other.freed], ["12 absolute a"]);
    await pass(time, 60_000);
    assertEquals([...one.freed, ...other.freed], [
      "12 absolute a",
      "12 idle b",
    ]);
  });
}

Deno.test("Session.hold() is 503 while the store fails, and the key free again later", async () => {
  using time = new FakeTime();
  const broken = new BrokenStore();
  await using node = nodeOf(broken.store, { storeTimeout: 1 });
  const session = node.sessions.create();
  await pass(time, 10);
  for (const how of ["throws", "hangs"] as const) {
    broken.how = how;
    const holding = assertRejects(() => session.hold("seat"), HttpError);
    await pass(time, 1500);
    await holding;
    broken.how = "works";
    await pass(time, 3000);
  }
  assert(await session.hold("seat"));
});

Deno.test("Session.hold() whose answer is late is released", async () => {
  using time = new FakeTime();
  const bent = new BentStore();
  await using node = nodeOf(bent.store, { storeTimeout: 1 });
  bent.bends.take = async (act, ...args) => {
    await new Promise((resolve) => setTimeout(resolve, 3000));
    return act(...args);
  };
  const taking = assertRejects(
    () => node.sessions.hold("job", { seconds: 3600, ...FREE }),
    HttpError,
  );
  await pass(time, 4000);
  await taking;
  bent.bends.take = undefined;
  assert(await node.sessions.hold("job", { seconds: 3600 }));
  assertEquals(node.freed, []);
});

Deno.test("Session.hold() of a session that another process ends meanwhile is not left behind", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using one = nodeOf(bent.store);
  await using other = nodeOf(bent.store);
  const session = one.sessions.create();
  await pass(time, 10);
  let isFirst = true;
  bent.bends.take = async (act, ...args) => {
    const times = await act(...args);
    if (isFirst) await other.sessions.end(session.uid);
    isFirst = false;
    return times;
  };
  await session.hold("seat", FREE).catch(() => {});
  await pass(time, 2000);
  const freed = [...one.freed, ...other.freed];
  assert(freed.length <= 1, `${freed}`);
  assert(await other.sessions.create().hold("seat"));
});

Deno.test("Session.hold() that renews a hold while its session ends does not keep the key", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const session = node.sessions.create();
  await pass(time, 10);
  assert(await session.hold("seat", { seconds: 3600, ...FREE }));
  bent.bends.take = async (act, ...args) => {
    const times = await act(...args);
    if (times !== undefined) session.expire();
    return times;
  };
  await session.hold("seat", { seconds: 3600, ...FREE }).catch(() => {});
  bent.bends.take = undefined;
  await pass(time, 2000);
  assertEquals(node.freed.length, 1);
  assert(await node.sessions.create().hold("seat"));
});

Deno.test("Session.hold() that renews a hold while its session ends keeps the key until that end is written", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const session = node.sessions.create();
  await pass(time, 10);
  assert(await session.hold("seat", { seconds: 3600 }));
  bent.bends.end = async (end, ...args) => {
    await after(500);
    return end(...args);
  };
  bent.bends.take = async (take, ...args) => {
    bent.bends.take = undefined;
    const times = await take(...args);
    session.expire();
    return times;
  };
  session.hold("seat", { seconds: 3600 }).catch(() => {});
  await pass(time, 100);
  const buyer = node.sessions.create();
  assertEquals(await buyer.hold("seat"), undefined);
  await pass(time, 1000);
  assert(await buyer.hold("seat"));
});

Deno.test("Session.hold() that renews a hold while its session ends keeps the key if that end cannot be written at once", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  await using other = nodeOf(bent.store);
  const session = node.sessions.create();
  await pass(time, 10);
  assert(await session.hold("seat", { seconds: 3600, ...FREE }));
  bent.bends.end = () => Promise.reject(new Error("The connection is lost"));
  bent.bends.take = async (take, ...args) => {
    bent.bends.take = undefined;
    const times = await take(...args);
    session.expire();
    return times;
  };
  await assertRejects(
    () => session.hold("seat", { seconds: 3600, ...FREE }),
    SessionEndedError,
  );
  await pass(time, 100);
  // The session lives in the store, and in other processes.
  const buyer = other.sessions.create();
  assertEquals(await buyer.hold("seat"), undefined);
  assertEquals(node.freed, []);
  bent.bends.end = undefined;
  await pass(time, 5000);
  assertEquals([...node.freed, ...other.freed], ["12 logout seat"]);
  assert(await buyer.hold("seat"));
});

Deno.test("Session.hold() without a deadline ends with its session, though both ends meet", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const session = node.sessions.create();
  await pass(time, 10);
  const isEnding = Promise.withResolvers<void>();
  const isTaken = Promise.withResolvers<void>();
  bent.bends.take = async (take, ...args) => {
    const isLast = args[1] !== undefined;
    if (isLast) {
      session.expire();
      await isEnding.promise;
    }
    const times = await take(...args);
    if (isLast) isTaken.resolve();
    return times;
  };
  bent.bends.commit = async (commit, ...args) => {
    if (String(args[0]).startsWith("hold:")) {
      isEnding.resolve();
      await isTaken.promise;
    }
    return commit(...args);
  };
  await session.hold("seat", FREE);
  bent.bends.take = undefined;
  await pass(time, 2000);
  assertEquals(node.freed, ["12 logout seat"]);
  assert(await node.sessions.create().hold("seat"));
});

Deno.test("Session.hold() of a process that dies before the session has its callback ends in half a minute", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const bent = new BentStore(store);
  await using one = nodeOf(bent.store);
  await using other = nodeOf(store);
  const session = one.sessions.create();
  await pass(time, 10);
  // As if the process had died in this call.
  const dead = Promise.withResolvers<undefined>();
  bent.bends.commit = () => dead.promise;
  session.hold("seat", FREE).catch(() => {});
  await pass(time, 20_000);
  const buyer = other.sessions.create();
  assertEquals(await buyer.hold("seat"), undefined);
  await pass(time, 11_000);
  assert(await buyer.hold("seat"));
  bent.bends.commit = undefined;
  dead.resolve(undefined);
});

Deno.test("Session.hold() whose take() the store's client sends twice ends with its session", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const ann = node.sessions.create();
  await pass(time, 10);
  bent.bends.take = async (take, ...args) => {
    bent.bends.take = undefined;
    await take(...args);
    return take(...args);
  };
  assertEquals((await ann.hold("seat", FREE))?.expiresAt, Infinity);
  ann.expire();
  await pass(time, 10);
  assertEquals(node.freed, ["12 logout seat"]);
  const bob = node.sessions.create();
  assertEquals((await bob.hold("seat"))?.key, "seat");
});

Deno.test("Session.hold() of a session that has ended in another process rejects, and leaves the key free", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using one = nodeOf(bent.store);
  await using other = nodeOf(bent.store);
  const session = one.sessions.create();
  await pass(time, 10);
  // The process does not hear of it.
  bent.bends.take = async (take, ...args) => {
    bent.bends.take = undefined;
    const times = await take(...args);
    bent.inner.end(session.uid, "logout", { owner: "other", lease: 60_000 });
    return times;
  };
  const options = { seconds: 600, ...FREE };
  await assertRejects(() => session.hold("seat", options));
  await pass(time, 10);
  assert(await other.sessions.create().hold("seat"));
  assertEquals([...one.freed, ...other.freed], []);
});

Deno.test("Session.hold() writes no value of a request that a login in another process has superseded", async () => {
  using time = new FakeTime();
  const store = asynchronous(new MemoryStore());
  await using one = nodeOf(store);
  await using other = nodeOf(store);
  one.page("in", (request) => request.getSession().uid)
    .page("seat", async (request) => {
      const session = request.getSession();
      await after(600);
      session.set("colour", "red");
      return `${await session.hold("seat", FREE)}`;
    });
  other.page("login", (request) => request.logIn("ann").uid)
    .page("colour", (request) => `${request.session?.get("colour")}`);
  const guest = cookieOf(await one.get("in"));
  const seat = one.get("seat", guest);
  await pass(time, 100);
  const ann = cookieOf(await other.get("login", guest));
  await pass(time, 1000);
  assertEquals((await seat).status, 503);
  const colour = await other.get("colour", ann);
  assertEquals(await colour.text(), "undefined");
});

Deno.test("A hold calls its callback, though the hold before it waits to be acknowledged", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  bent.bends.acknowledge = () => Promise.reject(new Error("away"));
  await node.sessions.hold("seat", { seconds: 2 });
  await pass(time, 2100);
  await node.sessions.hold("seat", { seconds: 2, ...FREE });
  await pass(time, 2100);
  assertEquals(node.freed, ["12 absolute seat"]);
  bent.bends.acknowledge = undefined;
  await pass(time, 5000);
  assertEquals(node.freed, ["12 absolute seat"]);
});

Deno.test("Session.hold() over a store without holds says so", async () => {
  const bent = new BentStore();
  const store = new Proxy(bent.store, {
    get: (target, name) =>
      name === "take" ? undefined : Reflect.get(target, name, target),
  });
  await using node = nodeOf(store);
  await assertRejects(
    () => node.sessions.create().hold("a"),
    TypeError,
    'Cannot hold "a": the store has no method take()',
  );
});

Deno.test("A hold ends with its own number, though the store's clock is set back after a write of its end that had no answer", async () => {
  using time = new FakeTime();
  const clock = new SetClock();
  const store = new MemoryStore({ clock });
  const { store: bent, bends } = new BentStore(asynchronous(store));
  await using node = nodeOf(bent);
  const fences: (number | undefined)[] = [];
  node.sessions.onEnd("note", (_, { hold }) => void fences.push(hold?.fence));
  const session = node.sessions.create();
  const hold = await session.hold("seat", { seconds: 20, then: "note" });
  await pass(time, 1000);
  bends.commit = async (act, ...args) => {
    bends.commit = undefined;
    await act(...args);
    clock.set(-5000);
    throw new Error("connection reset");
  };
  session.expire();
  await pass(time, 30_000);
  assertEquals(fences, [hold!.fence]);
});
