import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Resource,
  Session,
  SessionEndedError,
  Site,
  type SiteRequest,
  TooLateForCookieError,
} from "../mod.ts";
import {
  cookieOf,
  cookiesOf,
  Errors,
  lasting,
  ManualClock,
  onlySession,
  requestWith,
  siteOf,
  START,
  visit,
  watchEnds,
} from "./helpers_session.ts";

const SHORT = lasting({ sessionTimeout: 5 });

/** Sessions that end during a request too, which keeps them from idling out. */
const BRIEF = lasting({ absoluteTimeout: 5 });

/** A component. */
class Cart {
  readonly session: Session;
  readonly items: string[] = [];

  constructor(session: Session) {
    this.session = session;
  }
}

// What a new session is.

Deno.test("Session.uid is 32 lower-case hex digits", () => {
  using site = siteOf();
  assertMatch(site.makeSession().uid, /^[0-9a-f]{32}$/);
});

Deno.test("Session.uid is another for each session", () => {
  using site = siteOf();
  const uids = Array.from({ length: 1000 }, () => site.makeSession().uid);
  assertEquals(new Set(uids).size, 1000);
});

Deno.test("Session.uid is the key in site.sessions", () => {
  using site = siteOf();
  const session = site.makeSession();
  assertStrictEquals(site.sessions.get(session.uid), session);
});

Deno.test("Session.site is the Sessions of the site that made it", () => {
  using site = siteOf();
  assertStrictEquals(site.makeSession().site, site.sessions);
});

Deno.test("Session.sessionTimeout is 900 s unless changed", () => {
  using site = siteOf();
  assertEquals(site.makeSession().sessionTimeout, 900);
});

Deno.test("Session.absoluteTimeout is Infinity unless changed", () => {
  using site = siteOf();
  assertEquals(site.makeSession().absoluteTimeout, Infinity);
});

Deno.test("Session.createdAt is when it was made, in UNIX seconds", () => {
  using _time = new FakeTime(START + 250);
  using site = siteOf();
  assertEquals(site.makeSession().createdAt, START / 1000 + 0.25);
});

Deno.test("Session.createdAt stays after a touch", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const session = site.makeSession();
  time.tick(1000);
  session.touch();
  assertEquals(session.createdAt, START / 1000);
});

Deno.test("Session.lastModified is when it was made, before any touch", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const session = site.makeSession();
  time.tick(1000);
  assertEquals(session.lastModified, START / 1000);
});

Deno.test("Session.expiresAt is sessionTimeout after the making", () => {
  using _time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  assertEquals(site.makeSession().expiresAt, START / 1000 + 5);
});

Deno.test("Session.expiresAt moves with a touch", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  time.tick(1500);
  session.touch();
  assertEquals(session.expiresAt, START / 1000 + 6.5);
});

Deno.test("Session.expiresAt is Infinity for a session that is not started", () => {
  using site = siteOf();
  assertEquals(new Session(site, "a".repeat(32)).expiresAt, Infinity);
});

Deno.test("Session.expiresAt is when it did end, once it has", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  time.tick(1250);
  session.expire();
  time.tick(1000);
  assertEquals(session.expiresAt, START / 1000 + 1.25);
});

Deno.test("Session.isActive is true before the end", () => {
  using site = siteOf();
  assert(site.makeSession().isActive);
});

Deno.test("Session.isActive is false after the end", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire();
  assertFalse(session.isActive);
});

Deno.test("Session.isActive is false in the first callback already", () => {
  using site = siteOf();
  const session = site.makeSession();
  const seen: boolean[] = [];
  session.notifyOnExpire(() => {
    seen.push(session.isActive);
  });
  session.expire();
  assertEquals(seen, [false]);
});

Deno.test("Session.constructor() sets no timer", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  new Session(site, "a".repeat(32));
  assertEquals(clock.sets, 0);
});

Deno.test("Session.constructor() puts nothing into site.sessions", () => {
  using site = siteOf();
  new Session(site, "a".repeat(32));
  assertEquals(site.sessions.size, 0);
});

// Touching.

Deno.test("Session.touch() sets lastModified", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const session = site.makeSession();
  time.tick(1500);
  session.touch();
  assertEquals(session.lastModified, START / 1000 + 1.5);
});

Deno.test("Session.touch() sets lastModified before the start too", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const session = new Session(site, "a".repeat(32));
  time.tick(1500);
  session.touch();
  assertEquals(session.lastModified, START / 1000 + 1.5);
});

Deno.test("Session.touch() before the start sets no timer", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  new Session(site, "a".repeat(32)).touch();
  assertEquals(clock.sets, 0);
});

Deno.test("Session.touch() delays the end by sessionTimeout, no less", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  time.tick(4999);
  session.touch();
  time.tick(4999);
  assert(session.isActive);
});

Deno.test("Session.touch() delays the end by sessionTimeout, no more", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  time.tick(4999);
  session.touch();
  time.tick(5000);
  assertFalse(session.isActive);
});

