// Streams whose response is not sent: the request failed, or has another answer.

import { Hono } from "hono";
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import {
  type EventStream,
  type Rendered,
  Sessions,
  type SiteRequest,
  type StreamRequest,
} from "../../mod.ts";
import { curfew } from "../../adapters/hono.ts";
import type { Visit } from "../../sessions.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { testWith } from "../helpers_process.ts";
import { Visitor } from "../helpers_sockets.ts";
import {
  Errors,
  ManualClock,
  onlySession,
  siteOf,
} from "../helpers_session.ts";

/** Asks a site whose page opens a stream and then acts; returns the stream. */
async function open(
  act: (
    events: EventStream,
    request: SiteRequest,
  ) => Rendered | Promise<Rendered>,
  init: RequestInit = {},
) {
  const errors = new Errors();
  const clock = new ManualClock();
  let opened: EventStream | undefined;
  const site = siteOf({ clock, onError: errors.onError }, (request) => {
    opened = request.getSession().events(request);
    return act(opened, request);
  });
  const response = await site.fetch(new Request("http://localhost/", init));
  return { site, response, stream: opened!, errors, clock };
}

const UNSENT: [
  string,
  Parameters<typeof open>[0],
  RequestInit?,
][] = [
  ["throws", () => {
    throw new Error("no database");
  }],
  ["rejects", () => Promise.reject(new Error("no database"))],
  ["returns text", () => "no stream"],
  ["returns another Response", () => new Response("no stream")],
  ["returns text later", () => Promise.resolve("no stream")],
  ["returns what cannot be sent", () => 7 as unknown as string],
  ["has sent an error page by a header that cannot be sent", (events) => {
    Object.defineProperty(events.response, "type", { value: "error" });
    return events.response;
  }],
  ["is asked by HEAD", ({ response }) => response, { method: "HEAD" }],
];

for (const [what, act, init] of UNSENT) {
  Deno.test(`Session.events() is closed when the resource ${what}`, async () => {
    const it = await open(act, init);
    using _ = it.site;
    await it.response.body?.cancel();
    assertFalse(it.stream.isOpen);
    assert(it.stream.signal.aborted);
  });
}

const SENT: [string, Parameters<typeof open>[0]][] = [
  ["returns its response", ({ response }) => response],
  ["returns its response later", ({ response }) => Promise.resolve(response)],
  ["returns its body", ({ response }) => response.body!],
  [
    "returns its body in another Response",
    ({ response }) => new Response(response.body, { headers: { "x-a": "b" } }),
  ],
  [
    "pipes its body",
    ({ response }) => response.body!.pipeThrough(new TransformStream()),
  ],
  ["watches the client", ({ response }, request) => {
    assertFalse(request.signal.aborted);
    return response;
  }],
];

for (const [what, act] of SENT) {
  Deno.test(`Session.events() stays open when the resource ${what}`, async () => {
    const it = await open(act);
    using site = it.site;
    assert(it.stream.send("hello"));
    onlySession(site).expire();
    assertEquals(
      await it.response.text(),
      'data: hello\n\nevent: end\ndata: {"reason":"logout"}\n\n',
    );
  });
}

Deno.test("Session.events() is closed when the session could not be written", async () => {
  const store = new MemoryStore();
  store.create = () => {
    throw new Error("The store is away");
  };
  let opened: EventStream | undefined;
  const site = siteOf({ store, onError() {} }, (request) => {
    opened = request.getSession().events(request);
    return opened.response;
  });
  await using _ = site;
  const response = await site.fetch(new Request("http://localhost/"));
  assertEquals(response.status, 503);
  await response.body?.cancel();
  assertFalse(opened!.isOpen);
});

