import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Resource, type Session, Site, type SiteRequest } from "../../mod.ts";
import {
  cookieOf,
  look,
  type Render,
  WatchedSite,
  withCookieOf,
} from "../helpers_http.ts";

const HTTPS = "https://localhost/";

/** Answers the uid of the visitor's session. */
const sayUid: Render = (request) => request.getSession().uid;

/** The attributes of a Set-Cookie, without its name and value. */
function attributesOf(setCookie: string | undefined): Set<string> {
  return new Set(setCookie?.split("; ").slice(1));
}

function visitWith(site: WatchedSite, cookie: string): Promise<Response> {
  return site.visit("/", { headers: { cookie } });
}

// The cookie that is set.

Deno.test("SiteRequest.getSession() sets a cookie of 64 lower-case hex digits", async () => {
  await using site = new WatchedSite(sayUid);

  assertMatch(cookieOf(await site.visit()), /^session=[0-9a-f]{64}$/);
});

Deno.test("SiteRequest.getSession() sets a cookie that begins with the uid and holds a secret", async () => {
  await using site = new WatchedSite(sayUid);

  const response = await site.visit();

  const token = cookieOf(response).slice("session=".length);
  const uid = await response.text();
  assertEquals(token.slice(0, 32), uid);
  assertNotEquals(token.slice(32), uid);
});

Deno.test("SiteRequest.getSession() sets HttpOnly, SameSite=Lax and Path=/ over http", async () => {
  await using site = new WatchedSite(sayUid);

  const [cookie] = (await site.visit()).headers.getSetCookie();

  assertEquals(
    attributesOf(cookie),
    new Set(["HttpOnly", "SameSite=Lax", "Path=/"]),
  );
});

Deno.test("SiteRequest.getSession() sets Secure too over https, with the prefix __Host-", async () => {
  await using site = new WatchedSite(sayUid);

  const [cookie] = (await site.visit(HTTPS)).headers.getSetCookie();

  assertMatch(cookie!, /^__Host-session=[0-9a-f]{64}; /);
  assertEquals(
    attributesOf(cookie),
    new Set(["Secure", "HttpOnly", "SameSite=Lax", "Path=/"]),
  );
});

Deno.test("SiteRequest.getSession() sets one cookie however often it is called", async () => {
  await using site = new WatchedSite((request) => {
    request.getSession();
    request.getSession();
    return "";
  });

  const { headers } = await site.visit();

  assertEquals(headers.getSetCookie().length, 1);
  assertEquals(site.sessions.size, 1);
});

Deno.test("SiteRequest.getSession() answers one session however often it is called", async () => {
  const sessions: Session[] = [];
  await using site = new WatchedSite((request) => {
    sessions.push(request.getSession(), request.getSession());
    return "";
  });

  await site.visit();

  assertStrictEquals(sessions[0], sessions[1]);
});

Deno.test("SiteRequest.getSession() sets no cookie where it finds the session", async () => {
  await using site = new WatchedSite(sayUid);
  const first = await site.visit();

  const second = await site.visit("/", withCookieOf(first));

  assertEquals(second.headers.getSetCookie(), []);
  assertEquals(await second.text(), await first.text());
});

Deno.test("SiteRequest.getSession() of a found session makes the response private", async () => {
  await using site = new WatchedSite(sayUid);
  const first = await site.visit();

  const second = await site.visit("/", withCookieOf(first));

  assertEquals(second.headers.get("cache-control"), "private");
});

Deno.test("SiteRequest.getSession() makes the response that sets the cookie no-store", async () => {
  await using site = new WatchedSite(sayUid);

  const { headers } = await site.visit();

  assertEquals(headers.get("cache-control"), "no-store");
});

Deno.test("SiteRequest.getSession() leaves the Cache-Control that the resource has set", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("cache-control", "private, max-age=1");
    request.getSession();
    return "";
  });

  const { headers } = await site.visit();

  assertEquals(headers.get("cache-control"), "private, max-age=1");
});

Deno.test("SiteRequest.getSession() leaves the Cache-Control that the resource sets after it", async () => {
  await using site = new WatchedSite((request) => {
    request.getSession();
    request.setHeader("cache-control", "private");
    return "";
  });

  const { headers } = await site.visit();

  assertEquals(headers.get("cache-control"), "private");
});

Deno.test("SiteRequest.getSession() makes different sessions for different visitors", async () => {
  await using site = new WatchedSite(sayUid);

  const [first, second] = [await site.visit(), await site.visit()];

  assertNotEquals(cookieOf(first), cookieOf(second));
  assertEquals(site.sessions.size, 2);
});

