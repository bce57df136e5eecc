import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { IdleOrder, type Idler } from "../../timing/idle_order.ts";
import {
  type Rendered,
  Resource,
  Session,
  type SessionEnd,
  type SessionEndReason,
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
  siteOf,
  visit,
  watchEnds,
} from "../helpers_session.ts";
import { loadLaterCode } from "../../registry/later_parts.ts";
import { ROOT, testWith } from "../helpers_process.ts";

/** A site with room for a few sessions, on a clock that is told to move. */
function small(maxSessions: number, options: SiteOptions = {}) {
  const clock = new ManualClock();
  const site = siteOf({ clock, maxSessions, ...options });
  const ends = watchEnds(site);
  /** Makes sessions a second apart. */
  const make = (count: number): Session[] =>
    Array.from({ length: count }, () => {
      clock.advance(1000);
      return site.makeSession();
    });
  const evicted = () =>
    ends.filter(({ reason }) => reason === "evicted").map(({ session }) =>
      session
    );
  return {
    site,
    clock,
    ends,
    make,
    evicted,
    [Symbol.dispose]: () => site.close(),
  };
}

/** A site with more sessions than are compared, once the code for that is loaded. */
async function large(maxSessions: number, options: SiteOptions = {}) {
  await loadLaterCode();
  const it = small(maxSessions, options);
  it.make(maxSessions);
  return it;
}

/** Whether each of some sessions is there. */
function areActive(sessions: readonly Session[]): boolean[] {
  return sessions.map(({ isActive }) => isActive);
}

// Who goes.

Deno.test("SiteOptions.maxSessions evicts the session that has been idle longest", () => {
  using it = small(3);
  const sessions = it.make(3);

  it.make(1);

  assertEquals(areActive(sessions), [false, true, true]);
  assertEquals(it.ends.map(({ reason }) => reason), ["evicted"]);
});

Deno.test("SiteOptions.maxSessions evicts nothing while there is room", () => {
  using it = small(3);
  it.make(3);
  assertEquals(it.ends, []);
});

Deno.test("SiteOptions.maxSessions is never exceeded", () => {
  using it = small(10);
  const sizes = it.make(50).map(() => it.site.sessions.size);
  assertEquals(Math.max(...sizes), 10);
  assertEquals(it.evicted().length, 40);
});

Deno.test("SiteOptions.maxSessions evicts in the order of the making", () => {
  using it = small(10);
  const sessions = it.make(50);
  assertEquals(
    it.evicted().map(({ uid }) => uid),
    sessions.slice(0, 40).map(({ uid }) => uid),
  );
});

Deno.test("SiteOptions.maxSessions evicts a session that was touched later", () => {
  using it = small(3);
  const sessions = it.make(3);
  it.clock.advance(1000);
  sessions[0]!.touch();

  it.make(1);

  assertEquals(areActive(sessions), [true, false, true]);
});

Deno.test("SiteOptions.maxSessions evicts a session later that was touched once it was full", () => {
  using it = small(3);
  const sessions = it.make(4);
  it.clock.advance(1000);
  sessions[1]!.touch();

  it.make(1);

  assertEquals(areActive(sessions), [false, true, false, true]);
});

Deno.test("SiteOptions.maxSessions takes a visit for an access", () => {
  using it = small(2);
  const cookie = cookieOf(visit(it.site));
  const [other] = it.make(1);
  it.clock.advance(1000);
  visit(it.site, cookie);

  it.make(1);

  assertFalse(other!.isActive);
});

for (const max of [100, 1001]) {
  Deno.test(`SiteOptions.maxSessions ${max} evicts those in order that are touched at random`, async () => {
    using it = await large(max, { sessionTimeout: Infinity });
    const sessions = [...it.site.sessions.values()];
    for (let i = 0; i < 10 * max; i++) {
      it.clock.advance(7);
      // Were all of them touched, one of those idle longest would go first.
      const index = (i * 37) % max;
      if (index % 2 === 0) sessions[index]!.touch();
    }
    const expected = sessions.toSorted((a, b) =>
      a.lastModified - b.lastModified
    );

    it.make(max);

    assertEquals(
      it.evicted().map(({ uid }) => uid),
      expected.map(({ uid }) => uid),
    );
  });
}

