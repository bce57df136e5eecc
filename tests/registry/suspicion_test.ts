import {
  assert,
  assertEquals,
  assertFalse,
  assertNotEquals,
  assertStrictEquals,
} from "@std/assert";
import type { SiteOptions, SiteRequest, SuspiciousSession } from "../../mod.ts";
import {
  cookieOf,
  cookiesOf,
  Errors,
  ManualClock,
  onlySession,
  requestWith,
  settle,
  siteOf,
  visit,
  watchEnds,
} from "../helpers_session.ts";

const HTTPS = "https://localhost/";

/** A site that keeps what it is told of suspicious tokens. */
function watched(options: SiteOptions = {}) {
  const seen: SuspiciousSession[] = [];
  const clock = new ManualClock();
  const site = siteOf({
    clock,
    onSuspiciousSession: (suspicion) => seen.push(suspicion),
    ...options,
  });
  const get = (cookie?: string, url?: string, headers: HeadersInit = {}) => {
    const request = requestWith(cookie, url);
    for (const [name, value] of new Headers(headers)) {
      request.headers.set(name, value);
    }
    return site.fetch(request) as Response;
  };
  return { site, clock, seen, get, [Symbol.dispose]: () => site.close() };
}

/** The same uid with another secret, of hex digits too. */
function forge(cookie: string): string {
  return cookie.slice(0, -32) + "0".repeat(32);
}

/** The token of a session made over https, in the cookie that http has. */
function leak(cookie: string): string {
  return cookie.replace("__Host-", "");
}

// A wrong secret.

Deno.test("SiteOptions.onSuspiciousSession is told of a wrong secret, its session and request", () => {
  using it = watched();
  const cookie = cookieOf(visit(it.site));
  const session = onlySession(it.site);

  it.get(forge(cookie), "http://localhost/forged");

  assertEquals(it.seen.map(({ kind }) => kind), ["wrong-secret"]);
  assertStrictEquals(it.seen[0]!.session, session);
  assertEquals(it.seen[0]!.request.url.pathname, "/forged");
});

Deno.test("SiteRequest.getSession() opens nothing with a wrong secret", async () => {
  using it = watched();
  const cookie = cookieOf(visit(it.site));
  const { uid } = onlySession(it.site);

  const response = it.get(forge(cookie));

  assertNotEquals(await response.text(), uid);
});

Deno.test("SiteRequest.getSession() with a wrong secret leaves the session as it is", () => {
  using it = watched();
  const cookie = cookieOf(visit(it.site));
  const session = onlySession(it.site);
  const { expiresAt, lastModified } = session;
  it.clock.advance(1000);

  it.get(forge(cookie));

  assert(session.isActive);
  assertEquals([session.expiresAt, session.lastModified], [
    expiresAt,
    lastModified,
  ]);
});

Deno.test("SiteOptions.onSuspiciousSession is told once however often a request asks", () => {
  const seen: SuspiciousSession[] = [];
  using site = siteOf(
    { onSuspiciousSession: (suspicion) => seen.push(suspicion) },
    (request) => {
      request.session;
      request.getSession();
      return request.getSession().uid;
    },
  );
  const cookie = cookieOf(visit(site));

  visit(site, forge(cookie));

  assertEquals(seen.length, 1);
});

Deno.test("SiteOptions.onSuspiciousSession is told nothing unless a resource asks", () => {
  const seen: SuspiciousSession[] = [];
  let act = (request: SiteRequest) => request.getSession().uid;
  using site = siteOf(
    { onSuspiciousSession: (suspicion) => seen.push(suspicion) },
    (request) => act(request),
  );
  const cookie = cookieOf(visit(site));

  act = () => "";
  visit(site, forge(cookie));

  assertEquals(seen, []);
});

