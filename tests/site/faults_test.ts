// What goes wrong around a site: code of others that throws or hangs, clocks
// that are set, a machine that sleeps, an event loop that is held up, visitors
// who leave. The others must not notice, and every session must come to its end.

import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLess,
  assertLessOrEqual,
  assertStringIncludes,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import {
  type Rendered,
  Resource,
  Session,
  type SessionEndReason,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { testWith } from "../helpers_process.ts";
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
  siteOf,
  visit,
  watchEnds,
} from "../helpers_session.ts";

const HOUR = 3_600_000;

/** The timeout of sessions that nobody has changed, in milliseconds. */
const TIMEOUT = 900_000;

/** The longest that a site goes without looking at the clock, in milliseconds. */
const LONGEST_WAIT = 60_000;

/** What everything that throws here throws. */
const BROKEN = new Error("broken");

function never<T>(): Promise<T> {
  return new Promise(() => {});
}

// Callbacks that hang.

/** A site with a session whose callback hangs, and which waits for 3 seconds. */
function siteWithHangingCallback() {
  const clock = new ManualClock();
  const errors = new Errors();
  const site = siteOf({ clock, shutdownTimeout: 3, onError: errors.onError });
  const session = site.makeSession();
  session.notifyOnExpire(() => never());
  return { site, clock, errors, session };
}

Deno.test("Site.close() gives a callback that hangs shutdownTimeout seconds", async () => {
  const { site, clock } = siteWithHangingCallback();
  let isClosed = false;
  const closed = site.close().then(() => isClosed = true);

  clock.advance(2999);
  await settle();
  assertEquals(isClosed, false);
  clock.advance(1);
  await closed;
});

Deno.test("Site.close() says whose callback has hung", async () => {
  const { site, clock, errors, session } = siteWithHangingCallback();
  const closed = site.close();
  clock.advance(3000);
  await closed;

  assertEquals(errors.all.length, 1);
  assertStringIncludes((errors.all[0] as Error).message, `"${session.uid}"`);
  assertStringIncludes((errors.all[0] as Error).message, "in 3 s");
});

Deno.test("Site.close() says nothing of a session whose callback is done", async () => {
  const { site, clock, errors } = siteWithHangingCallback();
  const other = site.makeSession();
  other.notifyOnExpire(() => Promise.resolve());
  const closed = site.close();
  clock.advance(3000);
  await closed;

  const { message } = errors.all[0] as Error;
  assertEquals(message.includes(other.uid), false);
});

Deno.test("Site.close() has told all the others when a callback hangs", async () => {
  const { site, clock } = siteWithHangingCallback();
  const ends = watchEnds(site);
  for (let i = 0; i < 10; i++) site.makeSession();
  const closed = site.close();
  clock.advance(3000);
  await closed;

  assertEquals(ends.map(({ reason }) => reason), Array(11).fill("shutdown"));
});

Deno.test("Site.close() leaves no timer behind when a callback has hung", async () => {
  const { site, clock } = siteWithHangingCallback();
  const closed = site.close();
  clock.advance(3000);
  await closed;

  assertEquals(clock.pending, 0);
});

Deno.test("Site.close() waits for a callback that hung at an earlier end", async () => {
  const { site, clock, errors, session } = siteWithHangingCallback();
  session.expire();
  const closed = site.close();
  clock.advance(3000);
  await closed;

  assertStringIncludes((errors.all[0] as Error).message, `"${session.uid}"`);
});

Deno.test("A callback that hangs at the deadline does not keep other sessions", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const ends = watchEnds(site);
  site.makeSession().notifyOnExpire(() => never());
  site.makeSession();

  clock.advance(TIMEOUT);

  assertEquals(ends.length, 2);
});

// Callbacks that throw: in every position, at every end.

/** How a session of that site ends for each reason. */
const ENDINGS: Readonly<
  Record<SessionEndReason, (site: Site, session: Session) => void>
> = {
  idle: ({ clock }) => (clock as ManualClock).advance(TIMEOUT),
  absolute: ({ clock }, session) => {
    session.absoluteTimeout = 60;
    session.startCheckingExpiration();
    (clock as ManualClock).advance(60_000);
  },
  logout: (_, session) => session.expire(),
  evicted: (site) => void site.makeSession(),
  revoked: (site, session) => {
    session.principal = "alice";
    site.endSessions("alice");
  },
  lost: (_, session) => session.expire("lost"),
  shutdown: (site) => site[Symbol.dispose](),
};

