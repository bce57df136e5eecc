// Tokens in headers of their own, for clients without cookies.

import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import {
  Guard,
  passwordCheck,
  Resource,
  SameOrigin,
  SessionClock,
  type SessionTransport,
  type SiteOptions,
} from "../../mod.ts";
import { Sessions } from "../../sessions.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { TestClock, TestSite } from "../../testing.ts";
import { Leaf, WatchedSite } from "../helpers_http.ts";

const TOKEN = /^[\da-f]{64}$/;

/** A site whose pages say the uid of the session, log in and out, and renew. */
function siteWith(transport: SessionTransport, options: SiteOptions = {}) {
  const root = new Resource()
    .putChild("uid", new Leaf((request) => request.getSession().uid))
    .putChild("who", new Leaf((request) => request.principal ?? "nobody"))
    .putChild("login", new Leaf((request) => request.logIn("alice").uid))
    .putChild("logout", new Leaf((request) => (request.logOut(), "out")))
    .putChild("renew", new Leaf((request) => request.renewSession().uid))
    .putChild(
      "response",
      new Leaf((request) => Response.json(request.getSession().uid)),
    )
    .putChild("clock", new SessionClock());
  return new WatchedSite(root, { transport, ...options });
}

function bearer(token: string | null): Record<string, string> {
  assertMatch(token ?? "", TOKEN);
  return { authorization: `Bearer ${token}` };
}

for (const transport of ["bearer", "both"] as const) {
  const ask = { headers: { "session-transport": "bearer" } };

  for (const path of ["/uid", "/response"]) {
    Deno.test(`SessionsOptions.transport "${transport}" sends the token of ${path} in Session-Token`, async () => {
      await using site = siteWith(transport);

      const first = await site.visit(path, ask);
      const token = first.headers.get("session-token");
      const second = await site.visit(path, { headers: bearer(token) });

      assertEquals(first.headers.getSetCookie(), []);
      assertEquals(first.headers.get("cache-control"), "no-store");
      assertEquals(await second.text(), await first.text());
      assertEquals(second.headers.get("session-token"), null);
      assertEquals(second.headers.get("cache-control"), "private");
      assertEquals(site.sessions.size, 1);
    });
  }

  Deno.test(`SessionsOptions.transport "${transport}" sends another token after a login and a renewal`, async () => {
    await using site = siteWith(transport);
    const tokens: string[] = [];
    let headers: Record<string, string> = ask.headers;
    for (const path of ["/uid", "/login", "/renew"]) {
      const response = await site.visit(path, { headers });
      tokens.push(response.headers.get("session-token")!);
      headers = bearer(tokens.at(-1)!);
    }

    assertEquals(new Set(tokens).size, 3);
    const who = await site.visit("/who", { headers });
    const before = await site.visit("/who", { headers: bearer(tokens[0]!) });
    assertEquals(await who.text(), "alice");
    assertEquals(await before.text(), "nobody");
  });

  Deno.test(`SessionsOptions.transport "${transport}" ends the session at a logout, and sets nothing`, async () => {
    await using site = siteWith(transport);
    const login = await site.visit("/login", ask);
    const headers = bearer(login.headers.get("session-token"));

    const logout = await site.visit("/logout", { headers });

    assertEquals(logout.headers.get("session-token"), null);
    assertEquals(logout.headers.getSetCookie(), []);
    assertEquals(site.sessions.size, 0);
    assertEquals(
      await (await site.visit("/who", { headers })).text(),
      "nobody",
    );
  });

  for (
    const authorization of [
      "bearer TOKEN",
      "BEARER TOKEN",
      "Bearer  TOKEN ",
    ]
  ) {
    Deno.test(`SessionsOptions.transport "${transport}" reads "${authorization}"`, async () => {
      await using site = siteWith(transport);
      const login = await site.visit("/login", ask);
      const token = login.headers.get("session-token")!;

      const who = await site.visit("/who", {
        headers: { authorization: authorization.replace("TOKEN", token) },
      });

      assertEquals(await who.text(), "alice");
    });
  }

  for (
    const authorization of [
      "Bearer",
      "Bearer TOKEN TOKEN",
      "Bearer xTOKEN",
      "Basic TOKEN",
      "TOKEN",
    ]
  ) {
    Deno.test(`SessionsOptions.transport "${transport}" finds no session by "${authorization}"`, async () => {
      await using site = siteWith(transport);
      const login = await site.visit("/login", ask);
      const token = login.headers.get("session-token")!;

      const who = await site.visit("/who", {
        headers: { authorization: authorization.replaceAll("TOKEN", token) },
      });

      assertEquals(await who.text(), "nobody");
    });
  }

  Deno.test(`SessionsOptions.transport "${transport}" adopts no unknown token`, async () => {
    await using site = siteWith(transport);
    const token = "a".repeat(64);

    const response = await site.visit("/uid", { headers: bearer(token) });

    assertNotEquals(response.headers.get("session-token"), token);
    assertMatch(response.headers.get("session-token")!, TOKEN);
  });

  Deno.test(`SessionsOptions.transport "${transport}" refuses a token of https over http`, async () => {
    const kinds: string[] = [];
    await using site = siteWith(transport, {
      onSuspiciousSession: ({ kind }) => void kinds.push(kind),
    });
    const login = await site.visit("https://localhost/login", ask);
    const headers = bearer(login.headers.get("session-token"));

    const who = await site.visit("http://localhost/who", { headers });

    assertEquals(await who.text(), "nobody");
    assertEquals(kinds, ["insecure-transport"]);
  });

  Deno.test(`SessionsOptions.transport "${transport}" gives requests of other sites their session`, async () => {
    await using site = siteWith(transport);
    const headers = {
      ...ask.headers,
      "sec-fetch-site": "cross-site",
      origin: "https://app.example",
    };

    const first = await site.visit("/uid", { method: "POST", headers });
    const second = await site.visit("/uid", {
      method: "POST",
      headers: {
        ...headers,
        ...bearer(first.headers.get("session-token")),
      },
    });

    assertEquals(await second.text(), await first.text());
    assertEquals(site.sessions.size, 1);
  });

  Deno.test(`SessionsOptions.transport "${transport}" works over a store`, async () => {
    await using site = siteWith(transport, { store: new MemoryStore() });
    const login = await site.visit("/login", ask);
    const headers = bearer(login.headers.get("session-token"));

    assertEquals(await (await site.visit("/who", { headers })).text(), "alice");
  });
}

