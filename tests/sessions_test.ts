/**
 * `Sessions` without a tree: its Map, `serve()`, `open()` and `finish()`, several
 * doors to one `Sessions`, and how it closes. Visits and logins, which are the
 * same for a Site, are in `tests/registry/`.
 */
import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  HttpError,
  Resource,
  Session,
  type SessionSite,
  Site,
  TooLateForCookieError,
} from "../mod.ts";
import {
  type OpenVisit,
  Sessions,
  type SessionsOptions,
  type Visit,
  type VisitHandler,
} from "../sessions.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import {
  cookieOf,
  cookiesOf,
  Errors,
  lasting,
  ManualClock,
  Page,
  PrintedErrors,
  requestWith,
  settle,
} from "./helpers_session.ts";

/** A handler that answers the uid of the client's session. */
const sayUid: VisitHandler = (visit) => new Response(visit.getSession().uid);

/** Sessions by a clock that a test moves, and what goes wrong with them. */
function watched(options: SessionsOptions = {}) {
  const clock = new ManualClock();
  const errors = new Errors();
  const sessions = new Sessions({
    clock,
    onError: errors.onError,
    ...options,
  });
  const serve = (handler: VisitHandler, cookie?: string, init?: RequestInit) =>
    sessions.serve(new Request(requestWith(cookie), init), handler);
  return {
    clock,
    errors,
    sessions,
    serve,
    /** The response of a handler that answers at once. */
    get(handler: VisitHandler, cookie?: string, init?: RequestInit): Response {
      const response = serve(handler, cookie, init);
      assertInstanceOf(response, Response);
      return response;
    },
    [Symbol.dispose]: () => sessions[Symbol.dispose](),
  };
}

/** The one session that there is. */
function only(sessions: Sessions): Session {
  const all = [...sessions.values()];
  assert(all.length === 1, `sessions that there are: ${all.length}`);
  return all[0]!;
}

/** Opens a visit, without a store that has to be waited for. */
function open(sessions: Sessions, cookie?: string): OpenVisit {
  const visit = sessions.open(requestWith(cookie));
  assertFalse(visit instanceof Promise);
  return visit as OpenVisit;
}

// The Map.

Deno.test("Sessions is a Map of the live sessions by uid", () => {
  using it = watched();
  const [one, two] = [it.sessions.create(), it.sessions.create()];

  assertEquals(it.sessions.size, 2);
  assertStrictEquals(it.sessions.get(one.uid), one);
  assertEquals(it.sessions.has(one.uid), true);
  assertEquals([...it.sessions.keys()], [one.uid, two.uid]);
  assertEquals([...it.sessions.values()], [one, two]);
  assertEquals([...it.sessions.entries()], [[one.uid, one], [two.uid, two]]);
  assertEquals([...it.sessions], [[one.uid, one], [two.uid, two]]);
});

Deno.test("Sessions.forEach() calls with session, uid and the sessions, as this", () => {
  using it = watched();
  const session = it.sessions.create();
  const seen: unknown[] = [];
  const context = {};

  it.sessions.forEach(function (this: unknown, ...args) {
    seen.push([this, ...args]);
  }, context);

  assertEquals(seen.length, 1);
  const [self, first, uid, map] = seen[0] as unknown[];
  assertStrictEquals(self, context);
  assertStrictEquals(first, session);
  assertEquals(uid, session.uid);
  assertStrictEquals(map, it.sessions);
});

Deno.test("Sessions fits where a ReadonlyMap is wanted", () => {
  using it = watched();
  const session = it.sessions.create();
  const map: ReadonlyMap<string, Session> = it.sessions;

  assertEquals(new Map(map), new Map([[session.uid, session]]));
});

for (const uid of ["", "x", "0".repeat(32), "__proto__", "constructor"]) {
  Deno.test(`Sessions has no session of the uid "${uid}"`, () => {
    using it = watched();
    it.sessions.create();

    assertEquals(it.sessions.get(uid), undefined);
    assertEquals(it.sessions.has(uid), false);
  });
}

Deno.test("Sessions.get() and has() know no session past its deadline, the timer being late", () => {
  using it = watched();
  const [one, two] = [it.sessions.create(), it.sessions.create()];
  it.clock.jump(900_000);
  // The Map itself is not asked for deadlines.
  assertEquals(it.sessions.size, 2);

  assertEquals(it.sessions.has(one.uid), false);
  assertEquals(it.sessions.get(two.uid), undefined);

  assertEquals([one.end?.reason, two.end?.reason], ["idle", "idle"]);
  assertEquals(it.sessions.size, 0);
});

Deno.test("Sessions.get() and has() touch nothing", () => {
  using it = watched();
  const session = it.sessions.create();
  const { lastModified } = session;
  it.clock.advance(5000);

  it.sessions.get(session.uid);
  it.sessions.has(session.uid);
  it.sessions.forEach(() => {});

  assertEquals(session.lastModified, lastModified);
});

Deno.test("Sessions iterates while sessions end and begin", () => {
  using it = watched();
  for (let i = 0; i < 3; i++) it.sessions.create();
  const seen: string[] = [];

  for (const [uid, session] of it.sessions) {
    seen.push(uid);
    session.expire();
    if (seen.length === 1) it.sessions.create();
  }

  assertEquals(new Set(seen).size, 4);
  assertEquals(it.sessions.size, 0);
});

