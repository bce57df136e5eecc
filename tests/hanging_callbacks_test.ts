import { assertEquals, assertMatch } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type Meter, PrometheusMetrics } from "../metrics/mod.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import type { SessionStore } from "../stores/store.ts";
import { TestClock } from "../testing.ts";
import { asynchronous, Node } from "./helpers_store.ts";

const KINDS: Record<string, (clock: TestClock) => SessionStore | undefined> = {
  "without a store": () => undefined,
  "over MemoryStore": (clock) => new MemoryStore({ clock }),
  "over a store that is waited for": (clock) =>
    asynchronous(new MemoryStore({ clock })),
};

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`1,200 callbacks that never settle ${kind} hold up no other end, and are reported`, async () => {
    const clock = new TestClock();
    const options = { clock, sessionTimeout: 60, endLease: 2 };
    const node = new Node(makeStore(clock), {
      ...options,
      shutdownTimeout: 0,
    });
    const hanging = new Set<string>();
    let others = 0;
    node.site.notifyOnSessionEnd(({ uid }) => {
      if (hanging.has(uid)) return new Promise(() => {});
      others++;
    });
    node.page("in", (request) => request.getSession().uid);
    for (let i = 0; i < 1200; i++) {
      hanging.add(await (await node.get("in")).text());
    }
    await clock.advance(5);
    for (let i = 0; i < 10; i++) await node.get("in");
    await clock.advance(60);
    assertEquals(others, 10);
    assertEquals(node.site.sessions.hangingCallbacks, 0);
    await clock.advance(12);
    const reports = node.errors.filter((error) =>
      /are still running/.test(String(error))
    );
    assertEquals(node.site.sessions.hangingCallbacks, 1200);
    assertEquals(node.errors.length, reports.length);
    assertMatch(
      String(reports[0]),
      /10 s, at the end of session "[^"]+", .* others/,
    );
    const { length } = node.errors;
    await clock.advance(600);
    assertEquals(node.errors.length, length, "each is reported once");
    assertEquals(node.site.storedEnds?.delivered ?? 10, 10);
    node.site[Symbol.dispose]();
    await clock.advance(1);
  });
}

Deno.test("Sessions.hangingCallbacks does not count a callback that settles", async () => {
  using time = new FakeTime();
  await using node = new Node(undefined);
  const session = node.site.makeSession();
  const done = Promise.withResolvers<void>();
  session.notifyOnExpire(() => done.promise);
  session.expire();
  await time.tickAsync(11_000);
  assertEquals(node.site.sessions.hangingCallbacks, 1);
  done.resolve();
  await time.tickAsync(1);
  assertEquals(node.site.sessions.hangingCallbacks, 0);
});

Deno.test("PrometheusMetrics and SiteMetrics show the callbacks that hang", async () => {
  using time = new FakeTime();
  const observed: Record<string, () => number> = {};
  const none = () => ({ add() {}, record() {} });
  const meter: Meter = {
    createCounter: none,
    createUpDownCounter: none,
    createHistogram: none,
    createObservableGauge: (name) => ({
      addCallback(callback) {
        observed[name] = () => {
          let seen = NaN;
          callback({ observe: (value) => void (seen = value) });
          return seen;
        };
      },
    }),
  };
  await using node = new Node(undefined, { meter });
  node.root.putChild("metrics", new PrometheusMetrics(node.site));
  const session = node.site.makeSession();
  const done = Promise.withResolvers<void>();
  session.notifyOnExpire(() => done.promise);
  session.expire();
  for (const [seconds, count] of [[9, 0], [2, 1]] as const) {
    await time.tickAsync(seconds * 1000);
    const text = await (await node.get("metrics")).text();
    assertMatch(text, new RegExp(`^curfew_callbacks_hanging ${count}$`, "m"));
    assertEquals(observed["session.callbacks.hanging"]!(), count);
  }
  done.resolve();
});
