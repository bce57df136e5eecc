/**
 * Measures the cost of processes that share sessions in Redis: their polls for
 * ends, the CPU time, and the bytes of Redis's log.
 *
 *     deno task bench:fleet [sessions]
 *
 * Starts a `redis-server` with a durable log on this machine. `deno task bench:redis`
 * measures the cost of each operation.
 *
 * @module
 */

import { newSession, TOUCH } from "./new_session.ts";
import process from "node:process";
import { createClient } from "redis";
import { Resource, Site } from "../mod.ts";
import { fromNodeRedis, RedisStore } from "../stores/redis_store.ts";
import type { NewSession } from "../stores/store.ts";
import { RedisServer } from "../tests/helpers_redis.ts";

const COUNT = Number(Deno.args[0] ?? "100000");
/** Calls in flight at the same time. */
const IN_FLIGHT = 64;
const CLAIMANT = { owner: "bench", lease: 600_000 };

/** A session with many values. */
const FILLED: Partial<NewSession> = {
  principal: "user-1234567",
  values: new Map([["cart", `j"${"x".repeat(197)}"`]]),
  callbacks: [
    { id: "5a".repeat(8), name: "release", argument: 'j{"seat":7}' },
  ],
};

interface Usage {
  /** Seconds of CPU time of Redis. */
  readonly redis: number;
  /** Seconds of CPU time of this process. */
  readonly client: number;
  /** Bytes of the log. */
  readonly log: number;
}

await using server = await RedisServer.start({
  settings: [
    ...["--appendonly", "yes", "--appendfsync", "everysec"],
    ...["--auto-aof-rewrite-percentage", "0"],
  ],
});
const client = createClient({ url: server.url });
await client.connect();
const adapted = fromNodeRedis(client);

async function look(): Promise<Usage> {
  const info = await client.sendCommand(["INFO", "everything"]) as string;
  const field = (name: string) =>
    Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1]);
  const { user, system } = process.cpuUsage();
  return {
    redis: field("used_cpu_user") + field("used_cpu_sys"),
    client: (user + system) / 1e6,
    log: field("aof_current_size"),
  };
}

/** Makes calls, several at the same time, and prints the cost of each. */
async function measure(
  what: string,
  count: number,
  call: (index: number) => Promise<unknown>,
): Promise<void> {
  const before = await look();
  const begin = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (next < count) await call(next++);
  }));
  const seconds = (performance.now() - begin) / 1000;
  const after = await look();
  const each = (part: keyof Usage) => (after[part] - before[part]) / count;
  console.log(
    [
      what.padEnd(40),
      `${(each("redis") * 1e6).toFixed(1).padStart(6)} us of Redis`,
      `${(each("client") * 1e6).toFixed(1).padStart(6)} us of the client`,
      `${(count / seconds).toFixed(0).padStart(6)} a second`,
      `${each("log").toFixed(0).padStart(4)} bytes of log`,
    ].join("  "),
  );
}

function uidOf(index: number): string {
  return `${index}`.padStart(32, "0");
}

const uids = Array.from({ length: COUNT }, (_, index) => uidOf(index));
const any = () => uids[Math.floor(Math.random() * COUNT)]!;
const store = new RedisStore({ client: adapted, prefix: "fleet" });
const coarse = new RedisStore({
  client: adapted,
  prefix: "fleet",
  touchThrottle: 30,
});
await measure(
  "create",
  COUNT,
  (index) => store.create(newSession(uids[index]!, FILLED)),
);
await measure("visit: load and touch", COUNT, () => store.load(any(), TOUCH));
await measure(
  "visit, touchThrottle 30",
  COUNT,
  () => coarse.load(any(), TOUCH),
);
await measure("commit a value of 200 bytes", COUNT, () =>
  store.commit(any(), {
    values: new Map([["cart", `j"${crypto.randomUUID().padEnd(197)}"`]]),
  }));
await measure("logout: end and acknowledge", COUNT / 4, async (index) => {
  const uid = uids[index]!;
  const end = await store.end(uid, "logout", CLAIMANT);
  await store.acknowledge(uid, end!.fence);
});

function percentile(values: number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length * percent / 100)]!);
}

/** Counts the commands of several processes for each end. */
async function share(nodes: number, shards: number): Promise<void> {
  const rate = 500;
  const seconds = 6;
  const prefix = `share${nodes}.${shards}`;
  const store = new RedisStore({ client: adapted, prefix, shards });
  for (let i = 0; i < rate * seconds; i++) {
    await store.create(
      newSession(uidOf(i), { sessionTimeout: 4000 + i * 1000 / rate }),
    );
  }
  let delivered = 0;
  const lateness: number[] = [];
  const allDelivered = Promise.withResolvers<void>();
  const before = await server.countCalls();
  const [{ redis }, begin] = [await look(), performance.now()];
  const sites = Array.from({ length: nodes }, () => {
    const site = new Site(new Resource(), {
      store: new RedisStore({ client: adapted, prefix, shards }),
      onError: () => {},
    });
    site.notifyOnSessionEnd(({ session }) => {
      lateness.push(session.end?.lateness! * 1000);
      if (++delivered === rate * seconds) allDelivered.resolve();
    });
    return site;
  });
  await allDelivered.promise;
  const after = await server.countCalls();
  const busy = (await look()).redis - redis;
  const elapsed = (performance.now() - begin) / 1000;
  const calls = (after.get("evalsha") ?? 0) - (before.get("evalsha") ?? 0);
  console.log(
    `${nodes} processes, ${shards} shards, ${rate} ends a second: ${
      (calls / delivered).toFixed(2)
    } scripts an end, late by ${percentile(lateness, 50)} ms (p50) or ${
      percentile(lateness, 99)
    } (p99), ${(busy / elapsed * 100).toFixed(0)} % of Redis`,
  );
  await Promise.all(sites.map((site) => site.close()));
}

for (const [nodes, shards] of [[1, 1], [4, 1], [16, 1], [4, 4], [16, 4]]) {
  await share(nodes!, shards!);
}

client.destroy();