testWith(
  ["run"],
  "SiteOptions.maxSessions evicts in order too while the code for many sessions is not loaded",
  async () => {
    const program = `
    import { Sessions } from "./sessions.ts";
    const sessions = new Sessions({ maxSessions: 1001 });
    const ended = [];
    sessions.notifyOnSessionEnd(({ session }) => ended.push(session));
    const made = Array.from({ length: 1001 }, () => sessions.create());
    made[0].principal = "ann";
    for (let i = 0; i < 3; i++) sessions.create();
    console.log(made.slice(0, 5).map(({ isActive }) => isActive).join());
    while (ended.length < 10) {
      await new Promise((done) => setTimeout(done, 10));
      sessions.create();
    }
    console.log(ended.every((each, i) => each === made[i + 1]));
  `;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", program],
      cwd: ROOT,
    }).output();
    assertEquals(
      new TextDecoder().decode(stdout),
      "true,false,false,false,true\ntrue\n",
    );
  },
);

Deno.test("SiteOptions.maxSessions 1 leaves the newest session", () => {
  using it = small(1);
  const [, , last] = it.make(3);
  assertEquals([...it.site.sessions.values()], [last]);
});

Deno.test("SiteOptions.maxSessions Infinity evicts nothing", () => {
  using it = small(Infinity);
  it.make(100);
  assertEquals(it.ends, []);
});

Deno.test("SiteOptions.maxSessions needs no eviction where sessions have ended", () => {
  using it = small(3);
  const sessions = it.make(3);
  sessions[1]!.expire();

  it.make(1);

  assertEquals(it.evicted(), []);
});

Deno.test("SiteOptions.maxSessions works after the site was nearly empty", () => {
  using it = small(4);
  for (const session of it.make(6).slice(2)) session.expire();
  const sessions = it.make(4);

  it.make(2);

  assertEquals(areActive(sessions), [false, false, true, true]);
});

Deno.test("Site.makeSession() evicts nothing where the class of sessions throws", () => {
  using it = small(2);
  const sessions = it.make(2);
  it.site.sessionFactory = class extends Session {
    constructor(...args: ConstructorParameters<typeof Session>) {
      super(...args);
      throw new Error("thrown");
    }
  };

  assertThrows(() => it.site.makeSession(), Error, "thrown");

  assertEquals(areActive(sessions), [true, true]);
});

// Those of a principal.

Deno.test("SiteOptions.maxSessions evicts the anonymous before those of a principal", () => {
  using it = small(3);
  const sessions = it.make(3);
  sessions[0]!.principal = "alice";

  it.make(2);

  assertEquals(areActive(sessions), [true, false, false]);
});

Deno.test("SiteOptions.maxSessions spares a session that got its principal once it was full", () => {
  using it = small(3);
  const sessions = it.make(4);
  sessions[1]!.principal = "alice";

  it.make(10);

  assert(sessions[1]!.isActive);
});

Deno.test("SiteOptions.maxSessions spares a principal no longer who is anonymous again", () => {
  using it = small(3);
  const sessions = it.make(4);
  sessions[1]!.principal = "alice";
  it.make(1);
  sessions[1]!.principal = undefined;

  it.make(1);

  assertFalse(sessions[1]!.isActive);
});

Deno.test("SiteOptions.maxSessions spares a session that goes to another principal", () => {
  using it = small(3);
  const sessions = it.make(4);
  sessions[1]!.principal = "alice";
  sessions[1]!.principal = undefined;
  sessions[1]!.principal = "bob";

  it.make(10);

  assert(sessions[1]!.isActive);
});

Deno.test("SiteOptions.maxSessions evicts the longest idle of the principals where all have one", () => {
  using it = small(3);
  const sessions = it.make(3);
  sessions.forEach((session, i) => session.principal = `user ${i}`);

  const [newest] = it.make(1);

  assertEquals(areActive(sessions), [false, true, true]);
  assertEquals(it.site.sessionsOf("user 0"), []);
  assert(newest!.isActive);
});

for (const max of [100, 1001]) {
  Deno.test(`SiteOptions.maxSessions ${max} keeps the logged in through a flood`, async () => {
    using it = await large(max, {
      sessionFactory: lasting({ sessionTimeout: Infinity }),
    });
    const users = [...it.site.sessions.values()].slice(0, 50);
    users.forEach((session, i) => session.principal = `user ${i}`);

    it.make(3 * max);

    assertEquals(users.filter(({ isActive }) => isActive).length, 50);
    assertEquals(it.site.sessions.size, max);
  });
}

