import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { connect as connectHttp2 } from "node:http2";
import {
  listen,
  Resource,
  type Site,
  type SiteOptions,
  TooLateForCookieError,
} from "../mod.ts";
import { Leaf, Page, type Render, WatchedSite } from "./helpers_http.ts";
import { TEST_LIMIT } from "./helpers_process.ts";

/** Tests that need sockets run where they are allowed: `deno test -A`. */
function wireTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name,
    ignore: Deno.permissions.querySync({ name: "net" }).state !== "granted",
    timeout: TEST_LIMIT,
    fn,
  });
}

/** A site on a port of its own. */
class Wire implements AsyncDisposable {
  readonly site: WatchedSite;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(root: Resource | Render, options: SiteOptions = {}) {
    this.site = new WatchedSite(root, options);
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      this.site.fetch,
    );
  }

  get port(): number {
    return this.#server.addr.port;
  }

  connect(): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: "127.0.0.1", port: this.port });
  }

  /** Sends the lines of a request's head, and answers all that comes back. */
  send(...lines: string[]): Promise<string> {
    const head = [...lines, "Connection: close", "", ""].join("\r\n");
    return this.sendBytes(new TextEncoder().encode(head));
  }

  /** Sends a request, and answers all that comes back. */
  async sendBytes(request: Uint8Array): Promise<string> {
    using connection = await this.connect();
    await connection.write(request);
    return await new Response(connection.readable).text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.site.close();
  }
}

/** Returns the status of the answer to a request by HTTP/2. */
async function http2Status(
  port: number,
  names: { authority: string; host: string | undefined },
): Promise<number> {
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const { authority, host } = names;
  const stream = client.request({
    ":path": "/",
    ":authority": authority,
    ...(host === undefined ? {} : { host }),
  });
  stream.on("response", (headers) => resolve(Number(headers[":status"])));
  stream.on("error", reject);
  stream.resume();
  try {
    return await promise;
  } finally {
    const closed = Promise.withResolvers<void>();
    client.close(closed.resolve);
    await closed.promise;
  }
}

/** The status, the head and the body of an answer. */
function parse(answer: string): { status: number; head: string; body: string } {
  const end = answer.indexOf("\r\n\r\n");
  return {
    status: Number(answer.split(" ", 2)[1]),
    head: answer.slice(0, end).toLowerCase(),
    body: answer.slice(end + 4),
  };
}

const sayPostpath: Render = ({ postpath }) => JSON.stringify(postpath);

// Paths as they come.

for (
  const [path, segments] of [
    ["/", [""]],
    ["/a/", ["a", ""]],
    ["//a", ["", "a"]],
    ["/a//b", ["a", "", "b"]],
    ["/a/../b", ["a", "..", "b"]],
    ["/../../etc/passwd", ["..", "..", "etc", "passwd"]],
    ["/./a", [".", "a"]],
    ["/%2e%2e/a", ["..", "a"]],
    ["/a%2Fb", ["a/b"]],
    ["/a+b", ["a+b"]],
    ["/%zz", ["%zz"]],
    ["/%41%zz", ["A%zz"]],
    ["/%FF%41", ["%FFA"]],
    ["/%C0%AF", ["%C0%AF"]],
    ["/%ED%A0%80", ["%ED%A0%80"]],
    ["/%00", ["\0"]],
    ["/a;p", ["a;p"]],
    ["/a\\b", ["a\\b"]],
    ["/a?b/c", ["a"]],
    ["/a#b", ["a"]],
    ["/caf\u00e9", ["caf\u00e9"]],
    ["http://other/a/b", ["a", "b"]],
  ] as [string, string[]][]
) {
  wireTest(
    `Site.fetch() sees ${
      JSON.stringify(segments)
    } of "GET ${path}" on the wire`,
    async () => {
      await using wire = new Wire(sayPostpath);

      const host = path.startsWith("/") ? "h" : "other";
      const answer = await wire.send(`GET ${path} HTTP/1.1`, `Host: ${host}`);

      assertEquals(JSON.parse(parse(answer).body), segments);
    },
  );
}

