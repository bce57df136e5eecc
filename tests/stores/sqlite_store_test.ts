import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { type Clock, systemClock } from "../../internal/clock.ts";
import {
  SqliteStore,
  type SqliteStoreOptions,
} from "../../stores/sqlite_store.ts";
import { LOOK, NODE, sessionOf, VISIT } from "../../testing/contract_checks.ts";
import { testStoreContract } from "../../testing/store_contract.ts";
import { makeFolder, testWith } from "../helpers_process.ts";

testStoreContract(() => {
  const folder = makeFolder();
  const path = `${folder.path}/sessions.db`;
  const open = (): SqliteStore => {
    const store = new SqliteStore({ path, pollInterval: 0.01 });
    opened.push(store);
    return store;
  };
  const opened: SqliteStore[] = [];
  return {
    store: open(),
    advance: (milliseconds) =>
      new Promise((resolve) => setTimeout(resolve, milliseconds + 1)),
    second: open,
    reopen() {
      for (const store of opened) store.close();
      return open();
    },
    [Symbol.asyncDispose]() {
      for (const store of opened) store.close();
      folder[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}, {
  name: "SqliteStore",
  isDurable: true,
  // Ten thousand take a quarter of a minute.
  races: 1000,
  test: (name, fn) => testWith(["read", "write"], name, fn),
});

/** A store in memory, with a clock to set. */
function makeStore(options: Partial<SqliteStoreOptions> = {}): {
  store: SqliteStore;
  clock: Clock & { time: number };
} & Disposable {
  const clock = {
    ...systemClock,
    time: 1_700_000_000_000,
    now: () => clock.time,
  };
  const store = new SqliteStore({ path: ":memory:", clock, ...options });
  return { store, clock, [Symbol.dispose]: () => store.close() };
}

Deno.test("SqliteStore writes touches down only as often as it is told", () => {
  using made = makeStore({ touchGranularity: 10 });
  const { store, clock } = made;
  const begin = clock.time;
  const timeout = 60_000;
  const times = store.create(sessionOf("a", { sessionTimeout: timeout }));
  assertEquals(times?.deadline, begin + timeout + 10_000);
  const touchedAt = () => {
    store.load("a", VISIT);
    return store.load("a", LOOK)!.touchedAt - begin;
  };
  clock.time += 10_000;
  assertEquals(touchedAt(), 0);
  clock.time += 1;
  assertEquals(touchedAt(), 10_001);
  assertEquals(store.load("a", LOOK)?.deadline, clock.time + 70_000);
});

Deno.test("SqliteStore cuts nobody off early for a touch that it left out", () => {
  using made = makeStore({ touchGranularity: 10 });
  const { store, clock } = made;
  const timeout = 60_000;
  store.create(sessionOf("a", { sessionTimeout: timeout }));
  let last = clock.time;
  const visit = () => {
    const loaded = store.load("a", VISIT);
    assert(loaded !== undefined, "It is over early");
    return loaded;
  };
  for (let i = 0; i < 3000; i++) {
    clock.time += Math.floor(Math.random() * (i % 20 === 1 ? 50_000 : 3000));
    // A request that turns out to be no touch, and perhaps one meanwhile.
    const { touchedAt, touchedBefore: before } = visit();
    if (i % 2 === 0) {
      clock.time += i % 4 === 0 ? 0 : Math.floor(Math.random() * 100);
      visit();
      last = clock.time;
    }
    store.commit("a", { takenBack: { touchedAt, before } });
    const early = last + timeout - store.load("a", LOOK)!.deadline;
    assert(early <= 0, `It would be over ${early} ms early`);
    if (i % 3 === 0) continue;
    visit();
    last = clock.time;
  }
});

Deno.test("SqliteStore says if it is in memory", () => {
  using made = makeStore();
  assertEquals(made.store.check().length, 1);
});

testWith(["read", "write"], "SqliteStore in a file has nothing to say", () => {
  using folder = makeFolder();
  using store = new SqliteStore({ path: `${folder.path}/sessions.db` });
  assertEquals(store.check(), []);
});

Deno.test("SqliteStore lists the ends that have been put aside", () => {
  using made = makeStore();
  const { store } = made;
  store.create(sessionOf("a", { values: new Map([["key", "1"]]) }));
  store.create(sessionOf("b"));
  const { fence, at } = store.end("a", "logout", NODE)!;
  store.putAside("a", fence, "too often");
  const [aside, ...others] = store.listAside();
  assertEquals(others, []);
  assertEquals(aside?.session.values, new Map([["key", "1"]]));
  const { why, reason, attempt } = aside!;
  assertEquals([why, reason, attempt, aside?.at], [
    "too often",
    "logout",
    1,
    at,
  ]);
});

testWith(
  ["read", "write"],
  "SqliteStore leaves nothing of what is over",
  () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    let time = 1_700_000_000_000;
    const clock = { ...systemClock, now: () => time };
    using store = new SqliteStore({ path, clock });
    for (let i = 0; i < 100; i++) {
      const values = new Map([["key", "1"]]);
      store.create(sessionOf(`${i}`, { values, principal: "ann" }));
      const { fence } = store.end(`${i}`, "logout", NODE)!;
      store.acknowledge(`${i}`, fence);
      time += 1000;
    }
    using database = new DatabaseSync(path);
    const count = (table: string) =>
      database.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n as number;
    assertEquals([count("session"), count("kept")], [0, 0]);
    // News is for those who look within a minute.
    assert(count("news") <= 62, `${count("news")}`);
  },
);

testWith(
  ["read", "write"],
  "SqliteStore reads callbacks from before they had ids",
  () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    store.create(sessionOf("a"));
    using other = new DatabaseSync(path);
    other.prepare("UPDATE session SET callbacks = ?")
      .run('[{"name":"free","argument":"7"}]');
    const added = { id: "5a", name: "free", argument: "8" };
    store.commit("a", { addedCallbacks: [added] });
    assertEquals(store.load("a", LOOK)?.callbacks, [
      { id: "", name: "free", argument: "7" },
      added,
    ]);
  },
);
