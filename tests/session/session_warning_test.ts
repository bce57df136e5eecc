import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Session,
  type SessionEnd,
  type SessionSite,
  type SessionWarning,
  type SiteOptions,
} from "../../mod.ts";
import {
  Errors,
  lasting,
  ManualClock,
  requestWith,
  settle,
  siteOf,
  START,
  type Timeouts,
} from "../helpers_session.ts";

/** A site with a clock, and when each warning of a session came. */
function warning(timeouts: Timeouts = {}, options: SiteOptions = {}) {
  const clock = new ManualClock();
  const errors = new Errors();
  const site = siteOf({
    clock,
    onError: errors.onError,
    sessionFactory: lasting(timeouts),
    ...options,
  });
  const session = site.makeSession();
  /** Milliseconds from the start to each warning. */
  const times: number[] = [];
  const warnings: SessionWarning[] = [];
  const note = (warning: SessionWarning) => {
    times.push(clock.time - START);
    warnings.push(warning);
  };
  return { clock, errors, site, session, times, warnings, note };
}

Deno.test("Session.notifyBeforeEnd() calls so many seconds before the idle end", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  it.clock.advance(49_999);
  assertEquals(it.times, []);
  it.clock.advance(1);
  assertEquals(it.times, [50_000]);
});

Deno.test("Session.notifyBeforeEnd() tells which session, why and when it will end", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  it.clock.advance(50_000);
  assertStrictEquals(it.warnings[0]?.session, it.session);
  assertEquals(it.warnings[0]?.uid, it.session.uid);
  assertEquals(it.warnings[0]?.reason, "idle");
  assertEquals(it.warnings[0]?.expiresAt, START / 1000 + 60);
});

Deno.test("Session.notifyBeforeEnd() calls before the absolute end, if that is first", () => {
  const it = warning({ sessionTimeout: 60, absoluteTimeout: 100 });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  for (let i = 0; i < 10; i++) {
    it.session.touch();
    it.clock.advance(9500);
  }
  assertEquals(it.times, [90_000]);
  assertEquals(it.warnings[0]?.reason, "absolute");
});

Deno.test("Session.notifyBeforeEnd() counts fractions of seconds", () => {
  const it = warning({ sessionTimeout: 1 });
  using _ = it.site;
  it.session.notifyBeforeEnd(0.25, it.note);
  it.clock.advance(1000);
  assertEquals(it.times, [750]);
});

Deno.test("Session.notifyBeforeEnd() calls once for a deadline", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  for (let i = 0; i < 60; i++) it.clock.advance(1000);
  assertEquals(it.times, [50_000]);
});

Deno.test("Session.notifyBeforeEnd() is silent when a touch moves the deadline in time", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  for (let i = 0; i < 100; i++) {
    it.clock.advance(49_000);
    it.session.touch();
  }
  assertEquals(it.times, []);
});

Deno.test("Session.notifyBeforeEnd() calls again for the next deadline", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  it.clock.advance(55_000);
  it.session.touch();
  it.clock.advance(55_000);
  it.session.touch();
  it.clock.advance(60_000);
  assertEquals(it.times, [50_000, 105_000, 160_000]);
});

Deno.test("Session.notifyBeforeEnd() calls again if more than half of the timeout is warned of", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  it.session.notifyBeforeEnd(50, it.note);
  it.clock.advance(11_000);
  it.session.touch();
  it.clock.advance(11_000);
  assertEquals(it.times, [10_000, 21_000]);
});

Deno.test("Session.notifyBeforeEnd() calls in the next turn if the end is nearer already", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  it.clock.advance(55_000);
  it.session.notifyBeforeEnd(10, it.note);
  assertEquals(it.times, []);
  it.clock.advance(0);
  assertEquals(it.times, [55_000]);
});

Deno.test("Session.notifyBeforeEnd() calls for each touch if the timeout is shorter", () => {
  const it = warning({ sessionTimeout: 5 });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  it.clock.advance(0);
  it.clock.advance(1000);
  it.session.touch();
  // At one instant it is the same deadline.
  it.session.touch();
  it.clock.advance(1000);
  assertEquals(it.times, [0, 1000]);
});

Deno.test("Session.notifyBeforeEnd() follows a deadline that is brought forward", () => {
  const it = warning({ sessionTimeout: 900 });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  it.session.sessionTimeout = 30;
  it.session.startCheckingExpiration();
  it.clock.advance(30_000);
  assertEquals(it.times, [20_000]);
});

Deno.test("Session.notifyBeforeEnd() calls nobody for a session that never ends", () => {
  const it = warning({ sessionTimeout: Infinity });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  it.clock.advance(1e9);
  assertEquals(it.times, []);
});

Deno.test("Session.notifyBeforeEnd() calls nobody if the timer is so late that the session is over", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  const ends: SessionEnd[] = [];
  it.session.notifyOnExpire((end) => void ends.push(end));
  it.session.notifyBeforeEnd(10, it.note);
  it.clock.jump(60_000);
  it.clock.advance(0);
  assertEquals(it.times, []);
  assertEquals(ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("Session.notifyBeforeEnd() calls nobody once the session has ended", () => {
  const it = warning({ sessionTimeout: 60 });
  using site = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  it.session.expire();
  it.session.notifyBeforeEnd(10, it.note)();
  // Another one keeps the timer.
  site.makeSession();
  it.clock.advance(59_000);
  assertEquals(it.times, []);
});

Deno.test("Session.notifyBeforeEnd() leaves no timer behind", () => {
  const it = warning();
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  it.session.notifyBeforeEnd(20, it.note);
  it.session.expire();
  assertEquals(it.clock.pending, 0);
});

Deno.test("Session.notifyBeforeEnd() answers a function that takes it back", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  const takeBack = it.session.notifyBeforeEnd(10, it.note);
  it.session.notifyBeforeEnd(5, it.note);
  takeBack();
  takeBack();
  it.clock.advance(60_000);
  assertEquals(it.times, [55_000]);
});

Deno.test("Session.notifyBeforeEnd() may be taken back by its own callback", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  const takeBack = it.session.notifyBeforeEnd(10, (warning) => {
    it.note(warning);
    takeBack();
    it.session.touch();
  });
  it.clock.advance(105_000);
  assertEquals(it.times, [50_000]);
});

