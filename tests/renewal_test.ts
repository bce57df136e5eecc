import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { Rendered, SiteOptions, SiteRequest } from "../mod.ts";
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
  visit,
} from "./helpers_session.ts";

type Render = (request: SiteRequest) => Rendered | Promise<Rendered>;

/** A site whose page renews the session when it is told to. */
function renewing(options: SiteOptions = {}) {
  const page = { renews: false, also: (() => "") as Render };
  const clock = new ManualClock();
  const site = siteOf({ clock, ...options }, (request) => {
    const session = request.getSession();
    if (page.renews) session.renew();
    return page.also(request);
  });
  const renew = (cookie: string) => {
    page.renews = true;
    const response = visit(site, cookie);
    page.renews = false;
    return response;
  };
  return { site, clock, page, renew, [Symbol.dispose]: () => site.close() };
}

/** A site whose pages wait, each for a gate of its own. */
function waiting(options: SiteOptions = {}) {
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const clock = new ManualClock();
  const site = siteOf({ clock, ...options }, (request) => {
    const [name = ""] = request.postpath;
    const session = request.getSession();
    if (name === "") return session.uid;
    const gate = Promise.withResolvers<void>();
    gates.set(name, gate);
    if (name === "renews-then-waits") session.renew();
    return gate.promise.then(() => {
      if (name.startsWith("asks-again")) request.getSession().renew();
      if (name.startsWith("waits-then-renews")) session.renew();
      if (!name.endsWith("-and-waits")) return session.uid;
      const second = Promise.withResolvers<void>();
      gates.set(`${name} again`, second);
      return second.promise.then(() => session.uid);
    });
  });
  const ask = (name: string, cookie: string) =>
    site.fetch(requestWith(cookie, `http://localhost/${name}`));
  const letGo = async (name: string) => {
    gates.get(name)!.resolve();
    await settle();
  };
  const answerTo = async (name: string, response: ReturnType<typeof ask>) => {
    await letGo(name);
    return await response;
  };
  return {
    site,
    clock,
    ask,
    letGo,
    answerTo,
    [Symbol.dispose]: () => site.close(),
  };
}

/** Whether a cookie opens the one session of a site, by a peek. */
function opens(site: ReturnType<typeof siteOf>, cookie: string): boolean {
  const { uid } = onlySession(site);
  const found: (string | undefined)[] = [];
  const { resource } = site;
  site.resource = siteOf({}, (request) => {
    found.push(request.session?.uid);
    return "";
  }).resource;
  visit(site, cookie);
  site.resource = resource;
  return found[0] === uid;
}

// What stays, and what does not.

Deno.test("Session.renew() sends another secret with the same uid", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));

  const renewed = cookieOf(it.renew(old));

  assertEquals(renewed.slice(0, -32), old.slice(0, -32));
  assertNotEquals(renewed.slice(-32), old.slice(-32));
  assertMatch(renewed, /^session=[0-9a-f]{64}$/);
});

Deno.test("Session.renew() keeps the session object", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  const session = onlySession(it.site);

  it.renew(old);

  assertStrictEquals(onlySession(it.site), session);
  assertStrictEquals(it.site.getSession(session.uid), session);
});

Deno.test("Session.renew() keeps what is kept in the session", () => {
  class Cart {
    items = 3;
  }
  using it = renewing();
  const old = cookieOf(visit(it.site));
  const session = onlySession(it.site);
  session.set("colour", "red");
  const cart = session.getComponent(Cart);

  it.renew(old);

  assertEquals(session.get("colour"), "red");
  assertStrictEquals(session.getComponent(Cart), cart);
});

Deno.test("Session.renew() keeps the callbacks, which are called once at the end", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  const session = onlySession(it.site);
  const told: string[] = [];
  session.notifyOnExpire(({ uid }) => told.push(uid));

  it.renew(old);

  assertEquals(told, []);
  session.expire();
  assertEquals(told, [session.uid]);
});

