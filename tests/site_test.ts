import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Resource,
  Session,
  type SessionEnd,
  type SessionEndReason,
  type SessionFactory,
  type SessionSite,
  Site,
} from "../mod.ts";
import {
  cookieOf,
  cookiesOf,
  Errors,
  lasting,
  ManualClock,
  onlySession,
  Page,
  PrintedErrors,
  requestWith,
  settle,
  siteOf,
  START,
  visit,
  watchEnds,
} from "./helpers_session.ts";

const SHORT = lasting({ sessionTimeout: 5 });

// Making sessions.

Deno.test("Site.makeSession() makes a Session by default", () => {
  using site = siteOf();
  assertStrictEquals(site.makeSession().constructor, Session);
});

Deno.test("Site.makeSession() starts the timeout", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  site.makeSession();
  time.tick(5000);
  assertEquals(site.sessions.size, 0);
});

Deno.test("Site.makeSession() makes another session each time", () => {
  using site = siteOf();
  assertNotStrictEquals(site.makeSession(), site.makeSession());
});

Deno.test("Site.makeSession() takes the class of the options", () => {
  class Own extends Session {}
  using site = siteOf({ sessionFactory: Own });
  assertInstanceOf(site.makeSession(), Own);
});

Deno.test("Site.makeSession() takes the class that was set on the site", () => {
  class Own extends Session {}
  using site = siteOf();
  site.sessionFactory = Own;
  assertInstanceOf(site.makeSession(), Own);
});

Deno.test("Site.makeSession() takes the class of a subclass of Site", () => {
  class Own extends Session {}
  class OwnSite extends Site {
    override sessionFactory: SessionFactory = Own;
  }
  using site = new OwnSite(new Resource());
  assertInstanceOf(site.makeSession(), Own);
});

Deno.test("Site.sessionFactory of one site does not count for another", () => {
  using one = siteOf();
  using other = siteOf();
  one.sessionFactory = SHORT;
  assertEquals(other.makeSession().sessionTimeout, 900);
});

Deno.test("Site.sessionFactory is called with the Sessions of the site and the uid", () => {
  const seen: unknown[][] = [];
  class Own extends Session {
    constructor(site: SessionSite, uid: string) {
      super(site, uid);
      seen.push([site, uid]);
    }
  }
  using site = siteOf({ sessionFactory: Own });
  const { uid } = site.makeSession();
  assertStrictEquals(seen[0]![0], site.sessions);
  assertEquals(seen[0]![1], uid);
});

Deno.test("Site.sessionFactory that throws makes makeSession() throw that", () => {
  const thrown = new Error("broken factory");
  class Failing extends Session {
    constructor(site: SessionSite, uid: string) {
      super(site, uid);
      throw thrown;
    }
  }
  using site = siteOf({ sessionFactory: Failing });
  assertStrictEquals(assertThrows(() => site.makeSession()), thrown);
});

Deno.test("Site.sessionFactory that throws leaves nothing behind", () => {
  class Failing extends Session {
    constructor(site: SessionSite, uid: string) {
      super(site, uid);
      throw new Error("broken factory");
    }
  }
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: Failing });
  const ends = watchEnds(site);
  assertThrows(() => site.makeSession());
  assertEquals([site.sessions.size, clock.pending, ends.length], [0, 0, 0]);
});

Deno.test("Site.sessionFactory that throws makes the request a 500 without a cookie", () => {
  class Failing extends Session {
    constructor(site: SessionSite, uid: string) {
      super(site, uid);
      throw new Error("broken factory");
    }
  }
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError, sessionFactory: Failing });
  const response = visit(site);
  assertEquals(
    [response.status, cookiesOf(response), errors.all.length],
    [500, [], 1],
  );
});

Deno.test("Site.sessionFactory that gives another uid is a TypeError, and keeps nothing", () => {
  class Renamed extends Session {
    constructor(site: SessionSite) {
      super(site, "mine");
    }
  }
  using site = siteOf({ sessionFactory: Renamed });
  assertThrows(() => site.makeSession(), TypeError, "Renamed");
  assertEquals(site.sessions.size, 0);
});

