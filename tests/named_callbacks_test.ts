import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Sessions } from "../sessions.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import type { SessionStore } from "../stores/store.ts";
import {
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
  STORE_KINDS,
} from "./helpers_store.ts";

/** A node whose callback "free" notes its arguments. */
function nodeOf(store: SessionStore | undefined, options = {}) {
  const node = new Node(store, options);
  const freed: unknown[] = [];
  node.site.onEnd("free", (argument) => void freed.push(argument));
  return Object.assign(node, { freed });
}

for (const [kind, makeStore] of Object.entries(STORE_KINDS)) {
  Deno.test(`Session.notifyOnExpire() ${kind} replaces a callback of the same name and argument`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    let seats = {};
    node.page("book", (request) => {
      request.getSession().notifyOnExpire("free", seats);
      return "";
    });
    seats = { row: 1, seats: [{ a: 1, b: 2 }] };
    const cookie = cookieOf(await node.get("book"));
    seats = { seats: [{ b: 2, a: 1 }], row: 1 };
    await node.get("book", cookie);
    seats = { row: 2 };
    await node.get("book", cookie);
    await node.get("book", cookie);
    await pass(time, 61_000);
    assertEquals(node.freed, [{ row: 1, seats: [{ a: 1, b: 2 }] }, { row: 2 }]);
  });

  Deno.test(`Session.notifyOnExpire() ${kind} replaces a callback of the same key, in its place`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    let count = 0;
    node.page("book", (request) => {
      const session = request.getSession();
      session.notifyOnExpire("free", count++, { key: "cart" });
      session.notifyOnExpire("free", "other");
      return "";
    });
    const cookie = cookieOf(await node.get("book"));
    await node.get("book", cookie);
    await node.get("book", cookie);
    await pass(time, 61_000);
    assertEquals(node.freed, [2, "other"]);
  });

  Deno.test(`Session.notifyOnExpire() ${kind} answers a function that takes a named callback back`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    node.page("book", (request) => {
      const session = request.getSession();
      session.notifyOnExpire("free", 7);
      session.notifyOnExpire("free", 8);
      return "";
    });
    node.page("give back", (request) => {
      const giveBack = request.getSession().notifyOnExpire("free", 7);
      giveBack();
      giveBack();
      return "";
    });
    const cookie = cookieOf(await node.get("book"));
    await node.get("give%20back", cookie);
    await pass(time, 61_000);
    assertEquals(node.freed, [8]);
  });

  Deno.test(`Session.notifyOnExpire() ${kind} answers a function that spares a later callback of the key`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const giveBack: (() => void)[] = [];
    node.page("book", (request) => {
      const session = request.getSession();
      const seat = giveBack.length;
      giveBack.push(session.notifyOnExpire("free", seat, { key: "seat" }));
      return "";
    });
    const cookie = cookieOf(await node.get("book"));
    await node.get("book", cookie);
    giveBack[0]!();
    await pass(time, 61_000);
    assertEquals(node.freed, [1]);
  });

  Deno.test(`Session.notifyOnExpire() ${kind} refuses an argument without JSON, unless it has a key`, async () => {
    await using node = nodeOf(makeStore());
    const session = node.site.sessions.create();
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const odd = [
      new Map(),
      new Date(),
      NaN,
      1n,
      [, 1],
      { a: undefined },
      cycle,
    ];
    for (const argument of odd) {
      const error = assertThrows(
        () => session.notifyOnExpire("free", argument),
        TypeError,
      );
      assertMatch(error.message, /"free" has no JSON .* option "key"/);
    }
    session.notifyOnExpire("free", 1n, { key: "big" });
    assertThrows(
      () => session.notifyOnExpire("free", () => {}, { key: "f" }),
      TypeError,
    );
    assertThrows(
      () => session.notifyOnExpire("free", 1, { key: 1 } as never),
      TypeError,
    );
    assertThrows(
      () => session.notifyOnExpire("free", 1, { kee: "" } as never),
      TypeError,
    );
    session.expire();
    await node.site.close();
    assertEquals(node.freed, [1n]);
  });

  Deno.test(`Session.notifyOnExpire() ${kind} refuses more than maxCallbacks named callbacks`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore(), { maxCallbacks: 3 });
    let seat = 0;
    node.page("book", (request) => {
      request.getSession().notifyOnExpire("free", seat);
      return "";
    });
    const cookie = cookieOf(await node.get("book"));
    for (seat = 1; seat < 3; seat++) await node.get("book", cookie);
    seat = 1;
    assertEquals((await node.get("book", cookie)).status, 200);
    seat = 3;
    assertEquals((await node.get("book", cookie)).status, 500);
    const error = node.errors.at(-1);
    assert(error instanceof RangeError);
    assertMatch(String(error), /3 callbacks already.*maxCallbacks/);
    await pass(time, 61_000);
    assertEquals(node.freed, [0, 1, 2]);
  });

  Deno.test(`Sessions ${kind} calls a failed named callback for endRetryFor, then keeps a dead letter`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const options = { endRetryFor: 3600, sessionTimeout: 60 };
    await using node = new Node(store, options);
    const calls: number[] = [];
    let isAway = true;
    node.site.onEnd("bill", (amount) => {
      calls.push(Date.now());
      if (isAway) throw new Error(`no line to the bank: ${amount}`);
    });
    node.page("buy", (request) => {
      request.getSession().notifyOnExpire("bill", 42);
      return "";
    });
    await node.get("buy");
    await pass(time, 60_500);
    for (let i = 0; i < 600; i++) await pass(time, 1000);
    const pauses = calls.slice(1).map((at, i) => at - calls[i]!);
    assert(pauses.length >= 8 && pauses.length <= 10, String(pauses));
    pauses.slice(1).forEach((pause, i) => {
      const before = pauses[i]!;
      assert(pause >= before && pause <= 2.2 * before + 1500, String(pauses));
    });
    assertEquals(await node.site.sessions.listDeadLetters(), []);
    for (let i = 0; i < 320; i++) await pass(time, 10_000);
    const letters = await node.site.sessions.listDeadLetters();
    assertEquals(letters.length, 1);
    const [{ uid, reason, callbacks, why }] = letters as [typeof letters[0]];
    assertEquals(reason, "idle");
    assertEquals(callbacks, [{ name: "bill", argument: 42 }]);
    assertMatch(why, /no line to the bank: 42/);
    assertEquals(node.reasons, ["idle"], "the listeners are called once");
    assertMatch(String(node.errors.at(-1)), /dead letter/);

    const { length } = calls;
    await pass(time, 7_200_000);
    assertEquals(calls.length, length, "no calls after that");
    isAway = false;
    const { sessions } = node.site;
    assertEquals(await sessions.retryDeadLetter("unknown"), false);
    assertEquals(await sessions.retryDeadLetter(uid), true);
    await pass(time, 2000);
    assertEquals(calls.length, length + 1);
    assertEquals(await sessions.listDeadLetters(), []);
    assertEquals(await sessions.deleteDeadLetter(uid), false);
    assertEquals(node.reasons, ["idle"], "the listeners are still called once");
  });

  Deno.test(`Sessions.deleteDeadLetter() ${kind} forgets a dead letter`, async () => {
    using time = new FakeTime();
    await using node = new Node(makeStore(), { endRetryFor: 0 });
    let calls = 0;
    node.site.onEnd("bill", () => {
      calls++;
      return Promise.reject(new Error("away"));
    });
    node.page("buy", (request) => {
      request.getSession().notifyOnExpire("bill");
      return "";
    });
    await node.get("buy");
    await pass(time, 62_000);
    assertEquals(calls, 1);
    const { sessions } = node.site;
    const [letter] = await sessions.listDeadLetters();
    assertEquals(await sessions.deleteDeadLetter(letter!.uid), true);
    assertEquals(await sessions.deleteDeadLetter(letter!.uid), false);
    assertEquals(await sessions.listDeadLetters(), []);
    assertEquals(await sessions.retryDeadLetter(letter!.uid), false);
  });
}