for (const method of ["POST", "PUT", "DELETE"]) {
  Deno.test(`SiteRequest.getSession() sets the cookie on the answer to ${method}`, async () => {
    await using site = new WatchedSite(sayUid);

    const { headers } = await site.visit("/", { method });

    assertEquals(headers.getSetCookie().length, 1);
  });
}

for (
  const [what, status, render] of [
    ["an error page", 500, () => {
      throw new Error("thrown");
    }],
    ["a redirect", 302, (request) => request.redirect("/login")],
    ["a 304", 304, (request) => {
      request.setResponseCode(304);
      return "";
    }],
    ["a 204", 204, (request) => {
      request.setResponseCode(204);
      return "";
    }],
    ["a stream", 200, () => new Blob(["text"]).stream()],
    ["a Response", 203, () => new Response("", { status: 203 })],
    ["what a promise answers", 200, () => Promise.resolve("")],
  ] as [string, number, Render][]
) {
  Deno.test(`SiteRequest.getSession() sets the cookie on ${what}`, async () => {
    await using site = new WatchedSite((request) => {
      request.getSession();
      return render(request);
    });

    const response = await site.visit();

    assertEquals(response.status, status);
    assertEquals(response.headers.getSetCookie().length, 1);
    assertEquals(response.headers.get("cache-control"), "no-store");
  });
}

Deno.test("SiteRequest.getSession() in getChild sets the cookie on a 404", async () => {
  class Parent extends Resource {
    override getChild(_name: string, request: SiteRequest): undefined {
      request.getSession();
      return undefined;
    }
  }
  await using site = new WatchedSite(new Parent());

  const response = await site.visit("/nowhere");

  assertEquals(response.status, 404);
  assertEquals(response.headers.getSetCookie().length, 1);
});

Deno.test("SiteRequest.getSession() with a component sets the cookie too", async () => {
  class Cart {}
  await using site = new WatchedSite((request) => {
    request.getSession(Cart);
    return "";
  });

  assertEquals((await site.visit()).headers.getSetCookie().length, 1);
});

Deno.test("SiteRequest.getSession() with a component answers the visitor's own one", async () => {
  class Cart {
    items = 0;
  }
  await using site = new WatchedSite((request) =>
    String(++request.getSession(Cart).items)
  );
  const first = await site.visit();

  const again = await site.visit("/", withCookieOf(first));
  const other = await site.visit();

  assertEquals(await again.text(), "2");
  assertEquals(await other.text(), "1");
});

// No cookie, no session, unless asked.

Deno.test("Site.fetch() makes no session and no cookie unless a resource asks", async () => {
  await using site = new WatchedSite(() => "text");

  const { headers } = await site.visit();

  assertEquals(headers.getSetCookie(), []);
  assertEquals(headers.get("cache-control"), null);
  assertEquals(site.sessions.size, 0);
});

Deno.test("Site.fetch() touches no session unless a resource asks", async () => {
  using time = new FakeTime();
  let asks = true;
  await using site = new WatchedSite((request) => {
    if (asks) request.getSession();
    return "";
  });
  const first = await site.visit();
  const [session] = site.sessions.values();
  const before = session!.lastModified;

  time.tick(10_000);
  asks = false;
  await site.visit("/", withCookieOf(first));

  assertEquals(session!.lastModified, before);
});

Deno.test("SiteRequest.session makes no session", async () => {
  await using site = new WatchedSite((request) => String(request.session));

  const response = await site.visit();

  assertEquals(await response.text(), "undefined");
  assertEquals(response.headers.getSetCookie(), []);
  assertEquals(site.sessions.size, 0);
});

Deno.test("SiteRequest.session finds the visitor's session", async () => {
  await using site = new WatchedSite((request) =>
    (request.session ?? request.getSession()).uid
  );
  const first = await site.visit();

  const second = await site.visit("/", withCookieOf(first));

  assertEquals(await second.text(), await first.text());
});

Deno.test("SiteRequest.session does not touch", async () => {
  using time = new FakeTime();
  await using site = new WatchedSite((request) =>
    (request.session ?? request.getSession()).uid
  );
  const first = await site.visit();
  const [session] = site.sessions.values();
  const before = session!.lastModified;

  time.tick(10_000);
  await site.visit("/", withCookieOf(first));

  assertEquals(session!.lastModified, before);
});

