/**
 * A process of a site that delivers ends, for the tests that run several:
 *
 *     sqlite PATH     or     redis URL
 *
 * It prints the uid of each end, and then blocks for a while.
 *
 * @module
 */

import { Resource, Site } from "../../mod.ts";
import type { SessionStore } from "../../stores/store.ts";

/** Milliseconds that the callback of an end blocks. */
const WORK = 120;

const [kind, location] = Deno.args;
const site = new Site(new Resource(), { store: await openStore() });
site.notifyOnSessionEnd(({ uid }) => {
  console.log(uid);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WORK);
});
// A site keeps no process alive.
setInterval(() => {}, 1000);

async function openStore(): Promise<SessionStore> {
  if (kind === "sqlite") {
    const { SqliteStore } = await import("../../stores/sqlite_store.ts");
    return new SqliteStore({ path: location! });
  }
  const { connectNodeRedis } = await import("./helpers_redis_store.ts");
  const { RedisStore } = await import("../../stores/redis_store.ts");
  const [client] = await connectNodeRedis({ url: location! });
  return new RedisStore({ client });
}