wireTest(
  "Site.fetch() answers a path of ten thousand segments on the wire",
  async () => {
    await using wire = new Wire(({ postpath }) => String(postpath.length));

    const answer = await wire.send(
      `GET ${"/a".repeat(10_000)} HTTP/1.1`,
      "Host: h",
    );

    assertEquals(parse(answer).body, "10000");
  },
);

wireTest("Site.fetch() answers HTTP/1.0 without a Host", async () => {
  await using wire = new Wire(sayPostpath);

  const answer = await wire.send("GET /a HTTP/1.0");

  assertEquals(JSON.parse(parse(answer).body), ["a"]);
});

// Methods.

wireTest(
  "Site.fetch() answers HEAD with GET's Content-Length on the wire",
  async () => {
    await using wire = new Wire(
      new Resource().putChild("", new Page(() => "h\u00e9llo")),
    );

    const { status, head, body } = parse(
      await wire.send("HEAD / HTTP/1.1", "Host: h"),
    );

    assertEquals(status, 200);
    assertStringIncludes(head, "content-length: 6");
    assertEquals(body, "");
  },
);

for (
  const [what, render] of [
    ["a stream", () => new Blob(["hello"]).stream()],
    ["a Response", () => new Response("hello")],
    [
      "a Response with a stream",
      () => new Response(new Blob(["hello"]).stream()),
    ],
    ["a Response without a body", () => new Response(null)],
    ["a form", () => new FormData()],
  ] as [string, Render][]
) {
  wireTest(
    `Site.fetch() answers HEAD of ${what} without a Content-Length of 0 on the wire`,
    async () => {
      await using wire = new Wire(
        new Resource().putChild("", new Page(render)),
      );

      const { status, head, body } = parse(
        await wire.send("HEAD / HTTP/1.1", "Host: h"),
      );

      assertEquals(status, 200);
      assertFalse(head.includes("content-length: 0"));
      assertEquals(body, "");
    },
  );
}

wireTest(
  "Site.fetch() sends a Response with the Content-Length of its text on the wire",
  async () => {
    await using wire = new Wire(() => new Response("hello"));

    const { head, body } = parse(await wire.send("GET / HTTP/1.1", "Host: h"));

    assertStringIncludes(head, "content-length: 5");
    assertEquals(body, "hello");
  },
);

wireTest(
  "Site.fetch() answers HEAD with the Content-Length that a Response says on the wire",
  async () => {
    await using wire = new Wire(
      new Resource().putChild(
        "",
        new Page(() =>
          new Response("hello", { headers: { "content-length": "5" } })
        ),
      ),
    );

    const { head, body } = parse(await wire.send("HEAD / HTTP/1.1", "Host: h"));

    assertStringIncludes(head, "content-length: 5");
    assertEquals(body, "");
  },
);

for (const [method, target] of [["TRACE", "/"], ["CONNECT", "h:80"]]) {
  wireTest(
    `Site.fetch() answers ${method} by 501 on the wire, before the walk`,
    async () => {
      let isRendered = false;
      await using wire = new Wire(() => {
        isRendered = true;
        return "";
      });

      const answer = await wire.send(`${method} ${target} HTTP/1.1`, "Host: h");

      assertEquals(parse(answer).status, 501);
      assertFalse(isRendered);
    },
  );
}

wireTest('Site.fetch() answers "get" by 501 on the wire', async () => {
  await using wire = new Wire(
    new Resource().putChild("", new Page(() => "hello")),
  );

  const answer = await wire.send("get / HTTP/1.1", "Host: h");

  assertEquals(parse(answer).status, 501);
});

wireTest("Site.fetch() answers a token of one's own on the wire", async () => {
  await using wire = new Wire(({ method }) => method);

  const answer = await wire.send("PROPFIND / HTTP/1.1", "Host: h");

  assertEquals(parse(answer).body, "PROPFIND");
});

