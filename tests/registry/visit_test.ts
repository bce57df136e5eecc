/**
 * The session of one request, to a Site and to a Sessions alone: which cookies
 * open it, when it is transient, and what its response sends. Logins are in
 * `login_test.ts`.
 */
import {
  assert,
  assertEquals,
  assertFalse,
  assertNotEquals,
  assertStrictEquals,
} from "@std/assert";
import type { Session, SessionEndReason } from "../../mod.ts";
import type { RequestSession } from "../../sessions.ts";
import {
  CROSS_SITE,
  type SendOptions,
  Stage,
  testVisits,
  uidIn,
} from "../helpers_visits.ts";

/** The one session that there is. */
function only(it: Stage): Session {
  const sessions = [...it.sessions.values()];
  assert(sessions.length === 1, `sessions that there are: ${sessions.length}`);
  return sessions[0]!;
}

const getSession = (request: RequestSession): Session => request.getSession();

/** A well-formed token that there is not. */
function unknown(digit: string): string {
  return `session=${digit.repeat(64)}`;
}

/** Joins cookies as a browser does. */
function jar(...cookies: string[]): string {
  return cookies.join("; ");
}

/** Fails unless a request's session is transient, and its response silent. */
function assertTransient(
  it: Stage,
  cookie: string | undefined,
  options: SendOptions = {},
): void {
  const { size } = it.sessions;
  const ends: SessionEndReason[] = [];
  const { value, cookies, response } = it.run(cookie, (request) => {
    const before = request.session;
    const session = request.getSession();
    session.notifyOnExpire(({ reason }) => ends.push(reason));
    session.set("kept", 1);
    return {
      session,
      before,
      isKept: it.sessions.has(session.uid),
      isSame: request.getSession() === session && request.session === session,
      isNew: request.isNewSession,
      principal: request.principal,
      value: session.get("kept"),
      wasActive: session.isActive,
    };
  }, options);

  assertEquals(response.status, 200);
  const { session, ...seen } = value!;
  assertEquals(seen, {
    before: undefined,
    isKept: false,
    isSame: true,
    isNew: false,
    principal: undefined,
    value: 1,
    wasActive: true,
  });
  assertEquals(ends, ["evicted"]);
  assertFalse(session.isActive);
  assertEquals(cookies, []);
  assert(it.sessions.size <= size);
}

// The basics.

testVisits("A request has the sessions that it came to", (it) => {
  const { value } = it.run(undefined, (request) => request.sessions);

  assertStrictEquals(value, it.sessions);
});

testVisits(
  "RequestSession.isNewSession is true for the request that made the session",
  (it) => {
    const cookie = it.enter();
    const seen = (cookie?: string) =>
      it.run(cookie, (request) => {
        const before = request.isNewSession;
        request.getSession();
        return [before, request.isNewSession];
      }).value;

    assertEquals(seen(), [false, true]);
    assertEquals(seen(cookie), [false, false]);
    assertEquals(seen(unknown("0")), [false, true]);
  },
);

testVisits(
  "RequestSession.getSession() with a component answers that of the session",
  (it) => {
    class Cart {
      items = 0;
    }
    const cookie = it.run(undefined, (request) => {
      request.getSession(Cart).items++;
    }).cookie;

    const { value } = it.run(
      cookie,
      (request) => ++request.getSession(Cart).items,
    );

    assertEquals(value, 2);
  },
);

testVisits(
  "RequestSession.session neither makes nor touches a session",
  (it) => {
    const cookie = it.enter();
    const { lastModified, visits } = only(it);
    it.clock.advance(5000);

    const { response, cookies } = it.run(cookie, (request) => request.session);
    it.run(undefined, (request) => request.session);

    assertEquals([only(it).lastModified, only(it).visits], [
      lastModified,
      visits,
    ]);
    assertEquals(cookies, []);
    assertEquals(response.headers.get("cache-control"), "private");
  },
);

testVisits(
  "A request that asks for no session costs nothing, and says nothing to caches",
  (it) => {
    const cookie = it.enter();
    const { lastModified } = only(it);
    it.clock.advance(5000);

    for (const sent of [undefined, cookie, unknown("0")]) {
      const { response, cookies } = it.run(sent, () => {});
      assertEquals(cookies, []);
      assertEquals(response.headers.get("cache-control"), null);
    }

    assertEquals(only(it).lastModified, lastModified);
  },
);

