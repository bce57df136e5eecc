import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Session,
  type SessionEnd,
  SessionEndedError,
  type SessionEndReason,
} from "../../mod.ts";
import {
  cookieOf,
  Errors,
  lasting,
  ManualClock,
  onlySession,
  settle,
  siteOf,
  START,
  visit,
  watchEnds,
} from "../helpers_session.ts";

const SHORT = lasting({ sessionTimeout: 5 });

/** A session that ends 5 s after the last access. */
class FiveSeconds extends Session {
  override sessionTimeout = 5;
}

// What an end is.

Deno.test("Session.expire() takes the session out of site.sessions", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire();
  assertFalse(site.sessions.has(session.uid));
});

Deno.test("Session.expire() is a logout unless told", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  site.makeSession().expire();
  assertEquals(ends.map(({ reason }) => reason), ["logout"]);
});

for (
  const reason of [
    "idle",
    "absolute",
    "logout",
    "evicted",
    "revoked",
    "shutdown",
  ] satisfies SessionEndReason[]
) {
  Deno.test(`Session.expire("${reason}") ends for that reason`, () => {
    using site = siteOf();
    const ends = watchEnds(site);
    site.makeSession().expire(reason);
    assertEquals(ends.map(({ reason }) => reason), [reason]);
  });
}

Deno.test("Session.expire() tells the session, the uid and the time in seconds", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const session = site.makeSession();
  const told: SessionEnd[] = [];
  session.notifyOnExpire((end) => {
    told.push(end);
  });
  time.tick(1250);
  session.expire();
  assertStrictEquals(told[0]!.session, session);
  assertEquals([told[0]!.uid, told[0]!.at], [session.uid, START / 1000 + 1.25]);
});

Deno.test("Session.expire() tells the session and the site of one and the same end", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.notifyOnExpire((end) => {
    ends.push(end);
  });
  session.expire();
  assertStrictEquals(ends[0], ends[1]);
});

Deno.test("Session.expire() leaves the timer with nothing to do", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  site.makeSession().expire();
  assertEquals(clock.pending, 0);
});

Deno.test("Session.expire() leaves the other sessions", () => {
  using site = siteOf();
  const other = site.makeSession();
  site.makeSession().expire();
  assertStrictEquals(onlySession(site), other);
});

Deno.test("Session.expire() works before the start", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = new Session(site, "a".repeat(32));
  const told: string[] = [];
  session.notifyOnExpire(({ uid }) => told.push(uid));
  session.expire();
  assertEquals(told, ["a".repeat(32)]);
  // The site has never had it.
  assertEquals(ends, []);
});

Deno.test("Session.startCheckingExpiration() does nothing after the end", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const session = site.makeSession();
  session.expire();
  session.startCheckingExpiration();
  assertEquals(clock.pending, 0);
});

Deno.test("Session.startCheckingExpiration() after the end minds no invalid timeout", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.expire();
  session.sessionTimeout = NaN;
  session.startCheckingExpiration();
  session.touch();
  assertEquals(ends.length, 1);
});

// It ends once.

Deno.test("Session.expire() twice is one end", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.expire("revoked");
  session.expire("logout");
  assertEquals(ends.map(({ reason }) => reason), ["revoked"]);
});

Deno.test("Session.expire() in its own callback is one end", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  let calls = 0;
  session.notifyOnExpire(() => {
    calls++;
    session.expire();
  });
  session.expire();
  assertEquals([calls, ends.length], [1, 1]);
});

Deno.test("Session.expire() in an abort listener is one end", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.signal.addEventListener("abort", () => session.expire("evicted"));
  session.expire();
  assertEquals(ends.map(({ reason }) => reason), ["logout"]);
});

Deno.test("Session.expire() in a callback of the site is one end", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  site.notifyOnSessionEnd(({ session }) => session.expire("evicted"));
  site.makeSession().expire();
  assertEquals(ends.map(({ reason }) => reason), ["logout"]);
});

Deno.test("Session.expire() while the timer fires is one end", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.notifyOnExpire(() => session.expire("logout"));
  time.tick(5000);
  assertEquals(ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("Session.expire() of a neighbour while the timer fires is one end for each", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  const pair = [site.makeSession(), site.makeSession()];
  pair[0]!.notifyOnExpire(() => pair[1]!.expire("evicted"));
  pair[1]!.notifyOnExpire(() => pair[0]!.expire("evicted"));
  time.tick(5000);
  assertEquals(ends.map(({ uid, reason }) => [uid, reason]), [
    [pair[1]!.uid, "evicted"],
    [pair[0]!.uid, "idle"],
  ]);
});

Deno.test("Session.expire() before the deadline leaves nothing for the deadline", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  site.makeSession().expire();
  time.tick(10_000);
  assertEquals(ends.length, 1);
});