// Who is told.

Deno.test("SiteOptions.maxSessions has those told who asked, once", () => {
  using it = small(1);
  const [session] = it.make(1);
  const told: SessionEndReason[] = [];
  session!.notifyOnExpire(({ reason }) => told.push(reason));

  it.make(2);

  assertEquals(told, ["evicted"]);
  assertEquals(it.ends.length, 2);
});

for (
  const [what, expire] of [
    ["throws", () => {
      throw new Error("thrown");
    }],
    ["does nothing", () => {}],
  ] as const
) {
  Deno.test(`SiteOptions.maxSessions evicts a session whose expire() ${what}`, () => {
    class Stubborn extends Session {
      override expire(): void {
        expire();
      }
    }
    using it = small(2, {
      sessionFactory: Stubborn,
      onError: new Errors().onError,
    });
    it.make(5);

    assertEquals(it.site.sessions.size, 2);
    assertEquals(it.evicted().length, 3);
  });
}

Deno.test("SiteOptions.maxSessions has an evicted visitor begin anew", async () => {
  using it = small(1);
  const first = visit(it.site);
  it.make(1);

  const second = visit(it.site, cookieOf(first));

  assertNotEquals(await second.text(), await first.text());
  assertEquals(cookiesOf(second).length, 1);
});

// Time and memory.

/** A site of sessions that count how often anybody looks at their last access. */
async function counted(maxSessions: number) {
  const looks = { count: 0 };
  class Counted extends Session {
    override get lastModified(): number {
      looks.count++;
      return super.lastModified;
    }
  }
  // Loads the code for many sessions.
  using _ = await large(1001);
  const it = small(maxSessions, {
    sessionFactory: Counted,
    sessionTimeout: Infinity,
  });
  return { ...it, looks, [Symbol.dispose]: () => it.site.close() };
}

Deno.test("Site.makeSession() looks at few sessions at the limit, however many there are", async () => {
  using it = await counted(2000);
  it.make(2001);
  it.looks.count = 0;

  it.make(10_000);

  assertLess(it.looks.count, 10_000 * 10);
});

Deno.test("Site.makeSession() looks at few sessions at the limit where all are touched", async () => {
  using it = await counted(1001);
  it.make(1002);
  it.looks.count = 0;

  for (let round = 0; round < 10; round++) {
    it.clock.advance(1);
    for (const session of it.site.sessions.values()) session.touch();
    it.make(100);
  }

  // A look or two for each touch, and a few for each session.
  assertLess(it.looks.count, 10_000 * 2 + 1000 * 10);
});

Deno.test("Site.makeSession() looks at few sessions each, while the site fills up", async () => {
  using it = await counted(5000);
  const looks = Array.from({ length: 5100 }, () => {
    it.looks.count = 0;
    it.make(1);
    return it.looks.count;
  });

  assertLess(Math.max(...looks), 100);
});

Deno.test("Site.makeSession() looks at few sessions each, where the order is made anew", async () => {
  using it = await counted(2000);
  it.make(2001);
  const live = [...it.site.sessions.values()];
  live.splice(0, 20).forEach((session) => session.expire());

  for (let i = 0; i < 10_000; i++) {
    it.looks.count = 0;
    live.push(...it.make(1));
    live.shift()!.expire();
    assertLess(it.looks.count, 100);
  }
});

Deno.test("Site.makeSession() looks at a limited number of sessions where all have been touched", async () => {
  using it = await counted(20_000);
  it.make(20_001);
  it.clock.advance(1_000_000);
  for (const session of it.site.sessions.values()) session.touch();
  it.looks.count = 0;

  it.make(1);

  assertLess(it.looks.count, 10_000);
  assertEquals(it.site.sessions.size, 20_000);
});

