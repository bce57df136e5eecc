// Session.visits: how many requests have visited it.

import { assertEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Guard,
  passwordCheck,
  Resource,
  type Session,
  SessionGuard,
  Site,
  type SiteRequest,
} from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { Page } from "../helpers_http.ts";
import {
  cookieOf,
  lasting,
  ManualClock,
  onlySession,
  requestWith,
  siteOf,
  visit,
} from "../helpers_session.ts";
import { asynchronous, Node, pass } from "../helpers_store.ts";

/** A site of one session, and the cookie that opens it. */
function startOf(site: Site): { session: Session; cookie: string } {
  const cookie = cookieOf(visit(site));
  return { session: onlySession(site), cookie };
}

Deno.test("Session.visits is 0 of a session that no request has made", () => {
  using site = siteOf();
  assertEquals(site.makeSession().visits, 0);
});

Deno.test("Session.visits counts the request that makes the session as the first", () => {
  using site = siteOf();
  assertEquals(startOf(site).session.visits, 1);
});

Deno.test("Session.visits counts each request that finds the session", () => {
  using site = siteOf();
  const { session, cookie } = startOf(site);
  for (let i = 0; i < 3; i++) visit(site, cookie);
  assertEquals(session.visits, 4);
});

Deno.test("Session.visits counts a request once, however often it asks", () => {
  using site = siteOf({}, (request) => {
    request.getSession();
    request.renewSession();
    return request.getSession().uid;
  });
  const { session, cookie } = startOf(site);
  assertEquals(session.visits, 1);
  visit(site, cookie);
  assertEquals(session.visits, 2);
});

Deno.test("Session.visits has counted the request that is under way", () => {
  const seen: number[] = [];
  using site = siteOf({}, (request) => {
    seen.push(request.getSession().visits);
    return "";
  });
  const { cookie } = startOf(site);
  visit(site, cookie);
  assertEquals(seen, [1, 2]);
});

Deno.test("Session.visits counts a request once that waits beyond the timeout", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  let isSlow = false;
  using site = siteOf({ clock }, (request) => {
    const { uid } = request.getSession();
    return isSlow ? gate.promise.then(() => uid) : uid;
  });
  site.sessionFactory = lasting({ sessionTimeout: 5 });
  const { session, cookie } = startOf(site);
  isSlow = true;
  const answer = site.fetch(requestWith(cookie));
  clock.advance(7000);
  gate.resolve();
  await answer;
  assertEquals([session.isActive, session.visits], [true, 2]);
});

for (
  const [what, init] of Object.entries<RequestInit>({
    "HEAD": { method: "HEAD" },
    "a prefetch of another site": {
      headers: { "sec-purpose": "prefetch", "sec-fetch-site": "cross-site" },
    },
  })
) {
  Deno.test(`Session.visits does not count ${what}`, () => {
    const made: Session[] = [];
    using site = siteOf({}, (request) => {
      made.push(request.getSession());
      return "";
    });
    const { session, cookie } = startOf(site);
    const request = new Request("http://localhost/", init);
    site.fetch(request);
    assertEquals(made.at(-1)!.visits, 0);
    const again = new Request(request);
    again.headers.set("cookie", cookie);
    site.fetch(again);
    assertEquals([made.at(-1), session.visits], [session, 1]);
  });
}

Deno.test("Session.visits does not count what a resource answers that is not touchesSession", async () => {
  const root = new Resource();
  await using site = new Site(root);
  const ask = (request: SiteRequest) => request.getSession().uid;
  const poll = new Page(ask);
  poll.touchesSession = false;
  root.putChild("page", new Page(ask)).putChild("poll", poll);
  const page = new Request("http://localhost/page");
  const cookie = cookieOf(await site.fetch(page));
  await site.fetch(requestWith(cookie, "http://localhost/poll"));
  assertEquals(onlySession(site).visits, 1);
});

Deno.test("Session.visits does not count a request that only looks", () => {
  let isVisit = true;
  using site = siteOf(
    {},
    (request) => (isVisit ? request.getSession() : request.session)!.uid,
  );
  const { session, cookie } = startOf(site);
  isVisit = false;
  visit(site, cookie);
  assertEquals(session.visits, 1);
});