Deno.test("Session.renew() keeps the signal, which does not abort", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  const { signal } = onlySession(it.site);

  it.renew(old);

  assertStrictEquals(onlySession(it.site).signal, signal);
  assertFalse(signal.aborted);
});

Deno.test("Session.renew() keeps the principal", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  const session = onlySession(it.site);
  session.principal = "alice";

  it.renew(old);

  assertEquals(it.site.sessionsOf("alice"), [session]);
});

Deno.test("Session.renew() changes neither the deadline nor the last access", () => {
  using it = renewing();
  visit(it.site);
  const session = onlySession(it.site);
  const before = [session.expiresAt, session.lastModified, session.createdAt];
  it.clock.advance(3000);

  session.renew();

  assertEquals(
    [session.expiresAt, session.lastModified, session.createdAt],
    before,
  );
});

Deno.test("Session.renew() sets no timer", () => {
  using it = renewing();
  visit(it.site);
  const { sets } = it.clock;

  onlySession(it.site).renew();

  assertEquals(it.clock.sets, sets);
});

Deno.test("Session.renew() after the end does nothing", () => {
  using it = renewing();
  const session = it.site.makeSession();
  session.expire();

  session.renew();

  assertFalse(session.isActive);
});

Deno.test("Session.renew() and then expire() clears the cookie", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  it.page.also = () => {
    onlySession(it.site).expire();
    return "";
  };

  const response = it.renew(old);

  assertEquals(cookiesOf(response), ["session="]);
});

Deno.test("Deno.inspect() of a renewed session shows neither secret", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  const renewed = cookieOf(it.renew(old));

  const text = Deno.inspect(onlySession(it.site), {
    depth: 100,
    showHidden: true,
  });

  assertFalse(text.includes(old.slice(-32)));
  assertFalse(text.includes(renewed.slice(-32)));
});

// The new token.

Deno.test("Session.renew() has the new token open the session", () => {
  using it = renewing();
  const renewed = cookieOf(it.renew(cookieOf(visit(it.site))));

  assert(opens(it.site, renewed));
});

Deno.test("Session.renew() has the new token open the session after the grace", () => {
  using it = renewing();
  const renewed = cookieOf(it.renew(cookieOf(visit(it.site))));

  it.clock.advance(60_000);

  assert(opens(it.site, renewed));
});

Deno.test("Session.renew() sends the new cookie once", () => {
  using it = renewing();
  const renewed = cookieOf(it.renew(cookieOf(visit(it.site))));

  const next = visit(it.site, renewed);

  assertEquals(next.headers.getSetCookie(), []);
});

Deno.test("Session.renew() makes the response no-store", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));

  const response = it.renew(old);

  assertEquals(response.headers.get("cache-control"), "no-store");
});

Deno.test("Session.renew() writes the cookie as the first one was", () => {
  using it = renewing();
  const first = visit(it.site);

  const second = it.renew(cookieOf(first));

  const attributesOf = (response: Response) =>
    response.headers.getSetCookie().map((line) => line.split("; ").slice(1));
  assertEquals(attributesOf(second), attributesOf(first));
});

Deno.test("Session.renew() twice in a request sends one cookie, that opens the session", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  it.page.also = (request) => {
    request.getSession().renew();
    return "";
  };

  const response = it.renew(old);

  assert(opens(it.site, cookieOf(response)));
});

Deno.test("Session.renew() of request.session sends the new cookie", () => {
  let isPeek = false;
  const clock = new ManualClock();
  using site = siteOf({ clock }, (request) => {
    if (isPeek) request.session?.renew();
    else request.getSession();
    return "";
  });
  const old = cookieOf(visit(site));

  isPeek = true;
  const renewed = cookieOf(visit(site, old));

  clock.advance(10_000);
  assert(opens(site, renewed));
});