Deno.test("Session.touch() twice at one instant counts once", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  session.touch();
  session.touch();
  assertEquals(session.expiresAt, START / 1000 + 5);
  time.tick(5000);
  assertFalse(session.isActive);
});

Deno.test("Session.touch() does nothing after the end", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const session = site.makeSession();
  time.tick(1000);
  session.expire();
  time.tick(1000);
  session.touch();
  assertEquals(
    [session.lastModified, session.expiresAt, session.isActive],
    [START / 1000, START / 1000 + 1, false],
  );
});

Deno.test("Session.touch() after the end sets no timer", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const session = site.makeSession();
  session.expire();
  session.touch();
  assertEquals(clock.pending, 0);
});

Deno.test("Session.touch() in an own callback does nothing", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.notifyOnExpire(() => session.touch());
  session.expire();
  assertEquals([ends.length, site.sessions.size], [1, 0]);
});

Deno.test("Session.touch() ends a session whose deadline has passed", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const session = site.makeSession();
  clock.jump(5000);
  session.touch();
  assertFalse(session.isActive);
});

Deno.test("Session.touch() past the deadline ends for the reason idle", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  const session = site.makeSession();
  clock.jump(7000);
  session.touch();
  assertEquals(ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("Session.touch() past the deadline is no access", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const session = site.makeSession();
  clock.jump(7000);
  session.touch();
  assertEquals(session.lastModified, START / 1000);
});

Deno.test("Session.touch() a millisecond before the deadline saves it from a late timer", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const session = site.makeSession();
  clock.jump(4999);
  session.touch();
  clock.jump(1000);
  clock.advance();
  assert(session.isActive);
});

// Looking up.

Deno.test("SiteRequest.getSession() answers the same session to the same visitor", () => {
  using site = siteOf();
  const cookie = cookieOf(visit(site));
  const session = onlySession(site);
  visit(site, cookie);
  assertStrictEquals(onlySession(site), session);
});

Deno.test("SiteRequest.getSession() touches the session that it finds", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const cookie = cookieOf(visit(site));
  time.tick(1500);
  visit(site, cookie);
  assertEquals(onlySession(site).lastModified, START / 1000 + 1.5);
});

Deno.test("SiteRequest.getSession() sets no cookie for a session that it finds", () => {
  using site = siteOf();
  const cookie = cookieOf(visit(site));
  assertEquals(cookiesOf(visit(site, cookie)), []);
});

Deno.test("SiteRequest.getSession() twice in a request answers one session", () => {
  using site = siteOf({}, (request) => {
    assertStrictEquals(request.getSession(), request.getSession());
    return "same";
  });
  assertEquals([visit(site).status, site.sessions.size], [200, 1]);
});

Deno.test("SiteRequest.getSession() twice in a request sets one cookie", () => {
  using site = siteOf({}, (request) => {
    request.getSession();
    return request.getSession().uid;
  });
  assertEquals(cookiesOf(visit(site)).length, 1);
});

Deno.test("SiteRequest.getSession() makes another session for each visitor without a cookie", () => {
  using site = siteOf();
  visit(site);
  visit(site);
  assertEquals(site.sessions.size, 2);
});

Deno.test("SiteRequest.getSession() makes a new session when the timer is late", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const cookie = cookieOf(visit(site));
  clock.jump(5000);
  assertNotEquals(cookieOf(visit(site, cookie)), cookie);
});

Deno.test("SiteRequest.getSession() ends the old session when the timer is late", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  const cookie = cookieOf(visit(site));
  const { uid } = onlySession(site);
  clock.jump(9000);
  visit(site, cookie);
  assertEquals(ends.map((end) => [end.uid, end.reason, end.at]), [
    [uid, "idle", START / 1000 + 9],
  ]);
});

Deno.test("SiteRequest.getSession() finds a session a millisecond before its deadline", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const cookie = cookieOf(visit(site));
  clock.jump(4999);
  assertEquals(cookiesOf(visit(site, cookie)), []);
});

Deno.test("SiteRequest.getSession() makes a new session after expire() in the same request", () => {
  const pair: Session[] = [];
  using site = siteOf({}, (request) => {
    pair.push(request.getSession());
    pair[0]!.expire();
    pair.push(request.getSession());
    return "";
  });
  visit(site);
  assertNotStrictEquals(pair[0], pair[1]);
  assert(pair[1]!.isActive);
});

Deno.test("SiteRequest.getSession() after expire() sets the cookie of the new session alone", () => {
  using site = siteOf({}, (request) => {
    request.getSession().expire();
    return request.getSession().uid;
  });
  const cookie = cookieOf(visit(site));
  assertStringIncludes(cookie, onlySession(site).uid);
});

Deno.test("SiteRequest.getSession() makes a new session when the old one timed out during the request", async () => {
  using time = new FakeTime(START);
  const gate = Promise.withResolvers<void>();
  const pair: Session[] = [];
  using site = siteOf({ sessionFactory: BRIEF }, async (request) => {
    pair.push(request.getSession());
    await gate.promise;
    pair.push(request.getSession());
    return "";
  });
  const answer = site.fetch(requestWith());
  time.tick(5000);
  gate.resolve();
  const response = await answer;
  assertFalse(pair[0]!.isActive);
  assertStrictEquals(onlySession(site), pair[1]);
  assertStringIncludes(cookieOf(response), pair[1]!.uid);
});

