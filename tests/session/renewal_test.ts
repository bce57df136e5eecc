/**
 * Renewals of a session's token, by `request.renewSession()` and by
 * `session.renew()`, to a Site and to a Sessions alone. Logins are in
 * `tests/registry/login_test.ts`.
 */
import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { Rendered, Session, SiteRequest } from "../../mod.ts";
import {
  cookieOf,
  cookiesOf,
  Errors,
  ManualClock,
  onlySession,
  settle,
  siteOf,
  visit,
} from "../helpers_session.ts";
import { type Act, Stage, testVisits, uidIn } from "../helpers_visits.ts";

/** The one session that there is. */
function only(it: Stage): Session {
  const sessions = [...it.sessions.values()];
  assert(sessions.length === 1, `sessions that there are: ${sessions.length}`);
  return sessions[0]!;
}

const renewSession: Act<Session> = (request) => request.renewSession();
const getSession: Act<Session> = (request) => request.getSession();

/** The two ways to a new cookie, by name. */
const WAYS: readonly [string, (it: Stage, cookie: string) => string][] = [
  [
    "SiteRequest.renewSession()",
    (it, cookie) => it.run(cookie, renewSession).cookie,
  ],
  ["Session.renew()", (it, cookie) => {
    it.sessions.get(uidIn(cookie))!.renew();
    return it.run(cookie, getSession).cookie;
  }],
];

/** Makes the visitor alice, without a login that would replace the cookie. */
function makeAlice(it: Stage): void {
  only(it).principal = "alice";
}

// What stays, and what does not.