/** Who is told of an end, in this order. */
const POSITIONS = [
  "the first abort listener",
  "the last abort listener",
  "the first callback",
  "the middle callback",
  "the last callback",
  "the first callback of the site",
  "the last callback of the site",
] as const;

for (const [reason, end] of Object.entries(ENDINGS)) {
  for (const position of POSITIONS) {
    Deno.test(`Session that ends (${reason}) tells all, though ${position} throws`, () => {
      const errors = new Errors();
      const { onError } = errors;
      const clock = new ManualClock();
      using site = siteOf({ clock, onError, maxSessions: 1 });
      const session = site.makeSession();
      const told: string[] = [];
      const telling = (who: string) => () => {
        told.push(who);
        if (who === position) throw BROKEN;
      };
      for (const who of POSITIONS) {
        if (who.includes("abort")) {
          session.signal.addEventListener("abort", telling(who));
        } else if (who.includes("site")) site.notifyOnSessionEnd(telling(who));
        else session.notifyOnExpire(telling(who));
      }

      end(site, session);

      assertEquals(told, [...POSITIONS]);
      assertEquals(errors.all, [BROKEN]);
      assertEquals(site.getSession(session.uid), undefined);
    });
  }
}

/** Classes of sessions that are broken somewhere. */
const BROKEN_SESSIONS: Readonly<Record<string, typeof Session>> = {
  "a constructor": class extends Session {
    constructor(...args: ConstructorParameters<typeof Session>) {
      super(...args);
      throw BROKEN;
    }
  },
  "startCheckingExpiration()": class extends Session {
    override startCheckingExpiration(): void {
      throw BROKEN;
    }
  },
};

for (const [where, sessionFactory] of Object.entries(BROKEN_SESSIONS)) {
  Deno.test(`Site.fetch() answers 500 and keeps nothing where ${where} of the session throws`, () => {
    const errors = new Errors();
    using site = siteOf({ sessionFactory, onError: errors.onError });

    const response = visit(site);

    assertEquals(response.status, 500);
    assertEquals(cookiesOf(response), []);
    assertEquals(errors.all, [BROKEN]);
    assertEquals(site.sessions.size, 0);
  });
}

/** Resources that are broken somewhere. */
const BROKEN_RESOURCES: Readonly<Record<string, Resource>> = {
  "getChild()": new class extends Resource {
    override getChild(): Resource {
      throw BROKEN;
    }
  }(),
  "getChild(), later,": new class extends Resource {
    override getChild(): Promise<Resource> {
      return Promise.reject(BROKEN);
    }
  }(),
  "render()": new Page(() => {
    throw BROKEN;
  }),
  "render(), later,": new Page(() => Promise.reject(BROKEN)),
  "a component of the session": new Page((request) => {
    request.getSession(
      class {
        constructor() {
          throw BROKEN;
        }
      },
    );
    return "";
  }),
};

for (const [where, resource] of Object.entries(BROKEN_RESOURCES)) {
  Deno.test(`Site.fetch() answers 500 and reports once where ${where} throws`, async () => {
    const errors = new Errors();
    using site = new Site(resource, { onError: errors.onError });

    const { status } = await site.fetch(requestWith());

    assertEquals(status, 500);
    assertEquals(errors.all, [BROKEN]);
  });
}

Deno.test("SiteOptions.onSuspiciousSession that throws is reported, and opens nothing", () => {
  const errors = new Errors();
  using site = siteOf({
    onError: errors.onError,
    onSuspiciousSession: () => {
      throw BROKEN;
    },
  });
  const cookie = cookieOf(visit(site));

  visit(site, `${cookie.slice(0, -32)}${"0".repeat(32)}`);

  assertEquals(errors.all, [BROKEN]);
  assertEquals(site.sessions.size, 2);
});