// Cookies that open nothing.

for (
  const [what, make] of [
    ["an unknown token", () => unknown("0")],
    ["a wrong secret", (it) => it.enter().slice(0, -32) + "0".repeat(32)],
    ["the token of a session that has ended", (it) => {
      const cookie = it.enter();
      only(it).expire();
      return cookie;
    }],
    ["the token of a session that idled out", (it) => {
      const cookie = it.enter();
      it.clock.advance(900_000);
      return cookie;
    }],
    [
      "the token of a session that is past its deadline, the timer being late",
      (it) => {
        const cookie = it.enter();
        it.clock.jump(900_000);
        return cookie;
      },
    ],
    ["a token whose grace is over", (it) => {
      const cookie = it.enter();
      it.peek(it.run(cookie, (request) => request.renewSession()).cookie);
      it.clock.advance(10_000);
      return cookie;
    }],
  ] as [string, (it: Stage) => string][]
) {
  testVisits(
    `A cookie of ${what} is left alone by a request that looks for a session`,
    (it) => {
      const cookie = make(it);

      const { value, cookies, response } = it.run(
        cookie,
        (request) => [request.session, request.principal],
      );

      assertEquals(value, [undefined, undefined]);
      assertEquals(cookies, []);
      assertEquals(response.headers.get("clear-site-data"), null);
    },
    { clearSiteData: ["cookies"] },
  );

  testVisits(`A cookie of ${what} is replaced by getSession()`, (it) => {
    const cookie = make(it);

    const { value, cookie: sent } = it.run(cookie, getSession);

    assertNotEquals(value!.uid, uidIn(cookie));
    assertEquals(uidIn(sent), value!.uid);
    assertNotEquals(sent, cookie);
  });

  testVisits(
    `A cookie of ${what} is left alone by getSession() for HEAD`,
    (it) => {
      assertTransient(it, make(it), { method: "HEAD" });
    },
  );
}

// Sessions that end while a request is under way.

for (const reason of ["logout", "revoked", "evicted", "idle"] as const) {
  testVisits(
    `A request under way whose session ends as "${reason}" gets a transient session, without a cookie`,
    async (it) => {
      const cookie = it.enter();
      const ends: SessionEndReason[] = [];
      const slow = it.begin(cookie, (request) => {
        const before = request.session;
        const session = request.getSession();
        session.notifyOnExpire((end) => ends.push(end.reason));
        return [before, session.isActive, it.sessions.has(session.uid)];
      }, { before: getSession });
      only(it).expire(reason);

      const { value, cookies, response } = await slow.finish();

      assertEquals(value, [undefined, true, false]);
      assertEquals(cookies, []);
      assertEquals(response.headers.get("clear-site-data"), null);
      assertEquals(ends, ["evicted"]);
      assertEquals(it.sessions.size, 0);
    },
    { clearSiteData: ["cookies"] },
  );

  testVisits(
    `A request under way that had not asked for its session gets a transient one when that ends as "${reason}"`,
    async (it) => {
      const cookie = it.enter();
      const slow = it.begin(cookie, (request) => {
        const session = request.getSession();
        return [session.uid === uidIn(cookie), it.sessions.has(session.uid)];
      });
      only(it).expire(reason);

      const { value, cookies } = await slow.finish();

      assertEquals(value, [false, false]);
      assertEquals(cookies, []);
    },
  );
}

testVisits(
  "A request under way whose session ends by absoluteTimeout gets a transient one",
  async (it) => {
    const cookie = it.enter();
    const slow = it.begin(cookie, (request) => {
      const session = request.getSession();
      return it.sessions.has(session.uid);
    }, { before: getSession });
    it.clock.advance(100_000);

    const { value, cookies } = await slow.finish();

    assertEquals(value, false);
    assertEquals(cookies, []);
  },
  { absoluteTimeout: 100 },
);

testVisits(
  "A request that comes after the end begins a session, though another is under way",
  async (it) => {
    const cookie = it.enter();
    const slow = it.begin(cookie, () => {}, { before: getSession });
    only(it).expire();

    const { cookie: sent } = it.run(cookie, getSession);
    const late = await slow.finish();

    // The late answer does not undo it.
    assertEquals(late.cookies, []);
    assertEquals(it.peek(sent), only(it).uid);
  },
);