for (const [way, renew] of WAYS) {
  testVisits(`${way} sends another secret with the same uid`, (it) => {
    const old = it.enter();

    const renewed = renew(it, old);

    assertEquals(renewed.slice(0, -32), old.slice(0, -32));
    assertNotEquals(renewed.slice(-32), old.slice(-32));
    assertMatch(renewed, /^session=[0-9a-f]{64}$/);
  });

  testVisits(`${way} keeps the session object`, (it) => {
    const old = it.enter();
    const session = only(it);

    renew(it, old);

    assertStrictEquals(only(it), session);
    assertStrictEquals(it.sessions.get(session.uid), session);
  });

  testVisits(`${way} keeps the values and components`, (it) => {
    class Cart {
      items = 3;
    }
    const old = it.enter();
    const session = only(it);
    session.set("colour", "red");
    const cart = session.getComponent(Cart);

    renew(it, old);

    assertEquals(session.get("colour"), "red");
    assertStrictEquals(session.getComponent(Cart), cart);
  });

  testVisits(
    `${way} keeps the callbacks, which are called once at the end`,
    (it) => {
      const old = it.enter();
      const session = only(it);
      const called: string[] = [];
      session.notifyOnExpire(({ uid }) => called.push(uid));

      renew(it, old);

      assertEquals(called, []);
      session.expire();
      assertEquals(called, [session.uid]);
    },
  );

  testVisits(`${way} keeps the signal, which does not abort`, (it) => {
    const old = it.enter();
    const { signal } = only(it);

    renew(it, old);

    assertStrictEquals(only(it).signal, signal);
    assertFalse(signal.aborted);
  });

  testVisits(`${way} keeps the principal, and is no login`, (it) => {
    const old = it.enter();
    makeAlice(it);

    renew(it, old);

    assertEquals(it.sessions.sessionsOf("alice"), [only(it)]);
    assertEquals(only(it).authenticatedAt, undefined);
  });

  testVisits(`${way} begins absoluteTimeout not anew`, (it) => {
    const old = it.enter();
    it.clock.advance(50_000);

    renew(it, old);

    assertEquals(only(it).expiresAt, only(it).createdAt + 100);
  }, { absoluteTimeout: 100 });

  testVisits(`${way} is sent with no-store`, (it) => {
    const old = it.enter();
    if (way === "Session.renew()") only(it).renew();

    const act = way === "Session.renew()" ? getSession : renewSession;
    const { response, cookies } = it.run(old, act);

    assertEquals(cookies.length, 1);
    assertEquals(response.headers.get("cache-control"), "no-store");
    assertEquals(response.headers.get("clear-site-data"), null);
  }, { clearSiteData: ["cookies"] });

  testVisits(`${way} has the new token open the session`, (it) => {
    const renewed = renew(it, it.enter());

    assertEquals(it.peek(renewed), only(it).uid);
  });

  testVisits(`${way} has the new token open the session long after`, (it) => {
    const renewed = renew(it, it.enter());

    it.clock.advance(800_000);

    assertEquals(it.peek(renewed), only(it).uid);
  });

  testVisits(`${way} sends the new cookie once`, (it) => {
    const renewed = renew(it, it.enter());

    assertEquals(it.visit(renewed), []);
    assertEquals(it.visit(renewed), []);
  });

  testVisits(
    `${way} after the new token has been shown makes another`,
    (it) => {
      const second = renew(it, it.enter());

      const third = renew(it, second);

      assertNotEquals(third, second);
      assertEquals(it.peek(third), only(it).uid);
      it.clock.advance(10_000);
      assertEquals(it.peek(second), undefined);
      assertEquals(it.peek(third), only(it).uid);
    },
  );

  testVisits(
    `${way} leaves neither secret in what Deno.inspect() shows`,
    (it) => {
      const old = it.enter();
      const renewed = renew(it, old);

      const text = Deno.inspect(only(it), { depth: 100, showHidden: true });

      assertFalse(text.includes(old.slice(-32)));
      assertFalse(text.includes(renewed.slice(-32)));
    },
  );

  // The old token, until a request arrives with the new one.

  testVisits(
    `${way} leaves the old token current while no request has come with the new one`,
    (it) => {
      const old = it.enter();
      makeAlice(it);
      renew(it, old);

      for (let i = 0; i < 20; i++) {
        it.clock.advance(800_000);
        assertEquals(it.visit(old), []);
      }

      // A token that is no longer current could not.
      assertEquals(it.run(old, renewSession).cookies.length, 1);
      assertEquals(it.suspicions, []);
    },
  );

  testVisits(`${way} whose response is lost can be repeated`, (it) => {
    const old = it.enter();
    renew(it, old);
    it.clock.advance(60_000);

    const second = renew(it, old);

    assertEquals(it.peek(second), only(it).uid);
  });

  testVisits(
    `${way} has the old token open the session for 10 s from the first request with the new one`,
    (it) => {
      const old = it.enter();
      const renewed = renew(it, old);
      it.clock.advance(60_000);
      it.peek(renewed);

      it.clock.advance(9999);
      assertEquals(it.peek(old), only(it).uid);
      it.clock.advance(1);

      assertEquals(it.peek(old), undefined);
      assertEquals(it.suspicions, ["outdated-token"]);
    },
  );

  testVisits(`${way} has the old token open nothing after the grace`, (it) => {
    const old = it.enter();
    const renewed = renew(it, old);
    it.peek(renewed);
    it.clock.advance(10_000);

    const { value, cookies } = it.run(old, getSession);

    // It is an unknown token now.
    assertNotEquals(value!.uid, uidIn(renewed));
    assertEquals(cookies.length, 1);
    assertEquals(it.sessions.size, 2);
    assertEquals(it.peek(renewed), uidIn(renewed));
  });

  testVisits(`${way} gives the old token no more time for being used`, (it) => {
    const old = it.enter();
    it.peek(renew(it, old));

    it.clock.advance(9000);
    it.visit(old);
    it.clock.advance(1000);

    assertEquals(it.peek(old), undefined);
  });

  testVisits(
    `${way} gives the old token no more time for the new one being used again`,
    (it) => {
      const old = it.enter();
      const renewed = renew(it, old);
      it.peek(renewed);

      it.clock.advance(9000);
      it.visit(renewed);
      it.clock.advance(1000);

      assertEquals(it.peek(old), undefined);
    },
  );

  testVisits(
    `${way} gives the first token no more time at a second renewal`,
    (it) => {
      const first = it.enter();
      const second = renew(it, first);
      it.peek(second);
      it.clock.advance(9000);

      it.peek(renew(it, second));
      assertEquals(it.peek(first), only(it).uid);
      it.clock.advance(1000);

      assertEquals(it.peek(first), undefined);
      assertEquals(it.peek(second), only(it).uid);
      it.clock.advance(9000);
      assertEquals(it.peek(second), undefined);
    },
  );

  testVisits(`${way} twice leaves the first token its grace`, (it) => {
    const first = it.enter();
    const second = renew(it, first);

    it.peek(renew(it, second));

    assertEquals(it.peek(first), only(it).uid);
  });

  testVisits(
    `SessionsOptions.renewalGrace is how long the old token opens the session after ${way}`,
    (it) => {
      const old = it.enter();
      it.peek(renew(it, old));

      it.clock.advance(2499);
      assertEquals(it.peek(old), only(it).uid);
      it.clock.advance(1);

      assertEquals(it.peek(old), undefined);
    },
    { renewalGrace: 2.5 },
  );

  testVisits(
    `SessionsOptions.renewalGrace 0 has the old token open nothing once the new one has come after ${way}`,
    (it) => {
      const old = it.enter();
      const renewed = renew(it, old);
      assertEquals(it.peek(old), only(it).uid);

      it.peek(renewed);

      assertEquals(it.peek(old), undefined);
    },
    { renewalGrace: 0 },
  );

  testVisits(
    `SessionsOptions.renewalGrace Infinity has the old token open the session for ever after ${way}`,
    (it) => {
      const old = it.enter();
      it.peek(renew(it, old));

      it.clock.advance(800_000);

      assertEquals(it.peek(old), only(it).uid);
    },
    { renewalGrace: Infinity },
  );

  testVisits(`${way} has a visit with the old token count as access`, (it) => {
    const old = it.enter();
    it.peek(renew(it, old));

    it.clock.advance(4000);
    it.visit(old);

    assertEquals(only(it).lastModified * 1000, it.clock.time);
  });

  for (const persistent of [false, true]) {
    const what = persistent ? "a persistent cookie" : "a cookie";

    testVisits(
      `${way} sends ${what} to no request with the old token once the new one has come`,
      (it) => {
        const old = it.enter();
        const renewed = renew(it, old);
        it.peek(renewed);

        assertEquals(it.visit(old), []);
        assertEquals(it.visit(renewed), persistent ? [renewed] : []);
      },
      { cookie: { persistent } },
    );

    testVisits(
      `${way} sends ${what} of the request's own token while the new one has not come`,
      (it) => {
        const old = it.enter();
        renew(it, old);

        assertEquals(it.visit(old), persistent ? [old] : []);
      },
      { cookie: { persistent } },
    );
  }
}