Deno.test("Site.sessionFactory that makes one that has ended throws, and keeps nothing", () => {
  class Ended extends Session {
    constructor(site: SessionSite, uid: string) {
      super(site, uid);
      this.expire();
    }
  }
  using site = siteOf({ sessionFactory: Ended });

  assertThrows(() => site.makeSession(), Error, "has ended: logout");
  assertEquals(site.sessions.size, 0);
});

Deno.test("Site.sessionFactory that makes no Session is a TypeError", () => {
  class Other {}
  // @ts-expect-error a caller without types
  using site = siteOf({ sessionFactory: Other });
  assertThrows(() => site.makeSession(), TypeError, "Other");
});

Deno.test("Site.sessionFactory that is no class is a TypeError", () => {
  using site = siteOf();
  // @ts-expect-error a caller without types
  site.sessionFactory = "Session";
  assertThrows(() => site.makeSession(), TypeError);
  assertEquals(site.sessions.size, 0);
});

Deno.test("SiteOptions.sessionFactory that is no class is a TypeError", () => {
  assertThrows(
    // @ts-expect-error a caller without types
    () => siteOf({ sessionFactory: "Session" }),
    TypeError,
    'sessionFactory is not a function: "Session"',
  );
});

Deno.test("Site.sessionFactory that hands out one object twice is a TypeError", () => {
  const kept: Session[] = [];
  class Single extends Session {
    constructor(site: SessionSite, uid: string) {
      super(site, uid);
      kept.push(this);
      return kept[0]!;
    }
  }
  using site = siteOf({ sessionFactory: Single });
  const session = site.makeSession();
  assertThrows(() => site.makeSession(), TypeError);
  assertStrictEquals(onlySession(site), session);
});

Deno.test("Site.makeSession() keeps nothing if the start of the session throws late", () => {
  class Failing extends Session {
    override sessionTimeout = 5;
    override startCheckingExpiration(): void {
      super.startCheckingExpiration();
      throw new Error("broken start");
    }
  }
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: Failing });
  assertThrows(() => site.makeSession(), Error, "broken start");
  assertEquals([site.sessions.size, clock.pending], [0, 0]);
});

Deno.test("Site.makeSession() within a factory makes two sessions", () => {
  let isNested = false;
  class Twin extends Session {
    constructor(site: SessionSite, uid: string) {
      super(site, uid);
      if (isNested) return;
      isNested = true;
      made.makeSession();
    }
  }
  using made = siteOf({ sessionFactory: Twin });
  made.makeSession();
  assertEquals(made.sessions.size, 2);
});

Deno.test("Site.makeSession() is no visit: no cookie opens but the one that was sent", () => {
  using site = siteOf();
  const { uid } = site.makeSession();
  visit(site, `session=${uid}`);
  assertEquals(site.sessions.size, 2);
});

// Finding them.

Deno.test("Site.getSession() finds a session by its uid", () => {
  using site = siteOf();
  const session = site.makeSession();
  assertStrictEquals(site.getSession(session.uid), session);
});

Deno.test("Site.getSession() answers undefined for an unknown uid", () => {
  using site = siteOf();
  assertStrictEquals(site.getSession("a".repeat(32)), undefined);
});

Deno.test("Site.getSession() answers undefined for a visitor's token", () => {
  using site = siteOf();
  const token = cookieOf(visit(site)).slice("session=".length);
  assertStrictEquals(site.getSession(token), undefined);
});

Deno.test("Site.getSession() answers undefined after the end", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire();
  assertStrictEquals(site.getSession(session.uid), undefined);
});

Deno.test("Site.getSession() is no touch", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const session = site.makeSession();
  time.tick(1000);
  site.getSession(session.uid);
  assertEquals(session.lastModified, START / 1000);
});

Deno.test("Site.getSession() puts nothing off", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const { uid } = site.makeSession();
  for (let i = 0; i < 5; i++) {
    site.getSession(uid);
    time.tick(1000);
  }
  assertEquals(site.sessions.size, 0);
});

