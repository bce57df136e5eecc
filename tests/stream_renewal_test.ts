// What becomes of streams when the token that opened them is replaced.

import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  type EventStream,
  type Rendered,
  Resource,
  Site,
  type SiteRequest,
} from "../mod.ts";
import {
  cookieOf,
  ManualClock,
  onlySession,
  Page,
  requestWith,
} from "./helpers_session.ts";

/** A site with a login, and a visitor who has a session there. */
async function renewable(renewalGrace = 10) {
  const clock = new ManualClock();
  const opened: EventStream[] = [];
  const stream = (request: SiteRequest): Response => {
    const events = request.getSession().events(request);
    opened.push(events);
    return events.response;
  };
  const gate = Promise.withResolvers<void>();
  const pages: Record<
    string,
    (r: SiteRequest) => Rendered | Promise<Rendered>
  > = {
    "": (request) => request.getSession().uid,
    stream,
    login: (request) => request.renewSession().uid,
    both: (request) => {
      request.renewSession();
      return stream(request);
    },
    slow: async (request) => {
      request.getSession();
      await gate.promise;
      return stream(request);
    },
  };
  const root = new Resource();
  for (const [name, render] of Object.entries(pages)) {
    root.putChild(name, new Page(render));
  }
  const site = new Site(root, { clock, renewalGrace });
  const visit = async (path: string, cookie?: string): Promise<Response> =>
    await site.fetch(requestWith(cookie, `http://localhost/${path}`));
  const cookie = cookieOf(await visit(""));
  return { clock, site, opened, visit, cookie, gate };
}

Deno.test("EventStream closes when its token has been renewed and the grace is over", async () => {
  const it = await renewable();
  using _ = it.site;
  const { body } = await it.visit("stream", it.cookie);
  await it.visit("login", it.cookie);
  it.clock.advance(9999);
  assert(it.opened[0]!.isOpen);
  it.clock.advance(1);
  assertFalse(it.opened[0]!.isOpen);
  // Without an end event, for the browser is to come back.
  assertEquals(await new Response(body).text(), "");
  assert(onlySession(it.site).isActive);
});

Deno.test("EventStream closes after the grace if an old token has opened it", async () => {
  const it = await renewable();
  using _ = it.site;
  await it.visit("login", it.cookie);
  it.clock.advance(5000);
  const { body } = await it.visit("stream", it.cookie);
  assert(it.opened[0]!.isOpen);
  it.clock.advance(10_000);
  assertFalse(it.opened[0]!.isOpen);
  await body?.cancel();
});

Deno.test("EventStream closes after the grace if its request waited through the renewal", async () => {
  const it = await renewable();
  using _ = it.site;
  const answer = it.visit("slow", it.cookie);
  await it.visit("login", it.cookie);
  it.gate.resolve();
  const { body } = await answer;
  it.clock.advance(10_000);
  assertFalse(it.opened[0]!.isOpen);
  await body?.cancel();
});

Deno.test("EventStream stays open if the new token has opened it", async () => {
  const it = await renewable();
  using _ = it.site;
  const renewed = cookieOf(await it.visit("login", it.cookie));
  const { body } = await it.visit("stream", renewed);
  it.clock.advance(60_000);
  assert(it.opened[0]!.isOpen);
  await body?.cancel();
});

Deno.test("EventStream stays open if its own response carries the new token", async () => {
  const it = await renewable();
  using _ = it.site;
  const { body } = await it.visit("both", it.cookie);
  it.clock.advance(60_000);
  assert(it.opened[0]!.isOpen);
  await body?.cancel();
});

Deno.test("EventStream stays open if its request has made the session", async () => {
  const it = await renewable();
  using _ = it.site;
  const { body } = await it.visit("stream");
  it.clock.advance(60_000);
  assert(it.opened[0]!.isOpen);
  await body?.cancel();
});

Deno.test("Session.expire() leaves no timer of a renewal behind", async () => {
  const it = await renewable();
  using _ = it.site;
  const { body } = await it.visit("stream", it.cookie);
  await it.visit("login", it.cookie);
  onlySession(it.site).expire();
  assertEquals(it.clock.pending, 0);
  await body?.cancel();
});

Deno.test("EventStream closes in the next turn if there is no grace", async () => {
  const it = await renewable(0);
  using _ = it.site;
  const { body } = await it.visit("stream", it.cookie);
  await it.visit("login", it.cookie);
  it.clock.advance(0);
  assertFalse(it.opened[0]!.isOpen);
  await body?.cancel();
});
