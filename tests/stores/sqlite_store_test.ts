import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { type Clock, systemClock } from "../../base/clock.ts";
import { SqliteDatabase } from "../../stores/sqlite/database.ts";
import { MIGRATIONS } from "../../stores/sqlite/schema.ts";
import {
  SqliteStore,
  type SqliteStoreOptions,
} from "../../stores/sqlite_store.ts";
import {
  LONG,
  LOOK,
  NODE,
  sessionOf,
  tokenOf,
  VISIT,
} from "../../testing/contract_checks.ts";
import { testStoreContract } from "../../testing/store_contract.ts";
import { makeFolder, testWith } from "../helpers_process.ts";
import { passDate } from "../helpers_time.ts";

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
    advance: passDate,
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

/** Opens a store in memory, with a clock to set. */
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

Deno.test("SqliteStoreOptions.touchThrottle leaves out touches within it", () => {
  using made = makeStore({ touchThrottle: 10 });
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

Deno.test("SqliteStoreOptions.touchThrottle ends no session early", () => {
  using made = makeStore({ touchThrottle: 10 });
  const { store, clock } = made;
  const timeout = 60_000;
  store.create(sessionOf("a", { sessionTimeout: timeout }));
  let last = clock.time;
  const visit = () => {
    const loaded = store.load("a", VISIT);
    assert(loaded !== undefined, "The session is over early");
    return loaded;
  };
  for (let i = 0; i < 3000; i++) {
    clock.time += Math.floor(Math.random() * (i % 20 === 1 ? 50_000 : 3000));
    // The touch of a request is taken back, perhaps after another request.
    const { touchedAt, touchedBefore: before } = visit();
    if (i % 2 === 0) {
      clock.time += i % 4 === 0 ? 0 : Math.floor(Math.random() * 100);
      visit();
      last = clock.time;
    }
    store.commit("a", { takenBack: { touchedAt, before } });
    const early = last + timeout - store.load("a", LOOK)!.deadline;
    assert(early <= 0, `The session would be over ${early} ms early`);
    if (i % 3 === 0) continue;
    visit();
    last = clock.time;
  }
});

Deno.test("SqliteStore.check() says that the database is in memory", () => {
  using made = makeStore();
  assertEquals(made.store.check().length, 1);
});

testWith(
  ["read", "write"],
  "SqliteStore.check() has nothing to say of a file",
  () => {
    using folder = makeFolder();
    using store = new SqliteStore({ path: `${folder.path}/sessions.db` });
    assertEquals(store.check(), []);
  },
);

Deno.test("SqliteStore.listDeadLetters() lists the ends that were given up", () => {
  using made = makeStore();
  const { store } = made;
  store.create(sessionOf("a", { values: new Map([["key", "1"]]) }));
  store.create(sessionOf("b"));
  const { fence, at } = store.end("a", "logout", NODE)!;
  store.deadLetter("a", fence, "too often");
  const [letter, ...others] = store.listDeadLetters();
  assertEquals(others, []);
  assertEquals(letter?.session.values, new Map([["key", "1"]]));
  const { why, reason, attempt } = letter!;
  assertEquals([why, reason, attempt, letter?.at], [
    "too often",
    "logout",
    1,
    at,
  ]);
});

testWith(
  ["read", "write"],
  "SqliteStore.acknowledge() leaves nothing in the file",
  () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    let time = 1_700_000_000_000;
    const clock = { ...systemClock, now: () => time };
    using store = new SqliteStore({ path, clock });
    for (let i = 0; i < 100; i++) {
      const values = new Map([["key", "1"]]);
      store.create(
        sessionOf(`${i}`, { values, principal: "ann", sessionTimeout: 1 }),
      );
      const { fence } = store.end(`${i}`, "logout", NODE)!;
      store.acknowledge(`${i}`, fence);
      time += 1000;
    }
    using database = new DatabaseSync(path);
    const count = (table: string) =>
      database.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n as number;
    assertEquals(count("sessionValue"), 0);
    // Notifications stay for a minute, rows that keep uids taken a little longer.
    for (const table of ["notification", "session"]) {
      assert(count(table) <= 62 + 32, `${count(table)} rows in ${table}`);
    }
    const kept = `principal, callbacks, description, fence, leasedAt`;
    const rows = database.prepare(
      `SELECT DISTINCT tokens, ${kept} FROM session`,
    ).all();
    assertEquals(rows.map((row) => Object.values(row)), [
      ["[]", null, null, null, null, null],
    ]);
  },
);

testWith(
  ["read", "write"],
  "SqliteStore.acknowledgeAll() waits for the disk in a later turn, so that requests come before",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    for (let i = 0; i < 1000; i++) {
      store.create(sessionOf(`${i}`, { sessionTimeout: 1000, idle: 60_000 }));
    }
    const claims = store.claim(NODE, 1000).ends
      .map(({ session: { uid }, fence }) => ({ uid, fence }));
    using database = new DatabaseSync(path);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    Deno.utimeSync(path, 0, 0);
    const isWritten = () => Deno.statSync(path).mtime!.getTime() > 0;
    assertEquals(store.acknowledgeAll(claims), claims.map(() => true));
    assertEquals(isWritten(), false);
    while (!isWritten()) await new Promise((resolve) => setTimeout(resolve, 1));
  },
);

