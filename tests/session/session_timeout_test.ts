import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertLess,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Session, type SessionFactory } from "../../mod.ts";
import {
  cookieOf,
  cookiesOf,
  Errors,
  lasting,
  ManualClock,
  onlySession,
  requestWith,
  settle,
  siteOf,
  START,
  visit,
  watchEnds,
} from "../helpers_session.ts";

const SHORT = lasting({ sessionTimeout: 5 });

/** Sessions that end during a request too, which keeps them from idling out. */
const BRIEF = lasting({ absoluteTimeout: 5 });

/** 30 days, which are more than 2^31-1 ms. */
const MONTH = 30 * 24 * 3600;

/** A class of sessions with a timeout that the types forbid. */
function withBad(
  name: "sessionTimeout" | "absoluteTimeout",
  value: unknown,
): SessionFactory {
  return class BadSession extends Session {
    constructor(...args: ConstructorParameters<typeof Session>) {
      super(...args);
      Object.assign(this, { [name]: value });
    }
  };
}

// Sliding, and to the millisecond.

for (
  const [seconds, milliseconds] of [
    [0.001, 1],
    [0.0015, 2],
    [0.25, 250],
    [0.9999, 1000],
    [5, 5000],
    [31.999, 31_999],
    [32, 32_000],
    [1.024, 1024],
    [32.768, 32_768],
    [1048.576, 1_048_576],
    [900, 900_000],
    [86_400, 86_400_000],
    [MONTH, MONTH * 1000],
  ] as const
) {
  Deno.test(`Session.sessionTimeout of ${seconds} s is over after ${milliseconds} ms, not before`, () => {
    using time = new FakeTime(START);
    using site = siteOf({
      sessionFactory: lasting({ sessionTimeout: seconds }),
    });
    const ends = watchEnds(site);
    const session = site.makeSession();
    time.tick(milliseconds - 1);
    assert(session.isActive);
    time.tick(1);
    assertEquals(ends.map(({ at, reason }) => [at, reason]), [
      [(START + milliseconds) / 1000, "idle"],
    ]);
  });

  Deno.test(`Session.absoluteTimeout of ${seconds} s is over after ${milliseconds} ms, not before`, () => {
    using time = new FakeTime(START);
    using site = siteOf({
      sessionFactory: lasting({
        sessionTimeout: Infinity,
        absoluteTimeout: seconds,
      }),
    });
    const ends = watchEnds(site);
    const session = site.makeSession();
    time.tick(milliseconds - 1);
    assert(session.isActive);
    time.tick(1);
    assertEquals(ends.map(({ at, reason }) => [at, reason]), [
      [(START + milliseconds) / 1000, "absolute"],
    ]);
  });
}

for (const offset of [1, 31, 32, 33, 511, 512, 999]) {
  Deno.test(`Session.sessionTimeout holds to the millisecond ${offset} ms after a whole second`, () => {
    using time = new FakeTime(START + offset);
    using site = siteOf({ sessionFactory: SHORT });
    const session = site.makeSession();
    time.tick(4999);
    assert(session.isActive);
    time.tick(1);
    assertFalse(session.isActive);
  });
}

Deno.test("Session.sessionTimeout holds at the beginning of UNIX time", () => {
  using time = new FakeTime(0);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  time.tick(4999);
  assert(session.isActive);
  time.tick(1);
  assertFalse(session.isActive);
});

Deno.test("Session.sessionTimeout counts from the last of many visits", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  const cookie = cookieOf(visit(site));
  for (let i = 0; i < 100; i++) {
    time.tick(4999);
    assertEquals(cookiesOf(visit(site, cookie)), []);
  }
  time.tick(4999);
  assertEquals(ends, []);
  time.tick(1);
  assertEquals(ends.length, 1);
});

Deno.test("Session.sessionTimeout of a month is prolonged by a visit", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ sessionTimeout: MONTH }) });
  const ends = watchEnds(site);
  const cookie = cookieOf(visit(site));
  time.tick(MONTH * 1000 - 1);
  visit(site, cookie);
  time.tick(MONTH * 1000);
  assertEquals(ends.map(({ at }) => at), [START / 1000 + 2 * MONTH - 0.001]);
});