Deno.test("SiteRequest.getSession() makes a new session when a callback of the lookup's end is called", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionFactory: SHORT });
  const cookie = cookieOf(visit(site));
  let made: Session | undefined;
  onlySession(site).notifyOnExpire(() => {
    made = site.makeSession();
  });
  clock.jump(5000);
  visit(site, cookie);
  assertEquals(site.sessions.size, 2);
  assert(made!.isActive);
});

Deno.test("SiteRequest.getSession() is an error after the response", () => {
  let late: SiteRequest | undefined;
  using site = siteOf({}, (request) => {
    late = request;
    return "";
  });
  visit(site);
  const error = assertThrows(() => late!.getSession(), TooLateForCookieError);
  assertStringIncludes(error.message, "before returning");
});

Deno.test("SiteRequest.getSession() that comes too late makes no session", () => {
  let late: SiteRequest | undefined;
  using site = siteOf({}, (request) => {
    late = request;
    return "";
  });
  visit(site);
  assertThrows(() => late!.getSession(), TooLateForCookieError);
  assertEquals(site.sessions.size, 0);
});

Deno.test("SiteRequest.getSession() finds a session looked up before, however late", () => {
  let late: SiteRequest | undefined;
  using site = siteOf({}, (request) => {
    late = request;
    return request.getSession().uid;
  });
  visit(site);
  assertStrictEquals(late!.getSession(), onlySession(site));
});

Deno.test("SiteRequest.getSession() however late is a touch", () => {
  using time = new FakeTime(START);
  let late: SiteRequest | undefined;
  using site = siteOf({}, (request) => {
    late = request;
    return request.getSession().uid;
  });
  visit(site);
  time.tick(1500);
  late!.getSession();
  assertEquals(onlySession(site).lastModified, START / 1000 + 1.5);
});

Deno.test("SiteRequest.getSession() after the response is an error if the session has ended", () => {
  let late: SiteRequest | undefined;
  using site = siteOf({}, (request) => {
    late = request;
    return request.getSession().uid;
  });
  visit(site);
  onlySession(site).expire();
  assertThrows(() => late!.getSession(), TooLateForCookieError);
});

Deno.test("SiteRequest.session makes no session", () => {
  using site = siteOf({}, (request) => String(request.session));
  visit(site);
  assertEquals(site.sessions.size, 0);
});

Deno.test("SiteRequest.session is undefined without a cookie", async () => {
  using site = siteOf({}, (request) => String(request.session));
  assertEquals(await visit(site).text(), "undefined");
});

Deno.test("SiteRequest.session is the visitor's session, before getSession() is called", async () => {
  let isPeek = false;
  using site = siteOf(
    {},
    (request) =>
      (isPeek ? request.session : request.getSession())?.uid ?? "none",
  );
  const cookie = cookieOf(visit(site));
  isPeek = true;
  assertEquals(await visit(site, cookie).text(), onlySession(site).uid);
});

Deno.test("SiteRequest.session is no touch", () => {
  using time = new FakeTime(START);
  let isPeek = false;
  using site = siteOf(
    { sessionFactory: SHORT },
    (request) =>
      (isPeek ? request.session : request.getSession())?.uid ?? "none",
  );
  const cookie = cookieOf(visit(site));
  isPeek = true;
  time.tick(4000);
  visit(site, cookie);
  const session = onlySession(site);
  assertEquals(
    [session.lastModified, session.expiresAt],
    [START / 1000, START / 1000 + 5],
  );
});

Deno.test("SiteRequest.session is undefined past the deadline, though the timer is late", async () => {
  const clock = new ManualClock();
  let isPeek = false;
  using site = siteOf(
    { clock, sessionFactory: SHORT },
    (request) =>
      (isPeek ? request.session : request.getSession())?.uid ?? "none",
  );
  const cookie = cookieOf(visit(site));
  isPeek = true;
  clock.jump(5000);
  assertEquals(await visit(site, cookie).text(), "none");
});

