import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  type PasswordCheck,
  passwordCheck,
  Resource,
  SessionGuard,
} from "../../mod.ts";
import {
  alice,
  cave,
  check,
  login,
  REALM,
  withAuthorization,
} from "../helpers_guard.ts";
import {
  cookieOf,
  Leaf,
  Page,
  WatchedSite,
  withCookieOf,
} from "../helpers_http.ts";

/** A check that counts how often it is asked. */
function countingCheck(): PasswordCheck & { count: number } {
  const counting = (user: string, password: string) => {
    counting.count++;
    return check(user, password);
  };
  counting.count = 0;
  return counting;
}

Deno.test("SessionGuard lets a session through once it has seen the password", async () => {
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));

  const visit = await site.visit(
    "/",
    withCookieOf(await site.visit("/", alice)),
  );

  assertEquals(await visit.text(), "alice  > ");
});

Deno.test("SessionGuard checks a password once a session", async () => {
  const counting = countingCheck();
  await using site = new WatchedSite(new SessionGuard(cave, counting, REALM));

  const cookie = cookieOf(await site.visit("/", alice));
  for (const path of ["/", "/a", "/a//b/"]) {
    await site.visit(path, { headers: { ...alice.headers, cookie } });
  }

  assertEquals(counting.count, 1);
});

Deno.test("SessionGuard remembers what a promise said", async () => {
  const guard = new SessionGuard(cave, () => Promise.resolve(true), REALM);
  await using site = new WatchedSite(guard);

  const visit = await site.visit(
    "/",
    withCookieOf(await site.visit("/", alice)),
  );

  assertEquals(visit.status, 200);
});

for (
  const [who, init] of [
    ["nobody", {}],
    ["a wrong password", login("alice", "please")],
    ["garbage", withAuthorization("Basic ***")],
  ] as [string, RequestInit][]
) {
  Deno.test(`SessionGuard makes no session for ${who}`, async () => {
    await using site = new WatchedSite(new SessionGuard(cave, check, REALM));

    const { status, headers } = await site.visit("/a", init);

    assertEquals(status, 401);
    assertEquals(headers.getSetCookie(), []);
    assertEquals(site.sessions.size, 0);
  });
}

Deno.test("SessionGuard makes no session where the check fails", async () => {
  const failing = () => Promise.reject(new Error("down"));
  await using site = new WatchedSite(new SessionGuard(cave, failing, REALM));

  const { status } = await site.visit("/", alice);

  assertEquals(status, 500);
  assertEquals(site.sessions.size, 0);
});

Deno.test("SessionGuard does not let a forged cookie through", async () => {
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));
  const token = cookieOf(await site.visit("/", alice));
  const forged = token.slice(0, -32) + "0".repeat(32);

  const { status } = await site.visit("/", { headers: { cookie: forged } });

  assertEquals(status, 401);
});

Deno.test("SessionGuard lets no session through that was made elsewhere", async () => {
  const root = new Resource()
    .putChild("in", new SessionGuard(cave, check, REALM))
    .putChild("out", new Leaf((request) => request.getSession().uid));
  await using site = new WatchedSite(root);

  const out = withCookieOf(await site.visit("/out"));

  assertEquals((await site.visit("/in", out)).status, 401);
});

Deno.test("SessionGuard logs in with the session that there is", async () => {
  const root = new Resource()
    .putChild("in", new SessionGuard(cave, check, REALM))
    .putChild("out", new Leaf((request) => request.getSession().uid));
  await using site = new WatchedSite(root);
  const cookie = cookieOf(await site.visit("/out"));
  const [{ uid } = { uid: "" }] = site.sessions.values();

  const login = await site.visit("/in", {
    headers: { ...alice.headers, cookie },
  });

  assertEquals([...site.sessions.keys()], [uid]);
  assertEquals((await site.visit("/in", withCookieOf(login))).status, 200);
});

Deno.test("SessionGuard supersedes the cookie that the login came with", async () => {
  const root = new Resource()
    .putChild("in", new SessionGuard(cave, check, REALM))
    .putChild("out", new Leaf((request) => request.getSession().uid));
  await using site = new WatchedSite(root);
  const cookie = cookieOf(await site.visit("/out"));

  const login = await site.visit("/in", {
    headers: { ...alice.headers, cookie },
  });

  assertNotEquals(cookieOf(login), cookie);
  assertEquals((await site.visit("/in", { headers: { cookie } })).status, 401);
});

Deno.test("SessionGuard logs in the session's principal", async () => {
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));

  await site.visit("/", alice);

  const [session] = site.sessions.values();
  assertEquals(site.sessionsOf("alice"), [session!]);
  assert(session!.authenticatedAt! - session!.createdAt < 60);
});

