import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Multimap } from "../../base/multimap.ts";
import {
  Session,
  SessionEndedError,
  type SessionEndReason,
  type SessionSite,
} from "../../mod.ts";
import {
  cookieOf,
  cookiesOf,
  Errors,
  lasting,
  ManualClock,
  onlySession,
  requestWith,
  siteOf,
  visit,
  watchEnds,
} from "../helpers_session.ts";

const SHORT = lasting({ sessionTimeout: 5 });

/** Makes a session of a principal. */
function makeFor(site: ReturnType<typeof siteOf>, principal: string): Session {
  const session = site.makeSession();
  session.principal = principal;
  return session;
}

/** Logs a new client in, and returns its session. */
function logInTo(site: ReturnType<typeof siteOf>, principal: string): Session {
  let session: Session | undefined;
  site.sessions.serve(requestWith(), (visit) => {
    session = visit.logIn(principal);
    return new Response();
  });
  return session!;
}

// Setting it.

Deno.test("Session.principal is undefined at first", () => {
  using site = siteOf();
  assertEquals(site.makeSession().principal, undefined);
});

Deno.test("Session.principal is what it was set to", () => {
  using site = siteOf();
  assertEquals(makeFor(site, "alice").principal, "alice");
});

Deno.test("Session.principal counts as no access", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const session = site.makeSession();
  const { expiresAt } = session;
  clock.advance(1000);

  session.principal = "alice";

  assertEquals(session.expiresAt, expiresAt);
});

for (
  const [text, value] of [
    ["null", null],
    ["5", 5],
    ["an object", {}],
    ["a symbol", Symbol("alice")],
  ] as const
) {
  Deno.test(`Session.principal throws a TypeError for ${text}, and stays`, () => {
    using site = siteOf();
    const session = makeFor(site, "alice");

    assertThrows(() => {
      session.principal = value as unknown as string;
    }, TypeError);

    assertEquals(session.principal, "alice");
    assertEquals(site.sessionsOf("alice"), [session]);
  });
}

for (const principal of ["alice", undefined]) {
  Deno.test(`Session.principal after the end cannot be set to ${principal}`, () => {
    using site = siteOf();
    const session = makeFor(site, "bob");
    session.expire();

    assertThrows(() => {
      session.principal = principal;
    }, SessionEndedError);

    assertEquals(site.sessionsOf("alice"), []);
  });
}

for (const other of ["bob", "", "Alice"]) {
  Deno.test(`Session.principal of alice refuses "${other}" with an Error that names logIn()`, () => {
    using site = siteOf();
    const session = makeFor(site, "alice");

    const error = assertThrows(() => {
      session.principal = other;
    }, Error);

    assertStringIncludes((error as Error).message, "logIn()");
    assertStringIncludes((error as Error).message, `"${other}"`);
    assertStringIncludes((error as Error).message, `"alice"`);
    assertEquals(session.principal, "alice");
    assertEquals(site.sessionsOf("alice"), [session]);
    assertEquals(site.sessionsOf(other), []);
    assert(session.isActive);
  });
}

Deno.test("Session.principal that is empty is one, and refuses another", () => {
  using site = siteOf();
  const session = makeFor(site, "");

  assertThrows(
    () => {
      session.principal = "alice";
    },
    Error,
    "logIn()",
  );

  assertEquals(site.sessionsOf(""), [session]);
});

Deno.test("Session.principal that is refused evicts nothing", () => {
  using site = siteOf({ maxSessionsPerPrincipal: 1 });
  const [first, second] = [makeFor(site, "alice"), makeFor(site, "bob")];

  assertThrows(
    () => {
      second.principal = "alice";
    },
    Error,
    "logIn()",
  );

  assert(first.isActive);
});

Deno.test("Session.principal can be taken away, and then be another", () => {
  using site = siteOf();
  const session = makeFor(site, "alice");

  session.principal = undefined;
  assertEquals(session.principal, undefined);
  session.principal = "bob";

  assertEquals(session.principal, "bob");
});

Deno.test("Session.principal that is assigned is no login", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ sessionTimeout: 60, absoluteTimeout: 100 }),
  });
  const session = site.makeSession();
  clock.advance(50_000);

  session.principal = "alice";

  assertEquals(session.authenticatedAt, undefined);
  clock.advance(10_000);
  assertEquals(session.end?.reason, "idle");
});

Deno.test("Session.principal can be read after the end", () => {
  using site = siteOf();
  const session = makeFor(site, "alice");

  session.expire();

  assertEquals(session.principal, "alice");
});