Deno.test("Session.sessionTimeout of one class does not count for another", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const short = site.makeSession();
  site.sessionFactory = lasting({ sessionTimeout: 10 });
  const long = site.makeSession();
  time.tick(5000);
  assertEquals([short.isActive, long.isActive], [false, true]);
});

// Never early.

Deno.test("A session does not end when the timer fires a millisecond early", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const session = site.makeSession();
  clock.jump(4999);
  clock.fireEarly();
  assert(session.isActive);
});

Deno.test("A session ends on time after a timer that fired early", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  site.makeSession();
  clock.jump(4000);
  clock.fireEarly();
  clock.advance(1000);
  assertEquals(ends.map(({ at }) => at), [START / 1000 + 5]);
});

Deno.test("A session ends on time when every timer fires a millisecond early", () => {
  const clock = new ManualClock();
  clock.early = 1;
  using site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  site.makeSession();
  clock.advance(10_000);
  assertEquals(ends.map(({ at }) => at), [START / 1000 + 5]);
});

Deno.test("A session ends at once when the timer fires late", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  site.makeSession();
  clock.jump(7000);
  clock.advance();
  assertEquals(ends.map(({ at, reason }) => [at, reason]), [
    [START / 1000 + 7, "idle"],
  ]);
});

Deno.test("A session ends at its new deadline after the clock was set back by an hour", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  const session = site.makeSession();
  clock.jump(-3_600_000);
  session.touch();
  clock.advance(60_000);
  assertEquals(ends.map(({ at }) => at), [START / 1000 - 3600 + 5]);
});

Deno.test("A session that is made after the clock was set back by an hour ends on time", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  site.makeSession();
  clock.jump(-3_600_000);
  site.makeSession();
  clock.advance(60_000);
  assertEquals(ends.map(({ at }) => at), [START / 1000 - 3600 + 5]);
});

Deno.test("A session ends within a minute after the clock was set forward by a day", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ sessionTimeout: 900 }),
  });
  const ends = watchEnds(site);
  site.makeSession();
  clock.time += 86_400_000;
  // The timer counts the time that the process is awake.
  clock.fireEarly();
  assertEquals(ends.length, 1);
  assertLess(clock.delays[0]!, 60_001);
});

// The lookup checks the deadline itself.

Deno.test("Site.getSession() does not find a session at its deadline, though the timer is late", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const { uid } = site.makeSession();
  clock.jump(5000);
  assertStrictEquals(site.getSession(uid), undefined);
});

Deno.test("Site.getSession() finds a session a millisecond before its deadline", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const session = site.makeSession();
  clock.jump(4999);
  assertStrictEquals(site.getSession(session.uid), session);
});

Deno.test("Site.getSession() ends the session that it finds too late", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  const { uid } = site.makeSession();
  clock.jump(6000);
  site.getSession(uid);
  assertEquals(ends.map(({ at, reason }) => [at, reason]), [
    [START / 1000 + 6, "idle"],
  ]);
});

Deno.test("Site.getSession() that ended a session leaves nothing for the late timer", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  const { uid } = site.makeSession();
  clock.jump(6000);
  site.getSession(uid);
  clock.advance(10_000);
  assertEquals([ends.length, clock.pending], [1, 0]);
});

Deno.test("Site.getSession() ends an absolute one for that reason when the timer is late", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ absoluteTimeout: 5 }),
  });
  const ends = watchEnds(site);
  const { uid } = site.makeSession();
  clock.jump(5000);
  site.getSession(uid);
  assertEquals(ends.map(({ reason }) => reason), ["absolute"]);
});

Deno.test("Site.sessions still has a session past its deadline while the timer is late", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const session = site.makeSession();
  clock.jump(6000);
  assertStrictEquals(onlySession(site), session);
});

Deno.test("Session.touch() past the absolute deadline ends for that reason when the timer is late", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ absoluteTimeout: 5 }),
  });
  const ends = watchEnds(site);
  const session = site.makeSession();
  clock.jump(5000);
  session.touch();
  assertEquals(ends.map(({ reason }) => reason), ["absolute"]);
});

Deno.test("A fraction of a millisecond past the deadline is past it", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ sessionTimeout: 0.0015 }),
  });
  const { uid } = site.makeSession();
  clock.jump(1.5);
  assertStrictEquals(site.getSession(uid), undefined);
});

