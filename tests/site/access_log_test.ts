// The lines of the access log. The tests with sockets need the permission net;
// without it they are ignored.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Guard,
  Resource,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { check, login, REALM } from "../helpers_guard.ts";
import {
  Leaf,
  Page,
  rawRequest,
  type Render,
  WatchedSite,
} from "../helpers_http.ts";
import { testWith } from "../helpers_process.ts";

/** A visitor at that address. */
function from(hostname: string): Deno.ServeHandlerInfo {
  return {
    remoteAddr: { transport: "tcp", hostname, port: 5000 },
    completed: Promise.resolve(),
  };
}

/** A site that keeps the lines of its access log. */
class LoggedSite extends WatchedSite {
  readonly lines: string[];

  constructor(root: Resource | Render, options: SiteOptions = {}) {
    const lines: string[] = [];
    super(root, { accessLog: (line) => void lines.push(line), ...options });
    this.lines = lines;
  }
}

/** What a line says of the response: the status and the bytes. */
function outcomeOf(line: string | undefined): string {
  const [, outcome = ""] = /" (\d+ (?:\d+|-)) "/.exec(line ?? "") ?? [];
  return outcome;
}

/** The lines of a site that answers one request, taken to the end. */
async function linesOf(
  root: Resource | Render,
  request: Request = new Request("http://localhost/"),
  options: SiteOptions & { info?: Deno.ServeHandlerInfo } = {},
): Promise<string[]> {
  const { info, ...siteOptions } = options;
  await using site = new LoggedSite(root, siteOptions);
  const response = await site.fetch(request, info);
  await response.bytes();
  return site.lines;
}

/** Lets what waits for promises run. */
function settle(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => setTimeout(resolve, 0)));
}

// The format.

Deno.test("SiteOptions.accessLog has a line in the combined log format", async () => {
  using _ = new FakeTime("2026-11-24T06:31:59.999Z");
  const request = new Request("http://localhost/tea?cup=1", {
    headers: {
      ...login("alice", "open sesame").headers,
      referer: "http://localhost/",
      "user-agent": "Mozilla/5.0 (X11; Linux x86_64)",
    },
  });
  const root = new Guard(new Leaf(() => "caf\u00e9"), check, REALM);

  assertEquals(await linesOf(root, request, { info: from("192.0.2.1") }), [
    '192.0.2.1 - alice [24/Nov/2026:06:31:59 +0000] "GET /tea?cup=1 HTTP/1.1" ' +
    '200 5 "http://localhost/" "Mozilla/5.0 (X11; Linux x86_64)"',
  ]);
});

Deno.test("SiteOptions.accessLog has a hyphen for what is not known", async () => {
  using _ = new FakeTime("2026-01-02T03:04:05Z");

  assertEquals(await linesOf(() => ""), [
    '- - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 - "-" "-"',
  ]);
});

Deno.test("SiteOptions.accessLog says when the request came", async () => {
  using time = new FakeTime("2026-11-24T23:59:59Z");
  const lines = await linesOf(async () => {
    await time.tickAsync(2000);
    return "text";
  });

  assertStringIncludes(lines[0]!, "[24/Nov/2026:23:59:59 +0000]");
});

Deno.test("SiteOptions.accessLog says the time of the site's clock", async () => {
  const clock = {
    now: () => Date.UTC(2000, 1, 29),
    setTimeout: () => 0,
    clearTimeout() {},
  };

  const [line] = await linesOf(() => "", undefined, { clock });

  assertStringIncludes(line!, "[29/Feb/2000:00:00:00 +0000]");
});