Deno.test("Session.expire() after the deadline changes nothing", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  const session = site.makeSession();
  time.tick(5000);
  session.expire();
  assertEquals(ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("Session.expire() past the deadline with a late timer ends for the reason it was given", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  const session = site.makeSession();
  clock.jump(6000);
  session.expire();
  clock.advance(1000);
  assertEquals(ends.map(({ reason, at }) => [reason, at]), [
    ["logout", START / 1000 + 6],
  ]);
});

// The order.

Deno.test("An end is out of site.sessions before the signal aborts", () => {
  using site = siteOf();
  const session = site.makeSession();
  const sizes: number[] = [];
  session.signal.addEventListener(
    "abort",
    () => sizes.push(site.sessions.size),
  );
  session.expire();
  assertEquals(sizes, [0]);
});

Deno.test("An end is not found by site.getSession() in a callback", () => {
  using site = siteOf();
  const session = site.makeSession();
  const found: unknown[] = [];
  session.notifyOnExpire(({ uid }) => {
    found.push(site.getSession(uid));
  });
  session.expire();
  assertEquals(found, [undefined]);
});

Deno.test("An end goes to signal, session's callbacks, site's callbacks, ended", async () => {
  using site = siteOf();
  const session = site.makeSession();
  const order: string[] = [];
  const ended = session.ended.then(() => order.push("ended"));
  site.notifyOnSessionEnd(() => {
    order.push("site 1");
  });
  session.notifyOnExpire(() => {
    order.push("session 1");
  });
  session.signal.addEventListener("abort", () => order.push("signal"));
  session.notifyOnExpire(() => {
    order.push("session 2");
  });
  site.notifyOnSessionEnd(() => {
    order.push("site 2");
  });
  session.expire();
  await ended;
  assertEquals(order, [
    "signal",
    "session 1",
    "session 2",
    "site 1",
    "site 2",
    "ended",
  ]);
});

Deno.test("An end by the deadline keeps the same order", async () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  const order: string[] = [];
  const ended = session.ended.then(() => order.push("ended"));
  site.notifyOnSessionEnd(() => {
    order.push("site");
  });
  session.notifyOnExpire(() => {
    order.push("session");
  });
  session.signal.addEventListener("abort", () => order.push("signal"));
  time.tick(5000);
  await ended;
  assertEquals(order, ["signal", "session", "site", "ended"]);
});

Deno.test("An end is told to all before expire() returns", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.notifyOnExpire((end) => {
    ends.push(end);
  });
  session.expire();
  assertEquals(ends.length, 2);
});

Deno.test("An end in the end of another is whole before the outer one goes on", () => {
  using site = siteOf();
  const order: string[] = [];
  const outer = site.makeSession();
  const inner = site.makeSession();
  outer.notifyOnExpire(() => inner.expire());
  outer.notifyOnExpire(() => {
    order.push("outer");
  });
  inner.notifyOnExpire(() => {
    order.push("inner");
  });
  site.notifyOnSessionEnd(({ session }) => {
    order.push(session === outer ? "site: outer" : "site: inner");
  });
  outer.expire();
  assertEquals(order, ["inner", "site: inner", "outer", "site: outer"]);
});

// Callbacks.

Deno.test("Session.notifyOnExpire() calls a callback as often as it was registered", () => {
  using site = siteOf();
  const session = site.makeSession();
  let calls = 0;
  const callback = () => {
    calls++;
  };
  session.notifyOnExpire(callback);
  session.notifyOnExpire(callback);
  session.expire();
  assertEquals(calls, 2);
});

Deno.test("Session.notifyOnExpire() calls nothing before the end", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  let calls = 0;
  session.notifyOnExpire(() => {
    calls++;
  });
  time.tick(4999);
  assertEquals(calls, 0);
});

Deno.test("Session.notifyOnExpire() is no touch", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const session = site.makeSession();
  time.tick(1000);
  session.notifyOnExpire(() => {});
  assertEquals(session.lastModified, START / 1000);
});

Deno.test("Session.notifyOnExpire() refuses what is no function", () => {
  using site = siteOf();
  const session = site.makeSession();
  assertThrows(
    () => session.notifyOnExpire("log"),
    TypeError,
    'not a function: "log"',
  );
});