Deno.test("SiteRequest.session is the one that getSession() made", async () => {
  const sessions: unknown[] = [];
  await using site = new WatchedSite((request) => {
    sessions.push(request.getSession(), request.session);
    return "";
  });

  await site.visit();

  assertStrictEquals(sessions[0], sessions[1]);
});

Deno.test("SiteRequest.session is undefined once the session has ended", async () => {
  const sessions: unknown[] = [];
  await using site = new WatchedSite((request) => {
    request.getSession().expire();
    sessions.push(request.session);
    return "";
  });

  await site.visit();

  assertEquals(sessions, [undefined]);
});

Deno.test("SiteRequest.getSession() touches the session that it finds", async () => {
  using time = new FakeTime();
  await using site = new WatchedSite(sayUid);
  const first = await site.visit();
  const [session] = site.sessions.values();

  time.tick(10_000);
  await site.visit("/", withCookieOf(first));

  assertEquals(session!.lastModified, time.now / 1000);
});

Deno.test("SiteRequest.getSession() touches at the second call too", async () => {
  using time = new FakeTime();
  await using site = new WatchedSite((request) => {
    const session = request.getSession();
    time.tick(5_000);
    request.getSession();
    return String(session.lastModified * 1000 === time.now);
  });

  assertEquals(await (await site.visit()).text(), "true");
});

// A session that ends.

Deno.test("SiteRequest.getSession() makes a new session after expire() in the same request", async () => {
  const sessions: Session[] = [];
  await using site = new WatchedSite((request) => {
    const old = request.getSession();
    old.expire();
    sessions.push(old, request.getSession());
    return "";
  });

  await site.visit();

  assertNotStrictEquals(sessions[0], sessions[1]);
  assert(sessions[1]?.isActive);
});

Deno.test("SiteRequest.getSession() after expire() sets the cookie of the new session, once", async () => {
  let uid = "";
  await using site = new WatchedSite((request) => {
    request.getSession().expire();
    uid = request.getSession().uid;
    return "";
  });

  const cookies = (await site.visit()).headers.getSetCookie();

  assertEquals(cookies.length, 1);
  assertStringIncludes(cookies[0]!, `session=${uid}`);
});

Deno.test("SiteRequest.getSession() after expire() sets a cookie for a visitor who came with one", async () => {
  await using site = new WatchedSite((request) => {
    if (request.session === undefined) return request.getSession().uid;
    request.getSession().expire();
    return request.getSession().uid;
  });
  const first = await site.visit();

  const second = await site.visit("/", withCookieOf(first));

  assertStringIncludes(cookieOf(second), await second.text());
  assertEquals(second.headers.getSetCookie().length, 1);
});

Deno.test("SiteRequest.getSession() makes a new session where the old one ended idle while rendering", async () => {
  using time = new FakeTime();
  const sessions: Session[] = [];
  await using site = new WatchedSite((request) => {
    sessions.push(request.getSession());
    time.tick(901_000);
    sessions.push(request.getSession());
    return "";
  });

  const { headers } = await site.visit();

  assertFalse(sessions[0]!.isActive);
  assert(sessions[1]!.isActive);
  assertEquals(headers.getSetCookie().length, 1);
});

/** Begins a session at the first visit, and ends it at the second. */
function logout(request: SiteRequest): string {
  const session = request.getSession();
  if (!request.isNewSession) session.expire();
  return "bye";
}

/** The response to the second of two visits to a site. */
async function visitTwice(site: WatchedSite, url = "/"): Promise<Response> {
  return await site.visit(url, withCookieOf(await site.visit(url)));
}

Deno.test("Session.expire() in a request clears the visitor's cookie", async () => {
  await using site = new WatchedSite(logout);

  const [cookie] = (await visitTwice(site)).headers.getSetCookie();

  assertMatch(cookie!, /^session=; /);
  assertEquals(
    attributesOf(cookie),
    new Set([
      "HttpOnly",
      "SameSite=Lax",
      "Path=/",
      "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ]),
  );
});

Deno.test("Session.expire() in a request clears the prefixed cookie over https", async () => {
  await using site = new WatchedSite(logout);

  const [cookie] = (await visitTwice(site, HTTPS)).headers.getSetCookie();

  assertMatch(cookie!, /^__Host-session=; /);
  assert(attributesOf(cookie).has("Secure"));
});

Deno.test("Session.expire() in a request makes the response no-store", async () => {
  await using site = new WatchedSite(logout);

  const { headers } = await visitTwice(site);

  assertEquals(headers.get("cache-control"), "no-store");
});

Deno.test("Session.expire() in a request leaves the resource's Cache-Control if it is private", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("cache-control", "private");
    return logout(request);
  });

  const response = await visitTwice(site);

  assertEquals(response.headers.get("cache-control"), "private");
  assertEquals(cookieOf(response), "session=");
});