for (
  const [what, answer] of [
    ["throws", () => {
      throw new Error("no database");
    }],
    ["rejects", () => Promise.reject(new Error("no database"))],
    ["answers by another response", () => new Response("no stream")],
  ] as [string, () => Response | Promise<Response>][]
) {
  Deno.test(`Session.events() is closed when the handler of Sessions ${what}`, async () => {
    await using sessions = new Sessions({ clock: new ManualClock() });
    let opened: EventStream | undefined;
    const request = new Request("http://localhost/");
    try {
      const response = await sessions.serve(request, (visit) => {
        opened = visit.getSession().events(visit);
        return answer();
      });
      await response.body?.cancel();
    } catch {
      // The error of the handler.
    }
    assertFalse(opened!.isOpen);
  });
}

Deno.test("Session.events() is closed when an open visit is abandoned", async () => {
  await using sessions = new Sessions({ clock: new ManualClock() });
  const visit = await sessions.open(new Request("http://localhost/"));
  const stream = visit.getSession().events(visit as StreamRequest);
  await visit.abandon();
  assertFalse(stream.isOpen);
});

for (
  const [what, answer] of [
    ["throws", () => {
      throw new Error("no database");
    }],
    ["rejects", () => Promise.reject(new Error("no database"))],
    ["returns another value", () => "no socket"],
  ] as [string, () => Rendered | Promise<Rendered>][]
) {
  testWith(
    ["net"],
    `Session.socket() is closed with 1011 when the resource ${what}`,
    async () => {
      const clock = new ManualClock();
      const errors = new Errors();
      const { onError } = errors;
      const site = siteOf({ clock, onError }, (request) => {
        request.getSession().socket(request);
        return answer();
      });
      await using _site = site;
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        site.fetch,
      );
      const client = new Visitor(`ws://127.0.0.1:${server.addr.port}/`);
      assertEquals((await client.closed).code, 1011);
      assertEquals(errors.all.length, what.startsWith("returns") ? 0 : 1);
    },
  );
}

testWith(
  ["net"],
  "Session.socket() is closed with 1011 when the handler of Sessions answers otherwise",
  async () => {
    await using sessions = new Sessions();
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) =>
        sessions.serve(request, (visit) => {
          visit.getSession().socket(visit);
          return new Response("no socket");
        }),
    );
    const client = new Visitor(`ws://127.0.0.1:${server.addr.port}/`);
    assertEquals((await client.closed).code, 1011);
  },
);

for (
  const [what, isSent, answer] of [
    ["throws", false, () => {
      throw new Error("no database");
    }],
    ["answers by text", false, () => new Response("no stream")],
    ["returns its response", true, ({ response }) => response],
    [
      "returns its body in a Response of its own",
      true,
      ({ response }) => new Response(response.body, response),
    ],
  ] as [string, boolean, (events: EventStream) => Response][]
) {
  Deno.test(`Session.events() is ${isSent ? "open" : "closed"} when a handler of Hono ${what}`, async () => {
    await using sessions = new Sessions({ clock: new ManualClock() });
    let opened: EventStream | undefined;
    const app = new Hono<{ Variables: { visit: Visit } }>();
    app.use(curfew(sessions));
    app.onError((_, c) => c.text("failed", 500));
    app.get("/", (c) => {
      const { visit } = c.var;
      opened = visit.getSession().events(visit);
      return answer(opened);
    });
    const response = await app.request("/");
    assertEquals(opened!.isOpen, isSent);
    await response.body?.cancel();
  });
}

Deno.test("Session.events() and socket() refuse the request of the platform", async () => {
  await using sessions = new Sessions({ clock: new ManualClock() });
  const errors: unknown[] = [];
  await sessions.serve(new Request("http://localhost/"), (visit) => {
    const session = visit.getSession();
    const request = visit.request as unknown as StreamRequest;
    for (const name of ["events", "socket"] as const) {
      errors.push(assertThrows(() => session[name](request), TypeError));
    }
    return new Response();
  });
  assertEquals(
    errors.map(String),
    Array(2).fill(
      'TypeError: Cannot open a stream: the request is neither a SiteRequest nor a visit: an object "Request"',
    ),
  );
});
