import {
  assert,
  assertEquals,
  assertFalse,
  assertNotStrictEquals,
  assertStrictEquals,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  type Rendered,
  Resource,
  type Session,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import {
  cookieOf,
  cookiesOf,
  Errors,
  lasting,
  ManualClock,
  onlySession,
  Page,
  requestWith,
  settle,
  siteOf,
  START,
  visit,
  watchEnds,
} from "../helpers_session.ts";

const SHORT = lasting({ sessionTimeout: 5 });

/** A site whose page "/slow" waits until it is let go; the others do not. */
function slow(
  options: SiteOptions = {},
  after: (request: SiteRequest) => Rendered | Promise<Rendered> = () => "slow",
) {
  const gates: PromiseWithResolvers<void>[] = [];
  const clock = new ManualClock();
  const site = siteOf(
    { clock, sessionFactory: SHORT, ...options },
    (request) => {
      const session = request.getSession();
      if (request.postpath[0] !== "slow") return session.uid;
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return gate.promise.then(() => after(request));
    },
  );
  const ends = watchEnds(site);
  const ask = (cookie?: string, init: RequestInit = {}) => {
    const request = requestWith(cookie, "http://localhost/slow");
    return Promise.resolve(site.fetch(new Request(request, init)));
  };
  return {
    site,
    clock,
    ends,
    ask,
    /** Lets the page go on that has waited longest. */
    letGo: () => gates.shift()!.resolve(),
    [Symbol.dispose]: () => site.close(),
  };
}

/** Seconds since the beginning. */
function since(seconds: number): number {
  return Math.round(seconds * 1000 - START) / 1000;
}

// It does not idle out.

Deno.test("Site.fetch() keeps the session of a request under way beyond its deadline", () => {
  using it = slow();
  it.ask();

  it.clock.advance(100_000);

  assert(onlySession(it.site).isActive);
  assertEquals(it.ends, []);
});

Deno.test("Site.fetch() keeps a session under way that getSession(uid) finds", () => {
  using it = slow();
  it.ask();
  const session = onlySession(it.site);

  it.clock.jump(100_000);

  assertStrictEquals(it.site.getSession(session.uid), session);
});

Deno.test("Site.fetch() keeps a session under way that sessionsOf() finds", () => {
  using it = slow();
  it.ask();
  const session = onlySession(it.site);
  session.principal = "alice";

  it.clock.jump(100_000);

  assertEquals(it.site.sessionsOf("alice"), [session]);
});

Deno.test("Site.fetch() keeps a session that the request has found", () => {
  using it = slow();
  const cookie = cookieOf(visit(it.site));
  it.ask(cookie);

  it.clock.advance(100_000);

  assert(onlySession(it.site).isActive);
});

Deno.test("Site.fetch() keeps a session that the request asks for late", async () => {
  const clock = new ManualClock();
  const gates = [1, 2].map(() => Promise.withResolvers<void>());
  using site = siteOf({ clock, sessionFactory: SHORT }, async (request) => {
    await gates[0]!.promise;
    const { uid } = request.getSession();
    await gates[1]!.promise;
    return uid;
  });
  const answer = site.fetch(requestWith());
  gates[0]!.resolve();
  await settle();

  clock.advance(100_000);
  assert(onlySession(site).isActive);

  gates[1]!.resolve();
  assertEquals(await (await answer).text(), onlySession(site).uid);
});

Deno.test("Site.fetch() keeps the session of a request under way while an error page is made", async () => {
  const gate = Promise.withResolvers<void>();
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: SHORT,
    onError: new Errors().onError,
    serverErrorPage: new Page(() => gate.promise.then(() => "error")),
  }, (request) => {
    request.getSession();
    throw new Error("thrown");
  });
  const answer = site.fetch(requestWith());

  clock.advance(100_000);
  assert(onlySession(site).isActive);

  gate.resolve();
  assertEquals((await answer).status, 500);
});

Deno.test("Site.fetch() keeps no other session", () => {
  using it = slow();
  it.ask();
  const other = it.site.makeSession();

  it.clock.advance(5000);

  assertFalse(other.isActive);
});

Deno.test("Site.fetch() keeps no session of a request that was answered at once", () => {
  using it = slow();
  visit(it.site);

  it.clock.advance(5000);

  assertEquals(it.ends.map(({ at }) => since(at)), [5]);
});