testWith(
  ["read", "write"],
  "SqliteStore.create() takes the uid of an acknowledged session once it is free",
  () => {
    let time = 1_700_000_000_000;
    const clock = { ...systemClock, now: () => time };
    using store = new SqliteStore({ path: ":memory:", clock });
    const session = sessionOf("a", { sessionTimeout: 5000 });
    store.create(session);
    store.acknowledge("a", store.end("a", "logout", NODE)!.fence);
    time += 5000 + 59_999;
    assertEquals(store.create(session), undefined);
    time += 1;
    assertEquals(store.create(session)?.createdAt, time);
    assertEquals(store.load("a", LOOK)?.tokens, session.tokens);
  },
);

testWith(
  ["read", "write"],
  "SqliteStore keeps uids taken that were so before the file was brought up to date",
  () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    const limits = { busyTimeout: 0, maxSize: Infinity };
    const migrations = MIGRATIONS.slice(0, 6);
    new SqliteDatabase(path, { ...limits, migrations }).close();
    using former = new DatabaseSync(path);
    const now = Date.now();
    former.prepare("INSERT INTO takenUid (uid, freeAt) VALUES (?, ?), (?, ?)")
      .run("taken", now + 60_000, "free", now - 1);
    former.close();
    using store = new SqliteStore({ path });
    assertEquals(store.create(sessionOf("taken")), undefined);
    assert(store.create(sessionOf("free")) !== undefined);
    assertEquals(store.count(), { sessions: 1, ends: 0 });
    assertEquals(store.claim(NODE, 10).ends, []);
    assertEquals([store.load("taken", LOOK), store.listDeadLetters()], [
      undefined,
      [],
    ]);
  },
);

testWith(
  ["read", "write"],
  "SqliteStore reads callbacks that were stored before there were ids",
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
    const same = { id: "5b", name: "free", argument: "7" };
    store.commit("a", { addedCallbacks: [same] });
    assertEquals(store.load("a", LOOK)?.callbacks, [same, added]);
  },
);

