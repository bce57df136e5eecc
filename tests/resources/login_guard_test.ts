import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  HttpError,
  LoginGuard,
  type LoginGuardOptions,
  Resource,
  type SiteRequest,
} from "../../mod.ts";
import { TestSite } from "../../testing.ts";
import { cave } from "../helpers_guard.ts";
import { Leaf, WatchedSite } from "../helpers_http.ts";

/** A site with a login, and a guard before the cave. */
function tree(
  options: LoginGuardOptions = {},
  inside: Resource = cave,
): Resource {
  return new Resource()
    .putChild(
      "login",
      new Leaf((request) => {
        const name = request.query.get("as");
        if (name === null) return "who are you?";
        request.logIn(name);
        return request.redirect(LoginGuard.returnPath(request), 303);
      }),
    )
    .putChild("logout", new Leaf((request) => (request.logOut(), "")))
    .putChild("members", new LoginGuard(inside, options));
}

/** What a request without a login is answered. */
async function turnedAway(
  path: string,
  init: RequestInit = {},
  options: LoginGuardOptions = {},
): Promise<{ status: number; location: string | null; response: Response }> {
  await using site = new WatchedSite(tree(options));
  const response = await site.visit(path, init);
  assertEquals(site.errors, []);
  assertEquals(site.sessions.size, 0);
  assertEquals(response.headers.getSetCookie(), []);
  const { status } = response;
  return { status, location: response.headers.get("location"), response };
}

Deno.test("LoginGuard sends a stranger to /login, with the way back", async () => {
  const { status, location, response } = await turnedAway(
    "/members/a?b=c&d=%2F",
  );
  assertEquals(status, 303);
  assertEquals(location, "/login?next=%2Fmembers%2Fa%3Fb%3Dc%26d%3D%252F");
  assertEquals(response.headers.get("cache-control"), "no-store");
});

Deno.test("LoginGuard lets in after a login, and leads back", async () => {
  await using testSite = new TestSite(tree());
  const visitor = testSite.visitor();
  const first = await visitor.fetch("/members/a?b=c");

  const login = await visitor.fetch(
    `${first.headers.get("location")}&as=alice`,
  );

  assertEquals(login.headers.get("location"), "/members/a?b=c");
  const page = await visitor.fetch("/members/a?b=c");
  assertEquals(await page.text(), "alice members > a");
});

Deno.test("LoginGuard answers the path that ends at it", async () => {
  await using testSite = new TestSite(tree());
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=alice");
  const page = await visitor.fetch("/members");
  assertEquals(await page.text(), "alice members > ");
  assertEquals((await turnedAway("/members")).status, 303);
});

Deno.test("LoginGuard turns away after the logout", async () => {
  await using testSite = new TestSite(tree());
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=alice");
  await visitor.fetch("/logout");
  assertEquals((await visitor.fetch("/members")).status, 303);
});

Deno.test("LoginGuard turns away a session without a principal", async () => {
  const root = tree().putChild(
    "in",
    new Leaf((request) => request.getSession().uid),
  );
  await using testSite = new TestSite(root);
  const visitor = testSite.visitor();
  await visitor.fetch("/in");
  assertEquals((await visitor.fetch("/members")).status, 303);
});

Deno.test("LoginGuard lets in a principal that is empty", async () => {
  await using testSite = new TestSite(tree());
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=");
  assertEquals(await (await visitor.fetch("/members")).text(), " members > ");
});

Deno.test("LoginGuard counts a member's request as a visit", async () => {
  await using testSite = new TestSite(tree(), { sessionTimeout: 60 });
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=alice");
  for (let i = 0; i < 5; i++) {
    await testSite.advance(40);
    assertEquals((await visitor.fetch("/members")).status, 200);
  }
  assertEquals(visitor.session!.visits, 6);
  await testSite.advance(60);
  assertEquals(testSite.ends.map(({ reason }) => reason), ["idle"]);
});

for (
  const [what, init, touchesSession] of [
    ["a resource that touches no session", {}, false],
    ["HEAD", { method: "HEAD" }, true],
    [
      "a prefetch of another site",
      {
        headers: { "sec-purpose": "prefetch", "sec-fetch-site": "cross-site" },
      },
      true,
    ],
  ] as [string, RequestInit, boolean][]
) {
  Deno.test(`LoginGuard counts ${what} as no visit`, async () => {
    const inside = new Leaf(() => "news");
    inside.touchesSession = touchesSession;
    await using testSite = new TestSite(tree({}, inside), {
      sessionTimeout: 60,
    });
    const visitor = testSite.visitor();
    await visitor.fetch("/login?as=alice");
    const { session } = visitor;
    await testSite.advance(40);
    assertEquals((await visitor.fetch("/members/news", init)).status, 200);
    assertEquals((await visitor.fetch("/members", init)).status, 200);
    await testSite.advance(20);
    assertEquals(session!.end?.reason, "idle");
  });
}

