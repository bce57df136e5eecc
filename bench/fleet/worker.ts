/**
 * One process of a fleet: visits sessions, and delivers ends.
 *
 *     worker.ts KIND URL PREFIX SHARDS
 *
 * Takes orders from stdin, a line of JSON each, and answers each by a line.
 *
 * @module
 */

import pg from "pg";
import { createClient, createCluster } from "redis";
import type { Sessions } from "../../sessions.ts";
import { fromPg, PostgresStore } from "../../stores/postgres_store.ts";
import { fromNodeRedis, RedisStore } from "../../stores/redis_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import { type Crowd, LocalCrowd, StoredCrowd } from "./crowd.ts";

/** An order for a process. */
export type Order =
  | { readonly do: "fill"; readonly from: number; readonly count: number }
  | EndingOrder
  | VisitOrder
  | { readonly do: "report" }
  | { readonly do: "stop" };

/** Makes sessions that end one after another. */
export interface EndingOrder {
  readonly do: "make";
  readonly from: number;
  readonly count: number;
  /** When the first ends, in UNIX milliseconds. */
  readonly first: number;
  /** Milliseconds between two ends. */
  readonly step: number;
}

/** Visits any of the sessions that last. */
export interface VisitOrder {
  readonly do: "visit";
  /** Visits a second. */
  readonly rate: number;
  readonly seconds: number;
  /** The number of sessions that last. */
  readonly sessions: number;
  /** The share of visits that write a value, from 0 to 1. */
  readonly writes: number;
}

/** The visits of one process. */
export interface Visits {
  /** Milliseconds from when each visit was due until its response. */
  readonly took: readonly number[];
  /** Visits that were not answered by the session. */
  readonly failed: number;
}

/** The ends that one process made and was told since its last report. */
export interface Ends {
  /** The uid and the deadline of each, in UNIX milliseconds. */
  readonly made: readonly (readonly [string, number])[];
  /** The uid and the time of each, in UNIX milliseconds. */
  readonly told: readonly (readonly [string, number])[];
  /** What was reported to `onError`. */
  readonly errors: readonly string[];
}

/** Milliseconds in which visits that are under way are answered. */
const PATIENCE = 10_000;

/** Milliseconds between two groups of visits. */
const TICK = 2;

/** Sessions that are made at once. */
const AT_ONCE = 16;

/** Opens the sessions of a process, and returns what closes its client. */
async function open(
  [kind, url = "", prefix = "", shards = ""]: readonly string[],
): Promise<[Crowd, () => Promise<void>]> {
  const nothing = () => Promise.resolve();
  switch (kind) {
    case "redis-cluster": {
      const rootNodes = url.split(",").map((url) => ({ url }));
      const cluster = createCluster({ rootNodes });
      cluster.on("error", console.error);
      await cluster.connect();
      const client = fromNodeRedis(cluster);
      const store = new RedisStore({ client, prefix, shards: Number(shards) });
      return [new StoredCrowd(store), () => cluster.close()];
    }
    case "redis": {
      const client = createClient({ url });
      client.on("error", console.error);
      await client.connect();
      const store = new RedisStore({ client: fromNodeRedis(client), prefix });
      return [new StoredCrowd(store), () => client.close()];
    }
    case "postgres": {
      const pool = new pg.Pool({ connectionString: url, max: 6 });
      pool.on("error", console.error);
      const store = new PostgresStore({ client: fromPg(pool) });
      return [new StoredCrowd(store), () => pool.end()];
    }
    case "sqlite":
      return [new StoredCrowd(new SqliteStore({ path: url })), nothing];
    default:
      return [new LocalCrowd(), nothing];
  }
}

class Worker {
  readonly #crowd: Crowd;
  readonly #sessions: Sessions;
  #made: [string, number][] = [];
  #told: [string, number][] = [];

  constructor(crowd: Crowd) {
    this.#crowd = crowd;
    this.#sessions = crowd.sessions;
    this.#sessions.notifyOnSessionEnd(({ uid }) => {
      this.#told.push([uid, Date.now()]);
    });
  }

  /** Carries an order out, and returns the answer. */
  async carryOut(order: Order): Promise<unknown> {
    switch (order.do) {
      case "fill":
        return await this.#crowd.fill(order.from, order.count);
      case "make":
        return await this.#makeEnding(order);
      case "visit":
        return await this.#visitAll(order);
      case "report":
        return this.#report();
      case "stop":
        return await this.#sessions.close();
    }
  }

  #report(): Ends {
    const errors = this.#crowd.errors.splice(0);
    const ends = { made: this.#made, told: this.#told, errors };
    this.#made = [];
    this.#told = [];
    return ends;
  }

  async #makeEnding({ from, count, first, step }: EndingOrder): Promise<void> {
    let next = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (next < count) {
        const index = next++;
        const deadline = first + Math.round(index * step);
        this.#made.push(await this.#crowd.makeEnding(from + index, deadline));
      }
    }));
  }

  async #visitAll(
    { rate, seconds, sessions, writes }: VisitOrder,
  ): Promise<Visits> {
    const took: number[] = [];
    const pending = new Set<Promise<void>>();
    let failed = 0;
    const begin = performance.now();
    const count = Math.round(rate * seconds);
    for (let index = 0; index < count;) {
      await new Promise((resolve) => setTimeout(resolve, TICK));
      for (; index < count; index++) {
        const due = begin + index * 1000 / rate;
        if (due > performance.now()) break;
        const number = Math.floor(Math.random() * sessions);
        const visit = this.#visit(number, Math.random() < writes).then(
          (isAnswered) => {
            took.push(performance.now() - due);
            if (!isAnswered) failed++;
          },
          () => void failed++,
        ).finally(() => pending.delete(visit));
        pending.add(visit);
      }
    }
    await Promise.race([
      Promise.all(pending),
      new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, PATIENCE))),
    ]);
    return { took, failed: failed + pending.size };
  }

  async #visit(number: number, isWriting: boolean): Promise<boolean> {
    const headers = { cookie: this.#crowd.cookieOf(number) };
    const request = new Request("http://localhost/", { headers });
    const response = await this.#sessions.serve(request, (visit) => {
      if (visit.session === undefined) {
        return new Response(null, { status: 500 });
      }
      const session = visit.getSession();
      if (isWriting) session.set("cart", crypto.randomUUID().padEnd(100));
      return new Response();
    });
    return response.status === 200;
  }
}

if (import.meta.main) {
  const [crowd, close] = await open(Deno.args);
  const worker = new Worker(crowd);
  await crowd.sessions.ready;
  console.log("null");
  let rest = "";
  for await (
    const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  ) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const answer = await worker.carryOut(JSON.parse(line));
      console.log(JSON.stringify(answer ?? null));
    }
  }
  await close();
  // The program that gave the orders has gone.
  Deno.exit();
}
