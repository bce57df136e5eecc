// Streams and warnings of sessions that several processes share.

import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { EventStream, SiteRequest } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { cookieOf, Node, pass } from "../helpers_store.ts";
import { EventReader } from "../helpers_streams.ts";

/** Two processes, and a stream of one of them. */
async function shared(time: FakeTime) {
  const store = new MemoryStore();
  const here = new Node(store);
  const there = new Node(store);
  const opened: EventStream[] = [];
  const warned: number[] = [];
  const began = Date.now();
  here.page("stream", (request: SiteRequest) => {
    const events = request.getSession().events(request, {
      keepAlive: Infinity,
    });
    opened.push(events);
    return events.response;
  });
  here.page("warned", (request: SiteRequest) => {
    request.getSession().notifyBeforeEnd(
      10,
      () => warned.push(Date.now() - began),
    );
    return "";
  });
  there.page("visit", (request) => request.getSession().uid);
  there.page("leave", (request) => {
    request.session?.expire();
    return "";
  });
  const cookie = cookieOf(await there.get("visit"));
  await pass(time, 10);
  return { here, there, opened, warned, cookie };
}

Deno.test("EventStream closes when its session is ended in another process", async () => {
  using time = new FakeTime();
  const it = await shared(time);
  await using _here = it.here;
  await using _there = it.there;
  const visitor = new EventReader(await it.here.get("stream", it.cookie));
  await it.there.get("leave", it.cookie);
  await pass(time, 1000);
  assertEquals(await visitor.rest(), [
    ["event: end", 'data: {"reason":"logout"}'],
  ]);
});

Deno.test("EventStream stays while its session is visited in another process, and closes with it", async () => {
  using time = new FakeTime();
  const it = await shared(time);
  await using _here = it.here;
  await using _there = it.there;
  const visitor = new EventReader(await it.here.get("stream", it.cookie));
  for (let i = 0; i < 5; i++) {
    await pass(time, 40_000);
    await it.there.get("visit", it.cookie);
  }
  await pass(time, 59_000);
  assert(it.opened[0]!.isOpen);
  await pass(time, 5000);
  assertEquals(await visitor.rest(), [
    ["event: end", 'data: {"reason":"idle"}'],
  ]);
});

Deno.test("Session.notifyBeforeEnd() follows a deadline that another process has moved", async () => {
  using time = new FakeTime();
  const it = await shared(time);
  await using _here = it.here;
  await using _there = it.there;
  await it.here.get("warned", it.cookie);
  for (let i = 0; i < 3; i++) {
    await pass(time, 40_000);
    await it.there.get("visit", it.cookie);
  }
  await pass(time, 70_000);
  const last = it.warned.at(-1) ?? 0;
  assert(last >= 170_000 && last < 175_000, `warned at ${it.warned}`);
});