Deno.test("SiteRequest.session ends the session whose timer is late", () => {
  const clock = new ManualClock();
  let isPeek = false;
  using site = siteOf(
    { clock, sessionFactory: SHORT },
    (request) =>
      (isPeek ? request.session : request.getSession())?.uid ?? "none",
  );
  const ends = watchEnds(site);
  const cookie = cookieOf(visit(site));
  isPeek = true;
  clock.jump(5000);
  visit(site, cookie);
  assertEquals(ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("SiteRequest.session is undefined after expire() in the same request", async () => {
  using site = siteOf({}, (request) => {
    request.getSession().expire();
    return String(request.session);
  });
  assertEquals(await visit(site).text(), "undefined");
});

Deno.test("SiteRequest.session is undefined after the response, unless asked for before", () => {
  let late: SiteRequest | undefined;
  let isAsking = true;
  using site = siteOf({}, (request) => {
    late = request;
    return isAsking ? request.getSession().uid : "";
  });
  const cookie = cookieOf(visit(site));
  isAsking = false;
  visit(site, cookie);
  assertStrictEquals(late!.session, undefined);
});

Deno.test("SiteRequest.session is found after the response if asked for before", () => {
  let late: SiteRequest | undefined;
  using site = siteOf({}, (request) => {
    late = request;
    return request.getSession().uid;
  });
  visit(site);
  assertStrictEquals(late!.session, onlySession(site));
});

Deno.test("Site.fetch() makes no session that no resource asks for", () => {
  using site = siteOf({}, () => "");
  const response = visit(site);
  assertEquals([site.sessions.size, cookiesOf(response)], [0, []]);
});

Deno.test("Site.fetch() does not touch a session that no resource asks for", () => {
  using time = new FakeTime(START);
  let isAsking = true;
  using site = siteOf(
    {},
    (request) => isAsking ? request.getSession().uid : "",
  );
  const cookie = cookieOf(visit(site));
  isAsking = false;
  time.tick(1000);
  visit(site, cookie);
  assertEquals(onlySession(site).lastModified, START / 1000);
});

// The cookie.

Deno.test("The session cookie is 64 lower-case hex digits, the uid first", () => {
  using site = siteOf();
  const [name, token] = cookieOf(visit(site)).split("=");
  assertEquals(name, "session");
  assertMatch(token!, /^[0-9a-f]{64}$/);
  assertEquals(token!.slice(0, 32), onlySession(site).uid);
});

Deno.test("The session cookie's secret is another for each session", () => {
  using site = siteOf();
  const secrets = Array.from(
    { length: 100 },
    () => cookieOf(visit(site)).slice(-32),
  );
  assertEquals(new Set(secrets).size, 100);
});

Deno.test("The session cookie is HttpOnly, SameSite=Lax, for all paths", () => {
  using site = siteOf();
  const [, ...attributes] = visit(site).headers.getSetCookie()[0]!.split("; ");
  assertEquals(attributes.sort(), ["HttpOnly", "Path=/", "SameSite=Lax"]);
});

Deno.test("The session cookie is Secure over https", async () => {
  using site = siteOf();
  const response = await site.fetch(requestWith(undefined, "https://a.test/"));
  const [, ...attributes] = response.headers.getSetCookie()[0]!.split("; ");
  assertEquals(attributes.sort(), [
    "HttpOnly",
    "Path=/",
    "SameSite=Lax",
    "Secure",
  ]);
});

Deno.test("The session cookie is called __Host-session over https", async () => {
  using site = siteOf();
  const response = await site.fetch(requestWith(undefined, "https://a.test/"));
  assert(cookieOf(response).startsWith("__Host-session="));
});

Deno.test("The session cookie has the name of the option", () => {
  using site = siteOf({ cookieName: "stay" });
  assert(cookieOf(visit(site)).startsWith("stay="));
});

Deno.test("The session cookie of http opens nothing over https", async () => {
  using site = siteOf();
  const cookie = cookieOf(visit(site));
  const response = await site.fetch(requestWith(cookie, "https://a.test/"));
  assertEquals([site.sessions.size, cookiesOf(response).length], [2, 1]);
});

Deno.test("The session cookie of https opens nothing over http", async () => {
  using site = siteOf();
  const secure = await site.fetch(requestWith(undefined, "https://a.test/"));
  const response = visit(site, cookieOf(secure));
  assertEquals([site.sessions.size, cookiesOf(response).length], [2, 1]);
});

Deno.test("The session cookie counts for nothing beside one that opens another session", async () => {
  using site = siteOf();
  const one = cookieOf(visit(site));
  const other = cookieOf(visit(site));
  for (const sent of [`${one}; ${other}`, `${other}; ${one}`]) {
    const response = visit(site, sent);
    assertFalse(sent.includes(await response.text()));
    assertEquals([site.sessions.size, cookiesOf(response)], [2, []]);
  }
});

for (const other of ["bad", "", "0".repeat(64), "F".repeat(64)]) {
  Deno.test(`The session cookie counts before and behind one of "${other}"`, async () => {
    using site = siteOf();
    const cookie = cookieOf(visit(site));
    const { uid } = onlySession(site);
    for (
      const sent of [
        `${cookie}; session=${other}`,
        `session=${other}; ${cookie}`,
      ]
    ) {
      const response = visit(site, sent);
      assertEquals(await response.text(), uid);
      assertEquals([site.sessions.size, cookiesOf(response)], [1, []]);
    }
  });
}

Deno.test("The session cookie makes a response no-store", () => {
  using site = siteOf();
  assertEquals(visit(site).headers.get("cache-control"), "no-store");
});

Deno.test("The session cookie leaves the Cache-Control that the resource has set", () => {
  using site = siteOf({}, (request) => {
    request.setHeader("cache-control", "private");
    return request.getSession().uid;
  });
  assertEquals(visit(site).headers.get("cache-control"), "private");
});

Deno.test("The session cookie is on a redirect too", () => {
  using site = siteOf({}, (request) => {
    request.getSession();
    return request.redirect("/elsewhere");
  });
  const response = visit(site);
  assertEquals(response.status, 302);
  assertStringIncludes(cookieOf(response), onlySession(site).uid);
});

Deno.test("The session cookie is on an error page too", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError }, (request) => {
    request.getSession();
    throw new Error("broken");
  });
  const response = visit(site);
  assertEquals(response.status, 500);
  assertStringIncludes(cookieOf(response), onlySession(site).uid);
});