Deno.test("SiteOptions.maxSessions evicts one that is among the longest idle where the longest idle is far", async () => {
  using it = await large(20_000, { sessionTimeout: Infinity });
  it.make(1);
  it.clock.advance(1_000_000);
  const all = [...it.site.sessions.values()];
  for (const session of all.slice(0, 15_000)) session.touch();

  it.make(100);

  // The very one is behind 15,000 that have to be moved; a few are too many.
  const untouched = it.evicted().slice(-50).map(({ createdAt, lastModified }) =>
    createdAt === lastModified
  );
  assertEquals(it.site.sessions.size, 20_000);
  assertEquals(new Set(untouched), new Set([true]));
});

Deno.test("SiteOptions.maxSessions evicts a session last that a request under way uses", async () => {
  const gate = Promise.withResolvers<void>();
  const clock = new ManualClock();
  using site = siteOf({ clock, maxSessions: 2 }, async (request) => {
    request.getSession();
    await gate.promise;
    return "";
  });
  const answer = site.fetch(requestWith());
  const held = onlySession(site);
  clock.advance(1000);
  const idle = site.makeSession();
  clock.advance(1000);

  site.makeSession();

  assertEquals(areActive([held, idle]), [true, false]);
  gate.resolve();
  await answer;
});

Deno.test("SiteOptions.maxSessions evicts the longest idle of those in use where all are", async () => {
  const gate = Promise.withResolvers<void>();
  const clock = new ManualClock();
  using site = siteOf({ clock, maxSessions: 2 }, async (request) => {
    request.getSession();
    await gate.promise;
    return "";
  });
  const answers = [1, 2].map(() => {
    clock.advance(1000);
    return site.fetch(requestWith());
  });
  const held = [...site.sessions.values()];

  site.makeSession();

  assertEquals(areActive(held), [false, true]);
  gate.resolve();
  await Promise.all(answers);
});

Deno.test("SiteOptions.maxSessions is not exceeded by a callback that makes a session at each eviction", () => {
  const errors = new Errors();
  using it = small(3, { onError: errors.onError });
  it.site.notifyOnSessionEnd(({ reason }) => {
    if (reason === "evicted") it.site.makeSession();
  });

  const sizes = it.make(20).map(() => it.site.sessions.size);

  assertEquals(Math.max(...sizes), 3);
  assertEquals(it.evicted().length, 17);
  assertEquals(errors.all.length, 17);
  assertEquals(
    new Set(errors.all.map(String)),
    new Set([
      "Error: Cannot make a session: the site is full, and room is being made for another",
    ]),
  );
});

Deno.test("Site.makeSession() makes none where a callback of the evicted session closes the site", () => {
  using it = small(1);
  it.make(1)[0]!.notifyOnExpire(() => it.site[Symbol.dispose]());

  assertThrows(() => it.site.makeSession(), Error, "the site is closed");

  assertEquals(it.site.sessions.size, 0);
});

Deno.test("SiteOptions.maxSessionsPerPrincipal is not exceeded by a callback that makes a session at each eviction", () => {
  const errors = new Errors();
  using it = small(100, {
    maxSessionsPerPrincipal: 2,
    onError: errors.onError,
  });
  const logIn = () =>
    it.site.sessions.serve(new Request("http://localhost/"), (visit) => {
      visit.logIn("alice");
      return new Response();
    });
  it.site.notifyOnSessionEnd(({ reason }) => {
    if (reason === "evicted") logIn();
  });

  for (let i = 0; i < 10; i++) logIn();

  assertEquals(it.site.sessionsOf("alice").length, 2);
  assertEquals(errors.all.length, 8);
});

Deno.test("Site.makeSession() keeps no sessions that have ended, near the limit", async () => {
  // Who is in the order cannot be reached by the collector: so it is counted.
  const orders = new Set<{ readonly size: number }>();
  const { add } = IdleOrder.prototype;
  IdleOrder.prototype.add = function (item: Idler) {
    orders.add(this);
    add.call(this, item);
  };
  try {
    using it = await large(1001, { sessionTimeout: Infinity });
    it.make(1);
    const live = [...it.site.sessions.values()];
    live.splice(0, 50).forEach((session) => session.expire());

    for (let i = 0; i < 10_000; i++) {
      live.push(...it.make(1));
      live.shift()!.expire();
    }

    assertLess([...orders].at(-1)!.size, 3000);
  } finally {
    IdleOrder.prototype.add = add;
  }
});

