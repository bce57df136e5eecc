// Over real sockets, since nothing else can be upgraded.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertMatch,
} from "@std/assert";
import {
  HttpError,
  type Session,
  type SessionSocketOptions,
  type Site,
  type SiteOptions,
} from "../../mod.ts";
import {
  cookieOf,
  Errors,
  ManualClock,
  onlySession,
  requestWith,
  siteOf,
} from "../helpers_session.ts";
import type { SessionStreams } from "../../live/session_streams.ts";
import { SOON, testWith } from "../helpers_process.ts";
import { Visitor } from "../helpers_sockets.ts";
import { streamsOf } from "../helpers_streams.ts";

/** A site whose page is a socket that sends back what comes, served. */
function served(
  options: SiteOptions & { socket?: SessionSocketOptions } = {},
  prepare: (session: Session) => void | Promise<void> = () => {},
) {
  const { socket: socketOptions, ...siteOptions } = options;
  const errors = new Errors();
  const sockets: WebSocket[] = [];
  const site = siteOf(
    { onError: errors.onError, ...siteOptions },
    (request) => {
      if (request.postpath[0] === "login") return request.logIn("alice").uid;
      const session = request.getSession();
      if (request.getHeader("upgrade") === undefined) return session.uid;
      const { socket, response } = session.socket(request, socketOptions);
      sockets.push(socket);
      socket.onmessage = ({ data }) => socket.send(data);
      const prepared = prepare(session);
      return prepared === undefined ? response : prepared.then(() => response);
    },
  );
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    site.fetch,
  );
  return {
    site,
    server,
    errors,
    sockets,
    url: `ws://127.0.0.1:${server.addr.port}/`,
    async [Symbol.asyncDispose]() {
      await site.close();
      await server.shutdown();
    },
  };
}

function test(name: string, fn: () => Promise<void>): void {
  testWith(["net"], name, fn);
}

test("Session.socket() opens a socket with the session of the visitor", async () => {
  await using it = served();
  const response = await it.site.fetch(new Request("http://localhost/"));
  const visitor = new Visitor(it.url, { cookie: cookieOf(response) });
  await visitor.opened;
  assertEquals(await visitor.ask("hello"), "hello");
  assertEquals(it.site.sessions.size, 1);
  await visitor.leave();
});

test("Session.socket() is closed with 1008 and the reason when the session ends", async () => {
  await using it = served();
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const endedAt = performance.now();
  onlySession(it.site).expire("revoked");
  const { code, reason, at } = await visitor.closed;
  assertEquals([code, reason], [1008, "revoked"]);
  assertLess(at - endedAt, SOON);
});

test("Session.socket() is closed with 1001 when the site is closed", async () => {
  await using it = served();
  const visitor = new Visitor(it.url);
  await visitor.opened;
  await it.site.close();
  const { code, reason } = await visitor.closed;
  assertEquals([code, reason], [1001, "shutdown"]);
});

test("Session.socket() is closed as soon as it is open if the session has ended", async () => {
  await using it = served({}, (session) => session.expire());
  const visitor = new Visitor(it.url);
  const { code, reason } = await visitor.closed;
  assertEquals([code, reason], [1008, "logout"]);
});

test("Session.socket() is closed if the session ends before the response", async () => {
  const gate = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<Session>();
  await using it = served({}, (session) => {
    asked.resolve(session);
    return gate.promise;
  });
  const visitor = new Visitor(it.url);
  (await asked.promise).expire("evicted");
  gate.resolve();
  const { code, reason } = await visitor.closed;
  assertEquals([code, reason], [1008, "evicted"]);
});

test("Session.socket() does not hold up a server that stops", async () => {
  await using it = served();
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const stoppedAt = performance.now();
  it.site.stopStreams();
  await it.server.shutdown();
  assertLess(performance.now() - stoppedAt, SOON);
  assertEquals((await visitor.closed).code, 1001);
});

test("Session.socket() keeps the session while messages come, and little longer", async () => {
  const clock = new ManualClock();
  await using it = served({ clock, sessionTimeout: 100 });
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const session = onlySession(it.site);
  for (const seconds of [1, 3, 6, 99, 4, 97, 2, 2, 2, 98, 1]) {
    clock.advance(seconds * 1000);
    await visitor.ask("x");
  }
  clock.advance(100_000 - 1);
  assert(session.isActive);
  clock.advance(5000 + 1);
  assertEquals((await visitor.closed).reason, "idle");
});

