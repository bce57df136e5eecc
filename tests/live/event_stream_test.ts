import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type {
  EventStream,
  EventStreamOptions,
  ServerEvent,
  Session,
} from "../../mod.ts";
import type { SessionStreams } from "../../live/session_streams.ts";
import {
  cookieOf,
  Errors,
  ManualClock,
  onlySession,
  requestWith,
  settle,
  siteOf,
} from "../helpers_session.ts";
import { openEvents, streamsOf } from "../helpers_streams.ts";

/** A site whose page is a stream of events, with the clock stood still. */
function streaming(options: EventStreamOptions = {}) {
  const clock = new ManualClock();
  const errors = new Errors();
  const opened: EventStream[] = [];
  const site = siteOf({ clock, onError: errors.onError }, (request) => {
    const events = request.getSession().events(request, options);
    opened.push(events);
    return events.response;
  });
  return { site, clock, errors, opened };
}

const END = (reason: string) => ["event: end", `data: {"reason":"${reason}"}`];

Deno.test("Session.events() answers a stream of events that no cache keeps", async () => {
  const it = streaming();
  using site = it.site;

  const { response } = await openEvents(site);

  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(response.headers.getSetCookie().length, 1);
});

const FORMATS: [string, string | ServerEvent, string[]][] = [
  ["text", "hello", ["data: hello"]],
  ["no text", "", ["data: "]],
  ["lines of text", "a\nb\r\nc\rd", [
    "data: a",
    "data: b",
    "data: c",
    "data: d",
  ]],
  ["an object as JSON", { data: { a: 1 } }, ['data: {"a":1}']],
  ["a number as JSON", { data: 7 }, ["data: 7"]],
  ["all fields", { event: "tick", id: "7", retry: 100, data: "x" }, [
    "event: tick",
    "id: 7",
    "retry: 100",
    "data: x",
  ]],
  ["an id alone", { id: "" }, ["id: "]],
];

for (const [what, event, lines] of FORMATS) {
  Deno.test(`EventStream.send() sends ${what}`, async () => {
    const it = streaming();
    using site = it.site;
    const visitor = await openEvents(site);
    assert(it.opened[0]!.send(event));
    assertEquals(await visitor.next(), lines);
  });
}

const REFUSED: [string, ServerEvent, new () => Error][] = [
  ["a name with a line break", { event: "a\nb" }, RangeError],
  ["an id with a line break", { id: "a\rb" }, RangeError],
  ["an id with a NUL", { id: "a\0b" }, RangeError],
  ["a retry that is negative", { retry: -1 }, RangeError],
  ["a retry with a fraction", { retry: 1.5 }, RangeError],
  ["a function", { data: () => {} }, TypeError],
];

for (const [what, event, Kind] of REFUSED) {
  Deno.test(`EventStream.send() refuses ${what}, and stays open`, async () => {
    const it = streaming();
    using site = it.site;
    const visitor = await openEvents(site);
    const [events] = it.opened;
    assertThrows(() => events!.send(event), Kind, "Cannot send event");
    assert(events!.send("x"));
    assertEquals(await visitor.next(), ["data: x"]);
  });
}

for (const reason of ["logout", "revoked"] as const) {
  Deno.test(`EventStream closes with an end event when the session ends: ${reason}`, async () => {
    const it = streaming();
    using site = it.site;
    const visitor = await openEvents(site);
    it.opened[0]!.send("x");

    onlySession(site).expire(reason);

    assertEquals(await visitor.rest(), [["data: x"], END(reason)]);
    assertFalse(it.opened[0]!.isOpen);
    assertFalse(it.opened[0]!.send("y"));
  });
}

Deno.test("EventStream closes at the deadline, however much is pushed", async () => {
  const it = streaming({ keepAlive: Infinity });
  using site = it.site;
  const visitor = await openEvents(site);
  for (let i = 0; i < 900; i++) {
    assert(it.opened[0]!.send("x"));
    it.clock.advance(1000);
  }
  assertFalse(it.opened[0]!.isOpen);
  assertEquals((await visitor.rest()).at(-1), END("idle"));
});

