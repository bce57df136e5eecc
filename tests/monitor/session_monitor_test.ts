import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotStrictEquals,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { MONITOR_SCRIPT } from "../../monitor/script.ts";
import { MAX_VIEWERS } from "../../monitor/viewers.ts";
import { SessionListing } from "../../monitor/session_listing.ts";
import {
  Guard,
  Resource,
  type Session,
  SessionGuard,
  Site,
  type SiteOptions,
} from "../../mod.ts";
import { SessionMonitor } from "../../monitor/mod.ts";
import { Page } from "../helpers_http.ts";
import {
  cookieOf,
  ManualClock,
  requestWith,
  settle,
  siteOf,
} from "../helpers_session.ts";

const PAGE = "http://localhost/monitor";

/** A site with its monitor, and a clock that stands still. */
class Watched implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly errors: unknown[] = [];
  readonly site: Site;

  constructor(options: SiteOptions = {}) {
    const root = new Resource();
    this.site = new Site(root, {
      clock: this.clock,
      onError: (error) => void this.errors.push(error),
      ...options,
    });
    root.putChild("monitor", new SessionMonitor(this.site));
    root.putChild("page", new Page((request) => request.getSession().uid));
  }

  async fetch(query = "", init?: RequestInit): Promise<Response> {
    return await this.site.fetch(new Request(PAGE + query, init));
  }

  async see(query = ""): Promise<string> {
    const response = await this.fetch(query);
    assertEquals(response.status, 200);
    return await response.text();
  }

  /** Posts the form of the page. */
  async post(
    fields: Record<string, string>,
    headers: HeadersInit = {},
    query = "",
  ): Promise<Response> {
    const body = new URLSearchParams(fields);
    return await this.fetch(query, { method: "POST", body, headers });
  }

  /** The token of the page's form. */
  async token(): Promise<string> {
    return tokenIn(await this.see());
  }

  /** The session of a new visitor who has asked so often for a page. */
  async visitor(times: number): Promise<Session> {
    const ask = (cookie?: string) =>
      this.site.fetch(requestWith(cookie, "http://localhost/page"));
    const first = await ask();
    for (let i = 1; i < times; i++) await ask(cookieOf(first));
    return this.site.getSession(await first.text())!;
  }

  async events(query = ""): Promise<Events> {
    const response = await this.fetch(`/events${query}`);
    assertEquals(response.status, 200);
    return new Events(response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site.close();
    assertEquals(this.errors, []);
  }
}

/** What the page is told. */
interface Message {
  boot: string;
  now: number;
  parts: Record<string, string>;
  ended: [uid: string, reason: string][];
  announcement: string;
}

/** The messages of a stream of events. */
class Events implements AsyncDisposable {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(response: Response) {
    this.response = response;
    this.#reader = response.body!.getReader();
  }

