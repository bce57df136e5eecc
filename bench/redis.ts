/**
 * What a store in Redis costs: bytes a session, microseconds of Redis and of the
 * client a call, bytes of its log.
 *
 *     deno task bench:redis [count] [--setting value ...]
 *
 * It starts a `redis-server` that writes its log as it should, on this machine,
 * with settings of yours, and asks it through `npm:redis`.
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

/** Sessions as they are kept, from the least to a well filled one. */
const SHAPES: Record<string, Omit<NewSession, "uid">> = {
  "nothing in it": BARE,
  "a principal": { ...BARE, principal: "user-1234567" },
  "a principal, 200 bytes, a callback": {
    ...BARE,
    principal: "user-1234567",
    values: new Map([["cart", `j"${"x".repeat(197)}"`]]),
    callbacks: [{ name: "release", argument: 'j{"seat":7}' }],
  },
};

interface Usage {
  /** Seconds of Redis's processor time. */
  readonly redis: number;
  /** Seconds of this process's. */
  readonly client: number;
  /** Bytes of the log. */
  readonly log: number;
  /** Bytes in use. */
  readonly memory: number;
}

await using server = await RedisServer.start({
  settings: [
    ...["--appendonly", "yes", "--appendfsync", "everysec"],
    ...["--auto-aof-rewrite-percentage", "0"],
    ...Deno.args.slice(1),
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
    memory: field("used_memory"),
  };
}

/** Calls as often, so many at a time, and prints what each has cost. */
async function measure(
  what: string,
  count: number,
  call: (index: number) => Promise<unknown>,
  perCall = 1,
): Promise<void> {
  const before = await look();
  const begin = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (next < count) await call(next++);
  }));
  const seconds = (performance.now() - begin) / 1000;
  const after = await look();
  const total = count * perCall;
  const each = (part: keyof Usage) => (after[part] - before[part]) / total;
  console.log(
    [
      what.padEnd(40),
      `${(each("redis") * 1e6).toFixed(1).padStart(6)} us of Redis`,
      `${(each("client") * 1e6).toFixed(1).padStart(6)} us of the client`,
      `${(total / seconds).toFixed(0).padStart(6)} a second`,
      `${each("log").toFixed(0).padStart(4)} bytes of log`,
    ].join("  "),
  );
}

function uidOf(shape: number, index: number): string {
  return `${shape}${index}`.padStart(32, "0");
}

let shapeNumber = 0;
for (const [name, session] of Object.entries(SHAPES)) {
  const shape = shapeNumber++;
  const store = new RedisStore({ client: adapted, prefix: `shape${shape}` });
  const before = await look();
  await measure(
    `create, ${name}`,
    COUNT,
    (index) => store.create({ ...session, uid: uidOf(shape, index) }),
  );
  const after = await look();
  const bytes = (after.memory - before.memory) / COUNT;
  console.log(`  ${bytes.toFixed(0)} bytes of memory a session`);
}

const uids = Array.from({ length: COUNT }, (_, index) => uidOf(2, index));
const any = () => uids[Math.floor(Math.random() * COUNT)]!;
const store = new RedisStore({ client: adapted, prefix: "shape2" });
const coarse = new RedisStore({
  client: adapted,
  prefix: "shape2",
  touchGranularity: 30,
});
const visit = { secretHash: HASH, touch: true };
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

const DUE = Math.floor(COUNT / 10 / 100) * 100;
const due = new RedisStore({ client: adapted, prefix: "due" });
for (let from = 0; from < DUE; from += 1000) {
  await Promise.all(
    Array.from(
      { length: Math.min(1000, DUE - from) },
      (_, index) =>
        due.create({
          ...SHAPES["a principal, 200 bytes, a callback"]!,
          uid: uidOf(3, from + index),
          idle: 1_000_000,
        }),
    ),
  );
}
const fences = new Map<string, string>();
const claimBefore = await look();
const claimBegin = performance.now();
for (let batch = 0; batch < DUE / 100; batch++) {
  for (const end of (await due.claim(CLAIMANT, 100)).ends) {
    fences.set(end.session.uid, end.fence);
  }
}
const claimSeconds = (performance.now() - claimBegin) / 1000;
const claimAfter = await look();
console.log(
  [
    "an end that is claimed, 100 at once".padEnd(40),
    `${
      ((claimAfter.redis - claimBefore.redis) / fences.size * 1e6).toFixed(1)
        .padStart(6)
    } us of Redis`,
    `${
      ((claimAfter.client - claimBefore.client) / fences.size * 1e6).toFixed(1)
        .padStart(6)
    } us of the client`,
    `${(fences.size / claimSeconds).toFixed(0).padStart(6)} a second`,
  ].join("  "),
);
const claimed = [...fences];
await measure("an end that is acknowledged", claimed.length, (index) => {
  const [uid, fence] = claimed[index]!;
  return due.acknowledge(uid, fence);
});
await measure(
  "a look for ends, of which there are none",
  COUNT / 4,
  () => store.claim(CLAIMANT, 100),
);

/** How often processes that share sessions ask Redis for each end. */
async function share(nodes: number, shards: number): Promise<void> {
  const rate = 500;
  const seconds = 6;
  const prefix = `share${nodes}.${shards}`;
  const store = new RedisStore({ client: adapted, prefix, shards });
  for (let i = 0; i < rate * seconds; i++) {
    await store.create({
      ...BARE,
      uid: uidOf(4, i),
      sessionTimeout: 4000 + i * 1000 / rate,
    });
  }
  let told = 0;
  const allTold = Promise.withResolvers<void>();
  const before = await server.countCalls();
  const [{ redis }, begin] = [await look(), performance.now()];
  const sites = Array.from({ length: nodes }, () => {
    const site = new Site(new Resource(), {
      store: new RedisStore({ client: adapted, prefix, shards }),
      onError: () => {},
    });
    site.notifyOnSessionEnd(() => {
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
    } scripts an end, ${(busy / elapsed * 100).toFixed(0)} % of Redis`,
  );
  await Promise.all(sites.map((site) => site.close()));
}

for (const [nodes, shards] of [[1, 1], [4, 1], [16, 1], [4, 4], [16, 4]]) {
  await share(nodes!, shards!);
}

client.destroy();