// Finding by it.

Deno.test("Site.sessionsOf() answers the sessions of a principal, the first to get it first", () => {
  using site = siteOf();
  const [one, two] = [site.makeSession(), site.makeSession()];
  two.principal = "alice";
  one.principal = "alice";
  makeFor(site, "bob");

  assertEquals(site.sessionsOf("alice").map(({ uid }) => uid), [
    two.uid,
    one.uid,
  ]);
});

Deno.test("Site.sessionsOf() answers nothing for a principal that has none", () => {
  using site = siteOf();
  assertEquals(site.sessionsOf("alice"), []);
});

for (const name of ["__proto__", "constructor", ""]) {
  Deno.test(`Site.sessionsOf() knows the principal "${name}" once there is one`, () => {
    using site = siteOf();
    assertEquals(site.sessionsOf(name), []);
    const session = makeFor(site, name);
    assertEquals(site.sessionsOf(name), [session]);
  });
}

Deno.test("Site.sessionsOf() answers a session once that is given its principal twice", () => {
  using site = siteOf();
  const session = makeFor(site, "alice");
  session.principal = "alice";
  assertEquals(site.sessionsOf("alice"), [session]);
});

Deno.test("Site.sessionsOf() answers a list of the caller's own", () => {
  using site = siteOf();
  const session = makeFor(site, "alice");

  site.sessionsOf("alice").pop();

  assertEquals(site.sessionsOf("alice"), [session]);
});

Deno.test("Session.principal that there is cannot be set to another, and stays", () => {
  using site = siteOf();
  const session = makeFor(site, "alice");

  const error = assertThrows(() => {
    session.principal = "bob";
  }, Error);

  assertEquals(
    (error as Error).message,
    `Cannot set the principal of session "${session.uid}" to "bob": it is "alice"; end this session first, or call request.logIn()`,
  );
  assertEquals(session.principal, "alice");
  assertEquals(site.sessionsOf("alice"), [session]);
  assertEquals(site.sessionsOf("bob"), []);
});

Deno.test("Session.principal that is refused evicts no session of the other", () => {
  using site = siteOf({ maxSessionsPerPrincipal: 1 });
  const session = makeFor(site, "alice");
  const bobs = makeFor(site, "bob");

  assertThrows(() => {
    session.principal = "bob";
  });

  assert(bobs.isActive);
});

Deno.test("Session.principal set to what it is does nothing", () => {
  using site = siteOf();
  const session = makeFor(site, "alice");
  const other = makeFor(site, "alice");

  session.principal = "alice";

  assertEquals(site.sessionsOf("alice"), [session, other]);
});

Deno.test("Session.principal that is an empty string cannot be set to another", () => {
  using site = siteOf();
  const session = makeFor(site, "");

  assertThrows(
    () => {
      session.principal = "bob";
    },
    Error,
    "end this session first",
  );
});

Deno.test("Site.sessionsOf() follows a session to another principal, once the one before was taken away", () => {
  using site = siteOf();
  const session = makeFor(site, "alice");

  session.principal = undefined;
  session.principal = "bob";

  assertEquals(site.sessionsOf("alice"), []);
  assertEquals(site.sessionsOf("bob"), [session]);
});

Deno.test("Site.sessionsOf() no longer answers a session that is anonymous again", () => {
  using site = siteOf();
  const session = makeFor(site, "alice");

  session.principal = undefined;

  assertEquals(site.sessionsOf("alice"), []);
});

Deno.test("Site.sessionsOf() does not touch", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const session = makeFor(site, "alice");
  const { expiresAt } = session;
  clock.advance(1000);

  site.sessionsOf("alice");

  assertEquals(session.expiresAt, expiresAt);
});

Deno.test("Site.sessionsOf() answers no session past its deadline, and ends it", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const session = makeFor(site, "alice");
  clock.jump(5000);

  assertEquals(site.sessionsOf("alice"), []);
  assertEquals(session.end?.reason, "idle");
});

Deno.test("Site.sessionsOf() no longer answers the session in the callbacks of its end", () => {
  using site = siteOf();
  const session = makeFor(site, "alice");
  const seen: unknown[] = [];
  session.notifyOnExpire(() => seen.push(site.sessionsOf("alice").length));
  site.notifyOnSessionEnd(() => seen.push(site.sessionsOf("alice").length));

  session.expire();

  assertEquals(seen, [0, 0]);
});