Deno.test("LoginGuard keeps the session of a member who waits from idling out", async () => {
  const gate = Promise.withResolvers<string>();
  const inside = new Leaf(() => gate.promise);
  await using testSite = new TestSite(tree({}, inside), { sessionTimeout: 60 });
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=alice");
  const waiting = visitor.fetch("/members");
  await testSite.advance(100);
  gate.resolve("at last");
  assertEquals(await (await waiting).text(), "at last");
  await testSite.advance(59);
  assert(visitor.session!.isActive);
});

for (
  const [what, init, status] of [
    ["a page by a browser", {
      accept: "text/html,application/xhtml+xml,*/*;q=0.8",
    }, 303],
    ["anything", { accept: "*/*" }, 303],
    [
      "a navigation over https",
      { accept: "*/*", "sec-fetch-mode": "navigate" },
      303,
    ],
    [
      "HTML by a script",
      { accept: "text/html", "sec-fetch-mode": "cors" },
      303,
    ],
    [
      "HTML rather than JSON",
      { accept: "application/json;q=0.5, text/html" },
      303,
    ],
    ["JSON", { accept: "application/json" }, 401],
    ["JSON by axios", { accept: "application/json, text/plain, */*" }, 401],
    [
      "JSON rather than HTML",
      { accept: "application/json, text/html;q=0.5" },
      401,
    ],
    ["no HTML", { accept: "text/html;q=0, application/json" }, 401],
    ["a problem", { accept: "application/problem+json" }, 401],
    ["anything by a script", { accept: "*/*", "sec-fetch-mode": "cors" }, 401],
    ["an image", { accept: "image/avif,image/webp,*/*;q=0.8" }, 401],
    ["a style", { accept: "text/css,*/*;q=0.1" }, 401],
    ["events", { accept: "text/event-stream" }, 401],
    ["anything by bearer token", { authorization: "bearer abc" }, 401],
    ["HTML by bearer token", {
      authorization: "Bearer abc",
      accept: "text/html",
    }, 401],
    ["a token in a header", { "session-transport": "bearer" }, 401],
    ["a page by password", { authorization: "Basic YTpi" }, 303],
    ["a socket", { upgrade: "websocket", connection: "upgrade" }, 401],
  ] as [string, Record<string, string>, number][]
) {
  Deno.test(`LoginGuard answers ${status} to a stranger who asks for ${what}`, async () => {
    const seen = await turnedAway("/members/a", { headers: init });
    assertEquals(seen.status, status);
    assertEquals(seen.location === null, status === 401);
  });
}

Deno.test("LoginGuard tells a program what is wrong, in JSON", async () => {
  const { response } = await turnedAway("/members", {
    headers: { accept: "application/json" },
  });
  assertEquals(await response.json(), {
    title: "Unauthorized",
    status: 401,
    detail: "You need to log in.",
  });
  const { headers } = response;
  assertEquals(headers.get("content-type"), "application/problem+json");
  assertEquals(headers.get("www-authenticate"), 'Cookie form-action="/login"');
  assertEquals(headers.get("cache-control"), "no-store");
});

for (
  const [method, status, location] of [
    ["GET", 303, "/login?next=%2Fmembers%2Fa"],
    ["HEAD", 303, "/login?next=%2Fmembers%2Fa"],
    ["POST", 303, "/login"],
    ["PUT", 401, null],
    ["DELETE", 401, null],
    ["OPTIONS", 401, null],
    ["PROPFIND", 401, null],
  ] as const
) {
  Deno.test(`LoginGuard answers ${status} to a stranger's ${method}`, async () => {
    const seen = await turnedAway("/members/a", { method });
    assertEquals([seen.status, seen.location], [status, location]);
  });
}

Deno.test("LoginGuard names the scheme of tokens to a client that carries one", async () => {
  const { response } = await turnedAway("/members", {
    headers: { authorization: "Bearer abc" },
  });
  assertEquals(response.headers.get("www-authenticate"), "Bearer");
});

for (const method of ["GET", "HEAD", "POST", "PUT"]) {
  Deno.test(`LoginGuard that does not redirect answers 401 to a stranger's ${method}`, async () => {
    const headers = { accept: "text/html", "sec-fetch-mode": "navigate" };
    const init = { method, headers };
    const seen = await turnedAway("/members/a", init, { redirects: false });
    assertEquals([seen.status, seen.location], [401, null]);
  });
}

Deno.test("LoginGuard remembers no path that is too long for a header", async () => {
  const { location } = await turnedAway(`/members/${"a".repeat(2000)}`);
  assertEquals(location, "/login");
});