Deno.test("Session.notifyOnExpire() in a callback is called in the same pass", () => {
  using site = siteOf();
  const session = site.makeSession();
  const order: string[] = [];
  session.notifyOnExpire(() => {
    order.push("first");
    session.notifyOnExpire(() => {
      order.push("from the first");
    });
  });
  session.notifyOnExpire(() => {
    order.push("second");
  });
  site.notifyOnSessionEnd(() => {
    order.push("site");
  });
  session.expire();
  assertEquals(order, ["first", "second", "from the first", "site"]);
});

Deno.test("Session.notifyOnExpire() in a callback that was so registered is called too", () => {
  using site = siteOf();
  const session = site.makeSession();
  let depth = 0;
  const callback = () => {
    if (++depth < 100) session.notifyOnExpire(callback);
  };
  session.notifyOnExpire(callback);
  session.expire();
  assertEquals(depth, 100);
});

Deno.test("Session.notifyOnExpire() in an abort listener is called in the same pass", () => {
  using site = siteOf();
  const session = site.makeSession();
  const order: string[] = [];
  session.signal.addEventListener("abort", () => {
    session.notifyOnExpire(() => {
      order.push("late");
    });
  });
  session.notifyOnExpire(() => {
    order.push("early");
  });
  session.expire();
  assertEquals(order, ["early", "late"]);
});

Deno.test("Session.notifyOnExpire() in a callback of the site is not called at once", () => {
  using site = siteOf();
  let calls = 0;
  site.notifyOnSessionEnd(({ session }) => {
    session.notifyOnExpire(() => {
      calls++;
    });
  });
  site.makeSession().expire();
  assertEquals(calls, 0);
});

Deno.test("Session.notifyOnExpire() in a callback of the site is called in a microtask", async () => {
  using site = siteOf();
  const told: SessionEnd[] = [];
  const ends = watchEnds(site);
  site.notifyOnSessionEnd(({ session }) => {
    session.notifyOnExpire((end) => {
      told.push(end);
    });
  });
  site.makeSession().expire();
  await Promise.resolve();
  assertStrictEquals(told[0], ends[0]);
});

Deno.test("Session.notifyOnExpire() after the end is not called at once", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire();
  let calls = 0;
  session.notifyOnExpire(() => {
    calls++;
  });
  assertEquals(calls, 0);
});

Deno.test("Session.notifyOnExpire() after the end is called in a microtask, told of the end", async () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.notifyOnExpire(() => {});
  session.expire("revoked");
  const told: SessionEnd[] = [];
  session.notifyOnExpire((end) => {
    told.push(end);
  });
  await Promise.resolve();
  assertEquals(told.length, 1);
  assertStrictEquals(told[0], ends[0]);
});

Deno.test("Session.notifyOnExpire() after the end calls in the order of registration", async () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire();
  const order: number[] = [];
  for (let i = 0; i < 3; i++) {
    session.notifyOnExpire(() => {
      order.push(i);
    });
  }
  await settle();
  assertEquals(order, [0, 1, 2]);
});

Deno.test("Session.notifyOnExpire() after the end reports what the callback throws", async () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  session.expire();
  const thrown = new Error("late");
  session.notifyOnExpire(() => {
    throw thrown;
  });
  await settle();
  assertStrictEquals(errors.all[0], thrown);
  assertStrictEquals(errors.sessions[0], session);
});

Deno.test("Session.notifyOnExpire() after the end reports what the callback rejects", async () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  session.expire();
  const thrown = new Error("late");
  session.notifyOnExpire(() => Promise.reject(thrown));
  await settle();
  assertStrictEquals(errors.all[0], thrown);
});

Deno.test("Session.notifyOnExpire() leaves callbacks of an earlier pass alone", async () => {
  using site = siteOf();
  const session = site.makeSession();
  let early = 0;
  session.notifyOnExpire(() => {
    early++;
  });
  session.expire();
  session.notifyOnExpire(() => {});
  await settle();
  assertEquals(early, 1);
});

// Callbacks that fail.