Deno.test("Session.renew() of request.session with the old token does not lock out who has the new one", () => {
  let act: (request: SiteRequest) => unknown = (request) =>
    request.getSession();
  const clock = new ManualClock();
  using site = siteOf({ clock }, (request) => {
    act(request);
    return "";
  });
  const old = cookieOf(visit(site));
  act = (request) => request.getSession().renew();
  const renewed = cookieOf(visit(site, old));
  act = (request) => request.getSession();
  visit(site, renewed);

  act = (request) => request.session?.renew();
  visit(site, old);

  clock.advance(10_000);
  assert(opens(site, renewed));
});

Deno.test("Session.renew() of a session that the request made sends the new token only", () => {
  using it = renewing();
  it.page.renews = true;

  const response = visit(it.site);

  it.clock.advance(60_000);
  assert(opens(it.site, cookieOf(response)));
});

Deno.test("Session.renew() of a session that the request made sends the cookie once", () => {
  using it = renewing();
  it.page.renews = true;
  const cookie = cookieOf(visit(it.site));
  it.page.renews = false;

  const next = visit(it.site, cookie);

  assertEquals(next.headers.getSetCookie(), []);
});

Deno.test("Session.renew() after the visitor has shown the new token makes another", () => {
  using it = renewing();
  const second = cookieOf(it.renew(cookieOf(visit(it.site))));

  const third = cookieOf(it.renew(second));

  assertNotEquals(third, second);
  it.clock.advance(60_000);
  assert(opens(it.site, third));
  assertFalse(opens(it.site, second));
});

for (
  const [what, status, also] of [
    ["an error page", 500, () => {
      throw new Error("thrown");
    }],
    ["a redirect", 302, (request) => request.redirect("/")],
    ["a Response", 203, () => new Response("", { status: 203 })],
    ["the page for what cannot be sent", 500, () => 5 as unknown as string],
    [
      "the page for a Response that cannot be sent",
      500,
      () => Response.error(),
    ],
  ] as [string, number, Render][]
) {
  Deno.test(`Session.renew() sends the new cookie on ${what}`, () => {
    using it = renewing({ onError: new Errors().onError });
    const old = cookieOf(visit(it.site));
    it.page.also = also;

    const response = it.renew(old);

    assertEquals(response.status, status);
    it.clock.advance(60_000);
    assert(opens(it.site, cookieOf(response)));
  });
}

// The old token.

Deno.test("Session.renew() has the old token open the session for 10 s", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  it.renew(old);

  it.clock.advance(9999);

  assert(opens(it.site, old));
});

Deno.test("Session.renew() has the old token open nothing after 10 s", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  it.renew(old);

  it.clock.advance(10_000);

  assertFalse(opens(it.site, old));
});

Deno.test("Session.renew() gives the old token no more time for being used", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  it.renew(old);

  it.clock.advance(9000);
  visit(it.site, old);
  it.clock.advance(1000);

  assertFalse(opens(it.site, old));
});

Deno.test("Session.renew() gives the old token no more time at a second call", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  it.renew(old);

  it.clock.advance(9000);
  onlySession(it.site).renew();
  it.clock.advance(1000);

  assertFalse(opens(it.site, old));
});

Deno.test("Session.renew() twice leaves the first token its grace", () => {
  using it = renewing();
  const first = cookieOf(visit(it.site));
  const second = cookieOf(it.renew(first));

  it.renew(second);

  assert(opens(it.site, first));
});

Deno.test("SiteOptions.renewalGrace is how long the old token opens the session", () => {
  using it = renewing({ renewalGrace: 2.5 });
  const old = cookieOf(visit(it.site));
  it.renew(old);

  it.clock.advance(2499);
  assert(opens(it.site, old));
  it.clock.advance(1);

  assertFalse(opens(it.site, old));
});

Deno.test("SiteOptions.renewalGrace 0 has the old token open nothing", () => {
  using it = renewing({ renewalGrace: 0 });
  const old = cookieOf(visit(it.site));

  it.renew(old);

  assertFalse(opens(it.site, old));
});