// Session.renew() outside of a request marks the session.

Deno.test("Session.renew() changes neither the deadline nor the last access", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  visit(site);
  const session = onlySession(site);
  const before = [session.expiresAt, session.lastModified, session.createdAt];
  clock.advance(3000);

  session.renew();

  assertEquals(
    [session.expiresAt, session.lastModified, session.createdAt],
    before,
  );
});

Deno.test("Session.renew() sets no timer", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  visit(site);
  const { sets } = clock;

  onlySession(site).renew();

  assertEquals(clock.sets, sets);
});

Deno.test("Session.renew() after the end does nothing", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire();

  session.renew();

  assertFalse(session.isActive);
});

testVisits(
  "Session.renew() has nothing sent by a request that asks for no session",
  (it) => {
    const old = it.enter();
    only(it).renew();

    assertEquals(it.run(old, () => {}).cookies, []);
    assertEquals(it.run(old, (request) => request.session?.uid).cookies, []);

    assertEquals(it.run(old, getSession).cookies.length, 1);
  },
);

testVisits("Session.renew() any number of times has one cookie sent", (it) => {
  const old = it.enter();
  for (let i = 0; i < 20; i++) only(it).renew();

  assertEquals(it.run(old, getSession).cookies.length, 1);
  assertEquals(it.run(old, getSession).cookies, []);
});

testVisits(
  "Session.renew() has one cookie sent by a request that asks twice",
  (it) => {
    const old = it.enter();
    only(it).renew();

    const { cookie } = it.run(old, (request) => {
      request.getSession();
      request.getSession();
    });

    assertNotEquals(cookie, old);
    assertEquals(it.peek(cookie), only(it).uid);
  },
);