Deno.test("Session.expire() in a request clears the cookie on an error page too", async () => {
  await using site = new WatchedSite((request) => {
    logout(request);
    throw new Error("thrown");
  });

  const response = await visitTwice(site);

  assertEquals(response.status, 500);
  assertEquals(cookieOf(response), "session=");
});

for (const cookie of [undefined, "a=1", "sessio=x", "__Host-session=x"]) {
  Deno.test(`Session.expire() clears no cookie of a visitor who came with ${cookie ?? "none"}`, async () => {
    await using site = new WatchedSite((request) => {
      request.getSession().expire();
      return "";
    });

    const response = await site.visit("/", {
      headers: cookie === undefined ? {} : { cookie },
    });

    assertEquals(response.headers.getSetCookie(), []);
    assertEquals(site.sessions.size, 0);
  });
}

Deno.test("Session.expire() of a session found by request.session clears the cookie", async () => {
  await using site = new WatchedSite((request) => {
    if (request.session === undefined) request.getSession();
    else request.session.expire();
    return "";
  });
  const first = await site.visit();

  const second = await site.visit("/", withCookieOf(first));

  assertEquals(cookieOf(second), "session=");
});

Deno.test("Session.expire() makes the token worth nothing", async () => {
  await using site = new WatchedSite(sayUid);
  const first = await site.visit();
  const [session] = site.sessions.values();

  session!.expire();
  const second = await site.visit("/", withCookieOf(first));

  assertNotEquals(await second.text(), session!.uid);
  assertEquals(second.headers.getSetCookie().length, 1);
});

Deno.test("Session.expire() of another visitor leaves the cookie", async () => {
  await using site = new WatchedSite((request) => {
    request.getSession();
    for (const session of site.sessions.values()) {
      if (session !== request.session) session.expire();
    }
    return "";
  });
  await site.visit();

  const second = await site.visit();

  assertMatch(cookieOf(second), /^session=[0-9a-f]{64}$/);
});

// What a visitor may send.

const FORGED = "f".repeat(64);

for (
  const [what, header] of [
    ["an unknown token", `session=${FORGED}`],
    ["an empty cookie", "session="],
    ["an empty header", ""],
    ["a cookie without a value", "session"],
    ["a cookie without a name", "=x"],
    ["a cookie without a name, after a space", " =x; a=1"],
    ["nothing but an equals sign", "="],
    ["nothing but semicolons", ";;;"],
    ["nothing but spaces and a semicolon", " ; "],
    ["a semicolon at the end", `session=${FORGED};`],
    ["a pair without a name behind it", `session=${FORGED}; =x`],
    ["a token in quotes", `session="${FORGED}"`],
    ["a token in upper case", `session=${FORGED.toUpperCase()}`],
    ["a token that is too long", `session=${FORGED}f`],
    ["a token of 100 KB", `session=${"f".repeat(100_000)}`],
    ["ten thousand cookies", "session=x; ".repeat(10_000)],
    ["ten thousand pairs without a name", "=; ".repeat(10_000)],
    ["bytes beyond ASCII", "session=\u00e9\u00ff"],
    ["a name that objects have", "__proto__=x; constructor=y; session=z"],
  ] as [string, string][]
) {
  Deno.test(`SiteRequest.getSession() makes a new session for ${what}`, async () => {
    await using site = new WatchedSite(sayUid);

    const response = await visitWith(site, header);

    assertEquals(response.status, 200);
    assertEquals(site.errors, []);
    assertMatch(cookieOf(response), /^session=[0-9a-f]{64}$/);
    assertNotEquals(cookieOf(response), `session=${FORGED}`);
  });

  Deno.test(`SiteRequest.session is undefined for ${what}`, async () => {
    await using site = new WatchedSite((request) => String(request.session));

    const response = await visitWith(site, header);

    assertEquals(await response.text(), "undefined");
    assertEquals(response.headers.getSetCookie(), []);
  });
}