Deno.test("Site.fetch() keeps a session under way with one timer", () => {
  using it = slow();
  it.ask();

  it.clock.advance(100_000);

  assertEquals(it.clock.pending, 1);
});

Deno.test("Site.fetch() looks at a session under way once a second, no more", () => {
  using it = slow();
  it.ask();
  const { sets } = it.clock;

  it.clock.advance(105_000);

  // The wheel may need a step or two for each.
  assert(it.clock.sets - sets <= 400, `${it.clock.sets - sets} timers`);
});

Deno.test("Site.fetch() keeps a session under way with FakeTime too", async () => {
  using time = new FakeTime(START);
  const gate = Promise.withResolvers<void>();
  using site = siteOf({ sessionFactory: SHORT }, async (request) => {
    const { uid } = request.getSession();
    await gate.promise;
    return uid;
  });
  const answer = site.fetch(requestWith());

  time.tick(60_000);
  assert(onlySession(site).isActive);

  gate.resolve();
  await answer;
  time.tick(5000);
  assertEquals(site.sessions.size, 0);
});

// The end of the hold.

Deno.test("Site.fetch() touches a session that would have idled out, when it is answered", async () => {
  using it = slow();
  const answer = it.ask();
  it.clock.advance(7300);

  it.letGo();
  await answer;

  const session = onlySession(it.site);
  assertEquals(since(session.lastModified), 7.3);
  assertEquals(since(session.expiresAt), 12.3);
});

Deno.test("Site.fetch() has a kept session end when it has been idle after that", async () => {
  using it = slow();
  const answer = it.ask();
  it.clock.advance(7300);
  it.letGo();
  await answer;

  it.clock.advance(10_000);

  assertEquals(it.ends.map(({ reason, at }) => [reason, since(at)]), [
    ["idle", 12.3],
  ]);
});

Deno.test("Site.fetch() touches a session that is answered in the millisecond of its deadline", async () => {
  using it = slow();
  const answer = it.ask();
  it.clock.jump(5000);

  it.letGo();
  await answer;

  assertEquals(since(onlySession(it.site).expiresAt), 10);
});

Deno.test("Site.fetch() does not touch a session that is answered before its deadline", async () => {
  using it = slow();
  const answer = it.ask();
  it.clock.advance(4999);

  it.letGo();
  await answer;

  assertEquals(since(onlySession(it.site).expiresAt), 5);
});

Deno.test("Site.fetch() touches a kept session where the timer is late too", async () => {
  using it = slow();
  const answer = it.ask();
  it.clock.jump(100_000);

  it.letGo();
  await answer;

  assertEquals(since(onlySession(it.site).expiresAt), 105);
});

Deno.test("Site.fetch() sends the cookie of a session that was kept beyond its deadline", async () => {
  using it = slow();
  const answer = it.ask();
  it.clock.advance(7000);

  it.letGo();

  assert(cookieOf(await answer).includes(onlySession(it.site).uid));
});

Deno.test("Site.fetch() keeps a session until the last of its requests is answered", async () => {
  using it = slow();
  const cookie = cookieOf(visit(it.site));
  const [one, two] = [it.ask(cookie), it.ask(cookie)];
  it.clock.advance(7000);
  it.letGo();
  await one;

  it.clock.advance(7000);
  assert(onlySession(it.site).isActive);

  it.letGo();
  await two;
  assertEquals(since(onlySession(it.site).expiresAt), 19);
});

for (
  const [what, after] of [
    ["rejects", () => Promise.reject(new Error("rejected"))],
    ["renders what cannot be sent", () => 5 as unknown as string],
  ] as const
) {
  Deno.test(`Site.fetch() keeps a session no longer once the page ${what}`, async () => {
    using it = slow({ onError: new Errors().onError }, after);
    const answer = it.ask();
    it.clock.advance(7000);
    it.letGo();
    await answer;

    it.clock.advance(5000);

    assertEquals(it.ends.map(({ at }) => since(at)), [12]);
  });
}

