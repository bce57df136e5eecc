// What a request may do whose token has been replaced: another visitor may have
// the token that took its place. Without a store and with one.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  type EventStream,
  passwordCheck,
  SessionGuard,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { login } from "../helpers_guard.ts";
import { Leaf } from "../helpers_http.ts";
import { asynchronous, cookieOf, Node, pass } from "../helpers_store.ts";
import { assertOldTokensLogInApart } from "../stores/helpers_store_site.ts";

const KINDS: Record<string, () => SessionStore | undefined> = {
  "without a store": () => undefined,
  "over a store": () => new MemoryStore(),
  "over a store that has to be waited for": () =>
    asynchronous(new MemoryStore()),
};

/** Milliseconds after which a token that was replaced opens nothing. */
const GRACE = 10_000;

const CHECK = passwordCheck({ alice: "a", mallory: "m" });

/** A node with a login, a guard, and pages that show the session. */
function nodeOf(
  store: SessionStore | undefined,
  options: SiteOptions = {},
): Node {
  const node = new Node(store, {
    // The page "assign" does what should be reported.
    reportsAssignedPrincipals: false,
    ...options,
  })
    .page("visit", (request) => request.getSession().uid)
    .page("who", ({ session }) => session?.principal ?? "nobody")
    .page("renew", (request) => request.renewSession().uid)
    .page("login", logIn)
    .page("assign", assign);
  const guarded = new Leaf(({ user }) => `user ${user}`);
  node.root.putChild(
    "guarded",
    new SessionGuard(guarded, CHECK, { realm: "x" }),
  );
  return node;
}

/** Logs in. */
function logIn(request: SiteRequest): string {
  request.logIn(request.query.get("as") ?? "alice");
  return "in";
}

/** Logs in as programs did before there was a logIn(). */
function assign(request: SiteRequest): string {
  request.renewSession().principal = request.query.get("as") ?? "alice";
  return "in";
}

/** What a page says to a visitor. */
async function see(node: Node, path: string, cookie = ""): Promise<string> {
  return await (await node.get(path, cookie)).text();
}

/** The cookies that a response sets, as a visitor sends them back. */
function cookiesOf(response: Response): string[] {
  return response.headers.getSetCookie().map((line) => line.split(";")[0]!);
}

/** Adds a page that waits before a login or a renewal, as for a form. */
function addSlowPage(
  node: Node,
  { before, after }: Record<"before" | "after", (r: SiteRequest) => unknown>,
): { begin(cookie: string): Promise<Response>; go(): void } {
  const gate = Promise.withResolvers<void>();
  node.page("slow", async (request) => {
    before(request);
    await gate.promise;
    after(request);
    return "";
  });
  return {
    begin: (cookie) => Promise.resolve(node.get("slow", cookie)),
    go: () => gate.resolve(),
  };
}

/** Renews a session and shows the new cookie, so that the old one is previous. */
async function replace(
  node: Node,
  old: string,
  path = "renew",
): Promise<string> {
  const current = cookieOf(await node.get(path, old));
  await see(node, "who", current);
  return current;
}