testVisits(
  "A transient session is announced to no listener of all sessions",
  (it) => {
    const seen: string[] = [];
    it.sessions.notifyOnSessionStart(() => seen.push("start"));
    it.sessions.notifyOnSessionEnd(() => seen.push("end"));

    it.run(undefined, getSession, { method: "HEAD" });

    assertEquals(seen, []);
  },
);

testVisits(
  "A transient session aborts its signal at the end of the request",
  async (it) => {
    const slow = it.begin(undefined, (request) => request.getSession().signal, {
      method: "HEAD",
    });

    const { value } = await slow.finish();

    assert(value!.aborted);
  },
);

testVisits("A transient session's response is private", (it) => {
  const { response } = it.run(undefined, getSession, { method: "HEAD" });

  assertEquals(response.headers.get("cache-control"), "private");
});

// Cookies that are not sent.

for (const reason of ["logout", "revoked", "evicted"] as const) {
  testVisits(
    `The cookie of a new session that ends as "${reason}" before the response is not sent`,
    async (it) => {
      const slow = it.begin(undefined, () => {}, { before: getSession });
      only(it).expire(reason);

      assertEquals((await slow.finish()).cookies, []);
    },
  );
}

testVisits(
  "The cookie of a new session that idles out before the response is sent, as the request holds it",
  async (it) => {
    const slow = it.begin(undefined, () => {}, { before: getSession });
    it.clock.advance(2_000_000);

    const { cookie } = await slow.finish();

    assertEquals(it.peek(cookie), only(it).uid);
  },
);

testVisits(
  "The cookie of a new session is sent to each of two first requests",
  async (it) => {
    const requests = [1, 2].map(() =>
      it.begin(undefined, () => {}, { before: getSession })
    );

    const cookies = [];
    for (const request of requests) {
      cookies.push(
        (await request.finish()).cookie,
      );
    }

    assertNotEquals(uidIn(cookies[0]!), uidIn(cookies[1]!));
    assertEquals(it.sessions.size, 2);
  },
);

// HEAD, prefetches, and resources that touch no session.

const OWN_PREFETCH = {
  "sec-purpose": "prefetch",
  "sec-fetch-site": "same-origin",
};

for (
  const [what, options, touches, creates] of [
    ["GET", {}, true, true],
    ["POST", { method: "POST" }, true, true],
    ["HEAD", { method: "HEAD" }, false, false],
    ["a prefetch of its own", { headers: OWN_PREFETCH }, true, false],
    [
      "a prerendering of its own",
      {
        headers: { ...OWN_PREFETCH, "sec-purpose": "prefetch;prerender" },
      },
      true,
      false,
    ],
    [
      "a HEAD that is a prefetch of its own",
      {
        method: "HEAD",
        headers: OWN_PREFETCH,
      },
      false,
      false,
    ],
    [
      "a prefetch of another site",
      {
        headers: { "sec-purpose": "prefetch", "sec-fetch-site": "cross-site" },
      },
      false,
      false,
    ],
    [
      "a prefetch of the same site",
      {
        headers: { "sec-purpose": "prefetch", "sec-fetch-site": "same-site" },
      },
      false,
      false,
    ],
    [
      "a prefetch over plain http, which does not say whose",
      {
        headers: { "sec-purpose": "prefetch" },
      },
      true,
      false,
    ],
    [
      "a Sec-Purpose that is no prefetch",
      {
        headers: { "sec-purpose": "other" },
      },
      true,
      true,
    ],
    [
      "a resource that touches no session",
      { isExcluded: true },
      false,
      false,
    ],
  ] as [string, SendOptions, boolean, boolean][]
) {
  const test = options.isExcluded
    ? (name: string, act: (it: Stage) => void) =>
      Deno.test(name, () => {
        using it = new Stage("Site");
        act(it);
      })
    : testVisits;

  test(`RequestSession.getSession() ${creates ? "makes a session" : "makes a transient session"} for ${what}`, (it) => {
    if (!creates) return assertTransient(it, undefined, options);
    const { cookie } = it.run(undefined, getSession, options);
    assertEquals(only(it).uid, uidIn(cookie));
  });

  test(`RequestSession.getSession() ${touches ? "touches" : "does not touch"} the session for ${what}`, (it) => {
    const cookie = it.enter();
    const { lastModified } = only(it);
    it.clock.advance(5000);

    const { value, cookies } = it.run(cookie, getSession, options);

    assertStrictEquals(value, only(it));
    assertEquals(cookies, []);
    assertEquals(
      [only(it).lastModified - lastModified, only(it).visits],
      touches ? [5, 2] : [0, 1],
    );
  });
}

