import { assertEquals } from "@std/assert";
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

Deno.test("MemoryStore keeps nothing of what has been acknowledged", () => {
  const store = new MemoryStore();
  for (let i = 0; i < 100; i++) {
    store.create(sessionOf(`${i}`));
    store.acknowledge(`${i}`, store.end(`${i}`, "logout", NODE)!.fence);
  }
  assertEquals(store.size, 0);
});

Deno.test("MemoryStore lists the ends that have been put aside", () => {
  const store = new MemoryStore();
  store.create(sessionOf("a"));
  store.create(sessionOf("b"));
  const { fence, at } = store.end("a", "logout", NODE)!;
  store.putAside("a", fence, "too often");
  const [aside, ...others] = store.listAside();
  assertEquals(others, []);
  assertEquals(aside?.session.uid, "a");
  assertEquals(aside?.why, "too often");
  assertEquals(aside?.reason, "logout");
  assertEquals(aside?.at, at);
});

Deno.test("MemoryStore goes on when its clock is set back", () => {
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

Deno.test("MemoryStore hands out sessions that do not change any more", () => {
  const store = new MemoryStore();
  const values = new Map([["key", "1"]]);
  store.create(sessionOf("a", { values }));
  values.set("key", "2");
  const loaded = store.load("a", VISIT)!;
  store.commit("a", { values: new Map([["key", "3"]]) });
  assertEquals(loaded.values.get("key"), "1");
});