for (
  const [what, forge] of [
    ["the uid alone", (token) => token.slice(0, 32)],
    ["the uid twice", (token) => token.slice(0, 32).repeat(2)],
    [
      "the uid with another secret",
      (token) => token.slice(0, 32) + FORGED.slice(32),
    ],
    ["the secret alone", (token) => token.slice(32)],
    [
      "the secret before the uid",
      (token) => token.slice(32) + token.slice(0, 32),
    ],
    [
      "the token in upper case",
      (token) => token.toUpperCase(),
    ],
    ["the token less a digit", (token) => token.slice(0, -1)],
    ["the token and a digit more", (token) => `${token}0`],
    ["the token in quotes", (token) => `"${token}"`],
    [
      "the token with one digit changed",
      (token) => token.slice(0, -1) + (token.endsWith("0") ? "1" : "0"),
    ],
  ] as [string, (token: string) => string][]
) {
  Deno.test(`SiteRequest.getSession() is not opened by ${what}`, async () => {
    await using site = new WatchedSite(sayUid);
    const first = await site.visit();
    const token = cookieOf(first).slice("session=".length);

    const second = await visitWith(site, `session=${forge(token)}`);

    const uid = await second.text();
    assertEquals(second.status, 200);
    assertNotEquals(uid, await first.text());
    assertEquals(cookieOf(second).slice(0, 40), `session=${uid}`);
  });
}

Deno.test("SiteRequest.getSession() finds its cookie behind another of the name that opens nothing", async () => {
  await using site = new WatchedSite(sayUid);
  const first = await site.visit();

  const second = await visitWith(site, `session=${FORGED}; ${cookieOf(first)}`);

  assertEquals(await second.text(), await first.text());
});

Deno.test("SiteRequest.getSession() finds its cookie before another of the name that opens nothing", async () => {
  await using site = new WatchedSite(sayUid);
  const first = await site.visit();

  const second = await visitWith(site, `${cookieOf(first)}; session=${FORGED}`);

  assertEquals(await second.text(), await first.text());
  assertEquals(second.headers.getSetCookie(), []);
});

for (
  const [what, around] of [
    ["other cookies", (cookie) => `a=1; ${cookie}; b=2`],
    ["a semicolon at the end", (cookie) => `${cookie};`],
    ["a pair without a name", (cookie) => `=x; ${cookie}; =y`],
    ["no space between", (cookie) => `a=1;${cookie};b=2`],
    ["cookies in quotes", (cookie) => `a="1, 2"; ${cookie}`],
    ["cookies without a value", (cookie) => `a; ${cookie}; b`],
    ["the prefixed name", (cookie) => `${cookie}; __Host-session=${FORGED}`],
    [
      "a name that ends alike",
      (cookie) => `${cookie}; my-session=x; xsession=y`,
    ],
    ["a name in upper case", (cookie) => `${cookie}; SESSION=x`],
  ] as [string, (cookie: string) => string][]
) {
  Deno.test(`SiteRequest.getSession() finds its cookie among ${what}`, async () => {
    await using site = new WatchedSite(sayUid);
    const first = await site.visit();

    const second = await visitWith(site, around(cookieOf(first)));

    assertEquals(await second.text(), await first.text());
  });
}

/** The bytes that a header can hold and that are no part of its grammar. */
const OTHER_BYTES = Array.from({ length: 0xff }, (_, i) => i + 1)
  .map((code) => String.fromCharCode(code))
  .filter((byte) => !"\r\n\t =;".includes(byte));

for (
  const [where, put] of [
    ["before its name", (byte, cookie) => byte + cookie],
    ["behind its name", (byte, cookie) => cookie.replace("=", `${byte}=`)],
  ] as [string, (byte: string, cookie: string) => string][]
) {
  Deno.test(`SiteRequest.getSession() is opened by no cookie with another byte ${where}`, async () => {
    await using site = new WatchedSite(sayUid);
    const own = await site.visit(HTTPS);
    const planted = cookieOf(await site.visit(HTTPS));
    const uid = await own.text();

    const opened = [];
    for (const byte of OTHER_BYTES) {
      const cookie = `${cookieOf(own)}; ${put(byte, planted)}`;
      const seen = await site.visit(HTTPS, { headers: { cookie } });
      if (await seen.text() !== uid) opened.push(byte);
    }

    assertEquals(opened, []);
  });

  Deno.test(`SiteRequest.getCookie() reads no cookie with another byte ${where}`, async () => {
    const found = [];
    for (const byte of OTHER_BYTES) {
      const headers = { cookie: `b=1; ${put(byte, "a=2")}` };
      const request = new Request("http://localhost/", { headers });
      const value = await look((seen) => seen.getCookie("a"), request);
      if (value !== undefined) found.push(byte);
    }

    assertEquals(found, []);
  });

  for (const space of [" ", "\t"]) {
    Deno.test(`SiteRequest.getSession() finds its cookie with ${JSON.stringify(space)} ${where}`, async () => {
      await using site = new WatchedSite(sayUid);
      const first = await site.visit();

      const second = await visitWith(
        site,
        `a=1; ${put(space, cookieOf(first))}`,
      );

      assertEquals(await second.text(), await first.text());
    });
  }
}