wireTest(
  "Site.fetch() answers OPTIONS by 204 with Allow on the wire",
  async () => {
    await using wire = new Wire(
      new Resource().putChild("", new Page(() => "hello")),
    );

    const { status, head } = parse(
      await wire.send("OPTIONS / HTTP/1.1", "Host: h"),
    );

    assertEquals(status, 204);
    assertStringIncludes(head, "allow: get, head, options");
  },
);

wireTest(
  'Site.fetch() answers "OPTIONS *" by 204 on the wire',
  async () => {
    await using wire = new Wire(sayPostpath);

    const answer = await wire.send("OPTIONS * HTTP/1.1", "Host: h");

    assertEquals(parse(answer).status, 204);
  },
);

wireTest("Site.fetch() sends a 405 with Allow on the wire", async () => {
  await using wire = new Wire(
    new Resource().putChild("", new Page(() => "hello")),
  );

  const { status, head } = parse(
    await wire.send("DELETE / HTTP/1.1", "Host: h"),
  );

  assertEquals(status, 405);
  assertStringIncludes(head, "allow: get, head, options");
});

// The Host header.

for (
  const host of ["x/secret", "x?y", "x#y", "x\\y", "u@x", "x y", "x:1:2"]
) {
  wireTest(
    `Site.fetch() answers "Host: ${host}" 400 on the wire`,
    async () => {
      for (const trustProxy of [false, true]) {
        await using wire = new Wire(sayPostpath, { trustProxy });

        const answer = await wire.send("GET /open HTTP/1.1", `Host: ${host}`);

        assertEquals(parse(answer).status, 400);
        assertEquals(wire.site.errors, []);
      }
    },
  );
}

for (
  const [target, host, status] of [
    ["http://a.example/", "b.example", 400],
    ["http://a.example/", "a.example", 200],
    ["http://a.example:80/", "A.example", 200],
    ["http://b@a.example/", "a.example", 400],
  ] as const
) {
  wireTest(
    `Site.fetch() answers ${target} with "Host: ${host}" ${status} on the wire`,
    async () => {
      await using wire = new Wire(sayPostpath);

      const answer = await wire.send(`GET ${target} HTTP/1.1`, `Host: ${host}`);

      assertEquals(parse(answer).status, status);
    },
  );
}

for (const method of ["GET / HTTP/1.1", "GET / HTTP/1.0"]) {
  wireTest(`Site.fetch() answers ${method} without a Host`, async () => {
    await using wire = new Wire(sayPostpath);

    assertEquals(parse(await wire.send(method)).status, 200);
    assertEquals(parse(await wire.send(method, "Host:")).status, 200);
  });
}

for (
  const [authority, host, status] of [
    ["a.example", undefined, 200],
    ["a.example", "a.example", 200],
    ["a.example", "b.example", 400],
    ["x@a.example", undefined, 400],
  ] as const
) {
  wireTest(
    `Site.fetch() answers ":authority: ${authority}" with the Host ${host} ${status}`,
    async () => {
      await using wire = new Wire(sayPostpath);

      assertEquals(await http2Status(wire.port, { authority, host }), status);
    },
  );
}

for (const host of ["x/secret", "[::1", "x:99999", "x y", "%zz"]) {
  wireTest(
    `SiteRequest.url of "Host: ${host}" is a 400 on the wire`,
    async () => {
      await using wire = new Wire(({ url }) => url.href);

      const answer = await wire.send("GET /open HTTP/1.1", `Host: ${host}`);

      assertEquals(parse(answer).status, 400);
      assertEquals(wire.site.errors, []);
    },
  );
}

wireTest("SiteRequest.url is that of the wire", async () => {
  await using wire = new Wire(({ url }) => url.href);

  const answer = await wire.send("GET /a?b=c HTTP/1.1", "Host: example.com:81");

  assertEquals(parse(answer).body, "http://example.com:81/a?b=c");
});

