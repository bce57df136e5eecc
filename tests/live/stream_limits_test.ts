// How many streams a session and a site may have open.

import { assertEquals, assertThrows } from "@std/assert";
import {
  type EventStream,
  HttpError,
  Resource,
  SessionClock,
  type SiteOptions,
} from "../../mod.ts";
import { Sessions } from "../../sessions.ts";
import { Leaf, WatchedSite, withCookieOf } from "../helpers_http.ts";
import { testWith } from "../helpers_process.ts";
import { Visitor } from "../helpers_sockets.ts";

/** A site with streams at "/events", and those that it has opened. */
function siteWith(options: SiteOptions): {
  site: WatchedSite;
  streams: EventStream[];
} {
  const streams: EventStream[] = [];
  const root = new Resource()
    .putChild("hello", new Leaf((request) => request.getSession().uid))
    .putChild("clock", new SessionClock())
    .putChild(
      "events",
      new Leaf((request) => {
        const stream = request.getSession().events(request);
        streams.push(stream);
        return stream.response;
      }),
    );
  return { site: new WatchedSite(root, options), streams };
}

Deno.test("SessionsOptions.maxStreamsPerSession answers one stream more 429, unreported", async () => {
  const { site, streams } = siteWith({ maxStreamsPerSession: 3 });
  await using _site = site;
  const me = withCookieOf(await site.visit("/hello"));
  const open = async () => (await site.visit("/events", me)).status;

  assertEquals(await open(), 200);
  assertEquals(await open(), 200);
  assertEquals(await open(), 200);
  const refused = await site.visit("/events", me);

  assertEquals(refused.status, 429);
  assertEquals((await refused.text()).includes("maxStreamsPerSession"), true);
  assertEquals(site.errors, []);
  // A closed stream makes room for another.
  streams[0]!.close();
  assertEquals(await open(), 200);
  assertEquals(await open(), 429);
  // Other sessions have their own.
  assertEquals((await site.visit("/events")).status, 200);
});

Deno.test("SessionsOptions.maxStreamsPerSession is 32 by default, the clock's streams included", async () => {
  const { site } = siteWith({});
  await using _site = site;
  const me = withCookieOf(await site.visit("/hello"));
  const headers = new Headers(me.headers);
  headers.set("accept", "text/event-stream");
  const statuses = [];

  for (let count = 0; count < 40; count++) {
    statuses.push((await site.visit("/clock", { headers })).status);
  }

  assertEquals(statuses.filter((status) => status === 200).length, 32);
  assertEquals(statuses.filter((status) => status === 429).length, 8);
});

Deno.test("SessionsOptions.maxStreams answers one stream more 503", async () => {
  const { site, streams } = siteWith({ maxStreams: 2 });
  await using _site = site;
  const open = async () => (await site.visit("/events")).status;

  assertEquals([await open(), await open(), await open()], [200, 200, 503]);
  streams[0]!.close();
  assertEquals([await open(), await open()], [200, 503]);
  assertEquals(site.errors, []);
});

Deno.test("SessionsOptions.maxStreams is for each site over the same sessions", async () => {
  await using sessions = new Sessions({ maxStreams: 1 });
  const one = siteWith({ sessions });
  const two = siteWith({ sessions });
  await using _one = one.site;
  await using _two = two.site;

  assertEquals((await one.site.visit("/events")).status, 200);
  assertEquals((await one.site.visit("/events")).status, 503);
  assertEquals((await two.site.visit("/events")).status, 200);
});

Deno.test("Session.events() of a handler throws an HttpError beyond the limit", async () => {
  await using sessions = new Sessions({ maxStreamsPerSession: 1 });

  await sessions.serve(new Request("http://localhost/"), (visit) => {
    const session = visit.getSession();
    const { response } = session.events(visit);
    const error = assertThrows(() => session.events(visit), HttpError);
    assertEquals(error.status, 429);
    return response;
  });
});

testWith(
  ["net"],
  "SessionsOptions.maxStreamsPerSession counts sockets too",
  async () => {
    const site = new WatchedSite((request) => {
      if (request.getHeader("upgrade") === undefined) {
        return request.getSession().uid;
      }
      return request.getSession().socket(request).response;
    }, { maxStreamsPerSession: 2 });
    await using _site = site;
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      site.fetch,
    );
    const { cookie } = withCookieOf(await site.visit()).headers as {
      cookie: string;
    };
    const url = `ws://127.0.0.1:${server.addr.port}/`;
    const visitors = [
      new Visitor(url, { cookie }),
      new Visitor(url, { cookie }),
    ];
    for (const { opened } of visitors) await opened;

    const refused = new Visitor(url, { cookie });

    assertEquals(
      await refused.opened.then(() => "opened", () => "refused"),
      "refused",
    );
    await visitors[0]!.leave();
    const next = new Visitor(url, { cookie });
    await next.opened;
    await next.leave();
    await visitors[1]!.leave();
    await server.shutdown();
  },
);