Deno.test("Session.visits does not count touches by the application, nor lookups", () => {
  using site = siteOf();
  const { session } = startOf(site);
  session.touch();
  site.getSession(session.uid);
  assertEquals(session.visits, 1);
});

Deno.test("Session.visits stays what it was, of a session that is found past its deadline", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const { session, cookie } = startOf(site);
  clock.jump(900_000);
  visit(site, cookie);
  assertEquals([session.visits, onlySession(site).visits], [1, 1]);
});

Deno.test("Session.visits counts a request for each session that it gets", () => {
  let isLogout = false;
  using site = siteOf({}, (request) => {
    const session = request.getSession();
    if (!isLogout) return session.uid;
    session.expire();
    return request.getSession().uid;
  });
  const { session, cookie } = startOf(site);
  isLogout = true;
  visit(site, cookie);
  assertEquals([session.visits, onlySession(site).visits], [2, 1]);
});

Deno.test("Session.visits does not count a request whose touch throws", () => {
  let isChecked = false;
  using site = siteOf({ onError: () => {} }, (request) => {
    if (!isChecked) return request.getSession().uid;
    const { session } = request;
    session!.sessionTimeout = NaN;
    assertThrows(() => request.getSession(), RangeError);
    session!.sessionTimeout = 900;
    return "";
  });
  const { session, cookie } = startOf(site);
  isChecked = true;
  assertEquals(visit(site, cookie).status, 200);
  assertEquals(session.visits, 1);
});

Deno.test("Session.visits counts those whom a SessionGuard lets in", async () => {
  const root = new Resource();
  await using site = new Site(root);
  const check = passwordCheck({ ada: "open sesame" });
  const plain = new Page(() => "");
  root.putChild("in", new SessionGuard(plain, check, { realm: "In" }));
  root.putChild("basic", new Guard(plain, check, { realm: "Basic" }));
  const authorization = `Basic ${btoa("ada:open sesame")}`;
  const visitBy = (path: string, headers: Record<string, string>) =>
    site.fetch(new Request(`http://localhost/${path}`, { headers }));
  const cookie = cookieOf(await visitBy("in", { authorization }));
  await visitBy("in", { cookie });
  await visitBy("basic", { cookie, authorization });
  assertEquals(onlySession(site).visits, 2);
});

Deno.test("Session.visits stays readable after the end", () => {
  using site = siteOf();
  const { session } = startOf(site);
  session.expire();
  assertEquals(session.visits, 1);
});

const STORES: Record<string, () => SessionStore> = {
  "a store": () => new MemoryStore(),
  "a store that has to be waited for": () => asynchronous(new MemoryStore()),
};

/** A process that serves some pages. */
function nodeOf(store: SessionStore): Node {
  return new Node(store)
    .page("visit", (request) => request.getSession().uid)
    .page("look", (request) => request.session?.uid ?? "nobody")
    .page("plain", () => "");
}

for (const [kind, makeStore] of Object.entries(STORES)) {
  Deno.test(`Session.visits over ${kind} counts no request whose touch is taken back`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = cookieOf(await node.get("visit"));
    for (const path of ["plain", "look", "plain", "visit", "look"]) {
      await pass(time, 1000);
      await (await node.get(path, cookie)).text();
    }
    assertEquals(onlySession(node.site).visits, 2);
    assertEquals(node.errors, []);
  });

  Deno.test(`Session.visits over ${kind} are those to this process, since it loaded the session`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    await using one = nodeOf(store);
    await using other = nodeOf(store);
    const cookie = cookieOf(await one.get("visit"));
    await (await one.get("visit", cookie)).text();
    await (await other.get("look", cookie)).text();
    assertEquals(onlySession(other.site).visits, 0);
    await (await other.get("visit", cookie)).text();
    const counts = [one, other].map(({ site }) => onlySession(site).visits);
    assertEquals(counts, [2, 1]);
    assertEquals([...one.errors, ...other.errors], []);
  });
}
