/**
 * `logIn()` and `logOut()` of a request, to a Site and to a Sessions alone: where
 * a login takes place, what it supersedes, and which cookies are sent.
 */
import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertStrictEquals,
} from "@std/assert";
import {
  Session,
  type SessionEndReason,
  TooLateForCookieError,
  TooManySessionsError,
} from "../../mod.ts";
import type { LogInOptions, RequestSession } from "../../sessions.ts";
import { Stage, testVisits, uidIn } from "../helpers_visits.ts";

const DAY = 24 * 60 * 60;

/** The one session that there is. */
function only(it: Stage): Session {
  const sessions = [...it.sessions.values()];
  assert(sessions.length === 1, `sessions that there are: ${sessions.length}`);
  return sessions[0]!;
}

/** Logs in, and answers the cookie. */
function logIn(it: Stage, cookie?: string, principal = "alice"): string {
  return it.run(cookie, (request) => request.logIn(principal)).cookie;
}

/** Renews the token, and answers the new cookie, which has not been shown. */
function renew(it: Stage, cookie: string): string {
  return it.run(cookie, (request) => request.renewSession()).cookie;
}

/** A cookie that a shown renewal has replaced, and the one in its place. */
function replace(it: Stage, cookie: string): [previous: string, string] {
  const renewed = renew(it, cookie);
  it.peek(renewed);
  return [cookie, renewed];
}

/** For whom a cookie's requests act. */
function who(it: Stage, cookie: string): string | undefined {
  return it.run(cookie, (request) => request.principal).value;
}

const FORGED = `session=${"f".repeat(64)}`;

/** Cookies that name no session. */
const UNKNOWN: readonly (string | undefined)[] = [
  undefined,
  FORGED,
  "session=",
  "other=1",
];

// The session that a login is in.

testVisits(
  "logIn() answers the request's session, with the principal",
  (it) => {
    const { value } = it.run(undefined, (request) => {
      const session = request.logIn("alice");
      return [
        session.principal,
        request.session === session,
        request.getSession() === session,
        request.principal,
        it.sessions.sessionsOf("alice").includes(session),
      ];
    });

    assertEquals(value, ["alice", true, true, "alice", true]);
  },
);

for (const cookie of UNKNOWN) {
  testVisits(`logIn() begins a session with the cookie ${cookie}`, (it) => {
    const { value, cookie: sent } = it.run(cookie, (request) => {
      const session = request.logIn("alice");
      return [session.uid, request.isNewSession];
    });

    assertEquals(value, [uidIn(sent), true]);
    assertEquals(only(it).uid, uidIn(sent));
    assertEquals(who(it, sent), "alice");
  });
}

testVisits(
  "logIn() keeps an anonymous session, its values and its listeners",
  (it) => {
    class Cart {
      items = 3;
    }
    const ends: string[] = [];
    const cookie = it.enter();
    const session = only(it);
    session.set("colour", "red");
    const cart = session.getComponent(Cart);
    session.notifyOnExpire(({ reason }) => ends.push(reason));
    const { signal } = session;

    const { value, cookie: sent } = it.run(cookie, (request) => {
      const session = request.logIn("alice");
      return [session, request.isNewSession];
    });

    assertEquals(value, [session, false]);
    assertEquals(uidIn(sent), uidIn(cookie));
    assertStrictEquals(only(it), session);
    assertEquals(session.get("colour"), "red");
    assertStrictEquals(session.getComponent(Cart), cart);
    assertFalse(signal.aborted);
    assertEquals(ends, []);
    session.expire();
    assertEquals(ends, ["logout"]);
  },
);

testVisits("logIn() keeps a session that the request has just made", (it) => {
  const { value, cookie } = it.run(undefined, (request) => {
    const session = request.getSession();
    session.set("kept", 1);
    return [request.logIn("alice") === session, session.get("kept")];
  });

  assertEquals(value, [true, 1]);
  assertEquals(who(it, cookie), "alice");
});

testVisits(
  "logIn() of the same principal by the current token keeps the session",
  (it) => {
    const first = logIn(it);
    const session = only(it);
    session.set("kept", 1);

    const second = logIn(it, first);

    assertStrictEquals(only(it), session);
    assertEquals(session.get("kept"), 1);
    assertEquals(who(it, second), "alice");
  },
);

testVisits(
  "logIn() of the same principal by a previous token keeps the session, and supersedes the current one",
  (it) => {
    const [previous, current] = replace(it, logIn(it));
    const session = only(it);

    const cookie = logIn(it, previous);

    assertStrictEquals(only(it), session);
    assertEquals(who(it, cookie), "alice");
    // A thief may have renewed.
    assertEquals([who(it, current), who(it, previous)], [undefined, undefined]);
  },
);

testVisits(
  "logIn() by a previous token of an anonymous session begins another, without its values",
  (it) => {
    const [previous, current] = replace(it, it.enter());
    const planted = only(it);
    planted.set("kept", "mallory's");

    const cookie = logIn(it, previous);

    assertNotEquals(uidIn(cookie), planted.uid);
    const [session] = it.sessions.sessionsOf("alice");
    assertEquals(session?.get("kept"), undefined);
    assert(planted.isActive);
    assertEquals(planted.principal, undefined);
    assertEquals(who(it, current), undefined);
    assertEquals(it.peek(current), planted.uid);
  },
);

for (const status of ["previous", "superseded"] as const) {
  testVisits(
    `logIn() of another principal by a ${status} token begins another session, and leaves that one`,
    (it) => {
      const old = it.enter();
      const bobs = status === "previous"
        ? logIn(it, old, "bob")
        : logIn(it, old, "bob");
      const [by, current] = status === "previous" ? replace(it, bobs) : [
        old,
        bobs,
      ];
      const [bob] = it.sessions.sessionsOf("bob");
      bob!.set("kept", "bob's");

      const cookie = logIn(it, by);

      assertNotEquals(uidIn(cookie), bob!.uid);
      assertEquals(it.sessions.sessionsOf("alice")[0]?.get("kept"), undefined);
      assert(bob!.isActive);
      assertEquals(who(it, current), "bob");
      assertEquals(who(it, cookie), "alice");
    },
  );
}

testVisits(
  "logIn() of another principal by the current token ends that session, and begins another",
  (it) => {
    const ends: SessionEndReason[] = [];
    const bobs = logIn(it, undefined, "bob");
    const bob = only(it);
    bob.set("kept", "bob's");
    bob.notifyOnExpire(({ reason }) => ends.push(reason));

    const { response, cookie, value } = it.run(
      bobs,
      (request) => [request.logIn("alice"), request.isNewSession],
    );

    assertEquals(ends, ["logout"]);
    assertEquals(value, [only(it), true]);
    assertNotEquals(only(it).uid, bob.uid);
    assertEquals(only(it).get("kept"), undefined);
    assertEquals(who(it, cookie), "alice");
    assertEquals(it.peek(bobs), undefined);
    assertEquals(response.headers.get("clear-site-data"), null);
  },
  { clearSiteData: ["cookies"] },
);