Deno.test("SiteOptions.accessLog has IPv6 addresses as they are", async () => {
  const [line] = await linesOf(() => "", undefined, {
    info: from("2001:db8::1"),
  });

  assertMatch(line!, /^2001:db8::1 - - \[/);
});

Deno.test("SiteOptions.accessLog has a hyphen for who comes by a Unix socket", async () => {
  const info: Deno.ServeHandlerInfo<Deno.UnixAddr> = {
    remoteAddr: { transport: "unix", path: "/run/site.sock" },
    completed: Promise.resolve(),
  };

  const [line] = await linesOf(() => "", undefined, { info });

  assertMatch(line!, /^- - - \[/);
});

for (
  const [url, path] of [
    ["http://localhost/a/../b", "/a/../b"],
    ["http://localhost//a/?b=/c", "//a/?b=/c"],
    ["http://localhost/%2e%41", "/%2e%41"],
    ["http://localhost", "/"],
  ] as const
) {
  Deno.test(`SiteOptions.accessLog has the path ${path} as it came`, async () => {
    const [line] = await linesOf(() => "", rawRequest(url));

    assertStringIncludes(line!, `"GET ${path} HTTP/1.1"`);
  });
}

Deno.test("SiteOptions.accessLog has any method", async () => {
  const [line] = await linesOf(() => "", rawRequest("http://x/", "BREW"));

  assertStringIncludes(line!, '"BREW / HTTP/1.1"');
});

// Nobody writes a line of his own.

for (
  const [text, quoted] of [
    ['"', '\\"'],
    ["\\", "\\\\"],
    ['\\"', '\\\\\\"'],
    ["\r\n", "\\x0d\\x0a"],
    ["\t\0\x7f\x1b", "\\x09\\x00\\x7f\\x1b"],
    ["caf\u00e9", "caf\\xc3\\xa9"],
    ["\u2615", "\\xe2\\x98\\x95"],
    ["\ud83c\udf75", "\\xf0\\x9f\\x8d\\xb5"],
    ["\u2028\u0085", "\\xe2\\x80\\xa8\\xc2\\x85"],
  ] as const
) {
  const name = JSON.stringify(text);

  Deno.test(`SiteOptions.accessLog escapes ${name} in the path`, async () => {
    const [line] = await linesOf(() => "", rawRequest(`http://x/${text}`));

    assertStringIncludes(line!, `"GET /${quoted} HTTP/1.1"`);
  });

  Deno.test(`SiteOptions.accessLog escapes ${name} in the user`, async () => {
    const [line] = await linesOf((request) => {
      request.user = text;
      return "";
    });

    assertMatch(line!, /^- - \S+ \[[^\r\n]*$/);
    assertStringIncludes(line!, `- - ${quoted} [`);
  });
}

for (const header of ["referer", "user-agent"]) {
  for (
    const [text, quoted] of [
      ['a" 200 1 "b', 'a\\" 200 1 \\"b'],
      ["\\", "\\\\"],
      ["a\tb", "a\\x09b"],
      // The characters of a header are bytes.
      ["caf\u00c3\u00a9", "caf\\xc3\\xa9"],
      ["caf\u00e9", "caf\\xe9"],
    ] as const
  ) {
    Deno.test(`SiteOptions.accessLog escapes ${JSON.stringify(text)} in the ${header}`, async () => {
      const request = new Request("http://x/", { headers: { [header]: text } });

      const [line] = await linesOf(() => "", request);

      assertStringIncludes(line!, ` "${quoted}"`);
    });
  }
}

for (const user of ["Ada Lovelace", "", " "]) {
  Deno.test(`SiteOptions.accessLog has the user "${user}" as one field`, async () => {
    const [line] = await linesOf((request) => {
      request.user = user;
      return "";
    });

    assertMatch(line!, /^- - \S+ \[/);
  });
}

Deno.test("SiteOptions.accessLog has what a proxy says as one field", async () => {
  const request = new Request("http://x/", {
    headers: { "x-forwarded-for": "192.0.2.1 - alice [today]" },
  });

  const [line] = await linesOf(() => "", request, { trustProxy: true });

  assertMatch(line!, /^\S+ - - \[\d/);
});

// The status and the bytes.

for (
  const [what, render, outcome] of [
    ["text, in UTF-8", () => "caf\u00e9", "200 5"],
    ["bytes", () => new Uint8Array(7), "200 7"],
    ["an ArrayBuffer", () => new ArrayBuffer(7), "200 7"],
    ["a view of bytes", () => new DataView(new ArrayBuffer(9), 1, 7), "200 7"],
    ["a Blob", () => new Blob(["1234567"]), "200 7"],
    ["URLSearchParams", () => new URLSearchParams({ a: " \u00e9" }), "200 9"],
    ["a stream", () => new Blob(["1234567"]).stream(), "200 7"],
    ["an empty stream", () => new Blob().stream(), "200 -"],
    ["no text", () => "", "200 -"],
    ["a Response that does not say it", () => new Response("1234567"), "200 -"],
    [
      "a Response that says it",
      () => new Response("1234567", { headers: { "content-length": "7" } }),
      "200 7",
    ],
    ["a Response without a body", () => new Response(), "200 -"],
    ["a redirect", (request) => request.redirect("/"), "302 -"],
  ] as [string, (request: SiteRequest) => BodyInit | Response, string][]
) {
  Deno.test(`SiteOptions.accessLog counts the bytes of ${what}`, async () => {
    const [line] = await linesOf(render);

    assertEquals(outcomeOf(line), outcome);
  });
}

Deno.test("SiteOptions.accessLog counts no bytes of a HEAD", async () => {
  const request = new Request("http://localhost/", { method: "HEAD" });

  for (
    const render of [
      () => "text",
      () => new Blob(["text"]).stream(),
      () => new Response("text", { headers: { "content-length": "4" } }),
    ]
  ) {
    assertEquals((await linesOf(render, request)).map(outcomeOf), ["200 -"]);
  }
});

for (const status of [204, 304]) {
  Deno.test(`SiteOptions.accessLog counts no bytes of a ${status}`, async () => {
    const lines = await linesOf((request) => {
      request.setResponseCode(status);
      return "text";
    });

    assertEquals(lines.map(outcomeOf), [`${status} -`]);
  });
}

Deno.test("SiteOptions.accessLog has one line for what the tree has not, with the page's bytes", async () => {
  await using site = new LoggedSite(new Resource());
  const response = await site.visit("/nothing");
  const { length } = await response.bytes();

  assertEquals(site.lines.map(outcomeOf), [`404 ${length}`]);
});

for (
  const [what, init, status] of [
    ["a method that is not there", { method: "POST" }, 405],
    ["TRACE", { method: "TRACE" }, 501],
    ["a page that throws", {}, 500],
  ] as [string, { method?: string }, number][]
) {
  Deno.test(`SiteOptions.accessLog has one line for ${what}`, async () => {
    const root = new Resource().putChild(
      "",
      new Page(() => {
        throw new Error("broken");
      }),
    );

    const lines = await linesOf(root, rawRequest("http://x/", init.method));

    assertEquals(lines.map((line) => outcomeOf(line).split(" ")[0]), [
      String(status),
    ]);
  });
}

Deno.test("SiteOptions.accessLog has one line where the site's own page throws", async () => {
  const broken = new Leaf(() => {
    throw new Error("broken");
  });

  const lines = await linesOf(new Resource(), undefined, {
    notFoundPage: broken,
  });

  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, " 404 ");
});

Deno.test("SiteOptions.accessLog has a line for whoever comes to a closed site", async () => {
  const site = new LoggedSite(() => "text");
  await site.close();

  await site.visit();

  assertStringIncludes(site.lines[0]!, " 503 ");
});

Deno.test("SiteOptions.accessLog has a line for a host that is refused", async () => {
  const request = new Request("http://x/", { headers: { host: "a/b" } });

  const [line] = await linesOf(() => "", request, { trustProxy: true });

  assertStringIncludes(line!, " 400 ");
});

// When.

Deno.test("SiteOptions.accessLog has the line of a stream once it is read", async () => {
  await using site = new LoggedSite(() => new Blob(["1234567"]).stream());
  const response = await site.visit();
  assertEquals(site.lines, []);

  await response.text();

  assertEquals(site.lines.map(outcomeOf), ["200 7"]);
});

Deno.test("SiteOptions.accessLog has the bytes so far of a visitor who leaves midway", async () => {
  await using site = new LoggedSite(() =>
    new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(10)),
    }, { highWaterMark: 0 })
  );
  const response = await site.visit();
  const reader = response.body!.getReader();
  await reader.read();
  await reader.read();

  await reader.cancel();

  assertEquals(site.lines.map(outcomeOf), ["200 20"]);
});

Deno.test("SiteOptions.accessLog has the bytes so far of a stream that breaks", async () => {
  let pulls = 0;
  await using site = new LoggedSite(() =>
    new ReadableStream({
      pull(controller) {
        if (pulls++ > 0) throw new Error("broken");
        controller.enqueue(new Uint8Array(10));
      },
    }, { highWaterMark: 0 })
  );

  await (await site.visit()).text().catch(() => {});

  assertEquals(site.lines.map(outcomeOf), ["200 10"]);
  assertEquals(site.errors.map(String), ["Error: broken"]);
});

Deno.test("SiteOptions.accessLog says 499 of a visitor who leaves before", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  await using site = new LoggedSite(() => promise);
  const visitor = new AbortController();
  const answer = site.visit("/", { signal: visitor.signal });

  visitor.abort();

  assertEquals(site.lines.map(outcomeOf), ["499 -"]);
  resolve("too late");
  await answer;
  assertEquals(site.lines.length, 1);
});