Deno.test("Site.sessions is in the order of making", () => {
  using site = siteOf();
  const made = Array.from({ length: 10 }, () => site.makeSession().uid);
  assertEquals([...site.sessions.keys()], made);
});

// Being told.

Deno.test("Site.notifyOnSessionEnd() is told of each session", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const sessions = [site.makeSession(), site.makeSession()];
  for (const session of sessions) session.expire();
  assertEquals(
    ends.map(({ uid }) => uid),
    sessions.map(({ uid }) => uid),
  );
});

Deno.test("Site.notifyOnSessionEnd() is told of sessions made before", () => {
  using site = siteOf();
  const session = site.makeSession();
  const ends = watchEnds(site);
  session.expire();
  assertStrictEquals(ends[0]!.session, session);
});

Deno.test("Site.notifyOnSessionEnd() is not told of ends before", () => {
  using site = siteOf();
  site.makeSession().expire();
  assertEquals(watchEnds(site), []);
});

Deno.test("Site.notifyOnSessionEnd() is not told of another site's ends", () => {
  using site = siteOf();
  using other = siteOf();
  const ends = watchEnds(site);
  other.makeSession().expire();
  assertEquals(ends, []);
});

Deno.test("Site.notifyOnSessionEnd() calls a callback as often as it was registered", () => {
  using site = siteOf();
  let calls = 0;
  const callback = () => {
    calls++;
  };
  site.notifyOnSessionEnd(callback);
  site.notifyOnSessionEnd(callback);
  site.makeSession().expire();
  assertEquals(calls, 2);
});

Deno.test("Site.notifyOnSessionEnd() goes on for the next end", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  for (let i = 0; i < 3; i++) site.makeSession().expire();
  assertEquals(ends.length, 3);
});

Deno.test("Site.notifyOnSessionEnd() refuses what is no function", () => {
  using site = siteOf();
  assertThrows(
    // @ts-expect-error a caller without types
    () => site.notifyOnSessionEnd(null),
    TypeError,
    "not a function: null",
  );
});

Deno.test("Site.notifyOnSessionEnd() reports what a callback throws, with the session", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const thrown = new Error("broken");
  site.notifyOnSessionEnd(() => {
    throw thrown;
  });
  const session = site.makeSession();
  session.expire();
  assertStrictEquals(errors.all[0], thrown);
  assertStrictEquals(errors.sessions[0], session);
});

Deno.test("Site.notifyOnSessionEnd() reports what a callback rejects, with the session", async () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const thrown = new Error("broken");
  site.notifyOnSessionEnd(() => Promise.reject(thrown));
  const session = site.makeSession();
  session.expire();
  await settle();
  assertStrictEquals(errors.all[0], thrown);
  assertStrictEquals(errors.sessions[0], session);
});

Deno.test("Site.notifyOnSessionEnd() that throws does not keep back the others' ended", async () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  site.notifyOnSessionEnd(() => {
    throw new Error("broken");
  });
  const session = site.makeSession();
  const { ended } = session;
  session.expire();
  assertStrictEquals((await ended).session, session);
});

// Errors.

Deno.test("SiteOptions.onError that is no function is a TypeError", () => {
  assertThrows(
    // @ts-expect-error a caller without types
    () => siteOf({ onError: "log" }),
    TypeError,
    'onError is not a function: "log"',
  );
});

for (
  const [name, value, message] of [
    [
      "trustProxy",
      "false",
      'trustProxy is not true, false, "forwarded" or "x-forwarded": "false"',
    ],
    ["displayTracebacks", 0, "displayTracebacks is not true or false: 0"],
    ["endsInsecureSessions", null, "not true or false: null"],
    ["onSuspiciousSession", "log", 'not a function: "log"'],
    ["notFoundPage", "none", 'notFoundPage is not a Resource: "none"'],
    ["serverErrorPage", {}, 'serverErrorPage is not a Resource: an object "Ob'],
    ["accessLog", "-", 'accessLog is not a function or a WritableStream: "-"'],
    ["whenPrincipalIsFull", true, 'not "end-oldest" or "refuse": true'],
  ] as const
) {
  Deno.test(`SiteOptions.${name} of a wrong kind is a TypeError`, () => {
    assertThrows(() => siteOf({ [name]: value }), TypeError, message);
  });
}