Deno.test("SessionGuard shares its logins with guards of its realm only", async () => {
  const root = new Resource()
    .putChild("a", new SessionGuard(cave, check, REALM))
    .putChild("b", new SessionGuard(cave, check, REALM))
    .putChild("c", new SessionGuard(cave, check, { realm: "Armoury" }));
  await using site = new WatchedSite(root);

  const cookie = withCookieOf(await site.visit("/a", alice));

  assertEquals((await site.visit("/a", cookie)).status, 200);
  assertEquals((await site.visit("/b", cookie)).status, 200);
  assertEquals((await site.visit("/c", cookie)).status, 401);
});

Deno.test("SessionGuard keeps the login of one realm at that of another by the same user", async () => {
  const root = new Resource()
    .putChild("a", new SessionGuard(cave, check, REALM))
    .putChild("b", new SessionGuard(cave, check, { realm: "Armoury" }));
  await using site = new WatchedSite(root);
  const first = cookieOf(await site.visit("/a", alice));

  const second = await site.visit("/b", {
    headers: { ...alice.headers, cookie: first },
  });

  const cookie = withCookieOf(second);
  assertEquals((await site.visit("/a", cookie)).status, 200);
  assertEquals((await site.visit("/b", cookie)).status, 200);
  assertEquals(site.sessions.size, 1);
});

Deno.test("SessionGuard forgets the login of one user at that of another", async () => {
  const check = passwordCheck({ alice: "a", bob: "b" });
  const root = new Resource()
    .putChild("a", new SessionGuard(cave, check, REALM))
    .putChild("b", new SessionGuard(cave, check, { realm: "Armoury" }));
  await using site = new WatchedSite(root);
  const first = cookieOf(await site.visit("/a", login("alice", "a")));

  const second = await site.visit("/b", {
    headers: { ...login("bob", "b").headers, cookie: first },
  });

  const cookie = withCookieOf(second);
  assertEquals((await site.visit("/a", cookie)).status, 401);
  assertEquals((await site.visit("/b", cookie)).status, 200);
  assertEquals(site.sessionsOf("alice"), []);
});

Deno.test("SessionGuard lets no login through that it has not made", async () => {
  const root = new Resource()
    .putChild("in", new SessionGuard(cave, check, REALM))
    .putChild("out", new Leaf((request) => request.logIn("alice").uid));
  await using site = new WatchedSite(root);

  const out = withCookieOf(await site.visit("/out"));

  assertEquals((await site.visit("/in", out)).status, 401);
});

Deno.test("SessionGuard asks again once the principal has been taken away", async () => {
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));
  const cookie = withCookieOf(await site.visit("/", alice));
  const [session] = site.sessions.values();

  session!.principal = undefined;
  assertEquals((await site.visit("/", cookie)).status, 401);
  session!.principal = "bob";

  assertEquals((await site.visit("/", cookie)).status, 401);
});

Deno.test("SessionGuard keeps to the user it remembers", async () => {
  const check = passwordCheck({ alice: "a", bob: "b" });
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));
  const cookie = cookieOf(await site.visit("/", login("alice", "a")));
  const { headers } = login("bob", "b");

  const visit = await site.visit("/", { headers: { ...headers, cookie } });

  assertEquals(await visit.text(), "alice  > ");
});

Deno.test("SessionGuard asks again after the logout", async () => {
  const tree = new Resource()
    .putChild("", new Page(() => "in"))
    .putChild(
      "logout",
      new Page(({ session }) => {
        session?.expire();
        return "bye";
      }),
    );
  await using site = new WatchedSite(new SessionGuard(tree, check, REALM));
  const cookie = withCookieOf(await site.visit("/", alice));

  assertEquals(await (await site.visit("/logout", cookie)).text(), "bye");

  assertEquals((await site.visit("/", cookie)).status, 401);
});

Deno.test("SessionGuard counts a visit as access", async () => {
  using time = new FakeTime();
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));
  const cookie = withCookieOf(await site.visit("/", alice));

  await time.tickAsync(899_999);
  assertEquals((await site.visit("/", cookie)).status, 200);
  await time.tickAsync(899_999);
  assertEquals((await site.visit("/", cookie)).status, 200);

  await time.tickAsync(900_000);
  assertEquals((await site.visit("/", cookie)).status, 401);
});

Deno.test("SessionGuard touches no session of who is not let through", async () => {
  using time = new FakeTime();
  const root = new Resource()
    .putChild("in", new SessionGuard(cave, check, REALM))
    .putChild("out", new Leaf((request) => request.getSession().uid));
  await using site = new WatchedSite(root);
  const cookie = withCookieOf(await site.visit("/out"));

  await time.tickAsync(600_000);
  await site.visit("/in", cookie);
  await time.tickAsync(300_000);

  assertEquals(site.sessions.size, 0);
});