Deno.test("Session.notifyOnExpire() refuses more than maxCallbacks functions", async () => {
  await using sessions = new Sessions({ maxCallbacks: 2 });
  const session = sessions.create();
  const takeBack = session.notifyOnExpire(() => {});
  session.notifyOnExpire(() => {});
  assertThrows(() => session.notifyOnExpire(() => {}), RangeError, "maxCall");
  takeBack();
  session.notifyOnExpire(() => {});
  session.notifyBeforeEnd(1, () => {});
  session.notifyBeforeEnd(1, () => {});
  assertThrows(
    () => session.notifyBeforeEnd(1, () => {}),
    RangeError,
    "maxCallbacks",
  );
});

Deno.test("Sessions of two processes replace and take back each other's named callbacks", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  await using one = nodeOf(store);
  await using two = nodeOf(store);
  for (const node of [one, two]) {
    node.page("book", (request) => {
      const seat = Number(request.getHeader("seat"));
      request.getSession().notifyOnExpire("free", seat, { key: "seat" });
      return "";
    });
    node.page("give back", (request) => {
      request.getSession().notifyOnExpire("free", 0, { key: "seat" })();
      return "";
    });
  }
  const book = (node: Node, seat: number, cookie = "") =>
    node.site.fetch(
      new Request("http://localhost/book", {
        headers: { cookie, seat: String(seat) },
      }),
    );
  const a = cookieOf(await book(one, 1));
  await book(two, 2, a);
  const b = cookieOf(await book(one, 3));
  await two.get("give%20back", b);
  await pass(time, 62_000);
  assertEquals([...one.freed, ...two.freed], [2]);
});