testVisits(
  "Session.renew() has the cookie sent on HEAD no more than that of a new session",
  (it) => {
    const old = it.enter();
    only(it).renew();

    const head = it.run(old, getSession, { method: "HEAD" });

    // No access, so it is left to the next visit.
    assertEquals(head.cookies, []);
    assertEquals(it.run(old, getSession).cookies.length, 1);
  },
);

testVisits(
  "Session.renew() has nothing sent to a token that is previous",
  (it) => {
    const first = it.enter();
    const second = it.run(first, renewSession).cookie;
    it.peek(second);
    only(it).renew();

    assertEquals(it.visit(first), []);
    assertEquals(it.visit(second).length, 1);
    assertEquals(it.visit(second), []);
  },
);

testVisits(
  "Session.renew() has nothing sent to a token that a login has superseded",
  (it) => {
    const old = it.enter();
    const { cookie } = it.run(old, (request) => request.logIn("alice"));
    only(it).renew();

    assertEquals(it.visit(old), []);
    assertEquals(it.visit(cookie).length, 1);
  },
);

testVisits("Session.renew() in its own request is for the next one", (it) => {
  const old = it.enter();

  const own = it.run(old, (request) => {
    request.getSession().renew();
    request.getSession();
  });

  assertEquals(own.cookies, []);
  assertEquals(it.run(old, getSession).cookies.length, 1);
});

testVisits(
  "Session.renew() of request.session is for the next request",
  (it) => {
    const old = it.enter();

    const own = it.run(old, (request) => request.session?.renew());
    const next = it.run(old, getSession);

    assertEquals(own.cookies, []);
    assertEquals(it.peek(next.cookie), only(it).uid);
  },
);

testVisits(
  "Session.renew() of a session that the request made is for the next one",
  (it) => {
    const own = it.run(undefined, (request) => request.getSession().renew());
    const next = it.run(own.cookie, getSession);

    assertNotEquals(next.cookie, own.cookie);
    assertEquals(it.peek(next.cookie), only(it).uid);
  },
);

testVisits(
  "Session.renew() has nothing sent to a request that had arrived before",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, getSession, { before: getSession });

    only(it).renew();
    const { cookies } = await slow.finish();

    assertEquals(cookies, []);
    assertEquals(it.visit(old).length, 1);
  },
);

testVisits(
  "Session.renew() by one of several requests that wait guesses nothing",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, () => {}, { before: getSession });
    const login = it.begin(old, (request) => request.session?.renew(), {
      before: getSession,
    });

    const answers = [await login.finish(), await slow.finish()];

    assertEquals(answers.map(({ cookies }) => cookies), [[], []]);
    assertEquals(it.errors.all, []);
    assertEquals(it.visit(old).length, 1);
  },
);

testVisits(
  "Session.renew() in another visitor's request is as outside of one",
  (it) => {
    const old = it.enter();

    const admin = it.run(undefined, (request) => {
      request.getSession();
      it.sessions.get(uidIn(old))!.renew();
    });

    assertNotEquals(uidIn(admin.cookie), uidIn(old));
    const renewed = it.run(old, getSession).cookie;
    assertNotEquals(renewed, old);
    assertEquals(uidIn(renewed), uidIn(old));
  },
);

testVisits("Session.renew() is settled by a login", (it) => {
  const old = it.enter();
  only(it).renew();
  const { cookie } = it.run(old, (request) => request.logIn("alice"));

  assertEquals(it.visit(cookie), []);
});

testVisits("Session.renew() is settled by renewSession()", (it) => {
  const old = it.enter();
  only(it).renew();
  const { cookie } = it.run(old, renewSession);

  assertEquals(it.visit(cookie), []);
});

for (const end of ["expire", "logOut"] as const) {
  testVisits(`Session.renew() and then ${end}() clears the cookie`, (it) => {
    const old = it.enter();

    const { cookies } = it.run(old, (request) => {
      const session = request.getSession();
      session.renew();
      if (end === "expire") session.expire();
      else request.logOut();
    });

    assertEquals(cookies, ["session="]);
  });

  testVisits(
    `SiteRequest.renewSession() and then ${end}() clears the cookie`,
    (it) => {
      const old = it.enter();

      const { cookies } = it.run(old, (request) => {
        const session = request.renewSession();
        if (end === "expire") session.expire();
        else request.logOut();
      });

      assertEquals(cookies, ["session="]);
    },
  );
}