for (
  const [what, change] of [
    ["the right token", (cookie) => cookie],
    ["the uid alone", (cookie) => cookie.slice(0, -32)],
    ["one digit less", (cookie) => cookie.slice(0, -1)],
    ["one digit more", (cookie) => cookie + "0"],
    ["a megabyte behind it", (cookie) => cookie + "0".repeat(2 ** 20)],
    ["an unknown uid", () => "session=" + "0".repeat(64)],
    ["the uid in capitals", () => "session=" + "A".repeat(64)],
    [
      "a secret that cannot be printed",
      (cookie) => cookie.slice(0, -32) + "\x7f".repeat(32),
    ],
    [
      "a secret beyond ASCII",
      (cookie) => cookie.slice(0, -32) + "\xff".repeat(32),
    ],
    ["an empty one", () => "session="],
  ] as [string, (cookie: string) => string][]
) {
  Deno.test(`SiteOptions.onSuspiciousSession is not told of ${what}`, () => {
    using it = watched();
    const cookie = cookieOf(visit(it.site));

    it.get(change(cookie));

    assertEquals(it.seen, []);
  });
}

// An old token.

Deno.test("SiteOptions.onSuspiciousSession is told of an old token after the grace", () => {
  using it = watched();
  const cookie = cookieOf(visit(it.site));
  const session = onlySession(it.site);
  session.renew();
  it.get(cookieOf(it.get(cookie)));
  it.clock.advance(10_000);

  it.get(cookie);

  assertEquals(it.seen.map(({ kind }) => kind), ["outdated-token"]);
  assertStrictEquals(it.seen[0]!.session, session);
});

Deno.test("SiteOptions.onSuspiciousSession is not told of an old token within the grace", () => {
  using it = watched();
  const cookie = cookieOf(visit(it.site));
  onlySession(it.site).renew();
  it.get(cookieOf(it.get(cookie)));
  it.clock.advance(9999);

  it.get(cookie);

  assertEquals(it.seen, []);
});

Deno.test("SiteOptions.onSuspiciousSession is not told of an old token while no request has come with the new one", () => {
  using it = watched();
  const cookie = cookieOf(visit(it.site));
  onlySession(it.site).renew();
  it.get(cookie);
  it.clock.advance(800_000);

  it.get(cookie);

  assertEquals(it.seen, []);
});

for (const [ms, kinds] of [[9999, []], [10_000, ["outdated-token"]]] as const) {
  Deno.test(`SiteOptions.onSuspiciousSession is told ${kinds.length} times of a token ${ms} ms after a login has superseded it`, () => {
    let logsIn = false;
    const clock = new ManualClock();
    const seen: string[] = [];
    using site = siteOf(
      { clock, onSuspiciousSession: ({ kind }) => seen.push(kind) },
      (request) => {
        if (logsIn) request.logIn("alice");
        return request.getSession().uid;
      },
    );
    const cookie = cookieOf(visit(site));
    logsIn = true;
    visit(site, cookie);
    logsIn = false;
    clock.advance(ms);

    visit(site, cookie);

    assertEquals(seen, [...kinds]);
  });
}

Deno.test("SiteOptions.onSuspiciousSession can end the session", () => {
  using it = watched({
    onSuspiciousSession: ({ session }) => session.expire("revoked"),
  });
  const ends = watchEnds(it.site);
  const cookie = cookieOf(visit(it.site));

  const response = it.get(forge(cookie));

  assertEquals(ends.map(({ reason }) => reason), ["revoked"]);
  assertEquals(response.status, 200);
});

// A token that everybody on the way could read.

Deno.test("SiteOptions.onSuspiciousSession is told of a token of https that comes over http", () => {
  using it = watched();
  const cookie = cookieOf(it.get(undefined, HTTPS));
  const session = onlySession(it.site);

  it.get(leak(cookie));

  assertEquals(it.seen.map(({ kind }) => kind), ["insecure-transport"]);
  assertStrictEquals(it.seen[0]!.session, session);
});

Deno.test("SiteOptions.onSuspiciousSession is told of the cookie of https that comes over http", () => {
  using it = watched();
  const cookie = cookieOf(it.get(undefined, HTTPS));

  it.get(cookie);

  assertEquals(it.seen.map(({ kind }) => kind), ["insecure-transport"]);
});

Deno.test("SiteRequest.getSession() opens nothing over http that was made over https", async () => {
  using it = watched();
  const first = it.get(undefined, HTTPS);

  const second = it.get(leak(cookieOf(first)));

  assertNotEquals(await second.text(), await first.text());
});