Deno.test("EventStream closes when the site is closed, for a shutdown", async () => {
  const it = streaming();
  const visitor = await openEvents(it.site);
  await it.site.close();
  assertEquals(await visitor.rest(), [END("shutdown")]);
});

Deno.test("EventStream closes when the site's streams are stopped, and the session stays", async () => {
  const it = streaming();
  using site = it.site;
  const visitor = await openEvents(site);
  site.stopStreams();
  assertEquals(await visitor.rest(), [END("shutdown")]);
  assert(onlySession(site).isActive);
});

Deno.test("EventStream closes at once if the site's streams have been stopped", async () => {
  const it = streaming();
  using site = it.site;
  site.stopStreams();
  const visitor = await openEvents(site);
  assertEquals(await visitor.rest(), [END("shutdown")]);
});

Deno.test("EventStream closes before the callbacks of the session, and after its signal", async () => {
  const it = streaming();
  using site = it.site;
  const visitor = await openEvents(site);
  const session = onlySession(site);
  const seen: [string, boolean][] = [];
  const note = (what: string) => seen.push([what, it.opened[0]!.isOpen]);
  session.signal.addEventListener("abort", () => note("signal"));
  session.notifyOnExpire(() => note("callback"));
  session.expire();
  assertEquals(seen, [["signal", true], ["callback", false]]);
  await visitor.rest();
});

Deno.test("Session.events() closes at once for a session that has ended", async () => {
  let session: Session | undefined;
  await using site = siteOf({}, (request) => {
    session = request.getSession();
    session.expire();
    return session.events(request).response;
  });
  const visitor = await openEvents(site);
  assertEquals(await visitor.rest(), [END("logout")]);
});

Deno.test("Session.events() closes at once in the callbacks of the end", async () => {
  let opened: Response | undefined;
  await using site = siteOf({}, (request) => {
    const session = request.getSession();
    session.notifyOnExpire(() => {
      opened = session.events(request).response;
    });
    session.expire("revoked");
    return opened!;
  });
  const visitor = await openEvents(site);
  assertEquals(await visitor.rest(), [END("revoked")]);
});

Deno.test("Session.events() closes at once past a deadline whose timer is late", async () => {
  const clock = new ManualClock();
  await using site = siteOf({ clock }, (request) => {
    const session = request.getSession();
    clock.jump(900_000);
    return session.events(request).response;
  });
  const visitor = await openEvents(site);
  assertEquals(await visitor.rest(), [END("idle")]);
});

Deno.test("Session.events() closes a stream whose session ends while the page is made", async () => {
  const gate = Promise.withResolvers<void>();
  await using site = siteOf({}, async (request) => {
    const { response } = request.getSession().events(request);
    await gate.promise;
    return response;
  });
  const visitor = openEvents(site);
  onlySession(site).expire();
  gate.resolve();
  assertEquals(await (await visitor).rest(), [END("logout")]);
});

Deno.test("EventStream.close() closes without an end event", async () => {
  const it = streaming();
  using site = it.site;
  const visitor = await openEvents(site);
  it.opened[0]!.send("x");
  it.opened[0]!.close();
  it.opened[0]!.close();
  assertEquals(await visitor.rest(), [["data: x"]]);
});

Deno.test("EventStream is over when the visitor leaves", async () => {
  const it = streaming();
  using site = it.site;
  const visitor = await openEvents(site);
  const { signal } = it.opened[0]!;
  const aborted = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => aborted.resolve());
  await visitor.leave();
  await aborted.promise;
  assertFalse(it.opened[0]!.send("x"));
  assertStringIncludes(String(signal.reason), "The client has disconnected");
});