Deno.test("SiteOptions.whenPrincipalIsFull that is another string is a RangeError", () => {
  assertThrows(
    // @ts-expect-error a caller without types
    () => siteOf({ whenPrincipalIsFull: "refuze" }),
    RangeError,
    'not "end-oldest" or "refuse": "refuze"',
  );
});

Deno.test("SiteOptions.onError is by default console.error", () => {
  using printed = new PrintedErrors();
  using site = siteOf();
  const session = site.makeSession();
  const thrown = new Error("broken");
  session.notifyOnExpire(() => {
    throw thrown;
  });
  session.expire();
  assertEquals(printed.all.length, 1);
  assertStrictEquals(printed.all[0]![0], thrown);
});

Deno.test("SiteOptions.onError by default prints nothing beside the error", () => {
  using printed = new PrintedErrors();
  using site = siteOf({}, (request) => {
    request.getSession();
    throw new Error("broken");
  });
  visit(site);
  assertEquals(printed.all.map((args) => args.length), [1]);
});

Deno.test("SiteOptions.onError gets the session of an end and no request", () => {
  const contexts: { request?: unknown; session?: unknown }[] = [];
  using site = siteOf({
    onError: (_error, context) => {
      contexts.push(context);
    },
  });
  const session = site.makeSession();
  session.notifyOnExpire(() => {
    throw new Error("broken");
  });
  session.expire();
  assertStrictEquals(contexts[0]!.session, session);
  assertStrictEquals(contexts[0]!.request, undefined);
});

Deno.test("SiteOptions.onError that throws prints both errors", () => {
  using printed = new PrintedErrors();
  const [first, second] = [new Error("first"), new Error("second")];
  using site = siteOf({
    onError: () => {
      throw second;
    },
  });
  const session = site.makeSession();
  session.notifyOnExpire(() => {
    throw first;
  });
  session.expire();
  assertEquals(printed.all.length, 2);
  assertStrictEquals(printed.all[0]![0], first);
  assertStrictEquals(printed.all[1]![0], second);
});

Deno.test("SiteOptions.onError that rejects prints both errors", async () => {
  using printed = new PrintedErrors();
  const [first, second] = [new Error("first"), new Error("second")];
  using site = siteOf({ onError: () => Promise.reject(second) });
  const session = site.makeSession();
  session.notifyOnExpire(() => {
    throw first;
  });
  session.expire();
  await settle();
  assertEquals(printed.all.length, 2);
  assertStrictEquals(printed.all[0]![0], first);
  assertStrictEquals(printed.all[1]![0], second);
});

Deno.test("SiteOptions.onError that throws stops no callback", () => {
  using _printed = new PrintedErrors();
  using site = siteOf({
    onError: () => {
      throw new Error("second");
    },
  });
  const ends = watchEnds(site);
  const session = site.makeSession();
  const called: number[] = [];
  for (let i = 0; i < 3; i++) {
    session.notifyOnExpire(() => {
      called.push(i);
      throw new Error("first");
    });
  }
  session.expire();
  assertEquals([called, ends.length], [[0, 1, 2], 1]);
});

Deno.test("SiteOptions.onError that throws for an abort listener brings nothing down", () => {
  using printed = new PrintedErrors();
  using site = siteOf({
    onError: () => {
      throw new Error("second");
    },
  });
  const session = site.makeSession();
  session.signal.addEventListener("abort", () => {
    throw new Error("first");
  });
  session.expire();
  assertEquals(printed.all.map(String), ["Error: first", "Error: second"]);
});

Deno.test("SiteOptions.onError that throws for a rejection brings nothing down", async () => {
  using printed = new PrintedErrors();
  using site = siteOf({
    onError: () => {
      throw new Error("second");
    },
  });
  const session = site.makeSession();
  session.notifyOnExpire(() => Promise.reject(new Error("first")));
  session.expire();
  await settle();
  assertEquals(printed.all.map(String), ["Error: first", "Error: second"]);
});