for (
  const [reason, end] of [
    ["idle", (_, clock) => clock.advance(5000)],
    ["logout", (session) => session.expire()],
    ["revoked", (session) => session.expire("revoked")],
    [
      "shutdown",
      ({ site }) => (site as unknown as Disposable)[Symbol.dispose](),
    ],
  ] as [SessionEndReason, (session: Session, clock: ManualClock) => void][]
) {
  Deno.test(`Site.sessionsOf() no longer answers a session that has ended: ${reason}`, () => {
    const clock = new ManualClock();
    using site = siteOf({ clock, sessionFactory: SHORT });
    const session = makeFor(site, "alice");

    end(session, clock);

    assertEquals(session.end?.reason, reason);
    assertEquals(site.sessionsOf("alice"), []);
  });
}

Deno.test("Site.sessionsOf() answers a session whose class sets its principal", () => {
  class Alices extends Session {
    constructor(...args: ConstructorParameters<typeof Session>) {
      super(...args);
      this.principal = "alice";
    }
  }
  using site = siteOf({ sessionFactory: Alices });

  const session = site.makeSession();

  assertEquals(site.sessionsOf("alice"), [session]);
});

Deno.test("Site.sessionsOf() answers no session whose class threw after it set its principal", () => {
  class Throwing extends Session {
    constructor(...args: ConstructorParameters<typeof Session>) {
      super(...args);
      this.principal = "alice";
      throw new Error("thrown");
    }
  }
  using site = siteOf({ sessionFactory: Throwing });
  assertThrows(() => site.makeSession(), Error, "thrown");

  assertEquals(site.sessionsOf("alice"), []);
});

Deno.test("Site.sessionsOf() answers no session that could not begin", () => {
  class Invalid extends Session {
    override sessionTimeout = -1;
    constructor(site: SessionSite, uid: string) {
      super(site, uid);
      this.principal = "alice";
    }
  }
  using site = siteOf({ sessionFactory: Invalid });
  assertThrows(() => site.makeSession(), RangeError);

  assertEquals(site.sessionsOf("alice"), []);
});

Deno.test("Site.sessionsOf() answers no session that goes with its request", () => {
  const seen: Session[][] = [];
  using site = siteOf({}, (request) => {
    request.getSession().principal = "alice";
    seen.push(site.sessionsOf("alice"));
    return "";
  });

  site.fetch(new Request("http://localhost/", { method: "HEAD" }));

  assertEquals([...seen, site.sessionsOf("alice")], [[], []]);
});

// Ending all of them.

Deno.test("Site.endSessions() ends all the sessions of a principal, revoked", () => {
  using site = siteOf();
  const sessions = [makeFor(site, "alice"), makeFor(site, "alice")];

  site.endSessions("alice");

  assertEquals(sessions.map(({ end }) => end?.reason), ["revoked", "revoked"]);
  assertEquals(site.sessionsOf("alice"), []);
});

Deno.test("Site.endSessions() answers how many have ended", () => {
  using site = siteOf();
  makeFor(site, "alice");
  makeFor(site, "alice");
  assertEquals(site.endSessions("alice"), 2);
});

Deno.test("Site.endSessions() ends nothing for a principal that has none", () => {
  using site = siteOf();
  assertEquals(site.endSessions("alice"), 0);
});

Deno.test("Site.endSessions() leaves others alone", () => {
  using site = siteOf();
  makeFor(site, "alice");
  const others = [makeFor(site, "bob"), site.makeSession()];

  site.endSessions("alice");

  assertEquals(others.map(({ isActive }) => isActive), [true, true]);
});

Deno.test("Site.endSessions() leaves the excepted session", () => {
  using site = siteOf();
  const [kept, other] = [makeFor(site, "alice"), makeFor(site, "alice")];

  const count = site.endSessions("alice", { except: kept });

  assertEquals([kept.isActive, other.isActive, count], [true, false, 1]);
  assertEquals(site.sessionsOf("alice"), [kept]);
});

Deno.test("Site.endSessions() gives the reason that it is told", () => {
  using site = siteOf();
  const session = makeFor(site, "alice");

  site.endSessions("alice", { reason: "logout" });

  assertEquals(session.end?.reason, "logout");
});

Deno.test("Site.endSessions() counts no session that has idled out", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const session = makeFor(site, "alice");
  clock.jump(5000);

  assertEquals(site.endSessions("alice"), 0);
  assertEquals(session.end?.reason, "idle");
});