wireTest("SiteRequest.remoteAddress is that of the connection", async () => {
  await using wire = new Wire((request) => String(request.remoteAddress));

  const answer = await wire.send("GET / HTTP/1.1", "Host: h");

  assertEquals(parse(answer).body, "127.0.0.1");
});

// Cookies.

/** The session's cookie in an answer. */
function cookieIn(answer: string): string {
  return /^set-cookie: (session=[0-9a-f]*)/im.exec(answer)?.[1] ?? "";
}

const sayUid: Render = (request) => request.getSession().uid;

wireTest(
  "SiteRequest.getSession() finds its cookie in the second of several Cookie headers",
  async () => {
    await using wire = new Wire(sayUid);
    const first = await wire.send("GET / HTTP/1.1", "Host: h");

    const second = await wire.send(
      "GET / HTTP/1.1",
      "Host: h",
      "Cookie: a=1",
      `Cookie: ${cookieIn(first)}`,
      "Cookie: b=2",
    );

    assertEquals(parse(second).body, parse(first).body);
  },
);

wireTest(
  "SiteRequest.getSession() is opened by no cookie with the byte A0 around its name",
  async () => {
    await using wire = new Wire(sayUid);
    const own = await wire.send("GET / HTTP/1.1", "Host: h");
    const planted = cookieIn(await wire.send("GET / HTTP/1.1", "Host: h"));

    const head = [
      "GET / HTTP/1.1",
      "Host: h",
      `Cookie: ${cookieIn(own)}; \xa0${planted}`,
      `Cookie: ${planted.replace("=", "\xa0=")}`,
      "Connection: close",
      "\r\n",
    ].join("\r\n");
    // A byte for each character, as a browser sends them.
    const bytes = Uint8Array.from(head, (byte) => byte.charCodeAt(0));

    const seen = await wire.sendBytes(bytes);

    assertEquals(parse(seen).body, parse(own).body);
  },
);

wireTest(
  "SiteRequest.getSession() counts the last of duplicates in several Cookie headers",
  async () => {
    await using wire = new Wire(sayUid);
    const first = await wire.send("GET / HTTP/1.1", "Host: h");

    const second = await wire.send(
      "GET / HTTP/1.1",
      "Host: h",
      `Cookie: session=${"f".repeat(64)}`,
      `Cookie: ${cookieIn(first)}`,
    );

    assertEquals(parse(second).body, parse(first).body);
  },
);

wireTest("SiteRequest.getSession() sets the cookie on the wire", async () => {
  await using wire = new Wire(sayUid);

  const answer = await wire.send("GET / HTTP/1.1", "Host: h");

  assertMatch(
    answer,
    /^set-cookie: session=[0-9a-f]{64}; HttpOnly; SameSite=Lax; Path=\/\r$/im,
  );
  assertMatch(answer, /^cache-control: no-store\r$/im);
});

wireTest(
  "SiteRequest.getSession() makes a new session for bytes that are no UTF-8",
  async () => {
    await using wire = new Wire(sayUid);
    using connection = await wire.connect();

    const head =
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nCookie: session=";
    await connection.write(
      new Uint8Array([
        ...new TextEncoder().encode(head),
        0xff,
        0xfe,
        0x0d,
        0x0a,
        0x0d,
        0x0a,
      ]),
    );
    const answer = await new Response(connection.readable).text();

    assertEquals(parse(answer).status, 200);
    assertNotEquals(cookieIn(answer), "");
  },
);

wireTest(
  "SiteRequest.redirect() ends no line of the head on the wire",
  async () => {
    await using wire = new Wire((request) =>
      request.redirect("/a\r\nset-cookie: b=1\r\n\r\n<script>")
    );

    const { status, head } = parse(
      await wire.send("GET / HTTP/1.1", "Host: h"),
    );

    assertEquals(status, 302);
    assertFalse(/^set-cookie/m.test(head));
  },
);

// Upgrades.

const HANDSHAKE = [
  "GET / HTTP/1.1",
  "Host: h",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "",
  "",
].join("\r\n");

