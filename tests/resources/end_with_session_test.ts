// Streamed bodies and sockets of applications, which end with the session.

import {
  assert,
  assertEquals,
  assertFalse,
  assertStrictEquals,
} from "@std/assert";
import {
  FetchResource,
  Guard,
  LoginGuard,
  type Rendered,
  Resource,
  SessionGuard,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { TestSite } from "../../testing.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { testWith } from "../helpers_process.ts";
import { cookieOf, Page, siteOf } from "../helpers_session.ts";
import { Visitor } from "../helpers_sockets.ts";

/** A stream that never ends by itself, and what became of it. */
class Endless {
  isCancelled = false;
  readonly stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("a")),
    cancel: () => void (this.isCancelled = true),
  });
}

const AUTHORIZATION = { authorization: `Basic ${btoa("alice:x")}` };
const check = () => true;

/** What renders an endless stream, by a Response or as it is. */
const KINDS: Record<string, (stream: ReadableStream) => Rendered> = {
  "a stream": (stream) => stream,
  "a Response": (stream) => new Response(stream),
  "a Response with a status": (stream) => new Response(stream, { status: 201 }),
  "a Response of events": (stream) =>
    new Response(stream, { headers: { "content-type": "text/event-stream" } }),
};

type Mount = (
  answer: (request: SiteRequest) => Rendered,
  endsWithSession?: boolean,
) => Resource;

/** Where resources are mounted that end with the session by default. */
const GUARDED: Record<string, Mount> = {
  Guard: (answer, endsWithSession) =>
    new Guard(page(answer), check, options({ realm: "r" }, endsWithSession)),
  SessionGuard: (answer, endsWithSession) =>
    new SessionGuard(
      page(answer),
      check,
      options({ realm: "r" }, endsWithSession),
    ),
  LoginGuard: (answer, endsWithSession) =>
    new LoginGuard(page(answer), options({}, endsWithSession)),
};

function page(answer: (request: SiteRequest) => Rendered): Resource {
  return new Page((request) =>
    request.query.has("in") ? request.logIn("alice").uid : answer(request)
  );
}

function options<T>(base: T, endsWithSession: boolean | undefined): T {
  return endsWithSession === undefined ? base : { ...base, endsWithSession };
}

/** A site with a mounted resource, of which a visitor has logged in. */
async function visited(root: Resource, more: SiteOptions = {}) {
  const login = new Page((request) => request.logIn("alice").uid);
  const out = new Page((request) => {
    request.logOut();
    return "";
  });
  const test = new TestSite(
    new Resource().putChild("login", login).putChild("out", out)
      .putChild("app", root),
    { sessionTimeout: 60, ...more },
  );
  await test.fetch("/login", { headers: AUTHORIZATION });
  return test;
}

async function open(test: TestSite): Promise<Response> {
  const response = await test.fetch("/app", { headers: AUTHORIZATION });
  assert(response.ok, `status ${response.status}`);
  return response;
}

for (const [guard, mount] of Object.entries(GUARDED)) {
  for (const [kind, render] of Object.entries(KINDS)) {
    Deno.test(`${guard} ends ${kind} behind it when the session idles out`, async () => {
      const endless = new Endless();
      const test = await visited(mount((request) => {
        request.getSession();
        return render(endless.stream);
      }));
      await using _ = test;
      const response = await open(test);
      const text = response.text();
      await test.advance(59);
      assertFalse(endless.isCancelled);
      await test.advance(2);
      assertEquals(await text, "a");
      assert(endless.isCancelled);
      assertEquals(response.status, kind.endsWith("status") ? 201 : 200);
      assertEquals(test.errors, []);
    });
  }

  Deno.test(`${guard} leaves streams behind it to themselves with endsWithSession false`, async () => {
    const endless = new Endless();
    const test = await visited(mount((request) => {
      request.getSession();
      return new Response(endless.stream);
    }, false));
    await using _ = test;
    const response = await open(test);
    await test.advance(61);
    assertFalse(endless.isCancelled);
    await response.body?.cancel();
  });
}

for (
  const [what, act] of [
    ["logs out", (test: TestSite) => test.fetch("/out")],
    [
      "logs in again, so that the old token counts no longer",
      (test: TestSite) => test.fetch("/login"),
    ],
    ["sees the site stop", (test: TestSite) => {
      test.site.stopStreams();
      return Promise.resolve(new Response());
    }],
  ] as const
) {
  Deno.test(`LoginGuard ends a stream behind it when the visitor ${what}`, async () => {
    const endless = new Endless();
    const test = await visited(
      new LoginGuard(new Page(() => new Response(endless.stream))),
      { renewalGrace: 0 },
    );
    await using _ = test;
    const text = (await open(test)).text();
    await (await act(test)).body?.cancel();
    assertEquals(await text, "a");
    assert(endless.isCancelled);
  });
}

Deno.test("LoginGuard ends a stream behind it over a store", async () => {
  const endless = new Endless();
  const test = await visited(
    new LoginGuard(new Page(() => new Response(endless.stream))),
    { store: new MemoryStore() },
  );
  await using _ = test;
  const text = (await open(test)).text();
  await (await test.fetch("/out")).body?.cancel();
  assertEquals(await text, "a");
});

Deno.test("LoginGuard ends a stream at once whose session ended before the response", async () => {
  const endless = new Endless();
  const gate = Promise.withResolvers<void>();
  const test = await visited(
    new LoginGuard(
      new Page(async () => {
        await gate.promise;
        return new Response(endless.stream);
      }),
    ),
  );
  await using _ = test;
  const response = open(test);
  for (const session of test.site.sessions.values()) session.expire();
  gate.resolve();
  await (await response).text();
  assert(endless.isCancelled);
});

