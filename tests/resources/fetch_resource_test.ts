import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type FetchFunction,
  FetchResource,
  NameVirtualHost,
  Resource,
  SessionGuard,
  Site,
  type SiteRequest,
} from "../../mod.ts";
import { alice, check, REALM } from "../helpers_guard.ts";
import { Leaf, rawRequest, WatchedSite } from "../helpers_http.ts";

const ignore = Deno.permissions.querySync({ name: "net" }).state !== "granted";

/** A site with a function mounted at /api. */
function siteOf(answer: FetchFunction): WatchedSite {
  const api = new FetchResource(answer);
  return new WatchedSite(new Resource().putChild("api", api));
}

/** What the mounted function sees of a request. */
async function look<T>(
  what: (request: Request, info?: Deno.ServeHandlerInfo) => T | Promise<T>,
  request: Request,
  info?: Deno.ServeHandlerInfo,
): Promise<T> {
  const seen: T[] = [];
  await using site = siteOf(async (request, info?: Deno.ServeHandlerInfo) => {
    seen.push(await what(request, info));
    return new Response();
  });
  await site.fetch(request, info);
  assertEquals(site.errors, []);
  return seen[0]!;
}

const urlOf = (request: Request) => request.url;

for (
  const [path, seen] of [
    ["/api", "/"],
    ["/api/", "/"],
    ["/api/tea", "/tea"],
    ["/api/tea/", "/tea/"],
    ["/api/api", "/api"],
    ["/api/a%2Fb/c%20d/%zz/+", "/a%2Fb/c%20d/%zz/+"],
    ["/api//tea", "//tea"],
    ["/api//evil.example/", "//evil.example/"],
    ["/api/tea?cup=1&cup=%32", "/tea?cup=1&cup=%32"],
    ["/api?/tea", "/?/tea"],
    ["/%61pi/tea", "/tea"],
  ] as const
) {
  Deno.test(`FetchResource hands ${path} on as ${seen}`, async () => {
    const request = new Request(`http://localhost:8080${path}`);

    assertEquals(await look(urlOf, request), `http://localhost:8080${seen}`);
  });
}

Deno.test("FetchResource folds dot segments, and not beyond its place", async () => {
  const request = rawRequest("http://localhost/api/a/../../../b/./c");

  assertEquals(await look(urlOf, request), "http://localhost/b/c");
});

Deno.test("FetchResource drops a fragment that a client has sent", async () => {
  const request = rawRequest("http://localhost/api/a?b#c?d");

  assertEquals(await look(urlOf, request), "http://localhost/a?b");
});

Deno.test("FetchResource as a root hands the whole path on", async () => {
  await using site = new WatchedSite(
    new FetchResource((request) => new Response(request.url)),
  );

  const response = await site.visit("/api/tea?cup=1");

  assertEquals(await response.text(), "http://localhost/api/tea?cup=1");
});

Deno.test("FetchResource strips what is above a virtual host as well", async () => {
  const hosts = new NameVirtualHost(
    new FetchResource((request) => new Response(request.url)),
  );
  await using site = new WatchedSite(new Resource().putChild("in", hosts));

  for (const [path, seen] of [["/in", "/"], ["/in/a/", "/a/"]]) {
    const response = await site.visit(path);
    assertEquals(await response.text(), `http://localhost${seen}`);
  }
});

Deno.test("FetchResource keeps the scheme, the host and the port", async () => {
  const request = new Request("https://tea.example:8443/api/");

  assertEquals(await look(urlOf, request), "https://tea.example:8443/");
});

for (
  const host of ["x/api", "x?api", "x#api", "x\\api", "user@x", "x y", "x:y"]
) {
  Deno.test(`FetchResource answers 400 to the host ${host}`, async () => {
    await using site = new WatchedSite(
      new FetchResource(() => new Response("seen")),
    );
    const request = rawRequest(`http://${host}/api`);
    request.headers.set("host", host);

    assertEquals((await site.fetch(request)).status, 400);
    assertEquals(site.errors, []);
  });
}

for (
  const method of [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "BREW",
  ]
) {
  Deno.test(`FetchResource hands on ${method}`, async () => {
    const request = new Request("http://localhost/api", { method });

    assertEquals(await look((request) => request.method, request), method);
  });
}

Deno.test("FetchResource hands on the headers", async () => {
  const headers = {
    authorization: "Bearer x",
    cookie: "a=b",
    host: "tea.example",
    origin: "http://coffee.example",
    "x-tea": "green",
  };
  const request = new Request("http://localhost/api", { headers });

  assertEquals(
    await look(({ headers }) => Object.fromEntries(headers), request),
    headers,
  );
});

