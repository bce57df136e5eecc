// What an application throws and rejects where no caller of its own could catch
// it: in timers, microtasks, streams, logs and promises that it returned. What
// reached Deno's top level would fail the tests, as it ends a process.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { Session, Site } from "../../mod.ts";
import { type Meter, SiteMetrics } from "../../metrics/mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { Leaf, WatchedSite } from "../helpers_http.ts";
import {
  cookieOf,
  Errors,
  ManualClock,
  onlySession,
  requestWith,
  settle,
  siteOf,
  visit,
  watchEnds,
} from "../helpers_session.ts";
import { asynchronous } from "../helpers_store.ts";

const ERROR = new Error("oops");

function fail(): never {
  throw ERROR;
}

async function reject(): Promise<never> {
  await undefined;
  throw ERROR;
}

/** An object that neither console.error() nor String() can show. */
const UNPRINTABLE = {
  [Symbol.for("Deno.customInspect")]: fail,
  toString: fail,
};

// onError.

Deno.test("SiteOptions.onError by default says that there was an error that cannot be printed", async () => {
  const real = console.error;
  const printed: unknown[] = [];
  console.error = (value: unknown) => {
    // As the console does it.
    Deno.inspect(value);
    printed.push(value);
  };
  try {
    await using site = new Site(
      new Leaf(() => {
        throw UNPRINTABLE;
      }),
    );
    const { status } = await site.fetch(new Request("http://localhost/"));
    assertEquals(status, 500);
  } finally {
    console.error = real;
  }
  assertEquals(printed, ["An error was reported that cannot be printed"]);
});

for (const [how, act] of Object.entries({ throws: fail, rejects: reject })) {
  Deno.test(`SiteOptions.onError that ${how} does no harm where the console fails too`, async () => {
    const real = console.error;
    console.error = fail;
    try {
      await using site = new Site(new Leaf(fail), { onError: act });
      const { status } = await site.fetch(new Request("http://localhost/"));
      await settle();
      assertEquals(status, 500);
    } finally {
      console.error = real;
    }
  });
}

// Deadlines.

/** Sessions whose checkExpired() can be made to fail. */
class FragileSession extends Session {
  static isBroken = false;

  override checkExpired(now?: number): boolean {
    return FragileSession.isBroken ? fail() : super.checkExpired(now);
  }
}

/** Has the checkExpired() of all sessions fail until it is disposed of. */
function breakSessions(): Disposable {
  FragileSession.isBroken = true;
  return {
    [Symbol.dispose]: () => void (FragileSession.isBroken = false),
  };
}

Deno.test("Session.checkExpired() that throws at the deadline is reported, and all sessions end", () => {
  const clock = new ManualClock();
  const errors = new Errors();
  using site = siteOf({
    clock,
    sessionFactory: FragileSession,
    onError: errors.onError,
  });
  const ends = watchEnds(site);
  const sessions = [site.makeSession(), site.makeSession()];
  using _ = breakSessions();
  clock.advance(900_000);
  assertEquals(ends.map(({ session }) => session), sessions);
  assertEquals(errors.all, [ERROR, ERROR]);
  assertEquals(errors.sessions, sessions);
});

Deno.test("Session.checkExpired() that throws before the end is reported once for a warning", () => {
  const clock = new ManualClock();
  const errors = new Errors();
  using site = siteOf({
    clock,
    sessionFactory: FragileSession,
    onError: errors.onError,
  });
  const session = site.makeSession();
  session.notifyBeforeEnd(60, fail);
  using _ = breakSessions();
  clock.advance(899_999);
  assertEquals(errors.all, [ERROR]);
  assert(session.isActive);
});

Deno.test("Session.checkExpired() that throws when a page has been waited for is reported, and the page sent", async () => {
  const errors = new Errors();
  const gate = Promise.withResolvers<string>();
  const clock = new ManualClock();
  using site = siteOf(
    { clock, sessionFactory: FragileSession, onError: errors.onError },
    (request) => {
      request.getSession();
      return gate.promise;
    },
  );
  const response = site.fetch(requestWith());
  {
    using _ = breakSessions();
    gate.resolve("tea");
    assertEquals(await (await response).text(), "tea");
  }
  assertEquals(errors.all, [ERROR]);
  const ends = watchEnds(site);
  clock.advance(900_000);
  assertEquals(ends.length, 1);
});

Deno.test("Session.expiresAt that throws does not stop a warning", () => {
  const clock = new ManualClock();
  const errors = new Errors();
  class BlindSession extends Session {
    override get expiresAt(): number {
      return fail();
    }
  }
  using site = siteOf({
    clock,
    sessionFactory: BlindSession,
    onError: errors.onError,
  });
  const warned: number[] = [];
  const end = (clock.now() + 900_000) / 1000;
  site.makeSession().notifyBeforeEnd(60, (warning) => {
    warned.push(warning.expiresAt);
  });
  clock.advance(840_000);
  assertEquals([warned, errors.all], [[end], []]);
});