Deno.test("SiteOptions.accessLog says 499 of a visitor who has left already", async () => {
  await using site = new LoggedSite(() => "text");

  await site.visit("/", { signal: AbortSignal.abort() });

  assertEquals(site.lines.map(outcomeOf), ["499 -"]);
});

Deno.test("SiteOptions.accessLog has a line for each of many requests", async () => {
  await using site = new LoggedSite(async ({ postpath }) => {
    await settle();
    return postpath.join("/");
  });

  const paths = Array.from({ length: 100 }, (_, index) => `/${index}`);
  await Promise.all(paths.map((path) => site.visit(path)));

  const logged = site.lines.map((line) => / (\/\d+) /.exec(line)?.[1]);
  assertEquals(new Set(logged), new Set(paths));
  assertEquals(logged.length, 100);
});

// Behind a proxy.

for (
  const [trustProxy, address] of [[true, "192.0.2.1"], [
    false,
    "10.0.0.1",
  ]] as const
) {
  Deno.test(`SiteOptions.accessLog has the address ${address} where trustProxy is ${trustProxy}`, async () => {
    const request = new Request("http://x/", {
      headers: { "x-forwarded-for": "198.51.100.6, 192.0.2.1" },
    });
    const info = from("10.0.0.1");

    const [line] = await linesOf(() => "", request, { trustProxy, info });

    assertEquals(line!.split(" ")[0], address);
  });
}

