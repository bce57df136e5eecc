/**
 * Measures many sessions of a store that are all due at once: the ends told in a
 * second, and how long requests are held up meanwhile.
 *
 *     deno task bench:due [count] [memory|sqlite|redis|postgres ...]
 *
 * One process tells the ends, and visits a session that lives on every 5 ms.
 * "longest turn" is the longest time between two turns of the event loop, "visit"
 * the time from when a visit was planned to its answer. Without names of stores it
 * measures all of them. Needs redis-server and Debian's postgresql for theirs.
 *
 * @module
 */

import pg from "pg";
import { createClient } from "redis";
import { encodeValue } from "../persistence/value_codec.ts";
import { Resource } from "../resource.ts";
import type { SiteRequest } from "../request.ts";
import { Site } from "../site.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import { fromPg, PostgresStore } from "../stores/postgres_store.ts";
import { fromNodeRedis, RedisStore } from "../stores/redis_store.ts";
import { SqliteStore } from "../stores/sqlite_store.ts";
import type { SessionStore } from "../stores/store.ts";
import { PostgresServer } from "../tests/helpers_postgres.ts";
import { RedisServer } from "../tests/helpers_redis.ts";
import { newSession } from "./new_session.ts";
import { sleep, watchStalls } from "./stalls.ts";
import { printTable } from "./table.ts";

/** Sessions that are created at once. */
const TOGETHER = 200;

/** Milliseconds between two visits. */
const VISIT_EVERY = 5;

/** Opens an empty store; disposes of it when it is measured. */
type Open = (resources: AsyncDisposableStack) => Promise<SessionStore>;

const STORES: Readonly<Record<string, Open>> = {
  memory: () => Promise.resolve(new MemoryStore()),
  async sqlite(resources) {
    const folder = await Deno.makeTempDir();
    resources.defer(() => Deno.remove(folder, { recursive: true }));
    return resources.use(new SqliteStore({ path: `${folder}/sessions.db` }));
  },
  async redis(resources) {
    const server = resources.use(await RedisServer.start());
    const client = createClient({ url: server.url });
    client.on("error", console.error);
    await client.connect();
    resources.defer(() => client.destroy());
    return resources.use(new RedisStore({ client: fromNodeRedis(client) }));
  },
  async postgres(resources) {
    const settings = { fsync: "on", "max_wal_size": "4GB" };
    const server = resources.use(await PostgresServer.start({ settings }));
    const pool = new pg.Pool({ connectionString: server.url, max: 10 });
    pool.on("error", console.error);
    resources.defer(() => pool.end());
    return resources.use(new PostgresStore({ client: fromPg(pool) }));
  },
};

/** A page that visits the session. */
class Page extends Resource {
  override isLeaf = true;

  override render(request: SiteRequest): string {
    return request.getSession().uid;
  }
}

async function measure(
  name: string,
  count: number,
): Promise<Record<string, string | number>> {
  await using resources = new AsyncDisposableStack();
  const store = await STORES[name]!(resources);
  const values = new Map([["cart", encodeValue([1, 2, 3])]]);
  for (let first = 0; first < count; first += TOGETHER) {
    const size = Math.min(TOGETHER, count - first);
    await Promise.all(Array.from({ length: size }, (_, index) =>
      store.create(
        newSession(`due-${first + index}`, {
          values,
          // They become due as soon as a site uses the store.
          idle: 900_000,
        }),
      )));
  }
  let told = 0;
  const over = Promise.withResolvers<void>();
  let last = 0;
  const site = new Site(new Page(), { store, onError: console.error });
  site.notifyOnSessionEnd(() => {
    last = performance.now();
    if (++told === count) over.resolve();
  });
  const began = performance.now();
  const stalls = watchStalls();
  const visits = watchVisits(site);
  const limit = setTimeout(over.resolve, 120_000);
  await over.promise;
  clearTimeout(limit);
  const longest = stalls.stop();
  const latencies = (await visits.stop()).sort((a, b) => a - b);
  const seconds = (last - began) / 1000;
  await site.close();
  return {
    store: name,
    told,
    "seconds": seconds.toFixed(2),
    "told a second": Math.round(told / seconds),
    "longest turn": `${longest.toFixed(1)} ms`,
    "visit p50": `${at(latencies, 0.5)} ms`,
    "p99": `${at(latencies, 0.99)} ms`,
    "max": `${at(latencies, 1)} ms`,
  };
}

/** Visits a session again and again; returns how long each visit took. */
function watchVisits(site: Site): { stop(): Promise<number[]> } {
  const latencies: number[] = [];
  let isOver = false;
  const run = async () => {
    const first = await site.fetch(new Request("http://localhost/"));
    const cookie = first.headers.getSetCookie()[0]!.split(";")[0]!;
    let planned = performance.now();
    while (!isOver) {
      planned += VISIT_EVERY;
      await sleep(planned - performance.now());
      const headers = { cookie };
      await site.fetch(new Request("http://localhost/", { headers }));
      latencies.push(performance.now() - planned);
      // Visits that were missed are not made up for.
      planned = Math.max(planned, performance.now() - VISIT_EVERY);
    }
    return latencies;
  };
  const running = run();
  return {
    stop() {
      isOver = true;
      return running;
    },
  };
}

function at(sorted: readonly number[], part: number): string {
  const index = Math.min(sorted.length - 1, Math.floor(part * sorted.length));
  return (sorted[index] ?? NaN).toFixed(1);
}

const [count = "100000", ...names] = Deno.args;
const rows = [];
for (const name of names.length > 0 ? names : Object.keys(STORES)) {
  rows.push(await measure(name, Number(count)));
}
printTable(rows);