Deno.test("SiteOptions.onError that throws at an end stops nobody", () => {
  using printed = new PrintedErrors();
  const second = new Error("broken too");
  using site = siteOf({
    onError: () => {
      throw second;
    },
  });
  const ends = watchEnds(site);
  const session = site.makeSession();
  session.notifyOnExpire(() => {
    throw BROKEN;
  });

  session.expire();

  assertEquals(ends.length, 1);
  assertEquals(printed.all, [[BROKEN], [second]]);
});

// Clocks that are set, and a machine that sleeps.

/**
 * A clock that can be set while its timers go on by the true time, as those of a
 * machine do: they know nothing of the date.
 */
class SettableClock extends ManualClock {
  /** Milliseconds that the clock is ahead of the true time. */
  ahead = 0;

  override now(): number {
    return super.now() + this.ahead;
  }

  /** The true time; whoever measures how long a session lasts needs it. */
  get trueTime(): number {
    return this.time;
  }
}

/** A session of a site whose clock will be set, and when it truly ends. */
function sessionByTheClock(options: SiteOptions = {}) {
  const clock = new SettableClock();
  const site = siteOf({ clock, ...options });
  const session = site.makeSession();
  const began = clock.trueTime;
  let lasted: number | undefined;
  session.notifyOnExpire(() => lasted = clock.trueTime - began);
  return {
    site,
    clock,
    session,
    /** Milliseconds that the session has lasted; undefined as long as it does. */
    get lasted() {
      return lasted;
    },
  };
}

Deno.test("Session ends late by the step, no more, when the clock is set back by an hour", () => {
  const stay = sessionByTheClock();
  using _ = stay.site;
  stay.clock.advance(TIMEOUT / 2);
  stay.clock.ahead = -HOUR;

  stay.clock.advance(2 * HOUR);

  assertEquals(stay.lasted, TIMEOUT + HOUR);
});

Deno.test("Session that is touched after the clock was set back ends on time", () => {
  const stay = sessionByTheClock();
  using _ = stay.site;
  stay.clock.ahead = -HOUR;
  stay.session.touch();

  stay.clock.advance(2 * HOUR);

  assertEquals(stay.lasted, TIMEOUT);
});

Deno.test("Session made after the clock was set back ends on time", () => {
  const { site, clock } = sessionByTheClock();
  using _ = site;
  clock.ahead = -HOUR;
  const began = clock.trueTime;
  let lasted: number | undefined;
  site.makeSession().notifyOnExpire(() => lasted = clock.trueTime - began);

  clock.advance(2 * HOUR);

  assertEquals(lasted, TIMEOUT);
});

Deno.test("Session ends early by the step, no more, when the clock is set forward", () => {
  const stay = sessionByTheClock();
  using _ = stay.site;
  stay.clock.ahead = TIMEOUT / 2;

  stay.clock.advance(2 * HOUR);

  assertEquals(stay.lasted, TIMEOUT / 2);
});

Deno.test("Session past its deadline since the clock was set forward by an hour ends in a minute", () => {
  const stay = sessionByTheClock();
  using _ = stay.site;
  stay.clock.ahead = HOUR;

  stay.clock.advance(LONGEST_WAIT);

  assertLessOrEqual(stay.lasted ?? Infinity, LONGEST_WAIT);
});

Deno.test("Session past its deadline since the clock was set forward is not found", () => {
  const { site, clock, session } = sessionByTheClock();
  using _ = site;
  clock.ahead = HOUR;

  assertEquals(site.getSession(session.uid), undefined);
});

Deno.test("Session ends on time when the clock is set back and then right again", () => {
  const stay = sessionByTheClock();
  using _ = stay.site;
  stay.clock.ahead = -HOUR;
  stay.clock.advance(TIMEOUT / 2);
  stay.clock.ahead = 0;

  stay.clock.advance(TIMEOUT);

  assertEquals(stay.lasted, TIMEOUT);
});

/** Milliseconds of true time, and then what the clock is set forward by. */
const SETTINGS = fc.array(
  fc.record({
    wait: fc.integer({ min: 0, max: TIMEOUT }),
    step: fc.integer({ min: -HOUR, max: HOUR }),
  }),
  { maxLength: 12 },
);