/** Where a browser goes from shop.test by a Location. */
function goal(location: string): string {
  return new URL(location, "https://shop.test/login").href;
}

for (
  const path of [
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "/\t/evil.test",
    "/\n/evil.test",
    "\t//evil.test",
    " //evil.test",
    "/.//evil.test",
    "/..//evil.test",
    "/a/..//evil.test",
    "/%2e//evil.test",
    "/.\\/evil.test",
    "https://evil.test",
    "https:evil.test",
    "https:/evil.test",
    "HTTPS://evil.test",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.test",
    "@evil.test",
    ".evil.test",
    ":@evil.test",
    "",
    "/\\/\\evil.test",
    "/\u0000/evil.test",
    "/\u2028/evil.test",
    "/\ufeff/evil.test",
    "/\u3000/evil.test",
    "/;@evil.test",
    "/%5cevil.test",
    "/%2f%2fevil.test",
    "/?//evil.test",
    "/#//evil.test",
  ]
) {
  Deno.test(`LoginGuard.returnPath() leads ${JSON.stringify(path)} to no other host`, async () => {
    await using site = new WatchedSite(tree());
    for (const raw of [encodeURIComponent(path), encodeURI(path)]) {
      const response = await site.visit(`/login?as=alice&next=${raw}`);
      const location = response.headers.get("location")!;
      assert(location.startsWith("/"), location);
      assertEquals(new URL(goal(location)).origin, "https://shop.test");
    }
    assertEquals(site.errors, []);
  });

  Deno.test(`LoginGuard sends a stranger at ${JSON.stringify(path)} to its login page`, async () => {
    await using site = new WatchedSite(new LoginGuard(cave));
    const response = await site.fetch(
      Object.defineProperty(new Request("http://shop.test/"), "url", {
        value: `http://shop.test${path.startsWith("/") ? path : `/${path}`}`,
      }),
    );
    const location = response.headers.get("location")!;
    assertEquals(new URL(goal(location)).origin, "https://shop.test");
    assertEquals(new URL(goal(location)).pathname, "/login");
  });
}

for (
  const [next, right] of [
    ["/members/a?b=c#d", "/members/a?b=c#d"],
    ["/ü ö", "/%C3%BC%20%C3%B6"],
    ["/a//b", "/a//b"],
    ["/login", "/login"],
  ] as const
) {
  Deno.test(`LoginGuard.returnPath() is ${right} for ${next}`, async () => {
    await using site = new WatchedSite(tree());
    const { headers } = await site.visit(
      `/login?as=alice&next=${encodeURIComponent(next)}`,
    );
    assertEquals(headers.get("location"), right);
  });
}

Deno.test("LoginGuard.returnPath() is the fallback without the parameter", async () => {
  const seen: string[] = [];
  await using site = new WatchedSite((request) => {
    seen.push(LoginGuard.returnPath(request, "/home"));
    return "";
  });
  await site.visit("/login?next=https://evil.test");
  await site.visit("/login");
  assertEquals(seen, ["/home", "/home"]);
});

Deno.test("LoginGuardOptions.loginPath may have a query", async () => {
  const options = { loginPath: "/in?lang=de" };
  const { location } = await turnedAway("/members", {}, options);
  assertEquals(location, "/in?lang=de&next=%2Fmembers");
});

for (
  const loginPath of [
    "login",
    "",
    "//evil.test/login",
    "/\\evil.test",
    "https://evil.test/login",
    "/login#form",
    "/.//evil.test",
  ]
) {
  Deno.test(`LoginGuardOptions.loginPath cannot be "${loginPath}"`, () => {
    assertThrows(
      () => new LoginGuard(cave, { loginPath }),
      RangeError,
      "Cannot make a login guard: loginPath is not a path of this host",
    );
  });
}

Deno.test("LoginGuard refuses to guard what is no Resource", () => {
  assertThrows(
    () => new LoginGuard({} as Resource),
    TypeError,
    'Cannot guard an object "Object": it is not a Resource',
  );
});

for (const path of ["/login", "/%6Cogin", "/login?next=%2F"]) {
  Deno.test(`LoginGuard lets ${path} through, before the whole tree`, async () => {
    await using site = new WatchedSite(new LoginGuard(tree()));
    const response = await site.visit(path);
    assertEquals([response.status, await response.text()], [
      200,
      "who are you?",
    ]);
  });
}

for (
  const path of ["/login/", "/login/x", "/", "/Login", "//login", "/a/login"]
) {
  Deno.test(`LoginGuard lets ${path} not through, before the whole tree`, async () => {
    await using site = new WatchedSite(new LoginGuard(tree()));
    assertEquals((await site.visit(path)).status, 303);
  });
}