Deno.test("Sessions cannot be changed as a Map", () => {
  using it = watched();
  const map = it.sessions as unknown as Map<string, Session>;

  assertEquals(
    [map.set, map.delete, map.clear],
    [undefined, undefined, undefined],
  );
});

// Sessions outside of requests.

Deno.test("Sessions.create() makes a session of these sessions", () => {
  using it = watched();

  const session = it.sessions.create();

  assertStrictEquals(session.site, it.sessions);
  assertMatch(session.uid, /^[0-9a-f]{32}$/);
  assert(session.isActive);
  it.clock.advance(900_000);
  assertEquals(session.end?.reason, "idle");
});

Deno.test("Sessions.create() makes sessions of the class and with the timeouts of the options", () => {
  class Own extends Session {}
  using it = watched({ sessionFactory: Own, sessionTimeout: 5 });

  const session = it.sessions.create();

  assertInstanceOf(session, Own);
  assertEquals(session.sessionTimeout, 5);
});

Deno.test("Sessions.sessionFactory can be set for the sessions that are made from now on", () => {
  class Own extends Session {}
  using it = watched();
  const before = it.sessions.create();

  it.sessions.sessionFactory = Own;

  assertFalse(before instanceof Own);
  assertInstanceOf(it.sessions.create(), Own);
});

Deno.test("Sessions.sessionFactory that throws leaves nothing behind", () => {
  class Failing extends Session {
    constructor(site: SessionSite, uid: string) {
      super(site, uid);
      throw new Error("broken factory");
    }
  }
  using it = watched({ sessionFactory: Failing });

  assertThrows(() => it.sessions.create(), Error, "broken factory");
  assertThrows(() => it.serve(sayUid), Error, "broken factory");

  assertEquals([it.sessions.size, it.clock.pending], [0, 0]);
});

Deno.test("Sessions finds and ends the sessions of a principal", () => {
  using it = watched();
  const [one, two] = [it.sessions.create(), it.sessions.create()];
  for (const session of [one, two]) session.principal = "alice";
  it.sessions.create().principal = "bob";

  assertEquals(it.sessions.sessionsOf("alice"), [one, two]);
  assertEquals(it.sessions.endSessions("alice", { except: one }), 1);

  assertEquals([one.isActive, two.end?.reason], [true, "revoked"]);
});

Deno.test("Sessions calls its callbacks for every session", () => {
  using it = watched();
  const seen: string[] = [];
  const stopStarts = it.sessions.notifyOnSessionStart(() => seen.push("start"));
  const stopEnds = it.sessions.notifyOnSessionEnd(({ reason }) => {
    seen.push(reason);
  });
  it.sessions.onEnd("named", (argument) => seen.push(String(argument)));

  const session = it.sessions.create();
  session.notifyOnExpire("named", "hello");
  session.expire();
  stopStarts();
  stopEnds();
  it.sessions.create().expire();

  assertEquals(seen, ["start", "hello", "logout"]);
});

for (
  const register of [
    (sessions: Sessions) =>
      sessions.notifyOnSessionStart("x" as unknown as () => void),
    (sessions: Sessions) =>
      sessions.notifyOnSessionEnd(undefined as unknown as () => void),
    (sessions: Sessions) => sessions.onEnd("x", {} as unknown as () => void),
  ]
) {
  Deno.test(`Sessions refuses a callback that is no function: ${register}`, () => {
    using it = watched();
    assertThrows(() => register(it.sessions), TypeError, "not a function");
  });
}

Deno.test("Sessions does nothing until a session is made", () => {
  using it = watched();
  assertEquals([it.clock.sets, it.clock.pending], [0, 0]);
});

Deno.test("Sessions reports to console.error by default", () => {
  using printed = new PrintedErrors();
  using sessions = new Sessions();
  const error = new Error("thrown");
  const session = sessions.create();
  session.notifyOnExpire(() => {
    throw error;
  });

  session.expire();

  assertEquals(printed.all, [[error]]);
});

Deno.test("Sessions.options cannot be changed through what was handed over", () => {
  const options = { sessionTimeout: 5 };
  using sessions = new Sessions(options);

  options.sessionTimeout = 60;

  assertEquals(sessions.create().sessionTimeout, 5);
});

Deno.test("Sessions.ready resolves at once without a store", async () => {
  using it = watched();
  await it.sessions.ready;
});

// serve()

Deno.test("Sessions.serve() answers at once if the handler does, with the cookie of a new session", async () => {
  using it = watched();

  const response = it.get(sayUid);

  assertEquals(await response.text(), only(it.sessions).uid);
  assertMatch(
    response.headers.getSetCookie()[0]!,
    /^session=[0-9a-f]{64}; HttpOnly; SameSite=Lax; Path=\/$/,
  );
  assertEquals(response.headers.get("cache-control"), "no-store");
});

Deno.test("Sessions.serve() finds the session again", async () => {
  using it = watched();
  const cookie = cookieOf(it.get(sayUid));

  const response = it.get(sayUid, cookie);

  assertEquals(await response.text(), only(it.sessions).uid);
  assertEquals(cookiesOf(response), []);
  assertEquals(response.headers.get("cache-control"), "private");
});