// Which of the two counts.

Deno.test('SessionsOptions.transport "both" sets a cookie unless the request asks for a bearer token', async () => {
  await using site = siteWith("both");

  const { headers } = await site.visit("/uid");

  assertEquals(headers.getSetCookie().length, 1);
  assertFalse(headers.has("session-token"));
});

Deno.test('SessionsOptions.transport "both" lets the bearer token alone count', async () => {
  await using site = siteWith("both");
  const byCookie = await site.visit("/login");
  const cookie = byCookie.headers.getSetCookie()[0]!.split(";")[0]!;
  const byBearer = await site.visit("/uid", {
    headers: { "session-transport": "Bearer" },
  });
  const token = byBearer.headers.get("session-token");

  const both = await site.visit("/uid", {
    headers: { cookie, ...bearer(token) },
  });
  const unknown = await site.visit("/who", {
    headers: { cookie, ...bearer("a".repeat(64)) },
  });
  const logout = await site.visit("/logout", {
    headers: { cookie, ...bearer(token) },
  });

  assertEquals(await both.text(), await byBearer.text());
  assertEquals(await unknown.text(), "nobody");
  assertEquals(logout.headers.getSetCookie(), []);
  const who = await site.visit("/who", { headers: { cookie } });
  assertEquals(await who.text(), "alice");
});

Deno.test('SessionsOptions.transport "both" hands the token of a cookie to no header', async () => {
  await using site = siteWith("both");
  const login = await site.visit("/login");
  const cookie = login.headers.getSetCookie()[0]!.split(";")[0]!;

  const renewal = await site.visit("/renew", {
    headers: { cookie, "session-transport": "bearer" },
  });

  assertNotEquals(await renewal.text(), await login.text());
});

Deno.test('SessionsOptions.transport "bearer" neither reads nor sets a cookie', async () => {
  await using site = siteWith("bearer");
  const login = await site.visit("/login");
  const token = login.headers.get("session-token")!;

  const who = await site.visit("/who", {
    headers: { cookie: `session=${token}` },
  });

  assertEquals(login.headers.getSetCookie(), []);
  assertEquals(await who.text(), "nobody");
});

Deno.test('SessionsOptions.transport is "cookie" by default, and reads no bearer token', async () => {
  await using site = siteWith("cookie");
  const login = await site.visit("/login", {
    headers: { "session-transport": "bearer" },
  });
  const [cookie] = login.headers.getSetCookie()[0]!.split(";");
  const token = cookie!.slice("session=".length);

  const who = await site.visit("/who", { headers: bearer(token) });

  assertFalse(login.headers.has("session-token"));
  assertEquals(await who.text(), "nobody");
});

// Guards and handlers.

Deno.test("SameOrigin and SessionClock let a bearer token of another origin pass", async () => {
  await using site = siteWith("both");
  site.resource = new SameOrigin(site.resource);
  const headers = { "sec-fetch-site": "cross-site" };
  const login = await site.visit("/login", {
    headers: { "session-transport": "bearer" },
  });
  const token = bearer(login.headers.get("session-token"));
  const touch = (headers: Record<string, string>) =>
    site.visit("/clock", { method: "POST", headers });

  assertEquals((await touch({ ...headers, ...token })).status, 200);
  assertEquals((await touch(headers)).status, 403);
});

Deno.test("Guard refuses another origin with a password as before", async () => {
  const guard = new Guard(
    new Leaf(() => "in"),
    passwordCheck({ alice: "wonderland" }),
    { realm: "x" },
  );
  await using site = new WatchedSite(guard, { transport: "both" });

  const response = await site.visit("/", {
    method: "POST",
    headers: {
      authorization: `Basic ${btoa("alice:wonderland")}`,
      "sec-fetch-site": "cross-site",
    },
  });

  assertEquals(response.status, 403);
});

Deno.test("Sessions.serve() sends the token of a handler in Session-Token", async () => {
  await using sessions = new Sessions({ transport: "bearer" });
  const serve = (headers: Record<string, string>) =>
    sessions.serve(
      new Request("http://localhost/", { headers }),
      (visit) => new Response(visit.getSession().uid),
    );

  const first = await serve({});
  const second = await serve(bearer(first.headers.get("session-token")));

  assertEquals(await second.text(), await first.text());
  assertEquals(second.headers.get("session-token"), null);
});

// The test kit.

Deno.test("TestVisitor carries its token in headers if its transport is bearer", async () => {
  await using testSite = new TestSite(
    new Leaf((request) => request.getSession().uid),
    { transport: "both", clock: new TestClock() },
  );
  const phone = testSite.visitor({ transport: "bearer" });
  const browser = testSite.visitor();

  const first = await phone.fetch("/");
  const uid = await first.text();
  await browser.fetch("/");

  assertEquals(first.headers.getSetCookie(), []);
  assertEquals(await (await phone.fetch("/")).text(), uid);
  assertEquals(phone.session?.uid, uid);
  assert(browser.session !== undefined && browser.session.uid !== uid);
  assertEquals(phone.cookiesFor("/"), undefined);
});