testVisits(
  "logIn() once the principal has been taken away keeps the session by the current token",
  (it) => {
    const bobs = logIn(it, undefined, "bob");
    const session = only(it);
    session.principal = undefined;

    const cookie = logIn(it, bobs);

    assertStrictEquals(only(it), session);
    assertEquals(who(it, cookie), "alice");
  },
);

testVisits(
  "logIn() once the principal has been taken away begins another session by a superseded token",
  (it) => {
    const old = it.enter();
    logIn(it, old, "bob");
    const session = only(it);
    session.principal = undefined;

    const cookie = logIn(it, old);

    assertNotEquals(uidIn(cookie), session.uid);
    assertEquals(session.principal, undefined);
  },
);

testVisits(
  "logIn() by a token whose session has ended begins another",
  (it) => {
    const old = it.enter();
    only(it).set("kept", 1);
    only(it).expire();

    const cookie = logIn(it, old);

    assertNotEquals(uidIn(cookie), uidIn(old));
    assertEquals(only(it).get("kept"), undefined);
  },
);

testVisits(
  "logIn() by a token whose grace is over begins another session",
  (it) => {
    const [previous, current] = replace(it, logIn(it));
    it.clock.advance(10_000);

    const cookie = logIn(it, previous);

    assertNotEquals(uidIn(cookie), uidIn(current));
    assertEquals(who(it, current), "alice");
    assertEquals(it.sessions.sessionsOf("alice").length, 2);
  },
);

testVisits(
  "logIn() of different principals in one request ends in the last one",
  (it) => {
    const old = it.enter();

    const { cookie } = it.run(old, (request) => {
      request.logIn("bob");
      request.logIn("alice");
    });

    assertEquals(who(it, cookie), "alice");
    assertEquals(it.sessions.sessionsOf("bob"), []);
    assertEquals(it.sessions.size, 1);
  },
);

testVisits(
  "logIn() twice in one request sends one cookie, which opens the session",
  (it) => {
    const old = it.enter();

    const { cookie } = it.run(old, (request) => {
      request.logIn("alice");
      request.logIn("alice");
    });

    assertEquals(who(it, cookie), "alice");
    assertEquals(uidIn(cookie), uidIn(old));
  },
);

// Tokens.

testVisits("logIn() always sends a token that there has not been", (it) => {
  const seen = new Set<string>();
  const note = (cookie: string) => {
    assertMatch(cookie, /^session=[0-9a-f]{64}$/);
    assertFalse(seen.has(cookie));
    seen.add(cookie);
    return cookie;
  };
  const first = note(it.enter());
  const second = note(renew(it, first));
  const third = note(logIn(it, second)); // Keeps the session.
  note(logIn(it, second)); // Joins it.
  note(logIn(it, third)); // Keeps it again.
  note(logIn(it, third)); // Joins it again.
  note(logIn(it, first, "bob")); // Begins another.
  note(logIn(it, undefined)); // Begins another.
  note(logIn(it, FORGED)); // Begins another.
});

testVisits("logIn() makes the response no-store", (it) => {
  const { response } = it.run(undefined, (request) => request.logIn("alice"));

  assertEquals(response.headers.get("cache-control"), "no-store");
});

testVisits("logIn() supersedes every other token at once", (it) => {
  const first = it.enter();
  const [, second] = replace(it, first);
  const third = renew(it, second); // Not shown.
  const fourth = renew(it, second); // Not shown either.

  const cookie = logIn(it, second);

  assertEquals(who(it, cookie), "alice");
  for (const old of [first, second, third, fourth]) {
    assertEquals([it.peek(old), who(it, old)], [undefined, undefined]);
  }
  assertEquals(it.suspicions, []);
});

testVisits(
  "logIn() of the same principal again supersedes the token of the first login",
  (it) => {
    const first = logIn(it);

    const second = logIn(it, first);

    assertEquals([who(it, first), who(it, second)], [undefined, "alice"]);
  },
);

testVisits("logIn() sends the cookie once", (it) => {
  const cookie = logIn(it, it.enter());

  assertEquals(it.visit(cookie), []);
  it.clock.advance(60_000);
  assertEquals(it.visit(cookie), []);
});

// Double clicks.

for (const order of ["in order", "in reverse"] as const) {
  testVisits(
    `logIn() of two clicks at once leaves both cookies in one session, answered ${order}`,
    async (it) => {
      const guest = it.enter();
      const session = only(it);
      session.set("cart", ["tea"]);
      const clicks = [1, 2].map(() =>
        it.begin(guest, (request) => request.logIn("alice"), {
          before: (request) => request.getSession(),
        })
      );
      if (order === "in reverse") clicks.reverse();

      const cookies: string[] = [];
      for (const click of clicks) cookies.push((await click.finish()).cookie);

      assertStrictEquals(only(it), session);
      assertEquals(session.get("cart"), ["tea"]);
      assertNotEquals(cookies[0], cookies[1]);
      for (let i = 0; i < 4; i++) {
        for (const cookie of cookies) assertEquals(who(it, cookie), "alice");
        // However long the visitor reads.
        it.clock.advance(60_000);
      }
    },
  );
}

testVisits(
  "logIn() that is repeated, its answer being lost, joins the session",
  (it) => {
    const guest = it.enter();
    only(it).set("cart", ["tea"]);
    logIn(it, guest);
    it.clock.advance(9999);

    const { value, cookie } = it.run(guest, (request) => {
      const session = request.logIn("alice");
      return [session.uid, request.isNewSession, request.principal];
    });

    assertEquals(value, [uidIn(guest), false, "alice"]);
    assertEquals(only(it).get("cart"), ["tea"]);
    assertEquals(who(it, cookie), "alice");
  },
);

testVisits(
  "logIn() that is repeated after the grace begins another session",
  (it) => {
    const guest = it.enter();
    const first = logIn(it, guest);
    it.clock.advance(10_000);

    const second = logIn(it, guest);

    assertNotEquals(uidIn(second), uidIn(guest));
    assertEquals([who(it, first), who(it, second)], ["alice", "alice"]);
    assertEquals(it.suspicions, ["outdated-token"]);
  },
);