Deno.test("Site.fetch() keeps a session no longer than the render, however long the body", async () => {
  const chunk = new TextEncoder().encode("chunk");
  using it = slow({}, () =>
    new ReadableStream({
      pull(controller) {
        controller.enqueue(chunk);
      },
    }));
  const answer = it.ask();
  it.letGo();
  const reader = (await answer).body!.getReader();
  await reader.read();

  it.clock.advance(5000);

  assertEquals(it.ends.map(({ at }) => since(at)), [5]);
  await reader.cancel();
});

Deno.test("Session.sessionTimeout that a request under way lengthens counts when it is answered", async () => {
  using it = slow({}, (request) => {
    request.session!.sessionTimeout = 60;
    return "";
  });
  const answer = it.ask();
  it.clock.advance(7000);

  it.letGo();
  await answer;

  assertEquals(since(onlySession(it.site).expiresAt), 60);
});

Deno.test("Session.sessionTimeout that a request under way makes invalid is reported", async () => {
  const errors = new Errors();
  using it = slow({ onError: errors.onError }, (request) => {
    request.session!.sessionTimeout = NaN;
    return "";
  });
  const answer = it.ask();
  it.clock.advance(7000);
  it.letGo();
  const response = await answer;

  it.clock.advance(1000);

  assertEquals(response.status, 200);
  assert(errors.all[0] instanceof RangeError);
  assertEquals(it.site.sessions.size, 0);
});

Deno.test("Session.sessionTimeout 0 is kept while the request is under way", async () => {
  using it = slow({ sessionFactory: lasting({ sessionTimeout: 0 }) });
  const answer = it.ask();
  it.clock.advance(7000);
  assert(onlySession(it.site).isActive);

  it.letGo();
  await answer;
  it.clock.advance();

  assertEquals(it.ends.map(({ at }) => since(at)), [7]);
});

// What ends it all the same.

for (const absoluteTimeout of [5, 5.3, 6, 7.3, 20]) {
  Deno.test(`Session.absoluteTimeout ${absoluteTimeout} ends a session under way at its millisecond`, () => {
    using it = slow({
      sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout }),
    });
    it.ask();

    it.clock.advance(100_000);

    assertEquals(it.ends.map(({ reason, at }) => [reason, since(at)]), [
      ["absolute", absoluteTimeout],
    ]);
  });
}

Deno.test("Session.absoluteTimeout ends a session under way at a late lookup", () => {
  using it = slow({
    sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout: 20 }),
  });
  it.ask();
  const session = onlySession(it.site);
  it.clock.jump(30_000);

  assertEquals(it.site.getSession(session.uid), undefined);
  assertEquals(session.end?.reason, "absolute");
});

Deno.test("Session.absoluteTimeout that ends a session under way leaves the cookie", async () => {
  using it = slow({
    sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout: 20 }),
  });
  const answer = it.ask(cookieOf(visit(it.site)));
  it.clock.advance(20_000);
  assertEquals(it.ends.map(({ reason }) => reason), ["absolute"]);

  it.letGo();

  assertEquals(cookiesOf(await answer), []);
});

Deno.test("Session.absoluteTimeout that ends a session under way has no cookie sent of one that the request made", async () => {
  using it = slow({
    sessionFactory: lasting({ sessionTimeout: 5, absoluteTimeout: 20 }),
  });
  const answer = it.ask();
  it.clock.advance(20_000);

  it.letGo();

  assertEquals(cookiesOf(await answer), []);
});

Deno.test("Session.absoluteTimeout that is invalid leaves a session under way a deadline", () => {
  using it = slow({ onError: new Errors().onError });
  it.ask();
  const session = onlySession(it.site);
  session.absoluteTimeout = NaN;

  it.clock.jump(5000);
  it.site.getSession(session.uid);

  assertFalse(Number.isNaN(session.expiresAt));
});

Deno.test("Session.expire() ends a session under way", async () => {
  using it = slow();
  const answer = it.ask(cookieOf(visit(it.site)));

  onlySession(it.site).expire();

  assertEquals(it.ends.map(({ reason }) => reason), ["logout"]);
  it.letGo();
  assertEquals(cookiesOf(await answer), []);
});

