import {
  assert,
  assertEquals,
  assertFalse,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import type {
  Rendered,
  SessionCookieOptions,
  SiteOptions,
  SiteRequest,
} from "../../mod.ts";
import {
  cookieOf,
  cookiesOf,
  Errors,
  lasting,
  ManualClock,
  onlySession,
  requestWith,
  siteOf,
  visit,
} from "../helpers_session.ts";
import { assertQuick } from "../helpers_time.ts";

const HTTP = "http://localhost/";
const HTTPS = "https://localhost/";
const DAY = 24 * 60 * 60;

/** A site whose page does what a test wants, and its answers at once. */
function siteWith(
  cookie: SessionCookieOptions = {},
  options: SiteOptions = {},
) {
  const clock = new ManualClock();
  const page = {
    act: (request: SiteRequest): Rendered => request.getSession().uid,
  };
  const site = siteOf(
    { clock, cookie, ...options },
    (request) => page.act(request),
  );
  const get = (url = HTTP, sent?: string, init: RequestInit = {}) =>
    site.fetch(new Request(requestWith(sent, url), init)) as Response;
  return { site, clock, page, get, [Symbol.dispose]: () => site.close() };
}

/** The attributes of the one cookie that a response sets, in order of the alphabet. */
function attributesOf(response: Response): string[] {
  cookieOf(response);
  return response.headers.getSetCookie()[0]!.split("; ").slice(1).sort();
}

/** The seconds that a cookie is kept. */
function maxAgeOf(response: Response): number {
  const ages = attributesOf(response)
    .filter((attribute) => attribute.startsWith("Max-Age="))
    .map((attribute) => Number(attribute.slice("Max-Age=".length)));
  assertEquals(ages.length, 1);
  return ages[0]!;
}

// What is written.

for (
  const [what, cookie, url, name, attributes] of [
    ["sameSite Strict", { sameSite: "Strict" }, HTTP, "session", [
      "HttpOnly",
      "Path=/",
      "SameSite=Strict",
    ]],
    ["sameSite Strict", { sameSite: "Strict" }, HTTPS, "__Host-session", [
      "HttpOnly",
      "Path=/",
      "SameSite=Strict",
      "Secure",
    ]],
    ["sameSite None", { sameSite: "None" }, HTTPS, "__Host-session", [
      "HttpOnly",
      "Path=/",
      "SameSite=None",
      "Secure",
    ]],
    // No browser takes it without Secure.
    ["sameSite None", { sameSite: "None" }, HTTP, "session", [
      "HttpOnly",
      "Path=/",
      "SameSite=Lax",
    ]],
    ["a domain", { domain: "example.com" }, HTTPS, "__Secure-session", [
      "Domain=example.com",
      "HttpOnly",
      "Path=/",
      "SameSite=Lax",
      "Secure",
    ]],
    ["a domain", { domain: "example.com" }, HTTP, "session", [
      "Domain=example.com",
      "HttpOnly",
      "Path=/",
      "SameSite=Lax",
    ]],
    ["a path", { path: "/shop" }, HTTPS, "__Secure-session", [
      "HttpOnly",
      "Path=/shop",
      "SameSite=Lax",
      "Secure",
    ]],
    ["a path", { path: "/shop" }, HTTP, "session", [
      "HttpOnly",
      "Path=/shop",
      "SameSite=Lax",
    ]],
    ["the path /", { path: "/" }, HTTPS, "__Host-session", [
      "HttpOnly",
      "Path=/",
      "SameSite=Lax",
      "Secure",
    ]],
    ["partitioned", { partitioned: true }, HTTPS, "__Host-session", [
      "HttpOnly",
      "Partitioned",
      "Path=/",
      "SameSite=Lax",
      "Secure",
    ]],
    // It needs Secure too.
    ["partitioned", { partitioned: true }, HTTP, "session", [
      "HttpOnly",
      "Path=/",
      "SameSite=Lax",
    ]],
    [
      "all false",
      { partitioned: false, persistent: false },
      HTTPS,
      "__Host-session",
      ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"],
    ],
  ] as [string, SessionCookieOptions, string, string, string[]][]
) {
  const scheme = url.split(":")[0];

  Deno.test(`SiteOptions.cookie with ${what} is written as it must be over ${scheme}`, () => {
    using it = siteWith(cookie);

    const response = it.get(url);

    assertEquals(cookieOf(response).split("=")[0], name);
    assertEquals(attributesOf(response), attributes);
  });

  Deno.test(`SiteOptions.cookie with ${what} is read again over ${scheme}`, async () => {
    using it = siteWith(cookie);
    const first = it.get(url);

    const second = it.get(url, cookieOf(first));

    assertEquals(await second.text(), await first.text());
    assertEquals(cookiesOf(second), []);
  });

  Deno.test(`SiteOptions.cookie with ${what} is cleared where it was set over ${scheme}`, () => {
    using it = siteWith(cookie);
    const sent = cookieOf(it.get(url));
    it.page.act = (request) => {
      request.getSession().expire();
      return "";
    };

    const response = it.get(url, sent);

    assertEquals(cookieOf(response), `${name}=`);
    assertEquals(
      attributesOf(response),
      ["Expires=Thu, 01 Jan 1970 00:00:00 GMT", ...attributes].sort(),
    );
  });
}

Deno.test("SiteOptions.cookie with a domain does not read the cookie of this host alone", () => {
  using it = siteWith({ domain: "example.com" });
  const sent = cookieOf(it.get(HTTPS)).replace("__Secure-", "__Host-");

  const response = it.get(HTTPS, sent);

  assertEquals(cookiesOf(response).length, 1);
});

Deno.test("SiteOptions.cookie without a domain does not read the cookie of a domain", () => {
  using it = siteWith();
  const sent = cookieOf(it.get(HTTPS)).replace("__Host-", "__Secure-");

  const response = it.get(HTTPS, sent);

  assertEquals(cookiesOf(response).length, 1);
});

Deno.test("SiteOptions.cookie that is changed afterwards changes nothing", () => {
  const cookie: SessionCookieOptions = { sameSite: "Strict" };
  using it = siteWith(cookie);

  cookie.sameSite = "None";

  assert(attributesOf(it.get()).includes("SameSite=Strict"));
});

for (
  const [what, cookie, error] of [
    ["another sameSite", { sameSite: "strict" }, RangeError],
    ["an empty domain", { domain: "" }, SyntaxError],
    ["a domain of a dot", { domain: "." }, SyntaxError],
    ["a domain that ends with a dot", { domain: "example.com." }, SyntaxError],
    ["a domain with a space", { domain: "example .com" }, SyntaxError],
    [
      "a domain with an attribute",
      { domain: "example.com; Path=/x" },
      SyntaxError,
    ],
    ["a domain with a port", { domain: "example.com:80" }, SyntaxError],
    ["a domain that is a URL", { domain: "https://example.com" }, SyntaxError],
    ["a domain with a line", { domain: "example.com\nx" }, SyntaxError],
    ["an empty path", { path: "" }, SyntaxError],
    ["a relative path", { path: "shop" }, SyntaxError],
    ["a path with an attribute", { path: "/; Domain=evil.com" }, SyntaxError],
    ["a path with a line", { path: "/\r\nx: y" }, SyntaxError],
  ] as [string, SessionCookieOptions, typeof Error][]
) {
  Deno.test(`Site cannot be made with ${what} for its cookie`, () => {
    assertThrows(() => siteOf({ cookie }), error);
  });
}

// Several sites.

Deno.test("SiteOptions.cookieName has two sites on a host not disturb each other", async () => {
  using one = siteWith({}, { cookieName: "one" });
  using two = siteWith({}, { cookieName: "two" });
  const [first, second] = [one.get(), two.get()];
  const both = `${cookieOf(first)}; ${cookieOf(second)}`;

  const [again, anew] = [one.get(HTTP, both), two.get(HTTP, both)];

  assertEquals(cookiesOf(again), []);
  assertEquals(cookiesOf(anew), []);
  assertEquals(await again.text(), await first.text());
  assertEquals(await anew.text(), await second.text());
});

Deno.test("SiteOptions.cookieName has the logout of one site leave another on its host", () => {
  using one = siteWith({}, { cookieName: "one" });
  using two = siteWith({}, { cookieName: "two" });
  const both = `${cookieOf(one.get())}; ${cookieOf(two.get())}`;
  one.page.act = (request) => {
    request.getSession().expire();
    return "";
  };

  const response = one.get(HTTP, both);

  assertEquals(cookiesOf(response), ["one="]);
  assert(onlySession(two.site).isActive);
});

Deno.test("SiteOptions.cookieName is no door to a site with another", () => {
  using one = siteWith({}, { cookieName: "one" });
  using two = siteWith({}, { cookieName: "two" });
  const foreign = cookieOf(one.get()).replace("one=", "two=");

  const response = two.get(HTTP, foreign);

  assertEquals(cookiesOf(response).length, 1);
});

// Cookies that are none of ours.

for (
  const [what, value] of [
    ["a megabyte", "0".repeat(2 ** 20)],
    ["what cannot be printed", "\x7f".repeat(64)],
    ["what is beyond ASCII", "\xff".repeat(64)],
    ["quotes", '"'.repeat(64)],
    ["nothing", ""],
  ] as const
) {
  Deno.test(`SiteRequest.getSession() begins anew with a cookie of ${what}`, () => {
    using it = siteWith();

    const response = it.get(HTTP, `session=${value}`);

    assertEquals(response.status, 200);
    assertEquals(cookiesOf(response).length, 1);
  });
}

Deno.test("SiteRequest.getSession() reads a header of many cookies fast", async () => {
  using it = siteWith();
  const many = "s=1;".repeat(2 ** 16);

  // What grows with the square of it takes 5 s, and what does not 0.01 s.
  await assertQuick(1000, () => it.get(HTTP, many));
});

// A persistent one.

Deno.test("SiteOptions.cookie that is persistent is kept until absoluteTimeout", () => {
  using it = siteWith({ persistent: true }, {
    sessionFactory: lasting({ sessionTimeout: 60, absoluteTimeout: 100 }),
  });
  assertEquals(maxAgeOf(it.get()), 100);
});

for (const sessionTimeout of [0, 0.25, 60, 900]) {
  Deno.test(`SiteOptions.cookie that is persistent does not end with a sessionTimeout of ${sessionTimeout} s`, () => {
    using it = siteWith({ persistent: true }, {
      sessionFactory: lasting({ sessionTimeout }),
    });
    // A touch in another process prolongs the session, and no cookie is sent.
    assertEquals(maxAgeOf(it.get()), 400 * DAY);
  });
}

Deno.test("SiteOptions.cookie that is persistent is sent again with each visit", () => {
  using it = siteWith({ persistent: true }, {
    sessionFactory: lasting({ sessionTimeout: 60, absoluteTimeout: 100 }),
  });
  const sent = cookieOf(it.get());
  it.clock.advance(30_000);

  const response = it.get(HTTP, sent);

  assertEquals(cookieOf(response), sent);
  assertEquals(maxAgeOf(response), 70);
  assertEquals(response.headers.get("cache-control"), "no-store");
});

Deno.test("SiteOptions.cookie that is persistent is kept no longer than absoluteTimeout", () => {
  using it = siteWith({ persistent: true }, {
    sessionFactory: lasting({ sessionTimeout: 60, absoluteTimeout: 100 }),
  });
  const sent = cookieOf(it.get());
  it.clock.advance(50_000);
  it.get(HTTP, sent);
  it.clock.advance(20_000);

  assertEquals(maxAgeOf(it.get(HTTP, sent)), 30);
});

for (const seconds of [400 * DAY, 400 * DAY + 1, 1e9, Infinity]) {
  Deno.test(`SiteOptions.cookie that is persistent is kept 400 days for ${seconds} s`, () => {
    using it = siteWith({ persistent: true }, {
      sessionFactory: lasting({
        sessionTimeout: seconds,
        absoluteTimeout: seconds,
      }),
    });
    assertEquals(maxAgeOf(it.get()), 400 * DAY);
  });
}

for (const [seconds, age] of [[0.25, 1], [2.5, 3], [0, 0]] as const) {
  Deno.test(`SiteOptions.cookie that is persistent is kept ${age} s for an absoluteTimeout of ${seconds} s`, () => {
    using it = siteWith({ persistent: true }, {
      sessionFactory: lasting({ absoluteTimeout: seconds }),
    });
    assertEquals(maxAgeOf(it.get()), age);
  });
}

Deno.test("SiteOptions.cookie that is persistent has an age in whole seconds at any time", () => {
  using it = siteWith({ persistent: true }, {
    sessionFactory: lasting({ absoluteTimeout: 900 }),
  });
  const ages = new Set<number>();
  for (let i = 0; i < 200; i++) {
    it.clock.advance(1.37);
    ages.add(maxAgeOf(it.get()));
  }
  assertEquals([...ages], [900]);
});

Deno.test("SiteOptions.cookie that is persistent is never kept for less than the session may last", () => {
  using it = siteWith({ persistent: true }, {
    sessionFactory: lasting({ absoluteTimeout: 900 }),
  });
  const sent = cookieOf(it.get());
  for (let i = 1; i <= 200; i++) {
    it.clock.advance(1.37);
    const left = 900 - i * 0.00137;
    const age = maxAgeOf(it.get(HTTP, sent));
    assert(age >= left && age < left + 1, `${age} s of ${left} s`);
    assert(Number.isInteger(age));
  }
});

Deno.test("SiteOptions.cookie that is persistent has the age of a timeout that the request changes", () => {
  using it = siteWith({ persistent: true });
  it.page.act = (request) => {
    request.getSession().absoluteTimeout = 60;
    return "";
  };
  assertEquals(maxAgeOf(it.get()), 60);
});

Deno.test("SiteOptions.cookie that is persistent is not sent where the session was not touched", () => {
  using it = siteWith({ persistent: true });
  const sent = cookieOf(it.get());
  it.page.act = (request) => String(request.session?.uid);

  assertEquals(cookiesOf(it.get(HTTP, sent)), []);
});

Deno.test("SiteOptions.cookie that is persistent and renewed is kept as long as the session is left", () => {
  using it = siteWith({ persistent: true }, {
    sessionFactory: lasting({ sessionTimeout: 60, absoluteTimeout: 100 }),
  });
  const sent = cookieOf(it.get());
  it.page.act = (request) => request.renewSession().uid;
  it.clock.advance(40_000);

  const response = it.get(HTTP, sent);

  assertEquals(maxAgeOf(response), 60);
  assertNotEquals(cookieOf(response), sent);
});

Deno.test("SiteOptions.cookie that is persistent is kept from the login on", () => {
  using it = siteWith({ persistent: true }, {
    sessionFactory: lasting({ sessionTimeout: 60, absoluteTimeout: 100 }),
  });
  const sent = cookieOf(it.get());
  it.page.act = (request) => request.logIn("alice").uid;
  it.clock.advance(40_000);

  // The login has begun absoluteTimeout anew.
  assertEquals(maxAgeOf(it.get(HTTP, sent)), 100);
});

Deno.test("SiteOptions.cookie that is persistent is not sent to a visitor who has ended", () => {
  using it = siteWith({ persistent: true });
  const sent = cookieOf(it.get());
  it.page.act = (request) => {
    request.getSession().expire();
    return "";
  };
  assertEquals(cookiesOf(it.get(HTTP, sent)), ["session="]);
});

for (const cookie of [{}, { persistent: false }]) {
  Deno.test(`SiteOptions.cookie ${Deno.inspect(cookie)} has no Max-Age`, () => {
    using it = siteWith(cookie);
    assertFalse(it.get().headers.getSetCookie()[0]!.includes("Max-Age"));
  });
}

// Caches.

Deno.test("A response that used a session is private", () => {
  using it = siteWith();
  const sent = cookieOf(it.get());
  assertEquals(it.get(HTTP, sent).headers.get("cache-control"), "private");
});

Deno.test("A response that looked for a session and found it is private", () => {
  using it = siteWith();
  const sent = cookieOf(it.get());
  it.page.act = (request) => String(request.session?.uid);
  assertEquals(it.get(HTTP, sent).headers.get("cache-control"), "private");
});

Deno.test("A response that used a session which goes with the request is private", () => {
  using it = siteWith();
  const response = it.get(HTTP, undefined, { method: "HEAD" });
  assertEquals(response.headers.get("cache-control"), "private");
});

Deno.test("A response that used no session says nothing to caches", () => {
  using it = siteWith();
  const sent = cookieOf(it.get());
  it.page.act = () => "";
  assertEquals(it.get(HTTP, sent).headers.get("cache-control"), null);
});

for (
  const [what, answer] of [
    ["sets", (request, value) => {
      request.setHeader("cache-control", value);
      return "";
    }],
    [
      "returns in its Response",
      (_, value) => new Response("", { headers: { "cache-control": value } }),
    ],
  ] as [string, (request: SiteRequest, value: string) => Rendered][]
) {
  for (
    const value of [
      "max-age=60",
      "public",
      "no-cache",
      "must-revalidate",
      "max-age=60, s-maxage=5",
      'no-cache="private"',
      // This one forbids nothing but to keep a header.
      'private="x-a"',
      "x-private",
      "privately",
    ]
  ) {
    Deno.test(`A response that used a session is private where the resource ${what} ${value}`, () => {
      using it = siteWith();
      const sent = cookieOf(it.get());
      it.page.act = (request) => {
        request.getSession();
        return answer(request, value);
      };

      const response = it.get(HTTP, sent);

      assertEquals(response.headers.get("cache-control"), "private");
    });

    Deno.test(`A response that sets the cookie is no-store where the resource ${what} ${value}`, () => {
      using it = siteWith();
      it.page.act = (request) => {
        request.getSession();
        return answer(request, value);
      };

      const response = it.get();

      assertEquals(response.headers.get("cache-control"), "no-store");
    });
  }

  for (
    const value of [
      "private",
      "no-store",
      "private, max-age=60",
      "max-age=60, private",
      "max-age=60,private",
      "Private",
      "NO-STORE",
      "no-cache, no-store",
      'private="x-a", no-store',
    ]
  ) {
    Deno.test(`A response that used a session is as the resource ${what} it: ${value}`, () => {
      using it = siteWith();
      const first = it.get();
      it.page.act = (request) => {
        request.getSession();
        return answer(request, value);
      };

      const found = it.get(HTTP, cookieOf(first));
      const made = it.get();

      assertEquals(found.headers.get("cache-control"), value);
      assertEquals(made.headers.get("cache-control"), value);
    });
  }

  Deno.test(`A response that used no session keeps the Cache-Control that the resource ${what}`, () => {
    using it = siteWith();
    it.page.act = (request) => answer(request, "public, max-age=60");

    const response = it.get();

    assertEquals(response.headers.get("cache-control"), "public, max-age=60");
  });
}

for (
  const [what, status, render] of [
    ["an error page", 500, () => {
      throw new Error("thrown");
    }],
    ["a redirect", 302, (request) => request.redirect("/")],
    ["a Response", 203, () => new Response("", { status: 203 })],
    ["a 304", 304, (request) => {
      request.setResponseCode(304);
      return "";
    }],
    ["a stream", 200, () => new Blob(["text"]).stream()],
  ] as [string, number, (request: SiteRequest) => Rendered][]
) {
  Deno.test(`A response that used a session is private on ${what}`, async () => {
    using it = siteWith({}, { onError: new Errors().onError });
    const sent = cookieOf(it.get());
    it.page.act = (request) => {
      request.getSession();
      return render(request);
    };

    // The first stream of a process waits for its code.
    const response = await it.get(HTTP, sent);

    assertEquals(response.status, status);
    assertEquals(response.headers.get("cache-control"), "private");
  });
}

Deno.test("A response that used a session has no Response that is kept become private", () => {
  const kept = new Response("kept");
  using it = siteWith();
  const sent = cookieOf(it.get());
  it.page.act = (request) => {
    request.getSession();
    return kept;
  };

  it.get(HTTP, sent);

  assertEquals(kept.headers.get("cache-control"), null);
});

for (
  const [what, act] of [
    ["sets", (request) => request.renewSession().uid],
    ["clears", (request) => {
      request.getSession().expire();
      return "";
    }],
  ] as [string, (request: SiteRequest) => Rendered][]
) {
  Deno.test(`A response that ${what} the session's cookie is no-store`, () => {
    using it = siteWith();
    const sent = cookieOf(it.get());
    it.page.act = act;

    const response = it.get(HTTP, sent);

    assertEquals(cookiesOf(response).length, 1);
    assertEquals(response.headers.get("cache-control"), "no-store");
  });
}

// The logout.

/** A site that logs out a client with a cookie, and tells it to forget. */
function forgetful(
  clearSiteData: NonNullable<SiteOptions["clearSiteData"]>,
) {
  const it = siteWith({}, { clearSiteData, onError: new Errors().onError });
  const sent = cookieOf(it.get());
  it.page.act = (request) => {
    request.getSession().expire();
    return "";
  };
  const leave = () => it.get(HTTP, sent);
  return { ...it, leave };
}

for (
  const [what, value] of [
    [["cookies"], '"cookies"'],
    [["cache", "cookies", "storage"], '"cache", "cookies", "storage"'],
    [["*"], '"*"'],
  ] as const
) {
  Deno.test(`SiteOptions.clearSiteData ${what} is sent with the logout`, () => {
    using it = forgetful(what);
    assertEquals(it.leave().headers.get("clear-site-data"), value);
  });
}

Deno.test("SiteOptions.clearSiteData is not sent to a client that came without a cookie", () => {
  using it = forgetful(["cookies"]);
  for (
    const act of [
      (request: SiteRequest) => request.getSession().expire(),
      (request: SiteRequest) => request.logOut(),
    ]
  ) {
    it.page.act = (request) => {
      act(request);
      return "";
    };
    const response = it.get();
    assertEquals(response.headers.get("clear-site-data"), null);
    assertEquals(cookiesOf(response), []);
  }
});

Deno.test("SiteOptions.clearSiteData leaves what the resource has set", () => {
  using it = forgetful(["cookies"]);
  it.page.act = (request) => {
    request.setHeader("clear-site-data", '"cache"');
    request.logOut();
    return "";
  };
  assertEquals(it.leave().headers.get("clear-site-data"), '"cache"');
});

Deno.test("SiteOptions.clearSiteData is sent with a logout that redirects by a Response", () => {
  using it = forgetful(["cookies"]);
  it.page.act = (request) => {
    request.getSession().expire();
    return request.redirect("/");
  };
  assertEquals(it.leave().headers.get("clear-site-data"), '"cookies"');
});

Deno.test("SiteOptions.clearSiteData is sent with a logout on an error page", () => {
  using it = forgetful(["cookies"]);
  it.page.act = (request) => {
    request.getSession().expire();
    throw new Error("thrown");
  };
  assertEquals(it.leave().headers.get("clear-site-data"), '"cookies"');
});

Deno.test("SiteOptions.clearSiteData is not sent with an end that another request caused", async () => {
  using it = forgetful(["cookies"]);
  const gate = Promise.withResolvers<void>();
  it.page.act = (request) => {
    request.getSession();
    return gate.promise.then(() => "") as unknown as string;
  };
  const slow = it.leave();
  it.page.act = (request) => {
    request.logOut();
    return "";
  };

  const own = it.leave();
  gate.resolve();
  const { headers } = await slow;

  assertEquals(own.headers.get("clear-site-data"), '"cookies"');
  assertEquals(headers.get("clear-site-data"), null);
  assertEquals(headers.getSetCookie(), []);
});

Deno.test("SiteOptions.clearSiteData is not sent with an end by deadline", () => {
  const clock = new ManualClock();
  using it = siteWith({}, { clock, clearSiteData: ["cookies"] });
  const sent = cookieOf(it.get());
  it.page.act = (request) => {
    const { session } = request;
    clock.jump(900_000);
    return String(session?.checkExpired());
  };

  const { headers } = it.get(HTTP, sent);

  assertEquals(headers.get("clear-site-data"), null);
  assertEquals(headers.getSetCookie(), []);
});

Deno.test("SiteOptions.clearSiteData is not sent with the cookie of the next session", () => {
  using it = forgetful(["cookies"]);
  it.page.act = (request) => {
    request.getSession().expire();
    return request.getSession().uid;
  };

  const response = it.leave();

  assertEquals(response.headers.get("clear-site-data"), null);
  assert(cookieOf(response).includes(onlySession(it.site).uid));
});

Deno.test("SiteOptions.clearSiteData is nothing unless told", () => {
  using it = siteWith();
  const sent = cookieOf(it.get());
  it.page.act = (request) => {
    request.getSession().expire();
    return "";
  };

  const response = it.get(HTTP, sent);

  assertEquals(cookiesOf(response), ["session="]);
  assertEquals(response.headers.get("clear-site-data"), null);
});

Deno.test("SiteOptions.clearSiteData is not sent while the session lives", () => {
  using it = siteWith({}, { clearSiteData: ["cookies"] });
  const sent = cookieOf(visit(it.site));
  assertEquals(it.get(HTTP, sent).headers.get("clear-site-data"), null);
});