Deno.test("A fraction of a millisecond before the deadline is before it", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ sessionTimeout: 0.0015 }),
  });
  const session = site.makeSession();
  clock.jump(1.25);
  assertStrictEquals(site.getSession(session.uid), session);
});

Deno.test("A clock with fractions ends a session on time beside one that is due later", () => {
  const clock = new ManualClock(START - (START % 1024) + 0.5);
  using site = siteOf({ clock });
  const ends = watchEnds(site);
  site.sessionFactory = lasting({ sessionTimeout: 1.5 });
  const first = site.makeSession();
  // Within the fraction for which the timer was rounded up.
  clock.jump(1023.75);
  site.sessionFactory = lasting({ sessionTimeout: 1 });
  site.makeSession();
  const due = first.expiresAt * 1000;
  clock.advance(10_000);
  assertEquals(ends[0]!.uid, first.uid);
  assertLess(ends[0]!.at * 1000 - due, 2);
});

// No time at all, and all of it.

Deno.test("Session.sessionTimeout of 0 does not end it in makeSession()", () => {
  using _time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ sessionTimeout: 0 }) });
  assert(site.makeSession().isActive);
});

Deno.test("Session.sessionTimeout of 0 ends it in the next timer turn", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ sessionTimeout: 0 }) });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(0);
  assertEquals(ends.map(({ at, reason }) => [at, reason]), [
    [START / 1000, "idle"],
  ]);
});

Deno.test("Session.sessionTimeout of 0 ends it at the next lookup", () => {
  using _time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ sessionTimeout: 0 }) });
  const { uid } = site.makeSession();
  assertStrictEquals(site.getSession(uid), undefined);
});

Deno.test("Session.sessionTimeout of 0 ends it at the next touch", () => {
  using _time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ sessionTimeout: 0 }) });
  const session = site.makeSession();
  session.touch();
  assertFalse(session.isActive);
});

Deno.test("Session.sessionTimeout of 0 gives each visit a session of its own", () => {
  using _time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ sessionTimeout: 0 }) });
  const cookie = cookieOf(visit(site));
  assertFalse(cookieOf(visit(site, cookie)) === cookie);
});

Deno.test("Session.sessionTimeout of -0 is 0", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ sessionTimeout: -0 }) });
  const session = site.makeSession();
  time.tick(0);
  assertFalse(session.isActive);
});

Deno.test("Session.absoluteTimeout of 0 ends it in the next timer turn, as absolute", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ absoluteTimeout: 0 }) });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(0);
  assertEquals(ends.map(({ reason }) => reason), ["absolute"]);
});

Deno.test("Session.sessionTimeout of Number.MIN_VALUE ends it", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: Number.MIN_VALUE }),
  });
  const session = site.makeSession();
  time.tick(1);
  assertFalse(session.isActive);
});

Deno.test("Session.sessionTimeout of Infinity never ends it", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: Infinity }),
  });
  const session = site.makeSession();
  time.tick(10 * MONTH * 1000);
  assert(session.isActive);
});

Deno.test("Session.sessionTimeout of Infinity sets no timer", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ sessionTimeout: Infinity }),
  });
  site.makeSession();
  assertEquals(clock.sets, 0);
});

Deno.test("Session.sessionTimeout of Infinity makes expiresAt Infinity", () => {
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: Infinity }),
  });
  assertEquals(site.makeSession().expiresAt, Infinity);
});

Deno.test("Session.sessionTimeout of Infinity is found by a visit years later", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ sessionTimeout: Infinity }),
  });
  const cookie = cookieOf(visit(site));
  clock.jump(100 * MONTH * 1000);
  assertEquals(cookiesOf(visit(site, cookie)), []);
});

Deno.test("Session.sessionTimeout of Infinity is ended by expire()", () => {
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: Infinity }),
  });
  site.makeSession().expire();
  assertEquals(site.sessions.size, 0);
});

Deno.test("Session.sessionTimeout of Number.MAX_VALUE never ends it", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: Number.MAX_VALUE }),
  });
  const session = site.makeSession();
  time.tick(MONTH * 1000);
  assert(session.isActive);
});