/** A session that mallory has planted, and renewed: both of its cookies. */
async function plant(node: Node): Promise<{ old: string; current: string }> {
  const old = cookieOf(await node.get("visit"));
  return { old, current: await replace(node, old) };
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  // Logins.

  Deno.test(`SiteRequest.logIn() ${kind} supersedes a token that took the place of its own, and was not shown`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const old = cookieOf(await node.get("visit"));
    const current = cookieOf(await node.get("renew", old));
    const uid = await see(node, "visit", old);

    const cookie = cookieOf(await node.get("login", old));

    assertEquals(await see(node, "who", cookie), "alice");
    assertEquals(await see(node, "visit", cookie), uid);
    assertEquals(await see(node, "who", current), "nobody");
    assertEquals(await see(node, "who", old), "nobody");
    assertNotEquals(await see(node, "visit", current), uid);
    assertEquals(node.errors, []);
  });

  Deno.test(`SiteRequest.renewSession() ${kind} begins a new session by a token that was replaced`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const { old, current } = await plant(node);

    const cookie = cookieOf(await node.get("assign", old));

    assertEquals(await see(node, "who", cookie), "alice");
    assertEquals(await see(node, "who", current), "nobody");
    assertEquals(await see(node, "who", old), "nobody");
    assertNotEquals(
      await see(node, "visit", cookie),
      await see(node, "visit", current),
    );
    assertEquals(node.errors, []);
  });

  Deno.test(`SiteRequest.logIn() ${kind} begins a new session by a token that was replaced`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const { old, current } = await plant(node);

    const cookie = cookieOf(await node.get("login", old));

    assertEquals(await see(node, "who", cookie), "alice");
    assertEquals(await see(node, "who", current), "nobody");
  });

  Deno.test(`SiteRequest.renewSession() ${kind} by a token that was replaced leaves the values to the other session`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore())
      .page("keep", (request) => {
        request.getSession().set("kept", "mine");
        return "";
      })
      .page("kept", ({ session }) => session?.get<string>("kept") ?? "nothing");
    const { old, current } = await plant(node);
    await see(node, "keep", current);

    const cookie = cookieOf(await node.get("login", old));

    assertEquals(await see(node, "kept", cookie), "nothing");
    assertEquals(await see(node, "kept", current), "mine");
  });

  Deno.test(`SiteRequest.renewSession() ${kind} twice by a token that was replaced begins one session`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore()).page("twice", (request) => {
      const sessions = new Set([
        request.renewSession(),
        request.renewSession(),
        request.getSession(),
        request.session,
      ]);
      return String(sessions.size);
    });
    const { old } = await plant(node);

    const response = await node.get("twice", old);

    assertEquals(await response.text(), "1");
    assertEquals(cookiesOf(response).length, 1);
    assertEquals(node.site.sessions.size, 2);
  });

  Deno.test(`SiteRequest.renewSession() ${kind} by a token that was replaced makes no session by HEAD that stays`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    node.root.putChild("assign", new Leaf(assign));
    const { old, current } = await plant(node);
    const headers = { cookie: old };

    const response = await node.site.fetch(
      new Request("http://localhost/assign", { method: "HEAD", headers }),
    );

    assertEquals(cookiesOf(response), []);
    assertEquals(node.site.sessions.size, 1);
    assertEquals(await see(node, "who", current), "nobody");
  });

  Deno.test(`SiteRequest.renewSession() ${kind} gives the session of a principal by a token that was replaced, and renews nothing`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const old = cookieOf(await node.get("visit"));
    const current = await replace(node, old, "assign");

    const again = await node.get("assign", old);

    assertEquals(cookiesOf(again), []);
    assertEquals(await again.text(), "in");
    await pass(time, GRACE);
    assertEquals(await see(node, "who", current), "alice");
  });

  Deno.test(`Session.principal ${kind} of another cannot be replaced by a login with a token that was replaced`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const old = cookieOf(await node.get("visit"));
    const current = await replace(node, old, "assign?as=mallory");

    const response = await node.get("assign?as=alice", old);

    assertEquals(response.status, 500);
    assertEquals(node.errors.length, 1);
    assertStringIncludes(String(node.errors[0]), "end this session first");
    assertEquals(cookiesOf(response), []);
    assertEquals(await see(node, "who", current), "mallory");
    assertEquals(node.site.sessionsOf("alice"), []);
  });

  Deno.test(`Session.principal ${kind} of another cannot be replaced by a login with the current token`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const cookie = cookieOf(await node.get("assign?as=mallory"));

    const response = await node.get("assign?as=alice", cookie);

    assertEquals(response.status, 500);
    const [renewed = cookie] = cookiesOf(response);
    assertEquals(await see(node, "who", renewed), "mallory");
  });

  for (const token of ["old", "current"] as const) {
    Deno.test(`SiteRequest.renewSession() ${kind} begins a new session once the one of another principal has ended, by the ${token} token`, async () => {
      using _time = new FakeTime();
      await using node = nodeOf(makeStore()).page("change", (request) => {
        request.session?.expire();
        return assign(request);
      });
      const old = cookieOf(await node.get("visit"));
      const current = await replace(node, old, "assign?as=mallory");

      const cookie = cookieOf(
        await node.get("change", { old, current }[token]),
      );

      assertEquals(await see(node, "who", cookie), "alice");
      assertEquals(await see(node, "who", current), "nobody");
      assertEquals(node.reasons, ["logout"]);
      assertEquals(node.errors, []);
    });
  }

  Deno.test(`SiteRequest.renewSession() ${kind} begins a new session where the principal was taken away, by a token that was replaced`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore()).page("leave", (request) => {
      request.getSession().principal = undefined;
      return "";
    });
    const old = cookieOf(await node.get("visit"));
    const current = await replace(node, old, "assign?as=mallory");
    await see(node, "leave", current);

    const cookie = cookieOf(await node.get("assign", old));

    assertEquals(await see(node, "who", cookie), "alice");
    assertEquals(await see(node, "who", current), "nobody");
  });

  Deno.test(`SiteRequest.renewSession() ${kind} draws another token once the one before was shown`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const { current } = await plant(node);

    // The visitor who planted it has it, too.
    const cookie = cookieOf(await node.get("assign", current));

    assertNotEquals(cookie, current);
    assertEquals(await see(node, "who", cookie), "alice");
    await pass(time, GRACE);
    assertEquals(await see(node, "who", current), "nobody");
    assertEquals(await see(node, "who", cookie), "alice");
  });

  // Requests under way.

  Deno.test(`SiteRequest.renewSession() ${kind} begins a new session where the token is replaced while the login waits`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const slow = addSlowPage(node, {
      before: (request) => request.getSession(),
      after: assign,
    });
    const old = cookieOf(await node.get("visit"));
    const response = slow.begin(old);
    const current = await replace(node, old);

    slow.go();

    const cookie = cookieOf(await response);
    assertNotEquals(cookie, current);
    assertEquals(await see(node, "who", cookie), "alice");
    assertEquals(await see(node, "who", current), "nobody");
  });

  Deno.test(`SiteRequest.renewSession() ${kind} begins a new session where the login waits beyond the grace`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const slow = addSlowPage(node, {
      before: (request) => request.getSession(),
      after: assign,
    });
    const old = cookieOf(await node.get("visit"));
    const response = slow.begin(old);
    const current = await replace(node, old);
    await pass(time, GRACE);

    slow.go();

    assertEquals(await see(node, "who", cookieOf(await response)), "alice");
    assertEquals(await see(node, "who", current), "nobody");
  });

  for (const what of ["looks at the session", "looks at nothing"]) {
    Deno.test(`SiteRequest.renewSession() ${kind} begins a new session without a grace where the login first ${what}`, async () => {
      using _time = new FakeTime();
      await using node = nodeOf(makeStore(), { renewalGrace: 0 });
      const slow = addSlowPage(node, {
        before: () => {},
        after: (request) => {
          if (what === "looks at the session") request.getSession();
          assign(request);
        },
      });
      const old = cookieOf(await node.get("visit"));
      const response = slow.begin(old);
      const current = await replace(node, old);

      slow.go();

      assertEquals(await see(node, "who", cookieOf(await response)), "alice");
      assertEquals(await see(node, "who", current), "nobody");
    });
  }

  for (
    const [name, renew] of [
      [
        "SiteRequest.renewSession()",
        (request: SiteRequest) => request.renewSession(),
      ],
      [
        "Session.renew()",
        (request: SiteRequest) => request.getSession().renew(),
      ],
    ] as const
  ) {
    for (const isShown of [false, true]) {
      Deno.test(`${name} ${kind} sends no token of a login${isShown ? ", which was shown," : ""} to a request that came before`, async () => {
        using time = new FakeTime();
        await using node = nodeOf(makeStore());
        const slow = addSlowPage(node, {
          before: (request) => request.getSession(),
          after: renew,
        });
        const planted = cookieOf(await node.get("visit"));
        const response = slow.begin(planted);
        const alices = cookieOf(await node.get("login", planted));
        if (isShown) await see(node, "who", alices);

        slow.go();

        assertEquals(cookiesOf(await response), []);
        await pass(time, GRACE);
        assertEquals(await see(node, "who", planted), "nobody");
        assertEquals(await see(node, "who", alices), "alice");
      });
    }
  }

  Deno.test(`SiteRequest.renewSession() ${kind} by a token that was replaced does not hold the other session`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const slow = addSlowPage(node, { before: assign, after: () => {} });
    const { old } = await plant(node);
    const response = slow.begin(old);
    await pass(time, 61_000);

    assertEquals(node.reasons, ["idle"]);

    slow.go();
    assertEquals(await see(node, "who", cookieOf(await response)), "alice");
  });

  Deno.test(`Session.events() ${kind} of a session begun by a token that was replaced outlasts the grace`, async () => {
    using time = new FakeTime();
    const streams: EventStream[] = [];
    await using node = nodeOf(makeStore()).page("stream", (request) => {
      const stream = request.renewSession().events(request);
      streams.push(stream);
      return stream.response;
    });
    const { old } = await plant(node);
    const { body } = await node.get("stream", old);

    await pass(time, 2 * GRACE);

    assert(streams[0]!.isOpen);
    await body?.cancel();
  });

  // SessionGuard.

  /** A request for what is guarded. */
  const askGuard = async (node: Node, cookie: string, init?: RequestInit) =>
    await node.site.fetch(
      new Request("http://localhost/guarded", {
        headers: { ...init?.headers, cookie },
      }),
    );

  for (const as of [undefined, "mallory", "alice"]) {
    const whose = as === undefined ? "nobody's" : `${as}'s`;

    Deno.test(`SessionGuard ${kind} lets no other token in at a login by a token of ${whose} session that was replaced`, async () => {
      using _time = new FakeTime();
      await using node = nodeOf(makeStore());
      const old = cookieOf(await node.get("visit"));
      const path = as === undefined ? "renew" : `assign?as=${as}`;
      const current = await replace(node, old, path);

      const response = await askGuard(node, old, login("alice", "a"));

      assertEquals(await response.text(), "user alice");
      const mine = await askGuard(node, cookieOf(response));
      assertEquals(await mine.text(), "user alice");
      const others = await askGuard(node, current);
      await others.body?.cancel();
      assertEquals(others.status, 401);
      // Alice's own session stays; any other may be of another visitor.
      assertEquals(node.site.sessions.size, as === "alice" ? 1 : 2);
    });
  }

  Deno.test(`SessionGuard ${kind} begins a new session where the token is replaced while the password is checked`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const gate = Promise.withResolvers<boolean>();
    const page = new Leaf(({ user }) => `user ${user}`);
    const guard = new SessionGuard(page, () => gate.promise, { realm: "x" });
    node.root.putChild("guarded", guard);
    const old = cookieOf(await node.get("visit"));
    const response = askGuard(node, old, login("alice", "a"));
    const current = await replace(node, old);

    gate.resolve(true);

    const mine = await askGuard(node, cookieOf(await response));
    assertEquals(await mine.text(), "user alice");
    const others = await askGuard(node, current);
    await others.body?.cancel();
    assertEquals(others.status, 401);
  });

  Deno.test(`SessionGuard ${kind} begins a new session for another user than it remembers, by a token that was replaced`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const old = cookieOf(await node.get("visit"));
    const first = await askGuard(node, old, login("mallory", "m"));

    const response = await askGuard(node, old, login("alice", "a"));

    assertEquals(await response.text(), "user alice");
    const mine = await askGuard(node, cookieOf(response));
    assertEquals(await mine.text(), "user alice");
    const others = await askGuard(node, cookieOf(first));
    assertEquals(await others.text(), "user mallory");
  });

  Deno.test(`SessionGuard ${kind} refuses another user than it remembers with a wrong password, by a token that was replaced`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const old = cookieOf(await node.get("visit"));
    await askGuard(node, old, login("mallory", "m"));

    const response = await askGuard(node, old, login("alice", "wrong"));

    await response.body?.cancel();
    assertEquals(response.status, 401);
    assertEquals(cookiesOf(response), []);
  });

  Deno.test(`SessionGuard ${kind} begins no session for the user that it remembers, by a token that its login superseded`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const old = cookieOf(await node.get("visit"));
    const first = cookieOf(await askGuard(node, old, login("alice", "a")));

    // A double click: the second joins the session of the first.
    const response = await askGuard(node, old, login("alice", "a"));

    assertEquals(await response.text(), "user alice");
    assertEquals(node.site.sessions.size, 1);
    for (const cookie of [first, cookieOf(response)]) {
      const mine = await askGuard(node, cookie);
      assertEquals(await mine.text(), "user alice");
    }
  });

  Deno.test(`SessionGuard ${kind} lets in by a token that a renewal replaced within the grace`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const first = cookieOf(await askGuard(node, "", login("alice", "a")));
    await replace(node, first);
    await pass(time, GRACE - 1000);

    const response = await askGuard(node, first);

    assertEquals(await response.text(), "user alice");
    assertEquals(cookiesOf(response), []);
    await pass(time, 1000);
    const late = await askGuard(node, first);
    await late.body?.cancel();
    assertEquals(late.status, 401);
  });

  Deno.test(`SessionGuard ${kind} does not let in by a token that a login superseded`, async () => {
    using _time = new FakeTime();
    await using node = nodeOf(makeStore());
    const old = cookieOf(await node.get("visit"));
    await askGuard(node, old, login("alice", "a"));

    const response = await askGuard(node, old);

    await response.body?.cancel();
    assertEquals(response.status, 401);
    assertEquals(cookiesOf(response), []);
  });
}