// A log that fails.

for (
  const [how, fail] of [
    ["throws", () => {
      throw new Error("disk full");
    }],
    ["rejects", () => Promise.reject(new Error("disk full"))],
  ] as [string, () => Promise<void>][]
) {
  Deno.test(`SiteOptions.accessLog that ${how} is reported, and harms no visitor`, async () => {
    await using site = new WatchedSite(() => "text", { accessLog: fail });

    const first = await site.visit();
    const second = await site.visit();
    await settle();

    assertEquals([await first.text(), await second.text()], ["text", "text"]);
    assertEquals(
      site.errors.map(String),
      Array(2).fill("Error: disk full"),
    );
  });

  Deno.test(`SiteOptions.accessLog that ${how} harms no stream`, async () => {
    await using site = new WatchedSite(() => new Blob(["text"]).stream(), {
      accessLog: fail,
    });

    const response = await site.visit();

    assertEquals(await response.text(), "text");
    await settle();
    assertEquals(site.errors.map(String), ["Error: disk full"]);
  });
}

Deno.test("SiteOptions.accessLog that hangs keeps no visitor waiting", async () => {
  await using site = new WatchedSite(() => "text", {
    accessLog: () => new Promise<void>(() => {}),
  });

  assertEquals(await (await site.visit()).text(), "text");
});

// A stream.

Deno.test("SiteOptions.accessLog writes lines into a stream, as UTF-8", async () => {
  using _ = new FakeTime("2026-11-24T06:31:59Z");
  const { readable, writable } = new TransformStream<Uint8Array>();
  await using site = new WatchedSite(() => "", { accessLog: writable });
  const decoder = new TextDecoderStream();
  const reader = readable.pipeThrough(
    decoder as typeof decoder & {
      writable: WritableStream<Uint8Array>;
    },
  ).getReader();

  await site.visit("/a");
  await site.visit("/b");

  for (const path of ["/a", "/b"]) {
    assertEquals(
      (await reader.read()).value,
      `- - - [24/Nov/2026:06:31:59 +0000] "GET ${path} HTTP/1.1" 200 - "-" "-"\n`,
    );
  }
  await reader.cancel();
});