Deno.test("Session.sessionTimeout from Infinity to a number ends it", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: Infinity }),
  });
  const session = site.makeSession();
  time.tick(1000);
  session.sessionTimeout = 5;
  session.touch();
  time.tick(4999);
  assert(session.isActive);
  time.tick(1);
  assertFalse(session.isActive);
});

// The longest life.

Deno.test("Session.absoluteTimeout ends a busy session", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout: 12 }),
  });
  const ends = watchEnds(site);
  const session = site.makeSession();
  for (let second = 1; second <= 20; second++) {
    time.tick(1000);
    session.touch();
  }
  assertEquals(ends.map(({ at, reason }) => [at, reason]), [
    [START / 1000 + 12, "absolute"],
  ]);
});

Deno.test("Session.absoluteTimeout does not end a session a millisecond early", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout: 7 }),
  });
  const session = site.makeSession();
  time.tick(4000);
  session.touch();
  time.tick(2999);
  assert(session.isActive);
});

Deno.test("Session.absoluteTimeout leaves an idle session to the sessionTimeout", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout: 7 }),
  });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(10_000);
  assertEquals(ends.map(({ at, reason }) => [at, reason]), [
    [START / 1000 + 5, "idle"],
  ]);
});

Deno.test("Session.absoluteTimeout of the same deadline makes the end absolute", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout: 5 }),
  });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(5000);
  assertEquals(ends.map(({ reason }) => reason), ["absolute"]);
});

Deno.test("Session.absoluteTimeout of the same deadline after a touch makes the end absolute", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout: 7 }),
  });
  const ends = watchEnds(site);
  const session = site.makeSession();
  time.tick(2000);
  session.touch();
  time.tick(5000);
  assertEquals(ends.map(({ reason }) => reason), ["absolute"]);
});

Deno.test("Session.absoluteTimeout a fraction after the other makes the end idle", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout: 5.0005 }),
  });
  const ends = watchEnds(site);
  site.makeSession();
  time.tick(5001);
  assertEquals(ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("Session.absoluteTimeout counts in expiresAt", () => {
  using time = new FakeTime(START);
  using site = siteOf({
    sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout: 7 }),
  });
  const session = site.makeSession();
  time.tick(4000);
  session.touch();
  assertEquals(session.expiresAt, START / 1000 + 7);
});

Deno.test("Session.absoluteTimeout counts from the making, not from the start", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ absoluteTimeout: 7 }) });
  const session = new site.sessionFactory(site, "a".repeat(32));
  time.tick(4000);
  session.touch();
  session.startCheckingExpiration();
  time.tick(2999);
  assert(session.isActive);
  time.tick(1);
  assertFalse(session.isActive);
});

// Changed on a live session.

Deno.test("Session.sessionTimeout that is changed does not count before a touch", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  session.sessionTimeout = 60;
  assertEquals(session.expiresAt, START / 1000 + 5);
  time.tick(5000);
  assertFalse(session.isActive);
});

Deno.test("Session.sessionTimeout that is lengthened counts from the next touch", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  session.sessionTimeout = 60;
  time.tick(1000);
  session.touch();
  time.tick(59_999);
  assert(session.isActive);
  time.tick(1);
  assertFalse(session.isActive);
});

Deno.test("Session.sessionTimeout that is shortened counts from the next touch", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const session = site.makeSession();
  session.sessionTimeout = 5;
  time.tick(1000);
  session.touch();
  time.tick(4999);
  assert(session.isActive);
  time.tick(1);
  assertFalse(session.isActive);
});

Deno.test("Session.sessionTimeout that is changed in a request counts when it is answered", () => {
  using _time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT }, (request) => {
    request.getSession().sessionTimeout = 60;
    return "";
  });
  visit(site);
  assertEquals(onlySession(site).expiresAt, START / 1000 + 60);
});

Deno.test("Session.sessionTimeout that is changed in a request counts from the last touch", async () => {
  using time = new FakeTime(START);
  const gate = Promise.withResolvers<void>();
  using site = siteOf({ sessionFactory: SHORT }, async (request) => {
    const session = request.getSession();
    await gate.promise;
    session.sessionTimeout = 60;
    return "";
  });
  const answer = site.fetch(requestWith());
  time.tick(3000);
  gate.resolve();
  await answer;
  assertEquals(onlySession(site).expiresAt, START / 1000 + 60);
});