// SiteRequest.renewSession()

testVisits(
  "SiteRequest.renewSession() answers the session, and touches it",
  (it) => {
    const old = it.enter();
    it.clock.advance(5000);

    const { value } = it.run(old, renewSession);

    assertStrictEquals(value, only(it));
    assertEquals(value!.lastModified * 1000, it.clock.time);
  },
);

testVisits(
  "SiteRequest.renewSession() twice in a request sends one cookie, which opens the session",
  (it) => {
    const old = it.enter();

    const { cookie } = it.run(old, (request) => {
      request.renewSession();
      request.renewSession();
    });

    assertEquals(it.peek(cookie), only(it).uid);
  },
);

testVisits(
  "SiteRequest.renewSession() makes a session where there is none, whose token is its first",
  (it) => {
    const { cookie, value } = it.run(undefined, renewSession);

    assertStrictEquals(value, only(it));
    assertEquals(it.visit(cookie), []);
    assertEquals(it.peek(cookie), only(it).uid);
  },
);

testVisits(
  "SiteRequest.renewSession() of a session that the request made draws no other secret",
  (it) => {
    const { cookies } = it.run(undefined, (request) => {
      request.getSession();
      request.renewSession();
    });

    assertEquals(cookies.length, 1);
    assertEquals(it.visit(cookies[0]!), []);
  },
);

testVisits(
  "SiteRequest.renewSession() after a login in the same request changes nothing",
  (it) => {
    const old = it.enter();

    const { cookie } = it.run(old, (request) => {
      request.logIn("alice");
      request.renewSession();
    });

    assertEquals(it.peek(cookie), only(it).uid);
    assertEquals(only(it).principal, "alice");
    it.clock.advance(10_000);
    assertEquals(it.peek(cookie), only(it).uid);
  },
);

testVisits(
  "SiteRequest.renewSession() and then a login sends the cookie of the login",
  (it) => {
    const old = it.enter();

    const { cookie } = it.run(old, (request) => {
      request.renewSession();
      request.logIn("alice");
    });

    assertEquals(it.peek(cookie), only(it).uid);
    assertEquals(it.run(cookie, (request) => request.principal).value, "alice");
  },
);

Deno.test("SiteRequest.renewSession() writes the cookie as the first one was", () => {
  let renews = false;
  using site = siteOf({}, (request) => {
    if (renews) request.renewSession();
    return request.getSession().uid;
  });
  const first = visit(site);
  renews = true;

  const second = visit(site, cookieOf(first));

  const attributesOf = (response: Response) =>
    response.headers.getSetCookie().map((line) => line.split("; ").slice(1));
  assertEquals(attributesOf(second), attributesOf(first));
});

type Render = (request: SiteRequest) => Rendered | Promise<Rendered>;