Deno.test("FetchResource hands on the body", async () => {
  const body = JSON.stringify({ tea: "green" });
  const request = new Request("http://localhost/api", { method: "POST", body });

  assertEquals(await look((request) => request.json(), request), {
    tea: "green",
  });
});

Deno.test("FetchResource hands on a form with its type", async () => {
  const body = new FormData();
  body.set("tea", new File(["green"], "tea.txt"));
  const request = new Request("http://localhost/api", { method: "POST", body });

  const name = await look(async (request) => {
    const file = (await request.formData()).get("tea");
    return file instanceof File ? file.name : undefined;
  }, request);

  assertEquals(name, "tea.txt");
});

Deno.test("FetchResource hands on a body before it has come whole", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  await using site = siteOf(async (request) => {
    const reader = request.body!.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return new Response(value);
  });

  const response = site.visit("/api", { method: "POST", body: readable });
  writer.write(new TextEncoder().encode("first"));

  assertEquals(await (await response).text(), "first");
});

Deno.test("FetchResource hands on no body where there is none", async () => {
  const request = new Request("http://localhost/api", { method: "POST" });

  assertEquals(await look(({ body }) => body, request), null);
});

Deno.test("FetchResource reports a body that was read on the way", async () => {
  class Reader extends Resource {
    override async getChild(_: string, request: SiteRequest) {
      await request.text();
      return new FetchResource(() => new Response("seen"));
    }
  }
  await using site = new WatchedSite(new Reader());

  const response = await site.visit("/", { method: "POST", body: "tea" });

  assertEquals(response.status, 500);
  assertInstanceOf(site.errors[0], TypeError);
});

Deno.test("FetchResource does not limit the body", async () => {
  await using site = new WatchedSite(
    new FetchResource(async (request) => new Response(await request.text())),
    { maxBodyBytes: 1 },
  );

  const response = await site.visit("/", { method: "POST", body: "tea" });

  assertEquals(await response.text(), "tea");
});

Deno.test("FetchResource hands on what Deno.serve knows", async () => {
  const info: Deno.ServeHandlerInfo = {
    remoteAddr: { transport: "tcp", hostname: "1.2.3.4", port: 5 },
    completed: Promise.resolve(),
  };
  const request = new Request("http://localhost/api");

  assertEquals(await look((_, info) => info, request, info), info);
});

Deno.test("FetchResource has the signal abort when the visitor leaves", async () => {
  const visitor = new AbortController();
  const request = new Request("http://localhost/api", {
    signal: visitor.signal,
  });

  const isAborted = await look(({ signal }) => {
    visitor.abort();
    return signal.aborted;
  }, request);

  assert(isAborted);
});

for (const upgrade of ["websocket", undefined]) {
  Deno.test(`FetchResource has what abort listeners throw reported (upgrade: ${upgrade})`, async () => {
    const visitor = new AbortController();
    const request = new Request("http://localhost/api", {
      signal: visitor.signal,
      headers: upgrade === undefined ? {} : { upgrade },
    });
    await using site = siteOf(({ signal }) => {
      signal.addEventListener("abort", () => {
        throw new Error("oops");
      });
      signal.addEventListener(
        "abort",
        () => Promise.reject(new Error("later")),
      );
      visitor.abort();
      return new Response();
    });
    await site.fetch(request);
    assertEquals(site.errors.map(String), ["Error: oops", "Error: later"]);
  });
}

Deno.test("FetchResource has the signal abort no more after success", async () => {
  const visitor = new AbortController();
  const request = new Request("http://localhost/api", {
    signal: visitor.signal,
  });

  const signal = await look(({ signal }) => signal, request);
  visitor.abort();

  assertFalse(signal.aborted);
});

Deno.test("FetchResource passes a Response through untouched", async () => {
  const made = new Response("tea", { status: 418, headers: { "x-tea": "1" } });
  await using site = siteOf(() => made);

  assert(await site.visit("/api") === made);
});

Deno.test("FetchResource answers at once where the function does", async () => {
  await using site = siteOf(() => new Response());

  assertInstanceOf(site.fetch(new Request("http://localhost/api")), Response);
});

Deno.test("FetchResource answers HEAD without the body", async () => {
  await using site = siteOf(() => new Response("tea"));

  const response = await site.visit("/api", { method: "HEAD" });

  assertEquals(await response.text(), "");
});

Deno.test("FetchResource adds the cookie of a session that was made on the way", async () => {
  const guard = new SessionGuard(
    new FetchResource(() =>
      new Response("tea", { headers: { "set-cookie": "own=1" } })
    ),
    check,
    REALM,
  );
  await using site = new WatchedSite(guard);

  const response = await site.visit("/api", alice);

  const [own, session] = response.headers.getSetCookie();
  assertEquals(own, "own=1");
  assertStringIncludes(session!, "session=");
  assertEquals(await response.text(), "tea");
});