for (
  const [what, make] of [
    ["JSON", () => Response.json({ a: 1 })],
    [
      "a body of known length",
      () => new Response("text", { headers: { "content-length": "4" } }),
    ],
    ["a redirect", () => Response.redirect("http://localhost/")],
  ] as const
) {
  Deno.test(`Guard leaves ${what} as it is`, async () => {
    let made: Response | undefined;
    const test = await visited(
      new Guard(new Page(() => made = make()), check, { realm: "r" }),
    );
    await using _ = test;
    const response = await test.fetch("/app", { headers: AUTHORIZATION });
    // Without a session the Response is passed on as it is.
    assertStrictEquals(response.body === null, made!.body === null);
    await response.body?.cancel();
  });
}

Deno.test("Guard sends a text of unknown length whole", async () => {
  const test = await visited(
    new LoginGuard(new Page(() => new Response("text"))),
  );
  await using _ = test;
  const response = await open(test);
  assertEquals(await response.text(), "text");
  assertEquals(
    response.headers.get("content-type"),
    "text/plain;charset=UTF-8",
  );
});

Deno.test("Guard ends nothing for a visitor without a session", async () => {
  const endless = new Endless();
  const site = new Site(
    new Guard(new Page(() => new Response(endless.stream)), check, {
      realm: "r",
    }),
  );
  await using _ = site;
  const response = await site.fetch(
    new Request("http://localhost/", { headers: AUTHORIZATION }),
  );
  assertEquals(response.headers.getSetCookie(), []);
  await response.body?.cancel();
  assert(endless.isCancelled);
});

for (const endsWithSession of [true, false, undefined]) {
  for (const isGuarded of [true, false]) {
    const ends = endsWithSession ?? isGuarded;
    Deno.test(`FetchResource ${ends ? "ends" : "leaves"} streams with endsWithSession ${endsWithSession}, ${isGuarded ? "" : "not "}behind a guard`, async () => {
      const endless = new Endless();
      const mounted = new FetchResource(
        () => new Response(endless.stream),
        options({}, endsWithSession),
      );
      const test = await visited(
        isGuarded ? new LoginGuard(mounted) : mounted,
      );
      await using _ = test;
      const response = await open(test);
      await test.advance(61);
      assertEquals(endless.isCancelled, ends);
      await response.body?.cancel();
    });
  }
}

/** A mounted application that upgrades each request by itself, served. */
function socketSite(mount: (app: FetchResource) => Resource) {
  const opened: WebSocket[] = [];
  const app = new FetchResource((request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    opened.push(socket);
    return response;
  });
  const site = new Site(
    new Resource()
      .putChild("login", new Page((request) => request.logIn("alice").uid))
      .putChild("app", mount(app)),
  );
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    site.fetch,
  );
  return {
    site,
    opened,
    async open(): Promise<Visitor> {
      const login = await site.fetch(new Request("http://localhost/login"));
      const client = new Visitor(`ws://127.0.0.1:${server.addr.port}/app`, {
        cookie: cookieOf(login),
        origin: `http://127.0.0.1:${server.addr.port}`,
      });
      await client.opened;
      return client;
    },
    async [Symbol.asyncDispose]() {
      await site.close();
      await server.shutdown();
    },
  };
}

for (
  const [what, act, code, reason] of [
    [
      "ends",
      (site: Site) => {
        for (const session of site.sessions.values()) session.expire("revoked");
      },
      1008,
      "revoked",
    ],
    ["stops", (site: Site) => site.stopStreams(), 1001, "shutdown"],
  ] as const
) {
  testWith(
    ["net"],
    `LoginGuard closes the socket of a mounted application when the session or the site ${what}`,
    async () => {
      await using it = socketSite((app) => new LoginGuard(app));
      const client = await it.open();
      act(it.site);
      const closed = await client.closed;
      assertEquals([closed.code, closed.reason], [code, reason]);
    },
  );
}

testWith(
  ["net"],
  "FetchResource leaves sockets to themselves outside of guards",
  async () => {
    await using it = socketSite((app) => app);
    const client = await it.open();
    for (const session of it.site.sessions.values()) session.expire();
    it.opened[0]!.send("still here");
    assertEquals(it.opened[0]!.readyState, WebSocket.OPEN);
    await client.leave();
  },
);

testWith(
  ["net"],
  "LoginGuard has nothing left of the socket of a mounted application that its client closed",
  async () => {
    await using it = socketSite((app) => new LoginGuard(app));
    const client = await it.open();
    const closed = new Promise((resolve) =>
      it.opened[0]!.addEventListener("close", resolve)
    );
    await client.leave();
    await closed;
    for (const session of it.site.sessions.values()) session.expire();
  },
);

testWith(
  ["net"],
  "LoginGuard closes a socket of the session once",
  async () => {
    const codes: number[] = [];
    const closed = Promise.withResolvers<void>();
    const guarded = new LoginGuard(
      new Page((request) => {
        const { socket, response } = request.getSession().socket(request);
        socket.onclose = ({ code }) => {
          codes.push(code);
          closed.resolve();
        };
        return response;
      }),
    );
    const site = siteOf();
    site.resource = new Resource()
      .putChild("login", new Page((request) => request.logIn("alice").uid))
      .putChild("app", guarded);
    await using _site = site;
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      site.fetch,
    );
    const login = await site.fetch(new Request("http://localhost/login"));
    const client = new Visitor(`ws://127.0.0.1:${server.addr.port}/app`, {
      cookie: cookieOf(login),
    });
    await client.opened;
    for (const session of site.sessions.values()) session.expire();
    assertEquals((await client.closed).code, 1008);
    await closed.promise;
    assertEquals(codes, [1008]);
  },
);
