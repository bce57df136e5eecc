/**
 * What processes that share sessions in Redis cost it: how often they look for
 * ends, what is computed for that, and how much it writes to its log.
 *
 *     deno task bench:fleet [sessions]
 *
 * It starts a `redis-server` that writes its log as it should, on this machine.
 * For what each act costs see `deno task bench:redis`.
 *
 * @module
 */

import process from "node:process";
import { createClient } from "redis";
import { Resource, Site } from "../mod.ts";
import { fromNodeRedis, RedisStore } from "../stores/redis_store.ts";
import type { NewSession } from "../stores/store.ts";
import { RedisServer } from "../tests/helpers_redis.ts";

const COUNT = Number(Deno.args[0] ?? "100000");
/** Calls that wait for their answers at a time. */
const IN_FLIGHT = 64;
const HASH = "5a".repeat(32);
const CLAIMANT = { owner: "bench", lease: 600_000 };

const BARE: Omit<NewSession, "uid"> = {
  secretHash: HASH,
  oldSecrets: [],
  isSecure: true,
  principal: undefined,
  sessionTimeout: 900_000,
  absoluteTimeout: Infinity,
  values: new Map(),
  callbacks: [],
  age: 0,
  idle: 0,
};

/** A session that is well filled. */
const FILLED: Omit<NewSession, "uid"> = {
  ...BARE,
  principal: "user-1234567",
  values: new Map([["cart", `j"${"x".repeat(197)}"`]]),
  callbacks: [
    { id: "5a".repeat(8), name: "release", argument: 'j{"seat":7}' },
  ],
};

interface Usage {
  /** Seconds of Redis's processor time. */
  readonly redis: number;
  /** Seconds of this process's. */
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

/** Calls as often, so many at a time, and prints what each has cost. */
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
  touchGranularity: 30,
});
const visit = { secretHash: HASH, touch: true };
await measure(
  "create",
  COUNT,
  (index) => store.create({ ...FILLED, uid: uids[index]! }),
);
await measure("visit: load and touch", COUNT, () => store.load(any(), visit));
await measure(
  "visit, touchGranularity 30",
  COUNT,
  () => coarse.load(any(), visit),
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

/** How often processes that share sessions ask Redis for each end. */
async function share(nodes: number, shards: number): Promise<void> {
  const rate = 500;
  const seconds = 6;
  const prefix = `share${nodes}.${shards}`;
  const store = new RedisStore({ client: adapted, prefix, shards });
  for (let i = 0; i < rate * seconds; i++) {
    await store.create({
      ...BARE,
      uid: uidOf(i),
      sessionTimeout: 4000 + i * 1000 / rate,
    });
  }
  let told = 0;
  const lateness: number[] = [];
  const allTold = Promise.withResolvers<void>();
  const before = await server.countCalls();
  const [{ redis }, begin] = [await look(), performance.now()];
  const sites = Array.from({ length: nodes }, () => {
    const site = new Site(new Resource(), {
      store: new RedisStore({ client: adapted, prefix, shards }),
      onError: () => {},
    });
    site.notifyOnSessionEnd(({ session }) => {
      lateness.push(session.lateness! * 1000);
      if (++told === rate * seconds) allTold.resolve();
    });
    return site;
  });
  await allTold.promise;
  const after = await server.countCalls();
  const busy = (await look()).redis - redis;
  const elapsed = (performance.now() - begin) / 1000;
  const calls = (after.get("evalsha") ?? 0) - (before.get("evalsha") ?? 0);
  console.log(
    `${nodes} processes, ${shards} shards, ${rate} ends a second: ${
      (calls / told).toFixed(2)
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