  /** The next message; undefined at the end of the stream. */
  async next(): Promise<Message | undefined> {
    const { value } = await this.#reader.read();
    if (value === undefined) return undefined;
    const text = new TextDecoder().decode(value);
    assertMatch(text, /^data: .*\n\n$/);
    return JSON.parse(text.slice("data: ".length));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}

function tokenIn(page: string): string {
  const [, token] = /name="token" value="([\da-f]{96})"/.exec(page) ?? [];
  assert(token !== undefined, "no token");
  return token;
}

/** The uids of the rows of a page, in their order. */
function uidsIn(page: string): string[] {
  return [...page.matchAll(/<tr data-uid="(\w+)"/g)].map(([, uid]) => uid!);
}

function uidsOf(sessions: readonly Session[]): string[] {
  return sessions.map(({ uid }) => uid);
}

// The page.

Deno.test("SessionMonitor shows the live sessions, the newest first", async () => {
  await using watched = new Watched();
  const sessions = [1, 2, 3].map(() => watched.site.makeSession());
  assertEquals(uidsIn(await watched.see()), uidsOf(sessions.reverse()));
});

Deno.test("SessionMonitor says that there is none", async () => {
  await using watched = new Watched();
  assertStringIncludes(await watched.see(), "No sessions yet: they appear");
  watched.site.makeSession().expire();
  assertStringIncludes(await watched.see(), "There is no session.");
});

Deno.test("SessionMonitor says in a sentence that there is nothing to draw", async () => {
  await using watched = new Watched({ sessionTimeout: 1 });
  const { clock, site } = watched;
  const empty = await watched.see();
  assertStringIncludes(empty, "No session has started or ended in the last");
  assertStringIncludes(empty, "No session has reached its deadline yet.");
  assertFalse(empty.includes("<svg"));

  site.makeSession();
  clock.advance(1000);

  const page = await watched.see();
  assertStringIncludes(page, '<svg class="minutes"');
  assertStringIncludes(page, '<table class="spread"');
});

Deno.test("SessionMonitor calls a session without a principal anonymous", async () => {
  await using watched = new Watched();
  const { uid } = watched.site.makeSession();
  assertStringIncludes(await watched.see(), "<i>anonymous</i>");
  assertStringIncludes(await watched.see(`?end=${uid}`), "<i>anonymous</i>");
});

Deno.test("SessionMonitor shows the uid shortened, the principal, the age, the requests and the time left", async () => {
  await using watched = new Watched();
  const session = await watched.visitor(3);
  session.principal = "ada";
  watched.clock.advance(60_000);
  const text = (await watched.see()).replaceAll(/<[^>]+>/g, "|");
  assertMatch(
    text,
    new RegExp(
      `\\|${session.uid.slice(0, 8)}\\|.*\\|ada\\|+1 min\\|+3\\|+14 min\\|`,
    ),
  );
});

Deno.test("SessionMonitor shows a bar of what is left since the last touch", async () => {
  await using watched = new Watched({ sessionTimeout: 100 });
  const session = watched.site.makeSession();
  watched.clock.advance(50_000);
  session.touch();
  watched.clock.advance(40_000);
  assertStringIncludes(await watched.see(), '<rect width="60" height="4"');
});

Deno.test("SessionMonitor shows sessions that never end", async () => {
  await using watched = new Watched({ sessionTimeout: Infinity });
  watched.site.makeSession();
  const page = await watched.see();
  assertStringIncludes(page, ">never<");
  assertStringIncludes(page, '<rect width="100"');
});

Deno.test("SessionMonitor shows no token", async () => {
  await using watched = new Watched();
  const visit = requestWith(undefined, "http://localhost/page");
  const cookie = cookieOf(await watched.site.fetch(visit));
  const [, token = ""] = cookie.split("=");
  assertFalse((await watched.see()).includes(token.slice(32)));
});

Deno.test("SessionMonitor escapes a principal", async () => {
  await using watched = new Watched();
  const session = watched.site.makeSession();
  session.principal = `<script>"&'`;
  session.expire();
  watched.site.makeSession().principal = `<script>"&'`;
  const page = await watched.see();
  assertFalse(page.includes(`<script>"`));
  // Each is the text and the title of a link.
  assertEquals(page.split("&lt;script&gt;&quot;&amp;&#39;").length, 5);
});

Deno.test("SessionMonitor escapes what was searched for", async () => {
  await using watched = new Watched();
  const page = await watched.see(`?q=${encodeURIComponent('"><b>')}`);
  assertStringIncludes(page, 'value="&quot;&gt;&lt;b&gt;"');
});

Deno.test("SessionMonitor shows the ends, why and how late, the last first", async () => {
  await using watched = new Watched({ sessionTimeout: 10 });
  const { clock, site } = watched;
  const idle = site.makeSession();
  const loggedOut = site.makeSession();
  clock.advance(4000);
  loggedOut.expire();
  clock.jump(6025);
  clock.advance();
  const text = (await watched.see()).replaceAll(/<[^>]+>/g, "|");
  const [one, other] = [idle, loggedOut].map(({ uid }) => uid.slice(0, 8));
  assertMatch(
    text,
    new RegExp(
      `${one}\\|+idle\\|+10 s\\|+25 ms\\|+0 s\\|+\\n\\|+${other}\\|+logout\\|+4 s\\|+–`,
    ),
  );
});

Deno.test("SessionMonitor counts what was made and has ended, by reason and minute", async () => {
  await using watched = new Watched({ sessionTimeout: 3600 });
  const { clock, site } = watched;
  site.makeSession().expire("revoked");
  clock.advance(61_000);
  site.makeSession();
  const page = await watched.see();
  assertStringIncludes(page, "2 started, 1 in a minute at most; 1 ended");
  assertStringIncludes(page, "<title>1 min ago: 1 started, 1 revoked</title>");
  assertStringIncludes(page, "<title>this minute: 1 started</title>");
  assertEquals(page.match(/<rect class="made"/g)?.length, 2);
  assertEquals(page.match(/<rect class="revoked"/g)?.length, 1);
});

Deno.test("SessionMonitor draws starts and ends each to a scale of their own", async () => {
  await using watched = new Watched();
  const { site } = watched;
  for (let i = 0; i < 170; i++) site.makeSession();
  for (const session of [...site.sessions.values()].slice(0, 3)) {
    session.expire();
  }
  const page = await watched.see();
  assertStringIncludes(
    page,
    "<span>200</span><span>0</span><span>5</span>",
  );
  const heights = [...page.matchAll(/class="(made|logout)".*?height="(\S+)"/g)]
    .map(([, kind, height]) => [kind, Number(height)]);
  assertEquals(heights, [["made", 49.3], ["logout", 34.8]]);
});

Deno.test("SessionMonitor forgets what was an hour ago", async () => {
  await using watched = new Watched({ sessionTimeout: Infinity });
  watched.site.makeSession();
  watched.clock.advance(3_600_000);
  assertStringIncludes(
    await watched.see(),
    "No session has started or ended in the last hour.",
  );
});

Deno.test("SessionMonitor orders by age and by what ends first", async () => {
  await using watched = new Watched();
  const { site } = watched;
  const sessions = [300, 100, 200].map((sessionTimeout) => {
    const session = site.makeSession();
    session.sessionTimeout = sessionTimeout;
    session.startCheckingExpiration();
    return session;
  });
  const [a, b, c] = uidsOf(sessions);
  assertEquals(uidsIn(await watched.see("?order=oldest")), [a, b, c]);
  assertEquals(uidsIn(await watched.see("?order=soonest")), [b, c, a]);
  assertEquals(uidsIn(await watched.see("?order=nonsense")), [c, b, a]);
});

Deno.test("SessionMonitor orders by requests, of equals those made first", async () => {
  await using watched = new Watched();
  const sessions: Session[] = [];
  for (const times of [1, 3, 1, 2]) {
    sessions.push(await watched.visitor(times));
  }
  const [a, b, c, d] = uidsOf(sessions);
  const page = await watched.see("?order=busiest");
  assertEquals(uidsIn(page), [b, d, a, c]);
  assertStringIncludes(
    page,
    '<th scope="col" class="requests" aria-sort="descending"><a href="?order=busiest" title="Busiest first">Requests</a></th>',
  );
});

Deno.test("SessionMonitor shows the busiest of more than it lists", async () => {
  await using watched = new Watched();
  const { site } = watched;
  for (let i = 0; i < 2500; i++) site.makeSession();
  const { uid } = await watched.visitor(1);
  for (let i = 0; i < 2000; i++) site.makeSession();
  const others = [...site.sessions.keys()].filter((other) => other !== uid);
  const first = await watched.see("?order=busiest");
  assertEquals(uidsIn(first), [uid, ...others.slice(0, 49)]);
  const last = await watched.see("?order=busiest&page=20");
  assertEquals(uidsIn(last), others.slice(949, 999));
});

Deno.test("SessionMonitor shows thousands of requests with a comma", async () => {
  await using watched = new Watched();
  await watched.visitor(1000);
  const cell = '<td class="requests">1,000</td>';
  assertStringIncludes(await watched.see(), cell);
});

Deno.test("SessionMonitor shows sessions that never end in the order of their ends", async () => {
  await using watched = new Watched({ sessionTimeout: Infinity });
  const never = watched.site.makeSession();
  const soon = watched.site.makeSession();
  soon.sessionTimeout = 10;
  soon.startCheckingExpiration();
  const page = await watched.see("?order=soonest");
  assertEquals(uidsIn(page), uidsOf([soon, never]));
});

Deno.test("SessionMonitor finds by the beginning of a uid or of a principal", async () => {
  await using watched = new Watched();
  const [one, other] = [watched.site.makeSession(), watched.site.makeSession()];
  other.principal = "Ada Lovelace";
  assertEquals(uidsIn(await watched.see(`?q=${one.uid}`)), [one.uid]);
  assertEquals(uidsIn(await watched.see("?q=ada+l")), [other.uid]);
  assertStringIncludes(
    await watched.see("?q=lovelace"),
    "No session or principal begins",
  );
});

Deno.test("SessionMonitor shows 50 sessions on a page, and 1,000 of an order", async () => {
  await using watched = new Watched();
  const sessions = Array.from(
    { length: 1100 },
    () => watched.site.makeSession(),
  );
  const uids = uidsOf(sessions);
  const first = await watched.see("?order=oldest");
  assertEquals(uidsIn(first), uids.slice(0, 50));
  assertStringIncludes(first, "1 to 50 of 1,100");
  assertStringIncludes(first, 'href="?order=oldest&amp;page=2"');
  const last = await watched.see("?order=oldest&page=20");
  assertEquals(uidsIn(last), uids.slice(950, 1000));
  assertStringIncludes(last, "951 to 1,000 of 1,100: search for the others");
  assertFalse(last.includes('rel="next"'));
  const newest = await watched.see("?page=20");
  assertEquals(uidsIn(newest), uids.slice(100, 150).reverse());
  for (const page of ["0", "21", "1.5", "x", "-1"]) {
    assertEquals(uidsIn(await watched.see(`?order=oldest&page=${page}`)), [
      ...uids.slice(0, 50),
    ]);
  }
});

Deno.test("SessionMonitor shows the first to end of more than it lists", async () => {
  await using watched = new Watched();
  for (let i = 0; i < 3000; i++) {
    const session = watched.site.makeSession();
    session.sessionTimeout = 1000 + (i * 1009) % 3000;
    session.startCheckingExpiration();
  }
  const left = [...watched.site.sessions.values()]
    .sort((one, other) => one.expiresAt - other.expiresAt);
  const page = await watched.see("?order=soonest&page=20");
  assertEquals(uidsIn(page), uidsOf(left.slice(950, 1000)));
});

Deno.test("SessionMonitor keeps a listing for 2 seconds, less what has ended", async () => {
  await using watched = new Watched();
  const { clock, site } = watched;
  const session = site.makeSession();
  assertEquals(uidsIn(await watched.see()), [session.uid]);
  const other = site.makeSession();
  assertEquals(uidsIn(await watched.see()), [session.uid]);
  session.expire();
  assertEquals(uidsIn(await watched.see()), []);
  clock.advance(60_000);
  assertEquals(uidsIn(await watched.see()), [other.uid]);
});

Deno.test("SessionMonitor puts others in the place of the dead, by their deadlines of now", async () => {
  await using watched = new Watched();
  const { clock, site } = watched;
  const sessions = Array.from({ length: 60 }, (_, i) => {
    const session = site.makeSession();
    session.sessionTimeout = 100 + i;
    session.startCheckingExpiration();
    return session;
  });
  const uids = uidsOf(sessions);
  assertEquals(
    uidsIn(await watched.see("?order=soonest")),
    uids.slice(0, 50),
  );
  for (const session of sessions.slice(0, 20)) session.expire();
  clock.advance(1500);
  sessions[20]!.touch();

  const page = await watched.see("?order=soonest");

  assertEquals(uidsIn(page), [uids[21], uids[20], ...uids.slice(22)]);
  assertStringIncludes(page, "1 to 40 of 40");
});

Deno.test("SessionListing looks at 5,000 sessions in one turn", async () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  for (let i = 0; i < 10_001; i++) site.makeSession();
  const { sets } = clock;
  const listings = new SessionListing(site.sessions, clock);
  const listing = listings.list({ order: "newest", search: "" });
  for (const turns of [1, 2]) {
    await settle();
    assertEquals(clock.sets - sets, turns);
    clock.advance();
  }
  assertEquals((await listing).total, 10_001);
  assertEquals(clock.sets - sets, 2);
});