Deno.test("SiteRequest.getSession() makes a session under way anew, and keeps that", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  const pair: Session[] = [];
  using site = siteOf({ clock, sessionFactory: SHORT }, async (request) => {
    pair.push(request.getSession());
    await Promise.resolve();
    pair[0]!.expire();
    pair.push(request.getSession());
    await gate.promise;
    return "";
  });
  const answer = site.fetch(requestWith());
  await settle();

  clock.advance(100_000);

  assertNotStrictEquals(pair[0], pair[1]);
  assertStrictEquals(onlySession(site), pair[1]);
  gate.resolve();
  await answer;
});

Deno.test("Site.endSessions() ends a session under way", () => {
  using it = slow();
  it.ask();
  onlySession(it.site).principal = "alice";

  it.site.endSessions("alice");

  assertEquals(it.ends.map(({ reason }) => reason), ["revoked"]);
});

Deno.test("Site.close() ends a session under way", async () => {
  using it = slow();
  it.ask();

  await it.site.close();

  assertEquals(it.ends.map(({ reason }) => reason), ["shutdown"]);
  assertEquals(it.clock.pending, 0);
});

// The visitor leaves.

Deno.test("Site.fetch() keeps no session at its deadline whose visitor has left", () => {
  using it = slow();
  const visitor = new AbortController();
  it.ask(undefined, { signal: visitor.signal });
  it.clock.advance(1000);

  visitor.abort();
  it.clock.advance(5000);

  assertEquals(it.ends.map(({ reason, at }) => [reason, since(at)]), [
    ["idle", 5],
  ]);
});

Deno.test("Site.fetch() ends a session within a second once its visitor has left", () => {
  using it = slow();
  const visitor = new AbortController();
  it.ask(undefined, { signal: visitor.signal });
  it.clock.advance(7300);

  visitor.abort();
  it.clock.advance(1000);

  assertEquals(it.ends.map(({ reason }) => reason), ["idle"]);
  assert(since(it.ends[0]!.at) <= 8.3);
});

Deno.test("Site.fetch() keeps a session whose visitor waits for another of its requests", () => {
  using it = slow();
  const cookie = cookieOf(visit(it.site));
  const visitor = new AbortController();
  it.ask(cookie, { signal: visitor.signal });
  it.ask(cookie);

  visitor.abort();
  it.clock.advance(100_000);

  assert(onlySession(it.site).isActive);
});

Deno.test("Site.fetch() touches no session when a page is ready whose visitor has left", async () => {
  using it = slow();
  const visitor = new AbortController();
  const answer = it.ask(undefined, { signal: visitor.signal });
  it.clock.advance(4000);
  visitor.abort();
  it.clock.advance(1000);
  it.letGo();

  await answer.catch(() => {});

  assertEquals(it.ends.map(({ at }) => since(at)), [5]);
});

Deno.test("Site.fetch() touches no session that it kept when a page is ready whose visitor has left", async () => {
  using it = slow();
  const visitor = new AbortController();
  const answer = it.ask(undefined, { signal: visitor.signal });
  it.clock.advance(7300);
  visitor.abort();
  it.clock.advance(200);
  it.letGo();
  await answer.catch(() => {});

  it.clock.advance(800);

  assertEquals(it.ends.map(({ reason }) => reason), ["idle"]);
});

// Visits meanwhile.

Deno.test("SiteRequest.getSession() touches a session under way", () => {
  using it = slow();
  const cookie = cookieOf(visit(it.site));
  it.ask(cookie);
  it.clock.advance(7300);

  visit(it.site, cookie);

  assertEquals(since(onlySession(it.site).lastModified), 7.3);
  assertEquals(since(onlySession(it.site).expiresAt), 12.3);
});

Deno.test("SiteRequest.getSession() touches a session under way where the timer is late too", () => {
  using it = slow();
  const cookie = cookieOf(visit(it.site));
  it.ask(cookie);
  it.clock.jump(7300);

  visit(it.site, cookie);

  assertEquals(since(onlySession(it.site).lastModified), 7.3);
  assertEquals(since(onlySession(it.site).expiresAt), 12.3);
});

// Requests that are no visits.

Deno.test("SiteRequest.getSession() of HEAD under way does not lengthen the session's life", async () => {
  using it = slow();
  const cookie = cookieOf(visit(it.site));
  const answer = it.ask(cookie, { method: "HEAD" });
  // The page has no render_HEAD, so that this is render_GET.
  it.clock.advance(7000);
  it.letGo();
  await answer;

  it.clock.advance(100_000);

  assert(since(it.ends[0]!.at) <= 8);
});