Deno.test("The session cookie makes an error page no-store, whatever the resource had set", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError }, (request) => {
    request.setHeader("cache-control", "public, max-age=3600");
    request.getSession();
    throw new Error("broken");
  });
  assertEquals(visit(site).headers.get("cache-control"), "no-store");
});

Deno.test("The session cookie is not put on a Response that a resource keeps", () => {
  const kept = new Response("kept");
  using site = siteOf({}, (request) => {
    request.getSession();
    return kept.clone();
  });
  visit(site);
  assertEquals(kept.headers.getSetCookie(), []);
});

for (
  const [what, forge] of [
    ["the uid alone", (token) => token.slice(0, 32)],
    ["the secret alone", (token) => token.slice(32)],
    [
      "the uid with a wrong secret",
      (token) => token.slice(0, 32) + "0".repeat(32),
    ],
    ["the uid twice", (token) => token.slice(0, 32).repeat(2)],
    [
      "the secret before the uid",
      (token) => token.slice(32) + token.slice(0, 32),
    ],
    [
      "a token in upper case",
      (token) => token.slice(0, 32) + token.slice(32).toUpperCase(),
    ],
    [
      "a uid in upper case",
      (token) => token.slice(0, 32).toUpperCase() + token.slice(32),
    ],
    ["a token with one more digit", (token) => token + "0"],
    ["a token with one digit less", (token) => token.slice(0, -1)],
    ["a token in quotes", (token) => `"${token}"`],
    ["an empty token", () => ""],
    ["a name of Object.prototype", () => "__proto__"],
  ] satisfies [string, (token: string) => string][]
) {
  Deno.test(`The session does not open for ${what}`, () => {
    using time = new FakeTime(START);
    using site = siteOf();
    const [name, token] = cookieOf(visit(site)).split("=");
    const session = onlySession(site);
    const forged = forge(token!);
    assertNotEquals(forged, token);
    time.tick(1000);
    const response = visit(site, `${name}=${forged}`);
    assertEquals(session.lastModified, START / 1000);
    assertFalse(cookieOf(response).includes(session.uid));
  });
}

Deno.test("The session does not open for another session's secret", () => {
  using site = siteOf();
  const one = cookieOf(visit(site));
  const other = cookieOf(visit(site));
  visit(site, one.slice(0, -32) + other.slice(-32));
  assertEquals(site.sessions.size, 3);
});

Deno.test("The session of another site does not open", () => {
  using other = siteOf();
  using site = siteOf();
  const cookie = cookieOf(visit(other));
  assertNotEquals(cookieOf(visit(site, cookie)), cookie);
});

Deno.test("An unknown token is not adopted", () => {
  using site = siteOf();
  const token = "ab".repeat(32);
  assertNotEquals(cookieOf(visit(site, `session=${token}`)).slice(8), token);
});

Deno.test("The uid of an unknown token is not adopted", () => {
  using site = siteOf();
  visit(site, `session=${"ab".repeat(32)}`);
  assertNotEquals(onlySession(site).uid, "ab".repeat(16));
});

Deno.test("The uid of an expired token is not adopted", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const cookie = cookieOf(visit(site));
  const { uid } = onlySession(site);
  time.tick(5000);
  visit(site, cookie);
  assertNotEquals(onlySession(site).uid, uid);
});

Deno.test("A response that ends with a dead session clears the cookie", () => {
  let isLeaving = false;
  using site = siteOf({}, (request) => {
    const session = request.getSession();
    if (isLeaving) session.expire();
    return "";
  });
  const cookie = cookieOf(visit(site));
  isLeaving = true;
  const [line = ""] = visit(site, cookie).headers.getSetCookie();
  assert(line.startsWith("session=;"), line);
  assertStringIncludes(line, "Expires=Thu, 01 Jan 1970 00:00:00 GMT");
});

/** Ends the session of a visitor who comes back. */
function endSecond(request: SiteRequest): string {
  const session = request.getSession();
  if (!request.isNewSession) session.expire();
  return "";
}

Deno.test("A response that clears the cookie is no-store", () => {
  using site = siteOf({}, endSecond);
  const cookie = cookieOf(visit(site));
  assertEquals(visit(site, cookie).headers.get("cache-control"), "no-store");
});

