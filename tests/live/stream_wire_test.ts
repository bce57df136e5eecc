// Streams over real sockets, and the examples of them.

import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { site as chat } from "../../examples/chat_socket.ts";
import { site as counter } from "../../examples/events.ts";
import { site as slow, slowPage } from "../../examples/session_signal.ts";
import type { EventStream, Site } from "../../mod.ts";
import {
  cookieOf,
  onlySession,
  requestWith,
  siteOf,
} from "../helpers_session.ts";
import {
  addressOf,
  ROOT,
  runText,
  SOON,
  testWith,
} from "../helpers_process.ts";
import { EventReader } from "../helpers_streams.ts";

/** A site that is served; the site outlives it. */
function serve(site: Site) {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    site.fetch,
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    async [Symbol.asyncDispose]() {
      // The sessions end, so that nothing keeps the server.
      for (const session of site.sessions.values()) session.expire();
      await server.shutdown();
    },
  };
}

function test(name: string, fn: () => Promise<void>): void {
  testWith(["net"], name, fn);
}

test("EventStream closes soon after the end, as a visitor sees it", async () => {
  await using site = siteOf(
    {},
    (request) => request.getSession().events(request).response,
  );
  await using it = serve(site);
  // Its headers come without an event.
  const visitor = new EventReader(await fetch(it.url));
  const endedAt = performance.now();
  onlySession(site).expire();
  const events = await visitor.rest();
  assertLess(performance.now() - endedAt, SOON);
  assertEquals(events, [["event: end", 'data: {"reason":"logout"}']]);
});

test("EventStream is over when a connection is gone", async () => {
  let events: EventStream | undefined;
  await using site = siteOf({}, (request) => {
    events = request.getSession().events(request);
    return events.response;
  });
  await using it = serve(site);
  const visitor = new AbortController();
  const response = await fetch(it.url, { signal: visitor.signal });
  const { signal } = events!;
  const aborted = new Promise((resolve) =>
    signal.addEventListener("abort", resolve)
  );
  visitor.abort();
  await aborted;
  assertFalse(events!.isOpen);
  assert(onlySession(site).isActive);
  await response.body?.cancel().catch(() => {});
});

test("events pushes a counter until the session ends", async () => {
  await using it = serve(counter);
  const first = await fetch(it.url);
  assertStringIncludes(await first.text(), "EventSource");
  const cookie = cookieOf(first);
  const visitor = new EventReader(
    await fetch(`${it.url}events`, { headers: { cookie } }),
  );
  assertEquals(await visitor.next(), ["id: 1", "data: 1"]);
  assertEquals(await visitor.next(), ["id: 2", "data: 2"]);
  onlySession(counter).expire("idle");
  assertEquals((await visitor.rest()).at(-1), [
    "event: end",
    'data: {"reason":"idle"}',
  ]);
  const again = await fetch(`${it.url}events`, { headers: { cookie } });
  assertEquals(again.status, 204);
});

test("chat_socket tells all what one says, and throws out whose session ends", async () => {
  await using it = serve(chat);
  const join = async () => {
    const page = await fetch(it.url);
    await page.body?.cancel();
    const cookie = cookieOf(page);
    const socket = new WebSocket(it.url.replace("http", "ws") + "chat", {
      headers: { cookie },
    });
    await new Promise((resolve) => socket.onopen = resolve);
    return socket;
  };
  const one = await join();
  const other = await join();
  const heard = new Promise<string>((resolve) =>
    other.onmessage = ({ data }) => resolve(data)
  );
  one.send("hello");
  assertMatch(await heard, /^[0-9a-f]{4}: hello$/);

  const closed = [one, other].map((socket) =>
    new Promise<string>((resolve) =>
      socket.onclose = ({ code, reason }) => resolve(`${code} ${reason}`)
    )
  );
  for (const session of chat.sessions.values()) session.expire("idle");
  assertEquals(await Promise.all(closed), ["1008 idle", "1008 idle"]);
});

test("session_signal stops a fetch when its session ends", async () => {
  await using it = serve(slow);
  slowPage.service = `${it.url}service`;
  const asked = Promise.resolve(slow.fetch(requestWith()));
  onlySession(slow).expire("revoked");
  assertStringIncludes(await (await asked).text(), "It was stopped: revoked");
});

testWith(
  ["net", "run", "read"],
  "listen() ends streams and sockets at SIGTERM, and exits at once",
  async () => {
    await using program = runText(`
import { listen, Resource, Site } from "${ROOT}mod.ts";
class Streams extends Resource {
  override isLeaf = true;
  override render_GET(request) {
    const session = request.getSession();
    if (request.getHeader("upgrade")) return session.socket(request).response;
    return session.events(request).response;
  }
}
listen(new Site(new Streams()), "tcp:0:interface=127.0.0.1");
`);
    const url = await addressOf(program);
    const visitor = new EventReader(await fetch(url));
    const socket = new WebSocket(url.replace("http", "ws"));
    await new Promise((resolve) => socket.onopen = resolve);
    const closed = new Promise<string>((resolve) =>
      socket.onclose = ({ code, reason }) => resolve(`${code} ${reason}`)
    );
    const stoppedAt = performance.now();
    program.kill("SIGTERM");
    assertEquals(await visitor.rest(), [
      ["event: end", 'data: {"reason":"shutdown"}'],
    ]);
    // The reason may be Deno's, which closes sockets too.
    assertStringIncludes(await closed, "1001 ");
    assertEquals((await program.status).code, 0);
    assertLess(performance.now() - stoppedAt, SOON);
  },
);

testWith(
  ["net", "run", "read"],
  "bench/streams.ts sees all streams close, none early",
  async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "bench/streams.ts", "20", "1"],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(110_000),
    }).output();
    const decoder = new TextDecoder();
    assertEquals(code, 0, decoder.decode(stderr));
    const text = decoder.decode(stdout);
    assertMatch(text, /^spread over 2 s, from the deadline +0 +0 /m);
    assertMatch(text, /^at once, from the deadline +0 +0 /m);
  },
);
