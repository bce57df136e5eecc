import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../base/clock.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import { makeFolder, SOON, testWith } from "../helpers_process.ts";
import { cookieOf, Node } from "../helpers_store.ts";
import { BlockedClock, FakePauses } from "../helpers_time.ts";
import {
  assertHeld,
  assertLost,
  assertOldTokensLogInApart,
  assertPresent,
  assertSeenElsewhere,
  assertShared,
  makeNode,
} from "./helpers_store_site.ts";

testWith(
  ["read", "write"],
  "Sites over one SqliteStore file share a session and its end, delivered once",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    using otherStore = new SqliteStore({ path });
    await assertShared(store, otherStore);
  },
);

testWith(
  ["read", "write"],
  "Sites over one SqliteStore file hold keys for each other, and call what a hold has left behind",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    using otherStore = new SqliteStore({ path });
    await assertHeld(store, otherStore);
  },
);

testWith(
  ["read", "write"],
  "Sites over one SqliteStore file tell once where a visitor is",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    using otherStore = new SqliteStore({ path });
    await assertPresent(store, otherStore);
  },
);

testWith(
  ["read", "write"],
  "Sites over one SqliteStore file see what the other changes in a session",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    using otherStore = new SqliteStore({ path });
    await assertSeenElsewhere(store, otherStore);
  },
);

testWith(
  ["read", "write"],
  "Sites over one SqliteStore file end sessions as lost whose rows vanish",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    using otherStore = new SqliteStore({ path });
    using database = new DatabaseSync(path);
    await assertLost([store, otherStore], () => {
      database.exec("DELETE FROM sessionValue; DELETE FROM session");
    });
  },
);

testWith(
  ["read", "write"],
  "Sites over one SqliteStore file refuse a login by a token that was replaced",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    using otherStore = new SqliteStore({ path });
    await assertOldTokensLogInApart(store, otherStore);
  },
);

testWith(
  ["read", "write"],
  "A Site over a SqliteStore finds its sessions after a restart",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    let cookie: string;
    {
      using store = new SqliteStore({ path });
      await using node = makeNode(store);
      const response = await node.get("count");
      cookie = cookieOf(response);
    }
    using store = new SqliteStore({ path });
    await using node = makeNode(store);
    assertEquals(await (await node.get("count", cookie)).text(), "2");
    assertEquals(node.reasons, []);
  },
);

testWith(
  ["read", "write"],
  "A Site over a SqliteStore serves pages without a session while the file is locked",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    await using node = makeNode(store);
    node.page("plain", () => "plain");
    const cookie = cookieOf(await node.get("count"));
    using other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    {
      using pauses = new FakePauses();
      for (let i = 0; i < 20; i++) {
        assertEquals((await node.get("count", cookie)).status, 503);
        assertEquals(await (await node.get("plain")).text(), "plain");
      }
      // The busyTimeout, once for all requests.
      assertEquals(pauses.waited, 90);
    }
    assert(node.errors.length > 0);
    other.exec("ROLLBACK");
    // The store is asked again within a second.
    const until = performance.now() + SOON;
    let text = "";
    while (text !== "2" && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      text = await (await node.get("count", cookie)).text();
    }
    assertEquals(text, "2");
  },
);

testWith(
  ["read", "write"],
  "A Site over a SqliteStore reports within a second that the file is gone",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    await using node = makeNode(store);
    await (await node.get("count")).text();
    Deno.renameSync(path, `${path}.old`);
    const until = performance.now() + SOON;
    while (node.errors.length === 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const [error] = node.errors as [Error];
    assertStringIncludes((error.cause as Error).message, "was deleted");
    Deno.renameSync(`${path}.old`, path);
  },
);

testWith(
  ["read", "write"],
  "Sites over a SqliteStore deliver each end once while the clock is set forward",
  async () => {
    // Which process looks for ends first after the step depends on when it comes.
    for (let phase = 0; phase < 1000; phase += 100) {
      await stepWhileDelivering(phase);
    }
  },
);

/** Sets the clock forward while two sites deliver ends, which take three seconds. */
async function stepWhileDelivering(phase: number): Promise<void> {
  using folder = makeFolder();
  const path = `${folder.path}/sessions.db`;
  const clock = new BlockedClock();
  using store = new SqliteStore({ path, clock });
  using otherStore = new SqliteStore({ path, clock });
  const uids: string[] = [];
  const make = (store: SqliteStore) => {
    const node = new Node(store, { clock: jitter(clock), sessionTimeout: 2 })
      .page("visit", (request) => request.getSession().uid);
    node.site.notifyOnSessionEnd(async ({ uid }) => {
      uids.push(uid);
      await clock.wait(3000);
    });
    return node;
  };
  const nodes = [make(store), make(otherStore)];
  const made = [];
  for (let i = 0; i < 10; i++) {
    made.push(await (await nodes[0]!.get("visit")).text());
  }
  await clock.pass(2500 + phase);
  assertEquals(uids.length, 10);
  clock.dateChange = 30_000;
  await clock.pass(8000);
  assertEquals(uids.toSorted(), made.toSorted());
  for (const { site } of nodes) {
    const closed = site.close();
    await clock.pass(10_000);
    await closed;
  }
}

/** Differs from clock to clock. */
let seed = 1;

/** Returns a clock whose timers are late by some milliseconds, each by others. */
function jitter(clock: BlockedClock): Clock {
  let late = seed++;
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimeout(callback, delay) {
      late = late * 7 % 31;
      return clock.setTimeout(callback, delay + late);
    },
    clearTimeout: (id) => clock.clearTimeout(id),
  };
}