/** Sends a handshake, answers the head that comes back, and hangs up. */
async function shakeHands(wire: Wire): Promise<string> {
  using connection = await wire.connect();
  await connection.write(new TextEncoder().encode(HANDSHAKE));
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(4096);
  let answer = "";
  while (!answer.includes("\r\n\r\n")) {
    const length = await connection.read(chunk);
    if (length === null) break;
    answer += decoder.decode(chunk.subarray(0, length), { stream: true });
  }
  return answer;
}

/** A promise of the end of a WebSocket, however it ends. */
function closed(socket: WebSocket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.onclose = () => resolve();
  socket.onerror = () => {};
  return promise;
}

wireTest(
  "SiteRequest.getSession() before Deno.upgradeWebSocket() sets the cookie on the 101",
  async () => {
    let end: Promise<void> | undefined;
    await using wire = new Wire((request) => {
      request.getSession();
      const { socket, response } = Deno.upgradeWebSocket(request.request);
      end = closed(socket);
      return response;
    });

    const answer = await shakeHands(wire);
    await end;

    assertEquals(parse(answer).status, 101);
    assertMatch(cookieIn(answer), /^session=[0-9a-f]{64}$/);
    assertEquals(wire.site.errors, []);
  },
);

wireTest(
  "SiteRequest.getSession() asked for before Deno.upgradeWebSocket() is found after it",
  async () => {
    let end: Promise<void> | undefined;
    let isSame = false;
    await using wire = new Wire((request) => {
      const session = request.getSession();
      const { socket, response } = Deno.upgradeWebSocket(request.request);
      isSame = request.getSession() === session;
      end = closed(socket);
      return response;
    });

    await shakeHands(wire);
    await end;

    assert(isSame);
  },
);

wireTest(
  "SiteRequest.getSession() first asked for after Deno.upgradeWebSocket() throws, naming the remedy",
  async () => {
    let end: Promise<void> | undefined;
    const errors: unknown[] = [];
    await using wire = new Wire((request) => {
      const { socket, response } = Deno.upgradeWebSocket(request.request);
      end = closed(socket);
      try {
        request.getSession();
      } catch (error) {
        errors.push(error);
      }
      return response;
    });

    const answer = await shakeHands(wire);
    await end;

    assertEquals(parse(answer).status, 101);
    assertInstanceOf(errors[0], TooLateForCookieError);
    assertStringIncludes(errors[0].message, "before Deno.upgradeWebSocket");
    assertEquals(wire.site.sessions.size, 0);
  },
);

wireTest("Site.fetch() passes a 101 on without a session", async () => {
  let end: Promise<void> | undefined;
  await using wire = new Wire((request) => {
    const { socket, response } = Deno.upgradeWebSocket(request.request);
    end = closed(socket);
    return response;
  });

  const answer = await shakeHands(wire);
  await end;

  assertEquals(parse(answer).status, 101);
  assertEquals(wire.site.errors, []);
});

// Visitors who leave.

wireTest(
  "SiteRequest.signal aborts when the visitor hangs up while rendering",
  async () => {
    const begun = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    await using wire = new Wire(async (request) => {
      request.signal.addEventListener("abort", () => left.resolve());
      begun.resolve();
      await left.promise;
      return "";
    });

    const connection = await wire.connect();
    await connection.write(
      new TextEncoder().encode("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    );
    await begun.promise;
    connection.close();

    await left.promise;
  },
);

wireTest(
  "SiteRequest.finished rejects when the visitor hangs up amid a stream",
  async () => {
    const left = Promise.withResolvers<unknown>();
    await using wire = new Wire((request) => {
      request.finished.catch(left.resolve);
      return new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(65_536));
        },
      });
    });

    const connection = await wire.connect();
    await connection.write(
      new TextEncoder().encode("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    );
    await connection.read(new Uint8Array(1));
    connection.close();

    const reason = await left.promise;
    assertInstanceOf(reason, Error);
    assertEquals(reason.name, "AbortError");
  },
);