for (const isNotified of [true, false]) {
  Deno.test(
    `A named callback is called that is registered after the session has ended elsewhere, ${
      isNotified ? "" : "not yet "
    }notified`,
    async () => {
      using time = new FakeTime();
      const bent = new BentStore();
      if (!isNotified) bent.bends.watch = () => () => {};
      await using one = nodeOf(asynchronous(bent.store));
      await using two = nodeOf(asynchronous(bent.inner));
      const waiting = Promise.withResolvers<void>();
      one.page("book", async (request) => {
        const session = request.getSession();
        await waiting.promise;
        session.notifyOnExpire("free", 7);
        return "booked";
      });
      two.page("out", (request) => {
        request.logOut();
        return "";
      });
      one.page("in", (request) => request.getSession().uid);
      const cookie = cookieOf(await one.get("in"));
      const booking = one.get("book", cookie);
      await pass(time, 20);
      await two.get("out", cookie);
      await pass(time, isNotified ? 100 : 0);
      waiting.resolve();
      await booking;
      await pass(time, 5000);
      assertEquals(one.freed, [7]);
      assertEquals(two.freed, []);
    },
  );
}

Deno.test("A named callback is called whose commit a session's end elsewhere has overtaken", async () => {
  using time = new FakeTime();
  const bent = new BentStore();
  await using one = nodeOf(asynchronous(bent.store));
  await using two = nodeOf(asynchronous(bent.inner));
  one.page("book", (request) => {
    request.getSession().notifyOnExpire("free", 7);
    return "booked";
  });
  two.page("out", (request) => {
    request.logOut();
    return "";
  });
  one.page("in", (request) => request.getSession().uid);
  const cookie = cookieOf(await one.get("in"));
  const held = Promise.withResolvers<void>();
  bent.bends.commit = async (act, ...args) => {
    await held.promise;
    return act(...args);
  };
  const booking = one.get("book", cookie);
  await pass(time, 20);
  await two.get("out", cookie);
  await pass(time, 100);
  held.resolve();
  await booking;
  await pass(time, 5000);
  assertEquals([...one.freed, ...two.freed], [7]);
});

Deno.test("A named callback is called that waits to be written when both processes end the session", async () => {
  using time = new FakeTime();
  const bent = new BentStore();
  await using one = nodeOf(asynchronous(bent.store));
  await using two = nodeOf(asynchronous(bent.inner));
  one.page("in", (request) => request.getSession().uid);
  const cookie = cookieOf(await one.get("in"));
  const session = [...one.site.sessions.values()][0]!;
  bent.bends.watch = () => () => {};
  const [uid] = [...one.site.sessions.keys()];
  await bent.inner.end(uid!, "logout", { owner: "other", lease: 60_000 });
  session.notifyOnExpire("free", 7);
  session.expire();
  await pass(time, 5000);
  assertEquals(one.freed, [7]);
  assert(cookie !== "" && two.freed.length === 0);
});

Deno.test("Sessions.close() reports named callbacks that were to be called again", async () => {
  using _time = new FakeTime();
  const node = new Node(undefined);
  node.site.onEnd("bill", () => {
    throw new Error("away");
  });
  const session = node.site.makeSession();
  session.notifyOnExpire("bill");
  session.expire();
  await node.site.close();
  assertMatch(String(node.errors.at(-1)), /"bill".*again.*closed/);
});

Deno.test("Sessions.listDeadLetters() rejects if the store fails", async () => {
  const bent = new BentStore();
  bent.bends.listDeadLetters = () => Promise.reject(new Error("away"));
  await using node = new Node(bent.store);
  await assertRejects(
    () => node.site.sessions.listDeadLetters(),
    Error,
    "away",
  );
});

for (const answer of ["nothing", "an error"]) {
  Deno.test(`A named callback is reported whose write got ${answer} before the session ended elsewhere`, async () => {
    using time = new FakeTime();
    const bent = new BentStore(asynchronous(new MemoryStore()));
    await using one = nodeOf(bent.store);
    one.page("in", (request) => request.getSession().uid);
    const uid = await (await one.get("in")).text();
    const session = one.site.sessions.get(uid)!;
    bent.bends.commit = () =>
      answer === "nothing"
        ? new Promise(() => {})
        : Promise.reject(new Error("away"));
    session.notifyOnExpire("free", 7);
    await pass(time, 1);
    await bent.inner.end(uid, "logout", { owner: "other", lease: 60_000 });
    await pass(time, 20_000);
    bent.bends.commit = undefined;
    await pass(time, 20_000);
    const isReported = one.errors.some((error) =>
      /callback "free"/.test(String(error))
    );
    assert(isReported || one.freed.length > 0, String(one.errors));
  });
}
