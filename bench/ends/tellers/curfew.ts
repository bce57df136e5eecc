/**
 * Sessions of Curfew that print their ends.
 *
 *     curfew.ts make|listen COUNT FIRST SPREAD STORE
 *
 * See `bench/ends/run.ts` for the arguments and the lines.
 *
 * @module
 */

import { Sessions } from "../../../sessions.ts";
import { fromNodeRedis, RedisStore } from "../../../stores/redis_store.ts";
import { fromPg, PostgresStore } from "../../../stores/postgres_store.ts";
import { SqliteStore } from "../../../stores/sqlite_store.ts";
import type { SessionStore } from "../../../stores/store.ts";
import { createClient } from "redis";
import pg from "pg";

const [role, count, first, spread, url = ""] = Deno.args;

const store = await openStore();
await using sessions = new Sessions({
  ...store === undefined ? {} : { store },
  maxSessions: Infinity,
});
await sessions.ready;
// A callback with a name is called wherever the end is delivered.
sessions.onEnd(
  "tell",
  (_, { uid }) => console.log(`told ${uid} ${Date.now()}`),
);
if (role === "make") await make();
console.log("ready");
await new Promise(() => {});

async function make(): Promise<void> {
  const step = Number(spread) / Number(count);
  const deadlines = Array.from(
    { length: Number(count) },
    (_, index) => Number(first) + index * step,
  );
  // Some at once, as requests come.
  while (deadlines.length > 0) {
    await Promise.all(deadlines.splice(0, 25).map(makeOne));
  }
}

async function makeOne(deadline: number): Promise<void> {
  let uid = "";
  await sessions.serve(new Request("http://localhost/"), (visit) => {
    const session = visit.getSession();
    uid = session.uid;
    // The end counts from the last touch, which is the creation.
    session.absoluteTimeout = deadline / 1000 - session.createdAt;
    session.notifyOnExpire("tell");
    console.log(`made ${uid} ${deadline}`);
    return new Response();
  });
}

async function openStore(): Promise<SessionStore | undefined> {
  if (url.startsWith("sqlite:")) {
    return new SqliteStore({ path: url.slice("sqlite:".length) });
  }
  if (url.startsWith("redis:")) {
    const client = createClient({ url });
    client.on("error", console.error);
    await client.connect();
    return new RedisStore({ client: fromNodeRedis(client) });
  }
  if (url.startsWith("postgres:")) {
    const pool = new pg.Pool({ connectionString: url });
    pool.on("error", console.error);
    return new PostgresStore({ client: fromPg(pool) });
  }
}