Deno.test("SiteOptions.accessLog into a stream that breaks is reported, and harms no visitor", async () => {
  const accessLog = new WritableStream<Uint8Array>({
    write() {
      throw new Error("disk full");
    },
  });
  await using site = new WatchedSite(() => "text", { accessLog });

  const first = await site.visit();
  const second = await site.visit();
  await settle();

  assertEquals([await first.text(), await second.text()], ["text", "text"]);
  assertEquals(site.errors.map(String), Array(2).fill("Error: disk full"));
});

Deno.test("SiteOptions.accessLog into a slow stream keeps no visitor waiting", async () => {
  const accessLog = new WritableStream<Uint8Array>({
    write: () => new Promise(() => {}),
  });
  await using site = new WatchedSite(() => "text", { accessLog });

  for (let visit = 0; visit < 3; visit++) {
    assertEquals(await (await site.visit()).text(), "text");
  }
});

// Off.

Deno.test("Site.fetch() asks for nothing that only an access log needs", async () => {
  const asked: string[] = [];
  const request = new Request("http://localhost/");
  const info = from("192.0.2.1");
  Object.defineProperty(info, "remoteAddr", {
    get: () => asked.push("address"),
  });
  const { signal } = request;
  Object.defineProperty(request, "signal", {
    get() {
      asked.push("signal");
      return signal;
    },
  });
  const get = request.headers.get.bind(request.headers);
  request.headers.get = (name) => {
    // The Host is checked with and without a log.
    if (name !== "host") asked.push(name);
    return get(name);
  };
  await using site = new WatchedSite(() => "text");

  await site.fetch(request, info);

  assertEquals(asked, []);
});

// On the wire.

/** Sends lines on a connection of its own, and hands the log's next line on. */
function wireTest(
  name: string,
  render: Render,
  fn: (port: number, nextLine: Promise<string>) => Promise<void>,
): void {
  testWith(["net"], name, async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await using site = new WatchedSite(render, { accessLog: resolve });
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      site.fetch,
    );
    await fn(server.addr.port, promise);
  });
}

async function send(port: number, ...lines: string[]): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = [...lines, "Host: h", "", ""].join("\r\n");
  await connection.write(new TextEncoder().encode(head));
  return connection;
}

wireTest(
  "SiteOptions.accessLog has the visitor's address on the wire",
  () => "text",
  async (port, line) => {
    using _ = await send(port, "GET /tea?cup=1 HTTP/1.1", "User-Agent: test");

    assertMatch(
      await line,
      /^127\.0\.0\.1 - - \[.*\] "GET \/tea\?cup=1 HTTP\/1\.1" 200 4 "-" "test"$/,
    );
  },
);

wireTest(
  "SiteOptions.accessLog escapes the bytes of the wire",
  () => "text",
  async (port, line) => {
    using _ = await send(
      port,
      "GET /caf\u00e9 HTTP/1.1",
      "User-Agent: caf\u00e9",
    );

    assertMatch(await line, /"GET \/caf\\xc3\\xa9 .*"caf\\xc3\\xa9"$/);
  },
);

wireTest(
  "SiteOptions.accessLog says 499 of who leaves before on the wire",
  ({ signal }) =>
    new Promise((resolve) =>
      signal.addEventListener("abort", () => resolve(""))
    ),
  async (port, line) => {
    (await send(port, "GET / HTTP/1.1")).close();

    assertEquals(outcomeOf(await line), "499 -");
  },
);

wireTest(
  "SiteOptions.accessLog has the bytes so far of who leaves midway on the wire",
  () =>
    new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1000)),
    }),
  async (port, line) => {
    {
      using connection = await send(port, "GET / HTTP/1.1");
      await connection.read(new Uint8Array(100));
    }

    const [status, bytes] = outcomeOf(await line).split(" ");
    assertEquals(status, "200");
    assert(Number(bytes) >= 1000, bytes);
  },
);

Deno.test("SiteOptions.accessLog of a request that cannot be read is a 500 that is reported", async () => {
  const request = new Request("http://localhost/");
  Object.defineProperty(request, "headers", {
    get() {
      throw new TypeError("request closed");
    },
  });
  await using site = new LoggedSite(() => "");

  const { status } = await site.fetch(request);

  assertEquals(status, 500);
  assertEquals(site.errors.map(String), ["TypeError: request closed"]);
});
