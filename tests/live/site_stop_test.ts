// Streams and sockets of a site that stops: a deploy, or a crash.

import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLess,
  assertMatch,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  type EventStream,
  type EventStreamOptions,
  Sessions,
  Site,
  type SiteOptions,
} from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import {
  addressOf,
  makeFolder,
  ROOT,
  runText,
  SOON,
  testWith,
} from "../helpers_process.ts";
import { cookieOf, ManualClock, Page, siteOf } from "../helpers_session.ts";
import { EventReader } from "../helpers_streams.ts";

/** Opens a stream of a site, and returns its client's side. */
async function streaming(
  options: SiteOptions,
  events: EventStreamOptions = {},
) {
  const opened: EventStream[] = [];
  const clock = options.sessions === undefined
    ? { clock: new ManualClock() }
    : {};
  const site = siteOf({ ...clock, ...options }, (request) => {
    const stream = request.getSession().events(request, events);
    opened.push(stream);
    return stream.response;
  });
  const client = new EventReader(
    await site.fetch(new Request("http://localhost/")),
  );
  return { site, client, stream: opened[0]! };
}

const SHUTDOWN = [["event: end", 'data: {"reason":"shutdown"}']];

Deno.test("Site.stopStreams() sends the end where no store keeps the sessions", async () => {
  const it = await streaming({});
  await using site = it.site;
  site.stopStreams();
  assertEquals(await it.client.rest(), SHUTDOWN);
});

for (const reconnectWithin of [undefined, 1, 30]) {
  Deno.test(`Site.stopStreams() sends retry, and no end, where a store keeps the sessions, within ${reconnectWithin}`, async () => {
    const it = await streaming(
      { store: new MemoryStore() },
      reconnectWithin === undefined ? {} : { reconnectWithin },
    );
    await using site = it.site;
    site.stopStreams();
    const [lines, ...others] = await it.client.rest();
    assertEquals(others, []);
    assertMatch(lines!.join(), /^retry: \d+$/);
    const delay = Number(lines![0]!.slice(7));
    assertGreaterOrEqual(delay, 500);
    assert(delay <= (reconnectWithin ?? 5) * 1000, `${delay} ms`);
  });
}

Deno.test("EventStreamOptions.reconnectWithin spreads the clients", async () => {
  const store = new MemoryStore();
  const delays = new Set<string>();
  for (let client = 0; client < 20; client++) {
    const it = await streaming({ store });
    await using site = it.site;
    site.stopStreams();
    delays.add(String(await it.client.rest()));
  }
  assertLess(15, delays.size);
});

Deno.test("EventStreamOptions.reconnectWithin 0 sends no retry", async () => {
  const it = await streaming({ store: new MemoryStore() }, {
    reconnectWithin: 0,
  });
  await using site = it.site;
  site.stopStreams();
  assertEquals(await it.client.rest(), []);
});

for (
  const [value, Kind] of [
    [-1, RangeError],
    [NaN, RangeError],
    [Infinity, RangeError],
    ["5", TypeError],
  ] as const
) {
  Deno.test(`EventStreamOptions.reconnectWithin refuses ${typeof value} ${value}`, async () => {
    const site = siteOf({}, (request) => {
      const options = { reconnectWithin: value } as EventStreamOptions;
      const session = request.getSession();
      assertThrows(
        () => session.events(request, options),
        Kind,
        "reconnectWithin",
      );
      return "";
    });
    await using _ = site;
    await site.fetch(new Request("http://localhost/"));
  });
}

Deno.test("Site.stopStreams() sends no end of sessions that the site was given", async () => {
  await using sessions = new Sessions();
  const it = await streaming({ sessions });
  await it.site.close();
  assertMatch(String(await it.client.rest()), /^retry: \d+$/);
  assertEquals(sessions.size, 1);
});

Deno.test("Sessions.stopStreams() sends no end where a store keeps the sessions", async () => {
  await using sessions = new Sessions({ store: new MemoryStore() });
  const response = await sessions.serve(
    new Request("http://localhost/"),
    (visit) => visit.getSession().events(visit).response,
  );
  sessions.stopStreams();
  assertMatch(await response.text(), /^retry: \d+\n\n$/);
});

Deno.test("EventStream of a session that ends is sent the end though a store keeps it", async () => {
  const it = await streaming({ store: new MemoryStore() });
  await using site = it.site;
  for (const session of site.sessions.values()) session.expire();
  site.stopStreams();
  assertEquals(await it.client.rest(), [
    ["event: end", 'data: {"reason":"logout"}'],
  ]);
});

Deno.test("EventStream that opens after the stop is sent retry too", async () => {
  const store = new MemoryStore();
  const site = siteOf(
    { store },
    (request) => request.getSession().events(request).response,
  );
  await using _ = site;
  site.stopStreams();
  const response = await site.fetch(new Request("http://localhost/"));
  assertMatch(await response.text(), /^retry: \d+\n\n$/);
});