for (const position of [0, 1, 2]) {
  Deno.test(`A callback that throws as number ${position} of 3 stops none`, () => {
    const errors = new Errors();
    using site = siteOf({ onError: errors.onError });
    const ends = watchEnds(site);
    const session = site.makeSession();
    const called: number[] = [];
    for (let i = 0; i < 3; i++) {
      session.notifyOnExpire(() => {
        called.push(i);
        if (i === position) throw new Error("broken");
      });
    }
    session.expire();
    assertEquals([called, ends.length], [[0, 1, 2], 1]);
  });

  Deno.test(`A callback that throws as number ${position} of 3 is reported once`, () => {
    const errors = new Errors();
    using site = siteOf({ onError: errors.onError });
    const session = site.makeSession();
    const thrown = new Error("broken");
    for (let i = 0; i < 3; i++) {
      session.notifyOnExpire(() => {
        if (i === position) throw thrown;
      });
    }
    session.expire();
    assertEquals(errors.all.length, 1);
    assertStrictEquals(errors.all[0], thrown);
    assertStrictEquals(errors.sessions[0], session);
  });

  Deno.test(`A callback that rejects as number ${position} of 3 is reported once`, async () => {
    const errors = new Errors();
    using site = siteOf({ onError: errors.onError });
    const session = site.makeSession();
    const thrown = new Error("broken");
    for (let i = 0; i < 3; i++) {
      session.notifyOnExpire(async () => {
        await Promise.resolve();
        if (i === position) throw thrown;
      });
    }
    session.expire();
    await settle();
    assertEquals(errors.all.length, 1);
    assertStrictEquals(errors.all[0], thrown);
    assertStrictEquals(errors.sessions[0], session);
  });

  Deno.test(`A site callback that throws as number ${position} of 3 stops none`, () => {
    const errors = new Errors();
    using site = siteOf({ onError: errors.onError });
    const called: number[] = [];
    for (let i = 0; i < 3; i++) {
      site.notifyOnSessionEnd(() => {
        called.push(i);
        if (i === position) throw new Error("broken");
      });
    }
    site.makeSession().expire();
    assertEquals([called, errors.all.length], [[0, 1, 2], 1]);
  });

  Deno.test(`An abort listener that throws as number ${position} of 3 stops none`, () => {
    const errors = new Errors();
    using site = siteOf({ onError: errors.onError });
    const session = site.makeSession();
    const called: number[] = [];
    for (let i = 0; i < 3; i++) {
      session.signal.addEventListener("abort", () => {
        called.push(i);
        if (i === position) throw new Error("broken");
      });
    }
    session.expire();
    assertEquals([called, errors.all.length], [[0, 1, 2], 1]);
  });
}

Deno.test("A callback that throws does not reach the caller of expire()", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  session.notifyOnExpire(() => {
    throw new Error("broken");
  });
  session.expire();
  assertFalse(session.isActive);
});

Deno.test("A callback that throws at the deadline does not keep the next session", () => {
  using time = new FakeTime(START);
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: SHORT });
  for (let i = 0; i < 3; i++) {
    site.makeSession().notifyOnExpire(() => {
      throw new Error("broken");
    });
  }
  time.tick(5000);
  assertEquals([site.sessions.size, errors.all.length], [0, 3]);
});

Deno.test("A callback that throws undefined is reported", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  session.notifyOnExpire(() => {
    // deno-lint-ignore no-throw-literal
    throw undefined;
  });
  session.expire();
  assertEquals(errors.all, [undefined]);
});

Deno.test("A callback that answers a thenable whose then throws is reported", async () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  const thrown = new Error("broken then");
  session.notifyOnExpire(() => ({
    then() {
      throw thrown;
    },
  }));
  session.expire();
  await settle();
  assertStrictEquals(errors.all[0], thrown);
});

Deno.test("A callback that answers an object whose then cannot be read is reported", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  const thrown = new Error("no then");
  session.notifyOnExpire(() => ({
    get then(): never {
      throw thrown;
    },
  }));
  session.expire();
  assertStrictEquals(errors.all[0], thrown);
});

Deno.test("A callback whose promise never settles holds up nobody", async () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  const ended = session.ended;
  session.notifyOnExpire(() => new Promise<void>(() => {}));
  session.expire();
  assertStrictEquals(await ended, ends[0]);
});

// The signal.

Deno.test("Session.signal is not aborted before the end", () => {
  using site = siteOf();
  assertFalse(site.makeSession().signal.aborted);
});

Deno.test("Session.signal is one and the same", () => {
  using site = siteOf();
  const session = site.makeSession();
  assertStrictEquals(session.signal, session.signal);
});

Deno.test("Session.signal is one and the same after the end", () => {
  using site = siteOf();
  const session = site.makeSession();
  const { signal } = session;
  session.expire();
  assertStrictEquals(session.signal, signal);
});

Deno.test("Session.signal aborts at the deadline", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const { signal } = site.makeSession();
  time.tick(5000);
  assert(signal.aborted);
});

Deno.test("Session.signal aborts with a SessionEndedError of the end", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  const { signal } = session;
  session.expire("revoked");
  assertInstanceOf(signal.reason, SessionEndedError);
  assertStrictEquals(signal.reason.end, ends[0]);
});

Deno.test("Session.signal asked for in a callback is aborted already", () => {
  using site = siteOf();
  const session = site.makeSession();
  let signal: AbortSignal | undefined;
  session.notifyOnExpire(() => {
    signal = session.signal;
  });
  session.expire();
  assertInstanceOf(signal!.reason, SessionEndedError);
});