Deno.test("Session.renew() has a visit with the old token count as access", () => {
  using it = renewing({ sessionFactory: lasting({ sessionTimeout: 5 }) });
  const old = cookieOf(visit(it.site));
  it.renew(old);

  it.clock.advance(4000);
  visit(it.site, old);

  assertEquals(onlySession(it.site).lastModified * 1000, it.clock.time);
});

for (const persistent of [false, true]) {
  const what = persistent ? "a persistent" : "the new";

  Deno.test(`Session.renew() sends ${what} cookie to nobody who has the old token only`, () => {
    using it = renewing({ cookie: { persistent } });
    const old = cookieOf(visit(it.site));
    it.renew(old);

    const graced = visit(it.site, old);

    assertEquals(graced.headers.getSetCookie(), []);
  });

  Deno.test(`Session.renew() with the old token sends ${what} cookie to nobody`, () => {
    using it = renewing({ cookie: { persistent } });
    const old = cookieOf(visit(it.site));
    it.renew(old);

    const graced = it.renew(old);

    assertEquals(graced.headers.getSetCookie(), []);
  });
}

Deno.test("Session.renew() with the old token does not lock out who has the new one", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  const renewed = cookieOf(it.renew(old));
  visit(it.site, renewed);

  it.renew(old);

  const [sent = renewed] = cookiesOf(visit(it.site, renewed));
  it.clock.advance(10_000);
  assert(opens(it.site, sent));
});

// Two requests at once.

Deno.test("Session.renew() in two requests at once sends no cookie that does not open the session", async () => {
  using it = waiting();
  const old = cookieOf(visit(it.site));
  const one = it.ask("asks-again-1", old);
  const two = it.ask("asks-again-2", old);

  const first = await it.answerTo("asks-again-1", one);
  const second = await it.answerTo("asks-again-2", two);

  // The responses may overtake each other on the way: any may be the last.
  const sent = [...cookiesOf(first), ...cookiesOf(second)];
  it.clock.advance(10_000);
  assert(sent.length > 0);
  assertEquals(
    sent.map((cookie) => opens(it.site, cookie)),
    sent.map(() => true),
  );
});

Deno.test("Session.renew() in two requests at once leaves the visitor in who shows the first cookie between", async () => {
  using it = waiting();
  const old = cookieOf(visit(it.site));
  const one = it.ask("asks-again-1", old);
  const two = it.ask("asks-again-2", old);
  const first = cookieOf(await it.answerTo("asks-again-1", one));
  visit(it.site, first);

  const second = await it.answerTo("asks-again-2", two);

  const [last = first] = cookiesOf(second);
  it.clock.advance(10_000);
  assert(opens(it.site, last));
});

Deno.test("Session.renew() leaves a request that was under way its session", async () => {
  using it = waiting();
  const old = cookieOf(visit(it.site));
  const slow = it.ask("waits", old);
  onlySession(it.site).renew();

  const response = await it.answerTo("waits", slow);

  assertEquals(await response.text(), onlySession(it.site).uid);
});

Deno.test("Session.renew() is answered to the request that renews, whoever else is answered before", async () => {
  using it = waiting();
  const old = cookieOf(visit(it.site));
  const slow = it.ask("waits", old);
  const login = it.ask("renews-then-waits", old);

  const other = await it.answerTo("waits", slow);
  const renewed = await it.answerTo("renews-then-waits", login);

  // Whoever sent it has the old token only: an attacker who planted it, perhaps.
  assertEquals(other.headers.getSetCookie(), []);
  it.clock.advance(10_000);
  assert(opens(it.site, cookieOf(renewed)));
});

Deno.test("Session.renew() is answered to the request that renews, though it has waited since it asked", async () => {
  using it = waiting();
  const old = cookieOf(visit(it.site));
  const login = it.ask("waits-then-renews", old);
  const slow = it.ask("waits", old);

  const renewed = await it.answerTo("waits-then-renews", login);
  const other = await it.answerTo("waits", slow);

  // Logins wait, for a form and for a password, and others ask meanwhile.
  assertEquals(other.headers.getSetCookie(), []);
  it.clock.advance(10_000);
  assert(opens(it.site, cookieOf(renewed)));
});

