/**
 * Compares two ways to learn of ends: keyspace notifications of Redis, and the
 * claims of RedisStore.
 *
 *     deno task bench:keyspace [due] [live] [seconds to wait] [nodes]
 *
 * Each way has a Redis with the same number of sessions: sessions that are due
 * within ten seconds, and others that stay live. Each node listens like a process
 * of a site. An end is missing if it has not come so many seconds after the last
 * deadline. Needs redis-server.
 *
 * @module
 */

import { newSession } from "./new_session.ts";
import { createClient } from "redis";
import { fromNodeRedis, RedisStore } from "../stores/redis_store.ts";
import type { NewSession } from "../stores/store.ts";
import { RedisServer } from "../tests/helpers_redis.ts";
import { sleep } from "./stalls.ts";
import { printTable } from "./table.ts";

const DUE = countFrom(0, 20_000);
const LIVE = countFrom(1, 200_000);
const WAIT = countFrom(2, 10) * 1000;
const NODES = countFrom(3, 3);

/** Milliseconds over which the deadlines are spread. */
const SPREAD = 10_000;
/** The timeout of the other sessions, in milliseconds. */
const LONG = 3_600_000;
/** Commands in flight at the same time. */
const TOGETHER = 500;
/** The value in each session. */
const CART = JSON.stringify({ items: [1, 2, 3], comment: "a typical value" });

/** The ends that have come, by the index of the session. */
class Arrivals {
  readonly #deadlines = new Float64Array(DUE);
  readonly #counts = new Uint16Array(DUE);
  readonly #lateness: number[] = [];

  /** Returns the deadline of a session in UNIX milliseconds. */
  expect(index: number, deadline: number): void {
    this.#deadlines[index] = deadline;
  }

  /** Records an end. */
  record(index: number): void {
    if (this.#counts[index]!++ > 0) return;
    this.#lateness.push(Date.now() - this.#deadlines[index]!);
  }

  /** Waits until all ends have come, or for the time to wait. */
  async wait(): Promise<void> {
    const until = Math.max(...this.#deadlines) + WAIT;
    while (Date.now() < until && this.#lateness.length < DUE) await sleep(100);
    // A second end follows soon.
    await sleep(500);
  }

  /** Returns a row of a table. */
  get row(): Record<string, string> {
    const sorted = this.#lateness.toSorted((a, b) => a - b);
    const at = (share: number) =>
      sorted.length === 0
        ? "-"
        : Math.round(sorted[Math.floor(share * (sorted.length - 1))]!)
          .toLocaleString("en");
    const handed = this.#counts.reduce((sum, count) => sum + count, 0);
    return {
      came: sorted.length.toLocaleString("en"),
      missing: (DUE - sorted.length).toLocaleString("en"),
      early: `${sorted.filter((late) => late < 0).length}`,
      "p50 ms": at(0.5),
      "p99 ms": at(0.99),
      "max ms": at(1),
      "handed out": sorted.length === 0
        ? "-"
        : `${(handed / sorted.length).toFixed(2)} x`,
    };
  }
}

/** Measures expiring keys: one for each session, and one listener for each node. */
async function measureNotifications(effort: number): Promise<Arrivals> {
  await using server = await RedisServer.start({
    settings: [
      ...["--notify-keyspace-events", "Ex"],
      ...["--active-expire-effort", `${effort}`],
    ],
  });
  const client = await connect(server);
  const arrivals = new Arrivals();
  const listeners = await Promise.all(
    Array.from({ length: NODES }, async () => {
      const listener = await connect(server);
      await listener.subscribe("__keyevent@0__:expired", (key) => {
        arrivals.record(Number(key.slice("session:".length)));
      });
      return listener;
    }),
  );
  const start = await keepLive((index) =>
    client.set(`session:live:${index}`, CART, { PX: LONG })
  );
  await inParallel(DUE, (index) => {
    const deadline = start + Math.round(index * SPREAD / DUE);
    arrivals.expect(index, deadline);
    return client.set(`session:${index}`, CART, { PXAT: deadline });
  });
  await arrivals.wait();
  for (const one of [client, ...listeners]) one.destroy();
  return arrivals;
}

/** Measures claims: one store for each node. */
async function measureClaims(): Promise<Arrivals> {
  await using server = await RedisServer.start();
  const arrivals = new Arrivals();
  const clients = await Promise.all(
    Array.from({ length: NODES }, () => connect(server)),
  );
  const stores = clients.map((client) =>
    new RedisStore({ client: fromNodeRedis(client) })
  );
  const store = stores[0]!;
  const start = await keepLive((index) =>
    store.create(sessionOf(`live:${index}`, LONG))
  );
  await inParallel(DUE, async (index) => {
    const deadline = start + Math.round(index * SPREAD / DUE);
    const times = await store.create(
      sessionOf(`${index}`, Math.max(0, deadline - Date.now())),
    );
    arrivals.expect(index, times!.deadline);
  });
  const stop = new AbortController();
  const nodes = stores.map((store, node) =>
    tellEnds(store, `node ${node}`, stop.signal, arrivals)
  );
  await arrivals.wait();
  stop.abort();
  await Promise.all(nodes);
  for (const client of clients) client.destroy();
  return arrivals;
}

/** Claims, delivers and acknowledges ends as a site does. */
async function tellEnds(
  store: RedisStore,
  owner: string,
  signal: AbortSignal,
  arrivals: Arrivals,
): Promise<void> {
  while (!signal.aborted) {
    const { ends, nextIn } = await store.claim({ owner, lease: 2000 }, 100);
    await Promise.all(ends.map(({ session, fence }) => {
      arrivals.record(Number(session.uid));
      return store.acknowledge(session.uid, fence);
    }));
    await sleep(Math.min(Math.ceil(nextIn), 1000));
  }
}

/** Makes the sessions that stay live; returns the earliest deadline of the others. */
async function keepLive(
  keep: (index: number) => Promise<unknown>,
): Promise<number> {
  const begun = performance.now();
  await inParallel(LIVE, keep);
  const each = (performance.now() - begun) / Math.max(1, LIVE);
  return Date.now() + Math.ceil(1000 + 2 * each * DUE);
}

function sessionOf(uid: string, sessionTimeout: number): NewSession {
  return newSession(uid, {
    sessionTimeout,
    values: new Map([["cart", CART]]),
  });
}

async function connect({ url }: RedisServer) {
  const client = createClient({ url });
  client.on("error", console.error);
  await client.connect();
  return client;
}

async function inParallel(
  count: number,
  call: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: TOGETHER }, async () => {
    while (next < count) await call(next++);
  }));
}

function countFrom(index: number, fallback: number): number {
  const count = Number(Deno.args[index] ?? fallback);
  if (!Number.isInteger(count) || count < 1) {
    console.error("A count is a whole number of 1 or more");
    Deno.exit(2);
  }
  return count;
}

if (import.meta.main) {
  console.log(
    `${DUE.toLocaleString("en")} sessions due within ${
      SPREAD / 1000
    } s beside ${
      LIVE.toLocaleString("en")
    } others; ${NODES} nodes; an end is missing ${
      WAIT / 1000
    } s after the last deadline\n`,
  );
  const rows: Record<string, string>[] = [];
  for (const effort of [1, 10]) {
    const { row } = await measureNotifications(effort);
    rows.push({ "ends by": `notifications, effort ${effort}`, ...row });
  }
  const { row } = await measureClaims();
  rows.push({ "ends by": "claims of RedisStore", ...row });
  printTable(rows);
}