Deno.test("SessionGuard has the login stored by nobody", async () => {
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));

  const { headers } = await site.visit("/", alice);

  assertEquals(headers.get("cache-control"), "no-store");
});

Deno.test("SessionGuard has what is behind it stored by the visitor only", async () => {
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));

  const visit = await site.visit(
    "/",
    withCookieOf(await site.visit("/", alice)),
  );

  assertEquals(visit.headers.get("cache-control"), "private");
});

for (
  const [said, sent] of [
    ["public", "private"],
    ["max-age=60", "private"],
    ["private, max-age=60", "private, max-age=60"],
    ["no-store", "no-store"],
  ] as const
) {
  Deno.test(`SessionGuard has what is behind it sent as ${sent} where the resource says ${said}`, async () => {
    const page = new Leaf((request) => {
      request.setHeader("cache-control", said);
      return "";
    });
    await using site = new WatchedSite(new SessionGuard(page, check, REALM));

    const visit = await site.visit(
      "/",
      withCookieOf(await site.visit("/", alice)),
    );

    assertEquals(visit.headers.get("cache-control"), sent);
  });
}

Deno.test("SessionGuard gives two visitors two sessions", async () => {
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));

  const one = cookieOf(await site.visit("/", alice));
  const other = cookieOf(await site.visit("/", alice));

  assertNotEquals(one, other);
});

Deno.test("SessionGuard puts the login in a session that is alive after the check", async () => {
  const slow: PasswordCheck = () => {
    for (const session of site.sessions.values()) session.expire();
    return Promise.resolve(true);
  };
  const root = new Resource()
    .putChild("in", new SessionGuard(cave, slow, REALM))
    .putChild("out", new Leaf((request) => request.getSession().uid));
  await using site: WatchedSite = new WatchedSite(root);
  const cookie = cookieOf(await site.visit("/out"));

  const login = await site.visit("/in", {
    headers: { ...alice.headers, cookie },
  });

  assertNotEquals(cookieOf(login), cookie);
  assertEquals((await site.visit("/in", withCookieOf(login))).status, 200);
});

Deno.test("SessionGuard gives the session a new secret at the login", async () => {
  using time = new FakeTime();
  const root = new Resource()
    .putChild("in", new SessionGuard(cave, check, REALM))
    .putChild("out", new Leaf((request) => request.getSession().uid));
  await using site = new WatchedSite(root);
  const planted = cookieOf(await site.visit("/out"));

  const response = await site.visit("/in", {
    headers: { ...alice.headers, cookie: planted },
  });

  const cookie = cookieOf(response);
  assertNotEquals(cookie, planted);
  await time.tickAsync(10_000);
  const visit = async (cookie: string) =>
    (await site.visit("/in", { headers: { cookie } })).status;
  assertEquals([await visit(planted), await visit(cookie)], [401, 200]);
});

Deno.test("SessionGuard gives it a new secret where the check has to be waited for", async () => {
  const waiting = () => Promise.resolve(true);
  const root = new Resource()
    .putChild("in", new SessionGuard(cave, waiting, REALM))
    .putChild("out", new Leaf((request) => request.getSession().uid));
  await using site = new WatchedSite(root);
  const planted = cookieOf(await site.visit("/out"));

  const response = await site.visit("/in", {
    headers: { ...alice.headers, cookie: planted },
  });

  assertNotEquals(cookieOf(response), "");
  assertNotEquals(cookieOf(response), planted);
});

Deno.test("SessionGuard counts HEAD as no access", async () => {
  using time = new FakeTime();
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));
  const init = withCookieOf(await site.visit("/", alice));
  await time.tickAsync(899_999);

  const head = await site.visit("/", { ...init, method: "HEAD" });
  await time.tickAsync(1);

  assertEquals(head.status, 200);
  assertEquals(site.sessions.size, 0);
});

Deno.test("SessionGuard sends a persistent cookie with each visit", async () => {
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM), {
    cookie: { persistent: true },
  });
  const first = await site.visit("/", alice);

  const second = await site.visit("/", withCookieOf(first));

  assertEquals(cookieOf(second), cookieOf(first));
});

Deno.test("SessionGuard counts a resource that touches no session as no access", async () => {
  using time = new FakeTime();
  const news = new Leaf(() => "news");
  news.touchesSession = false;
  const root = new Resource().putChild("news", news).putChild(
    "",
    new Page(() => ""),
  );
  await using site = new WatchedSite(new SessionGuard(root, check, REALM));
  const cookie = withCookieOf(await site.visit("/", alice));
  const [session] = site.sessions.values();

  time.tick(600_000);
  assertEquals((await site.visit("/news", cookie)).status, 200);
  time.tick(300_000);

  assertEquals(session!.end?.reason, "idle");
});