Deno.test("SiteOptions.onError that ends the session is no second end", () => {
  using site = siteOf({
    onError: (_error, { session }) => session?.expire("revoked"),
  });
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.notifyOnExpire(() => {
    throw new Error("broken");
  });
  session.expire();
  assertEquals(ends.map(({ reason }) => reason), ["logout"]);
});

// Closing.

Deno.test("Site.close() ends every session with the reason shutdown", async () => {
  const site = siteOf();
  const ends = watchEnds(site);
  for (let i = 0; i < 3; i++) site.makeSession();
  await site.close();
  assertEquals(ends.map(({ reason }) => reason), [
    "shutdown",
    "shutdown",
    "shutdown",
  ]);
});

Deno.test("Site.close() leaves no session", async () => {
  const site = siteOf();
  for (let i = 0; i < 3; i++) site.makeSession();
  await site.close();
  assertEquals(site.sessions.size, 0);
});

Deno.test("Site.close() leaves no timer", async () => {
  const clock = new ManualClock();
  const site = siteOf({ clock });
  for (let i = 0; i < 3; i++) site.makeSession();
  await site.close();
  assertEquals(clock.pending, 0);
});

Deno.test("Site.close() ends before it returns its promise", async () => {
  const site = siteOf();
  const ends = watchEnds(site);
  site.makeSession();
  const closed = site.close();
  assertEquals(ends.length, 1);
  await closed;
});

Deno.test("Site.close() ends sessions that never end by themselves", async () => {
  const site = siteOf({
    sessionFactory: lasting({ sessionTimeout: Infinity }),
  });
  const ends = watchEnds(site);
  site.makeSession();
  await site.close();
  assertEquals(ends.length, 1);
});

Deno.test("Site.close() waits for the promises of session callbacks", async () => {
  const site = siteOf();
  const gate = Promise.withResolvers<void>();
  site.makeSession().notifyOnExpire(() => gate.promise);
  let isClosed = false;
  const closed = site.close().then(() => {
    isClosed = true;
  });
  await settle();
  assertFalse(isClosed);
  gate.resolve();
  await closed;
  assert(isClosed);
});

Deno.test("Site.close() waits for the promises of site callbacks", async () => {
  const site = siteOf();
  const gate = Promise.withResolvers<void>();
  site.notifyOnSessionEnd(() => gate.promise);
  site.makeSession();
  let isClosed = false;
  const closed = site.close().then(() => {
    isClosed = true;
  });
  await settle();
  assertFalse(isClosed);
  gate.resolve();
  await closed;
});

Deno.test("Site.close() waits for the promises of earlier ends", async () => {
  const site = siteOf();
  const gate = Promise.withResolvers<void>();
  const session = site.makeSession();
  session.notifyOnExpire(() => gate.promise);
  session.expire();
  let isClosed = false;
  const closed = site.close().then(() => {
    isClosed = true;
  });
  await settle();
  assertFalse(isClosed);
  gate.resolve();
  await closed;
});

Deno.test("Site.close() waits for promises that come while it waits", async () => {
  const site = siteOf();
  const [first, second] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  const session = site.makeSession();
  session.notifyOnExpire(() =>
    first.promise.then(() => {
      session.notifyOnExpire(() => second.promise);
    })
  );
  let isClosed = false;
  const closed = site.close().then(() => {
    isClosed = true;
  });
  first.resolve();
  await settle();
  assertFalse(isClosed);
  second.resolve();
  await closed;
});

Deno.test("Site.close() resolves though a callback rejects, and reports it", async () => {
  const errors = new Errors();
  const site = siteOf({ onError: errors.onError });
  const thrown = new Error("broken");
  site.makeSession().notifyOnExpire(() => Promise.reject(thrown));
  await site.close();
  assertEquals(errors.all.length, 1);
  assertStrictEquals(errors.all[0], thrown);
});