test("Session.socket() keeps a short session as well", async () => {
  const clock = new ManualClock();
  await using it = served({ clock, sessionTimeout: 1 });
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const session = onlySession(it.site);
  for (let i = 0; i < 100; i++) {
    clock.advance(i % 3 === 0 ? 970 : 49);
    await visitor.ask("x");
  }
  clock.advance(1000 - 1);
  assert(session.isActive);
  clock.advance(50 + 1);
  assertEquals((await visitor.closed).reason, "idle");
});

test("Session.socket() does not keep the session for what is sent", async () => {
  const clock = new ManualClock();
  await using it = served({ clock, sessionTimeout: 100 });
  const visitor = new Visitor(it.url);
  await visitor.opened;
  for (let i = 0; i < 100; i++) {
    it.sockets[0]!.send("x");
    clock.advance(1000);
  }
  assertEquals((await visitor.closed).reason, "idle");
});

test("Session.socket() touches at once for the first message, and then not for a while", async () => {
  await using it = served();
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const session = onlySession(it.site);
  let touches = 0;
  const touch = session.touch.bind(session);
  session.touch = () => {
    touches++;
    touch();
  };
  // As if nobody had come for a while.
  Object.defineProperty(session, "lastModified", {
    get: () => touches === 0 ? 0 : Date.now() / 1000,
  });
  for (let i = 0; i < 20; i++) await visitor.ask("x");
  assertEquals(touches, 1);
  await visitor.leave();
});

test("Session.socket() makes good at the close what was not touched yet", async () => {
  await using it = served();
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const session = onlySession(it.site);
  const touched = Promise.withResolvers<void>();
  session.touch = () => touched.resolve();
  await visitor.ask("x");
  await visitor.leave();
  await touched.promise;
});

test("Session.socket() reports a touch that throws", async () => {
  await using it = served();
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const session = onlySession(it.site);
  session.sessionTimeout = NaN;
  assertEquals(await visitor.ask("x"), "x");
  assertInstanceOf(it.errors.all[0], RangeError);
  session.sessionTimeout = 900;
  await visitor.leave();
});

/** Asks for a socket by hand: other clients read what comes, and hide headers. */
async function upgradeByHand(
  server: Deno.HttpServer<Deno.NetAddr>,
): Promise<Deno.Conn> {
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: server.addr.port,
  });
  const lines = [
    "GET / HTTP/1.1",
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  await connection.write(
    new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`),
  );
  return connection;
}

test("Session.socket() has the answer set the cookie of a new session", async () => {
  await using it = served();
  using connection = await upgradeByHand(it.server);
  const answer = new Uint8Array(1000);
  const count = await connection.read(answer);
  const head = new TextDecoder().decode(answer.subarray(0, count ?? 0));
  assertMatch(head, /^HTTP\/1\.1 101/);
  assertMatch(head, /^set-cookie: session=[0-9a-f]{64};/im);
});

test("Session.socket() is closed for a visitor who takes too little", async () => {
  await using it = served({ socket: { maxBufferedBytes: 100_000 } });
  using connection = await upgradeByHand(it.server);
  await connection.read(new Uint8Array(12));
  const [socket] = it.sockets;
  if (socket!.readyState === WebSocket.CONNECTING) {
    await new Promise((resolve) => socket!.addEventListener("open", resolve));
  }
  // More than the operating system takes.
  for (let i = 0; i < 1000 && socket!.readyState === WebSocket.OPEN; i++) {
    socket!.send("x".repeat(50_000));
  }
  assertEquals(socket!.readyState, WebSocket.CLOSING);
});

test("Session.socket() is closed with 1013 when its token has been renewed and the grace is over", async () => {
  const clock = new ManualClock();
  await using it = served({ clock });
  const visit = async (cookie?: string) =>
    cookieOf(await it.site.fetch(requestWith(cookie)));
  const cookie = await visit();
  const visitor = new Visitor(it.url, { cookie });
  await visitor.opened;
  onlySession(it.site).renew();
  const renewed = await visit(cookie);
  clock.advance(60_000);
  // A request arrives with the new token, so the grace begins.
  await it.site.fetch(requestWith(renewed));
  clock.advance(9999);
  assertEquals(it.sockets[0]!.readyState, WebSocket.OPEN);
  clock.advance(1);
  assertEquals((await visitor.closed).code, 1013);
});

test("Session.socket() is closed with 1013 by a login that supersedes its token", async () => {
  await using it = served();
  const page = await it.site.fetch(requestWith());
  const cookie = cookieOf(page);
  const before = new Visitor(it.url, { cookie });
  await before.opened;

  const login = await it.site.fetch(
    requestWith(cookie, "http://localhost/login"),
  );

  // A thief may have opened it.
  assertEquals((await before.closed).code, 1013);
  const after = new Visitor(it.url, { cookie: cookieOf(login) });
  await after.opened;
  assertEquals(await after.ask("x"), "x");
  assertEquals(onlySession(it.site).principal, "alice");
  await after.leave();
});

test("SessionStreams has nothing left of 100 sockets that came and went", async () => {
  let streams: SessionStreams | undefined;
  await using site = siteOf({}, (request) => {
    streams ??= streamsOf(request);
    return streams.openSocket(request, {}).response;
  });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    site.fetch,
  );
  const url = `ws://127.0.0.1:${server.addr.port}/`;
  const visitors = Array.from({ length: 100 }, () => new Visitor(url));
  await Promise.all(visitors.map(({ opened }) => opened));
  assertEquals(streams?.size, 100);
  await Promise.all(visitors.map((visitor) => visitor.leave()));
  // The server hears of the last a little later.
  while (streams!.size > 0) await new Promise((done) => setTimeout(done, 1));
});