// Sessions past their deadline, while the timer is late.

for (
  const [what, make] of [
    ["A wrong secret", (it) => it.enter().slice(0, -32) + "0".repeat(32)],
    ["A superseded token", (it) => {
      const cookie = it.enter();
      it.run(cookie, (request) => request.logIn("alice"));
      return cookie;
    }],
    ["A token of https", (it) => {
      const cookie = it.enter({ url: "https://localhost/" });
      return cookie.replace("__Host-", "");
    }],
  ] as [string, (it: Stage) => string][]
) {
  testVisits(
    `${what} of a session past its deadline is reported as nothing, and ends it as idle`,
    (it) => {
      const cookie = make(it);
      const session = only(it);
      it.clock.jump(900_000);

      const { value, cookie: sent } = it.run(cookie, getSession);

      assertEquals(it.suspicions, []);
      assertEquals(uidIn(sent), value!.uid);
      it.clock.advance(0);
      assertEquals(session.end?.reason, "idle");
    },
    { endsInsecureSessions: true },
  );
}

// Several cookies of the name.

/** A session with tokens of each status, and a cookie for each. */
function tokensOf(it: Stage): Record<string, string> {
  const superseded = it.enter();
  const previous = it.run(superseded, (request) => request.logIn("alice"))
    .cookie;
  const current = it.run(previous, (request) => request.renewSession()).cookie;
  it.peek(current);
  return { superseded, previous, current };
}

for (
  const names of [
    ["current", "current"],
    ["current", "previous"],
    ["previous", "current"],
    ["current", "superseded"],
    ["superseded", "current"],
    ["superseded", "previous"],
    ["previous", "superseded"],
    ["superseded", "previous", "current"],
  ]
) {
  testVisits(
    `The cookies ${names.join(" and ")} of one session open it`,
    (it) => {
      const tokens = tokensOf(it);
      const session = only(it);

      const { value, cookies } = it.run(
        jar(...names.map((name) => tokens[name]!)),
        (request) => [request.session, request.principal, request.getSession()],
      );

      assertEquals(value, [session, "alice", session]);
      assertEquals(cookies, []);
      assertEquals(it.suspicions, []);
    },
  );
}

testVisits(
  "The cookies previous and current of one session count as the current one",
  (it) => {
    const { previous, current } = tokensOf(it);
    for (const sent of [jar(previous!, current!), jar(current!, previous!)]) {
      assertEquals(
        it.run(sent, (request) => request.renewSession()).cookies.length,
        1,
      );
    }
  },
);

for (const other of ["0", "f"]) {
  testVisits(
    `A superseded cookie beside the unknown ${other.repeat(3)} is recognized`,
    (it) => {
      const { superseded } = tokensOf(it);

      assertTransient(it, jar(superseded!, unknown(other)));
      assertTransient(it, jar(unknown(other), superseded!));
    },
  );
}

for (
  const [what, make] of [
    ["an unknown token", () => unknown("0")],
    ["a wrong secret", (it) => it.enter().slice(0, -32) + "0".repeat(32)],
    ["no token", () => "session=hello"],
    ["an empty value", () => "session="],
    ["a token in capitals", (it) => {
      const cookie = it.enter();
      return `session=${cookie.slice("session=".length).toUpperCase()}`;
    }],
    ["the token of a session that has ended", (it) => {
      const cookie = it.enter();
      it.sessions.get(uidIn(cookie))!.expire();
      return cookie;
    }],
    ["the token of a session past its deadline, the timer being late", (it) => {
      const cookie = it.enter();
      it.clock.jump(900_000);
      return cookie;
    }],
    ["a token of another session that is superseded", (it) => {
      const cookie = it.enter();
      it.run(cookie, (request) => request.logIn("mallory"));
      return cookie;
    }],
    ["a token of another session whose grace is over", (it) => {
      const cookie = it.enter();
      it.peek(it.run(cookie, (request) => request.renewSession()).cookie);
      it.clock.advance(10_000);
      return cookie;
    }],
  ] as [string, (it: Stage) => string][]
) {
  testVisits(`A cookie that opens a session counts beside ${what}`, (it) => {
    const other = make(it);
    const cookie = it.enter();
    const session = it.sessions.get(uidIn(cookie));

    for (const sent of [jar(cookie, other), jar(other, cookie)]) {
      const { value, cookies } = it.run(sent, (request) => {
        const found = request.session;
        return [found, request.getSession()];
      });
      assertEquals(value, [session, session]);
      assertEquals(cookies, []);
    }
    assertFalse(it.suspicions.includes("several-cookies"));
  });
}