Deno.test("Session.renew() sends a persistent cookie to no request that came with the old token", async () => {
  using it = waiting({ cookie: { persistent: true } });
  const old = cookieOf(visit(it.site));
  const slow = it.ask("waits", old);
  const login = it.ask("renews-then-waits", old);
  await it.answerTo("renews-then-waits", login);

  const other = await it.answerTo("waits", slow);

  assertEquals(other.headers.getSetCookie(), []);
});

for (const waits of [false, true]) {
  Deno.test(`SiteRequest.renewSession() is answered to its own request${waits ? " that has waited" : ""}, whoever is answered meanwhile`, async () => {
    const gates = [
      Promise.withResolvers<void>(),
      Promise.withResolvers<void>(),
    ];
    using site = siteOf({}, async (request) => {
      if (request.postpath[0] === "login") {
        request.getSession();
        if (waits) await Promise.resolve();
        request.renewSession();
        await gates[0]!.promise;
      } else if (request.postpath[0] === "slow") {
        request.getSession();
        await gates[1]!.promise;
      } else request.getSession();
      return "";
    });
    const ask = (path: string, cookie?: string) =>
      Promise.resolve(
        site.fetch(requestWith(cookie, `http://localhost/${path}`)),
      );
    const old = cookieOf(await ask(""));
    const slow = ask("slow", old);
    const login = ask("login", old);
    await Promise.resolve();

    gates[1]!.resolve();
    const other = await slow;
    gates[0]!.resolve();
    const renewed = await login;

    assertEquals(other.headers.getSetCookie(), []);
    assertNotEquals(cookieOf(renewed), old);
    assertEquals(site.sessions.size, 1);
  });
}

// Who is sent the new cookie.

/** A site whose requests do what their path says, each when it is let go. */
function acting(
  acts: Record<string, (request: SiteRequest) => Rendered | Promise<Rendered>>,
  options: SiteOptions = {},
) {
  const clock = new ManualClock();
  const errors = new Errors();
  const site = siteOf(
    { clock, onError: errors.onError, ...options },
    (request) =>
      acts[request.postpath[0]!]?.(request) ?? request.getSession().uid,
  );
  const ask = (path: string, cookie?: string) =>
    Promise.resolve(
      site.fetch(requestWith(cookie, `http://localhost/${path}`)),
    );
  return { site, clock, errors, ask, [Symbol.dispose]: () => site.close() };
}

Deno.test("Session.renew() outside of a request sends the new cookie to whoever comes with the old one within the grace", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  onlySession(it.site).renew();
  it.clock.advance(9999);

  const renewed = cookieOf(visit(it.site, old));

  it.clock.advance(1);
  assert(opens(it.site, renewed));
  assertFalse(opens(it.site, old));
});

Deno.test("Session.renew() outside of a request sends the new cookie until it has been shown", () => {
  using it = renewing();
  const old = cookieOf(visit(it.site));
  onlySession(it.site).renew();
  const first = cookieOf(visit(it.site, old));
  const second = cookieOf(visit(it.site, old));
  visit(it.site, second);

  const third = visit(it.site, old);

  assertEquals(first, second);
  assertEquals(cookiesOf(third), []);
});

Deno.test("Session.renew() in another visitor's request is as outside of one", async () => {
  const visitor: string[] = [];
  using it = acting({
    admin: (request) => {
      request.getSession();
      it.site.getSession(visitor[0]!)!.renew();
      return "";
    },
  });
  const old = cookieOf(await it.ask(""));
  visitor.push(onlySession(it.site).uid);
  const admin = await it.ask("admin");
  assertEquals(cookiesOf(admin).length, 1);
  assertFalse(cookieOf(admin).includes(visitor[0]!));

  const renewed = cookieOf(await it.ask("", old));

  assertNotEquals(renewed, old);
  assert(renewed.includes(visitor[0]!));
});

