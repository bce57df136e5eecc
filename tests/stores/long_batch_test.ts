// Two processes, and callbacks that block: one claims more ends at once than it
// can tell in a lease, and each is told once all the same.

import { assertEquals } from "@std/assert";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { makeFolder, runDeno, testWith } from "../helpers_process.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import { Node } from "../helpers_store.ts";
import { connectNodeRedis, openStore } from "./helpers_redis_store.ts";

/** A batch has 100, whose callbacks take 12 s: more than a lease of 10 s. */
const ENDS = 130;

async function assertToldOnce(
  kind: string,
  location: string,
  store: SessionStore,
): Promise<void> {
  const node = new Node(store, { sessionTimeout: 2 })
    .page("visit", (request) => request.getSession().uid);
  const uids: string[] = [];
  for (let i = 0; i < ENDS; i++) {
    uids.push(await (await node.get("visit")).text());
  }
  await node.site.close();
  const program = "tests/stores/helpers_end_program.ts";
  await using one = runDeno(["-A", program, kind, location]);
  await using two = runDeno(["-A", program, kind, location]);
  // Once the store has forgotten an end, no process tells it again.
  while (await store.nextIn() !== Infinity) {
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  one.kill("SIGKILL");
  two.kill("SIGKILL");
  const told = [...await one.stdout.rest(), ...await two.stdout.rest()];
  assertEquals(told.sort(), uids.sort());
  assertEquals(await one.stderr.rest(), []);
  assertEquals(await two.stderr.rest(), []);
}

testWith(
  ["read", "write", "run"],
  "Sites over SqliteStore tell each end of a long batch once",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    await assertToldOnce("sqlite", path, store);
  },
);

testWithRedis(
  "Sites over Redis tell each end of a long batch once",
  async () => {
    const settings = ["--appendonly", "yes"];
    await using server = await RedisServer.start({ settings });
    await using opened = await openStore(() => connectNodeRedis(server));
    await assertToldOnce("redis", server.url, opened.store);
  },
);