wireTest(
  "SiteRequest.finished resolves when a stream has been sent",
  async () => {
    const sent = Promise.withResolvers<void>();
    await using wire = new Wire((request) => {
      request.finished.then(sent.resolve, sent.reject);
      return new Blob(["streamed"]).stream();
    });

    const answer = await wire.send("GET / HTTP/1.1", "Host: h");
    await sent.promise;

    assertStringIncludes(answer, "streamed");
  },
);

wireTest(
  "Site.fetch() sends a page after a stream broke on another connection",
  async () => {
    await using wire = new Wire(({ postpath }) =>
      postpath[0] === "broken"
        ? new ReadableStream({
          pull(controller) {
            controller.error(new Error("broken"));
          },
        })
        : "whole"
    );

    await wire.send("GET /broken HTTP/1.1", "Host: h").catch(() => {});
    const answer = await wire.send("GET / HTTP/1.1", "Host: h");

    assertEquals(parse(answer).body, "whole");
    assertEquals(wire.site.errors.length, 1);
  },
);

// listen().

/** Ends a server and its site. */
async function end(server: Deno.HttpServer<Deno.Addr>, site: Site) {
  await server.shutdown();
  await site.close();
}

wireTest("listen() serves a site on a port", async () => {
  const site = new WatchedSite(() => "hello");
  const server = listen(site, "tcp:0:interface=127.0.0.1");

  const { port } = server.addr as Deno.NetAddr;
  const response = await fetch(`http://127.0.0.1:${port}/`);

  assertEquals(await response.text(), "hello");
  await end(server, site);
});

wireTest("listen() takes the options of Deno.serve", async () => {
  const site = new WatchedSite(() => "hello");
  const server = listen(site, {
    port: 0,
    hostname: "127.0.0.1",
    onListen() {},
  });

  const { port } = server.addr as Deno.NetAddr;
  const response = await fetch(`http://127.0.0.1:${port}/`);

  assertEquals(await response.text(), "hello");
  await end(server, site);
});

wireTest(
  "listen() on a busy port throws AddrInUse, naming the address",
  async () => {
    await using site = new WatchedSite(() => "");
    using busy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = busy.addr;

    assertThrows(
      () => listen(site, `tcp:${port}:interface=127.0.0.1`),
      Deno.errors.AddrInUse,
      `127.0.0.1:${port}`,
    );
  },
);

wireTest("listen() on a busy port leaves the site open", async () => {
  await using site = new WatchedSite(() => "open");
  using busy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = busy.addr;

  assertThrows(() => listen(site, `tcp:${port}:interface=127.0.0.1`));

  assertEquals(await (await site.visit()).text(), "open");
});

wireTest(
  "listen() leaves the site open when its server is shut down",
  async () => {
    await using site = new WatchedSite(() => "open");
    const server = listen(site, "tcp:0:interface=127.0.0.1");

    await server.shutdown();

    assertEquals((await site.visit()).status, 200);
  },
);

Deno.test({
  name: "listen() serves a site on a Unix socket",
  ignore: Deno.build.os === "windows" ||
    Deno.permissions.querySync({ name: "net" }).state !== "granted",
  async fn() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/site.sock`;
    const site = new WatchedSite(
      new Leaf((request) => String(request.remoteAddress)),
    );
    const server = listen(site, `unix:${path}`);

    const connection = await Deno.connect({ transport: "unix", path });
    await connection.write(
      new TextEncoder().encode(
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
      ),
    );
    const answer = await new Response(connection.readable).text();

    assertEquals(parse(answer).body, "undefined");
    await end(server, site);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "listen() in a folder that is not there names the path",
  ignore: Deno.build.os === "windows" ||
    Deno.permissions.querySync({ name: "net" }).state !== "granted",
  async fn() {
    await using site = new WatchedSite(() => "");

    assertThrows(
      () => listen(site, "unix:/nowhere/at/all/site.sock"),
      Deno.errors.NotFound,
      "/nowhere/at/all/site.sock",
    );
  },
});