// Promises.

for (
  const [what, follow] of Object.entries<
    (ended: Promise<unknown>) => unknown
  >({
    "then() that throws": (ended) => ended.then(fail),
    "then() that rejects": (ended) => ended.then(reject),
    "finally() that throws": (ended) => ended.finally(fail),
    "a chain that throws": (ended) => ended.then(fail).finally(() => {}),
  })
) {
  Deno.test(`Session.ended followed by ${what} has that reported`, async () => {
    const errors = new Errors();
    using site = siteOf({ onError: errors.onError });
    const session = site.makeSession();
    follow(session.ended);
    session.expire();
    await settle();
    assertEquals([errors.all, errors.sessions], [[ERROR], [session]]);
  });
}

Deno.test("Session.ended leaves an error that its caller catches alone", async () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  const caught = session.ended.then(fail).catch((error) => error);
  session.expire();
  assertStrictEquals(await caught, ERROR);
  assertEquals(errors.all, []);
});

// Components.

Deno.test("Session.getComponent() of a class that answers a promise has its rejection reported", async () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = site.makeSession();
  class Cart {
    constructor() {
      return reject() as unknown as Cart;
    }
  }
  const cart: unknown = session.getComponent(Cart);
  assertStrictEquals(session.getComponent(Cart), cart);
  await settle();
  assertEquals([errors.all, errors.sessions], [[ERROR], [session]]);
});

// The access log.

Deno.test("SiteOptions.accessLog reports a user that is no text", async () => {
  await using site = new WatchedSite((request) => {
    Object.assign(request, { user: { toString: fail } });
    return "tea";
  }, { accessLog: () => {} });
  assertEquals(await (await site.visit()).text(), "tea");
  assertEquals(site.errors.length, 1);
});

Deno.test("SiteOptions.accessLog reports a user that is no text when the visitor leaves", async () => {
  const visitor = new AbortController();
  const begun = Promise.withResolvers<void>();
  await using site = new WatchedSite((request) => {
    Object.assign(request, { user: { toString: fail } });
    begun.resolve();
    return new Promise(() => {});
  }, { accessLog: () => {} });
  site.visit("/", { signal: visitor.signal });
  await begun.promise;
  visitor.abort();
  assertEquals(site.errors.length, 1);
});

// Metrics.

for (const [how, act] of Object.entries({ throws: fail, rejects: reject })) {
  Deno.test(`SiteMetrics has an instrument that ${how} reported, and counts in the others`, async () => {
    const counted: string[] = [];
    let isBroken = false;
    const take = (name: string) => {
      const note = () => {
        if (isBroken && name === "session.made") return act();
        counted.push(name);
      };
      return { add: note, record: note };
    };
    const meter: Meter = {
      createCounter: take,
      createUpDownCounter: take,
      createHistogram: take,
    };
    const errors = new Errors();
    using site = siteOf({ onError: errors.onError });
    new SiteMetrics(site, { meter });
    isBroken = true;
    site.makeSession().expire();
    await settle();
    assertEquals(errors.all, [ERROR]);
    assertEquals(counted, [
      "session.active",
      "session.active",
      "session.active",
      "session.ended",
      "session.duration",
    ]);
  });
}

// Streams.

/** A stream that goes on, and fails when it is cancelled. */
function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel: reject,
  });
}

Deno.test("Site.fetch() reports a body that fails when the visitor leaves", async () => {
  await using site = new WatchedSite(endless);
  const response = await site.visit();
  await response.body!.cancel();
  assertEquals(site.errors, [ERROR]);
});

Deno.test("Site.fetch() reports a body that fails when it is cancelled for HEAD", async () => {
  await using site = new WatchedSite(endless);
  await site.visit("/", { method: "HEAD" });
  await settle();
  assertEquals(site.errors, [ERROR]);
});

Deno.test("Site.fetch() reports a body that fails when it is cancelled for a status without one", async () => {
  await using site = new WatchedSite((request) => {
    request.setResponseCode(204);
    return endless();
  });
  await site.visit();
  await settle();
  assertEquals(site.errors, [ERROR]);
});

Deno.test("Site.stopStreams() reports events that fail when they are cancelled", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("content-type", "text/event-stream");
    return new ReadableStream({ cancel: reject });
  });
  const response = await site.visit();
  site.stopStreams();
  assertEquals(await response.text(), "");
  await settle();
  assertEquals(site.errors, [ERROR]);
});

Deno.test("Site.fetch() reports a body that breaks once, though it cannot be cancelled then", async () => {
  await using site = new WatchedSite(() => new ReadableStream({ pull: fail }));
  const response = await site.visit();
  await response.text().catch(() => {});
  await settle();
  assertEquals(site.errors, [ERROR]);
});