Deno.test("FetchResource adds cookies to a Response that cannot be changed", async () => {
  class Door extends Resource {
    override getChild(_: string, request: SiteRequest): Resource {
      request.getSession();
      return new FetchResource(() => Response.redirect("http://localhost/tea"));
    }
  }
  await using site = new WatchedSite(new Door());

  const { status, headers } = await site.visit("/");

  assertEquals(status, 302);
  assertEquals(headers.getSetCookie().length, 1);
});

const failure = new Error("The tea is cold");
for (
  const [name, failing] of [
    ["throws", () => {
      throw failure;
    }],
    ["rejects", () => Promise.reject(failure)],
  ] as [string, FetchFunction][]
) {
  Deno.test(`FetchResource answers 500 where the function ${name}`, async () => {
    await using site = siteOf(failing);

    const response = await site.visit("/api");

    assertEquals(response.status, 500);
    assertFalse((await response.text()).includes("cold"));
    assertEquals(site.errors, [failure]);
  });
}

Deno.test("FetchResource answers 500 where the function answers nothing", async () => {
  await using site = siteOf(() => undefined as unknown as Response);

  assertEquals((await site.visit("/api")).status, 500);
  assertEquals(site.errors.length, 1);
});

Deno.test("FetchResource refuses what is not a function", () => {
  const app = { fetch() {} } as unknown as FetchFunction;

  assertThrows(
    () => new FetchResource(app),
    TypeError,
    'Cannot mount an object "Object": it is not a function',
  );
});

Deno.test("FetchResource mounts another site", async () => {
  const tree = new Resource().putChild(
    "tea",
    new Leaf(({ postpath }) => postpath.join("|")),
  );
  await using inner = new Site(tree);
  await using site = siteOf(inner.fetch);

  const response = await site.visit("/api/tea/a%2Fb/");

  assertEquals(await response.text(), "a/b|");
});

/** Changes what is left of the path, before the function that is mounted below. */
class Rewriting extends Resource {
  constructor(readonly rewrite: (postpath: string[]) => void) {
    super();
  }

  override getChildWithDefault(name: string, request: SiteRequest) {
    this.rewrite(request.postpath);
    return super.getChildWithDefault(name, request);
  }
}

for (
  const [what, rewrite, path, seen] of [
    ["a segment replaced", (post) => post[0] = "new", "/app/old/x", "/new/x"],
    ["a segment added", (post) => post.unshift("v2"), "/app/x", "/v2/x"],
    ["a segment added at the end", (post) => post.push("y"), "/app/x", "/x/y"],
    ["a segment taken away", (post) => post.shift(), "/app/v1/x", "/x"],
    ["all segments taken away", (post) => post.length = 0, "/app/x/y", "/"],
    [
      "two segments made one",
      (post) => post.splice(0, 2, "c"),
      "/app/a/b/x",
      "/c/x",
    ],
    [
      "more segments than were sent",
      (post) => post.push("a", "b", "c"),
      "/app",
      "/a/b/c",
    ],
    ["an empty segment", (post) => post.push(""), "/app/x", "/x/"],
    ["a slash in a segment", (post) => post[0] = "a/b", "/app/x", "/a%2Fb"],
    [
      "a query in a segment",
      (post) => post[0] = "a?b#c",
      "/app/x",
      "/a%3Fb%23c",
    ],
    ["a letter beyond ASCII", (post) => post[0] = "é", "/app/x", "/%C3%A9"],
    [
      "an unpaired surrogate",
      (post) => post[0] = "\ud800",
      "/app/x",
      "/%EF%BF%BD",
    ],
    [
      "nothing changed",
      () => {},
      "/app/a%2fb/%zz/%C3%A9/",
      "/a%2fb/%zz/%C3%A9/",
    ],
    [
      "other segments changed",
      (post) => post[0] = "new",
      "/app/old/a%2fb/%zz",
      "/new/a%2fb/%zz",
    ],
  ] as [string, (postpath: string[]) => void, string, string][]
) {
  Deno.test(`FetchResource hands on postpath as it is, with ${what}`, async () => {
    const root = new Rewriting(rewrite).putChild(
      "app",
      new FetchResource((request) => {
        const { pathname, search } = new URL(request.url);
        return new Response(pathname + search);
      }),
    );
    await using site = new WatchedSite(root);

    const response = await site.visit(`${path}?q=1`);

    assertEquals(await response.text(), `${seen}?q=1`);
  });
}

