// Two processes whose callbacks block: each claims more ends at once than it can
// deliver in a lease, and each end is delivered once all the same.

import { assertEquals } from "@std/assert";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { makeFolder, runDeno, testWith } from "../helpers_process.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import { Node } from "../helpers_store.ts";
import { connectNodeRedis, openStore } from "./helpers_redis_store.ts";

/** A batch of 100 takes 12 s, which is more than a lease of 10 s. */
const ENDS = 130;

async function assertDeliveredOnce(
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
  // An end that the store has forgotten is not delivered again.
  while (await store.nextIn() !== Infinity) {
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  one.kill("SIGKILL");
  two.kill("SIGKILL");
  const delivered = [...await one.stdout.rest(), ...await two.stdout.rest()];
  assertEquals(delivered.sort(), uids.sort());
  assertEquals(await one.stderr.rest(), []);
  assertEquals(await two.stderr.rest(), []);
}

testWith(
  ["read", "write", "run"],
  "Sites over SqliteStore deliver each end of a long batch once",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    await assertDeliveredOnce("sqlite", path, store);
  },
);

testWithRedis(
  "Sites over Redis deliver each end of a long batch once",
  async () => {
    const settings = ["--appendonly", "yes"];
    await using server = await RedisServer.start({ settings });
    await using opened = await openStore(() => connectNodeRedis(server));
    await assertDeliveredOnce("redis", server.url, opened.store);
  },
);