Deno.test("Session.sessionTimeout that is changed in a request does not count while it goes on", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT }, (request) => {
    request.getSession().sessionTimeout = 60;
    // No promise: the request would keep the session.
    time.tick(5000);
    return "";
  });
  const ends = watchEnds(site);
  visit(site);
  assertEquals(ends.map(({ at }) => at), [START / 1000 + 5]);
});

Deno.test("Session.absoluteTimeout that is changed in a request does not count while it goes on", async () => {
  using time = new FakeTime(START);
  const gate = Promise.withResolvers<void>();
  using site = siteOf({ sessionFactory: BRIEF }, async (request) => {
    request.getSession().absoluteTimeout = 60;
    await gate.promise;
    return "";
  });
  const ends = watchEnds(site);
  const answer = site.fetch(requestWith());
  time.tick(5000);
  gate.resolve();
  await answer;
  assertEquals(ends.map(({ at }) => at), [START / 1000 + 5]);
});

Deno.test("Session.sessionTimeout that is changed in a request counts at the touch of another one before", async () => {
  using time = new FakeTime(START);
  const gate = Promise.withResolvers<void>();
  let isFirst = true;
  using site = siteOf({ sessionFactory: SHORT }, (request) => {
    const session = request.getSession();
    if (isFirst) return "";
    session.sessionTimeout = 60;
    return gate.promise.then(() => "");
  });
  const cookie = cookieOf(visit(site));
  isFirst = false;
  const answer = site.fetch(requestWith(cookie));
  time.tick(1000);
  onlySession(site).touch();
  assertEquals(onlySession(site).expiresAt, START / 1000 + 61);
  gate.resolve();
  await answer;
});

Deno.test("Session.sessionTimeout that is changed in a request with an error page counts too", () => {
  using _time = new FakeTime(START);
  const errors = new Errors();
  using site = siteOf(
    { onError: errors.onError, sessionFactory: SHORT },
    (request) => {
      request.getSession().sessionTimeout = 60;
      throw new Error("broken");
    },
  );
  visit(site);
  assertEquals(onlySession(site).expiresAt, START / 1000 + 60);
});

Deno.test("Session.sessionTimeout that is shortened below the time since the touch ends it in the next timer turn", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  time.tick(10_000);
  session.sessionTimeout = 5;
  session.startCheckingExpiration();
  assert(session.isActive);
  time.tick(0);
  assertEquals(ends.map(({ at, reason }) => [at, reason]), [
    [START / 1000 + 10, "idle"],
  ]);
});

Deno.test("Session.sessionTimeout that is set to 0 in a request ends it once answered", () => {
  using time = new FakeTime(START);
  using site = siteOf({}, (request) => {
    request.getSession().sessionTimeout = 0;
    return "";
  });
  visit(site);
  assertEquals(site.sessions.size, 1);
  time.tick(0);
  assertEquals(site.sessions.size, 0);
});

Deno.test("Session.sessionTimeout that is set to Infinity in a request never ends it", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT }, (request) => {
    request.getSession().sessionTimeout = Infinity;
    return "";
  });
  visit(site);
  time.tick(MONTH * 1000);
  assertEquals(site.sessions.size, 1);
});

Deno.test("Session.absoluteTimeout that is changed in a request counts from the making", () => {
  using time = new FakeTime(START);
  let isFirst = true;
  using site = siteOf({}, (request) => {
    const session = request.getSession();
    if (!isFirst) session.absoluteTimeout = 10;
    return "";
  });
  const cookie = cookieOf(visit(site));
  isFirst = false;
  time.tick(4000);
  visit(site, cookie);
  assertEquals(onlySession(site).expiresAt, START / 1000 + 10);
});

Deno.test("Session.absoluteTimeout that is changed without effect yet leaves the reason idle", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  site.makeSession().absoluteTimeout = 1;
  time.tick(5000);
  assertEquals(ends.map(({ at, reason }) => [at, reason]), [
    [START / 1000 + 5, "idle"],
  ]);
});

Deno.test("Session.absoluteTimeout that is changed without effect yet leaves the reason absolute", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ absoluteTimeout: 5 }) });
  const ends = watchEnds(site);
  site.makeSession().absoluteTimeout = Infinity;
  time.tick(5000);
  assertEquals(ends.map(({ at, reason }) => [at, reason]), [
    [START / 1000 + 5, "absolute"],
  ]);
});