Deno.test("Session is never early by more than the clock was set forward", () => {
  fc.assert(
    fc.property(SETTINGS, (settings) => {
      const stay = sessionByTheClock();
      using _ = stay.site;
      let forward = 0;
      for (const { wait, step } of settings) {
        stay.clock.advance(wait);
        if (stay.lasted !== undefined) break;
        stay.clock.ahead += step;
        forward += Math.max(0, step);
      }
      stay.clock.advance(100 * HOUR);

      assertGreaterOrEqual(stay.lasted ?? NaN, TIMEOUT - forward);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("Session is never late by more than the clock was set back, and a minute", () => {
  fc.assert(
    fc.property(SETTINGS, (settings) => {
      const stay = sessionByTheClock();
      using _ = stay.site;
      let back = 0;
      for (const { wait, step } of settings) {
        stay.clock.advance(wait);
        stay.clock.ahead += step;
        back += Math.max(0, -step);
      }
      stay.clock.advance(100 * HOUR);

      assertLessOrEqual(
        stay.lasted ?? Infinity,
        TIMEOUT + back + LONGEST_WAIT,
      );
    }),
    { numRuns: 1000 },
  );
});

Deno.test("SiteOptions.clock of one's own keeps sessions from a date that is set", () => {
  // FakeTime's Date is what is set; the clock of the site goes by nothing else.
  using time = new FakeTime();
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const session = site.makeSession();

  time.now += HOUR;
  clock.advance(TIMEOUT - 1);

  assertEquals(site.getSession(session.uid), session);
});

/** What a machine's sleep is to a site: time goes on, and no timer counts it. */
function sleep(clock: SettableClock, ms: number): void {
  clock.ahead += ms;
}

Deno.test("Session whose deadline came while the machine slept is not found when it wakes", () => {
  const { site, clock, session } = sessionByTheClock();
  using _ = site;
  sleep(clock, 8 * HOUR);

  assertEquals(site.getSession(session.uid), undefined);
});

Deno.test("Session whose deadline came while the machine slept ends within a minute of waking", () => {
  const stay = sessionByTheClock();
  using _ = stay.site;
  sleep(stay.clock, 8 * HOUR);

  stay.clock.advance(LONGEST_WAIT);

  assertEquals(stay.session.end?.reason, "idle");
});

Deno.test("Session whose deadline is after the machine's sleep ends within a minute of it", () => {
  const stay = sessionByTheClock();
  using _ = stay.site;
  sleep(stay.clock, TIMEOUT - 1000);

  stay.clock.advance(999);
  assertEquals(stay.session.isActive, true);
  stay.clock.advance(LONGEST_WAIT);
  assertEquals(stay.session.end?.reason, "idle");
});

Deno.test("Session of a visitor who is back first after the machine slept is a new one", () => {
  const clock = new SettableClock();
  using site = siteOf({ clock });
  const cookie = cookieOf(visit(site));
  sleep(clock, 8 * HOUR);

  assert(cookieOf(visit(site, cookie)) !== cookie);
});

// An event loop that is held up: the tests here that wait for real timers.

testWith(
  ["net"],
  "Site answers requests between the ends of sessions whose callbacks block",
  async () => {
    await using site = new Site(new Resource(), { sessionTimeout: 0.2 });
    await using server = Deno.serve(
      { port: 0, onListen: () => {} },
      site.fetch,
    );
    const count = 20;
    const told = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<number>();
    let calls = 0;
    site.notifyOnSessionEnd(() => {
      if (++calls === 1) {
        fetch(`http://localhost:${server.addr.port}/`)
          .then((response) => response.text())
          .then(() => answer.resolve(calls), answer.reject);
      }
      if (calls === count) told.resolve();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
    });
    for (let i = 0; i < count; i++) site.makeSession();
    const awake = setInterval(() => {}, 1000);
    assertLess(await answer.promise, count);
    await told.promise;
    clearInterval(awake);
  },
);

Deno.test("Sessions whose deadline comes while the event loop is held up for two seconds end after it, once", async () => {
  await using site = siteOf({ sessionFactory: lasting({ sessionTimeout: 1 }) });
  const ends = watchEnds(site);
  const sessions = Array.from({ length: 100 }, () => site.makeSession());
  const long = site.makeSession();
  long.sessionTimeout = 900;
  long.startCheckingExpiration();

  const until = performance.now() + 2000;
  while (performance.now() < until);
  await Promise.all(sessions.map(({ ended }) => ended));

  assertEquals(new Set(ends.map(({ uid }) => uid)).size, 100);
  assertEquals(ends.length, 100);
  assertEquals(long.isActive, true);
});

// Timers beyond 2^31 ms, after which Deno's fire at once.

for (const seconds of [2 ** 31 / 1000, 2 ** 31, 1e12]) {
  Deno.test(`Session with a timeout of ${seconds} s is there after a real timer has fired`, async () => {
    await using site = siteOf({
      sessionFactory: lasting({ sessionTimeout: seconds }),
    });
    const session = site.makeSession();

    // A timer that is too long fires after a millisecond.
    await new Promise((resolve) => setTimeout(resolve, 30));

    assertEquals(session.isActive, true);
  });
}

Deno.test("Session with a timeout beyond 2^31 ms ends at its deadline", () => {
  const seconds = 2 ** 32 / 1000;
  const clock = new ManualClock();
  using site = siteOf({
    clock,
    sessionFactory: lasting({ sessionTimeout: seconds }),
  });
  const session = site.makeSession();

  clock.advance(seconds * 1000 - 1);
  assertEquals(session.isActive, true);
  clock.advance(1);
  assertEquals(session.end?.reason, "idle");
});

for (const shutdownTimeout of [2 ** 31 / 1000, Infinity]) {
  Deno.test(`Site.close() waits for a callback with a shutdownTimeout of ${shutdownTimeout} s`, async () => {
    const errors = new Errors();
    const site = siteOf({ shutdownTimeout, onError: errors.onError });
    const done = Promise.withResolvers<void>();
    site.makeSession().notifyOnExpire(() => done.promise);

    const closed = site.close();
    setTimeout(done.resolve, 30);
    await closed;

    assertEquals(errors.all, []);
  });
}

// Visitors who leave, over a real socket.

/** A site that listens on this machine, and a connection to it. */
async function connectTo(
  render: (request: SiteRequest) => Rendered | Promise<Rendered>,
) {
  const errors = new Errors();
  const site = new Site(
    new class extends Resource {
      override isLeaf = true;
      override render(request: SiteRequest) {
        return render(request);
      }
    }(),
    { onError: errors.onError },
  );
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    site.fetch,
  );
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: server.addr.port,
  });
  return {
    site,
    errors,
    connection,
    send: (text: string) => connection.write(new TextEncoder().encode(text)),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await site.close();
    },
  };
}

const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

testWith(
  ["net"],
  "SiteRequest.finished rejects for a visitor who leaves while the page is made",
  async () => {
    const begun = Promise.withResolvers<SiteRequest>();
    const page = Promise.withResolvers<string>();
    await using visitor = await connectTo((request) => {
      request.getSession();
      begun.resolve(request);
      return page.promise;
    });
    await visitor.send(GET);
    const { finished } = await begun.promise;
    visitor.connection.close();

    const left = await finished.then(() => "stayed", ({ name }) => name);
    page.resolve("too late");

    assertEquals(left, "AbortError");
  },
);

testWith(
  ["net"],
  "Session of a visitor who leaves while the page is made stays, and is not held",
  async () => {
    const begun = Promise.withResolvers<SiteRequest>();
    const page = Promise.withResolvers<string>();
    await using visitor = await connectTo((request) => {
      request.getSession().sessionTimeout = 0.1;
      request.getSession();
      begun.resolve(request);
      return page.promise;
    });
    await visitor.send(GET);
    const request = await begun.promise;
    const { finished, session } = request;
    assertEquals(session?.isActive, true);
    visitor.connection.close();
    await finished.catch(() => {});

    const { reason } = await session!.ended;
    page.resolve("too late");
    assertEquals(reason, "idle");
  },
);

testWith(
  ["net"],
  "Site.fetch() cancels the stream of a visitor who leaves midway",
  async () => {
    const cancelled = Promise.withResolvers<void>();
    await using visitor = await connectTo(() =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
        cancel: () => cancelled.resolve(),
      })
    );
    await visitor.send(GET);
    await visitor.connection.read(new Uint8Array(1000));
    visitor.connection.close();

    await cancelled.promise;
  },
);