Deno.test("LoginGuardOptions.maxAge asks again when the login is older", async () => {
  await using testSite = new TestSite(tree({ maxAge: 300 }));
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=alice");
  await testSite.advance(300);
  assertEquals((await visitor.fetch("/members")).status, 200);
  await testSite.advance(1);
  const refused = await visitor.fetch("/members");
  assertEquals(refused.status, 303);
  const { uid } = visitor.session!;

  await visitor.fetch(`${refused.headers.get("location")}&as=alice`);

  assertEquals((await visitor.fetch("/members")).status, 200);
  assertEquals(visitor.session!.uid, uid);
});

Deno.test("LoginGuardOptions.maxAge asks a session that was never logged in", async () => {
  const root = tree({ maxAge: 300 }).putChild(
    "assign",
    new Leaf((request) => request.getSession().uid),
  );
  await using testSite = new TestSite(root);
  const visitor = testSite.visitor();
  await visitor.fetch("/assign");
  visitor.session!.principal = "alice";
  assertEquals((await visitor.fetch("/members")).status, 303);
});

for (const kind of ["at once", "by a promise"]) {
  const say = <T>(value: T): T | Promise<T> =>
    kind === "at once" ? value : Promise.resolve(value);

  Deno.test(`LoginGuardOptions.allow says who may in, ${kind}`, async () => {
    const asked: unknown[] = [];
    const allow = (principal: string, { method }: SiteRequest) => {
      asked.push([principal, method]);
      return say(principal === "alice");
    };
    await using testSite = new TestSite(tree({ allow }));
    const alice = testSite.visitor();
    await alice.fetch("/login?as=alice");
    const bob = testSite.visitor();
    await bob.fetch("/login?as=bob");
    for (const path of ["/members", "/members/a"]) {
      assertEquals((await alice.fetch(path)).status, 200);
      assertEquals((await bob.fetch(path)).status, 403);
      assertEquals((await testSite.visitor().fetch(path)).status, 303);
    }
    assertEquals(asked.length, 4);
    assertEquals(asked[0], ["alice", "GET"]);
  });

  for (const verdict of [undefined, null, 1, "yes"]) {
    Deno.test(`LoginGuardOptions.allow that answers ${JSON.stringify(verdict)} ${kind} is reported`, async () => {
      const allow = (() => say(verdict)) as unknown as () => boolean;
      await using site = new WatchedSite(tree({ allow }));
      const login = await site.visit("/login?as=alice");
      const [cookie = ""] = login.headers.getSetCookie()[0]!.split(";");
      const { status } = await site.visit("/members", { headers: { cookie } });
      assertEquals(status, 500);
      assert(
        String(site.errors[0]).includes(
          "allow returned neither true nor false",
        ),
      );
    });
  }
}

Deno.test("LoginGuardOptions.allow may throw an HttpError", async () => {
  const allow = () => {
    throw new HttpError(451, "Not in your country.");
  };
  await using testSite = new TestSite(tree({ allow }));
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=alice");
  assertEquals((await visitor.fetch("/members")).status, 451);
});

Deno.test("LoginGuard lets a principal that is not allowed reach the login page", async () => {
  const guard = new LoginGuard(tree(), { allow: (name) => name === "alice" });
  await using testSite = new TestSite(guard);
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=bob");
  assertEquals((await visitor.fetch("/")).status, 403);
  await visitor.fetch("/login?as=alice");
  assertEquals((await visitor.fetch("/members")).status, 200);
});

Deno.test("LoginGuard lets no request in whose session ends while allow decides", async () => {
  const gate = Promise.withResolvers<boolean>();
  await using testSite = new TestSite(tree({ allow: () => gate.promise }));
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=alice");
  const waiting = visitor.fetch("/members");
  visitor.session!.expire();
  gate.resolve(true);
  assertEquals((await waiting).status, 303);
});

Deno.test("LoginGuard refuses unsafe requests of other origins, of members too", async () => {
  await using testSite = new TestSite(tree());
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=alice");
  const post = (headers: Record<string, string>) =>
    visitor.fetch("/members", { method: "POST", headers });
  assertEquals((await post({ "sec-fetch-site": "same-site" })).status, 403);
  assertEquals((await post({ "sec-fetch-site": "same-origin" })).status, 200);
});

Deno.test("LoginGuard makes what members see private", async () => {
  await using testSite = new TestSite(tree());
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=alice");
  const { headers } = await visitor.fetch("/members");
  assertEquals(headers.get("cache-control"), "private");
});

Deno.test("LoginGuard names the member in the access log", async () => {
  const lines: string[] = [];
  await using testSite = new TestSite(tree(), {
    accessLog: (line: string) => void lines.push(line),
  });
  const visitor = testSite.visitor();
  await visitor.fetch("/login?as=alice");
  await (await visitor.fetch("/members")).text();
  assert(lines.at(-1)!.includes(" alice "), lines.at(-1));
});