Deno.test("Session.absoluteTimeout that gives the same deadline another reason changes the reason", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.absoluteTimeout = 5;
  session.startCheckingExpiration();
  time.tick(5000);
  assertEquals(ends.map(({ reason }) => reason), ["absolute"]);
});

Deno.test("Session.startCheckingExpiration() makes a changed timeout count at once", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  time.tick(1000);
  session.sessionTimeout = 60;
  session.startCheckingExpiration();
  assertEquals(session.expiresAt, START / 1000 + 60);
});

Deno.test("Session.startCheckingExpiration() is no touch", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  time.tick(1000);
  session.startCheckingExpiration();
  assertEquals(
    [session.lastModified, session.expiresAt],
    [START / 1000, START / 1000 + 5],
  );
});

Deno.test("Session.startCheckingExpiration() does not bring back what is past its deadline", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const session = site.makeSession();
  clock.jump(6000);
  session.sessionTimeout = 60;
  session.startCheckingExpiration();
  clock.advance();
  assertFalse(session.isActive);
});

Deno.test("Site.fetch() does not bring back a session whose deadline passed during the request", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  using site = siteOf({ clock, sessionFactory: BRIEF }, async (request) => {
    const session = request.getSession();
    await gate.promise;
    session.absoluteTimeout = 60;
    return "";
  });
  const answer = site.fetch(requestWith());
  const session = onlySession(site);
  clock.jump(6000);
  gate.resolve();
  await answer;
  clock.advance();
  assertFalse(session.isActive);
});

// Invalid ones.

for (const name of ["sessionTimeout", "absoluteTimeout"] as const) {
  for (
    const [value, text, error] of [
      [NaN, "NaN", RangeError],
      [-1, "-1", RangeError],
      [-Infinity, "-Infinity", RangeError],
      [-Number.MIN_VALUE, "-5e-324", RangeError],
      ["5", '"5"', TypeError],
      [undefined, "undefined", TypeError],
      [null, "null", TypeError],
      [5n, "5", TypeError],
      [{ valueOf: () => 5 }, 'an object "Object"', TypeError],
    ] as const
  ) {
    const what = typeof value === "bigint" ? "5n" : text;

    Deno.test(`Site.makeSession() throws a ${error.name} for ${name} ${what}`, () => {
      using site = siteOf({ sessionFactory: withBad(name, value) });
      assertThrows(
        () => site.makeSession(),
        error,
        `Cannot use ${name} of BadSession: ${text}`,
      );
    });

    Deno.test(`Site.makeSession() keeps nothing for ${name} ${what}`, () => {
      const clock = new ManualClock();
      using site = siteOf({ clock, sessionFactory: withBad(name, value) });
      assertThrows(() => site.makeSession(), error);
      assertEquals([site.sessions.size, clock.pending], [0, 0]);
    });

    Deno.test(`Session.touch() throws a ${error.name} for ${name} ${what}`, () => {
      using site = siteOf();
      const session = site.makeSession();
      Object.assign(session, { [name]: value });
      assertThrows(
        () => session.touch(),
        error,
        `Cannot use ${name} of Session: ${text}`,
      );
    });

    Deno.test(`Session.touch() changes nothing for ${name} ${what}`, () => {
      using time = new FakeTime(START);
      using site = siteOf({ sessionFactory: SHORT });
      const ends = watchEnds(site);
      const session = site.makeSession();
      Object.assign(session, { [name]: value });
      time.tick(1000);
      assertThrows(() => session.touch(), error);
      assertEquals(session.lastModified, START / 1000);
      time.tick(60_000);
      assertEquals(ends.map(({ at, reason }) => [at, reason]), [
        [START / 1000 + 5, "idle"],
      ]);
    });

    Deno.test(`Session.startCheckingExpiration() throws a ${error.name} for ${name} ${what}`, () => {
      using site = siteOf();
      const session = new Session(site, "a".repeat(32));
      Object.assign(session, { [name]: value });
      assertThrows(
        () => session.startCheckingExpiration(),
        error,
        `Cannot use ${name} of Session: ${text}`,
      );
    });
  }
}

