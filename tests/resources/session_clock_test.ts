import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertMatch,
  assertThrows,
} from "@std/assert";
import { site as example } from "../../examples/session_clock.ts";
import {
  Resource,
  SessionClock,
  type SessionClockOptions,
  Site,
  type SiteOptions,
} from "../../mod.ts";
import {
  cookieOf,
  ManualClock,
  onlySession,
  Page,
  requestWith,
  settle,
  START,
} from "../helpers_session.ts";
import { EventReader } from "../helpers_streams.ts";

/** A site with a clock, and a visitor who has a session there. */
async function clocked(
  options: SiteOptions & { session?: SessionClockOptions } = {},
) {
  const { session: clockOptions, ...siteOptions } = options;
  const clock = new ManualClock();
  const root = new Resource()
    .putChild("", new Page((request) => request.getSession().uid))
    .putChild("clock", new SessionClock(clockOptions));
  const site = new Site(root, { clock, sessionTimeout: 100, ...siteOptions });
  const cookie = cookieOf(await site.fetch(requestWith()));
  const ask = async (
    method = "GET",
    headers: Record<string, string> = {},
    path = "/clock",
  ): Promise<Response> =>
    await site.fetch(
      new Request(`http://localhost${path}`, {
        method,
        headers: { cookie, ...headers },
      }),
    );
  const session = onlySession(site).uid;
  return {
    clock,
    site,
    ask,
    active: (secondsLeft: number | null, canStay = true) => ({
      isActive: true,
      secondsLeft,
      canStay,
      session,
      principal: null,
    }),
    follow: async () =>
      new EventReader(await ask("GET", { accept: "text/event-stream" })),
  };
}

const NONE = {
  isActive: false,
  secondsLeft: 0,
  canStay: false,
  session: null,
  principal: null,
};

Deno.test("SessionClock answers the seconds left, and is no visit", async () => {
  const it = await clocked();
  using _ = it.site;
  it.clock.advance(30_500);
  const response = await it.ask();
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(await response.json(), it.active(69.5));
  assertEquals(onlySession(it.site).expiresAt, START / 1000 + 100);
});

Deno.test("SessionClock answers where the path ends in a slash", async () => {
  const it = await clocked();
  using _ = it.site;
  assertEquals(
    await (await it.ask("GET", {}, "/clock/")).json(),
    it.active(100),
  );
  assertEquals((await it.ask("GET", {}, "/clock/x")).status, 404);
});

Deno.test("SessionClock makes no session", async () => {
  const it = await clocked();
  using site = it.site;
  onlySession(site).expire();
  for (const method of ["GET", "POST", "DELETE"]) {
    const response = await site.fetch(
      new Request("http://localhost/clock", { method }),
    );
    assertEquals(await response.json(), NONE);
    assertEquals(response.headers.getSetCookie(), []);
  }
  assertEquals(site.sessions.size, 0);
});

Deno.test("SessionClock answers null seconds of a session that never ends", async () => {
  const it = await clocked({ sessionTimeout: Infinity });
  using _ = it.site;
  assertEquals(await (await it.ask()).json(), it.active(null, false));
});

Deno.test("SessionClock says that staying is of no use beyond absoluteTimeout", async () => {
  const it = await clocked({ absoluteTimeout: 150 });
  using _ = it.site;
  assertEquals(await (await it.ask()).json(), it.active(100));
  it.clock.advance(60_000);
  assertEquals(await (await it.ask("POST")).json(), it.active(90, false));
});

Deno.test("SessionClock stays by POST", async () => {
  const it = await clocked();
  using _ = it.site;
  it.clock.advance(90_000);
  const response = await it.ask("POST");
  assertEquals(await response.json(), it.active(100));
  assertEquals(onlySession(it.site).expiresAt, START / 1000 + 190);
});

Deno.test("SessionClock gives a cookie that lasts a new age by POST, and by GET none", async () => {
  const it = await clocked({
    absoluteTimeout: 250,
    cookie: { persistent: true },
  });
  using _ = it.site;
  it.clock.advance(90_000);
  assertEquals((await it.ask()).headers.getSetCookie(), []);
  const [cookie = ""] = (await it.ask("POST")).headers.getSetCookie();
  assertMatch(cookie, /; Max-Age=160$/);
});

Deno.test("SessionClock leaves by DELETE, and takes the cookie back", async () => {
  const it = await clocked();
  using _ = it.site;
  const session = onlySession(it.site);
  const response = await it.ask("DELETE");
  assertEquals(await response.json(), NONE);
  assertEquals(session.end?.reason, "logout");
  assertEquals(response.headers.getSetCookie().length, 1);
});

for (const method of ["POST", "DELETE"]) {
  for (
    const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "http://evil.example" },
      { origin: "http://localhost:8081" },
      { origin: "null" },
      { origin: "http://localhost", "sec-fetch-site": "cross-site" },
    ] as Record<string, string>[]
  ) {
    Deno.test(`SessionClock refuses ${method} with ${JSON.stringify(headers)}`, async () => {
      const it = await clocked();
      using _ = it.site;
      it.clock.advance(1000);
      const response = await it.ask(method, headers);
      assertEquals(response.status, 403);
      const session = onlySession(it.site);
      assert(session.isActive);
      assertEquals(session.lastModified, START / 1000);
    });
  }
  for (
    const headers of [
      { "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" },
      { origin: "http://localhost" },
    ] as Record<string, string>[]
  ) {
    Deno.test(`SessionClock takes ${method} with ${JSON.stringify(headers)}`, async () => {
      const it = await clocked();
      using _ = it.site;
      assertEquals((await it.ask(method, headers)).status, 200);
    });
  }
}