Deno.test("A response that clears the cookie keeps the resource's Cache-Control if it is private", () => {
  using site = siteOf({}, (request) => {
    request.setHeader("cache-control", "private");
    return endSecond(request);
  });
  const response = visit(site, cookieOf(visit(site)));
  assertEquals(cookiesOf(response), ["session="]);
  assertEquals(response.headers.get("cache-control"), "private");
});

Deno.test("A response clears the cookie over https by its https name", async () => {
  using site = siteOf({}, endSecond);
  const visitSecurely = (cookie?: string) =>
    site.fetch(requestWith(cookie, "https://a.test/"));
  const cookie = cookieOf(await visitSecurely());
  const response = await visitSecurely(cookie);
  assertEquals(cookiesOf(response), ["__Host-session="]);
});

Deno.test("A response clears no cookie where none came", () => {
  using site = siteOf({}, (request) => {
    request.getSession().expire();
    return "";
  });
  assertEquals(cookiesOf(visit(site)), []);
});

Deno.test("A response leaves the cookie of a session that timed out during the request", async () => {
  using time = new FakeTime(START);
  const gate = Promise.withResolvers<void>();
  using site = siteOf({ sessionFactory: BRIEF }, async (request) => {
    const session = request.getSession();
    if (!request.isNewSession) await gate.promise;
    return session.uid;
  });
  const cookie = cookieOf(await site.fetch(requestWith()));
  const session = onlySession(site);
  const answer = site.fetch(requestWith(cookie));
  time.tick(5000);
  assertFalse(session.isActive);
  gate.resolve();
  // The next session or login replaces it: this answer may come after theirs.
  assertEquals(cookiesOf(await answer), []);
});

Deno.test("A response leaves the cookie of a session that was found past its deadline", () => {
  const clock = new ManualClock();
  let isPeek = false;
  using site = siteOf(
    { clock, sessionFactory: SHORT },
    (request) =>
      (isPeek ? request.session : request.getSession())?.uid ?? "none",
  );
  const cookie = cookieOf(visit(site));
  isPeek = true;
  clock.jump(5000);
  assertEquals(cookiesOf(visit(site, cookie)), []);
});

// Nothing shows the secret.

Deno.test("Deno.inspect() of a session shows no secret", () => {
  using site = siteOf();
  const secret = cookieOf(visit(site)).slice(-32);
  const text = Deno.inspect(onlySession(site), {
    depth: 100,
    showHidden: true,
  });
  assertFalse(text.includes(secret));
});

Deno.test("Deno.inspect() of a SessionEndedError shows no secret", () => {
  using site = siteOf();
  const secret = cookieOf(visit(site)).slice(-32);
  const session = onlySession(site);
  session.expire();
  const error = assertThrows(() => session.set("key", 1), SessionEndedError);
  assertFalse(Deno.inspect(error, { depth: 100 }).includes(secret));
});

Deno.test("JSON.stringify() of an end's uid and reason is all that a log needs", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const secret = cookieOf(visit(site)).slice(-32);
  onlySession(site).expire();
  const { uid, reason, at } = ends[0]!;
  const line = JSON.stringify({ uid, reason, at });
  assertFalse(line.includes(secret));
});

// Components.

Deno.test("Session.getComponent() makes the object with the session", () => {
  using site = siteOf();
  const session = site.makeSession();
  assertStrictEquals(session.getComponent(Cart).session, session);
});

Deno.test("Session.getComponent() makes one object a session", () => {
  using site = siteOf();
  const session = site.makeSession();
  assertStrictEquals(session.getComponent(Cart), session.getComponent(Cart));
});

Deno.test("Session.getComponent() makes another object for another session", () => {
  using site = siteOf();
  assertNotStrictEquals(
    site.makeSession().getComponent(Cart),
    site.makeSession().getComponent(Cart),
  );
});

Deno.test("Session.getComponent() tells a class from its subclass", () => {
  class BigCart extends Cart {}
  using site = siteOf();
  const session = site.makeSession();
  const big = session.getComponent(BigCart);
  assertNotStrictEquals(session.getComponent(Cart), big as Cart);
});

Deno.test("Session.getComponent() keeps nothing of a constructor that throws", () => {
  let calls = 0;
  class Failing {
    constructor() {
      if (++calls === 1) throw new Error("not yet");
    }
  }
  using site = siteOf();
  const session = site.makeSession();
  assertThrows(() => session.getComponent(Failing), Error, "not yet");
  assertInstanceOf(session.getComponent(Failing), Failing);
});

Deno.test("Session.getComponent() in a component's constructor answers the other component", () => {
  class Order {
    readonly cart: Cart;
    constructor(session: Session) {
      this.cart = session.getComponent(Cart);
    }
  }
  using site = siteOf();
  const session = site.makeSession();
  assertStrictEquals(
    session.getComponent(Order).cart,
    session.getComponent(Cart),
  );
});

Deno.test("Session.getComponent() is no touch", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const session = site.makeSession();
  time.tick(1000);
  session.getComponent(Cart);
  assertEquals(session.lastModified, START / 1000);
});