Deno.test("SiteRequest.getSession() does not adopt the uid of a session that has expired", async () => {
  using time = new FakeTime();
  await using site = new WatchedSite(sayUid);
  const first = await site.visit();

  time.tick(900_000);
  const second = await site.visit("/", withCookieOf(first));

  assertNotEquals(await second.text(), await first.text());
  assertEquals(second.headers.getSetCookie().length, 1);
});

Deno.test("SiteRequest.getSession() of one site is not opened by the cookie of another", async () => {
  await using other = new WatchedSite(sayUid);
  await using site = new WatchedSite(sayUid);
  const first = await other.visit();

  const second = await site.visit("/", withCookieOf(first));

  assertNotEquals(await second.text(), await first.text());
});

// http and https.

Deno.test("SiteRequest.getSession() finds the prefixed cookie over https", async () => {
  await using site = new WatchedSite(sayUid);
  const first = await site.visit(HTTPS);

  const second = await site.visit(HTTPS, withCookieOf(first));

  assertEquals(await second.text(), await first.text());
});

Deno.test("SiteRequest.getSession() does not read the plain cookie over https", async () => {
  await using site = new WatchedSite(sayUid);
  const first = await site.visit();

  const second = await site.visit(HTTPS, withCookieOf(first));

  assertNotEquals(await second.text(), await first.text());
});

Deno.test("SiteRequest.getSession() does not read the prefixed cookie over http", async () => {
  await using site = new WatchedSite(sayUid);
  const first = await site.visit(HTTPS);

  const second = await site.visit("/", withCookieOf(first));

  assertNotEquals(await second.text(), await first.text());
});

Deno.test("SiteRequest.getSession() reads the prefixed cookie where both come over https", async () => {
  await using site = new WatchedSite(sayUid);
  const plain = await site.visit();
  const first = await site.visit(HTTPS);

  const second = await site.visit(HTTPS, {
    headers: { cookie: `${cookieOf(first)}; ${cookieOf(plain)}` },
  });

  assertEquals(await second.text(), await first.text());
});

Deno.test("SiteOptions.trustProxy has the cookie of a visitor behind https prefixed", async () => {
  await using site = new WatchedSite(sayUid, { trustProxy: true });

  const response = await site.visit("/", {
    headers: { "x-forwarded-proto": "https" },
  });

  assertMatch(response.headers.getSetCookie()[0]!, /^__Host-session=.*Secure/);
});

Deno.test("SiteOptions.trustProxy has the visitor behind https found again", async () => {
  await using site = new WatchedSite(sayUid, { trustProxy: true });
  const headers = { "x-forwarded-proto": "https" };
  const first = await site.visit("/", { headers });

  const second = await site.visit("/", {
    headers: { ...headers, cookie: cookieOf(first) },
  });

  assertEquals(await second.text(), await first.text());
});

// cookieName.

Deno.test("SiteOptions.cookieName names the cookie", async () => {
  await using site = new WatchedSite(sayUid, { cookieName: "visit" });

  assertMatch(cookieOf(await site.visit()), /^visit=/);
});

Deno.test("SiteOptions.cookieName is prefixed over https", async () => {
  await using site = new WatchedSite(sayUid, { cookieName: "visit" });

  assertMatch(cookieOf(await site.visit(HTTPS)), /^__Host-visit=/);
});

Deno.test("SiteOptions.cookieName finds the visitor", async () => {
  await using site = new WatchedSite(sayUid, { cookieName: "visit" });
  const first = await site.visit();

  const second = await site.visit("/", withCookieOf(first));

  assertEquals(await second.text(), await first.text());
});

Deno.test("SiteOptions.cookieName is the name that is cleared", async () => {
  await using site = new WatchedSite(logout, { cookieName: "visit" });

  assertEquals(cookieOf(await visitTwice(site)), "visit=");
});

