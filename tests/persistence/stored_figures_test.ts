// What is counted of ends that are claimed from a store.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  type Meter,
  PrometheusMetrics,
  SiteMetrics,
} from "../../metrics/mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { asynchronous, Node, pass } from "../helpers_store.ts";

const KINDS: Record<string, () => SessionStore> = {
  "a store": () => new MemoryStore(),
  "a store that has to be waited for": () => asynchronous(new MemoryStore()),
};

function nodeOf(store: SessionStore, options = {}): Node {
  return new Node(store, options).page(
    "visit",
    (request) => request.getSession().uid,
  )
    .page("book", (request) => {
      request.getSession().notifyOnExpire("release", 7);
      return "";
    });
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`SessionEnd.lateness over ${kind} is how long nobody was there to tell`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const before = nodeOf(store);
    await before.get("visit");
    await before.site.close();
    time.tick(3600_000);
    await using after = nodeOf(store);
    await pass(time, 10);
    const { lateness } = after.ends[0]!;
    assertEquals(Math.round(lateness!), 3540);
  });

  Deno.test(`SessionEnd.lateness over ${kind} is small of a session that is live here`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const told: (number | undefined)[] = [];
    await node.get("visit");
    const [session] = node.site.sessions.values();
    session!.notifyOnExpire(({ session }) => told.push(session.end?.lateness));
    await pass(time, 61_100);
    assertEquals(node.reasons, ["idle"]);
    assertEquals(told, [node.ends[0]!.session.end?.lateness]);
    assertEquals(told[0]! < 0.02, true, `${told[0]} s`);
  });

  Deno.test(`SessionEnd.lateness over ${kind} is undefined after a logout`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    await node.get("visit");
    const [session] = node.site.sessions.values();
    session!.expire();
    await pass(time, 100);
    assertEquals(node.reasons, ["logout"]);
    assertEquals(session!.end?.lateness, undefined);
  });

  Deno.test(`Site.storedEnds over ${kind} counts ends that are claimed and delivered`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    for (let i = 0; i < 3; i++) await node.get("visit");
    assertEquals(node.site.storedEnds?.claimed, 0);
    await pass(time, 61_100);
    assertEquals(node.site.storedEnds, {
      claimed: 3,
      delivered: 3,
      failed: 0,
      deadLetter: 0,
      left: 0,
    });
  });

  Deno.test(`Site.storedEnds over ${kind} counts callbacks that fail, and dead letters`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore(), { endRetryFor: 15 });
    node.site.onEnd("release", () => Promise.reject(new Error("away")));
    await node.get("book");
    await pass(time, 80_000);
    assertEquals(node.site.storedEnds, {
      claimed: 1,
      delivered: 0,
      failed: 5,
      deadLetter: 1,
      left: 0,
    });
  });

  Deno.test(`Site.storedEnds over ${kind} counts ends that are left to others`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const before = nodeOf(store);
    before.site.onEnd("release", () => {});
    await before.get("book");
    await before.site.close();
    await using stranger = nodeOf(store);
    await pass(time, 60_400);
    const { claimed, left, delivered } = stranger.site.storedEnds!;
    assertEquals([claimed, left, delivered], [1, 1, 0]);
  });
}

Deno.test("Site.storedEnds is undefined without a store", async () => {
  const { site } = await import("../../examples/session_basics.ts");
  assertEquals(site.storedEnds, undefined);
});

Deno.test("PrometheusMetrics counts what has come of stored ends", async () => {
  using time = new FakeTime();
  await using node = nodeOf(new MemoryStore());
  node.root.putChild("metrics", new PrometheusMetrics(node.site));
  await node.get("visit");
  await pass(time, 61_100);
  const text = await (await node.get("metrics")).text();
  assertStringIncludes(text, "# TYPE curfew_stored_ends_total counter\n");
  assertStringIncludes(text, 'curfew_stored_ends_total{step="delivered"} 1\n');
  assertStringIncludes(text, 'curfew_stored_ends_total{step="deadLetter"} 0\n');
  assertStringIncludes(text, 'curfew_sessions_ended_total{reason="idle"} 1\n');
});

Deno.test("SiteMetrics counts the live sessions right where they come from a store", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const sums = new Map<string, number>();
  const observed = new Map<string, number>();
  const take = (name: string) => ({
    add: (value: number) => sums.set(name, (sums.get(name) ?? 0) + value),
    record: () => {},
  });
  let collect = () => {};
  const meter: Meter = {
    createCounter: take,
    createUpDownCounter: take,
    createHistogram: take,
    createObservableCounter: (name) => ({
      addCallback(callback) {
        collect = () =>
          callback({
            observe: (value, attributes) =>
              observed.set(`${name} ${attributes?.step}`, value),
          });
      },
    }),
  };
  const before = nodeOf(store);
  for (let i = 0; i < 3; i++) await before.get("visit");
  await before.site.close();
  await using after = nodeOf(store);
  new SiteMetrics(after.site, { meter });
  await pass(time, 30_000);
  await after.get("visit");
  assertEquals(sums.get("session.active"), 1);
  // Three ends of sessions that never were live here.
  await pass(time, 31_000);
  assertEquals(sums.get("session.ended"), 3);
  assertEquals(sums.get("session.active"), 1);
  collect();
  assertEquals(observed.get("session.stored_end delivered"), 3);
});