Deno.test("SessionListing makes one listing for all who look for the same", async () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const listings = new SessionListing(site.sessions, clock);
  const [one, other] = [1, 2].map(() =>
    listings.list({ order: "newest", search: "" })
  );
  assertStrictEquals(await one, await other);
});

Deno.test("SessionListing keeps a few listings, the latest", async () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const listings = new SessionListing(site.sessions, clock);
  const list = (search: string) => listings.list({ order: "newest", search });
  const [first, last] = [await list("0"), await list("1")];
  for (let i = 2; i < 33; i++) await list(String(i));
  assertStrictEquals(await list("1"), last);
  assertNotStrictEquals(await list("0"), first);
});

// What it is served with.

Deno.test("SessionMonitor neither makes nor touches a session, its viewer's neither", async () => {
  await using watched = new Watched();
  const { clock, site } = watched;
  const visit = requestWith(undefined, "http://localhost/page");
  const cookie = cookieOf(await site.fetch(visit));
  const [session] = site.sessions.values();
  const { expiresAt } = session!;
  clock.advance(1000);
  for (const path of ["", "/", "/events", "/monitor.js", "/monitor.css"]) {
    const response = await site.fetch(requestWith(cookie, PAGE + path));
    assertEquals([response.status, response.headers.getSetCookie()], [200, []]);
    await response.body?.cancel();
  }
  assertEquals([site.sessions.size, session!.expiresAt], [1, expiresAt]);
});