Deno.test("Sessions.serve() waits for the promise of a handler", async () => {
  using it = watched();

  const answer = it.serve((visit) =>
    Promise.resolve(new Response(visit.getSession().uid))
  );

  assertInstanceOf(answer, Promise);
  assertEquals(cookiesOf(await answer).length, 1);
});

Deno.test("Sessions.serve() takes a promise-like for a promise", async () => {
  using it = watched();

  const response = await it.serve((visit) => {
    visit.getSession();
    const response = new Response("later");
    return {
      then: (resolve: (response: Response) => void) => resolve(response),
    } as unknown as Promise<Response>;
  });

  assertEquals(cookiesOf(response).length, 1);
  assertEquals(await response.text(), "later");
});

Deno.test("Sessions.serve() sends the very response of a handler that asks for no session", () => {
  using it = watched();
  const response = new Response("hello");

  assertStrictEquals(it.get(() => response), response);
  assertEquals(it.sessions.size, 0);
});

Deno.test("Sessions.serve() changes no response of the handler", async () => {
  using it = watched();
  const kept = new Response("kept", {
    status: 203,
    statusText: "Kept",
    headers: { "x-a": "1", "set-cookie": "a=1" },
  });

  const response = it.get((visit) => {
    visit.getSession();
    return kept;
  });

  assertNotEquals(response, kept);
  assertEquals([response.status, response.statusText], [203, "Kept"]);
  assertEquals(response.headers.get("x-a"), "1");
  assertEquals(cookiesOf(response).length, 2);
  assertEquals(cookiesOf(response)[0], "a=1");
  assertEquals(await response.text(), "kept");
  assertEquals(kept.headers.getSetCookie(), ["a=1"]);
  assertEquals(kept.headers.get("cache-control"), null);
});

for (
  const [said, found, made] of [
    [undefined, "private", "no-store"],
    ["public, max-age=60", "private", "no-store"],
    ["private, max-age=60", "private, max-age=60", "private, max-age=60"],
    ["no-store", "no-store", "no-store"],
  ] as const
) {
  Deno.test(`Sessions.serve() sends Cache-Control ${said} as ${found}, and with a cookie as ${made}`, () => {
    using it = watched();
    const handler: VisitHandler = (visit) => {
      visit.getSession();
      return new Response(
        "",
        said === undefined ? {} : { headers: { "cache-control": said } },
      );
    };

    const first = it.get(handler);
    const second = it.get(handler, cookieOf(first));

    assertEquals(first.headers.get("cache-control"), made);
    assertEquals(second.headers.get("cache-control"), found);
  });
}

for (const said of [null, "public, max-age=31536000, immutable"]) {
  for (const store of [undefined, new MemoryStore()]) {
    Deno.test(`Sessions.serve() leaves Cache-Control ${said} as it is if the handler asks for no session, ${store === undefined ? "without" : "with"} a store`, async () => {
      await using sessions = new Sessions(store === undefined ? {} : { store });
      const serve = (handler: VisitHandler, cookie?: string) =>
        sessions.serve(requestWith(cookie), handler);
      const cookie = cookieOf(await serve(sayUid));
      const makeLogo = () =>
        new Response(
          "",
          said === null ? {} : { headers: { "cache-control": said } },
        );

      const atOnce = await serve(makeLogo, cookie);
      const later = await serve(() => Promise.resolve(makeLogo()), cookie);

      assertEquals(atOnce.headers.get("cache-control"), said);
      assertEquals(later.headers.get("cache-control"), said);
    });
  }
}

for (const status of [204, 304]) {
  Deno.test(`Sessions.serve() adds the cookie to a ${status}`, () => {
    using it = watched();

    const response = it.get((visit) => {
      visit.getSession();
      return new Response(null, { status });
    });

    assertEquals([response.status, cookiesOf(response).length], [status, 1]);
  });
}

Deno.test("Sessions.serve() adds the cookie to a redirect, whose headers cannot be changed", () => {
  using it = watched();

  const response = it.get((visit) => {
    visit.getSession();
    return Response.redirect("http://localhost/next");
  });

  assertEquals([response.status, cookiesOf(response).length], [302, 1]);
});

Deno.test("Sessions.serve() passes a stream on, unread", async () => {
  using it = watched();
  const body = new ReadableStream({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode("part"));
      controller.close();
    },
  });

  const response = it.get((visit) => {
    visit.getSession();
    return new Response(body);
  });

  assertEquals(await response.text(), "part");
});

Deno.test("Sessions.serve() clears the cookie at a logout", () => {
  using it = watched({ clearSiteData: ["cookies"] });
  const cookie = cookieOf(it.get(sayUid));

  const response = it.get((visit) => {
    visit.logOut();
    return new Response();
  }, cookie);

  assertEquals(cookiesOf(response), ["session="]);
  assertEquals(response.headers.get("clear-site-data"), '"cookies"');
});

for (const handler of [undefined, null, "handler", new Response()]) {
  Deno.test(`Sessions.serve() refuses ${Deno.inspect(handler).split(" ")[0]} for a handler with a TypeError`, () => {
    using it = watched();
    assertThrows(
      () => it.serve(handler as unknown as VisitHandler),
      TypeError,
      "not a function",
    );
  });
}