Deno.test("Site.close() ends the others though a callback throws", async () => {
  const errors = new Errors();
  const site = siteOf({ onError: errors.onError });
  const ends = watchEnds(site);
  for (let i = 0; i < 3; i++) {
    site.makeSession().notifyOnExpire(() => {
      throw new Error("broken");
    });
  }
  await site.close();
  assertEquals([ends.length, errors.all.length], [3, 3]);
});

Deno.test("Site.close() ends the others though an overridden expire() throws", async () => {
  class Failing extends Session {
    override expire(): void {
      throw new Error("broken expire");
    }
  }
  const errors = new Errors();
  const site = siteOf({ onError: errors.onError, sessionFactory: Failing });
  const ends = watchEnds(site);
  for (let i = 0; i < 3; i++) site.makeSession();
  await site.close();
  assertEquals(
    [ends.map(({ reason }) => reason), errors.all.length],
    [["shutdown", "shutdown", "shutdown"], 3],
  );
});

Deno.test("Site.close() waits for an overridden expire() that is async, and reports it", async () => {
  class Async extends Session {
    override async expire(reason?: SessionEndReason): Promise<void> {
      super.expire(reason);
      await settle();
      throw new Error("broken later");
    }
  }
  const errors = new Errors();
  const site = siteOf({ onError: errors.onError, sessionFactory: Async });
  site.makeSession();
  await site.close();
  assertEquals(errors.all.map(String), ["Error: broken later"]);
});

Deno.test("Site.close() twice ends once", async () => {
  const site = siteOf();
  const ends = watchEnds(site);
  site.makeSession();
  await site.close();
  await site.close();
  assertEquals(ends.length, 1);
});

Deno.test("Site.close() while it closes waits too", async () => {
  const site = siteOf();
  const gate = Promise.withResolvers<void>();
  site.makeSession().notifyOnExpire(() => gate.promise);
  const first = site.close();
  let isClosed = false;
  const second = site.close().then(() => {
    isClosed = true;
  });
  await settle();
  assertFalse(isClosed);
  gate.resolve();
  await Promise.all([first, second]);
});

Deno.test("Site.close() of a site without sessions resolves", async () => {
  const site = siteOf();
  assertStrictEquals(await site.close(), undefined);
});

Deno.test("Site.close() makes makeSession() throw", async () => {
  const site = siteOf();
  await site.close();
  assertThrows(() => site.makeSession(), Error, "closed");
  assertEquals(site.sessions.size, 0);
});

Deno.test("Site.close() makes makeSession() throw before it resolves", async () => {
  const site = siteOf();
  const gate = Promise.withResolvers<void>();
  site.makeSession().notifyOnExpire(() => gate.promise);
  const closed = site.close();
  assertThrows(() => site.makeSession(), Error, "closed");
  gate.resolve();
  await closed;
});

Deno.test("Site.close() makes makeSession() throw in a callback of the shutdown", async () => {
  const errors = new Errors();
  const site = siteOf({ onError: errors.onError });
  site.makeSession().notifyOnExpire(() => {
    site.makeSession();
  });
  await site.close();
  assertEquals([errors.all.length, site.sessions.size], [1, 0]);
});

Deno.test("Site.close() makes requests 503", async () => {
  const site = siteOf();
  await site.close();
  assertEquals((await site.fetch(requestWith())).status, 503);
});

Deno.test("Site.close() makes requests 503 without a report", async () => {
  const errors = new Errors();
  const site = siteOf({ onError: errors.onError });
  await site.close();
  await site.fetch(requestWith());
  assertEquals(errors.all, []);
});

Deno.test("Site.close() makes requests 503 that no resource sees", async () => {
  let seen = 0;
  const site = siteOf({}, () => String(seen++));
  await site.close();
  await site.fetch(requestWith());
  assertEquals(seen, 0);
});

Deno.test("Site.close() makes a visitor's request 503 and sets no cookie", async () => {
  const site = siteOf();
  const cookie = cookieOf(visit(site));
  await site.close();
  const response = await site.fetch(requestWith(cookie));
  assertEquals([response.status, cookiesOf(response)], [503, []]);
});