Deno.test("FetchResource hands on what follows a segment that a resource before it swallowed", async () => {
  class Versioned extends Resource {
    override getChildWithDefault(name: string, request: SiteRequest) {
      if (name !== "v1") return super.getChildWithDefault(name, request);
      request.prepath.pop();
      const next = request.postpath.shift() ?? "";
      request.prepath.push(next);
      return super.getChildWithDefault(next, request);
    }
  }
  const root = new Versioned().putChild(
    "app",
    new FetchResource(({ url }) => new Response(new URL(url).pathname)),
  );
  await using site = new WatchedSite(root);

  assertEquals(await (await site.visit("/v1/app/x%20y")).text(), "/x%20y");
  assertEquals(await (await site.visit("/app/x%20y")).text(), "/x%20y");
});

/** Serves a root on a port of its own while it is used. */
async function serve(
  root: Resource,
  use: (port: number, site: WatchedSite) => Promise<void>,
): Promise<void> {
  await using site = new WatchedSite(root);
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    site.fetch,
  );
  try {
    await use(server.addr.port, site);
    assertEquals(site.errors, []);
  } finally {
    await server.shutdown();
  }
}

/** Says what the mounted function saw on its WebSocket, then closes it. */
function upgrade(request: Request): Response {
  const { socket, response } = Deno.upgradeWebSocket(request);
  const { pathname } = new URL(request.url);
  socket.onmessage = ({ data }) => {
    socket.send(`${pathname} ${data}`);
    socket.close();
  };
  return response;
}

/** Sends a message, and answers the first that comes back. */
async function echo(url: string, headers: HeadersInit = {}): Promise<string> {
  const socket = new WebSocket(url, { headers });
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.onopen = () => socket.send("hello");
  const message = await new Promise<string>((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = reject;
  });
  await closed;
  return message;
}

Deno.test("FetchResource upgrades a WebSocket", { ignore }, async () => {
  const api = new FetchResource(upgrade);
  const root = new Resource().putChild("api", api);

  await serve(root, async (port) => {
    const message = await echo(`ws://127.0.0.1:${port}/api/tea`);
    assertEquals(message, "/tea hello");
  });
});

Deno.test(
  "FetchResource upgrades a WebSocket two sites deep",
  { ignore },
  async () => {
    const tea = new Resource().putChild("tea", new FetchResource(upgrade));
    await using inner = new Site(tea);
    const api = new FetchResource(inner.fetch);
    const root = new Resource().putChild("api", api);

    await serve(root, async (port) => {
      const message = await echo(`ws://127.0.0.1:${port}/api/tea/green`);
      assertEquals(message, "/green hello");
    });
  },
);

Deno.test(
  "FetchResource upgrades a WebSocket behind a guard that makes a session",
  { ignore },
  async () => {
    const root = new SessionGuard(new FetchResource(upgrade), check, REALM);

    await serve(root, async (port, site) => {
      const url = `ws://127.0.0.1:${port}/tea`;
      assertEquals(await echo(url, alice.headers), "/tea hello");
      assertEquals(site.sessions.size, 1);
    });
  },
);

Deno.test(
  "FetchResource hands a request on over the wire",
  { ignore },
  async () => {
    const api = new FetchResource(async (request) => {
      const { method, url } = request;
      const body = await request.text();
      return Response.json([method, new URL(url).pathname, body]);
    });
    const root = new Resource().putChild("api", api);

    await serve(root, async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/api/a%2Fb`, {
        method: "POST",
        body: "tea",
      });
      assertEquals(await response.json(), ["POST", "/a%2Fb", "tea"]);
    });
  },
);

Deno.test("FetchResource has the signal abort when a connection is cut", {
  ignore,
}, async () => {
  const left = Promise.withResolvers<void>();
  const came = Promise.withResolvers<void>();
  const root = new FetchResource(async ({ signal }) => {
    signal.addEventListener("abort", () => left.resolve());
    came.resolve();
    await left.promise;
    return new Response();
  });

  await serve(root, async (port) => {
    const visitor = new AbortController();
    const visit = fetch(`http://127.0.0.1:${port}/`, {
      signal: visitor.signal,
    });
    await came.promise;
    visitor.abort();
    await assertRejects(() => visit);
    await left.promise;
  });
});

for (const method of ["TRACK", "track", "trace", "Connect"]) {
  Deno.test(`FetchResource answers ${method}, of which there is no Request, with 501`, async () => {
    await using site = siteOf(() => new Response());

    const { status } = await site.fetch(
      rawRequest("http://localhost/api", method),
    );

    assertEquals(status, 501);
    assertEquals(site.errors, []);
  });
}