// The visit.

Deno.test("Visit is what a handler needs of a request", () => {
  using it = watched();
  const request = new Request("http://localhost/path", {
    headers: { "x-a": "1" },
  });
  const seen: unknown[] = [];

  it.sessions.serve(request, (visit: Visit) => {
    seen.push(
      visit.request === request,
      visit.sessions === it.sessions,
      visit.isSecure,
      visit.remoteAddress,
      visit.rootURL.href,
      visit.getHeader("x-a"),
      visit.getHeader("x-b"),
      visit.signal.aborted,
    );
    return new Response();
  }, { remoteAddr: { transport: "tcp", hostname: "192.0.2.1", port: 5 } });

  assertEquals(seen, [
    true,
    true,
    false,
    "192.0.2.1",
    "http://localhost/",
    "1",
    undefined,
    false,
  ]);
});

Deno.test("Visit believes a proxy only if the options say so", () => {
  const seen: unknown[] = [];
  const headers = {
    "x-forwarded-proto": "https",
    "x-forwarded-for": "192.0.2.7",
    "x-forwarded-host": "example.com",
  };
  for (const trustProxy of [false, true]) {
    using it = watched({ trustProxy });
    const response = it.get(
      (visit) => {
        seen.push([visit.isSecure, visit.remoteAddress, visit.rootURL.host]);
        return sayUid(visit) as Response;
      },
      undefined,
      { headers },
    );
    seen.push(cookieOf(response).split("=")[0]);
  }

  assertEquals(seen, [
    [false, undefined, "localhost"],
    "session",
    [true, "192.0.2.7", "example.com"],
    "__Host-session",
  ]);
});

Deno.test("Visit.signal aborts when the client leaves before the response", async () => {
  using it = watched();
  const client = new AbortController();
  const gate = Promise.withResolvers<void>();
  const seen: boolean[] = [];

  const answer = it.sessions.serve(
    new Request("http://localhost/", { signal: client.signal }),
    async (visit) => {
      const { signal } = visit;
      await gate.promise;
      seen.push(signal.aborted);
      return new Response();
    },
  );
  client.abort();
  gate.resolve();
  await answer;

  assertEquals(seen, [true]);
});

Deno.test("Sessions.serve() does not hold the session of a client that has left", async () => {
  using it = watched({ sessionTimeout: 5 });
  const cookie = cookieOf(it.get(sayUid));
  const session = only(it.sessions);
  const client = new AbortController();
  const gate = Promise.withResolvers<void>();
  const answer = it.serve(
    async (visit) => {
      visit.getSession();
      await gate.promise;
      return new Response();
    },
    cookie,
    { signal: client.signal },
  );
  it.clock.advance(60_000);
  assert(session.isActive);

  client.abort();
  it.clock.advance(2000);

  assertEquals(session.end?.reason, "idle");
  gate.resolve();
  await answer;
});

Deno.test("Visit.getSession() after the response is too late", () => {
  using it = watched();
  const kept: Visit[] = [];
  it.get((visit) => {
    kept.push(visit);
    return new Response();
  });

  assertThrows(() => kept[0]!.getSession(), TooLateForCookieError);
  assertThrows(() => kept[0]!.logIn("alice"), TooLateForCookieError);
  assertThrows(() => kept[0]!.logOut(), TooLateForCookieError);
  assertThrows(() => kept[0]!.renewSession(), TooLateForCookieError);
  assertEquals(kept[0]!.session, undefined);
  assertEquals(it.sessions.size, 0);
});

Deno.test("Visit.getSession() after the response answers a session that it had", () => {
  using it = watched();
  const kept: Visit[] = [];
  it.get((visit) => {
    kept.push(visit);
    return sayUid(visit) as Response;
  });

  assertStrictEquals(kept[0]!.getSession(), only(it.sessions));
  assertStrictEquals(kept[0]!.session, only(it.sessions));
});

// Handlers that fail.