/** A guest's session and alice's, with their cookies in both orders. */
function rivals(it: Stage): { sessions: Session[]; sent: string[] } {
  const guest = it.enter();
  const alices = it.run(undefined, (request) => request.logIn("alice")).cookie;
  return {
    sessions: [guest, alices].map((cookie) => it.sessions.get(uidIn(cookie))!),
    sent: [jar(guest, alices), jar(alices, guest)],
  };
}

testVisits("Cookies that open different sessions open none", (it) => {
  const { sessions, sent } = rivals(it);
  const touched = sessions.map(({ lastModified }) => lastModified);
  it.clock.advance(5000);

  for (const cookie of sent) assertTransient(it, cookie);

  assertEquals(sessions.map(({ isActive }) => isActive), [true, true]);
  assertEquals(sessions.map(({ lastModified }) => lastModified), touched);
});

testVisits(
  "Cookies that open different sessions are reported once a request",
  (it) => {
    const { sent } = rivals(it);

    it.run(sent[0], (request) => {
      request.session;
      request.getSession();
      request.getSession();
    });
    assertEquals(it.suspicions, ["several-cookies"]);
    it.run(sent[1], (request) => request.principal);

    assertEquals(it.suspicions, ["several-cookies", "several-cookies"]);
  },
);

testVisits(
  "Cookies that open different sessions put no token into effect",
  (it) => {
    const old = it.enter();
    const renewed = it.run(old, (request) => request.renewSession()).cookie;
    const other = it.enter();

    for (const sent of [jar(renewed, other), jar(other, renewed)]) {
      it.run(sent, (request) => request.session);
    }

    // It could renew nothing if its successor had been shown.
    assertEquals(
      it.run(old, (request) => request.renewSession().uid).value,
      uidIn(old),
    );
    it.clock.advance(60_000);
    assertEquals(it.peek(old), uidIn(old));
  },
);

for (const asks of [false, true]) {
  testVisits(
    `logOut() ends each of the sessions that cookies open${
      asks ? ", after getSession() too" : ""
    }`,
    (it) => {
      for (const i of [0, 1]) {
        const { sessions, sent } = rivals(it);

        const { cookies } = it.run(sent[i], (request) => {
          if (asks) request.getSession();
          request.logOut();
        });

        assertEquals(sessions.map(({ end }) => end?.reason), [
          "logout",
          "logout",
        ]);
        assertEquals(cookies, ["session="]);
        assertEquals(it.sessions.size, 0);
      }
    },
  );
}

testVisits(
  "logOut() gives its reason to each of the sessions that cookies open",
  (it) => {
    const { sessions, sent } = rivals(it);

    it.run(sent[0], (request) => request.logOut("revoked"));

    assertEquals(sessions.map(({ end }) => end?.reason), [
      "revoked",
      "revoked",
    ]);
  },
);

testVisits("logOut() ends three sessions that cookies open", (it) => {
  const cookies = [it.enter(), it.enter(), it.enter()];

  it.run(jar(...cookies), (request) => request.logOut());

  assertEquals(it.sessions.size, 0);
});

testVisits(
  "logOut() and then getSession() begins a session where cookies opened several",
  (it) => {
    const { sent } = rivals(it);

    const { value, cookie } = it.run(sent[0], (request) => {
      request.logOut();
      return request.getSession();
    });

    assertStrictEquals(only(it), value!);
    assertEquals(uidIn(cookie), value!.uid);
  },
);

testVisits(
  "logIn() begins a session where cookies open several, and ends each of them",
  (it) => {
    for (const i of [0, 1]) {
      const { sessions, sent } = rivals(it);

      const { value, cookie } = it.run(
        sent[i],
        (request) => request.logIn("alice"),
      );

      assertFalse(sessions.includes(value!));
      assertEquals(uidIn(cookie), value!.uid);
      assertEquals(sessions.map(({ end }) => end?.reason), [
        "logout",
        "logout",
      ]);
      // The browser still has the cookies of another path or domain.
      assertEquals(it.peek(jar(cookie, sent[i]!)), value!.uid);
      assertEquals(it.peek(jar(sent[i]!, cookie)), value!.uid);
    }
  },
);