Deno.test("SiteOptions.cookieName keeps two sites on one host apart", async () => {
  await using a = new WatchedSite(sayUid, { cookieName: "a" });
  await using b = new WatchedSite(sayUid, { cookieName: "b" });
  const firstA = await a.visit();
  const firstB = await b.visit();

  const cookie = `${cookieOf(firstA)}; ${cookieOf(firstB)}`;

  assertEquals(
    [
      await (await visitWith(a, cookie)).text(),
      await (await visitWith(b, cookie)).text(),
    ],
    [await firstA.text(), await firstB.text()],
  );
});

for (const cookieName of ["__proto__", "constructor", "toString"]) {
  Deno.test(`SiteOptions.cookieName may be ${cookieName}`, async () => {
    await using site = new WatchedSite(sayUid, { cookieName });
    const first = await site.visit();

    const second = await site.visit("/", withCookieOf(first));
    const third = await visitWith(site, "=x");

    assertEquals(await second.text(), await first.text());
    assertEquals(third.status, 200);
  });
}

for (
  const cookieName of [
    "",
    " ",
    "a b",
    "a=b",
    "a;b",
    "a,b",
    "a\r\nb",
    '"a"',
    "\u00e9",
    "__Host-a",
    "__host-a",
    "__Secure-a",
  ]
) {
  Deno.test(`SiteOptions.cookieName refuses ${JSON.stringify(cookieName)}`, () => {
    assertThrows(() => new Site(new Resource(), { cookieName }), SyntaxError);
  });
}

for (const cookieName of [1, true, {}, ["a"]]) {
  Deno.test(`SiteOptions.cookieName refuses ${JSON.stringify(cookieName)}, which is no string`, () => {
    assertThrows(
      () => new Site(new Resource(), { cookieName: cookieName as string }),
      TypeError,
    );
  });
}

// Requests at the same time.

Deno.test("SiteRequest.getSession() answers one session to requests at the same time", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isWaiting = false;
  await using site = new WatchedSite(async (request) => {
    const session = request.getSession();
    if (isWaiting) await promise;
    return session.uid;
  });
  const first = await site.visit();
  isWaiting = true;

  const answers = [1, 2, 3].map(() => site.visit("/", withCookieOf(first)));
  resolve();
  const texts = await Promise.all(
    answers.map(async (answer) => (await answer).text()),
  );

  assertEquals(new Set(texts), new Set([await first.text()]));
  assertEquals(site.sessions.size, 1);
});

Deno.test("SiteRequest.getSession() makes a session each for first requests at the same time", async () => {
  await using site = new WatchedSite(async (request) => {
    await undefined;
    return request.getSession().uid;
  });

  await Promise.all([site.visit(), site.visit()]);

  assertEquals(site.sessions.size, 2);
});

Deno.test("Session.expire() in one request has another at the same time leave the cookie", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using site = new WatchedSite(async (request) => {
    const session = request.getSession();
    if (request.method === "PUT") await promise;
    if (request.method === "DELETE") session.expire();
    return "";
  });
  const init = withCookieOf(await site.visit());
  const slow = site.visit("/", { ...init, method: "PUT" });

  const own = await site.visit("/", { ...init, method: "DELETE" });
  resolve();

  assertEquals(cookieOf(own), "session=");
  assertEquals((await slow).headers.getSetCookie(), []);
});

Deno.test("SiteRequest.getSession() in a slow request makes a transient session where another request has ended the old one", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const transient: Session[] = [];
  await using site = new WatchedSite(async (request) => {
    const session = request.getSession();
    if (request.method === "DELETE") session.expire();
    if (request.method !== "PUT") return session.uid;
    await promise;
    transient.push(request.getSession());
    return transient[0]!.uid;
  });
  const first = await site.visit();
  const init = withCookieOf(first);
  const slow = site.visit("/", { ...init, method: "PUT" });

  await site.visit("/", { ...init, method: "DELETE" });
  resolve();
  const response = await slow;

  assertNotEquals(await response.text(), await first.text());
  assertEquals(response.headers.getSetCookie(), []);
  assertEquals(site.sessions.size, 0);
  assertEquals(transient.map(({ end }) => end?.reason), ["evicted"]);
});

// Cookies of the resource's own.

Deno.test("SiteRequest.addCookie() sets a cookie", async () => {
  await using site = new WatchedSite((request) => {
    request.addCookie({ name: "a", value: "1" });
    return "";
  });

  assertEquals((await site.visit()).headers.getSetCookie(), ["a=1"]);
});