Deno.test("Resource.touchesSession false has a slow page not lengthen the session's life", async () => {
  class Poll extends Resource {
    override touchesSession = false;
    override isLeaf = true;
    override async render_GET(request: SiteRequest): Promise<string> {
      const { uid } = request.getSession();
      await gate.promise;
      return uid;
    }
  }
  let gate = Promise.withResolvers<void>();
  const clock = new ManualClock();
  const root = new Resource().putChild(
    "",
    new Page((request) => {
      return request.getSession().uid;
    }),
  ).putChild("poll", new Poll());
  using site = new Site(root, { clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  const cookie = cookieOf(visit(site));

  // Whoever polls all the time would never be out.
  for (let poll = 0; poll < 5; poll++) {
    const answer = site.fetch(requestWith(cookie, "http://localhost/poll"));
    clock.advance(6000);
    gate.resolve();
    await answer;
    gate = Promise.withResolvers();
  }

  assertEquals(ends.map(({ reason }) => reason), ["idle"]);
  assert(since(ends[0]!.at) <= 8);
});

// Children that have to be waited for, and peeks.

/** A site whose tree waits for "/slow", and whose page peeks for "/peek". */
function waitingTree(touches = true) {
  const gates: PromiseWithResolvers<void>[] = [];
  const clock = new ManualClock();
  const wait = () => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    return gate.promise;
  };
  class Tree extends Resource {
    override async getChild(
      name: string,
      request: SiteRequest,
    ): Promise<Resource | undefined> {
      if (name === "peek") return new Page((request) => peek(request));
      if (name === "") return new Page((request) => request.getSession().uid);
      if (touches) request.getSession();
      else request.session;
      await wait();
      const page = new Page(() => "slow");
      page.touchesSession = touches;
      return page;
    }
  }
  const peek = async (request: SiteRequest) => {
    request.session;
    await wait();
    return "peeked";
  };
  const site = new Site(new Tree(), { clock, sessionFactory: SHORT });
  const ends = watchEnds(site);
  const ask = (path: string, cookie?: string) =>
    Promise.resolve(
      site.fetch(requestWith(cookie, `http://localhost/${path}`)),
    );
  return {
    site,
    clock,
    ends,
    ask,
    letGo: () => gates.shift()!.resolve(),
    [Symbol.dispose]: () => site.close(),
  };
}

Deno.test("Resource.getChild() that is waited for keeps the session of the request", async () => {
  using it = waitingTree();
  const cookie = cookieOf(await it.ask(""));
  const response = it.ask("slow", cookie);

  it.clock.advance(100_000);

  const session = onlySession(it.site);
  it.letGo();
  assertEquals(await (await response).text(), "slow");
  assertEquals(since(session.lastModified), 100);
});

Deno.test("Resource.getChild() that is waited for neither keeps nor touches for a page that touches no session", async () => {
  using it = waitingTree(false);
  const cookie = cookieOf(await it.ask(""));
  const session = onlySession(it.site);
  const response = it.ask("slow", cookie);
  it.clock.advance(4000);

  it.letGo();
  await response;
  it.clock.advance(1000);

  assertFalse(session.isActive);
  assertEquals(since(session.lastModified), 0);
});

Deno.test("SiteRequest.session of a page under way keeps the session, and touches it never", async () => {
  using it = waitingTree();
  const cookie = cookieOf(await it.ask(""));
  const session = onlySession(it.site);
  const response = it.ask("peek", cookie);
  await settle();
  it.clock.advance(8000);
  assert(session.isActive);

  it.letGo();
  await response;

  it.clock.advance(1);
  assertEquals(since(session.lastModified), 0);
  assertEquals(it.ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("SiteRequest.getSession() of a page under way counts where a peek is answered last", async () => {
  using it = waitingTree();
  const cookie = cookieOf(await it.ask(""));
  const session = onlySession(it.site);
  const slow = it.ask("slow", cookie);
  const peek = it.ask("peek", cookie);
  await settle();
  it.clock.advance(8000);

  it.letGo();
  await slow;
  it.letGo();
  await peek;

  assertEquals(since(session.lastModified), 8);
});