Deno.test("SiteRequest.getSession() does not touch over http what was made over https", () => {
  using it = watched();
  const cookie = cookieOf(it.get(undefined, HTTPS));
  const session = onlySession(it.site);
  const { lastModified } = session;
  it.clock.advance(1000);

  it.get(leak(cookie));

  assertEquals(session.lastModified, lastModified);
});

Deno.test("SiteOptions.endsInsecureSessions is off: the session stays", () => {
  using it = watched();
  const cookie = cookieOf(it.get(undefined, HTTPS));
  const session = onlySession(it.site);

  it.get(leak(cookie));

  assert(session.isActive);
});

Deno.test("SiteOptions.endsInsecureSessions ends the session, revoked", () => {
  using it = watched({ endsInsecureSessions: true });
  const cookie = cookieOf(it.get(undefined, HTTPS));
  const session = onlySession(it.site);

  it.get(leak(cookie));

  assertEquals(session.end?.reason, "revoked");
  assertEquals(it.seen.length, 1);
});

Deno.test("SiteOptions.endsInsecureSessions ends the session of the cookie of https too", () => {
  using it = watched({ endsInsecureSessions: true });
  const cookie = cookieOf(it.get(undefined, HTTPS));
  const session = onlySession(it.site);

  it.get(cookie);

  assertFalse(session.isActive);
});

Deno.test("SiteOptions.endsInsecureSessions ends nothing for a wrong secret", () => {
  using it = watched({ endsInsecureSessions: true });
  const cookie = cookieOf(it.get(undefined, HTTPS));
  const session = onlySession(it.site);

  it.get(forge(leak(cookie)));

  assert(session.isActive);
  assertEquals(it.seen.map(({ kind }) => kind), ["wrong-secret"]);
});

Deno.test("SiteOptions.endsInsecureSessions ends no session that was made over http", () => {
  using it = watched({ endsInsecureSessions: true });
  const cookie = cookieOf(it.get());

  it.get(cookie);

  assert(onlySession(it.site).isActive);
  assertEquals(it.seen, []);
});

Deno.test("SiteRequest.getSession() opens over https what was made there", async () => {
  using it = watched();
  const first = it.get(undefined, HTTPS);

  const second = it.get(cookieOf(first), HTTPS);

  assertEquals(await second.text(), await first.text());
  assertEquals(it.seen, []);
});

Deno.test("SiteRequest.getSession() believes a trusted proxy that the token came over https", async () => {
  using it = watched({ trustProxy: true });
  const proto = { "x-forwarded-proto": "https" };
  const first = it.get(undefined, undefined, proto);

  const second = it.get(cookieOf(first), undefined, proto);

  assertEquals(await second.text(), await first.text());
  assertEquals(it.seen, []);
});

Deno.test("SiteOptions.onSuspiciousSession is told of a token that came to a trusted proxy over http", () => {
  using it = watched({ trustProxy: true });
  const first = it.get(undefined, undefined, { "x-forwarded-proto": "https" });

  it.get(leak(cookieOf(first)), undefined, { "x-forwarded-proto": "http" });

  assertEquals(it.seen.map(({ kind }) => kind), ["insecure-transport"]);
});

// What it throws.

for (
  const [what, onSuspiciousSession] of [
    ["throws", () => {
      throw new Error("suspicious");
    }],
    ["rejects", () => Promise.reject(new Error("suspicious"))],
  ] as [string, () => unknown][]
) {
  Deno.test(`SiteOptions.onSuspiciousSession that ${what} is reported`, async () => {
    const errors = new Errors();
    using it = watched({ onSuspiciousSession, onError: errors.onError });
    const cookie = cookieOf(it.get());
    const session = onlySession(it.site);

    const response = it.get(forge(cookie));
    await settle();

    assertEquals(response.status, 200);
    assertEquals(cookiesOf(response).length, 1);
    assertEquals(errors.all.map(String), ["Error: suspicious"]);
    assertEquals(errors.sessions, [session]);
  });
}

Deno.test("Site.fetch() minds no suspicious token where nobody is to be told", () => {
  using site = siteOf();
  const cookie = cookieOf(visit(site));

  const response = visit(site, forge(cookie));

  assertEquals(response.status, 200);
});