Deno.test("Session.signal asked for after the end is aborted with the end", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.expire();
  assertInstanceOf(session.signal.reason, SessionEndedError);
  assertStrictEquals(session.signal.reason.end, ends[0]);
});

Deno.test("Session.signal: what an abort listener throws goes to onError, with the session", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  const thrown = new Error("broken listener");
  session.signal.addEventListener("abort", () => {
    throw thrown;
  });
  session.expire();
  assertStrictEquals(errors.all[0], thrown);
  assertStrictEquals(errors.sessions[0], session);
});

Deno.test("Session.signal: what onabort throws goes to onError", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  const thrown = new Error("broken listener");
  session.signal.onabort = () => {
    throw thrown;
  };
  session.expire();
  assertStrictEquals(errors.all[0], thrown);
});

Deno.test("Session.signal: what a listener of a dependent signal throws goes to onError", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  const thrown = new Error("broken listener");
  const both = AbortSignal.any([session.signal, new AbortController().signal]);
  both.addEventListener("abort", () => {
    throw thrown;
  });
  session.expire();
  assertStrictEquals(errors.all[0], thrown);
});

Deno.test("Session.signal: a listener that throws at the deadline stops no callback", () => {
  using time = new FakeTime(START);
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: SHORT });
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.signal.addEventListener("abort", () => {
    throw new Error("broken listener");
  });
  time.tick(5000);
  assertEquals([errors.all.length, ends.length], [1, 1]);
});

Deno.test("Session.signal: an error of a listener nested in another's end names its own session", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const outer = site.makeSession();
  const inner = site.makeSession();
  outer.signal.addEventListener("abort", () => inner.expire());
  inner.signal.addEventListener("abort", () => {
    throw new Error("broken listener");
  });
  outer.expire();
  assertEquals(errors.all.length, 1);
  assertStrictEquals(errors.sessions[0], inner);
});

Deno.test("Session.signal: an error of a listener after a nested end names its own session", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const outer = site.makeSession();
  const inner = site.makeSession();
  inner.signal.addEventListener("abort", () => {});
  outer.signal.addEventListener("abort", () => {
    inner.expire();
    throw new Error("broken listener");
  });
  outer.expire();
  assertEquals(errors.all.length, 1);
  assertStrictEquals(errors.sessions[0], outer);
});

Deno.test("Session.signal: an end leaves errors of others to the global listeners", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  void session.signal;
  session.expire();
  const seen: unknown[] = [];
  const take = (event: ErrorEvent) => {
    event.preventDefault();
    seen.push(event.error);
  };
  globalThis.addEventListener("error", take);
  reportError("of somebody else");
  globalThis.removeEventListener("error", take);
  assertEquals([seen, errors.all], [["of somebody else"], []]);
});

// The promise.

Deno.test("Session.ended is one and the same", () => {
  using site = siteOf();
  const session = site.makeSession();
  assertStrictEquals(session.ended, session.ended);
});

Deno.test("Session.ended is pending before the end", async () => {
  using site = siteOf();
  const session = site.makeSession();
  let isEnded = false;
  session.ended.then(() => {
    isEnded = true;
  });
  await settle();
  assertFalse(isEnded);
});

Deno.test("Session.ended resolves to the end", async () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  const { ended } = session;
  session.expire("evicted");
  assertStrictEquals(await ended, ends[0]);
});

Deno.test("Session.ended asked for in a callback resolves after the site's callbacks", async () => {
  using site = siteOf();
  const session = site.makeSession();
  const order: string[] = [];
  session.notifyOnExpire(() => {
    session.ended.then(() => order.push("ended"));
  });
  site.notifyOnSessionEnd(() => {
    order.push("site");
  });
  session.expire();
  await settle();
  assertEquals(order, ["site", "ended"]);
});

Deno.test("Session.ended asked for in a callback of the site resolves", async () => {
  using site = siteOf();
  const ends = watchEnds(site);
  let ended: Promise<SessionEnd> | undefined;
  site.notifyOnSessionEnd(({ session }) => {
    ended = session.ended;
  });
  site.makeSession().expire();
  assertStrictEquals(await ended, ends[0]);
});

Deno.test("Session.ended asked for after the end resolves to the end", async () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.expire();
  assertStrictEquals(await session.ended, ends[0]);
});

Deno.test("Session.ended does not wait for the promises of callbacks", async () => {
  using site = siteOf();
  const session = site.makeSession();
  const gate = Promise.withResolvers<void>();
  session.notifyOnExpire(() => gate.promise);
  const { ended } = session;
  session.expire();
  assertEquals((await ended).reason, "logout");
  gate.resolve();
});

