// What a request does without: counted, for a count is the same on a busy machine.

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import type { Site } from "../mod.ts";
import {
  cookieOf,
  ManualClock,
  onlySession,
  requestWith,
  siteOf,
  visit,
} from "./helpers_session.ts";

/** Global classes and functions that are counted. */
const COUNTED = [
  "AbortController",
  "Headers",
  "Promise",
  "Request",
  "Response",
  "TextEncoder",
  "URL",
  "URLSearchParams",
  "clearTimeout",
  "queueMicrotask",
  "setInterval",
  "setTimeout",
] as const;

/** How often each that was used at all was made or called. */
type Counts = Record<string, number>;

/** Counts the uses of global classes and functions, and the draws of random bytes. */
function countUses(act: () => void): Counts {
  const counts: Counts = {};
  const restorers = COUNTED.map((name) => countIn(globalThis, name, counts));
  restorers.push(countIn(crypto, "getRandomValues", counts));
  try {
    act();
  } finally {
    for (const restore of restorers) restore();
  }
  return counts;
}

/** Counts the uses of one property; answers what puts the original back. */
function countIn(owner: object, name: string, counts: Counts): () => void {
  const own = Object.getOwnPropertyDescriptor(owner, name);
  const original: unknown = Reflect.get(owner, name);
  assert(typeof original === "function", `${name} is not a function`);
  const count = () => counts[name] = (counts[name] ?? 0) + 1;
  const value = new Proxy(original, {
    construct(target, args, newTarget) {
      count();
      return Reflect.construct(target, args, newTarget);
    },
    apply(target, _this, args) {
      count();
      return Reflect.apply(target, owner, args);
    },
  });
  Object.defineProperty(owner, name, { value, configurable: true });
  return () => {
    if (own === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, own);
  };
}

/** What answering a request uses; the request is made before. */
function countRequest(site: Site, cookie?: string): Counts {
  const request = requestWith(cookie, "http://localhost/a/b%20c?d=e");
  let response: unknown;
  const counts = countUses(() => response = site.fetch(request));
  assertInstanceOf(response, Response);
  assertEquals(response.status, 200);
  return counts;
}

/** A clock that counts how often it is read. */
class CountingClock extends ManualClock {
  reads = 0;

  override now(): number {
    this.reads++;
    return super.now();
  }
}

Deno.test("Site.fetch() uses one Response and nothing else for text without a session", () => {
  using site = siteOf({}, () => "hello");
  assertEquals(countRequest(site), { Response: 1 });
});

Deno.test("Site.fetch() uses no more for such text if a cookie comes along", () => {
  using site = siteOf({}, () => "hello");
  const cookie = `session=${"0".repeat(64)}`;
  assertEquals(countRequest(site, cookie), { Response: 1 });
});

Deno.test("Site.fetch() does not read the clock for text without a session", () => {
  const clock = new CountingClock();
  using site = siteOf({ clock }, () => "hello");
  visit(site);
  assertEquals(clock.reads, 0);
});

Deno.test("Site.fetch() uses one Response and nothing else for a visitor who comes back", () => {
  using site = siteOf();
  const cookie = cookieOf(visit(site));
  assertEquals(countRequest(site, cookie), { Response: 1 });
});

Deno.test("Site.fetch() reads the clock once for a visitor who comes back", () => {
  const clock = new CountingClock();
  using site = siteOf({ clock });
  const cookie = cookieOf(visit(site));
  clock.reads = 0;
  visit(site, cookie);
  assertEquals(clock.reads, 1);
});

Deno.test("Site.fetch() sets and clears no timer for a visitor who comes back", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const cookie = cookieOf(visit(site));
  const { sets, clears } = clock;
  clock.advance(1000);
  visit(site, cookie);
  assertEquals([clock.sets, clock.clears], [sets, clears]);
});

Deno.test("Site.fetch() uses one Response and nothing else for a new session", () => {
  using site = siteOf();
  // The first sets the site's timer, and these may draw random bytes.
  visit(site);
  const { getRandomValues: _, ...counts } = countRequest(site);
  assertEquals(counts, { Response: 1 });
});

Deno.test("Site.fetch() reads the clock twice for a new session", () => {
  const clock = new CountingClock();
  using site = siteOf({ clock });
  visit(site);
  clock.reads = 0;
  visit(site);
  assertEquals(clock.reads, 2);
});

Deno.test("Site.makeSession() draws random bytes once for more than a hundred sessions", () => {
  using site = siteOf();
  const counts = countUses(() => {
    for (let i = 0; i < 1000; i++) site.makeSession();
  });
  const draws = counts["getRandomValues"] ?? 0;
  assert(draws > 0 && draws < 10, `draws for 1,000 sessions: ${draws}`);
});

Deno.test("Site.makeSession() sets one timer for all sessions of one timeout", () => {
  using site = siteOf();
  const counts = countUses(() => {
    for (let i = 0; i < 1000; i++) site.makeSession();
  });
  assertEquals(counts["setTimeout"], 1);
});

Deno.test("Session.touch() uses nothing, no timer above all", () => {
  using site = siteOf();
  const session = site.makeSession();
  assertEquals(countUses(() => session.touch()), {});
});

Deno.test("Session.touch() reads the clock once", () => {
  const clock = new CountingClock();
  using site = siteOf({ clock });
  const session = site.makeSession();
  clock.reads = 0;
  session.touch();
  assertEquals(clock.reads, 1);
});

Deno.test("Session.touch() a thousand times sets and clears no timer", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  visit(site);
  const session = onlySession(site);
  const { sets, clears } = clock;
  for (let i = 0; i < 1000; i++) {
    clock.jump(50);
    session.touch();
  }
  assertEquals([clock.sets, clock.clears], [sets, clears]);
  // The timer of a minute is late now: it is set once more, to ring in the next turn.
  for (let i = 0; i < 1000; i++) {
    clock.jump(50);
    session.touch();
  }
  assertEquals([clock.sets, clock.clears], [sets + 1, clears + 1]);
});

Deno.test("Session.expire() uses no Promise and no AbortController if nobody waits for the end", () => {
  using site = siteOf();
  const session = site.makeSession();
  // The timer goes with the last session.
  site.makeSession();
  assertEquals(countUses(() => session.expire()), {});
});

// V8 keeps an object whose property became an accessor in a dictionary, and each
// use of any of its members costs ten nanoseconds more.
Deno.test("Site and its sessions have no accessors of their own", () => {
  using site = siteOf();
  for (const object of [site, site.sessions, site.makeSession()]) {
    const accessors = Reflect.ownKeys(object).filter((key) =>
      !Object.hasOwn(Object.getOwnPropertyDescriptor(object, key)!, "value")
    );
    assertEquals(accessors, [], object.constructor.name);
  }
});