for (
  const [what, status, render] of [
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
  Deno.test(`SiteRequest.renewSession() sends the new cookie on ${what}`, () => {
    let act: Render = (request) => request.getSession().uid;
    const clock = new ManualClock();
    using site = siteOf(
      { clock, onError: new Errors().onError },
      (request) => act(request),
    );
    const old = cookieOf(visit(site));
    act = (request) => {
      request.renewSession();
      return render(request);
    };

    const response = visit(site, old);

    assertEquals(response.status, status);
    const renewed = cookieOf(response);
    assertNotEquals(renewed, old);
    act = (request) => String(request.session?.uid);
    visit(site, renewed);
    clock.advance(10_000);
    const seen: unknown[] = [];
    act = (request) => {
      seen.push(request.session);
      return "";
    };
    visit(site, renewed);
    visit(site, old);
    assertEquals(seen, [onlySession(site), undefined]);
  });
}

// By a token that is no longer current.

testVisits(
  "SiteRequest.renewSession() by a previous token renews nothing of a principal's session",
  (it) => {
    const first = it.enter();
    makeAlice(it);
    const second = it.run(first, renewSession).cookie;
    it.peek(second);

    const { value, cookies } = it.run(first, renewSession);

    assertStrictEquals(value, only(it));
    assertEquals(cookies, []);
    // Otherwise a fading token would become one that lasts.
    it.clock.advance(10_000);
    assertEquals(it.peek(first), undefined);
    assertEquals(it.peek(second), only(it).uid);
  },
);

testVisits(
  "SiteRequest.renewSession() by a previous token of an anonymous session begins another",
  (it) => {
    const first = it.enter();
    const old = only(it);
    old.set("cart", ["tea"]);
    const second = it.run(first, renewSession).cookie;
    it.peek(second);

    const { value, cookie } = it.run(first, renewSession);

    assertNotEquals(value!.uid, old.uid);
    assertEquals(uidIn(cookie), value!.uid);
    assertEquals(value!.get("cart"), undefined);
    assert(value!.isActive);
    assert(old.isActive);
    assertEquals(it.peek(second), old.uid);
    assertEquals(it.peek(cookie), value!.uid);
  },
);

testVisits(
  "SiteRequest.renewSession() by a previous token has its request use the session that begins",
  (it) => {
    const first = it.enter();
    it.peek(it.run(first, renewSession).cookie);

    const { value } = it.run(first, (request) => {
      const session = request.renewSession();
      return [
        request.session === session,
        request.getSession() === session,
        request.isNewSession,
        request.renewSession() === session,
      ];
    });

    assertEquals(value, [true, true, true, true]);
    assertEquals(it.sessions.size, 2);
  },
);

testVisits(
  "SiteRequest.renewSession() by a superseded token renews nothing",
  (it) => {
    const old = it.enter();
    const { cookie } = it.run(old, (request) => request.logIn("alice"));

    const { value, cookies } = it.run(old, renewSession);

    assertNotEquals(value!.uid, uidIn(cookie));
    assertEquals(cookies, []);
    assertEquals(value!.end?.reason, "evicted");
    assertEquals(it.sessions.size, 1);
    assertEquals(it.peek(cookie), uidIn(cookie));
  },
);

testVisits(
  "SiteRequest.renewSession() by a previous token begins no session that stays for HEAD",
  (it) => {
    const first = it.enter();
    it.peek(it.run(first, renewSession).cookie);

    const { cookies } = it.run(first, renewSession, { method: "HEAD" });

    assertEquals(cookies, []);
    assertEquals(it.sessions.size, 1);
  },
);

Deno.test("SiteRequest.renewSession() by a previous token begins no session that stays for a resource that touches none", () => {
  using it = new Stage("Site");
  const first = it.enter();
  it.peek(it.run(first, renewSession).cookie);

  const { cookies } = it.run(first, renewSession, { isExcluded: true });

  assertEquals(cookies, []);
  assertEquals(it.sessions.size, 1);
});

testVisits(
  "SiteRequest.renewSession() by a token whose session has ended begins another",
  (it) => {
    const old = it.enter();
    only(it).expire();

    const { value, cookie } = it.run(old, renewSession);

    assertNotEquals(value!.uid, uidIn(old));
    assertEquals(it.peek(cookie), value!.uid);
  },
);

testVisits(
  "SiteRequest.renewSession() in a slow request becomes nothing once another renewal has been shown",
  async (it) => {
    const first = it.enter();
    makeAlice(it);
    const slow = it.begin(first, renewSession, { before: getSession });
    const second = it.run(first, renewSession).cookie;
    it.peek(second);

    const { value, cookies } = await slow.finish();

    assertStrictEquals(value, only(it));
    assertEquals(cookies, []);
  },
);

// Several at once.

testVisits(
  "SiteRequest.renewSession() in requests at once issues tokens that all open the session",
  async (it) => {
    const old = it.enter();
    const slow = [1, 2, 3].map(() =>
      it.begin(old, renewSession, { before: getSession })
    );

    const cookies: string[] = [];
    for (const request of slow) cookies.push((await request.finish()).cookie);

    assertEquals(new Set(cookies).size, 3);
    // The responses may overtake each other: any may be the last. Each is of one
    // generation, so none has the grace of another begin.
    for (const cookie of [...cookies, ...cookies]) {
      assertEquals(it.visit(cookie), []);
      it.clock.advance(60_000);
    }
    assertEquals(it.peek(old), undefined);
  },
);

testVisits(
  "SiteRequest.renewSession() at once leaves the visitor in who shows the first cookie between",
  async (it) => {
    const old = it.enter();
    makeAlice(it);
    const one = it.begin(old, renewSession, { before: getSession });
    const two = it.begin(old, renewSession, { before: getSession });
    const first = (await one.finish()).cookie;
    it.visit(first);

    const { cookies } = await two.finish();

    // Its token is previous by now, so it renews nothing.
    assertEquals(cookies, []);
    it.clock.advance(10_000);
    assertEquals(it.peek(first), only(it).uid);
  },
);

testVisits(
  "SiteRequest.renewSession() fades tokens of one generation together",
  (it) => {
    const old = it.enter();
    const [one, two] = [
      it.run(old, renewSession).cookie,
      it.run(old, renewSession).cookie,
    ];
    const later = it.run(one, renewSession).cookie;
    it.clock.advance(60_000);
    assertEquals(it.peek(two), only(it).uid);

    it.peek(later);
    it.clock.advance(9999);
    assertEquals([it.peek(one), it.peek(two)], [only(it).uid, only(it).uid]);
    it.clock.advance(1);

    assertEquals([it.peek(one), it.peek(two)], [undefined, undefined]);
    assertEquals(it.peek(later), only(it).uid);
  },
);

testVisits(
  "SiteRequest.renewSession() leaves a request that was under way its session, beyond the grace too",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, (request) => request.getSession(), {
      before: getSession,
    });
    it.peek(it.run(old, renewSession).cookie);
    it.clock.advance(60_000);

    const { value, cookies } = await slow.finish();

    assertStrictEquals(value, only(it));
    assertEquals(cookies, []);
  },
);