Deno.test("EventStream.signal says why, if asked after the end too", async () => {
  const it = streaming();
  using site = it.site;
  const visitor = await openEvents(site);
  onlySession(site).expire("revoked");
  const { signal } = it.opened[0]!;
  assert(signal.aborted);
  assertInstanceOf(signal.reason, DOMException);
  assertEquals(signal.reason.name, "AbortError");
  assertEquals(signal.reason.message, "The session has ended: revoked");
  await visitor.rest();
});

Deno.test("EventStream.signal reports what a listener throws, and the others close", async () => {
  const it = streaming();
  using site = it.site;
  const first = await openEvents(site);
  const cookie = cookieOf(first.response);
  const second = await openEvents(site, cookie);
  const error = new Error("oh");
  it.opened[0]!.signal.addEventListener("abort", () => {
    throw error;
  });
  onlySession(site).expire();
  assertEquals(await first.rest(), [END("logout")]);
  assertEquals(await second.rest(), [END("logout")]);
  assertEquals(it.errors.all, [error]);
});

Deno.test("EventStream closes for a visitor who takes too little, and sends what there was", async () => {
  const it = streaming({ maxBufferedBytes: 100 });
  using site = it.site;
  const visitor = await openEvents(site);
  const [events] = it.opened;
  let sent = 0;
  while (events!.send("0123456789")) sent++;
  assertFalse(events!.isOpen);
  assert(sent >= 5 && sent <= 8, `sent: ${sent}`);
  assertEquals((await visitor.rest()).length, sent);
});

Deno.test("EventStream sends an event that is larger than its buffer, if it is alone", async () => {
  const it = streaming({ maxBufferedBytes: 100 });
  using site = it.site;
  const visitor = await openEvents(site);
  const long = "x".repeat(1000);
  assert(it.opened[0]!.send(long));
  assertEquals(await visitor.next(), [`data: ${long}`]);
});

Deno.test("EventStream sends a comment after 15 s without an event, and none after an event", async () => {
  const it = streaming();
  using site = it.site;
  const visitor = await openEvents(site);
  it.clock.advance(14_999);
  it.opened[0]!.send("x");
  assertEquals(await visitor.next(), ["data: x"]);
  it.clock.advance(1);
  const next = visitor.next();
  it.clock.advance(15_000);
  assertEquals(await next, [":"]);
});

Deno.test("EventStream leaves no timer behind", async () => {
  const it = streaming();
  using site = it.site;
  const visitor = await openEvents(site);
  await visitor.leave();
  await settle();
  onlySession(site).expire();
  assertEquals(it.clock.pending, 0);
});

for (
  const [name, value, Kind] of [
    ["keepAlive", -1, RangeError],
    ["keepAlive", NaN, RangeError],
    ["maxBufferedBytes", 0, RangeError],
    ["maxBufferedBytes", "1", TypeError],
  ] as const
) {
  Deno.test(`Session.events() refuses ${name} ${Deno.inspect(value)}`, async () => {
    const it = streaming({ [name]: value } as EventStreamOptions);
    using site = it.site;
    const response = await site.fetch(requestWith());
    assertEquals(response.status, 500);
    assertInstanceOf(it.errors.all[0], Kind);
    await response.body?.cancel();
  });
}

Deno.test("Session.events() in answer to HEAD leaves nothing open", async () => {
  const it = streaming();
  using site = it.site;
  const response = await site.fetch(
    new Request("http://localhost/", { method: "HEAD" }),
  );
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertFalse(it.opened[0]!.isOpen);
});

Deno.test("SessionStreams has nothing left of 1,000 streams that came and went", async () => {
  const clock = new ManualClock();
  let streams: SessionStreams | undefined;
  await using site = siteOf({ clock }, (request) => {
    streams ??= streamsOf(request);
    return streams.openEvents(request, {}).response;
  });
  const responses = await Promise.all(
    Array.from({ length: 1000 }, () => site.fetch(requestWith())),
  );
  assertEquals(streams?.size, 1000);
  await Promise.all(responses.map(({ body }) => body?.cancel()));
  assertEquals(streams?.size, 0);
  // The deadlines of the sessions are all that waits.
  assertEquals(clock.pending, 1);
});