Deno.test("Session.getComponent() answers the same object after the end", () => {
  using site = siteOf();
  const session = site.makeSession();
  const cart = session.getComponent(Cart);
  session.expire();
  assertStrictEquals(session.getComponent(Cart), cart);
});

Deno.test("Session.getComponent() answers the same object in a callback of the end", () => {
  using site = siteOf();
  const session = site.makeSession();
  const cart = session.getComponent(Cart);
  let seen: Cart | undefined;
  session.notifyOnExpire((end) => {
    seen = end.session.getComponent(Cart);
  });
  session.expire();
  assertStrictEquals(seen, cart);
});

Deno.test("Session.setComponent() puts an object in place of the made one", () => {
  using site = siteOf();
  const session = site.makeSession();
  const cart = new Cart(session);
  session.getComponent(Cart);
  session.setComponent(Cart, cart);
  assertStrictEquals(session.getComponent(Cart), cart);
});

Deno.test("Session.setComponent() before the first getComponent() saves the constructor", () => {
  let made = 0;
  class Counted {
    constructor() {
      made++;
    }
  }
  using site = siteOf();
  const session = site.makeSession();
  session.setComponent(Counted, Object.create(Counted.prototype));
  session.getComponent(Counted);
  assertEquals(made, 0);
});

Deno.test("SiteRequest.getSession(component) is the component of the visitor's session", () => {
  let cart: Cart | undefined;
  using site = siteOf({}, (request) => {
    cart = request.getSession(Cart);
    return "";
  });
  visit(site);
  assertStrictEquals(cart, onlySession(site).getComponent(Cart));
});

Deno.test("SiteRequest.getSession(component) answers the same object at the next visit", () => {
  const carts: Cart[] = [];
  using site = siteOf({}, (request) => {
    carts.push(request.getSession(Cart));
    return "";
  });
  visit(site, cookieOf(visit(site)));
  assertStrictEquals(carts[0], carts[1]);
});

Deno.test("SiteRequest.getSession(component) is a touch", () => {
  using time = new FakeTime(START);
  using site = siteOf({}, (request) => {
    request.getSession(Cart);
    return "";
  });
  const cookie = cookieOf(visit(site));
  time.tick(1000);
  visit(site, cookie);
  assertEquals(onlySession(site).lastModified, START / 1000 + 1);
});

Deno.test("SiteRequest.getSession(component) keeps the session of a constructor that throws", () => {
  class Failing {
    constructor() {
      throw new Error("never");
    }
  }
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError }, (request) => {
    request.getSession(Failing);
    return "";
  });
  assertStringIncludes(cookieOf(visit(site)), onlySession(site).uid);
});

// Values.

Deno.test("Session.get() is undefined for a key that was never set", () => {
  using site = siteOf();
  assertStrictEquals(site.makeSession().get("key"), undefined);
});

Deno.test("Session.get() knows nothing of Object.prototype", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.set("key", 1);
  assertStrictEquals(session.get("toString"), undefined);
});

Deno.test("Session.set() keeps a value under a key", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.set("key", { count: 1 });
  assertEquals(session.get("key"), { count: 1 });
});

Deno.test("Session.set() replaces a value", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.set("key", 1);
  session.set("key", 2);
  assertEquals(session.get("key"), 2);
});

Deno.test("Session.set() in one session is not seen in another", () => {
  using site = siteOf();
  site.makeSession().set("key", 1);
  assertStrictEquals(site.makeSession().get("key"), undefined);
});

Deno.test("Session.set() is no touch", () => {
  using time = new FakeTime(START);
  using site = siteOf();
  const session = site.makeSession();
  time.tick(1000);
  session.set("key", 1);
  assertEquals(session.lastModified, START / 1000);
});

Deno.test("Session.set() after the end throws a SessionEndedError with the end", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.expire("revoked");
  const error = assertThrows(() => session.set("key", 1), SessionEndedError);
  assertStrictEquals(error.end, ends[0]);
});

Deno.test("Session.set() after the end names the session, the key and the reason", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire("revoked");
  assertThrows(
    () => session.set("key", 1),
    SessionEndedError,
    `Cannot set "key" of session "${session.uid}": it has ended: revoked`,
  );
});

Deno.test("Session.set() after the end changes nothing", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.set("key", 1);
  session.expire();
  assertThrows(() => session.set("key", 2), SessionEndedError);
  assertEquals(session.get("key"), 1);
});

Deno.test("Session.set() throws in a callback of the end too", () => {
  using site = siteOf();
  const session = site.makeSession();
  let thrown: unknown;
  session.notifyOnExpire(() => {
    thrown = assertThrows(() => session.set("key", 1));
  });
  session.expire();
  assertInstanceOf(thrown, SessionEndedError);
});

Deno.test("Session.set() throws in an abort listener too", () => {
  using site = siteOf();
  const session = site.makeSession();
  let thrown: unknown;
  session.signal.addEventListener("abort", () => {
    thrown = assertThrows(() => session.set("key", 1));
  });
  session.expire();
  assertInstanceOf(thrown, SessionEndedError);
});