/** A program that is stopped while a client does not read. */
const STALLED = `
import { listen, Resource, Site } from "${ROOT}mod.ts";
class Feed extends Resource {
  isLeaf = true;
  render_GET(request) {
    const session = request.getSession();
    if (request.getHeader("upgrade") !== undefined) {
      const { socket, response } = session.socket(request);
      socket.onopen = () => console.log("begun");
      return response;
    }
    const events = session.events(request, { maxBufferedBytes: 2 ** 26 });
    for (let i = 0; i < 2000; i++) events.send("x".repeat(8000));
    if (request.query.has("ended")) session.expire();
    console.log("begun");
    return events.response;
  }
}
const site = new Site(new Feed(), { shutdownTimeout: 30 });
listen(site, "tcp:0:interface=127.0.0.1");
`;

const UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

for (
  const [what, path, headers] of [
    ["stream", "/", ""],
    ["stream that has ended", "/?ended", ""],
    ["socket", "/", UPGRADE],
  ] as const
) {
  testWith(
    ["net", "run", "read"],
    `listen() waits a second, no more, for the client of a ${what} who does not read`,
    async () => {
      await using program = runText(STALLED);
      const { hostname, port } = new URL(await addressOf(program));
      const client = await Deno.connect({ hostname, port: Number(port) });
      using _ = client;
      const text = `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
      await client.write(new TextEncoder().encode(text));
      assertEquals(await program.stdout.next(), "begun");
      const began = performance.now();

      program.kill("SIGTERM");

      assertEquals((await program.status).code, 0);
      assertLess(performance.now() - began, 1000 + SOON);
    },
  );
}

testWith(
  ["net", "run", "read"],
  "listen() stops at SIGHUP as at SIGTERM",
  async () => {
    await using program = runText(`
      import { listen, Resource, Site } from "${ROOT}mod.ts";
      const site = new Site(new Resource());
      site.makeSession().notifyOnExpire(({ reason }) => console.log(reason));
      listen(site, "tcp:0:interface=127.0.0.1");
    `);
    await addressOf(program);

    program.kill("SIGHUP");

    assertEquals(await program.stdout.rest(), ["shutdown"]);
    assertEquals((await program.status).code, 0);
  },
);

testWith(
  ["net", "run", "read"],
  "EventStream over SqliteStore goes on in the next process, from Last-Event-ID",
  async () => {
    using folder = makeFolder();
    const start = (port: string) =>
      runText(`
import { listen, Resource, Site } from "${ROOT}mod.ts";
import { SqliteStore } from "${ROOT}stores/sqlite_store.ts";
class Feed extends Resource {
  isLeaf = true;
  render_GET(request) {
    const events = request.getSession().events(request);
    events.send({ id: "Zürich 7", data: request.getHeader("last-event-id") ?? "first" });
    return events.response;
  }
}
const store = new SqliteStore({ path: "${folder.path}/sessions.db" });
listen(new Site(new Feed(), { store }), "tcp:${port}:interface=127.0.0.1");
`);
    let cookie = "";
    let address = "";
    {
      await using program = start("0");
      address = await addressOf(program);
      const client = new EventReader(await fetch(address));
      cookie = cookieOf(client.response);
      assertEquals(await client.next(), ["id: Zürich 7", "data: first"]);
      program.kill("SIGTERM");
      assertMatch(String(await client.rest()), /^retry: \d+$/);
      assertEquals((await program.status).code, 0);
    }
    await using program = start(new URL(address).port);
    await addressOf(program);
    // As a browser sends it: in UTF-8, a byte a character.
    const id = String.fromCharCode(...new TextEncoder().encode("Zürich 7"));
    const client = new EventReader(
      await fetch(address, { headers: { cookie, "last-event-id": id } }),
    );
    assertEquals(client.response.headers.getSetCookie(), []);
    assertEquals(await client.next(), ["id: Zürich 7", "data: Zürich 7"]);
    await client.leave();
  },
);

for (
  const [id, decoded] of [
    ["12", "12"],
    ["Z\xc3\xbcrich", "Zürich"],
    ["\xe2\x82\xac", "€"],
    ["\xef\xbb\xbfx", "\ufeffx"],
    // Not UTF-8, so that it is no browser's.
    ["Z\xfcrich", "Z\xfcrich"],
  ] as const
) {
  Deno.test(`SiteRequest.getHeader() decodes Last-Event-ID ${JSON.stringify(id)}`, async () => {
    const site = new Site(
      new Page((request) => request.getHeader("Last-Event-ID")!),
    );
    await using _ = site;
    const headers = { "last-event-id": id, "x-other": id };
    const response = await site.fetch(
      new Request("http://localhost/", { headers }),
    );
    assertEquals(await response.text(), decoded);
    await using sessions = new Sessions();
    const served = await sessions.serve(
      new Request("http://localhost/", { headers }),
      (visit) => new Response(visit.getHeader("last-event-id")),
    );
    assertEquals(await served.text(), decoded);
  });
}

Deno.test("SiteRequest.getHeader() decodes no other header", async () => {
  const site = new Site(new Page((request) => request.getHeader("x-other")!));
  await using _ = site;
  const headers = { "x-other": "Z\xc3\xbcrich" };
  const response = await site.fetch(
    new Request("http://localhost/", { headers }),
  );
  assertNotEquals(await response.text(), "Zürich");
});