Deno.test("Session.ended resolves when callbacks throw", async () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  const { ended } = session;
  session.notifyOnExpire(() => {
    throw new Error("broken");
  });
  session.expire();
  assertEquals((await ended).reason, "logout");
});

// Callbacks that do more.

Deno.test("A callback that makes a session leaves it alive", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  let made: Session | undefined;
  site.makeSession().notifyOnExpire(() => {
    made = site.makeSession();
  });
  time.tick(5000);
  assertStrictEquals(onlySession(site), made);
});

Deno.test("A callback that makes a session gives it a whole timeout", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  site.makeSession().notifyOnExpire(() => {
    site.makeSession();
  });
  time.tick(9999);
  assertEquals(ends.length, 1);
  time.tick(1);
  assertEquals(ends[1]!.at, START / 1000 + 10);
});

Deno.test("A callback that makes a session without a timeout does not hold up the process", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ sessionTimeout: 0 }),
  });
  let made = 1;
  site.notifyOnSessionEnd(() => {
    if (++made <= 50) site.makeSession();
  });
  site.makeSession();
  let turns = 0;
  while (clock.fireNext()) turns++;
  assertEquals(turns, 50);
});

Deno.test("A callback that ends others at the deadline ends each once", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  const sessions = Array.from({ length: 10 }, () => site.makeSession());
  sessions[3]!.notifyOnExpire(() => {
    for (const session of sessions) session.expire("evicted");
  });
  time.tick(5000);
  assertEquals(ends.length, 10);
  assertEquals(new Set(ends.map(({ uid }) => uid)).size, 10);
});

Deno.test("A callback that touches another due at the same time does not save it", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  const [one, other] = [site.makeSession(), site.makeSession()];
  one.notifyOnExpire(() => other.touch());
  time.tick(5000);
  assertEquals(ends.map(({ reason }) => reason), ["idle", "idle"]);
});

Deno.test("A callback that touches another that is not due saves it", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const one = site.makeSession();
  time.tick(1);
  const other = site.makeSession();
  one.notifyOnExpire(() => other.touch());
  time.tick(9998);
  assert(other.isActive);
  time.tick(1);
  assertFalse(other.isActive);
});

Deno.test("A callback that looks up another due at the same time does not find it", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const [one, other] = [site.makeSession(), site.makeSession()];
  let found: Session | undefined = other;
  one.notifyOnExpire(() => {
    found = site.getSession(other.uid);
  });
  time.tick(5000);
  assertStrictEquals(found, undefined);
});

Deno.test("A callback that visits the site gets a new session", async () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const cookie = cookieOf(visit(site));
  const session = onlySession(site);
  let response: Response | undefined;
  session.notifyOnExpire(() => {
    response = visit(site, cookie);
  });
  time.tick(5000);
  assertEquals(await response!.text(), onlySession(site).uid);
  assertFalse(cookieOf(response!).includes(session.uid));
});

Deno.test("A callback that registers a callback of the site has it told of this end", () => {
  using site = siteOf();
  const session = site.makeSession();
  const told: SessionEnd[] = [];
  session.notifyOnExpire(() => {
    site.notifyOnSessionEnd((end) => {
      told.push(end);
    });
  });
  session.expire();
  assertStrictEquals(told[0]?.session, session);
});

Deno.test("A chain of a thousand ends in ends is whole", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const sessions = Array.from({ length: 1000 }, () => site.makeSession());
  for (const [i, session] of sessions.entries()) {
    session.notifyOnExpire(() => sessions[i + 1]?.expire("evicted"));
  }
  sessions[0]!.expire();
  assertEquals([ends.length, site.sessions.size], [1000, 0]);
});

// An expire() that a subclass overrides.

Deno.test("Session.expire() that is overridden sees the deadline, and its reason", () => {
  using time = new FakeTime(START);
  const seen: unknown[] = [];
  class Watched extends FiveSeconds {
    override expire(reason?: SessionEndReason): void {
      seen.push(reason);
      super.expire(reason);
    }
  }
  using site = siteOf({ sessionFactory: Watched });
  site.makeSession();
  time.tick(5000);
  assertEquals(seen, ["idle"]);
});

Deno.test("Session.expire() that is overridden sees an absolute deadline", () => {
  using time = new FakeTime(START);
  const seen: unknown[] = [];
  class Watched extends Session {
    override absoluteTimeout = 5;
    override expire(reason?: SessionEndReason): void {
      seen.push(reason);
      super.expire(reason);
    }
  }
  using site = siteOf({ sessionFactory: Watched });
  site.makeSession();
  time.tick(5000);
  assertEquals(seen, ["absolute"]);
});