Deno.test("Session.delete() after the end throws a SessionEndedError with the end", () => {
  using site = siteOf();
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.set("key", 1);
  session.expire();
  const error = assertThrows(() => session.delete("key"), SessionEndedError);
  assertStrictEquals(error.end, ends[0]);
});

Deno.test("Session.delete() after the end throws for a key that is not there too", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire();
  assertThrows(() => session.delete("key"), SessionEndedError);
});

Deno.test("Session.delete() says whether there was a value", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.set("key", undefined);
  assertEquals([session.delete("key"), session.delete("key")], [true, false]);
});

Deno.test("Session.delete() forgets the value", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.set("key", 1);
  session.delete("key");
  assertStrictEquals(session.get("key"), undefined);
});

Deno.test("Session.get() answers after the end", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.set("key", 1);
  session.expire();
  assertEquals(session.get("key"), 1);
});

Deno.test("Session.get() answers undefined after the end of a session that kept nothing", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire();
  assertStrictEquals(session.get("key"), undefined);
});

Deno.test("SessionEndedError has its own name", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire();
  assertEquals(session.signal.reason.name, "SessionEndedError");
});

// The visitors of the page that started it all.

/** The page that the seed shows. */
class ExpirationLogger extends Resource {
  readonly sessions = new Set<string>();
  readonly lines: string[] = [];

  override render_GET(request: SiteRequest): string {
    const session = request.getSession();
    if (!this.sessions.has(session.uid)) {
      this.sessions.add(session.uid);
      session.notifyOnExpire(() => {
        this.lines.push(`Session ${session.uid} has expired.`);
        this.sessions.delete(session.uid);
      });
    }
    return "";
  }
}

Deno.test("A visitor who comes every second for a minute keeps the session", async () => {
  using time = new FakeTime(START);
  const page = new ExpirationLogger();
  using site = new Site(new Resource().putChild("logme", page));
  site.sessionFactory = SHORT;
  const url = "http://localhost/logme";
  const cookie = cookieOf(await site.fetch(requestWith(undefined, url)));
  for (let second = 1; second <= 60; second++) {
    time.tick(1000);
    const response = await site.fetch(requestWith(cookie, url));
    assertEquals([response.status, cookiesOf(response)], [200, []]);
  }
  assertEquals([page.lines, site.sessions.size], [[], 1]);
});

Deno.test("A visitor who came every second for a minute is out 5 s after the last visit", async () => {
  using time = new FakeTime(START);
  const page = new ExpirationLogger();
  using site = new Site(new Resource().putChild("logme", page));
  site.sessionFactory = SHORT;
  const ends = watchEnds(site);
  const url = "http://localhost/logme";
  const cookie = cookieOf(await site.fetch(requestWith(undefined, url)));
  for (let second = 1; second <= 60; second++) {
    time.tick(1000);
    await site.fetch(requestWith(cookie, url));
  }
  time.tick(60_000);
  assertEquals(ends.map(({ at, reason }) => [at, reason]), [
    [START / 1000 + 65, "idle"],
  ]);
  assertEquals(page.lines, [`Session ${ends[0]!.uid} has expired.`]);
});

Deno.test("A visitor who comes back too late is told of as expired, and gets a new session", async () => {
  using time = new FakeTime(START);
  const page = new ExpirationLogger();
  using site = new Site(new Resource().putChild("logme", page));
  site.sessionFactory = SHORT;
  const url = "http://localhost/logme";
  const cookie = cookieOf(await site.fetch(requestWith(undefined, url)));
  time.tick(5000);
  const next = cookieOf(await site.fetch(requestWith(cookie, url)));
  assertNotEquals(next, cookie);
  assertEquals([page.lines.length, page.sessions.size], [1, 1]);
});

Deno.test("A thousand visitors end in order, each at its deadline", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: SHORT });
  const ends = watchEnds(site);
  const expected: [string, number][] = [];
  for (let i = 0; i < 1000; i++) {
    visit(site);
    const { uid } = [...site.sessions.values()].at(-1)!;
    expected.push([uid, (time.now + 5000) / 1000]);
    time.tick(1 + (i % 7));
  }
  time.tick(5000);
  assertEquals(ends.map(({ uid, at }) => [uid, at]), expected);
});

Deno.test("A thousand visitors who each come back once end in the order of the second visit", () => {
  using time = new FakeTime(START);
  using site = siteOf({ sessionFactory: lasting({ sessionTimeout: 20 }) });
  const ends = watchEnds(site);
  const cookies: string[] = [];
  for (let i = 0; i < 1000; i++) {
    cookies.push(cookieOf(visit(site)));
    time.tick(1);
  }
  const expected: [string, number][] = [];
  for (const cookie of cookies.reverse()) {
    visit(site, cookie);
    expected.push([cookie.slice(8, 40), (time.now + 20_000) / 1000]);
    time.tick(3);
  }
  time.tick(20_000);
  assertEquals(ends.map(({ uid, at }) => [uid, at]), expected);
});