testVisits("logIn() that joins supersedes nothing", (it) => {
  const guest = it.enter();
  const first = logIn(it, guest);
  const renewed = renew(it, first);

  const second = logIn(it, guest);

  assertEquals(
    [first, renewed, second].map((cookie) => who(it, cookie)),
    ["alice", "alice", "alice"],
  );
});

testVisits(
  "logIn() by a token that the second of two logins superseded joins the session",
  (it) => {
    const guest = it.enter();
    const first = logIn(it, guest);
    const second = logIn(it, first);

    const third = logIn(it, guest);

    assertEquals(it.sessions.size, 1);
    assertEquals([who(it, second), who(it, third)], ["alice", "alice"]);
  },
);

testVisits(
  "logIn() that joins is current like the first, and can be renewed",
  (it) => {
    const guest = it.enter();
    const first = logIn(it, guest);
    const second = logIn(it, guest);

    const renewed = renew(it, second);
    it.peek(renewed);

    assertEquals(who(it, renewed), "alice");
    it.clock.advance(10_000);
    assertEquals([who(it, first), who(it, second)], [undefined, undefined]);
  },
);

testVisits(
  "logIn() joins after the same request got a transient session",
  (it) => {
    const guest = it.enter();
    const first = logIn(it, guest);
    only(it).set("cart", ["tea"]);

    // A form with a token against forgery asks for a session first.
    const { value, cookie } = it.run(guest, (request) => {
      const transient = request.getSession();
      const session = request.logIn("alice");
      return [transient === session, session.uid, transient.end?.reason];
    });

    assertEquals(value, [false, uidIn(guest), "evicted"]);
    assertEquals(only(it).get("cart"), ["tea"]);
    assertEquals([who(it, first), who(it, cookie)], ["alice", "alice"]);
  },
);

testVisits(
  "logIn() of ten clicks at once leaves each cookie in",
  async (it) => {
    const guest = it.enter();
    const clicks = Array.from(
      { length: 10 },
      () =>
        it.begin(guest, (request) => request.logIn("alice"), {
          before: (request) => request.getSession(),
        }),
    );
    const cookies: string[] = [];
    for (const click of clicks) {
      cookies.push((await click.finish()).cookie);
    }

    it.clock.advance(60_000);
    // Beyond eight tokens the later clicks may be in another session.
    for (const cookie of cookies) assertEquals(who(it, cookie), "alice");
  },
);

// What a request sees whose token a login has superseded.

testVisits("A superseded token is recognized, and opens nothing", (it) => {
  const old = it.enter();
  logIn(it, old);

  const { value, cookies, response } = it.run(old, (request) => {
    const transient = request.getSession();
    return [
      request.session === transient,
      transient.principal,
      request.principal,
      it.sessions.has(transient.uid),
      request.isNewSession,
      transient.uid === uidIn(old),
    ];
  });

  assertEquals(value, [true, undefined, undefined, false, false, false]);
  assertEquals(cookies, []);
  assertEquals(response.headers.get("cache-control"), "private");
  assertEquals(it.suspicions, []);
  assertEquals(it.sessions.size, 1);
});

testVisits(
  "A superseded token's request sees no session unless it asks for one",
  (it) => {
    const old = it.enter();
    logIn(it, old);

    const { value, cookies } = it.run(
      old,
      (request) => [request.session, request.principal],
    );

    assertEquals(value, [undefined, undefined]);
    assertEquals(cookies, []);
  },
);

testVisits("A superseded token does not prolong the session", (it) => {
  const old = it.enter();
  logIn(it, old);
  const { expiresAt, visits } = only(it);
  it.clock.advance(5000);

  it.run(old, (request) => request.getSession());

  assertEquals([only(it).expiresAt, only(it).visits], [expiresAt, visits]);
});

testVisits("A superseded token is unknown when the grace is over", (it) => {
  const old = it.enter();
  const current = logIn(it, old);
  it.clock.advance(9999);
  assertEquals(it.visit(old), []);
  it.clock.advance(1);

  const { value, cookie } = it.run(old, (request) => request.getSession());

  assertEquals(value!.uid, uidIn(cookie));
  assertNotEquals(value!.uid, uidIn(current));
  assertEquals(it.sessions.size, 2);
  assertEquals(it.suspicions, ["outdated-token"]);
});

testVisits(
  "A superseded token is unknown at once where there is no grace",
  (it) => {
    const old = it.enter();
    logIn(it, old);

    const { cookies } = it.run(old, (request) => request.getSession());

    assertEquals(cookies.length, 1);
    assertEquals(it.sessions.size, 2);
  },
  { renewalGrace: 0 },
);

testVisits(
  "A request under way loses the session when a login supersedes its token",
  async (it) => {
    const old = it.enter();
    const session = only(it);
    const seen: unknown[] = [];
    const slow = it.begin(old, (request) => {
      seen.push(request.session, request.principal);
      const transient = request.getSession();
      seen.push(transient === session, it.sessions.has(transient.uid));
      transient.set("evil", 1);
    }, { before: (request) => seen.push(request.session === session) });
    const current = logIn(it, old);

    const { cookies } = await slow.finish();

    assertEquals(seen, [true, undefined, undefined, false, false]);
    assertEquals(cookies, []);
    assertEquals(session.get("evil"), undefined);
    assertEquals(who(it, current), "alice");
  },
);

testVisits(
  "A request under way loses the session that it had not asked for yet",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(
      old,
      (request) => [request.session, request.principal],
    );
    logIn(it, old);

    assertEquals((await slow.finish()).value, [undefined, undefined]);
  },
);

testVisits(
  "A request under way whose principal's session ends has no principal, and never another",
  async (it) => {
    const bobs = logIn(it, undefined, "bob");
    const seen: unknown[] = [];
    const slow = it.begin(bobs, (request) => {
      seen.push(request.principal, request.getSession().principal);
    }, { before: (request) => seen.push(request.principal) });

    const alices = logIn(it, bobs, "alice");
    const { cookies } = await slow.finish();

    assertEquals(seen, ["bob", undefined, undefined]);
    assertEquals(cookies, []);
    assertEquals(who(it, alices), "alice");
  },
);

testVisits(
  "A request that logged in keeps its session when another joins",
  async (it) => {
    const guest = it.enter();
    const slow = it.begin(
      guest,
      (request) => [request.principal, request.session?.uid],
      { before: (request) => request.logIn("alice") },
    );
    logIn(it, guest);

    const { value, cookie } = await slow.finish();

    assertEquals(value, ["alice", uidIn(guest)]);
    assertEquals(who(it, cookie), "alice");
  },
);