Deno.test("SiteRequest.addCookie() sets the attributes", async () => {
  await using site = new WatchedSite((request) => {
    request.addCookie({
      name: "a",
      value: "1",
      maxAge: 60,
      path: "/p",
      domain: "example.com",
      secure: true,
      httpOnly: true,
      sameSite: "Strict",
    });
    return "";
  });

  const [cookie] = (await site.visit()).headers.getSetCookie();

  assertEquals(
    attributesOf(cookie),
    new Set([
      "Max-Age=60",
      "Path=/p",
      "Domain=example.com",
      "Secure",
      "HttpOnly",
      "SameSite=Strict",
    ]),
  );
});

Deno.test("SiteRequest.addCookie() sets several cookies in their order", async () => {
  await using site = new WatchedSite((request) => {
    request.addCookie({ name: "a", value: "1" });
    request.addCookie({ name: "b", value: "2" });
    request.addCookie({ name: "a", value: "3" });
    return "";
  });

  assertEquals(
    (await site.visit()).headers.getSetCookie(),
    ["a=1", "b=2", "a=3"],
  );
});

Deno.test("SiteRequest.addCookie() leaves Cache-Control alone", async () => {
  await using site = new WatchedSite((request) => {
    request.addCookie({ name: "a", value: "1" });
    return "";
  });

  assertEquals((await site.visit()).headers.get("cache-control"), null);
});

Deno.test("SiteRequest.addCookie() does not change what it is given", async () => {
  const cookie = { name: "__Host-a", value: "1", domain: "example.com" };
  await using site = new WatchedSite((request) => {
    request.addCookie(cookie);
    return "";
  });

  await site.visit();

  assertEquals(cookie, {
    name: "__Host-a",
    value: "1",
    domain: "example.com",
  });
});

for (
  const cookie of [
    { name: "a b", value: "1" },
    { name: "a=b", value: "1" },
    { name: "a", value: "1; Domain=example.com" },
    { name: "a", value: "1\r\nx-a: 1" },
    { name: "a", value: "\u20ac" },
    { name: "a", value: "1", path: "/; Secure" },
  ]
) {
  Deno.test(`SiteRequest.addCookie() refuses ${JSON.stringify(cookie)}`, async () => {
    await using site = new WatchedSite((request) => {
      assertThrows(() => request.addCookie(cookie), SyntaxError);
      return "caught";
    });

    const response = await site.visit();

    assertEquals(await response.text(), "caught");
    assertEquals(response.headers.getSetCookie(), []);
  });
}

Deno.test("SiteRequest.addCookie() refuses a cookie without a name", async () => {
  await using site = new WatchedSite((request) => {
    assertThrows(
      () => request.addCookie({ name: "", value: "1" }),
      SyntaxError,
    );
    return "caught";
  });

  assertEquals(await (await site.visit()).text(), "caught");
});

Deno.test("SiteRequest.getCookie() answers a cookie of the request", async () => {
  await using site = new WatchedSite((request) => request.getCookie("a")!);

  assertEquals(await (await visitWith(site, "a=1; b=2")).text(), "1");
});

Deno.test("SiteRequest.getCookie() is undefined for a cookie that did not come", async () => {
  await using site = new WatchedSite((request) =>
    String(request.getCookie("a"))
  );

  assertEquals(await (await visitWith(site, "b=2")).text(), "undefined");
});

Deno.test("SiteRequest.getCookie() is undefined without a Cookie header", async () => {
  await using site = new WatchedSite((request) =>
    String(request.getCookie("a"))
  );

  assertEquals(await (await site.visit()).text(), "undefined");
});

Deno.test("SiteRequest.getCookie() answers the last of duplicates", async () => {
  await using site = new WatchedSite((request) => request.getCookie("a")!);

  assertEquals(await (await visitWith(site, "a=1; a=2")).text(), "2");
});

Deno.test("SiteRequest.getCookie() keeps equals signs in a value", async () => {
  await using site = new WatchedSite((request) => request.getCookie("a")!);

  assertEquals(await (await visitWith(site, "a=b=c==")).text(), "b=c==");
});

Deno.test("SiteRequest.getCookie() answers the others where a pair has no name", async () => {
  await using site = new WatchedSite((request) => request.getCookie("a")!);

  assertEquals(await (await visitWith(site, "=x; a=1; =")).text(), "1");
});

for (const header of ["", "=x", ";", "a=1"]) {
  Deno.test(`SiteRequest.getCookie() finds no cookie in what objects have by nature, from ${JSON.stringify(header)}`, async () => {
    await using site = new WatchedSite((request) =>
      String(request.getCookie("constructor"))
    );

    assertEquals(await (await visitWith(site, header)).text(), "undefined");
  });
}