Deno.test("Site.close() makes a request under way that wants a session 503", async () => {
  const gate = Promise.withResolvers<void>();
  const site = siteOf({}, async (request) => {
    await gate.promise;
    return request.getSession().uid;
  });
  const answer = site.fetch(requestWith());
  const closed = site.close();
  gate.resolve();
  assertEquals((await answer).status, 503);
  await closed;
  assertEquals(site.sessions.size, 0);
});

Deno.test("Site.close() lets a request under way that wants no session end well", async () => {
  const gate = Promise.withResolvers<void>();
  const site = siteOf({}, async () => {
    await gate.promise;
    return "done";
  });
  const answer = site.fetch(requestWith());
  const closed = site.close();
  gate.resolve();
  assertEquals(await (await answer).text(), "done");
  await closed;
});

Deno.test("Site.close() has a request under way leave the cookie of its session", async () => {
  const gate = Promise.withResolvers<void>();
  const site = siteOf({}, async (request) => {
    const { uid } = request.getSession();
    if (!request.isNewSession) await gate.promise;
    return uid;
  });
  const cookie = cookieOf(await site.fetch(requestWith()));
  const { uid } = onlySession(site);
  const answer = site.fetch(requestWith(cookie));
  const closed = site.close();
  gate.resolve();
  const response = await answer;
  assertEquals(await response.text(), uid);
  assertEquals(cookiesOf(response), []);
  await closed;
});

Deno.test("Site.close() has a request under way send no cookie of a session that it made", async () => {
  const gate = Promise.withResolvers<void>();
  const site = siteOf({}, async (request) => {
    const { uid } = request.getSession();
    await gate.promise;
    return uid;
  });
  const answer = site.fetch(requestWith());
  const closed = site.close();
  gate.resolve();
  assertEquals(cookiesOf(await answer), []);
  await closed;
});

Deno.test("Site.close() in a callback of a session ends the others", () => {
  const site = siteOf();
  const ends = watchEnds(site);
  const first = site.makeSession();
  site.makeSession();
  first.notifyOnExpire(() => void site.close());
  first.expire();
  assertEquals(ends.map(({ reason }) => reason).sort(), ["logout", "shutdown"]);
});

Deno.test("Site.close() in a callback at the deadline leaves no timer", () => {
  const clock = new ManualClock();
  const site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  const first = site.makeSession();
  site.makeSession();
  first.notifyOnExpire(() => void site.close());
  clock.advance(5000);
  assertEquals([ends.length, clock.pending], [2, 0]);
});

Deno.test("Site.close() in a resource makes its own session end", async () => {
  const site = siteOf({}, (request) => {
    const { uid } = request.getSession();
    if (!request.isNewSession) site[Symbol.dispose]();
    return uid;
  });
  const cookie = cookieOf(await site.fetch(requestWith()));
  const session = onlySession(site);
  const response = await site.fetch(requestWith(cookie));
  assertEquals(
    [response.status, session.end?.reason, site.sessions.size],
    [200, "shutdown", 0],
  );
  // The request ended it, by the site, before it waited for anything.
  assertEquals(cookiesOf(response), ["session="]);
});

Deno.test("Site.close() in a factory makes makeSession() throw, and keeps nothing", () => {
  class Closing extends Session {
    constructor(of: SessionSite, uid: string) {
      super(of, uid);
      site[Symbol.dispose]();
    }
  }
  const clock = new ManualClock();
  const site = siteOf({ clock, sessionFactory: Closing });
  const ends = watchEnds(site);
  assertThrows(() => site.makeSession(), Error, "closed");
  assertEquals([site.sessions.size, clock.pending, ends.length], [0, 0, 0]);
});

Deno.test("Site.close() in the start of a session ends that too", () => {
  class Closing extends Session {
    override startCheckingExpiration(): void {
      site[Symbol.dispose]();
      super.startCheckingExpiration();
    }
  }
  const clock = new ManualClock();
  const site = siteOf({ clock, sessionFactory: Closing });
  const ends = watchEnds(site);
  try {
    site.makeSession();
  } catch {
    // Whether it throws is left open: nothing may stay.
  }
  assertEquals([site.sessions.size, clock.pending], [0, 0]);
  // It has never begun.
  assertEquals(ends, []);
});

