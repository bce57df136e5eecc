// A server that breaks down listens again: first by servers that stand in for
// Deno's, then by programs that run out of open files.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { listen, type ListenOptions } from "../mod.ts";
import { Leaf, WatchedSite } from "./helpers_http.ts";
import {
  addressOf,
  makeCertificate,
  makeFolder,
  type Program,
  ROOT,
  runText,
  systemTest,
  testWith,
} from "./helpers_process.ts";

/** A server that stands in for one of Deno, and breaks down when told to. */
class StandIn implements Deno.HttpServer<Deno.Addr> {
  readonly addr: Deno.Addr;
  readonly options: Deno.ServeTcpOptions;
  readonly handler: Deno.ServeHandler;
  readonly time = Date.now();
  isShutDown = false;
  isRefed = true;
  /** Resolves once the last request has been answered. */
  answered: Promise<void> = Promise.resolve();
  readonly #finished = Promise.withResolvers<void>();

  constructor(options: Deno.ServeTcpOptions, handler: Deno.ServeHandler) {
    this.options = options;
    this.handler = handler;
    const { hostname = "0.0.0.0", port = 8000 } = options;
    this.addr = "path" in options
      ? { transport: "unix", path: options.path as string }
      : { transport: "tcp", hostname, port: port === 0 ? 4711 : port };
    options.signal?.addEventListener("abort", () => this.#finished.resolve());
    options.onListen?.(this.addr as Deno.NetAddr);
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  breakDown(message: string): void {
    this.#finished.reject(new Error(message));
  }

  async shutdown(): Promise<void> {
    this.isShutDown = true;
    await this.answered;
    this.#finished.resolve();
  }

  ref(): void {
    this.isRefed = true;
  }

  unref(): void {
    this.isRefed = false;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}

/** A site that listens by servers that stand in for Deno's, in faked time. */
class Listening implements AsyncDisposable {
  readonly time = new FakeTime();
  readonly site = new WatchedSite(new Leaf(() => "hello"));
  /** All the servers that have listened so far. */
  readonly servers: StandIn[] = [];
  /** Why no further server can listen. */
  refusal: Error | undefined = undefined;
  readonly server: Deno.HttpServer<Deno.Addr>;
  readonly #serve = Deno.serve;

  constructor(options: ListenOptions = { port: 0, onListen() {} }) {
    const serve = (
      options: Deno.ServeTcpOptions,
      handler: Deno.ServeHandler,
    ): Deno.HttpServer<Deno.Addr> => {
      if (this.refusal !== undefined) throw this.refusal;
      this.servers.push(new StandIn(options, handler));
      return this.current;
    };
    Deno.serve = serve as unknown as typeof Deno.serve;
    this.server = listen(this.site, options);
  }

  /** The server that was the last to listen. */
  get current(): StandIn {
    return this.servers.at(-1)!;
  }

  /** What has been reported. */
  get reports(): string[] {
    return this.site.errors.map((error) => (error as Error).message);
  }

  /** Breaks the current server down. */
  async breakDown(message = "Too many open files"): Promise<void> {
    this.current.breakDown(message);
    await this.time.tickAsync(0);
  }

  /** Breaks the current server down, and waits until there is another one. */
  async restart(): Promise<StandIn> {
    const { length } = this.servers;
    await this.breakDown();
    while (this.servers.length === length) await this.time.nextAsync();
    return this.current;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown();
    await this.site.close();
    Deno.serve = this.#serve;
    this.time.restore();
  }
}

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  return await Promise.race([promise, Promise.resolve(pending)]) !== pending;
}

Deno.test("listen() listens again 0.1 s after its server broke down", async () => {
  await using listening = new Listening();
  await listening.breakDown();

  await listening.time.tickAsync(99);
  assertEquals(listening.servers.length, 1);
  await listening.time.tickAsync(1);
  assertEquals(listening.servers.length, 2);
});

Deno.test("listen() pauses twice as long after each try in vain, up to 2 s", async () => {
  await using listening = new Listening();
  const pauses: number[] = [];

  for (let tries = 0; tries < 8; tries++) {
    const before = Date.now();
    pauses.push((await listening.restart()).time - before);
  }

  assertEquals(pauses, [100, 200, 400, 800, 1600, 2000, 2000, 2000]);
});

Deno.test("listen() takes an address that is refused for a try in vain", async () => {
  await using listening = new Listening();
  listening.refusal = new Deno.errors.AddrInUse("in use");
  await listening.breakDown();
  await listening.time.tickAsync(100 + 200 + 399);
  listening.refusal = undefined;
  assertEquals(listening.servers.length, 1);

  await listening.time.tickAsync(1);

  assertEquals(listening.servers.length, 2);
});

Deno.test("listen() begins with the shortest pause once a request was served", async () => {
  await using listening = new Listening();
  for (let tries = 0; tries < 4; tries++) await listening.restart();
  const request = new Request("http://localhost/");
  await listening.current.handler(request, undefined!);

  const before = Date.now();
  assertEquals((await listening.restart()).time - before, 100);
});

Deno.test("listen() answers requests by the site after it has listened again", async () => {
  await using listening = new Listening();
  const { handler } = await listening.restart();

  const request = new Request("http://localhost/");
  const response = await handler(request, undefined!);

  assertEquals(await response.text(), "hello");
});

Deno.test("listen() reports a breakdown once, however many tries it takes", async () => {
  await using listening = new Listening();
  for (let tries = 0; tries < 5; tries++) await listening.restart();

  assertEquals(listening.reports, [
    "Cannot accept connections on 0.0.0.0:4711: Too many open files; listening again in 0.1 s",
  ]);
  const [error] = listening.site.errors;
  assertInstanceOf(error, Error);
  assertInstanceOf(error.cause, Error);
});

Deno.test("listen() reports another breakdown after a request was served", async () => {
  await using listening = new Listening();
  const { handler } = await listening.restart();
  await handler(new Request("http://localhost/"), undefined!);
  await listening.restart();

  assertEquals(listening.reports.length, 2);
});

for (
  const [what, options] of [
    ["port that it was given", { hostname: "127.0.0.1", port: 0 }],
    ["certificate", { port: 443, cert: "a certificate", key: "a key" }],
    ["Unix socket", { path: "/run/site.sock" }],
  ] as [string, ListenOptions][]
) {
  Deno.test(`listen() listens again on the same ${what}`, async () => {
    await using listening = new Listening({ ...options, onListen() {} });
    const { addr } = listening.server;
    const again = await listening.restart();

    assertEquals([listening.server.addr, again.addr], [addr, addr]);
    const { onListen: _, port, ...others } = again.options;
    const { port: _port, ...expected } = options as Deno.ServeTcpOptions;
    assertEquals(others, expected);
    assertEquals(port, "port" in addr ? addr.port : undefined);
  });
}

Deno.test("listen() calls onListen once", async () => {
  let calls = 0;
  await using listening = new Listening({ port: 0, onListen: () => calls++ });
  await listening.restart();

  assertEquals(calls, 1);
});

Deno.test("listen() keeps the sessions while its server is broken down", async () => {
  await using listening = new Listening();
  const session = listening.site.makeSession();
  await listening.restart();

  assert(session.isActive);
});

Deno.test("listen() has a server that broke down close its connections", async () => {
  await using listening = new Listening();
  const [broken] = listening.servers;
  await listening.breakDown();

  assert(broken!.isShutDown);
});

Deno.test("HttpServer.addr stays while the server is broken down", async () => {
  await using listening = new Listening();
  const { addr } = listening.server;
  await listening.breakDown();

  assertEquals(listening.server.addr, addr);
});

Deno.test("HttpServer.finished does not settle when the server breaks down", async () => {
  await using listening = new Listening();
  const { finished } = listening.server;
  await listening.breakDown();
  assertEquals(await isSettled(finished), false);
  await listening.time.tickAsync(100);

  assertEquals(await isSettled(finished), false);
});

Deno.test("HttpServer.shutdown() stops the server that listens now", async () => {
  await using listening = new Listening();
  const current = await listening.restart();

  await listening.server.shutdown();

  assert(current.isShutDown);
  await listening.server.finished;
});

Deno.test("HttpServer.shutdown() in a pause is the end of it, and leaves no timer", async () => {
  await using listening = new Listening();
  await listening.breakDown();

  await listening.server.shutdown();

  await listening.server.finished;
  await listening.time.tickAsync(60_000);
  assertEquals(listening.servers.length, 1);
});

Deno.test("HttpServer.shutdown() waits for requests of a server that broke down", async () => {
  await using listening = new Listening();
  const { promise, resolve } = Promise.withResolvers<void>();
  listening.current.answered = promise;
  await listening.restart();

  const stopped = listening.server.shutdown();
  await listening.time.tickAsync(0);
  assertEquals(await isSettled(stopped), false);
  assertEquals(await isSettled(listening.server.finished), false);
  resolve();

  await stopped;
  await listening.server.finished;
});

for (const isPausing of [false, true]) {
  Deno.test(`ListenOptions.signal stops the server ${isPausing ? "in a pause" : "that listens again"}`, async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await using listening = new Listening({ port: 0, signal, onListen() {} });
    if (isPausing) await listening.breakDown();
    else await listening.restart();
    const { length } = listening.servers;

    controller.abort();

    await listening.server.finished;
    await listening.time.tickAsync(60_000);
    assertEquals(listening.servers.length, length);
  });
}

Deno.test("HttpServer.unref() and ref() count for the server that listens again", async () => {
  await using listening = new Listening();
  listening.server.unref();
  assertEquals((await listening.restart()).isRefed, false);

  listening.server.ref();
  assertEquals(listening.current.isRefed, true);
  assertEquals((await listening.restart()).isRefed, true);
});

// Programs.

/** A program that prints what is reported and how sessions end. */
const PROGRAM = `
import { listen, Resource, Site } from "${ROOT}mod.ts";

class Page extends Resource {
  isLeaf = true;
  constructor(render) {
    super();
    this.render_GET = render;
  }
}

function makeSite(name) {
  const root = new Resource()
    .putChild("visit", new Page((request) => request.getSession().uid))
    .putChild("break", new Page(() => void breakDown() ?? "broken down"));
  const site = new Site(root, {
    onError: (error) => console.log("reported:", error.message),
  });
  site.notifyOnSessionEnd(async ({ uid, reason }) => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    console.log(name, "ended:", uid, reason);
  });
  return site;
}
`;

/** Makes the first server break down when told to, and no server listen again. */
const BREAKING = `
const { serve } = Deno;
const { promise: finished, reject } = Promise.withResolvers();
const breakDown = () => reject(new Error("broken down"));
let isFirst = true;
Deno.serve = (options, handler) => {
  // Only who listens again knows the port.
  if (options.port !== 0) throw new Error("refused");
  const server = serve(options, handler);
  if (!isFirst) return server;
  isFirst = false;
  return { addr: server.addr, finished, shutdown: () => server.shutdown() };
};
`;

const LOCAL = "tcp:0:interface=127.0.0.1";

async function textOf(url: string): Promise<string> {
  return await (await fetch(url)).text();
}

testWith(
  ["net", "run", "read"],
  "listen() ends with 0 on a signal in a pause, and tells of ends",
  async () => {
    await using program = runText(
      `${PROGRAM}${BREAKING}listen(makeSite("site"), "${LOCAL}");`,
    );
    const address = await addressOf(program);
    const uid = await textOf(`${address}visit`);
    await textOf(`${address}break`);
    assertStringIncludes(await program.stdout.next(), "listening again in");
    program.kill("SIGTERM");

    assertEquals(await program.stdout.rest(), [`site ended: ${uid} shutdown`]);
    assertEquals((await program.status).code, 0);
  },
);

testWith(
  ["net", "run", "read"],
  "listen() that cannot listen again tells of ends at all sites, and ends with 1",
  async () => {
    await using program = runText(`${PROGRAM}${BREAKING}
const { setTimeout: real } = globalThis;
// The pauses are 100 times shorter.
globalThis.setTimeout = (callback, delay) => real(callback, delay / 100);
const [one, other] = [makeSite("one"), makeSite("other")];
console.log(other.makeSession().uid);
const server = listen(one, "${LOCAL}");
listen(other, "${LOCAL}");
await server.finished;
console.log("finished");
`);
    const address = await addressOf(program);
    const otherUid = await program.stdout.next();
    const uid = await textOf(`${address}visit`);
    await textOf(`${address}break`);

    const [broken, gaveUp, ...ended] = await program.stdout.rest();
    const { host } = new URL(address);
    assertEquals(
      broken,
      `reported: Cannot accept connections on ${host}: broken down; listening again in 0.1 s`,
    );
    assertEquals(
      gaveUp,
      `reported: Cannot listen on ${host} again: refused`,
    );
    assertEquals(
      ended.sort(),
      [`one ended: ${uid} shutdown`, `other ended: ${otherUid} shutdown`],
    );
    assertEquals((await program.status).code, 1);
  },
);

/** Opens a connection, with the handshake of TLS unless it is to be idle. */
type Connect = (isIdle: boolean) => Promise<Deno.Conn>;

/** @param cert The certificate of a program that serves https. */
function connectTo(address: string, cert?: string): Connect {
  if (address.startsWith("/")) {
    return () => Deno.connect({ transport: "unix", path: address });
  }
  const { hostname, port } = new URL(address);
  const options = { hostname, port: Number(port) };
  return (isIdle) =>
    isIdle || cert === undefined
      ? Deno.connect(options)
      : Deno.connectTls({ ...options, caCerts: [cert] });
}

/** What connections fail with where nothing listens, or not any more. */
const GONE = [
  Deno.errors.BrokenPipe,
  Deno.errors.ConnectionRefused,
  Deno.errors.ConnectionReset,
  Deno.errors.NotFound,
  Deno.errors.UnexpectedEof,
];

/** Visits as soon as the program listens; answers the lines of the response. */
async function visit(connect: Connect, cookie = ""): Promise<string[]> {
  const lines = ["GET /visit HTTP/1.1", "Host: localhost", "Connection: close"];
  const head = [...lines, `Cookie: ${cookie}`, "", ""].join("\r\n");
  for (;;) {
    try {
      using connection = await connect(false);
      await connection.write(new TextEncoder().encode(head));
      const response = await new Response(connection.readable).text();
      if (response !== "") return response.split("\r\n");
    } catch (error) {
      // It pauses, or has just begun to.
      if (!GONE.some((Kind) => error instanceof Kind)) throw error;
    }
    // Connections that fail at once would leave timers no turn.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Opens connections that send nothing, until the program has no more files. */
async function exhaust(
  program: Program,
  connect: Connect,
): Promise<Disposable & { report: string }> {
  const connections: Deno.Conn[] = [];
  let report = "";
  const reported = program.stdout.next().then((line) => {
    report = line;
  });
  while (report === "") {
    try {
      connections.push(await connect(true));
    } catch {
      await reported;
    }
  }
  return {
    report,
    [Symbol.dispose]() {
      for (const connection of connections.splice(0)) connection.close();
    },
  };
}

for (
  const [kind, endpointIn] of [
    ["tcp", () => LOCAL],
    ["unix", (folder: string) => `unix:${folder}/site.sock`],
    [
      "ssl",
      (folder: string) =>
        `ssl:0:interface=127.0.0.1:cert=${folder}/cert.pem:key=${folder}/key.pem`,
    ],
  ] as const
) {
  // Deno waits for the handshakes of TLS even if it shuts down.
  const isTls = kind === "ssl";
  systemTest(
    isTls ? ["openssl"] : [],
    `listen() serves the same sessions ${
      isTls ? "after" : "beside"
    } as many idle connections as open files: ${kind}`,
    async () => {
      using folder = makeFolder();
      const { path } = folder;
      if (isTls) await makeCertificate(`${path}/cert.pem`, `${path}/key.pem`);
      await using program = runText(
        `${PROGRAM}const breakDown = () => {};
listen(makeSite("site"), "${endpointIn(path)}");`,
        128,
      );
      const address = await addressOf(program);
      const connect = isTls
        ? connectTo(address, Deno.readTextFileSync(`${path}/cert.pem`))
        : connectTo(address);
      const first = await visit(connect);
      const [, cookie] = /^set-cookie: ([^;]+)/im.exec(first.join("\n"))!;
      using held = await exhaust(program, connect);
      assertStringIncludes(held.report, "Too many open files");
      if (isTls) held[Symbol.dispose]();

      const again = await visit(connect, cookie);

      assertEquals(again.at(-1), first.at(-1));
      program.kill("SIGTERM");
      assertEquals(
        await program.stdout.rest(),
        [`site ended: ${first.at(-1)} shutdown`],
      );
      assertEquals((await program.status).code, 0);
    },
  );
}