for (const name of ["maxSessions", "maxSessionsPerPrincipal"]) {
  for (
    const [value, error] of [
      [0, RangeError],
      [-1, RangeError],
      [NaN, RangeError],
      ["5", TypeError],
      [null, TypeError],
    ] as const
  ) {
    Deno.test(`SiteOptions.${name} cannot be ${typeof value} ${value}`, () => {
      assertThrows(
        () => siteOf({ [name]: value } as unknown as SiteOptions),
        error,
        name,
      );
    });
  }
}

// Requests that are no visits.

/** Renders by a function, whatever the method, and is no visit. */
class Untouching extends Page {
  override touchesSession = false;
}

/** A way to ask without visiting. */
interface Passing {
  readonly what: string;
  readonly init: RequestInit;
  readonly path: string;
}

const FOREIGN = { "sec-fetch-site": "cross-site" };

const PASSING: readonly Passing[] = [
  { what: "HEAD", init: { method: "HEAD" }, path: "/" },
  {
    what: "a prefetch of another site",
    init: { headers: { "sec-purpose": "prefetch", ...FOREIGN } },
    path: "/",
  },
  {
    what: "a prerender of another site",
    init: { headers: { "sec-purpose": "prefetch;prerender", ...FOREIGN } },
    path: "/",
  },
  { what: "Resource.touchesSession false", init: {}, path: "/untouching" },
];

for (const { what, init, path } of PASSING) {
  /** A site that does the same at "/" and at "/untouching". */
  const passing = (
    act: (request: SiteRequest) => Rendered | Promise<Rendered> = (request) =>
      request.getSession().uid,
    options: SiteOptions = {},
  ) => {
    const clock = new ManualClock();
    const root = new Resource()
      .putChild("", new Page(act))
      .putChild("untouching", new Untouching(act));
    const site = new Site(root, { clock, ...options });
    const ends = watchEnds(site);
    const pass = (cookie?: string) => {
      const request = new Request(`http://localhost${path}`, init);
      if (cookie !== undefined) request.headers.set("cookie", cookie);
      return site.fetch(request) as Response;
    };
    return { site, clock, ends, pass, [Symbol.dispose]: () => site.close() };
  };

  Deno.test(`SiteRequest.getSession() keeps no session for ${what}`, () => {
    const seen: [boolean, number][] = [];
    using it = passing((request) => {
      seen.push([request.getSession().isActive, it.site.sessions.size]);
      return "";
    });

    it.pass();

    assertEquals(seen, [[true, 0]]);
    assertEquals([it.site.sessions.size, it.clock.sets], [0, 0]);
  });

  Deno.test(`SiteRequest.getSession() sets no cookie for ${what}`, () => {
    using it = passing();
    assertEquals(it.pass().headers.getSetCookie(), []);
  });

  Deno.test(`SiteRequest.getSession() sets no persistent cookie for ${what}`, () => {
    using it = passing(undefined, { cookie: { persistent: true } });
    const cookie = cookieOf(visit(it.site));

    assertEquals(it.pass(cookie).headers.getSetCookie(), []);
  });

  Deno.test(`SiteRequest.getSession() finds the session for ${what}, untouched`, () => {
    const seen: (Session | undefined)[] = [];
    using it = passing((request) => {
      seen.push(request.getSession());
      return "";
    });
    const cookie = cookieOf(visit(it.site));
    const { lastModified } = seen[0]!;
    it.clock.advance(1000);

    it.pass(cookie);

    assertStrictEquals(seen[1], seen[0]);
    assertEquals(seen[0]!.lastModified, lastModified);
  });

  Deno.test(`SiteRequest.getSession() finds no session past its deadline for ${what}`, () => {
    using it = passing(undefined, {
      sessionFactory: lasting({ sessionTimeout: 5 }),
    });
    const cookie = cookieOf(visit(it.site));
    it.clock.jump(5000);

    it.pass(cookie);

    assertEquals(it.ends.map(({ reason }) => reason), ["idle"]);
    assertEquals(it.site.sessions.size, 0);
  });

  Deno.test(`SiteRequest.getSession() answers one session for ${what} however often it is called`, () => {
    const seen: Session[] = [];
    using it = passing((request) => {
      seen.push(request.getSession(), request.getSession(), request.session!);
      return "";
    });

    it.pass();

    assertStrictEquals(seen[0], seen[1]);
    assertStrictEquals(seen[0], seen[2]);
  });

  Deno.test(`SiteRequest.getSession() has what ${what} keeps readable meanwhile`, () => {
    const seen: unknown[] = [];
    using it = passing((request) => {
      request.getSession().set("colour", "red");
      seen.push(request.getSession().get("colour"));
      return "";
    });

    it.pass();

    assertEquals(seen, ["red"]);
  });

  Deno.test(`SiteRequest.getSession() tells the callbacks of the session of ${what}, and not the site's`, () => {
    const told: SessionEnd[] = [];
    using it = passing((request) => {
      request.getSession().notifyOnExpire((end) => told.push(end));
      return "";
    });

    it.pass();

    assertEquals(told.map(({ reason }) => reason), ["evicted"]);
    assertEquals(it.ends, []);
  });

  Deno.test(`SiteRequest.getSession() ends the session of ${what} when an error page is made`, () => {
    const seen: Session[] = [];
    using it = passing((request) => {
      seen.push(request.getSession());
      throw new Error("thrown");
    }, { onError: new Errors().onError });

    const response = it.pass();

    assertEquals(response.status, 500);
    assertFalse(seen[0]!.isActive);
    assertEquals(response.headers.getSetCookie(), []);
  });

  Deno.test(`SiteRequest.getSession() makes another for ${what} after expire()`, () => {
    const told: SessionEndReason[] = [];
    const seen: Session[] = [];
    using it = passing((request) => {
      for (let i = 0; i < 2; i++) {
        const session = request.getSession();
        seen.push(session);
        session.notifyOnExpire(({ reason }) => told.push(reason));
        if (i === 0) session.expire();
      }
      return "";
    });

    const response = it.pass();

    assertNotEquals(seen[0]!.uid, seen[1]!.uid);
    assertEquals(told, ["logout", "evicted"]);
    assertEquals(response.headers.getSetCookie(), []);
  });

  Deno.test(`SiteRequest.getSession() evicts nobody for ${what}`, () => {
    using it = passing(undefined, { maxSessions: 1 });
    visit(it.site);

    it.pass();

    assert(onlySession(it.site).isActive);
  });

  for (
    const [does, expire] of [
      ["throws", () => {
        throw new Error("thrown");
      }],
      ["does nothing", () => {}],
    ] as const
  ) {
    Deno.test(`SiteRequest.getSession() ends the session of ${what} whose expire() ${does}`, async () => {
      class Stubborn extends Session {
        override expire(): void {
          expire();
        }
      }
      const seen: Session[] = [];
      using it = passing((request) => {
        seen.push(request.getSession());
        return "";
      }, { sessionFactory: Stubborn, onError: new Errors().onError });

      const response = await it.pass();

      assertEquals(response.status, 200);
      assertFalse(seen[0]!.isActive);
    });
  }
}