Deno.test("Session.notifyBeforeEnd() calls each callback in its time", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  it.session.notifyBeforeEnd(5, it.note);
  it.session.notifyBeforeEnd(20, it.note);
  it.session.notifyBeforeEnd(20, it.note);
  it.clock.advance(60_000);
  assertEquals(it.times, [40_000, 40_000, 55_000]);
});

Deno.test("Session.notifyBeforeEnd() lets a callback put the end off by a touch", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, (warning) => {
    it.note(warning);
    if (it.times.length < 3) it.session.touch();
  });
  it.clock.advance(300_000);
  assertEquals(it.times, [50_000, 100_000, 150_000]);
  assertEquals(it.session.isActive, false);
});

Deno.test("Session.notifyBeforeEnd() lets a callback end the session", () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  it.session.notifyBeforeEnd(10, () => it.session.expire());
  it.session.notifyBeforeEnd(10, it.note);
  it.clock.advance(60_000);
  assertEquals(it.times, []);
  assertEquals(it.session.end?.reason, "logout");
});

Deno.test("Session.notifyBeforeEnd() reports what a callback throws or rejects, and calls the others", async () => {
  const it = warning({ sessionTimeout: 60 });
  using _ = it.site;
  const errors = [new Error("thrown"), new Error("rejected")];
  it.session.notifyBeforeEnd(10, () => {
    throw errors[0];
  });
  it.session.notifyBeforeEnd(10, () => Promise.reject(errors[1]));
  it.session.notifyBeforeEnd(10, it.note);
  it.clock.advance(50_000);
  await settle();
  assertEquals(it.errors.all, errors);
  assertEquals(it.errors.sessions, [it.session, it.session]);
  assertEquals(it.times, [50_000]);
});

Deno.test("Session.notifyBeforeEnd() counts from the start if it is registered before", () => {
  const times: number[] = [];
  class WarnedSession extends Session {
    override sessionTimeout = 60;

    constructor(site: SessionSite, uid: string) {
      super(site, uid);
      this.notifyBeforeEnd(10, () => times.push(clock.time - START));
    }
  }
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: WarnedSession });
  site.makeSession();
  clock.advance(60_000);
  assertEquals(times, [50_000]);
});

Deno.test("Session.notifyBeforeEnd() does not call over and over while a request holds the session", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<string>();
  const times: number[] = [];
  using site = siteOf({ clock, sessionTimeout: 60 }, (request) => {
    request.getSession().notifyBeforeEnd(
      10,
      () => times.push(clock.time - START),
    );
    return gate.promise;
  });
  const answer = site.fetch(requestWith());
  clock.advance(100_000);
  assertEquals(times, [50_000]);
  gate.resolve("");
  assertInstanceOf(await answer, Response);
  clock.advance(60_000);
  assertEquals(times, [50_000, 150_000]);
});

Deno.test("Session.notifyBeforeEnd() is driven by FakeTime", () => {
  using time = new FakeTime();
  using site = siteOf();
  const session = site.makeSession();
  let times = 0;
  session.notifyBeforeEnd(60, () => times++);
  time.tick(839_999);
  assertEquals(times, 0);
  time.tick(1);
  assertEquals(times, 1);
});

for (const seconds of [0, -1, NaN, Infinity]) {
  Deno.test(`Session.notifyBeforeEnd() refuses ${seconds} seconds`, () => {
    const it = warning();
    using _ = it.site;
    assertThrows(
      () => it.session.notifyBeforeEnd(seconds, it.note),
      RangeError,
      "Cannot notify before the end",
    );
  });
}

Deno.test("Session.notifyBeforeEnd() refuses what is no number and no function", () => {
  const it = warning();
  using _ = it.site;
  const session = it.session as unknown as {
    notifyBeforeEnd(seconds: unknown, callback: unknown): void;
  };
  assertThrows(() => session.notifyBeforeEnd("10", it.note), TypeError);
  assertThrows(() => session.notifyBeforeEnd(10, "note"), TypeError);
});

Deno.test("Session.touch() sets and clears no timer for a session with warnings", () => {
  const it = warning();
  using _ = it.site;
  it.session.notifyBeforeEnd(10, it.note);
  const { sets, clears } = it.clock;
  for (let i = 0; i < 1000; i++) {
    it.clock.jump(10);
    it.session.touch();
  }
  assertEquals([it.clock.sets, it.clock.clears], [sets, clears]);
});

Deno.test("Session.notifyBeforeEnd() warns 10,000 sessions, each once and in time", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const early = new Set<string>();
  const times = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const session = site.makeSession();
    session.sessionTimeout = 100 + i / 100;
    session.startCheckingExpiration();
    session.notifyBeforeEnd(30, ({ uid, expiresAt }) => {
      times.set(uid, (times.get(uid) ?? 0) + 1);
      if (clock.time < (expiresAt - 30) * 1000 - 0.01) early.add(uid);
    });
  }
  clock.advance(170_000);
  assertEquals(times.size, 10_000);
  assertEquals(new Set(times.values()), new Set([1]));
  assertEquals(early.size, 0);
});