testVisits(
  "A request that logged in loses its session when a later login supersedes its token",
  async (it) => {
    const first = logIn(it);
    const slow = it.begin(
      first,
      (request) => [request.principal, request.session],
      { before: (request) => request.getSession() },
    );
    const second = logIn(it, first);

    const { value, cookies } = await slow.finish();

    assertEquals(value, [undefined, undefined]);
    assertEquals(cookies, []);
    assertEquals(who(it, second), "alice");
  },
);

testVisits(
  "A request under way whose token is superseded can log in, and joins",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, (request) => {
      const before = request.session;
      const session = request.logIn("alice");
      return [before, session.uid, request.principal];
    }, { before: (request) => request.getSession() });
    const first = logIn(it, old);

    const { value, cookie } = await slow.finish();

    assertEquals(value, [undefined, uidIn(old), "alice"]);
    assertEquals([who(it, first), who(it, cookie)], ["alice", "alice"]);
  },
);

testVisits(
  "A request under way whose token another's login superseded begins a session by its own",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, (request) => request.logIn("bob").uid, {
      before: (request) => request.getSession(),
    });
    const alices = logIn(it, old);

    const { value, cookie } = await slow.finish();

    assertNotEquals(value, uidIn(old));
    assertEquals([who(it, alices), who(it, cookie)], ["alice", "bob"]);
  },
);

testVisits(
  "A request under way does not hold the session that a login has taken from it",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, () => {}, {
      before: (request) => request.getSession(),
    });
    logIn(it, old);
    const session = only(it);

    it.clock.advance(900_000);

    assertEquals(session.end?.reason, "idle");
    await slow.finish();
  },
);

testVisits(
  "A request under way does not touch the session that a login has taken from it",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, () => {}, {
      before: (request) => request.getSession(),
    });
    const current = logIn(it, old);
    const holding = it.begin(current, () => {}, {
      before: (request) => request.getSession(),
    });
    it.clock.advance(950_000);
    const { lastModified } = only(it);

    await slow.finish();

    assertEquals(only(it).lastModified, lastModified);
    await holding.finish();
  },
);

// Timeouts.

testVisits("logIn() begins both timeouts anew", (it) => {
  const guest = it.enter();
  it.clock.advance(90_000);

  logIn(it, guest);

  const session = only(it);
  assertEquals(session.lastModified * 1000, it.clock.time);
  assertEquals(session.authenticatedAt! * 1000, it.clock.time);
  assertEquals(session.createdAt * 1000, it.clock.time - 90_000);
  assertEquals(session.expiresAt * 1000, it.clock.time + 100_000);
  it.clock.advance(99_999);
  assert(session.isActive);
  it.clock.advance(1);
  assertEquals(session.end?.reason, "absolute");
}, { absoluteTimeout: 100 });

testVisits("logIn() begins sessionTimeout anew", (it) => {
  const guest = it.enter();
  it.clock.advance(4000);

  logIn(it, guest);

  it.clock.advance(4999);
  assert(only(it).isActive);
  it.clock.advance(1);
  assertEquals(it.sessions.size, 0);
}, { sessionTimeout: 5 });

for (const status of ["current", "previous", "superseded"] as const) {
  testVisits(
    `logIn() by a ${status} token of its own session begins absoluteTimeout anew`,
    (it) => {
      const guest = it.enter();
      const first = logIn(it, guest);
      const [previous, current] = replace(it, first);
      it.clock.advance(9000);
      const by = { current, previous, superseded: guest }[status];

      logIn(it, by);

      const session = only(it);
      assertEquals(session.authenticatedAt! * 1000, it.clock.time);
      assertEquals(session.expiresAt * 1000, it.clock.time + 50_000);
    },
    { absoluteTimeout: 50 },
  );
}

testVisits("logIn() has a warning come before the new end", (it) => {
  const guest = it.enter();
  const warnings: number[] = [];
  only(it).notifyBeforeEnd(10, () => warnings.push(it.clock.time));
  it.clock.advance(80_000);

  logIn(it, guest);

  const start = it.clock.time;
  it.clock.advance(100_000);
  assertEquals(warnings, [start + 90_000]);
}, { absoluteTimeout: 100 });

testVisits("logIn() of a new session says when, and counts from then", (it) => {
  const { value } = it.run(undefined, (request) => request.logIn("alice"));

  assertEquals(value!.authenticatedAt! * 1000, it.clock.time);
  assertEquals(value!.authenticatedAt, value!.createdAt);
});

testVisits("Session.authenticatedAt is undefined before a login", (it) => {
  it.enter();

  assertEquals(only(it).authenticatedAt, undefined);
});

testVisits("logIn() counts as a visit, once a request", (it) => {
  const guest = it.enter();
  assertEquals(only(it).visits, 1);

  const { cookie } = it.run(guest, (request) => {
    request.getSession();
    request.logIn("alice");
    request.getSession();
  });
  assertEquals(only(it).visits, 2);
  logIn(it, cookie);

  assertEquals(only(it).visits, 3);
});

// remember

/** The attributes of the one cookie that a response sets. */
function attributesOf(response: Response): string[] {
  const lines = response.headers.getSetCookie();
  assertEquals(lines.length, 1);
  return lines[0]!.split("; ").slice(1);
}

/** The seconds that the browser keeps a response's cookie, if it says so. */
function maxAgeOf(response: Response): number | undefined {
  const [age] = attributesOf(response).filter((attribute) =>
    attribute.startsWith("Max-Age=")
  );
  return age === undefined ? undefined : Number(age.slice("Max-Age=".length));
}

function remember(seconds: number): (request: RequestSession) => Session {
  return (request) => request.logIn("alice", { remember: seconds });
}

testVisits(
  "LogInOptions.remember is the sessionTimeout of this session, at once",
  (it) => {
    const guest = it.enter();
    const other = it.enter();

    it.run(guest, remember(3600));

    const session = it.sessions.get(uidIn(guest))!;
    assertEquals(session.sessionTimeout, 3600);
    assertEquals(session.expiresAt * 1000, it.clock.time + 3_600_000);
    it.clock.advance(3_599_999);
    assert(session.isActive);
    it.clock.advance(1);
    assertEquals(session.end?.reason, "idle");
    assertEquals(it.sessions.get(uidIn(other)), undefined);
  },
);

for (const isNew of [true, false]) {
  testVisits(
    `LogInOptions.remember makes the cookie of ${
      isNew ? "a new" : "the"
    } session persistent`,
    (it) => {
      const { response } = it.run(
        isNew ? undefined : it.enter(),
        remember(3600),
      );

      assertEquals(maxAgeOf(response), 400 * DAY);
    },
  );
}

testVisits(
  "LogInOptions.remember has the cookie last as long as the session may",
  (it) => {
    const { response } = it.run(undefined, remember(3600));

    assertEquals(maxAgeOf(response), 10_000);
  },
  { absoluteTimeout: 10_000 },
);