testWith(
  ["net"],
  "Site.fetch() reports nothing of a visitor who leaves in the middle of a form",
  async () => {
    const read = Promise.withResolvers<unknown>();
    await using visitor = await connectTo(async (request) => {
      try {
        return String(await request.formData());
      } catch (error) {
        read.resolve(error);
        throw error;
      }
    });
    await visitor.send(
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n" +
        "Content-Type: application/x-www-form-urlencoded\r\n\r\na=b",
    );
    visitor.connection.close();
    await read.promise;
    await settle();

    assertEquals(visitor.errors.all, []);
  },
);

// Fifty requests of one visitor at once, answered in any order.

/** A page that waits until it is let go, one request after the other. */
function waitingRoom(enter: (request: SiteRequest) => void = () => {}) {
  const waiting: (() => void)[] = [];
  const site = siteOf({}, async (request) => {
    enter(request);
    await new Promise<void>((resolve) => waiting.push(resolve));
    return request.getSession().uid;
  });
  return { site, waiting };
}

const FIFTY = Array.from({ length: 50 }, (_, i) => i);

/** The numbers from 0 to 49 in any order. */
const ORDERS = fc.shuffledSubarray(FIFTY, { minLength: 50, maxLength: 50 });

/** Sends fifty requests with one cookie, and lets them go in an order. */
async function answerFifty(
  { site, waiting }: ReturnType<typeof waitingRoom>,
  cookie: string,
  order: readonly number[],
  between: (answered: number) => void = () => {},
): Promise<Response[]> {
  const responses = FIFTY.map(() => site.fetch(requestWith(cookie)));
  for (const [answered, which] of order.entries()) {
    between(answered);
    waiting[which]!();
    await responses[which];
  }
  return await Promise.all(responses);
}