testVisits(
  "SiteRequest.renewSession() leaves a request its session that had asked for none before",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, getSession);
    it.peek(it.run(old, renewSession).cookie);
    it.clock.advance(60_000);

    const { value, cookies } = await slow.finish();

    // Its token counts as it was when it arrived.
    assertStrictEquals(value, only(it));
    assertEquals(cookies, []);
    assertEquals(it.suspicions, []);
  },
);

for (const persistent of [false, true]) {
  testVisits(
    `SiteRequest.renewSession() is answered to its own request only${
      persistent ? ", also if the cookie is persistent" : ""
    }`,
    async (it) => {
      const old = it.enter();
      const slow = it.begin(old, () => {}, { before: getSession });
      const login = it.begin(old, () => {}, { before: renewSession });

      const renewed = await login.finish();
      const other = await slow.finish();

      // Its sender has the old token only: an attacker who planted it, perhaps.
      assertEquals(other.cookies, persistent ? [old] : []);
      assertNotEquals(renewed.cookie, old);
      it.peek(renewed.cookie);
      it.clock.advance(10_000);
      assertEquals(it.peek(old), undefined);
      assertEquals(it.peek(renewed.cookie), only(it).uid);
    },
    { cookie: { persistent } },
  );

  testVisits(
    `SiteRequest.renewSession() is answered to its own request${
      persistent ? " by a persistent cookie" : ""
    }, though another is answered before`,
    async (it) => {
      const old = it.enter();
      const slow = it.begin(old, () => {}, { before: getSession });
      const login = it.begin(old, () => {}, { before: renewSession });

      const other = await slow.finish();
      const renewed = await login.finish();

      assertEquals(other.cookies, persistent ? [old] : []);
      assertNotEquals(renewed.cookie, old);
      assertEquals(it.peek(renewed.cookie), only(it).uid);
    },
    { cookie: { persistent } },
  );

  testVisits(
    `SiteRequest.renewSession() is answered to a request that has waited${
      persistent ? ", by a persistent cookie" : ""
    }`,
    async (it) => {
      const old = it.enter();
      // Logins wait, for a form and for a password, and others ask meanwhile.
      const login = it.begin(old, renewSession, { before: getSession });
      const slow = it.begin(old, () => {}, { before: getSession });

      const renewed = await login.finish();
      const other = await slow.finish();

      assertEquals(other.cookies, persistent ? [old] : []);
      assertEquals(it.peek(renewed.cookie), only(it).uid);
      assertEquals(it.sessions.size, 1);
    },
    { cookie: { persistent } },
  );
}

