import { assert, assertEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { MemoryStore } from "../../stores/memory_store.ts";
import {
  NODE,
  sessionOf,
  SHORT,
  VISIT,
} from "../../testing/contract_checks.ts";
import { testStoreContract } from "../../testing/store_contract.ts";

testStoreContract(() => {
  let now = 1_700_000_000_000;
  const store = new MemoryStore({ clock: { now: () => now } });
  return {
    store,
    advance: (milliseconds) => void (now += milliseconds),
    second: () => store,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}, { name: "MemoryStore" });

Deno.test("MemoryStore looks the clock up at each use", () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  store.create(sessionOf("a", { sessionTimeout: SHORT }));
  time.tick(SHORT - 1);
  assertEquals(store.load("a", VISIT)?.now, Date.now());
  time.tick(SHORT);
  assertEquals(store.load("a", VISIT), undefined);
});

Deno.test("MemoryStore.acknowledge() leaves nothing in memory", () => {
  const store = new MemoryStore();
  for (let i = 0; i < 100; i++) {
    store.create(sessionOf(`${i}`));
    store.acknowledge(`${i}`, store.end(`${i}`, "logout", NODE)!.fence);
  }
  assertEquals(store.size, 0);
});

Deno.test("MemoryStore.listDeadLetters() lists the ends that were given up", () => {
  const store = new MemoryStore();
  store.create(sessionOf("a"));
  store.create(sessionOf("b"));
  const { fence, at } = store.end("a", "logout", NODE)!;
  store.deadLetter("a", fence, "too often");
  const [letter, ...others] = store.listDeadLetters();
  assertEquals(others, []);
  assertEquals(letter?.session.uid, "a");
  assertEquals(letter?.why, "too often");
  assertEquals(letter?.reason, "logout");
  assertEquals(letter?.at, at);
});

Deno.test("MemoryStore refuses options that it does not have", () => {
  const open = (options: object) => () => new MemoryStore(options);
  assertThrows(open({ touchThrottle: 1 }), TypeError, '"touchThrottle"');
  assertThrows(open({ clock: 7 }), TypeError, "clock is not a clock: 7");
});

Deno.test("MemoryStore finds what is due after its clock was set back", () => {
  let now = 1_700_000_000_000;
  const store = new MemoryStore({ clock: { now: () => now } });
  store.create(sessionOf("before", { sessionTimeout: 5000 }));
  now += 4000;
  store.claim(NODE, 10);
  now -= 3000;
  store.create(sessionOf("after", { sessionTimeout: 1000 }));
  now += 1000;
  const { ends } = store.claim(NODE, 10);
  assertEquals(ends.map(({ session }) => session.uid), ["after"]);
});

Deno.test("MemoryStore answers sessions that do not change any more", () => {
  const store = new MemoryStore();
  const values = new Map([["key", "1"]]);
  store.create(sessionOf("a", { values }));
  values.set("key", "2");
  const loaded = store.load("a", VISIT)!;
  store.commit("a", { values: new Map([["key", "3"]]) });
  assertEquals(loaded.values.get("key"), "1");
});

Deno.test("MemoryStore.create() takes the uid of an acknowledged session again a minute after its deadline", () => {
  let now = 1_700_000_000_000;
  const store = new MemoryStore({ clock: { now: () => now } });
  const values = new Map([["key", "1"]]);
  store.create(sessionOf("a", { values, sessionTimeout: 5000 }));
  store.acknowledge("a", store.end("a", "logout", NODE)!.fence);
  now += 64_999;
  assertEquals(store.create(sessionOf("a")), undefined);
  now += 1;
  assertEquals(store.create(sessionOf("a"))?.version, 1);
  assertEquals(store.load("a", VISIT)?.values, new Map());
});

Deno.test("MemoryStore keeps leases through a step of the clock that monotonic() does not make", () => {
  let now = 1_700_000_000_000;
  let steady = 0;
  const clock = { now: () => now, monotonic: () => steady };
  const store = new MemoryStore({ clock });
  store.create(sessionOf("a"));
  store.end("a", "logout", { owner: "first", lease: 10_000 });
  now += 30_000;
  const { ends, nextIn } = store.claim(NODE, 10);
  assertEquals(ends, []);
  assert(nextIn > 0 && nextIn <= 10_000, `${nextIn}`);
  [now, steady] = [now + 9999, steady + 9999];
  assertEquals(store.claim(NODE, 10).ends, []);
  [now, steady] = [now + 1, steady + 1];
  assertEquals(store.claim(NODE, 10).ends.length, 1);
});

Deno.test("MemoryStore lets leases run out by FakeTime", () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  store.create(sessionOf("a"));
  store.end("a", "logout", { owner: "first", lease: 10_000 });
  time.tick(10_000);
  assertEquals(store.claim(NODE, 10).ends.length, 1);
});

Deno.test("MemoryStore.claim() answers a nextIn above 0 for a lease that ends within a millisecond", () => {
  let time = 0;
  const now = () => 1_800_000_000_000 + Math.round(time);
  const store = new MemoryStore({ clock: { now, monotonic: () => time } });
  store.create(sessionOf("a", { sessionTimeout: 1000 }));
  time = 1000;
  const claimant = { owner: "one", lease: 4000 };
  assertEquals(store.claim(claimant, 10).ends.length, 1);
  // By the monotonic clock, less is left than the date can tell.
  time = 5000 - 1e-6;
  const { ends, nextIn } = store.claim(claimant, 10);
  assertEquals(ends, []);
  assert(nextIn > 0, "it would be asked again at once");
});