Deno.test("SessionMonitor's page runs nothing that is written in it", async () => {
  await using watched = new Watched();
  watched.site.makeSession();
  const response = await watched.fetch();
  const policy = response.headers.get("content-security-policy") ?? "";
  assertMatch(
    policy,
    /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/,
  );
  assertFalse(policy.includes("unsafe"));
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  const page = await response.text();
  assertFalse(/ (on\w+|style)=/.test(page));
  assertEquals(page.match(/<script[^>]*>/g), [
    '<script defer src="monitor/monitor.js">',
  ]);
});

for (const slash of ["", "/"]) {
  Deno.test(`SessionMonitor's links lead to what there is from /monitor${slash}`, async () => {
    await using watched = new Watched();
    const page = await watched.see(slash);
    const links = [...page.matchAll(/(?:href|src|data-events)="([^"?#]+)/g)];
    assertEquals(links.length, 4);
    for (const [, link] of links) {
      const url = new URL(link!, PAGE + slash);
      const response = await watched.site.fetch(new Request(url));
      assertEquals([url.href, response.status], [url.href, 200]);
      await response.body?.cancel();
    }
  });
}

Deno.test("SessionMonitor's script can be parsed", () => {
  assertEquals(typeof new Function(MONITOR_SCRIPT), "function");
});

Deno.test("SessionMonitor takes a title, which it escapes", async () => {
  const root = new Resource();
  await using site = new Site(root);
  root.putChild("monitor", new SessionMonitor(site, { title: "Tea & co" }));
  const response = await site.fetch(new Request(PAGE));
  assertStringIncludes(await response.text(), "<h1>Tea &amp; co</h1>");
});

Deno.test("SessionMonitor refuses a title that is no string", () => {
  using site = new Site(new Resource());
  assertThrows(
    () => new SessionMonitor(site, { title: 1 as never }),
    TypeError,
    "Cannot make a monitor: title is not a string: 1",
  );
});

// Ending a session.

Deno.test("SessionMonitor asks before it ends a session", async () => {
  await using watched = new Watched();
  const session = await watched.visitor(2);
  session.principal = "ada";
  const page = await watched.see(`?end=${session.uid}`);
  assertStringIncludes(page, "End this session?");
  assertStringIncludes(page, "<dt>Requests</dt><dd>2</dd>");
  assertStringIncludes(page, session.uid);
  assertStringIncludes(page, "<dd><bdi>ada</bdi></dd>");
  assert(session.isActive);
});

Deno.test("SessionMonitor ends a session by a post, revoked, and goes back to the view", async () => {
  await using watched = new Watched();
  const session = watched.site.makeSession();
  const { uid } = session;
  const token = tokenIn(await watched.see(`?end=${uid}`));
  const response = await watched.post(
    { token, uid },
    {},
    `?order=oldest&end=${uid}`,
  );
  assertEquals(session.end?.reason, "revoked");
  assertEquals(response.status, 303);
  const location = response.headers.get("location")!;
  assertEquals(location, `?order=oldest&ended=${uid}`);
  assertStringIncludes(await watched.see(location), "</code> has ended.");
});

Deno.test("SessionMonitor ends nothing by a get", async () => {
  await using watched = new Watched();
  const session = watched.site.makeSession();
  const token = await watched.token();
  await watched.see(`?end=${session.uid}&uid=${session.uid}&token=${token}`);
  assert(session.isActive);
});

Deno.test("SessionMonitor says that a session has ended only if it has", async () => {
  await using watched = new Watched();
  const { uid } = watched.site.makeSession();
  for (const ended of [uid, "x", "<b>"]) {
    const page = await watched.see(`?ended=${ended}`);
    assertFalse(page.includes("has ended."));
  }
});

for (const token of ["", "0".repeat(96), "x".repeat(96)]) {
  Deno.test(`SessionMonitor refuses the token "${token.slice(0, 8)}"`, async () => {
    await using watched = new Watched();
    const session = watched.site.makeSession();
    const response = await watched.post({ token, uid: session.uid });
    assertEquals([response.status, session.isActive], [403, true]);
    await response.body?.cancel();
  });
}

Deno.test("SessionMonitor refuses a post without a token", async () => {
  await using watched = new Watched();
  const { uid } = watched.site.makeSession();
  const response = await watched.post({ uid });
  assertEquals([response.status, watched.site.sessions.size], [403, 1]);
  await response.body?.cancel();
});

for (
  const headers of [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "http://elsewhere" },
    { origin: "null" },
  ]
) {
  Deno.test(`SessionMonitor refuses the right token with ${JSON.stringify(headers)}`, async () => {
    await using watched = new Watched();
    const session = watched.site.makeSession();
    const token = await watched.token();
    const response = await watched.post({ token, uid: session.uid }, headers);
    assertEquals([response.status, session.isActive], [403, true]);
    await response.body?.cancel();
  });
}

for (
  const headers of [
    { "sec-fetch-site": "same-origin", origin: "http://localhost" },
    { origin: "https://localhost" },
  ]
) {
  Deno.test(`SessionMonitor takes the right token with ${JSON.stringify(headers)}`, async () => {
    await using watched = new Watched();
    const session = watched.site.makeSession();
    const token = await watched.token();
    const response = await watched.post({ token, uid: session.uid }, headers);
    assertEquals([response.status, session.isActive], [303, false]);
  });
}

Deno.test("SessionMonitor refuses the token of another viewer, and of another run", async () => {
  const make = () => {
    const root = new Resource();
    const site = new Site(root);
    const monitor = new SessionMonitor(site);
    root.putChild("monitor", new Guard(monitor, () => true, { realm: "m" }));
    return site;
  };
  await using site = make();
  await using otherRun = make();
  const session = site.makeSession();
  const { uid } = session;
  const as = (name: string, site: Site, token?: string) =>
    site.fetch(
      new Request(PAGE, {
        headers: { authorization: `Basic ${btoa(`${name}:x`)}` },
        ...(token === undefined ? {} : {
          method: "POST",
          body: new URLSearchParams({ token, uid }),
        }),
      }),
    );
  const tokenOf = async (name: string, site: Site) =>
    tokenIn(await (await as(name, site)).text());
  const ada = await tokenOf("ada", site);
  for (
    const [name, token] of [
      ["bob", ada],
      ["ada", await tokenOf("ada", otherRun)],
    ] as const
  ) {
    const response = await as(name, site, token);
    assertEquals([response.status, session.isActive], [403, true]);
    await response.body?.cancel();
  }
  assertEquals((await as("ada", site, ada)).status, 303);
  assertFalse(session.isActive);
});

Deno.test("SessionMonitor goes back without an error if the session has ended already", async () => {
  await using watched = new Watched();
  const { uid } = watched.site.makeSession();
  const token = await watched.token();
  watched.site.getSession(uid)!.expire();
  assertEquals((await watched.post({ token, uid })).status, 303);
});

Deno.test("SessionMonitor works behind a SessionGuard", async () => {
  const root = new Resource();
  await using site = new Site(root);
  const monitor = new SessionMonitor(site);
  root.putChild(
    "monitor",
    new SessionGuard(monitor, () => true, { realm: "m" }),
  );
  const authorization = `Basic ${btoa("ada:x")}`;
  const request = new Request(PAGE, { headers: { authorization } });
  const cookie = cookieOf(await site.fetch(request));
  const response = await site.fetch(requestWith(cookie, `${PAGE}/`));
  assertEquals(response.status, 200);
  await response.body?.cancel();
});

// Events.

Deno.test("SessionMonitor's events begin with all the parts of the page", async () => {
  await using watched = new Watched();
  const { uid } = watched.site.makeSession();
  await using events = await watched.events();
  assertEquals(
    events.response.headers.get("content-type"),
    "text/event-stream",
  );
  const message = await events.next();
  assertEquals(message?.now, watched.clock.time / 1000);
  assertEquals(Object.keys(message!.parts).sort(), [
    "counts",
    "ends",
    "lateness",
    "minutes",
    "paging",
    "rows",
  ]);
  assertEquals(uidsIn(message!.parts["rows"]!), [uid]);
});

Deno.test("SessionMonitor's events tell of an end soon, and of the parts that change", async () => {
  await using watched = new Watched();
  const { clock, site } = watched;
  const session = site.makeSession();
  await using events = await watched.events();
  await events.next();
  session.expire();
  clock.advance(200);
  const message = await events.next();
  assertEquals(message?.ended, [[session.uid, "logout"]]);
  assertEquals(message?.announcement, "1 session ended: 1 logout");
  assertEquals(Object.keys(message!.parts).sort(), [
    "counts",
    "ends",
    "minutes",
  ]);
});

Deno.test("SessionMonitor's events tell of more requests", async () => {
  await using watched = new Watched();
  const visit = requestWith(undefined, "http://localhost/page");
  const cookie = cookieOf(await watched.site.fetch(visit));
  await using events = await watched.events();
  const first = await events.next();
  assertStringIncludes(first!.parts["rows"]!, '<td class="requests">1</td>');
  await watched.site.fetch(requestWith(cookie, "http://localhost/page"));
  watched.clock.advance(1000);
  const message = await events.next();
  assertEquals(Object.keys(message!.parts), ["rows"]);
  assertStringIncludes(message!.parts["rows"]!, '<td class="requests">2</td>');
});

Deno.test("SessionMonitor's events say aloud what has ended once in 5 seconds", async () => {
  await using watched = new Watched();
  const { clock, site } = watched;
  for (let i = 0; i < 4; i++) site.makeSession();
  const end = (reason: "logout" | "evicted") =>
    site.sessions.values().next().value!.expire(reason);
  await using events = await watched.events();
  await events.next();
  const said: unknown[] = [];
  const take = async () => said.push((await events.next())?.announcement);
  end("logout");
  clock.advance(200);
  await take();
  end("evicted");
  clock.advance(200);
  await take();
  end("logout");
  clock.advance(200);
  await take();
  clock.jump(5000);
  end("logout");
  clock.advance(200);
  await take();
  assertEquals(said, [
    "1 session ended: 1 logout",
    "",
    "",
    "3 sessions ended: 1 evicted, 2 logout",
  ]);
});

Deno.test("SessionMonitor's events are few where thousands end at once", async () => {
  await using watched = new Watched();
  const { clock, site } = watched;
  for (let i = 0; i < 3000; i++) site.makeSession();
  await using events = await watched.events();
  await events.next();
  for (const session of site.sessions.values()) session.expire();
  clock.advance(200);
  const message = await events.next();
  assertEquals(message?.ended.length, 50);
  assertEquals(message?.announcement, "3,000 sessions ended");
});

Deno.test("SessionMonitor's events say nothing where nothing changes, but now and then", async () => {
  await using watched = new Watched({ sessionTimeout: Infinity });
  await using events = await watched.events();
  await events.next();
  const next = events.next();
  let beats = 0;
  let isThere = false;
  next.finally(() => isThere = true);
  while (!isThere) {
    watched.clock.advance(1000);
    beats++;
    await settle();
  }
  assert(beats >= 10, `beats: ${beats}`);
  assertEquals((await next)?.ended, []);
});

Deno.test("SessionMonitor's events show what was searched for", async () => {
  await using watched = new Watched();
  watched.site.makeSession();
  const { uid } = watched.site.makeSession();
  await using events = await watched.events(`?q=${uid}`);
  assertEquals(uidsIn((await events.next())!.parts["rows"]!), [uid]);
});

Deno.test("SessionMonitor's events end with the site", async () => {
  await using watched = new Watched();
  const events = await watched.events();
  await events.next();
  await watched.site.close();
  assertEquals(await events.next(), undefined);
  assertEquals(watched.clock.pending, 0);
});

Deno.test("SessionMonitor leaves no timer when nobody looks on", async () => {
  await using watched = new Watched();
  const one = await watched.events();
  const other = await watched.events();
  await one.next();
  await other.next();
  assertEquals(watched.clock.pending, 1);
  await one[Symbol.asyncDispose]();
  assertEquals(watched.clock.pending, 1);
  await other[Symbol.asyncDispose]();
  assertEquals(watched.clock.pending, 0);
});

Deno.test("SessionMonitor keeps nothing for a viewer who does not read", async () => {
  await using watched = new Watched();
  const { clock, site } = watched;
  await using events = await watched.events();
  for (let i = 0; i < 100; i++) {
    site.makeSession().expire();
    clock.advance(1000);
    await settle();
  }
  // What it was sent first, and then all the rest at once.
  await events.next();
  clock.advance(1000);
  assertEquals((await events.next())?.ended.length, 50);
});

Deno.test("SessionMonitor lets so many look on, and no more", async () => {
  await using watched = new Watched();
  const all: Events[] = [];
  for (let i = 0; i < MAX_VIEWERS; i++) all.push(await watched.events());
  const refused = await watched.fetch("/events");
  assertEquals(refused.status, 503);
  await refused.body?.cancel();
  await all.pop()?.[Symbol.asyncDispose]();
  await using _ = await watched.events();
  for (const events of all) await events[Symbol.asyncDispose]();
});

Deno.test("SessionMonitor begins no stream for HEAD", async () => {
  await using watched = new Watched();
  const response = await watched.fetch("/events", { method: "HEAD" });
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertEquals(watched.clock.pending, 0);
  await response.body?.cancel();
});