testVisits(
  "SiteRequest.renewSession() sends no persistent cookie of an old token after the new one has come",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, () => {}, { before: getSession });
    const renewed = it.run(old, renewSession).cookie;
    it.peek(renewed);

    assertEquals((await slow.finish()).cookies, []);
  },
  { cookie: { persistent: true } },
);

testVisits(
  "SiteRequest.renewSession() of a request whose session ends before the response sends nothing",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, () => {}, { before: renewSession });
    only(it).expire("revoked");

    assertEquals((await slow.finish()).cookies, []);
  },
);

testVisits(
  "SiteRequest.renewSession() of a request whose token a login supersedes sends nothing",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, () => {}, { before: renewSession });
    const { cookie } = it.run(old, (request) => request.logIn("alice"));

    // The browser would replace the cookie of the login by it.
    assertEquals((await slow.finish()).cookies, []);
    assertEquals(it.peek(cookie), only(it).uid);
  },
);

// Eight tokens.

testVisits("SiteRequest.renewSession() issues no ninth token", (it) => {
  const old = it.enter();
  const cookies = Array.from(
    { length: 12 },
    () => it.run(old, renewSession).cookies,
  );

  assertEquals(cookies.map(({ length }) => length), [
    ...Array(7).fill(1),
    ...Array(5).fill(0),
  ]);
  // Whose response has none has the session all the same.
  assertStrictEquals(it.run(old, renewSession).value, only(it));
  for (const [cookie] of cookies.slice(0, 7)) {
    assertEquals(it.peek(cookie!), only(it).uid);
  }
});

testVisits(
  "SiteRequest.renewSession() has room again once a token's grace is over",
  (it) => {
    let cookie = it.enter();
    for (let i = 0; i < 7; i++) {
      cookie = it.run(cookie, renewSession).cookie;
    }
    assertEquals(it.run(cookie, renewSession).cookies, []);
    it.clock.advance(9999);
    assertEquals(it.run(cookie, renewSession).cookies, []);

    it.clock.advance(1);

    assertEquals(it.peek(it.run(cookie, renewSession).cookie), only(it).uid);
  },
);

testVisits(
  "SiteRequest.renewSession() goes on for ever, one renewal at a time",
  (it) => {
    let cookie = it.enter();
    for (let i = 0; i < 100; i++) {
      cookie = it.run(cookie, renewSession).cookie;
      it.clock.advance(10_000);
      assertEquals(it.peek(cookie), only(it).uid);
    }
  },
);

testVisits("Session.renew() that finds no room is made up for later", (it) => {
  const old = it.enter();
  let cookie = old;
  for (let i = 0; i < 7; i++) cookie = it.run(cookie, renewSession).cookie;
  it.peek(cookie);
  only(it).renew();
  assertEquals(it.visit(cookie), []);
  it.clock.advance(10_000);

  assertEquals(it.visit(cookie).length, 1);
});

// Too late.

Deno.test("SiteRequest.renewSession() throws once the response has been produced", async () => {
  const kept: SiteRequest[] = [];
  using site = siteOf({}, (request) => {
    kept.push(request);
    return request.getSession().uid;
  });
  visit(site);
  await settle();

  const error = assertThrows(() => kept[0]!.renewSession());

  assertEquals((error as Error).name, "TooLateForCookieError");
});

Deno.test("SiteOptions.clearSiteData that no browser knows is a RangeError", () => {
  // @ts-expect-error a caller without types
  assertThrows(() => siteOf({ clearSiteData: ["a\r\nb"] }), RangeError);
});

Deno.test("Session.renew() of a visitor who never comes back leaves nothing to do", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  assertEquals(cookiesOf(visit(site)).length, 1);
  onlySession(site).renew();

  clock.advance(900_000);

  assertEquals([site.sessions.size, clock.pending], [0, 0]);
});