Deno.test("Session.expire() that is overridden sees a deadline that a lookup finds", () => {
  const clock = new ManualClock();
  const seen: unknown[] = [];
  class Watched extends FiveSeconds {
    override expire(reason?: SessionEndReason): void {
      seen.push(reason);
      super.expire(reason);
    }
  }
  using site = siteOf({ clock, sessionFactory: Watched });
  const session = site.makeSession();
  clock.jump(5000);
  site.getSession(session.uid);
  assertEquals(seen, ["idle"]);
});

Deno.test("Session.expire() that is overridden sees the shutdown", () => {
  const seen: unknown[] = [];
  class Watched extends Session {
    override expire(reason?: SessionEndReason): void {
      seen.push(reason);
      super.expire(reason);
    }
  }
  {
    using site = siteOf({ sessionFactory: Watched });
    site.makeSession();
  }
  assertEquals(seen, ["shutdown"]);
});

Deno.test("Session.expire() that is overridden may change the reason", () => {
  using time = new FakeTime(START);
  class Renaming extends FiveSeconds {
    override expire(): void {
      super.expire("evicted");
    }
  }
  using site = siteOf({ sessionFactory: Renaming });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(5000);
  assertEquals(ends.map(({ reason }) => reason), ["evicted"]);
});

class Throwing extends FiveSeconds {
  override expire(): void {
    throw new Error("broken expire");
  }
}

Deno.test("Session.expire() that throws at the deadline ends all the same", () => {
  using time = new FakeTime(START);
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: Throwing });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(5000);
  assertEquals(ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("Session.expire() that throws at the deadline is reported with the session", () => {
  using time = new FakeTime(START);
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: Throwing });
  const session = site.makeSession();
  time.tick(5000);
  assertEquals(errors.all.map(String), ["Error: broken expire"]);
  assertStrictEquals(errors.sessions[0], session);
});

Deno.test("Session.expire() that throws at the deadline does not keep the others", () => {
  using time = new FakeTime(START);
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: Throwing });
  for (let i = 0; i < 3; i++) site.makeSession();
  time.tick(5000);
  assertEquals([site.sessions.size, errors.all.length], [0, 3]);
});

Deno.test("Session.expire() that throws after the end is one end, and reported", () => {
  using time = new FakeTime(START);
  class Late extends FiveSeconds {
    override expire(reason?: SessionEndReason): void {
      super.expire(reason);
      throw new Error("broken after");
    }
  }
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: Late });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(5000);
  assertEquals([ends.length, errors.all.length], [1, 1]);
});

Deno.test("Session.expire() that throws reaches the application that called it", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: Throwing });
  const session = site.makeSession();
  assertThrows(() => session.expire(), Error, "broken expire");
  assertEquals(errors.all, []);
});

Deno.test("Session.expire() that throws in a lookup makes the visitor a new session", () => {
  const clock = new ManualClock();
  const errors = new Errors();
  using site = siteOf({
    clock,
    onError: errors.onError,
    sessionFactory: Throwing,
  });
  const cookie = cookieOf(visit(site));
  clock.jump(5000);
  const response = visit(site, cookie);
  assertEquals([response.status, errors.all.length], [200, 1]);
});

class Touching extends FiveSeconds {
  override expire(reason?: SessionEndReason): void {
    if (reason === "idle" && this.lastModified < START / 1000 + 10) {
      return this.touch();
    }
    super.expire(reason);
  }
}

Deno.test("Session.expire() that only touches keeps the session", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: Touching });
  const ends = watchEnds(site);
  const session = site.makeSession();
  time.tick(5000);
  assertStrictEquals(onlySession(site), session);
  assertEquals([ends.length, session.expiresAt], [0, START / 1000 + 10]);
});

Deno.test("Session.expire() that only touches is called again at the next deadline", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: Touching });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(60_000);
  assertEquals(ends.map(({ reason, at }) => [reason, at]), [
    ["idle", START / 1000 + 15],
  ]);
});

Deno.test("Session.expire() that only touches lets a late lookup find the session", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: Touching });
  const session = site.makeSession();
  clock.jump(6000);
  assertStrictEquals(site.getSession(session.uid), session);
});

Deno.test("Session.expire() that only touches a session at its absolute deadline ends it", () => {
  using time = new FakeTime(START);
  class Clinging extends Session {
    override absoluteTimeout = 5;
    override expire(): void {
      this.touch();
    }
  }
  using site = siteOf({ sessionFactory: Clinging });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(5000);
  assertEquals(ends.map(({ reason }) => reason), ["absolute"]);
});