test("SessionStreams gives up a socket whose visitor has left before it was open", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<SessionStreams>();
  await using site = siteOf({ clock }, async (request) => {
    const streams = streamsOf(request);
    const { response } = streams.openSocket(request, {});
    asked.resolve(streams);
    await gate.promise;
    return response;
  });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    site.fetch,
  );
  const connection = await upgradeByHand(server);
  const streams = await asked.promise;
  connection.close();
  clock.advance(29_999);
  assertEquals(streams.size, 1);
  clock.advance(1);
  assertEquals(streams.size, 0);
  gate.resolve();
  await server.shutdown();
});

test("Session.socket() answers 400 to a request for no socket", async () => {
  const errors: unknown[] = [];
  await using site: Site = siteOf({}, (request) => {
    try {
      return request.getSession().socket(request).response;
    } catch (error) {
      errors.push(error);
      throw error;
    }
  });
  const { status } = await site.fetch(new Request("http://localhost/"));
  assertEquals(status, 400);
  assertInstanceOf(errors[0], HttpError);
});

for (
  const [headers, opens] of [
    [{}, true],
    [{ origin: "http://evil.example" }, false],
    [{ origin: "null" }, false],
    [{ origin: "https://friend.example" }, true],
    [{ "sec-fetch-site": "same-origin" }, true],
    [{ "sec-fetch-site": "same-site" }, false],
    [{ "sec-fetch-site": "cross-site" }, false],
  ] as [Record<string, string>, boolean][]
) {
  test(`Session.socket() ${opens ? "opens" : "does not open"} to ${JSON.stringify(headers)}`, async () => {
    await using it = served({
      socket: { origins: ["https://friend.example"] },
    });
    const visitor = new Visitor(it.url, headers);
    const isOpen = await visitor.opened.then(() => true, () => false);
    assertEquals(isOpen, opens);
    await visitor.leave();
  });
}

test("Session.socket() opens to a page of the site itself", async () => {
  await using it = served();
  const origin = it.url.replace("ws:", "http:").slice(0, -1);
  const visitor = new Visitor(it.url, { origin });
  await visitor.opened;
  await visitor.leave();
});

/** Opens a socket by hand, so that the client can be silent or rude. */
async function openRaw(url: string): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  const client = await Deno.connect({ hostname, port: Number(port) });
  await client.write(new TextEncoder().encode(
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  ));
  await client.read(new Uint8Array(1024));
  return client;
}