Deno.test("Site.fetch() reports a body that fails when 503 is sent in its place", async () => {
  const errors = new Errors();
  await using site = siteOf({
    store: storeWith({ create: () => Promise.reject(new Error("away")) }),
    onError: errors.onError,
  }, (request) => {
    request.getSession();
    return new Response(endless());
  });
  const { status } = await site.fetch(requestWith());
  await settle();
  assertEquals(status, 503);
  assert(errors.all.includes(ERROR));
});

// Stores.

/** A store some of whose members are replaced. */
function storeWith(members: Partial<SessionStore>): SessionStore {
  const store = new MemoryStore();
  return new Proxy<SessionStore>(store, {
    get(target, name) {
      if (name in members) return Reflect.get(members, name);
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

for (
  const [how, load] of Object.entries({
    throws: () => {
      throw undefined;
    },
    rejects: () => Promise.reject(undefined),
    "answers a thenable that throws": () => ({
      then() {
        throw undefined;
      },
    }),
  })
) {
  Deno.test(`Site over a store whose load() ${how} undefined answers 503, and makes no other session`, async () => {
    const members: Partial<SessionStore> = {};
    const errors = new Errors();
    await using site = siteOf({
      store: storeWith(members),
      onError: errors.onError,
    });
    const cookie = cookieOf(await site.fetch(requestWith()));
    members.load = load as SessionStore["load"];
    const response = await site.fetch(requestWith(cookie));
    assertEquals(response.status, 503);
    assertEquals(response.headers.getSetCookie(), []);
    assertEquals(errors.all, [undefined]);
  });
}

for (
  const [how, unwatch] of Object.entries({ throws: fail, rejects: reject })
) {
  for (const isAwaited of [false, true]) {
    Deno.test(`Site.close() reports a store that ${how} when it is watched no more (watch() ${isAwaited ? "is" : "is not"} awaited)`, async () => {
      const clock = new ManualClock();
      const errors = new Errors();
      const watching = isAwaited ? Promise.resolve(unwatch) : unwatch;
      const site = siteOf({
        clock,
        store: storeWith({ watch: () => watching as () => void }),
        onError: errors.onError,
      });
      clock.advance(1);
      await settle();
      await site.close();
      await settle();
      assertEquals(errors.all, [ERROR]);
    });
  }
}

Deno.test("Site.close() reports a store that throws when it is watched too late", async () => {
  const clock = new ManualClock();
  const errors = new Errors();
  const watching = Promise.withResolvers<() => void>();
  const site = siteOf({
    clock,
    store: storeWith({ watch: () => watching.promise }),
    onError: errors.onError,
  });
  clock.advance(1);
  await settle();
  await site.close();
  watching.resolve(fail);
  await settle();
  assertEquals(errors.all, [ERROR]);
});

Deno.test("Site over a store that answers what cannot be awaited reports that it is away", async () => {
  const clock = new ManualClock();
  const errors = new Errors();
  const answer = {
    get then() {
      return fail();
    },
  };
  await using _site = siteOf({
    clock,
    store: storeWith({
      claim: () => answer as never,
      nextIn: () => answer as never,
    }),
    onError: errors.onError,
  });
  clock.advance(3000);
  assertStringIncludes(String(errors.all[0]), "Cannot reach the session store");
});

Deno.test("Site.onEnd() whose callback rejects with what is no text puts the end aside", async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock });
  const errors = new Errors();
  const { onError } = errors;
  await using site = siteOf({ clock, store, onError, endRetryFor: 15 });
  // deno-lint-ignore require-await -- to reject
  site.onEnd("bill", async () => {
    throw Object.create(null);
  });
  visit(site);
  onlySession(site).notifyOnExpire("bill");
  onlySession(site).expire();
  for (const seconds of [0, 1, 2, 4, 8]) {
    clock.advance(seconds * 1000);
    await settle();
  }
  assertEquals(store.listDeadLetters().map(({ why }) => why), ["an object"]);
});

Deno.test("Site over a store ends a session on time whose timeout became NaN as it was made", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<string>();
  const errors = new Errors();
  await using site = siteOf(
    {
      clock,
      store: asynchronous(new MemoryStore({ clock })),
      onError: errors.onError,
    },
    (request) => {
      request.getSession().sessionTimeout = NaN;
      return gate.promise;
    },
  );
  const ends = watchEnds(site);
  const response = site.fetch(requestWith());
  await settle();
  clock.advance(100);
  gate.resolve("tea");
  assertEquals((await response).status, 200);
  assertInstanceOf(errors.all[0], RangeError);
  assertEquals(errors.all.length, 1);
  const session = onlySession(site);
  const lasted = () => clock.time / 1000 - session.createdAt;
  while (ends.length === 0 && lasted() < 1000) {
    clock.advance(500);
    await settle();
  }
  assertEquals(Math.round(lasted()), 900);
});
