/**
 * Measures how the tables of sessions in PostgreSQL grow by visits.
 *
 *     deno task bench:postgres-hour [--minutes=60] [--visits=100] [--sessions=1000000] [--every=5]
 *
 * Half of the visits come to sessions that last: any of so many. The other half come
 * from visitors who pass by: each makes a session, comes once a minute for ten
 * minutes, and stays away until the session ends, 15 minutes after the last visit.
 * Every tenth visit writes a value. A site delivers the ends meanwhile.
 *
 * Prints a line each so many minutes (`--every`). Needs Debian's postgresql.
 *
 * @module
 */

import { parseArgs } from "node:util";
import pg from "pg";
import { Resource } from "../resource.ts";
import { Site } from "../site.ts";
import { fromPg, PostgresStore } from "../stores/postgres_store.ts";
import { PostgresServer } from "../tests/helpers_postgres.ts";
import { atLeast } from "./flags.ts";
import { newSession, TOUCH } from "./new_session.ts";
import { fillPostgres } from "./postgres_fill.ts";
import { familyCpuSeconds } from "./processes.ts";
import { GrowingTable } from "./table.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "60" },
    visits: { type: "string", default: "100" },
    sessions: { type: "string", default: "1000000" },
    every: { type: "string", default: "5" },
  },
});
const minutes = atLeast(0.05, "minutes", values.minutes);
const rate = atLeast(1, "visits", values.visits);
const sessions = atLeast(1, "sessions", values.sessions);
const every = atLeast(0.01, "every", values.every);

/** Visits of a visitor who passes by, and milliseconds between two of them. */
const VISITS_EACH = 10;
const BETWEEN = 60_000;
/** Every so many visits write a value. */
const WRITE_EVERY = 10;
/** Milliseconds between two groups of visits. */
const TICK = 100;

await using server = await PostgresServer.start({
  settings: { fsync: "on", "shared_buffers": "512MB", "max_wal_size": "2GB" },
});
const pool = new pg.Pool({ connectionString: server.url, max: 8 });
pool.on("error", console.error);
const store = new PostgresStore({ client: fromPg(pool) });
await store.check();
await fillPostgres(server, { count: sessions, timeout: 24 * 3_600_000 });

let delivered = 0;
const late: number[] = [];
const reported = new Set<string>();
const site = new Site(new Resource(), {
  store,
  onError: (error) => void reported.add(String(error)),
});
site.notifyOnSessionEnd(({ lateness }) => {
  delivered++;
  late.push(lateness! * 1000);
});
await site.ready;

/** Those who pass by, with when they come again, the earliest first. */
const passing: { uid: string; at: number; left: number }[] = [];
let made = 0;
let visits = 0;
let failed = 0;

async function visit(uid: string): Promise<void> {
  visits++;
  try {
    await store.load(uid, TOUCH);
    if (visits % WRITE_EVERY === 0) {
      const values = new Map([["cart", `j"${"x".repeat(97)}"`]]);
      await store.commit(uid, { values });
    }
  } catch {
    failed++;
  }
}

/** Lets a new visitor come. */
async function pass(): Promise<void> {
  const uid = `pass-${made++}`;
  try {
    await store.create(newSession(uid, {
      principal: `passer-${made % 1000}`,
      values: new Map([["cart", `j"${"x".repeat(97)}"`]]),
    }));
    passing.push({ uid, at: Date.now() + BETWEEN, left: VISITS_EACH });
  } catch {
    failed++;
  }
}

interface Facts {
  readonly table: number;
  readonly indexes: number;
  readonly values: number;
  readonly live: number;
  readonly dead: number;
  readonly updates: number;
  readonly hot: number;
  readonly vacuums: number;
}

async function look(): Promise<Facts> {
  const [row] = await server.sql(`SELECT
    pg_table_size('curfew.curfew_session')::float8 / 1e6 AS table,
    pg_indexes_size('curfew.curfew_session')::float8 / 1e6 AS indexes,
    pg_total_relation_size('curfew.curfew_session_value')::float8 / 1e6
      AS values,
    n_live_tup::float8 AS live, n_dead_tup::float8 AS dead,
    n_tup_upd::float8 AS updates, n_tup_hot_upd::float8 AS hot,
    autovacuum_count::float8 AS vacuums
    FROM pg_stat_user_tables WHERE relname = 'curfew_session'`);
  return row as Facts;
}

/** The CPU seconds of this process and of the server. */
async function usedSeconds(): Promise<number> {
  return await familyCpuSeconds(Deno.pid) +
    await familyCpuSeconds(server.pid);
}

const table = new GrowingTable();
const begin = performance.now();
const elapsed = () => (performance.now() - begin) / 1000;
let before = await look();
let [cpuBefore, visitsBefore, at] = [await usedSeconds(), 0, 0];
console.log(
  `${
    sessions.toLocaleString("en")
  } sessions that last, ${rate} visits a second for ${minutes} minutes`,
);

async function print(): Promise<void> {
  const facts = await look();
  const cpu = await usedSeconds();
  const now = elapsed();
  const updates = facts.updates - before.updates;
  const hot = facts.hot - before.hot;
  late.sort((a, b) => a - b);
  table.print({
    minute: (now / 60).toFixed(1),
    "table, MB": facts.table.toFixed(1),
    "indexes, MB": facts.indexes.toFixed(1),
    "values, MB": facts.values.toFixed(1),
    rows: facts.live.toFixed(0),
    dead: facts.dead.toFixed(0),
    "updates HOT": updates === 0
      ? "none"
      : `${(100 * hot / updates).toFixed(1)} %`,
    vacuums: facts.vacuums.toFixed(0),
    "visits/s": (now === at ? 0 : (visits - visitsBefore) / (now - at))
      .toFixed(0),
    ends: delivered.toFixed(0),
    "late p99, ms": late.length === 0
      ? "none"
      : late[Math.floor(late.length * 0.99)]!.toFixed(0),
    "CPU of a core": now === 0 || now - at < 1
      ? "none"
      : `${(100 * (cpu - cpuBefore) / (now - at)).toFixed(0)} %`,
  });
  [before, cpuBefore, visitsBefore, at] = [facts, cpu, visits, now];
  late.length = 0;
}

await print();
let lastPrint = 0;
let due = 0;
let dueToPass = 0;
while (elapsed() < minutes * 60) {
  await new Promise((resolve) => setTimeout(resolve, TICK));
  const calls: Promise<void>[] = [];
  const now = elapsed();
  while (due < now * rate / 2) {
    calls.push(visit(`s${1 + Math.floor(Math.random() * sessions)}`));
    due++;
  }
  while (dueToPass < now * rate / 2 / VISITS_EACH) {
    calls.push(pass());
    dueToPass++;
  }
  while (passing.length > 0 && passing[0]!.at <= Date.now()) {
    const visitor = passing.shift()!;
    calls.push(visit(visitor.uid));
    if (--visitor.left > 0) {
      passing.push({ ...visitor, at: visitor.at + BETWEEN });
    }
  }
  await Promise.all(calls);
  if (elapsed() - lastPrint >= every * 60) {
    lastPrint = elapsed();
    await print();
  }
}
if (elapsed() - at > 1) await print();
console.log(
  `${visits} visits, ${made} sessions made, ${delivered} ends delivered, ${failed} calls failed`,
);
for (const error of reported) console.log(`Reported: ${error}`);
await site.close();
await pool.end();