Deno.test("Site.close() aborts the signals of the sessions", async () => {
  const site = siteOf();
  const { signal } = site.makeSession();
  await site.close();
  assert(signal.aborted);
});

Deno.test("Site.close() resolves the promises of the ends", async () => {
  const site = siteOf();
  const { ended } = site.makeSession();
  await site.close();
  assertEquals((await ended).reason, "shutdown");
});

Deno.test("Site.close() past a deadline with a late timer is an end all the same", async () => {
  const clock = new ManualClock();
  const site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  site.makeSession();
  clock.jump(6000);
  await site.close();
  assertEquals([ends.length, clock.pending], [1, 0]);
});

Deno.test("Site.notifyOnSessionEnd() after close() is no error", async () => {
  const site = siteOf();
  await site.close();
  assertEquals(watchEnds(site), []);
});

Deno.test("Site[Symbol.dispose]() ends every session with the reason shutdown", () => {
  const ends: SessionEnd[] = [];
  {
    using site = siteOf();
    site.notifyOnSessionEnd((end) => {
      ends.push(end);
    });
    site.makeSession();
    site.makeSession();
  }
  assertEquals(ends.map(({ reason }) => reason), ["shutdown", "shutdown"]);
});

Deno.test("Site[Symbol.dispose]() waits for nobody", () => {
  const site = siteOf();
  site.makeSession().notifyOnExpire(() => new Promise<void>(() => {}));
  site[Symbol.dispose]();
  assertEquals(site.sessions.size, 0);
});

Deno.test("Site[Symbol.dispose]() makes requests 503", async () => {
  const site = siteOf();
  site[Symbol.dispose]();
  assertEquals((await site.fetch(requestWith())).status, 503);
});

Deno.test("Site[Symbol.dispose]() makes makeSession() throw", () => {
  const site = siteOf();
  site[Symbol.dispose]();
  assertThrows(() => site.makeSession(), Error, "closed");
});

Deno.test("Site[Symbol.dispose]() leaves no timer", () => {
  const clock = new ManualClock();
  const site = siteOf({ clock });
  site.makeSession();
  site[Symbol.dispose]();
  assertEquals(clock.pending, 0);
});

Deno.test("Site[Symbol.dispose]() twice ends once", () => {
  const site = siteOf();
  const ends = watchEnds(site);
  site.makeSession();
  site[Symbol.dispose]();
  site[Symbol.dispose]();
  assertEquals(ends.length, 1);
});

Deno.test("Site[Symbol.dispose]() and then close() waits for the promises", async () => {
  const site = siteOf();
  const gate = Promise.withResolvers<void>();
  site.makeSession().notifyOnExpire(() => gate.promise);
  site[Symbol.dispose]();
  let isClosed = false;
  const closed = site.close().then(() => {
    isClosed = true;
  });
  await settle();
  assertFalse(isClosed);
  gate.resolve();
  await closed;
});

Deno.test("Site[Symbol.asyncDispose]() waits for the callbacks' promises", async () => {
  let isDone = false;
  {
    await using site = siteOf();
    site.makeSession().notifyOnExpire(async () => {
      await settle();
      isDone = true;
    });
  }
  assert(isDone);
});

Deno.test("Site.close() rejects for nobody, however callbacks and onError fail", async () => {
  using printed = new PrintedErrors();
  const site = siteOf({ onError: () => Promise.reject(new Error("second")) });
  site.makeSession().notifyOnExpire(() => Promise.reject(new Error("first")));
  await site.close();
  await settle();
  assertEquals(printed.all.map(String), ["Error: first", "Error: second"]);
});

Deno.test("Site of a Page answers the same session at every path", async () => {
  using site = new Site(new Page((request) => request.getSession().uid));
  const first = await site.fetch(requestWith(undefined, "http://localhost/a"));
  const cookie = cookieOf(first);
  const second = await site.fetch(requestWith(cookie, "http://localhost/b/c"));
  assertEquals(await second.text(), await first.text());
});