testWith(
  ["read", "write"],
  "SqliteStore reads the newest 8 secrets of version 0.1.0 as tokens",
  () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    const migrations = MIGRATIONS.slice(0, 1);
    const limits = { busyTimeout: 0, maxSize: Infinity, migrations };
    {
      using database = new SqliteDatabase(path, limits);
      const insert = database.prepare(`
        INSERT INTO session (
          uid, secretHash, oldSecrets, isSecure, sessionTimeout,
          absoluteTimeout, createdAt, touchedAt, touchedBefore, deadline,
          version, due
        ) VALUES (?, 'new', ?, 0, 9e999, 9e999, 0, 0, 0, 9e999, 1, 9e999)`);
      const old = Array.from(
        { length: 8 },
        (_, i) => ({ hash: `old ${i}`, until: i + 1 }),
      );
      insert.run("renewed", JSON.stringify(old));
      insert.run("never", null);
    }
    using store = new SqliteStore({ path });
    const renewed = store.load("renewed", LOOK)!;
    assertEquals(renewed.tokens, [
      ...Array.from({ length: 7 }, (_, i) => ({
        hash: `old ${i + 1}`,
        generation: i + 1,
        until: i + 2,
      })),
      tokenOf("new", 8),
    ]);
    assertEquals([renewed.generation, renewed.loginGeneration], [8, 0]);
    const never = store.load("never", LOOK)!;
    assertEquals(never.tokens, [tokenOf("new", 0)]);
    assertEquals(never.generation, 0);
  },
);

Deno.test("SqliteStore.create() takes the uid of an acknowledged session again a minute after its deadline", () => {
  using made = makeStore();
  const { store, clock } = made;
  const values = new Map([["key", "1"]]);
  store.create(sessionOf("a", { values, sessionTimeout: 5000 }));
  store.acknowledge("a", store.end("a", "logout", NODE)!.fence);
  clock.time += 64_999;
  assertEquals(store.create(sessionOf("a")), undefined);
  clock.time += 1;
  assertEquals(store.create(sessionOf("a"))?.version, 1);
  assertEquals(store.load("a", VISIT)?.values, new Map());
});

/** A node with a lease of 10 s. */
const BRIEF = { owner: "first", lease: 10_000 };

Deno.test("SqliteStore keeps leases through a step of the clock that monotonic() does not make", () => {
  let [now, steady] = [1_700_000_000_000, 50_000];
  const clock = { ...systemClock, now: () => now, monotonic: () => steady };
  using store = new SqliteStore({ path: ":memory:", clock });
  for (const uid of ["ended", "renewed", "due"]) {
    store.create(sessionOf(uid, { sessionTimeout: uid === "due" ? 1 : LONG }));
  }
  now += 1;
  store.claim(BRIEF, 10);
  store.end("ended", "logout", BRIEF);
  const { fence } = store.end("renewed", "logout", { ...BRIEF, lease: 1 })!;
  store.renew("renewed", fence, 10_000);
  now += 30_000;
  // One by one, so that each is taken for the earliest.
  for (let i = 0; i < 3; i++) assertEquals(store.claim(NODE, 1).ends, []);
  assertEquals(store.claim(NODE, 10), { ends: [], nextIn: 10_000 });
  [now, steady] = [now + 9999, steady + 9999];
  assertEquals(store.claim(NODE, 10), { ends: [], nextIn: 1 });
  [now, steady] = [now + 1, steady + 1];
  assertEquals(store.claim(NODE, 10).ends.length, 3);
});

Deno.test("SqliteStore lets leases run out by the clock after a reboot", () => {
  let [now, steady] = [1_700_000_000_000, 50_000];
  const clock = { ...systemClock, now: () => now, monotonic: () => steady };
  using store = new SqliteStore({ path: ":memory:", clock });
  store.create(sessionOf("a"));
  store.end("a", "logout", BRIEF);
  [now, steady] = [now + 10_000, 1000];
  assertEquals(store.claim(NODE, 10).ends.length, 1);
});

testWith(
  ["sys"],
  "SqliteStore keeps leases by the machine's uptime while the clock steps",
  () => {
    using made = makeStore();
    const { store, clock } = made;
    store.create(sessionOf("a"));
    store.end("a", "logout", BRIEF);
    clock.time += 30_000;
    const { ends, nextIn } = store.claim(NODE, 10);
    assertEquals(ends, []);
    // The uptime has whole seconds.
    assert(nextIn > 7000 && nextIn <= 9000, `${nextIn}`);
  },
);