// Renewals outside of requests.

Deno.test("SiteRequest.renewSession() begins a new session by a token that was replaced outside of requests", async () => {
  using _time = new FakeTime();
  await using node = nodeOf(undefined);
  const old = cookieOf(await node.get("visit"));
  for (const session of node.site.sessions.values()) session.renew();
  // The visitor who planted the old token is sent the new one.
  const current = await replace(node, old, "visit");

  const cookie = cookieOf(await node.get("assign", old));

  assertNotEquals(cookie, current);
  assertEquals(await see(node, "who", cookie), "alice");
  assertEquals(await see(node, "who", current), "nobody");
});

for (
  const [what, act] of [
    ["came", (request: SiteRequest) => request.getSession()],
    ["renewed", (request: SiteRequest) => request.getSession().renew()],
  ] as const
) {
  Deno.test(`Session.renew() outside of requests sends no later token to a request that ${what} before it`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(undefined);
    const slow = addSlowPage(node, { before: act, after: () => {} });
    const old = cookieOf(await node.get("visit"));
    const response = slow.begin(old);
    for (const session of node.site.sessions.values()) session.renew();
    const planted = cookieOf(await node.get("visit", old));
    const alices = cookieOf(await node.get("login", planted));

    slow.go();

    assertEquals(cookiesOf(await response), []);
    await pass(time, GRACE);
    assertEquals(await see(node, "who", alices), "alice");
  });
}

// Several processes. The tests of each store have more.

Deno.test("Sites over one MemoryStore refuse a login by a token that was replaced", async () => {
  const store = new MemoryStore();
  await assertOldTokensLogInApart(store, store);
});