testVisits(
  "logIn() leaves a session that another login has taken from one of several cookies",
  async (it) => {
    const { sessions: [guest, alices], sent } = rivals(it);
    const slow = it.begin(sent[0], (request) => request.logIn("alice"), {
      before: (request) => request.session,
    });
    const [guestCookie = ""] = sent[0]!.split("; ");
    it.run(guestCookie, (request) => request.logIn("bob"));

    await slow.finish();

    assert(guest!.isActive);
    assertEquals(alices!.end?.reason, "logout");
  },
);

testVisits(
  "renewSession() renews nothing where cookies open several sessions",
  (it) => {
    const { sent } = rivals(it);

    const { value, cookies } = it.run(
      sent[0],
      (request) => request.renewSession(),
    );

    assertEquals(cookies, []);
    assertFalse(it.sessions.has(value!.uid));
  },
);

testVisits(
  "A request with several cookies holds none of their sessions",
  async (it) => {
    const { sessions, sent } = rivals(it);
    const slow = it.begin(sent[0], () => {}, { before: getSession });

    it.clock.advance(900_000);

    assertEquals(sessions.map(({ end }) => end?.reason), ["idle", "idle"]);
    await slow.finish();
  },
);

testVisits("The first four different tokens are tried, and no more", (it) => {
  const cookie = it.enter();
  const others = ["0", "1", "2", "3"].map(unknown);

  const isFound = (...cookies: string[]) =>
    it.peek(jar(...cookies)) === uidIn(cookie);

  assertEquals(isFound(cookie, ...others), true);
  assertEquals(isFound(...others.slice(1), cookie), true);
  assertEquals(isFound(...others.slice(1), cookie, ...others), true);
  assertEquals(isFound(...others, cookie), false);
});

testVisits(
  "Cookies that do not have a token's form, or come twice, are not counted",
  (it) => {
    const cookie = it.enter();
    const noise = [
      ...Array(100).fill("session=x"),
      ...Array(100).fill("session="),
      ...Array(100).fill(unknown("0")),
      `session=${"0".repeat(63)}`,
      `session=${"0".repeat(65)}`,
      `session=${"A".repeat(64)}`,
      `session="${"0".repeat(64)}"`,
    ];

    assertEquals(it.peek(jar(...noise, cookie)), uidIn(cookie));
    assertEquals(it.peek(jar(cookie, ...noise)), uidIn(cookie));
  },
);

testVisits("Cookies beyond the first four are not ended by logOut()", (it) => {
  const cookie = it.enter();

  it.run(
    jar(...["0", "1", "2", "3"].map(unknown), cookie),
    (request) => request.logOut(),
  );

  assertEquals(it.peek(cookie), uidIn(cookie));
});

// White space.

for (
  const [what, around] of [
    ["a space before it", (pair) => `a=1;  ${pair}`],
    ["a tab before it", (pair) => `a=1;\t${pair}`],
    ["a space behind it", (pair) => `${pair} ; a=1`],
    ["a tab behind it", (pair) => `${pair}\t; a=1`],
    ["no space between", (pair) => `a=1;${pair};b=2`],
    ["spaces around the equals sign", (pair) => pair.replace("=", " \t= \t")],
  ] as [string, (pair: string) => string][]
) {
  testVisits(`The cookie is found with ${what}`, (it) => {
    const cookie = it.enter();

    assertEquals(it.peek(around(cookie)), uidIn(cookie));
  });
}

for (const space of ["\u00a0", "\u0085", "\u000b", "\u000c"]) {
  const code = space.charCodeAt(0).toString(16);

  testVisits(
    `A character ${code} around a name or a value is a part of it`,
    (it) => {
      const cookie = it.enter();
      const spaced = [
        `${space}${cookie}`,
        `a=1;${space}${cookie}`,
        cookie.replace("=", `${space}=`),
        cookie.replace("=", `=${space}`),
        `${cookie}${space}; a=1`,
      ];

      for (const sent of spaced) assertEquals(it.peek(sent), undefined);
    },
  );
}

// Other origins.

type Where = "own" | "transient";