Deno.test("An invalid timeout makes a request a 500 that is reported", () => {
  const errors = new Errors();
  using site = siteOf({
    onError: errors.onError,
    sessionFactory: lasting({ sessionTimeout: NaN }),
  });
  const response = visit(site);
  assertEquals([response.status, site.sessions.size], [500, 0]);
  assertInstanceOf(errors.all[0], RangeError);
});

Deno.test("An invalid timeout sends the visitor no cookie", () => {
  const errors = new Errors();
  using site = siteOf({
    onError: errors.onError,
    sessionFactory: lasting({ sessionTimeout: NaN }),
  });
  assertEquals(cookiesOf(visit(site)), []);
});

Deno.test("An invalid timeout shows the visitor nothing of it", async () => {
  const errors = new Errors();
  using site = siteOf({
    onError: errors.onError,
    sessionFactory: lasting({ sessionTimeout: NaN }),
  });
  assertFalse((await visit(site).text()).includes("sessionTimeout"));
});

Deno.test("A timeout that is set invalid in a request is reported, and the page sent", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError }, (request) => {
    request.getSession().sessionTimeout = -1;
    return "";
  });
  const response = visit(site);
  assertEquals([response.status, errors.all.length], [200, 1]);
  assertInstanceOf(errors.all[0], RangeError);
  assertStringIncludes(errors.all[0].message, "-1");
  assertStrictEquals(errors.sessions[0], onlySession(site));
});

Deno.test("A timeout that is set invalid in a request leaves the old deadline", () => {
  using time = new FakeTime(START);
  const errors = new Errors();
  using site = siteOf(
    { onError: errors.onError, sessionFactory: SHORT },
    (request) => {
      request.getSession().sessionTimeout = NaN;
      return "";
    },
  );
  const ends = watchEnds(site);
  visit(site);
  time.tick(60_000);
  assertEquals(ends.map(({ at, reason }) => [at, reason]), [
    [START / 1000 + 5, "idle"],
  ]);
});

Deno.test("A timeout that is invalid only for a moment hurts nobody", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError }, (request) => {
    const session = request.getSession();
    session.sessionTimeout = NaN;
    session.sessionTimeout = 60;
    return "";
  });
  visit(site);
  assertEquals(errors.all, []);
});

Deno.test("A timeout that is invalid makes a visit a 500 and leaves the session", () => {
  using time = new FakeTime(START);
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: SHORT });
  const cookie = cookieOf(visit(site));
  const session = onlySession(site);
  session.sessionTimeout = NaN;
  time.tick(1000);
  assertEquals(visit(site, cookie).status, 500);
  assertEquals([session.isActive, session.expiresAt], [true, START / 1000 + 5]);
});

Deno.test("A timeout that was invalid can be mended", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  session.sessionTimeout = NaN;
  assertThrows(() => session.touch(), RangeError);
  session.sessionTimeout = 5;
  time.tick(1000);
  session.touch();
  assertEquals(session.expiresAt, START / 1000 + 6);
});

Deno.test("A timeout whose reading throws makes makeSession() keep nothing", () => {
  class Moody extends Session {
    constructor(...args: ConstructorParameters<typeof Session>) {
      super(...args);
      Object.defineProperty(this, "sessionTimeout", {
        get() {
          throw new Error("moody");
        },
      });
    }
  }
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: Moody });
  assertThrows(() => site.makeSession(), Error, "moody");
  assertEquals([site.sessions.size, clock.pending], [0, 0]);
});

Deno.test("A timeout may be an accessor of the class", () => {
  using time = new FakeTime(START);
  class Computed extends Session {
    constructor(...args: ConstructorParameters<typeof Session>) {
      super(...args);
      Object.defineProperty(this, "sessionTimeout", {
        get: () => this.get("member") === true ? 60 : 5,
      });
    }
  }
  using site = siteOf({ sessionFactory: Computed });
  const session = site.makeSession();
  session.set("member", true);
  time.tick(1000);
  session.touch();
  assertEquals(session.expiresAt, START / 1000 + 61);
});

// The one timer.