for (const isAsync of [false, true]) {
  const how = isAsync ? "rejects" : "throws";
  const failing =
    (error: unknown, act: (visit: Visit) => unknown): VisitHandler =>
    (visit) => {
      act(visit);
      if (isAsync) {
        return Promise.resolve().then(() =>
          Promise.reject(error)
        );
      }
      throw error;
    };

  Deno.test(`Sessions.serve() ${how} with what the handler ${how} with`, async () => {
    using it = watched();
    for (const error of [new Error("no"), new HttpError(404, "no"), "text"]) {
      const seen: unknown[] = [];
      try {
        await it.serve(failing(error, () => {}));
      } catch (thrown) {
        seen.push(thrown);
      }
      assertEquals(seen.length, 1);
      assertStrictEquals(seen[0], error);
    }
    // The caller has the error.
    assertEquals(it.errors.all, []);
  });

  Deno.test(`Visit.signal does not abort any more when the handler ${how}`, async () => {
    using it = watched();
    const client = new AbortController();
    const signals: AbortSignal[] = [];
    const handler = failing(
      new Error("no"),
      ({ signal }) => signals.push(signal),
    );
    await assertRejects(async () =>
      await it.serve(handler, "", { signal: client.signal })
    );

    // Deno aborts the signal of a request that is answered.
    client.abort();

    assertEquals(signals.map(({ aborted }) => aborted), [false]);
  });

  Deno.test(`Sessions.serve() ends a session that was made for a response which never existed, as the handler ${how}`, async () => {
    using it = watched();
    const ends: string[] = [];
    it.sessions.notifyOnSessionEnd(({ reason }) => ends.push(reason));

    await assertRejects(async () =>
      await it.serve(failing(new Error("no"), (visit) => visit.getSession()))
    );

    assertEquals(ends, ["evicted"]);
    assertEquals([it.sessions.size, it.clock.pending], [0, 0]);
  });

  Deno.test(`Sessions.serve() ends the session of a login that was made for such a response, as the handler ${how}`, async () => {
    using it = watched();

    await assertRejects(async () =>
      await it.serve(failing(new Error("no"), (visit) => visit.logIn("alice")))
    );

    assertEquals(it.sessions.sessionsOf("alice"), []);
    assertEquals(it.sessions.size, 0);
  });

  Deno.test(`Sessions.serve() keeps a session that was found, as the handler ${how}`, async () => {
    using it = watched();
    const cookie = cookieOf(it.get(sayUid));

    await assertRejects(async () =>
      await it.serve(
        failing(new Error("no"), (visit) => visit.getSession().set("kept", 1)),
        cookie,
      )
    );

    assert(only(it.sessions).isActive);
    assertEquals(only(it.sessions).get("kept"), 1);
    assertEquals(cookiesOf(it.get(sayUid, cookie)), []);
  });

  Deno.test(`Sessions.serve() keeps a logout, as the handler ${how}`, async () => {
    using it = watched();
    const cookie = cookieOf(it.get(sayUid));

    await assertRejects(async () =>
      await it.serve(
        failing(new Error("no"), (visit) => visit.logOut()),
        cookie,
      )
    );

    assertEquals(it.sessions.size, 0);
  });

  Deno.test(`Sessions.serve() ends a transient session, as the handler ${how}`, async () => {
    using it = watched();
    const kept: Session[] = [];

    await assertRejects(async () =>
      await it.serve(
        failing(new Error("no"), (visit) => kept.push(visit.getSession())),
        undefined,
        { method: "HEAD" },
      )
    );

    assertEquals(kept[0]!.end?.reason, "evicted");
  });

  Deno.test(`Sessions.serve() lets go of a session, as the handler ${how}`, async () => {
    using it = watched({ sessionTimeout: 5 });
    const cookie = cookieOf(it.get(sayUid));
    await assertRejects(async () =>
      await it.serve(
        failing(new Error("no"), (visit) => visit.getSession()),
        cookie,
      )
    );

    it.clock.advance(5000);

    assertEquals(it.sessions.size, 0);
  });
}

Deno.test("Sessions.serve() holds the session until the handler's promise is kept", async () => {
  using it = watched({ sessionTimeout: 5 });
  const gate = Promise.withResolvers<void>();
  const answer = it.serve(async (visit) => {
    visit.getSession();
    await gate.promise;
    return new Response();
  });
  const session = only(it.sessions);
  it.clock.advance(60_000);
  assert(session.isActive);

  gate.resolve();
  const cookie = cookieOf(await answer);

  assertEquals(cookiesOf(it.get(sayUid, cookie)), []);
  it.clock.advance(5000);
  assertFalse(session.isActive);
});

// open() and finish()

Deno.test("Sessions.open() answers a visit at once, whose finish() has the headers", () => {
  using it = watched();
  const visit = open(it.sessions);

  const session = visit.getSession();
  const headers = visit.finish();

  assertFalse(headers instanceof Promise);
  const { setCookie, clearSiteData, cacheControl } = headers as Exclude<
    typeof headers,
    Promise<unknown>
  >;
  assertMatch(setCookie!, new RegExp(`^session=${session.uid}[0-9a-f]{32}; `));
  assertEquals([clearSiteData, cacheControl], [undefined, "no-store"]);
});

for (
  const [what, act, expected] of [
    ["asks for nothing", () => {}, [undefined, undefined, undefined]],
    ["finds the session", (visit) => visit.getSession(), [
      undefined,
      undefined,
      "private",
    ]],
    ["looks at the session", (visit) => visit.session, [
      undefined,
      undefined,
      "private",
    ]],
    ["logs out", (visit) => visit.logOut(), [
      "session=; HttpOnly; SameSite=Lax; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
      '"cookies"',
      "no-store",
    ]],
  ] as [string, (visit: Visit) => unknown, unknown[]][]
) {
  Deno.test(`OpenVisit.finish() of a request that ${what} answers its headers`, async () => {
    using it = watched({ clearSiteData: ["cookies"] });
    const visit = open(it.sessions, cookieOf(it.get(sayUid)));

    act(visit);

    const { setCookie, clearSiteData, cacheControl } = await visit.finish();
    assertEquals([setCookie, clearSiteData, cacheControl], expected);
  });
}