for (
  const [sameSite, method, mode, where] of [
    ["Strict", "GET", "navigate", "transient"],
    ["Strict", "POST", "navigate", "transient"],
    ["Strict", "GET", "no-cors", "transient"],
    ["Strict", "GET", "cors", "transient"],
    ["Lax", "GET", "navigate", "own"],
    ["Lax", "POST", "navigate", "transient"],
    ["Lax", "PUT", "navigate", "transient"],
    ["Lax", "GET", "no-cors", "transient"],
    ["Lax", "GET", "cors", "transient"],
    ["Lax", "GET", "websocket", "transient"],
    ["None", "GET", "navigate", "own"],
    ["None", "POST", "navigate", "own"],
    ["None", "GET", "no-cors", "own"],
    ["None", "POST", "cors", "own"],
  ] as ["Strict" | "Lax" | "None", string, string, Where][]
) {
  const https = "https://localhost/";
  const options: SendOptions = {
    method,
    url: https,
    headers: { "sec-fetch-site": "cross-site", "sec-fetch-mode": mode },
  };
  const name =
    `${method} in mode ${mode} from another site with SameSite=${sameSite}`;

  testVisits(
    `RequestSession.getSession() by ${name} makes ${
      where === "own" ? "a session" : "a transient session"
    }`,
    (it) => {
      if (where === "transient") return assertTransient(it, undefined, options);
      const { cookie } = it.run(undefined, getSession, options);
      assertEquals(only(it).uid, uidIn(cookie));
    },
    { cookie: { sameSite } },
  );

  testVisits(
    `RequestSession.getSession() by ${name} finds the session of a cookie`,
    (it) => {
      const cookie = it.enter({ url: https });

      const { value, cookies } = it.run(cookie, getSession, options);

      assertStrictEquals(value, only(it));
      assertEquals(cookies, []);
    },
    { cookie: { sameSite } },
  );

  testVisits(
    `RequestSession.getSession() by ${name} makes a session for a cookie that opens nothing`,
    (it) => {
      const sent = `__Host-${unknown("0")}`;

      const { value, cookie } = it.run(sent, getSession, options);

      // The browser has not kept it back.
      assertEquals(uidIn(cookie), value!.uid);
    },
    { cookie: { sameSite } },
  );
}