Deno.test("SessionClock takes POST of its own origin behind a proxy that is believed", async () => {
  const it = await clocked({ trustProxy: true });
  using _ = it.site;
  const headers = {
    origin: "https://desk.example",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "desk.example",
  };
  assertEquals((await it.ask("POST", headers)).status, 200);
});

function stateIn(event: string[] | undefined): [string?, unknown?] {
  if (event === undefined) return [];
  const data = event.find((line) => line.startsWith("data: "))!.slice(6);
  const name = event.find((line) => line.startsWith("event: "))!.slice(7);
  return [name, JSON.parse(data)];
}

Deno.test("SessionClock tells by events of the deadline, a warning and the end", async () => {
  const it = await clocked({ session: { warnBefore: 10 } });
  using _ = it.site;
  const events = await it.follow();
  assertEquals(stateIn(await events.next()), ["deadline", it.active(100)]);

  it.clock.advance(90_000);
  assertEquals(await events.next(), [":"]);
  const seen = [];
  for (;;) {
    const event = await events.next();
    if (event?.[0] === ":") continue;
    seen.push(event);
    break;
  }
  assertEquals(stateIn(seen[0]), ["warning", it.active(10)]);

  it.clock.advance(10_000);
  assertEquals(await events.rest(), [[
    "event: end",
    'data: {"reason":"idle"}',
  ]]);
});

Deno.test("SessionClock tells by events within a second of a deadline that has moved", async () => {
  const it = await clocked();
  using _ = it.site;
  const events = await it.follow();
  await events.next();
  it.clock.advance(500);
  onlySession(it.site).touch();
  onlySession(it.site).touch();
  it.clock.advance(500);
  assertEquals(stateIn(await events.next()), ["deadline", it.active(99.5)]);
  await events.leave();
});

Deno.test("SessionClock keeps no session by events", async () => {
  const it = await clocked();
  using _ = it.site;
  const events = await it.follow();
  it.clock.advance(100_000);
  assertEquals(it.site.sessions.size, 0);
  await events.rest();
});

Deno.test("SessionClock answers 204 to who asks for events without a session", async () => {
  const it = await clocked();
  using _ = it.site;
  onlySession(it.site).expire();
  const response = await it.ask("GET", { accept: "text/event-stream" });
  assertEquals(response.status, 204);
});

for (const how of ["leaves", "stops"] as const) {
  Deno.test(`SessionClock has nothing left of its events when the visitor ${how}`, async () => {
    const it = await clocked();
    using site = it.site;
    if (how === "stops") site.stopStreams();
    const events = await it.follow();
    await events.next();
    await events.leave();
    await settle();
    // The timer of the deadlines.
    assertEquals(it.clock.pending, 1);
    onlySession(site).expire();
    assertEquals(it.clock.pending, 0);
  });
}

for (const warnBefore of [0, NaN, Infinity]) {
  Deno.test(`SessionClock refuses to warn ${warnBefore} seconds before`, () => {
    assertThrows(() => new SessionClock({ warnBefore }), RangeError);
  });
}

Deno.test("SessionClock serves a script of less than 14 kB that any policy lets run", async () => {
  const it = await clocked();
  using _ = it.site;
  const response = await it.ask("GET", {}, "/clock/script.js");
  assertEquals(
    response.headers.get("content-type"),
    "text/javascript; charset=utf-8",
  );
  const script = await response.text();
  assertLess(script.length, 14_000);
  // What it is made of can be parsed, and stands alone.
  new Function(script);
  for (const unsafe of ["eval(", "new Function", "innerHTML", "import "]) {
    assertFalse(script.includes(unsafe), unsafe);
  }
});

Deno.test("SessionClock serves a module of less than 7 kB without a view", async () => {
  const it = await clocked();
  using _ = it.site;
  const response = await it.ask("GET", {}, "/clock/client.js");
  assertEquals(
    response.headers.get("content-type"),
    "text/javascript; charset=utf-8",
  );
  const script = await response.text();
  assertLess(script.length, 7000);
  for (const unsafe of ["eval(", "new Function", "innerHTML", "import "]) {
    assertFalse(script.includes(unsafe), unsafe);
  }
});

Deno.test("SessionClock answers whose session it is", async () => {
  const it = await clocked();
  using site = it.site;
  const session = onlySession(site);
  session.principal = "alice";
  const state = await (await it.ask()).json();
  assertEquals([state.session, state.principal], [session.uid, "alice"]);
});

Deno.test("SessionClock counts absoluteTimeout from the login", async () => {
  const clock = new ManualClock();
  const root = new Resource()
    .putChild("in", new Page((request) => request.logIn("alice").uid))
    .putChild("", new Page((request) => request.getSession().uid))
    .putChild("clock", new SessionClock());
  using site = new Site(root, {
    clock,
    sessionTimeout: 100,
    absoluteTimeout: 150,
  });
  const first = await site.fetch(requestWith());
  clock.advance(90_000);
  const login = await site.fetch(
    requestWith(cookieOf(first), "http://localhost/in"),
  );
  const response = await site.fetch(
    requestWith(cookieOf(login), "http://localhost/clock"),
  );
  const { secondsLeft, canStay } = await response.json();
  assertEquals([secondsLeft, canStay], [100, true]);
});

Deno.test("session_clock includes the script in its page", async () => {
  const page = await example.fetch(requestWith());
  const cookie = cookieOf(page);
  const [, src] = /<script src="([^"]+)"/.exec(await page.text()) ?? [];
  const script = await example.fetch(
    requestWith(cookie, `http://localhost/${src}`),
  );
  assertEquals(script.status, 200);
  await script.body?.cancel();
  const state = await example.fetch(
    requestWith(cookie, "http://localhost/clock"),
  );
  assertLess((await state.json()).secondsLeft, 30.001);
  onlySession(example).expire();
});