Deno.test("OpenVisit.finish() twice leaves the session as it is", async () => {
  using it = watched();
  const visit = open(it.sessions);
  visit.getSession();
  const { setCookie } = await visit.finish();

  await visit.finish();

  const [cookie = ""] = setCookie!.split(";");
  assert(only(it.sessions).isActive);
  assertEquals(cookiesOf(it.get(sayUid, cookie)), []);
});

Deno.test("OpenVisit.wait() holds the session until finish()", async () => {
  using it = watched({ sessionTimeout: 5 });
  const visit = open(it.sessions, cookieOf(it.get(sayUid)));
  const session = only(it.sessions);
  visit.getSession();
  visit.wait();
  visit.wait();
  it.clock.advance(60_000);
  assert(session.isActive);

  await visit.finish();
  it.clock.advance(4999);
  assert(session.isActive);
  it.clock.advance(1);

  assertFalse(session.isActive);
});

Deno.test("OpenVisit.wait() has an end after it leave the cookie", async () => {
  using it = watched();
  for (const waits of [false, true]) {
    const visit = open(it.sessions, cookieOf(it.get(sayUid)));
    visit.getSession();
    if (waits) visit.wait();
    visit.getSession().expire();

    const { setCookie } = await visit.finish();

    assertEquals(setCookie === undefined, waits);
  }
});

Deno.test("OpenVisit.abandon() ends a session that its request made, and no other", async () => {
  using it = watched();
  const made = open(it.sessions);
  const session = made.getSession();
  await made.abandon();
  assertEquals(session.end?.reason, "evicted");

  const found = open(it.sessions, cookieOf(it.get(sayUid)));
  found.getSession();
  await found.abandon();

  assert(only(it.sessions).isActive);
});

Deno.test("OpenVisit.abandon() twice, or after finish(), changes nothing", async () => {
  using it = watched();
  const visit = open(it.sessions);
  const session = visit.getSession();
  await visit.finish();

  await visit.abandon();
  await visit.abandon();

  assert(session.isActive);
});

Deno.test("OpenVisit.finish() after abandon() answers no headers", async () => {
  using it = watched();
  const visit = open(it.sessions);
  visit.getSession();
  await visit.abandon();

  const { setCookie } = await visit.finish();

  assertEquals(setCookie, undefined);
});

Deno.test("OpenVisit that is left alone keeps nothing but its session", () => {
  using it = watched();
  open(it.sessions).getSession();

  it.clock.advance(900_000);

  assertEquals([it.sessions.size, it.clock.pending], [0, 0]);
});

// Several doors to one Sessions.

/** Two sites and a bare handler over one Sessions. */
function shared(options: SessionsOptions = {}) {
  const it = watched(options);
  const page = () => new Page((request) => request.getSession().uid);
  const siteErrors = new Errors();
  const site = () =>
    new Site(page(), { sessions: it.sessions, onError: siteErrors.onError });
  const [one, other] = [site(), site()];
  const doors = [
    (cookie?: string) => one.fetch(requestWith(cookie)) as Response,
    (cookie?: string) => other.fetch(requestWith(cookie)) as Response,
    (cookie?: string) => it.get(sayUid, cookie),
  ];
  return { ...it, one, other, doors, siteErrors };
}

Deno.test("Sites and a handler over one Sessions share each session", async () => {
  using it = shared();
  for (const first of it.doors) {
    const response = first();
    const uid = await response.text();
    for (const next of it.doors) {
      const again = next(cookieOf(response));
      assertEquals(await again.text(), uid);
      assertEquals(cookiesOf(again), []);
    }
  }
  assertEquals(it.sessions.size, 3);
});

Deno.test("Sites over one Sessions have it as theirs", () => {
  using it = shared();

  assertStrictEquals(it.one.sessions, it.sessions);
  assertStrictEquals(it.other.sessions, it.sessions);
  const session = it.one.makeSession();
  assertStrictEquals(session.site, it.sessions);
  assertStrictEquals(it.other.getSession(session.uid), session);
  assertStrictEquals(it.one.clock, it.clock);
});

Deno.test("Sites over one Sessions log in and out for each other", () => {
  using it = shared();
  const act = (site: Site, act: (request: Visit) => void, cookie?: string) => {
    site.resource = new Page((request) => {
      act(request as unknown as Visit);
      return "";
    });
    return site.fetch(requestWith(cookie)) as Response;
  };

  const cookie = cookieOf(act(it.one, (request) => request.logIn("alice")));
  assertEquals(it.other.sessionsOf("alice"), [only(it.sessions)]);
  act(it.other, (request) => request.logOut(), cookie);

  assertEquals(it.sessions.size, 0);
});

for (const kind of ["no store", "a store"]) {
  Deno.test(`Sessions.notifyOnSessionEnd() calls no callback that one before it has removed, with ${kind}`, async () => {
    const store = kind === "a store" ? { store: new MemoryStore() } : {};
    await using sessions = new Sessions(store);
    const calls: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    sessions.notifyOnSessionEnd(() => {
      calls.push("first");
      remove();
    });
    const remove = sessions.notifyOnSessionEnd(() => calls.push("second"));
    sessions.notifyOnSessionEnd(() => resolve());

    sessions.create().expire();
    await promise;

    assertEquals(calls, ["first"]);
  });
}