Deno.test("Session.expire() that only touches a session without a timeout ends it", () => {
  const clock = new ManualClock();
  class Clinging extends Session {
    override sessionTimeout = 0;
    override expire(): void {
      this.touch();
    }
  }
  using site = siteOf({ clock, sessionFactory: Clinging });
  const ends = watchEnds(site);
  site.makeSession();
  clock.advance();
  assertEquals(ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("Session.expire() that only touches with a timeout gone bad ends, and is reported", () => {
  using time = new FakeTime(START);
  class Clinging extends FiveSeconds {
    override expire(): void {
      this.sessionTimeout = NaN;
      this.touch();
    }
  }
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: Clinging });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(5000);
  assertInstanceOf(errors.all[0], RangeError);
  assertEquals(ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("Session.expire() that only touches cannot keep the session at the shutdown", () => {
  class Clinging extends Session {
    override expire(): void {
      this.touch();
    }
  }
  const site = siteOf({ sessionFactory: Clinging });
  const ends = watchEnds(site);
  site.makeSession();
  site[Symbol.dispose]();
  assertEquals(ends.map(({ reason }) => reason), ["shutdown"]);
});

Deno.test("Session.expire() that lengthens the timeout and starts checking keeps the session", () => {
  using time = new FakeTime(START);
  class Extending extends FiveSeconds {
    override expire(reason?: SessionEndReason): void {
      if (this.sessionTimeout === 20) return super.expire(reason);
      this.sessionTimeout = 20;
      this.startCheckingExpiration();
    }
  }
  using site = siteOf({ sessionFactory: Extending });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(60_000);
  assertEquals(ends.map(({ at }) => at), [START / 1000 + 20]);
});

Deno.test("Session.expire() that does nothing at the deadline ends all the same", () => {
  using time = new FakeTime(START);
  class Idle extends FiveSeconds {
    override expire(): void {}
  }
  using site = siteOf({ sessionFactory: Idle });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(5000);
  assertEquals(ends.map(({ reason, at }) => [reason, at]), [
    ["idle", START / 1000 + 5],
  ]);
});

Deno.test("Session.expire() that does nothing at the shutdown ends all the same", () => {
  class Idle extends Session {
    override expire(): void {}
  }
  const site = siteOf({ sessionFactory: Idle });
  const ends = watchEnds(site);
  site.makeSession();
  site[Symbol.dispose]();
  assertEquals(ends.map(({ reason }) => reason), ["shutdown"]);
});

Deno.test("Session.expire() that looks itself up at the deadline is not called again", () => {
  using time = new FakeTime(START);
  let calls = 0;
  class Curious extends FiveSeconds {
    override expire(reason?: SessionEndReason): void {
      calls++;
      site.getSession(this.uid);
      super.expire(reason);
    }
  }
  using site = siteOf({ sessionFactory: Curious });
  site.makeSession();
  time.tick(5000);
  assertEquals(calls, 1);
});

Deno.test("Session.expire() that is async and rejects is reported, with the session", async () => {
  using time = new FakeTime(START);
  class Async extends FiveSeconds {
    override async expire(reason?: SessionEndReason): Promise<void> {
      super.expire(reason);
      await Promise.resolve();
      throw new Error("broken later");
    }
  }
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: Async });
  const session = site.makeSession();
  time.tick(5000);
  await settle();
  assertEquals(errors.all.map(String), ["Error: broken later"]);
  assertStrictEquals(errors.sessions[0], session);
});

Deno.test("Session.expire() that is async and ends later ends at the deadline, once", async () => {
  using time = new FakeTime(START);
  class Async extends FiveSeconds {
    override async expire(reason?: SessionEndReason): Promise<void> {
      await Promise.resolve();
      super.expire(reason);
    }
  }
  using site = siteOf({ sessionFactory: Async });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(5000);
  assertEquals([site.sessions.size, ends.length], [0, 1]);
  await settle();
  assertEquals(ends.length, 1);
});

Deno.test("Session.expire() that ends others through the deadline ends each once", () => {
  using time = new FakeTime(START);
  class Family extends FiveSeconds {
    override expire(reason?: SessionEndReason): void {
      super.expire(reason);
      for (const session of site.sessions.values()) session.expire("evicted");
    }
  }
  using site = siteOf({ sessionFactory: Family });
  const ends = watchEnds(site);
  for (let i = 0; i < 5; i++) site.makeSession();
  time.tick(5000);
  assertEquals(ends.map(({ reason }) => reason), [
    "idle",
    "evicted",
    "evicted",
    "evicted",
    "evicted",
  ]);
});