/** Gathers the close events of the only socket. */
function closesOf({ sockets }: { sockets: WebSocket[] }) {
  const closes: [number, string][] = [];
  const closed = new Promise<void>((resolve) => {
    sockets[0]!.addEventListener("close", ({ code, reason }) => {
      closes.push([code, reason]);
      resolve();
    });
  });
  return { closes, closed };
}

test("Session.socket() has one close event, by the reason here, whatever the client answers", async () => {
  await using it = served();
  using client = await openRaw(it.url);
  const { closes, closed } = closesOf(it);

  onlySession(it.site).expire("revoked");
  // A close frame without code and reason, masked.
  await client.write(new Uint8Array([0x88, 0x80, 0, 0, 0, 0]));
  await closed;

  await it.site.close();
  assertEquals(closes, [[1008, "revoked"]]);
});

test("Session.socket() has one close event five seconds after the end if the client is silent", async () => {
  const clock = new ManualClock();
  await using it = served({ clock });
  using client = await openRaw(it.url);
  const { closes, closed } = closesOf(it);

  onlySession(it.site).expire();
  clock.advance(4999);
  assertEquals(closes, []);
  clock.advance(1);
  await closed;
  assertEquals(closes, [[1008, "logout"]]);

  await client.write(new Uint8Array([0x88, 0x80, 0, 0, 0, 0]));
  while (await client.read(new Uint8Array(1024)) !== null);
  assertEquals(closes, [[1008, "logout"]]);
});

test("Session.socket() has one close event when the client leaves", async () => {
  await using it = served();
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const { closes, closed } = closesOf(it);
  await visitor.leave();
  await closed;
  assertEquals(closes.length, 1);
});

test("SessionSocketOptions.idleTimeout is the time until the ping, and again until the close", async () => {
  await using it = served({ socket: { idleTimeout: 1 } });
  using client = await openRaw(it.url);
  const began = performance.now();
  const { closes, closed } = closesOf(it);
  const bytes = new Uint8Array(16);

  await client.read(bytes);
  assertEquals(bytes[0], 0x89, "a ping");
  const pinged = performance.now() - began;
  await closed;
  const took = performance.now() - began;
  // Deno would close a second time when the connection goes.
  while (await client.read(bytes) !== null);

  assert(pinged > 900, `pinged after ${pinged} ms`);
  assert(took > 1900, `closed after ${took} ms`);
  assertEquals(closes.map(([code]) => code), [1001]);
});

// Long messages.

for (
  const [what, message] of [
    ["text", "x".repeat(1001)],
    ["text of long characters", "\u20ac".repeat(334)],
    ["bytes", new ArrayBuffer(1001)],
  ] as const
) {
  for (const binaryType of ["blob", "arraybuffer"] as const) {
    test(`SessionSocketOptions.maxMessageBytes has a longer message of ${what} close the socket, as ${binaryType}`, async () => {
      const got: unknown[] = [];
      await using it = served({ socket: { maxMessageBytes: 1000 } });
      const visitor = new Visitor(it.url);
      await visitor.opened;
      it.sockets[0]!.binaryType = binaryType;
      it.sockets[0]!.addEventListener("message", ({ data }) => got.push(data));

      visitor.send(message);

      const { code, reason } = await visitor.closed;
      assertEquals([code, reason], [1009, "more than 1000 bytes"]);
      assertEquals(got, []);
      assertEquals(it.site.sessions.size, 1);
    });
  }
}

test("SessionSocketOptions.maxMessageBytes takes messages up to the limit", async () => {
  await using it = served({ socket: { maxMessageBytes: 1000 } });
  const visitor = new Visitor(it.url);
  await visitor.opened;
  for (const text of ["x".repeat(1000), "\u20ac".repeat(333)]) {
    assertEquals(await visitor.ask(text), text);
  }
  await visitor.leave();
});

test("SessionSocketOptions.maxMessageBytes is 1 MiB by default", async () => {
  await using it = served();
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const longest = "x".repeat(2 ** 20);
  assertEquals(await visitor.ask(longest), longest);

  visitor.send(`${longest}x`);

  assertEquals((await visitor.closed).code, 1009);
});