testVisits("LogInOptions.remember counts from the login", (it) => {
  const guest = it.enter();
  it.clock.advance(500_000);

  const { response } = it.run(guest, remember(3600));

  assertEquals(maxAgeOf(response), 10_000);
}, { absoluteTimeout: 10_000 });

for (const seconds of [0.5, 3600, 500 * DAY, Infinity]) {
  testVisits(
    `LogInOptions.remember ${seconds} asks the browser for 400 days at most`,
    (it) => {
      const { response, value } = it.run(undefined, remember(seconds));

      assertEquals(maxAgeOf(response), 400 * DAY);
      assertEquals(value!.sessionTimeout, seconds);
    },
  );
}

testVisits(
  "logIn() without remember sends a cookie that goes with the browser",
  (it) => {
    for (const options of [undefined, {}, { remember: undefined }]) {
      const { response, value } = it.run(
        undefined,
        (request) =>
          request.logIn("alice", options as LogInOptions | undefined),
      );
      assertEquals(maxAgeOf(response), undefined);
      assertEquals(value!.sessionTimeout, 900);
    }
  },
);

testVisits(
  "LogInOptions.remember of one login is not that of another session",
  (it) => {
    it.run(undefined, remember(3600));

    const { response, value } = it.run(
      undefined,
      (request) => request.logIn("alice"),
    );

    assertEquals(maxAgeOf(response), undefined);
    assertEquals(value!.sessionTimeout, 900);
  },
);

testVisits(
  "LogInOptions.remember of a login that joins makes its cookie persistent",
  (it) => {
    const guest = it.enter();
    logIn(it, guest);

    const { response } = it.run(guest, remember(3600));

    assertEquals(maxAgeOf(response), 400 * DAY);
    assertEquals(only(it).sessionTimeout, 3600);
  },
);

testVisits(
  "LogInOptions.remember has a renewed cookie of that session persistent too",
  (it) => {
    const cookie = it.run(undefined, remember(3600)).cookie;
    it.clock.advance(1_000_000);

    const { response } = it.run(cookie, (request) => request.renewSession());

    assertEquals(maxAgeOf(response), 9000);
  },
  { absoluteTimeout: 10_000 },
);

testVisits(
  "LogInOptions.remember has the cookie after Session.renew() persistent too",
  (it) => {
    const cookie = it.run(undefined, remember(3600)).cookie;
    only(it).renew();

    const { response } = it.run(cookie, (request) => request.getSession());

    assertEquals(maxAgeOf(response), 400 * DAY);
  },
);

for (
  const [value, error] of [
    [0, RangeError],
    [-1, RangeError],
    [NaN, RangeError],
    [-Infinity, RangeError],
    ["3600", TypeError],
    [null, TypeError],
    [true, TypeError],
    [3600n, TypeError],
  ] as const
) {
  testVisits(
    `LogInOptions.remember refuses ${typeof value} ${value} with a ${error.name}, and nothing changes`,
    (it) => {
      const guest = it.enter();

      const { value: seen, cookies } = it.run(guest, (request) => {
        const thrown = catchError(() =>
          request.logIn("alice", { remember: value as unknown as number })
        );
        return [thrown instanceof error, String(thrown).includes("remember")];
      });

      assertEquals(seen, [true, true]);
      assertEquals(cookies, []);
      assertEquals(only(it).principal, undefined);
      assertEquals(only(it).sessionTimeout, 900);
      assertEquals(it.peek(guest), uidIn(guest));
    },
  );
}

for (const options of [null, 3600, "3600", { remeber: 3600 }]) {
  testVisits(
    `logIn() refuses the options ${
      JSON.stringify(options)
    } with a TypeError, and nothing changes`,
    (it) => {
      const guest = it.enter();

      const { value } = it.run(
        guest,
        (request) =>
          catchError(() =>
            request.logIn("alice", options as unknown as LogInOptions)
          ),
      );

      assertInstanceOf(value, TypeError);
      assertEquals(only(it).principal, undefined);
    },
  );
}