for (const sameSite of ["Strict", "Lax", "None"] as const) {
  for (
    const headers of [
      {},
      { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" },
      { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" },
      { "sec-fetch-site": "none", "sec-fetch-mode": "navigate" },
      { "sec-fetch-mode": "cors" },
      { origin: "https://evil.example" },
    ] as Record<string, string>[]
  ) {
    testVisits(
      `RequestSession.getSession() makes a session with SameSite=${sameSite} for ${
        JSON.stringify(headers)
      }`,
      (it) => {
        const { cookie } = it.run(undefined, getSession, {
          method: "POST",
          headers,
        });

        assertEquals(only(it).uid, uidIn(cookie));
      },
      { cookie: { sameSite } },
    );
  }
}

testVisits("A cookie of another name is none of the request's", (it) => {
  assertTransient(it, "other=1", { headers: { ...CROSS_SITE } });
  assertTransient(it, `xsession=${"0".repeat(64)}`, {
    headers: { ...CROSS_SITE },
  });
});

for (
  const [what, act] of [
    ["logOut()", (request) => request.logOut()],
    ["getSession() and logOut()", (request) => {
      request.getSession();
      request.logOut();
    }],
    ["getSession() and expire()", (request) => request.getSession().expire()],
    ["logIn() and logOut()", (request) => {
      request.logIn("alice");
      request.logOut();
    }],
    ["renewSession()", (request) => request.renewSession()],
    ["session", (request) => request.session],
  ] as [string, (request: RequestSession) => unknown][]
) {
  testVisits(
    `RequestSession.${what} from another site neither sets nor clears a cookie`,
    (it) => {
      const { cookies, response } = it.run(undefined, act, {
        method: "POST",
        headers: { ...CROSS_SITE },
      });

      assertEquals(cookies, []);
      assertEquals(response.headers.get("clear-site-data"), null);
      assertEquals(it.sessions.size, 0);
    },
    { clearSiteData: ["cookies"] },
  );
}

testVisits("A request from another site ends no session", (it) => {
  const cookie = it.enter();

  it.run(undefined, (request) => request.logOut(), {
    method: "POST",
    headers: { ...CROSS_SITE },
  });

  assertEquals(it.peek(cookie), uidIn(cookie));
});

testVisits(
  "logIn() from another site is answered with its cookie, and the next request is logged in",
  (it) => {
    const { cookie } = it.run(undefined, (request) => {
      request.getSession().set("transient", 1);
      return request.logIn("alice");
    }, { method: "POST", headers: { ...CROSS_SITE } });

    const { value } = it.run(
      cookie,
      (request) => [request.principal, request.session?.get("transient")],
    );
    assertEquals(value, ["alice", undefined]);
  },
);

testVisits(
  "logIn() and then getSession() from another site are of one session",
  (it) => {
    const { value, cookies } = it.run(undefined, (request) => {
      const session = request.logIn("alice");
      return [request.getSession() === session, request.isNewSession];
    }, { method: "POST", headers: { ...CROSS_SITE } });

    assertEquals(value, [true, true]);
    assertEquals(cookies.length, 1);
  },
);

// Requests under way hold their session.

testVisits(
  "A request under way keeps its session from idling out, and touches it at its end",
  async (it) => {
    const cookie = it.enter();
    const slow = it.begin(cookie, (request) => request.session?.uid, {
      before: getSession,
    });
    it.clock.advance(100_000);
    assert(only(it).isActive);

    const { value } = await slow.finish();

    assertEquals(value, uidIn(cookie));
    assertEquals(only(it).lastModified * 1000, it.clock.time);
    it.clock.advance(4999);
    assert(only(it).isActive);
    it.clock.advance(1);
    assertEquals(it.sessions.size, 0);
  },
  { sessionTimeout: 5 },
);

testVisits(
  "A request under way does not keep its session beyond absoluteTimeout",
  async (it) => {
    const cookie = it.enter();
    const session = only(it);
    const slow = it.begin(cookie, () => {}, { before: getSession });

    it.clock.advance(20_000);

    assertEquals([session.end?.reason, session.end?.lateness], ["absolute", 0]);
    await slow.finish();
  },
  { sessionTimeout: 5, absoluteTimeout: 20 },
);

for (
  const [what, options] of [
    ["HEAD", { method: "HEAD" }],
    ["a prefetch of another site", {
      headers: { "sec-purpose": "prefetch", "sec-fetch-site": "cross-site" },
    }],
  ] as const
) {
  testVisits(
    `A request under way does not keep its session for ${what}`,
    async (it) => {
      const cookie = it.enter();
      const session = only(it);
      const slow = it.begin(cookie, () => {}, {
        ...options,
        before: getSession,
      });

      it.clock.advance(5000);

      assertEquals(session.end?.reason, "idle");
      await slow.finish();
    },
    { sessionTimeout: 5 },
  );
}

testVisits(
  "A request under way whose token is previous keeps its session",
  async (it) => {
    const old = it.enter();
    const slow = it.begin(old, (request) => request.session?.uid, {
      before: getSession,
    });
    it.peek(it.run(old, (request) => request.renewSession()).cookie);
    it.clock.advance(60_000);

    assertEquals((await slow.finish()).value, uidIn(old));
  },
  { sessionTimeout: 5 },
);

testVisits(
  "A timeout that a request changes counts from the last touch, once it is answered",
  async (it) => {
    const cookie = it.enter();
    it.clock.advance(1000);
    const slow = it.begin(cookie, () => {}, {
      before: (request) => {
        request.getSession().sessionTimeout = 60;
      },
    });
    it.clock.advance(1000);

    await slow.finish();

    assertEquals(only(it).expiresAt * 1000, it.clock.time - 1000 + 60_000);
  },
  { sessionTimeout: 5 },
);

testVisits(
  "A timeout that another request changes counts from the next touch",
  (it) => {
    const cookie = it.enter();
    const { expiresAt } = only(it);
    only(it).sessionTimeout = 60;

    assertEquals(only(it).expiresAt, expiresAt);
    it.visit(cookie);

    assertEquals(only(it).expiresAt * 1000, it.clock.time + 60_000);
  },
  { sessionTimeout: 5 },
);

// Closed.

testVisits(
  "RequestSession.getSession() is 503 once the sessions are closed",
  async (it) => {
    const slow = it.begin(undefined, getSession);
    it.sessions[Symbol.dispose]();

    const { response, cookies } = await slow.finish();

    assertEquals(response.status, 503);
    assertEquals(cookies, []);
  },
);