for (const before of ["nothing", "the principal"]) {
  for (const act of ["logIn", "logOut"] as const) {
    Deno.test(`A handler that asks for ${before} passes on the cookie of a ${act}() of a site within it`, async () => {
      await using sessions = new Sessions({ store: new MemoryStore() });
      const page = new Page((request) => {
        if (act === "logIn") request.logIn("bob");
        else request.logOut();
        return "";
      });
      await using site = new Site(page, { sessions });
      const cookie = cookieOf(
        await sessions.serve(requestWith(undefined), (visit) => {
          visit.logIn("ann");
          return new Response("");
        }),
      );

      const response = await sessions.serve(requestWith(cookie), (visit) => {
        if (before !== "nothing") assertEquals(visit.principal, "ann");
        return site.fetch(visit.request);
      });

      const cookies = cookiesOf(response);
      assertEquals(cookies.length, 1);
      const token = act === "logIn" ? "[0-9a-f]{64}" : "";
      assertMatch(cookies[0]!, new RegExp(`^session=${token}$`));
    });
  }
}

Deno.test("Sites over one Sessions call the callbacks of all of them", () => {
  using it = shared();
  const seen: string[] = [];
  it.one.notifyOnSessionStart(() => seen.push("one start"));
  it.other.notifyOnSessionEnd(() => seen.push("other end"));
  it.sessions.notifyOnSessionEnd(() => seen.push("end"));

  cookieOf(it.doors[2]!());
  only(it.sessions).expire();

  assertEquals(seen, ["one start", "other end", "end"]);
});

Deno.test("Site.close() leaves the sessions that the site was given", async () => {
  using it = shared();
  const cookie = cookieOf(it.doors[0]!());
  const session = only(it.sessions);

  await it.one.close();

  assert(session.isActive);
  assertEquals(it.doors[0]!(cookie).status, 503);
  assertEquals(cookiesOf(it.doors[1]!(cookie)), []);
  assertEquals(cookiesOf(it.doors[2]!(cookie)), []);
});

Deno.test("Site's disposal leaves the sessions that the site was given", () => {
  using it = shared();
  it.doors[0]!();

  it.one[Symbol.dispose]();

  assert(only(it.sessions).isActive);
});

Deno.test("Sites over one Sessions report their own errors, and the sessions theirs", () => {
  using it = shared();
  it.one.resource = new Page(() => {
    throw new Error("of the page");
  });
  it.doors[1]!();
  only(it.sessions).notifyOnExpire(() => {
    throw new Error("of the session");
  });

  it.doors[0]!();
  only(it.sessions).expire();

  assertEquals(it.siteErrors.all.map(String), ["Error: of the page"]);
  assertEquals(it.errors.all.map(String), ["Error: of the session"]);
});

for (
  const [name, value] of [
    ["sessionFactory", Session],
    ["sessionTimeout", 5],
    ["absoluteTimeout", 5],
    ["maxSessions", 5],
    ["maxSessionsPerPrincipal", 5],
    ["whenPrincipalIsFull", "refuse"],
    ["renewalGrace", 5],
    ["onSuspiciousSession", () => {}],
    ["endsInsecureSessions", true],
    ["clearSiteData", []],
    ["cookie", {}],
    ["cookieName", "a"],
    ["clock", new ManualClock()],
  ] as const
) {
  Deno.test(`SiteOptions.${name} beside sessions that it is given is a TypeError`, () => {
    using it = watched();

    const error = assertThrows(
      () => new Site(new Resource(), { sessions: it.sessions, [name]: value }),
      TypeError,
    );

    assertStringIncludes((error as Error).message, name);
  });
}

Deno.test("SiteOptions beside sessions may be those of the site itself, or undefined", () => {
  using it = watched();
  using _ = new Site(new Resource(), {
    sessions: it.sessions,
    displayTracebacks: true,
    trustProxy: false,
    shutdownTimeout: 1,
    onError: () => {},
    ...{ sessionTimeout: undefined } as object,
  });
});

for (const sessions of [{}, new Map(), "sessions", null]) {
  Deno.test(`SiteOptions.sessions refuses ${Deno.inspect(sessions)} with a TypeError`, () => {
    assertThrows(
      () => new Site(new Resource(), { sessions: sessions as never }),
      TypeError,
      "sessions is not a Sessions",
    );
  });
}

// Closing.

Deno.test("Sessions.close() ends every session as shutdown, and leaves no timer", async () => {
  const it = watched();
  const ends: string[] = [];
  it.sessions.notifyOnSessionEnd(({ reason }) => ends.push(reason));
  it.sessions.create();
  it.sessions.create();

  await it.sessions.close();

  assertEquals(ends, ["shutdown", "shutdown"]);
  assertEquals([it.sessions.size, it.clock.pending], [0, 0]);
});

Deno.test("Sessions.close() twice ends once", async () => {
  const it = watched();
  const ends: string[] = [];
  it.sessions.notifyOnSessionEnd(({ reason }) => ends.push(reason));
  it.sessions.create();

  await Promise.all([it.sessions.close(), it.sessions.close()]);
  it.sessions[Symbol.dispose]();

  assertEquals(ends, ["shutdown"]);
});