/** What an act throws. */
function catchError(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

// Principals.

for (const principal of [undefined, null, 5, {}, Symbol("alice")]) {
  testVisits(
    `logIn() refuses the principal ${
      String(principal)
    } with a TypeError, and nothing changes`,
    (it) => {
      const guest = it.enter();

      const { value, cookies } = it.run(
        guest,
        (request) =>
          catchError(() => request.logIn(principal as unknown as string)),
      );

      assertInstanceOf(value, TypeError);
      assertEquals(cookies, []);
      assertEquals(only(it).principal, undefined);
      assertEquals(it.peek(guest), uidIn(guest));
    },
  );
}

for (const principal of ["", " ", "__proto__", "a".repeat(10_000), "ålice\n"]) {
  testVisits(
    `logIn() takes the principal ${JSON.stringify(principal.slice(0, 20))}`,
    (it) => {
      const cookie = logIn(it, it.enter(), principal);

      assertEquals(who(it, cookie), principal);
      assertEquals(it.sessions.sessionsOf(principal), [only(it)]);
    },
  );
}

testVisits(
  "logIn() indexes the session by its principal, and takes it out at the end",
  (it) => {
    const cookie = logIn(it, it.enter());
    assertEquals(it.sessions.sessionsOf("alice"), [only(it)]);

    it.run(cookie, (request) => request.logOut());

    assertEquals(it.sessions.sessionsOf("alice"), []);
  },
);

testVisits("logIn() is ended by endSessions()", (it) => {
  const cookie = logIn(it, it.enter());

  assertEquals(it.sessions.endSessions("alice"), 1);

  assertEquals(who(it, cookie), undefined);
});

// The limit.

testVisits(
  "logIn() beyond maxSessionsPerPrincipal ends the oldest other session",
  (it) => {
    const cookies = [1, 2, 3].map(() => {
      const cookie = logIn(it);
      it.clock.advance(1000);
      return cookie;
    });

    assertEquals(cookies.map((cookie) => who(it, cookie)), [
      undefined,
      "alice",
      "alice",
    ]);
  },
  { maxSessionsPerPrincipal: 2 },
);

testVisits("logIn() with the limit of 1 leaves the last one", (it) => {
  const first = logIn(it);
  const guest = it.enter();

  const second = logIn(it, guest);

  assertEquals([who(it, first), who(it, second)], [undefined, "alice"]);
  assertEquals(uidIn(second), uidIn(guest));
}, { maxSessionsPerPrincipal: 1 });

testVisits("logIn() in the principal's own session counts it once", (it) => {
  const guest = it.enter();
  let cookie = logIn(it, guest);
  const session = only(it);

  for (let i = 0; i < 5; i++) cookie = logIn(it, cookie);
  logIn(it, cookie);
  logIn(it, guest);

  assertStrictEquals(only(it), session);
  assert(session.isActive);
}, { maxSessionsPerPrincipal: 1, whenPrincipalIsFull: "refuse" });

testVisits(
  "logIn() that is refused is answered 409, and nothing is changed",
  (it) => {
    const first = logIn(it);
    const guest = it.enter();
    const session = it.sessions.get(uidIn(guest))!;
    session.set("cart", ["tea"]);
    it.clock.advance(1000);
    const { expiresAt } = session;

    const refused = it.run(guest, (request) => request.logIn("alice"));

    assertInstanceOf(refused.error, TooManySessionsError);
    assertEquals(refused.response.status, 409);
    assertEquals(refused.cookies, []);
    assertEquals(
      [session.principal, session.authenticatedAt, session.expiresAt],
      [undefined, undefined, expiresAt],
    );
    assertEquals([it.peek(guest), who(it, first)], [uidIn(guest), "alice"]);
    assertEquals(it.sessions.sessionsOf("alice").length, 1);
    // Its token is as current as before.
    assertEquals(it.visit(renew(it, guest)), []);
  },
  { maxSessionsPerPrincipal: 1, whenPrincipalIsFull: "refuse" },
);

testVisits("logIn() that is refused begins no session", (it) => {
  logIn(it);

  const refused = it.run(undefined, (request) => request.logIn("alice"));

  assertEquals(refused.response.status, 409);
  assertEquals(refused.cookies, []);
  assertEquals(it.sessions.size, 1);
}, { maxSessionsPerPrincipal: 1, whenPrincipalIsFull: "refuse" });

testVisits(
  "logIn() that is refused leaves the session of another principal",
  (it) => {
    logIn(it);
    const bobs = logIn(it, undefined, "bob");

    const refused = it.run(bobs, (request) => request.logIn("alice"));

    assertEquals(refused.response.status, 409);
    assertEquals(refused.cookies, []);
    assertEquals(who(it, bobs), "bob");
  },
  { maxSessionsPerPrincipal: 1, whenPrincipalIsFull: "refuse" },
);

testVisits(
  "logIn() that is refused can be caught, and the request goes on as before",
  (it) => {
    logIn(it);
    const guest = it.enter();

    const { value, cookies } = it.run(guest, (request) => {
      const error = catchError(() => request.logIn("alice"));
      return [
        error instanceof TooManySessionsError,
        request.getSession().uid,
        request.principal,
      ];
    });

    assertEquals(value, [true, uidIn(guest), undefined]);
    assertEquals(cookies, []);
  },
  { maxSessionsPerPrincipal: 1, whenPrincipalIsFull: "refuse" },
);

testVisits(
  "logIn() whose eviction ends its own session is in another",
  (it) => {
    const first = logIn(it);
    const guest = it.enter();
    const session = it.sessions.get(uidIn(guest))!;
    it.sessions.get(uidIn(first))!.notifyOnExpire(() => session.expire());

    const { value, cookie } = it.run(
      guest,
      (request) => request.logIn("alice"),
    );

    assert(value!.isActive);
    assertNotEquals(value!.uid, session.uid);
    assertEquals(who(it, cookie), "alice");
    assertEquals(it.sessions.sessionsOf("alice"), [value!]);
  },
  { maxSessionsPerPrincipal: 1 },
);

testVisits("logIn() whose eviction logs in again keeps to the limit", (it) => {
  const first = logIn(it);
  const guest = it.enter();
  const seen: unknown[] = [];
  it.sessions.get(uidIn(first))!.notifyOnExpire(() => {
    const request = new Request("http://localhost/");
    seen.push(catchError(() => {
      it.sessions.serve(request, (visit) => {
        visit.logIn("alice");
        return new Response();
      });
    }));
  });

  const cookie = logIn(it, guest);

  assertInstanceOf(seen[0], TooManySessionsError);
  assertEquals(who(it, cookie), "alice");
  assertEquals(it.sessions.sessionsOf("alice").length, 1);
}, { maxSessionsPerPrincipal: 1 });

// logOut()

testVisits("logOut() ends the session, and clears the cookie", (it) => {
  const cookie = logIn(it);
  const session = only(it);

  const { value, cookies, response } = it.run(cookie, (request) => {
    request.logOut();
    return [request.session, request.principal, session.isActive];
  });

  assertEquals(value, [undefined, undefined, false]);
  assertEquals(session.end?.reason, "logout");
  assertEquals(cookies, ["session="]);
  assertMatch(
    response.headers.getSetCookie()[0]!,
    /; Expires=Thu, 01 Jan 1970 00:00:00 GMT$/,
  );
  assertEquals(response.headers.get("clear-site-data"), '"cookies"');
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(it.sessions.size, 0);
}, { clearSiteData: ["cookies"] });

testVisits("logOut() ends the session for the given reason", (it) => {
  const cookie = it.enter();
  const session = only(it);

  it.run(cookie, (request) => request.logOut("revoked"));

  assertEquals(session.end?.reason, "revoked");
});

testVisits("logOut() twice ends once", (it) => {
  const cookie = it.enter();
  const ends: string[] = [];
  it.sessions.notifyOnSessionEnd(({ reason }) => ends.push(reason));

  const { cookies } = it.run(cookie, (request) => {
    request.logOut();
    request.logOut("revoked");
  });

  assertEquals(ends, ["logout"]);
  assertEquals(cookies, ["session="]);
});

for (const status of ["previous", "superseded"] as const) {
  testVisits(
    `logOut() by a ${status} token ends the session, and clears the cookie`,
    (it) => {
      const guest = it.enter();
      const first = logIn(it, guest);
      const [previous, current] = replace(it, first);
      const session = only(it);

      const { cookies } = it.run(
        status === "previous" ? previous : guest,
        (request) => request.logOut(),
      );

      assertEquals(session.end?.reason, "logout");
      assertEquals(cookies, ["session="]);
      assertEquals(who(it, current), undefined);
    },
  );

  testVisits(
    `logOut() by a ${status} token whose grace is over ends nothing`,
    (it) => {
      const guest = it.enter();
      const first = logIn(it, guest);
      const [previous, current] = replace(it, first);
      it.clock.advance(10_000);

      it.run(
        status === "previous" ? previous : guest,
        (request) => request.logOut(),
      );

      assertEquals(who(it, current), "alice");
    },
  );
}

testVisits(
  "logOut() by a superseded token ends the session after its request got a transient one",
  (it) => {
    const guest = it.enter();
    const current = logIn(it, guest);
    const session = only(it);

    const { cookies } = it.run(guest, (request) => {
      request.getSession();
      request.logOut();
    });

    assertEquals(session.end?.reason, "logout");
    assertEquals(cookies, ["session="]);
    assertEquals(who(it, current), undefined);
  },
);

testVisits(
  "logOut() in a request under way ends the session that a login has taken from it",
  async (it) => {
    const guest = it.enter();
    const slow = it.begin(guest, (request) => request.logOut(), {
      before: (request) => request.getSession(),
    });
    logIn(it, guest);
    const session = only(it);

    const { cookies } = await slow.finish();

    assertEquals(session.end?.reason, "logout");
    assertEquals(cookies, ["session="]);
  },
);

testVisits(
  "logOut() after the request waited clears the cookie",
  async (it) => {
    const cookie = it.enter();
    const slow = it.begin(cookie, (request) => request.logOut(), {
      before: (request) => request.getSession(),
    });

    assertEquals((await slow.finish()).cookies, ["session="]);
  },
);

testVisits(
  "logOut() of a session that has ended meanwhile clears the cookie",
  async (it) => {
    const cookie = it.enter();
    const slow = it.begin(cookie, (request) => request.logOut(), {
      before: (request) => request.getSession(),
    });
    only(it).expire("revoked");

    assertEquals((await slow.finish()).cookies, ["session="]);
  },
);

testVisits(
  "logOut() of a session that has ended meanwhile clears the cookie after a transient one",
  async (it) => {
    const cookie = it.enter();
    const slow = it.begin(cookie, (request) => {
      request.getSession();
      request.logOut();
    }, { before: (request) => request.getSession() });
    only(it).expire("revoked");

    assertEquals((await slow.finish()).cookies, ["session="]);
  },
);

testVisits("logOut() with a cookie that opens nothing clears it", (it) => {
  assertEquals(
    it.run(FORGED, (request) => request.logOut()).cookies,
    ["session="],
  );
});

for (const cookie of [undefined, "other=1"]) {
  testVisits(`logOut() with the cookie ${cookie} sends nothing`, (it) => {
    const { cookies, response } = it.run(cookie, (request) => {
      request.getSession();
      request.logOut();
    });

    assertEquals(cookies, []);
    assertEquals(response.headers.get("clear-site-data"), null);
    assertEquals(it.sessions.size, 0);
  }, { clearSiteData: ["cookies"] });
}

testVisits("logOut() makes no session", (it) => {
  let begun = 0;
  it.sessions.notifyOnSessionStart(() => begun++);

  it.run(undefined, (request) => request.logOut());
  it.run(FORGED, (request) => request.logOut());

  assertEquals(begun, 0);
});

testVisits(
  "logOut() and then getSession() begins a session, whose cookie is sent",
  (it) => {
    const cookie = logIn(it);
    only(it).set("kept", 1);

    const { value, cookie: sent, response } = it.run(cookie, (request) => {
      request.logOut();
      return request.getSession();
    });

    assertNotEquals(value!.uid, uidIn(cookie));
    assertEquals(uidIn(sent), value!.uid);
    assertEquals([value!.principal, value!.get("kept")], [
      undefined,
      undefined,
    ]);
    assertEquals(response.headers.get("clear-site-data"), null);
    assertStrictEquals(only(it), value!);
  },
  { clearSiteData: ["cookies"] },
);

testVisits(
  "logOut() and then logIn() begins a session, whose cookie is sent",
  (it) => {
    const cookie = logIn(it);
    only(it).set("kept", 1);

    const { value, cookie: sent, response } = it.run(cookie, (request) => {
      request.logOut();
      return request.logIn("alice");
    });

    assertNotEquals(value!.uid, uidIn(cookie));
    assertEquals(uidIn(sent), value!.uid);
    assertEquals(value!.get("kept"), undefined);
    assertEquals(response.headers.get("clear-site-data"), null);
    assertEquals(who(it, sent), "alice");
  },
  { clearSiteData: ["cookies"] },
);

testVisits(
  "logOut() and then getSession() after a wait begins a session, whose cookie is sent",
  async (it) => {
    const cookie = logIn(it);
    const slow = it.begin(cookie, (request) => {
      request.logOut();
      return request.getSession().uid;
    }, { before: (request) => request.getSession() });

    const { value, cookie: sent } = await slow.finish();

    assertEquals(uidIn(sent), value);
  },
);

testVisits("logIn() and then logOut() clears the cookie", (it) => {
  const cookie = it.enter();

  const { cookies, response } = it.run(cookie, (request) => {
    request.logIn("alice");
    request.logOut();
  });

  assertEquals(cookies, ["session="]);
  assertEquals(response.headers.get("clear-site-data"), '"cookies"');
  assertEquals(it.sessions.size, 0);
}, { clearSiteData: ["cookies"] });

testVisits("logIn() and then logOut() without a cookie sends nothing", (it) => {
  const { cookies } = it.run(undefined, (request) => {
    request.logIn("alice");
    request.logOut();
  });

  assertEquals(cookies, []);
  assertEquals(it.sessions.size, 0);
});

testVisits("logOut() ends a session whose expire() would not", (it) => {
  const cookie = it.enter();
  const session = only(it);

  it.run(cookie, (request) => request.logOut());

  assertFalse(session.isActive);
}, {
  sessionFactory: class Stubborn extends Session {
    override expire(): void {}
  },
});

testVisits(
  "logOut() in one request has another under way leave the cookie",
  async (it) => {
    const cookie = it.enter();
    const slow = it.begin(cookie, (request) => request.session, {
      before: (request) => request.getSession(),
    });

    it.run(cookie, (request) => request.logOut());
    const { value, cookies } = await slow.finish();

    assertEquals(value, undefined);
    assertEquals(cookies, []);
  },
);

testVisits(
  "logOut() and a login at once: a response that is late brings nothing back",
  async (it) => {
    const cookie = it.enter();
    const login = it.begin(cookie, () => {}, {
      before: (request) => request.logIn("alice"),
    });
    const logout = it.run(cookie, (request) => request.logOut());

    // By a token that the login has superseded, it ends the session all the same.
    assertEquals(logout.cookies, ["session="]);
    assertEquals((await login.finish()).cookies, []);
    assertEquals(it.sessions.size, 0);
  },
);

// expire() is a logout too, before the request waits.

for (
  const [what, end] of [
    ["Session.expire()", (session: Session) => session.expire()],
    [
      "Session.expire() with a reason",
      (session: Session) => session.expire("revoked"),
    ],
  ] as const
) {
  testVisits(`${what} before the request waits clears the cookie`, (it) => {
    const cookie = it.enter();

    assertEquals(
      it.run(cookie, (request) => end(request.getSession())).cookies,
      ["session="],
    );
  });

  testVisits(
    `${what} before the request waits clears the cookie of a response that comes later`,
    async (it) => {
      const cookie = it.enter();
      const slow = it.begin(cookie, () => {}, {
        before: (request) => end(request.getSession()),
      });

      assertEquals((await slow.finish()).cookies, ["session="]);
    },
  );

  testVisits(
    `${what} after the request waited leaves the cookie`,
    async (it) => {
      const cookie = it.enter();
      const slow = it.begin(cookie, (request) => end(request.getSession()), {
        before: (request) => request.getSession(),
      });

      const { cookies, response } = await slow.finish();

      assertEquals(cookies, []);
      assertEquals(response.headers.get("clear-site-data"), null);
      assertEquals(it.sessions.size, 0);
    },
    { clearSiteData: ["cookies"] },
  );

  testVisits(
    `${what} after the request waited, and then logOut(), clears the cookie`,
    async (it) => {
      const cookie = it.enter();
      const slow = it.begin(cookie, (request) => {
        end(request.getSession());
        request.logOut();
      }, { before: (request) => request.getSession() });

      assertEquals((await slow.finish()).cookies, ["session="]);
    },
  );

  testVisits(
    `${what} after the request waited has getSession() make a transient session`,
    async (it) => {
      const cookie = it.enter();
      const slow = it.begin(cookie, (request) => {
        end(request.getSession());
        return request.getSession();
      }, { before: (request) => request.getSession() });

      const { value, cookies } = await slow.finish();

      assertEquals(value!.end?.reason, "evicted");
      assertEquals(cookies, []);
      assertEquals(it.sessions.size, 0);
    },
  );
}

// Kinds of requests.

for (
  const [what, options] of [
    ["HEAD", { method: "HEAD" }],
    ["POST", { method: "POST" }],
    ["a prefetch of its own", {
      headers: { "sec-purpose": "prefetch", "sec-fetch-site": "same-origin" },
    }],
    ["a prefetch of another site", {
      headers: { "sec-purpose": "prefetch", "sec-fetch-site": "cross-site" },
    }],
    ["a post from another site", {
      method: "POST",
      headers: { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
    }],
  ] as const
) {
  testVisits(
    `logIn() begins a session and sends its cookie for ${what}`,
    (it) => {
      const { value, cookie } = it.run(
        undefined,
        (request) => request.logIn("alice"),
        options,
      );

      assertStrictEquals(only(it), value!);
      assertEquals(who(it, cookie), "alice");
    },
  );

  testVisits(
    `logIn() keeps the session and sends its cookie for ${what} with one`,
    (it) => {
      const guest = it.enter();

      const { cookie } = it.run(
        guest,
        (request) => request.logIn("alice"),
        options,
      );

      assertEquals(uidIn(cookie), uidIn(guest));
      assertEquals(who(it, cookie), "alice");
    },
  );

  testVisits(
    `logIn() begins a session for ${what} after a transient one`,
    (it) => {
      const { value, cookie } = it.run(undefined, (request) => {
        request.getSession();
        return request.logIn("alice");
      }, options);

      assertStrictEquals(only(it), value!);
      assertEquals(who(it, cookie), "alice");
    },
  );
}

Deno.test("logIn() begins a session for a resource that touches none", () => {
  using it = new Stage("Site");

  const { cookie } = it.run(undefined, (request) => request.logIn("alice"), {
    isExcluded: true,
  });

  assertEquals(who(it, cookie), "alice");
});

// Too late.

for (
  const [what, act] of [
    ["logIn()", (request: RequestSession) => request.logIn("alice")],
    ["logOut()", (request: RequestSession) => request.logOut()],
  ] as const
) {
  testVisits(
    `${what} throws once the response has been produced, and nothing changes`,
    (it) => {
      const cookie = it.enter();
      const kept = it.run(cookie, (request) => {
        request.getSession();
        return request;
      });

      const error = catchError(() => act(kept.value!));

      assertInstanceOf(error, TooLateForCookieError);
      assert(only(it).isActive);
      assertEquals(only(it).principal, undefined);
      assertEquals(it.peek(cookie), uidIn(cookie));
    },
  );
}

// Callbacks.

testVisits(
  "logIn() of a new session calls the start callbacks, once, before it has the principal",
  (it) => {
    const seen: unknown[] = [];
    it.sessions.notifyOnSessionStart(({ uid, principal }) => {
      seen.push([uid, principal]);
    });

    const { value } = it.run(undefined, (request) => request.logIn("alice"));

    assertEquals(seen, [[value!.uid, undefined]]);
  },
);

testVisits(
  "logIn() is not disturbed by a start callback that ends the session",
  (it) => {
    it.sessions.notifyOnSessionStart((session) => session.expire());

    const { value, cookies } = it.run(
      undefined,
      (request) => request.logIn("alice"),
    );

    assertFalse(value!.isActive);
    assertEquals(cookies, []);
    assertEquals(it.sessions.sessionsOf("alice"), []);
  },
);

testVisits(
  "logIn() of another principal is not disturbed by a callback of the end that throws",
  (it) => {
    const bobs = logIn(it, undefined, "bob");
    only(it).notifyOnExpire(() => {
      throw new Error("thrown");
    });

    const cookie = logIn(it, bobs);

    assertEquals(who(it, cookie), "alice");
    assertEquals(it.errors.all.map(String), ["Error: thrown"]);
  },
);

testVisits("logIn() after the sessions are closed is 503", async (it) => {
  const slow = it.begin(undefined, (request) => request.logIn("alice"));
  it.sessions[Symbol.dispose]();

  const { response, cookies } = await slow.finish();

  assertEquals(response.status, 503);
  assertEquals(cookies, []);
});

testVisits(
  "LogInOptions.remember has the cookie sent anew when its session may last longer",
  (it) => {
    const { cookie } = it.run(undefined, (request) => {
      const session = request.logIn("alice", { remember: 3600 });
      session.absoluteTimeout = 7200;
    });
    const prolong = (seconds: number) =>
      it.run(cookie, (request) => {
        request.getSession().absoluteTimeout = seconds;
      }).response.headers.getSetCookie();

    assertEquals(prolong(7200), []);
    assertEquals(prolong(3600), []);
    it.clock.advance(600_000);
    const [sent = ""] = prolong(86_400);
    assert(sent.startsWith(cookie));
    assert(sent.endsWith("; Max-Age=85800"), sent);
    assertEquals(prolong(86_400), []);
  },
);
