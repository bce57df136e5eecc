/**
 * Measures sessions in PostgreSQL: the time of each operation, the lateness of
 * ends at a steady rate, and how the table grows by touches.
 *
 *     deno task bench:postgres [sessions]
 *
 * Needs Debian's postgresql. The server waits for its disk.
 *
 * @module
 */

import pg from "pg";
import { newSession, TOUCH } from "./new_session.ts";
import { Resource, Site } from "../mod.ts";
import { Sessions } from "../sessions.ts";
import { fromPg, PostgresStore } from "../stores/postgres_store.ts";
import { PostgresServer } from "../tests/helpers_postgres.ts";
import { fillPostgres } from "./postgres_fill.ts";
import { printTable } from "./table.ts";

const COUNT = Number(Deno.args[0] ?? 1_000_000);
const NODE = { owner: "node", lease: 30_000 } as const;
const LONG = 3_600_000;
/** Ends in one second, and for how many. */
const RATE = 500;
const SECONDS = 10;

await using server = await PostgresServer.start({
  settings: { fsync: "on", "shared_buffers": "512MB", "max_wal_size": "4GB" },
});
const pool = new pg.Pool({ connectionString: server.url, max: 10 });
pool.on("error", console.error);
const store = new PostgresStore({ client: fromPg(pool) });
await store.check();

await fillPostgres(server, { count: COUNT, timeout: LONG });

const rows: Record<string, string>[] = [];

/** Measures calls, so many at once. */
async function measure(
  name: string,
  times: number,
  call: (index: number) => Promise<unknown>,
  atOnce = 1,
): Promise<void> {
  const took: number[] = [];
  let next = 0;
  const began = performance.now();
  const run = async () => {
    while (next < times) {
      const index = next++;
      const from = performance.now();
      await call(index);
      took.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, run));
  const seconds = (performance.now() - began) / 1000;
  took.sort((a, b) => a - b);
  const at = (part: number) => took[Math.floor(took.length * part)]!.toFixed(2);
  rows.push({
    operation: `${name}, ${atOnce} at once`,
    "p50 ms": at(0.5),
    "p99 ms": at(0.99),
    "a second": (times / seconds).toFixed(0),
  });
}

const anyUid = () => `s${1 + Math.floor(Math.random() * COUNT)}`;
await measure("claim in vain", 2000, () => store.claim(NODE, 100));
const anyone = (i: number) => `user-${i * 7919 % Math.ceil(COUNT / 10)}`;
await measure("uidsOf, 10 sessions", 2000, (i) => store.uidsOf(anyone(i)));
{
  await using sessions = new Sessions({ store, onError: console.error });
  await sessions.ready;
  await measure("list, 10 sessions", 2000, (i) => sessions.list(anyone(i)));
}
for (const atOnce of [1, 10]) {
  await measure("visit", 4000, () => store.load(anyUid(), TOUCH), atOnce);
  await measure(
    "write",
    2000,
    () => store.commit(anyUid(), { values: new Map([["cart", "x"]]) }),
    atOnce,
  );
}
console.log(`${COUNT} sessions`);
printTable(rows);

/** Ends that come evenly, told by a site. */
const late: number[] = [];
const site = new Site(new Resource(), { store, onError: console.error });
site.notifyOnSessionEnd(({ lateness }) => void late.push(lateness! * 1000));
await site.ready;
const total = RATE * SECONDS;
for (let i = 0; i < total; i++) {
  const sessionTimeout = 3000 + Math.floor(i / RATE * 1000);
  await store.create(newSession(`end-${i}`, { sessionTimeout }));
}
const latest = Date.now() + 60_000;
while (late.length < total && Date.now() < latest) {
  await new Promise((resolve) => setTimeout(resolve, 100));
}
await site.close();
late.sort((a, b) => a - b);
console.log(
  `${late.length} of ${total} ends at ${RATE} a second: late by p50 ${
    late[late.length >> 1]!.toFixed(0)
  }, p99 ${late[Math.floor(late.length * 0.99)]!.toFixed(0)}, max ${
    late.at(-1)!.toFixed(0)
  } ms`,
);

/** The table after touches. */
const sizeOf = async () => {
  const [row] = await server.sql(
    "SELECT pg_total_relation_size('curfew.curfew_session')::float8 / 1e6 AS mb",
  );
  return (row as { mb: number }).mb;
};
const before = await sizeOf();
const touches = 50_000;
await measure(
  "touch",
  touches,
  (i) => store.load(`s${1 + i % 2000}`, TOUCH),
  10,
);
await store[Symbol.asyncDispose]();
await pool.end();
const [row] = await server.sql(
  "SELECT n_tup_upd::float8 AS all, n_tup_hot_upd::float8 AS hot FROM pg_stat_user_tables WHERE relname = 'curfew_session'",
);
const { all, hot } = row as { all: number; hot: number };
console.log(
  `${touches} touches of 2000 sessions: the table grew from ${
    before.toFixed(1)
  } to ${(await sizeOf()).toFixed(1)} MB; ${
    (100 * hot / all).toFixed(1)
  } % of all updates were HOT`,
);