Deno.test("Site.endSessions() tells each callback once", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const sessions = [makeFor(site, "alice"), makeFor(site, "alice")];

  site.endSessions("alice");

  assertEquals(
    ends.map(({ uid }) => uid),
    sessions.map(({ uid }) => uid),
  );
});

Deno.test("Site.endSessions() ends one session once that another's callback has ended", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const [one, two] = [makeFor(site, "alice"), makeFor(site, "alice")];
  one.notifyOnExpire(() => two.expire());

  site.endSessions("alice");

  assertEquals(new Set(ends.map(({ uid }) => uid)).size, ends.length);
  assertEquals(two.end?.reason, "logout");
});

for (
  const [what, expire] of [
    ["throws", () => {
      throw new Error("thrown");
    }],
    ["does nothing", () => {}],
  ] as const
) {
  Deno.test(`Site.endSessions() ends a session whose expire() ${what}, and the others`, () => {
    class Stubborn extends Session {
      override expire(): void {
        expire();
      }
    }
    using site = siteOf({
      sessionFactory: Stubborn,
      onError: new Errors().onError,
    });
    const sessions = [makeFor(site, "alice"), makeFor(site, "alice")];

    site.endSessions("alice");

    assertEquals(sessions.map(({ isActive }) => isActive), [false, false]);
  });
}

Deno.test("Site.endSessions() in a request leaves the visitor the excepted session", () => {
  let logsOutOthers = false;
  using site = siteOf({}, (request) => {
    const session = request.getSession();
    session.principal = "alice";
    if (logsOutOthers) site.endSessions("alice", { except: session });
    return session.uid;
  });
  const [mine, other] = [cookieOf(visit(site)), cookieOf(visit(site))];

  logsOutOthers = true;
  const response = visit(site, mine);

  assertEquals(cookiesOf(response), []);
  assertEquals(cookiesOf(visit(site, other)).length, 1);
});

Deno.test("Site.endSessions() in a request clears the cookie of a visitor who is not excepted", () => {
  using site = siteOf({}, (request) => {
    request.getSession().principal = "alice";
    if (!request.isNewSession) site.endSessions("alice");
    return "";
  });
  const cookie = cookieOf(visit(site));

  assertEquals(cookiesOf(visit(site, cookie)), ["session="]);
});

Deno.test("Site.endSessions() in a request that has waited leaves the cookie", async () => {
  using site = siteOf({}, async (request) => {
    request.getSession().principal = "alice";
    if (request.isNewSession) return "";
    await Promise.resolve();
    site.endSessions("alice");
    return "";
  });
  const cookie = cookieOf(await site.fetch(requestWith()));

  // The end may be that of another request, whose login is under way.
  assertEquals(cookiesOf(await site.fetch(requestWith(cookie))), []);
  assertEquals(site.sessions.size, 0);
});

// At most so many.

Deno.test("SiteOptions.maxSessionsPerPrincipal ends the oldest session, evicted", () => {
  using site = siteOf({ maxSessionsPerPrincipal: 2 });
  const [one, two] = [logInTo(site, "alice"), logInTo(site, "alice")];

  const three = logInTo(site, "alice");

  assertEquals(one.end?.reason, "evicted");
  assertEquals(site.sessionsOf("alice"), [two, three]);
});

Deno.test("SiteOptions.maxSessionsPerPrincipal ends the session with the oldest login", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, maxSessionsPerPrincipal: 2 });
  const guest = site.makeSession();
  clock.advance(1000);
  const first = logInTo(site, "alice");
  clock.advance(1000);
  const second = logInTo(site, "alice");
  guest.principal = "alice";

  logInTo(site, "alice");

  // The one that was never logged in counts from its creation.
  assertEquals([guest.isActive, first.isActive], [false, false]);
  assertEquals(second.isActive, true);
});

Deno.test("SiteOptions.maxSessionsPerPrincipal does not limit a principal that is assigned", () => {
  for (const whenPrincipalIsFull of ["end-oldest", "refuse"] as const) {
    using site = siteOf({ maxSessionsPerPrincipal: 1, whenPrincipalIsFull });
    const sessions = [makeFor(site, "alice"), makeFor(site, "alice")];
    assertEquals(site.sessionsOf("alice"), sessions);
  }
});

Deno.test("SiteOptions.maxSessionsPerPrincipal 1 leaves the newest", () => {
  using site = siteOf({ maxSessionsPerPrincipal: 1 });
  logInTo(site, "alice");
  logInTo(site, "alice");

  const last = logInTo(site, "alice");

  assertEquals(site.sessionsOf("alice"), [last]);
});

