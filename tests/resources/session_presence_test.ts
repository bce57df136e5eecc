// The child "presence" of a SessionClock, by which pages are present.

import { assert, assertEquals } from "@std/assert";
import { Resource, SessionClock, Site } from "../../mod.ts";
import {
  cookieOf,
  ManualClock,
  Page,
  requestWith,
} from "../helpers_session.ts";
import { EventReader } from "../helpers_streams.ts";

const URL = "http://localhost/clock/presence";

/** A site with a clock, and the requests of pages to its child. */
function present() {
  const clock = new ManualClock();
  const root = new Resource()
    .putChild("", new Page((request) => request.getSession().uid))
    .putChild("clock", new SessionClock());
  const site = new Site(root, { clock, sessionTimeout: 100 });
  return {
    site,
    clock,
    begin: async () => cookieOf(await site.fetch(requestWith())),
    open: async (cookie: string) => {
      const response = await site.fetch(requestWith(cookie, URL));
      assertEquals(response.status, 200);
      const events = new EventReader(response);
      const [kind, data] = (await events.next())!;
      assertEquals(kind, "event: name");
      return { events, name: data!.slice("data: ".length) };
    },
    leave: async (
      cookie: string,
      name: string,
      headers: Record<string, string> = {},
    ) => {
      const response = await site.fetch(
        new Request(URL, {
          method: "POST",
          body: name,
          headers: { cookie, ...headers },
        }),
      );
      return response.status;
    },
    [Symbol.dispose]: () => void site.close(),
  };
}

Deno.test("SessionClock closes the stream of a page that says that it is closed, and no other", async () => {
  using it = present();
  const cookie = await it.begin();
  const first = await it.open(cookie);
  const second = await it.open(cookie);
  assertEquals(await it.leave(cookie, first.name), 204);
  assertEquals(await first.events.next(), undefined);
  assertEquals(await it.leave(cookie, first.name), 204);
  it.clock.advance(31_000);
  assertEquals(await second.events.next(), [":"]);
});

Deno.test("SessionClock closes no stream of another session", async () => {
  using it = present();
  const page = await it.open(await it.begin());
  assertEquals(await it.leave(await it.begin(), page.name), 204);
  assertEquals(await it.leave("", page.name), 204);
  it.clock.advance(31_000);
  assertEquals(await page.events.next(), [":"]);
});

Deno.test("SessionClock closes no stream for a page of another site", async () => {
  using it = present();
  const cookie = await it.begin();
  const page = await it.open(cookie);
  const headers = { "sec-fetch-site": "cross-site" };
  assertEquals(await it.leave(cookie, page.name, headers), 403);
  it.clock.advance(31_000);
  assertEquals(await page.events.next(), [":"]);
});

Deno.test("SessionClock does not touch the session for a page that is present", async () => {
  using it = present();
  const cookie = await it.begin();
  it.clock.advance(50_000);
  const page = await it.open(cookie);
  await it.leave(cookie, page.name);
  it.clock.advance(50_000);
  assertEquals(it.site.sessions.size, 0);
  const response = await it.site.fetch(requestWith(cookie, URL));
  assertEquals(response.status, 204);
  assert(!response.headers.has("set-cookie"));
});