Deno.test("Session.touch() sets and clears no timer, but a late one once", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const session = site.makeSession();
  const { sets, clears } = clock;
  for (let i = 0; i < 4000; i++) {
    clock.jump(0.1);
    session.touch();
  }
  assertEquals([clock.sets, clock.clears], [sets, clears]);
  // No timer rings meanwhile, as after a sleep of the machine.
  for (let i = 0; i < 4599; i++) {
    clock.jump(1);
    session.touch();
  }
  assertEquals([clock.sets, clock.clears], [sets + 1, clears + 1]);
});

Deno.test("SiteRequest.getSession() never sets or clears a timer for a session that it finds", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const cookie = cookieOf(visit(site));
  const before = [clock.sets, clock.clears];
  for (let i = 0; i < 1000; i++) {
    clock.jump(1);
    visit(site, cookie);
  }
  assertEquals([clock.sets, clock.clears], before);
});

Deno.test("A site of a thousand sessions has one timer", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  for (let i = 0; i < 1000; i++) {
    site.makeSession();
    clock.jump(1);
  }
  assertEquals(clock.pending, 1);
});

Deno.test("A site of a thousand sessions made at once sets its timer once", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  for (let i = 0; i < 1000; i++) site.makeSession();
  assertEquals(clock.sets, 1);
});

Deno.test("A site has no timer before the first session", () => {
  const clock = new ManualClock();
  using _site = siteOf({ clock });
  assertEquals(clock.sets, 0);
});

Deno.test("A site has no timer after the last deadline", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  for (let i = 0; i < 10; i++) {
    site.makeSession();
    clock.advance(7);
  }
  clock.advance(5000);
  assertEquals([site.sessions.size, clock.pending], [0, 0]);
});

Deno.test("A site has no timer after the last expire()", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const sessions = [site.makeSession(), site.makeSession()];
  for (const session of sessions) session.expire();
  assertEquals(clock.pending, 0);
});

Deno.test("A site has no timer once only endless sessions are left", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  site.sessionFactory = lasting({ sessionTimeout: Infinity });
  site.makeSession();
  site.sessionFactory = SHORT;
  site.makeSession();
  clock.advance(5000);
  assertEquals([site.sessions.size, clock.pending], [1, 0]);
});

Deno.test("A site sets no timer beyond 2^31-1 ms", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ sessionTimeout: MONTH }),
  });
  site.makeSession();
  clock.advance(MONTH * 1000);
  assertEquals(site.sessions.size, 0);
  assertLess(Math.max(...clock.delays), 2 ** 31);
});

Deno.test("A site sets no timer of a fraction of a millisecond", () => {
  const clock = new ManualClock(START + 0.25);
  using site = siteOf({
    clock,
    sessionFactory: lasting({ sessionTimeout: 0.0015 }),
  });
  for (let i = 0; i < 100; i++) {
    site.makeSession();
    clock.advance(0.3);
  }
  clock.advance(100);
  assertEquals(clock.delays.filter((delay) => !Number.isInteger(delay)), []);
});

Deno.test("A site's timer does not keep the process alive", () => {
  const ids: unknown[] = [];
  const { setTimeout } = globalThis;
  using _restored = {
    [Symbol.dispose]: () => void Object.assign(globalThis, { setTimeout }),
  };
  using site = siteOf();
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, delay: number) => {
      const id = setTimeout(callback, delay);
      ids.push(id);
      return id;
    },
  });
  site.makeSession();
  assertEquals(
    ids.map((id) => (id as { hasRef?: () => boolean }).hasRef?.()),
    [false],
  );
});

Deno.test("A site's own clock is asked, not Date", () => {
  using _time = new FakeTime(START);
  const clock = new ManualClock(START + 1_000_000);
  using site = siteOf({ clock });
  assertEquals(site.makeSession().createdAt, START / 1000 + 1000);
});

Deno.test("A site looks Date and the timers up when it uses them", () => {
  using site = siteOf({ sessionFactory: SHORT });
  using time = new FakeTime(START);
  const session = site.makeSession();
  time.tick(5000);
  assertFalse(session.isActive);
});

Deno.test("A session's promise of the end is resolved by the fake time too", async () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  let at = 0;
  site.makeSession().ended.then((end) => {
    at = end.at;
  });
  time.tick(5000);
  await settle();
  assertEquals(at, START / 1000 + 5);
});
