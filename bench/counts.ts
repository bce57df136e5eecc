/**
 * Measures how long each store takes to count its sessions, for the session monitor.
 *
 *     deno task bench:counts [sessions]
 *
 * Needs redis-server and Debian's postgresql.
 *
 * @module
 */

import pg from "pg";
import { createClient } from "redis";
import { MemoryStore } from "../stores/memory_store.ts";
import { fromPg, PostgresStore } from "../stores/postgres_store.ts";
import { fromNodeRedis, RedisStore } from "../stores/redis_store.ts";
import { SqliteStore } from "../stores/sqlite_store.ts";
import type { SessionStore } from "../stores/store.ts";
import { PostgresServer } from "../tests/helpers_postgres.ts";
import { RedisServer } from "../tests/helpers_redis.ts";
import { newSession } from "./new_session.ts";
import { fillPostgres } from "./postgres_fill.ts";
import { printTable } from "./table.ts";

const COUNT = Number(Deno.args[0] ?? 1_000_000);
const ROUNDS = 9;
const TOGETHER = 1000;
const rows: Record<string, string>[] = [];

/** Makes the sessions by the store's own calls; one of twenty is a hold. */
async function fill(store: SessionStore): Promise<void> {
  for (let first = 0; first < COUNT; first += TOGETHER) {
    await Promise.all(Array.from({ length: TOGETHER }, (_, index) => {
      const uid = `${first + index}`;
      return index % 20 === 0
        ? store.take!(newSession(`hold:${uid}`, { tokens: [] }))
        : store.create(newSession(uid));
    }));
  }
}

async function measure(store: SessionStore): Promise<void> {
  const took: number[] = [];
  let counted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const since = performance.now();
    counted = (await store.count!()).sessions;
    took.push(performance.now() - since);
  }
  took.sort((one, other) => one - other);
  rows.push({
    store: store.constructor.name,
    sessions: counted.toLocaleString("en"),
    "median ms": took[ROUNDS >> 1]!.toFixed(1),
    "most ms": took.at(-1)!.toFixed(1),
  });
}

{
  const store = new MemoryStore();
  await fill(store);
  await measure(store);
}
{
  const folder = await Deno.makeTempDir();
  using store = new SqliteStore({ path: `${folder}/sessions.db` });
  await fill(store);
  await measure(store);
  await Deno.remove(folder, { recursive: true });
}
{
  await using server = await RedisServer.start({ settings: [] });
  const client = createClient({ url: server.url });
  await client.connect();
  const store = new RedisStore({ client: fromNodeRedis(client) });
  await fill(store);
  await measure(store);
  client.destroy();
}
{
  const settings = { "shared_buffers": "512MB", "max_wal_size": "4GB" };
  await using server = await PostgresServer.start({ settings });
  const pool = new pg.Pool({ connectionString: server.url });
  const store = new PostgresStore({ client: fromPg(pool) });
  await store.check();
  await fillPostgres(server, { count: COUNT, timeout: 3_600_000 });
  await measure(store);
  await pool.end();
}
printTable(rows);