Deno.test("SiteOptions.maxSessionsPerPrincipal counts each principal by itself, and the anonymous not at all", () => {
  using site = siteOf({ maxSessionsPerPrincipal: 1 });

  logInTo(site, "alice");
  logInTo(site, "bob");
  site.makeSession();
  site.makeSession();

  assertEquals(site.sessions.size, 4);
});

Deno.test("SiteOptions.maxSessionsPerPrincipal gives the place of an ended session to the next", () => {
  using site = siteOf({
    maxSessionsPerPrincipal: 1,
    whenPrincipalIsFull: "refuse",
  });
  logInTo(site, "alice").expire();

  const next = logInTo(site, "alice");

  assertEquals(site.sessionsOf("alice"), [next]);
});

Deno.test("SiteOptions.maxSessionsPerPrincipal gives the place of one that became anonymous to the next", () => {
  using site = siteOf({
    maxSessionsPerPrincipal: 1,
    whenPrincipalIsFull: "refuse",
  });
  logInTo(site, "alice").principal = undefined;

  const next = logInTo(site, "alice");

  assertEquals(site.sessionsOf("alice"), [next]);
});

Deno.test("SiteOptions.maxSessionsPerPrincipal counts no session past its deadline", () => {
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    maxSessionsPerPrincipal: 1,
    whenPrincipalIsFull: "refuse",
    sessionFactory: SHORT,
  });
  logInTo(site, "alice");
  clock.jump(5000);

  const next = logInTo(site, "alice");

  assertEquals(site.sessionsOf("alice"), [next]);
});

Deno.test("SiteOptions.maxSessionsPerPrincipal counts no session that goes with its request", () => {
  using site = siteOf({ maxSessionsPerPrincipal: 1 }, (request) => {
    request.getSession().principal = "alice";
    return "";
  });
  visit(site);
  const session = onlySession(site);

  site.fetch(new Request("http://localhost/", { method: "HEAD" }));

  assert(session.isActive);
});

Deno.test("TooManySessionsError names the principal", () => {
  using site = siteOf({
    maxSessionsPerPrincipal: 1,
    whenPrincipalIsFull: "refuse",
  });
  logInTo(site, "alice");

  const error = assertThrows(() => logInTo(site, "alice"));

  assertStringIncludes((error as Error).message, '"alice"');
  assertEquals((error as Error).name, "TooManySessionsError");
});

Deno.test("SiteOptions.maxSessionsPerPrincipal has the visitor of the ended session begin anew", async () => {
  using site = siteOf({ maxSessionsPerPrincipal: 1 }, (request) => {
    request.getSession();
    if (request.postpath[0] === "login") request.logIn("alice");
    return request.principal ?? "nobody";
  });
  const login = () =>
    site.fetch(requestWith(undefined, "http://localhost/login")) as Response;
  const first = cookieOf(login());
  login();

  const response = visit(site, first);

  assertEquals(await response.text(), "nobody");
});

Deno.test("Session.principal set by a callback of the session's own end throws", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const session = makeFor(site, "alice");
  session.notifyOnExpire(() => {
    session.principal = "bob";
  });

  session.expire();

  // Before anything else: that it has ended counts more than whose it is.
  assert(errors.all[0] instanceof SessionEndedError);
  assertEquals(site.sessionsOf("bob"), []);
});

// Nothing stays.

Deno.test("Multimap.size counts no principal that has none left", () => {
  const principals = new Multimap<string, number>();
  principals.add("alice", 1);
  principals.add("alice", 2);
  principals.add("bob", 3);

  principals.remove("alice", 1);
  assertEquals(principals.size, 2);
  principals.remove("alice", 2);

  assertEquals(principals.size, 1);
});

Deno.test("Multimap.remove() of what is not there changes nothing", () => {
  const principals = new Multimap<string, number>();
  principals.add("alice", 1);

  principals.remove("alice", 2);
  principals.remove("bob", 1);

  assertEquals([principals.size, principals.get("alice")], [1, [1]]);
});

Deno.test("Multimap.get() answers those of a principal, the first entered first", () => {
  const principals = new Multimap<string, number>();
  principals.add("alice", 2);
  principals.add("alice", 1);
  principals.add("alice", 2);
  assertEquals([principals.get("alice"), principals.count("alice")], [
    [2, 1],
    2,
  ]);
});