Deno.test("Sessions.close() waits for what callbacks promised", async () => {
  const it = watched();
  const gate = Promise.withResolvers<void>();
  it.sessions.create().notifyOnExpire(() => gate.promise);
  let isClosed = false;

  const closed = it.sessions.close().then(() => {
    isClosed = true;
  });
  await settle();
  assertEquals(isClosed, false);
  gate.resolve();
  await closed;

  assertEquals([it.errors.all, it.clock.pending], [[], 0]);
});

Deno.test("Sessions.close() waits no longer than shutdownTimeout, and reports whose promises are late", async () => {
  const it = watched({ shutdownTimeout: 5 });
  const late = it.sessions.create();
  late.notifyOnExpire(() => new Promise(() => {}));
  it.sessions.create();

  const closed = it.sessions.close();
  it.clock.advance(5000);
  await closed;

  assertEquals(it.errors.all.length, 1);
  assertStringIncludes(String(it.errors.all[0]), late.uid);
  assertStringIncludes(String(it.errors.all[0]), "5 s");
});

Deno.test("Sessions is closed by await using, and by using", async () => {
  const kept: Session[] = [];
  {
    await using sessions = new Sessions();
    kept.push(sessions.create());
  }
  {
    using sessions = new Sessions();
    kept.push(sessions.create());
  }
  assertEquals(kept.map(({ end }) => end?.reason), ["shutdown", "shutdown"]);
});

Deno.test("Sessions that are closed answer requests with 503, and make no session", async () => {
  const it = watched();
  const cookie = cookieOf(it.get(sayUid));
  await it.sessions.close();

  for (const sent of [undefined, cookie]) {
    const error = await assertRejects(
      async () => await it.serve(sayUid, sent),
      HttpError,
    );
    assertEquals(error.status, 503);
    const second = await assertRejects(
      async () => await it.sessions.open(requestWith(sent)),
      HttpError,
    );
    assertEquals(second.status, 503);
  }
  assertThrows(() => it.sessions.create(), Error, "closed");
  assertEquals([it.sessions.size, it.clock.pending], [0, 0]);
});

Deno.test("Sites over sessions that are closed answer 503 where a session is asked for", async () => {
  const it = shared();
  await it.sessions.close();
  it.other.resource = new Page(() => "no session");

  assertEquals(it.doors[0]!().status, 503);
  const response = it.doors[1]!();

  assertEquals([response.status, await response.text()], [200, "no session"]);
});

Deno.test("Sessions that are closed while a handler runs make it no session", async () => {
  const it = watched();
  const gate = Promise.withResolvers<void>();
  const answer = it.serve(async (visit) => {
    await gate.promise;
    return new Response(visit.getSession().uid);
  });
  it.sessions[Symbol.dispose]();
  gate.resolve();

  const error = await assertRejects(async () => await answer, HttpError);

  assertEquals(error.status, 503);
  assertEquals(it.sessions.size, 0);
});

Deno.test("Sessions that are closed in a factory make no session", () => {
  const it = watched({
    sessionFactory: class Closing extends Session {
      constructor(site: SessionSite, uid: string) {
        super(site, uid);
        it.sessions[Symbol.dispose]();
      }
    },
  });

  assertThrows(() => it.sessions.create(), Error, "closed");
  assertEquals([it.sessions.size, it.clock.pending], [0, 0]);
});

Deno.test("Sessions.close() in a callback of a session ends the others", () => {
  const it = watched();
  const ends: string[] = [];
  it.sessions.notifyOnSessionEnd(({ reason }) => ends.push(reason));
  it.sessions.create().notifyOnExpire(() => it.sessions[Symbol.dispose]());
  it.sessions.create();

  [...it.sessions.values()][0]!.expire();

  assertEquals(ends.toSorted(), ["logout", "shutdown"]);
});

Deno.test("Sessions.stopSignal aborts at the close, for streams that open later too", async () => {
  const it = watched();
  const { stopSignal } = it.sessions;
  assertFalse(stopSignal.aborted);

  await it.sessions.close();

  assert(stopSignal.aborted);
  assert(it.sessions.stopSignal.aborted);
});

Deno.test("Sessions.close() ends a stream that a handler has opened", async () => {
  const it = watched();
  const response = it.get((visit) => visit.getSession().events(visit).response);

  await it.sessions.close();

  assertStringIncludes(await response.text(), '{"reason":"shutdown"}');
});

// Time.

Deno.test("Sessions end on time, one timer for all", () => {
  using it = watched({ sessionFactory: lasting({ sessionTimeout: 5 }) });
  const sessions = Array.from({ length: 100 }, () => it.sessions.create());
  assertEquals(it.clock.pending, 1);

  it.clock.advance(4999);
  assertEquals(it.sessions.size, 100);
  it.clock.advance(1);

  assertEquals(it.sessions.size, 0);
  assert(sessions.every(({ end }) => end?.reason === "idle"));
  assertEquals(it.clock.pending, 0);
});

Deno.test("Deno.inspect() of Sessions shows no token", () => {
  using it = watched();
  const cookie = cookieOf(it.get(sayUid));

  const text = Deno.inspect(it.sessions, { depth: 100, showHidden: true });

  assertFalse(text.includes(cookie.slice(-32)));
});
