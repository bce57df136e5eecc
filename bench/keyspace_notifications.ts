/**
 * How ends come by keyspace notifications, which nearly all session libraries
 * over Redis would have to use, and how by the claims of RedisStore.
 *
 *     deno task bench:keyspace [due] [live] [seconds to wait] [nodes]
 *
 * Both keep the same number of sessions in a Redis of their own, those that are
 * due within ten seconds beside those that live on, and each node listens as a
 * process of a site would. What has not come so many seconds after the last
 * deadline is missing. Needs redis-server.
 *
 * @module
 */

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
/** Milliseconds that those live on which do. */
const LONG = 3_600_000;
/** Commands that are under way together. */
const TOGETHER = 500;
/** What is kept in a session. */
const CART = JSON.stringify({ items: [1, 2, 3], note: "as it is usual" });

/** What has come, by the index of the session that was due. */
class Arrivals {
  readonly #deadlines = new Float64Array(DUE);
  readonly #counts = new Uint16Array(DUE);
  readonly #lateness: number[] = [];

  /** When a session is due, in UNIX milliseconds. */
  expect(index: number, deadline: number): void {
    this.#deadlines[index] = deadline;
  }

  /** An end has come, for the first time or once more. */
  note(index: number): void {
    if (this.#counts[index]!++ > 0) return;
    this.#lateness.push(Date.now() - this.#deadlines[index]!);
  }

  /** Waits until all have come, or for as long as it is told to. */
  async wait(): Promise<void> {
    const until = Math.max(...this.#deadlines) + WAIT;
    while (Date.now() < until && this.#lateness.length < DUE) await sleep(100);
    // What comes twice comes soon.
    await sleep(500);
  }

  /** In a row of a table. */
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

/** One key a session that expires, and one listener a node. */
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
        arrivals.note(Number(key.slice("session:".length)));
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

/** One store a node, each of which claims, tells and acknowledges. */
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

/** As a site does: claims, tells, acknowledges, and waits for the next. */
async function tellEnds(
  store: RedisStore,
  owner: string,
  signal: AbortSignal,
  arrivals: Arrivals,
): Promise<void> {
  while (!signal.aborted) {
    const { ends, nextIn } = await store.claim({ owner, lease: 2000 }, 100);
    await Promise.all(ends.map(({ session, fence }) => {
      arrivals.note(Number(session.uid));
      return store.acknowledge(session.uid, fence);
    }));
    await sleep(Math.min(Math.ceil(nextIn), 1000));
  }
}

/** Makes those that live on; answers when the first of the others may be due. */
async function keepLive(
  keep: (index: number) => Promise<unknown>,
): Promise<number> {
  const begun = performance.now();
  await inParallel(LIVE, keep);
  const each = (performance.now() - begun) / Math.max(1, LIVE);
  return Date.now() + Math.ceil(1000 + 2 * each * DUE);
}

function sessionOf(uid: string, sessionTimeout: number): NewSession {
  return {
    uid,
    secretHash: "5a".repeat(32),
    oldSecrets: [],
    isSecure: true,
    principal: undefined,
    sessionTimeout,
    absoluteTimeout: Infinity,
    values: new Map([["cart", CART]]),
    callbacks: [],
    age: 0,
    idle: 0,
  };
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
    } that live on; ${NODES} nodes; missing is what has not come ${
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