Deno.test("Session.renew() outside sends nothing to a secret that was replaced before", () => {
  using it = renewing();
  const first = cookieOf(visit(it.site));
  const second = cookieOf(it.renew(first));
  visit(it.site, second);
  onlySession(it.site).renew();

  assertEquals(cookiesOf(visit(it.site, first)), []);
  assertEquals(cookiesOf(visit(it.site, second)).length, 1);
});

Deno.test("Session.renew() by one of several that wait sends the new cookie to none that is answered later, and says so", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  using it = acting({
    login: async (request) => {
      const session = request.getSession();
      await gates[0]!.promise;
      session.renew();
      await gates[1]!.promise;
      return "";
    },
    slow: async (request) => {
      request.getSession();
      await gates[1]!.promise;
      return "";
    },
  });
  const old = cookieOf(await it.ask(""));
  const slow = it.ask("slow", old);
  const login = it.ask("login", old);
  gates[0]!.resolve();
  await settle();

  gates[1]!.resolve();

  assertEquals(cookiesOf(await slow), []);
  assertEquals(cookiesOf(await login), []);
  assertEquals(it.errors.all.length, 1);
  assertMatch(String(it.errors.all[0]), /2 requests .*renewSession/);
  it.clock.advance(10_000);
  assertFalse(opens(it.site, old));
});

Deno.test("Session.renew() of a request that renders while another waits is its own", async () => {
  const gate = Promise.withResolvers<void>();
  using it = acting({
    login: (request) => {
      request.getSession().renew();
      return "";
    },
    slow: async (request) => {
      request.getSession();
      await gate.promise;
      return "";
    },
  });
  const old = cookieOf(await it.ask(""));
  const slow = it.ask("slow", old);

  const renewed = cookieOf(await it.ask("login", old));
  gate.resolve();

  assertNotEquals(renewed, old);
  assertEquals(cookiesOf(await slow), []);
});

Deno.test("SiteRequest.renewSession() of a session that the request made draws no other secret", async () => {
  using it = acting({
    login: (request) => {
      request.renewSession();
      return "";
    },
  });
  const cookie = cookieOf(await it.ask("login"));
  assert(opens(it.site, cookie));
});

// Requests that are late.

Deno.test("SiteRequest.getSession() in a request that came before the renewal sets no cookie once the grace is over", async () => {
  const gate = Promise.withResolvers<void>();
  const seen: unknown[] = [];
  using it = acting({
    login: (request) => {
      request.renewSession();
      return "";
    },
    slow: async (request) => {
      await gate.promise;
      seen.push(request.getSession());
      return "";
    },
  }, { onSuspiciousSession: (suspicion) => seen.push(suspicion) });
  const old = cookieOf(await it.ask(""));
  const slow = it.ask("slow", old);
  const renewed = cookieOf(await it.ask("login", old));
  it.clock.advance(10_000);

  gate.resolve();
  const response = await slow;

  assertEquals(cookiesOf(response), []);
  assertEquals(seen.length, 1);
  assertNotEquals(seen[0], onlySession(it.site));
  assert(opens(it.site, renewed));
});

Deno.test("SiteRequest.getSession() in a request that came after the renewal begins anew once the grace is over", async () => {
  using it = acting({
    login: (request) => {
      request.renewSession();
      return "";
    },
  });
  const old = cookieOf(await it.ask(""));
  await it.ask("login", old);
  it.clock.advance(10_000);

  // The response with the new cookie may have been lost on the way.
  const response = await it.ask("", old);

  assertEquals(cookiesOf(response).length, 1);
  assertEquals(it.site.sessions.size, 2);
});

Deno.test("SiteOptions.clearSiteData that no browser knows is a RangeError", () => {
  // @ts-expect-error a caller without types
  assertThrows(() => siteOf({ clearSiteData: ["a\r\nb"] }), RangeError);
});