Deno.test("SiteRequest.getSession() ends the session of a slow HEAD when that is answered", async () => {
  const gate = Promise.withResolvers<void>();
  const seen: Session[] = [];
  using site = siteOf({}, (request) => {
    seen.push(request.getSession());
    return gate.promise.then(() => "");
  });
  const answer = site.fetch(
    new Request("http://localhost/", { method: "HEAD" }),
  );
  assert(seen[0]!.isActive);

  gate.resolve();
  await answer;

  assertEquals(seen[0]!.end?.reason, "evicted");
});

Deno.test("SiteRequest.getSession() makes a session for another Sec-Purpose", () => {
  using site = siteOf();
  const request = requestWith();
  request.headers.set("sec-purpose", "something");

  site.fetch(request);

  assertEquals(site.sessions.size, 1);
});

Deno.test("Resource.touchesSession is true", () => {
  assert(new Resource().touchesSession);
});

Deno.test("Session.expire() in the answer to HEAD clears the cookie", () => {
  let logsOut = false;
  using site = siteOf({}, (request) => {
    const session = request.getSession();
    if (logsOut) session.expire();
    return "";
  });
  const cookie = cookieOf(visit(site));
  logsOut = true;

  const response = site.fetch(
    new Request("http://localhost/", { method: "HEAD", headers: { cookie } }),
  ) as Response;

  assertEquals(cookiesOf(response), ["session="]);
});