/** The cookie of a session that the site has. */
async function enter(room: ReturnType<typeof waitingRoom>): Promise<string> {
  const response = room.site.fetch(requestWith());
  room.waiting.shift()!();
  return cookieOf(await response);
}

Deno.test("Site.fetch() gives fifty requests at once the visitor's one session", async () => {
  await fc.assert(
    fc.asyncProperty(ORDERS, async (order) => {
      const room = waitingRoom((request) => request.getSession());
      await using site = room.site;
      const cookie = await enter(room);

      const responses = await answerFifty(room, cookie, order);

      const uids = await Promise.all(responses.map((each) => each.text()));
      assertEquals([...new Set(uids)], [...site.sessions.keys()]);
      assertEquals(responses.flatMap(cookiesOf), []);
    }),
    { numRuns: 20 },
  );
});

Deno.test("Session that is renewed among fifty requests hands the new cookie out to the next one", async () => {
  await fc.assert(
    fc.asyncProperty(ORDERS, fc.nat(49), async (order, at) => {
      const room = waitingRoom((request) => request.getSession());
      await using site = room.site;
      const cookie = await enter(room);
      const [session] = site.sessions.values();

      const responses = await answerFifty(room, cookie, order, (answered) => {
        if (answered === at) session!.renew();
      });
      const visit = async () => {
        const response = site.fetch(requestWith(cookie));
        room.waiting.pop()!();
        return cookiesOf(await response);
      };

      // These had arrived before.
      assertEquals(responses.flatMap(cookiesOf), []);
      assertEquals((await visit()).length, 1);
      assertEquals(await visit(), []);
      assertEquals(site.sessions.size, 1);
    }),
    { numRuns: 20 },
  );
});

Deno.test("Session that ends among fifty requests is nobody's afterwards", async () => {
  await fc.assert(
    fc.asyncProperty(ORDERS, fc.nat(49), async (order, at) => {
      const room = waitingRoom();
      await using site = room.site;
      const cookie = await enter(room);
      const [session] = site.sessions.values();

      const responses = await answerFifty(room, cookie, order, (answered) => {
        if (answered === at) session!.expire();
      });

      const uids = await Promise.all(responses.map((each) => each.text()));
      const answeredBefore = uids.filter((uid) => uid === session!.uid);
      assertEquals(answeredBefore.length, at);
      assertEquals(site.getSession(session!.uid), undefined);
    }),
    { numRuns: 20 },
  );
});
