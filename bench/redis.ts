/**
 * Measures the cost of sessions in Redis: microseconds per operation, as Redis
 * reports them, bytes per session, and commands.
 *
 *     deno task bench:redis [sessions] [settings of Redis]
 *
 * Needs redis-server. One client has about a hundred calls in flight.
 *
 * @module
 */

import { newSession, TOUCH } from "./new_session.ts";
import { createClient } from "redis";
import { fromNodeRedis, RedisStore } from "../stores/redis_store.ts";
import type { ClaimedEnd, NewSession } from "../stores/store.ts";
import { RedisServer } from "../tests/helpers_redis.ts";
import { printTable } from "./table.ts";

const COUNT = Number(Deno.args[0] ?? 100_000);
const TOGETHER = 500;
const LONG = 3_600_000;
const NODE = { owner: "node", lease: 30_000 } as const;
/** Ends in one claim. */
const BATCH = 100;

/** The sizes of sessions. */
interface Size {
  readonly name: string;
  readonly facts: (index: number) => Partial<NewSession>;
}

const SIZES: readonly Size[] = [
  { name: "empty", facts: () => ({}) },
  {
    name: "one value of 100 characters, a principal",
    facts: (index) => ({
      principal: `user-${index % 1000}`,
      values: new Map([["cart", "x".repeat(100)]]),
    }),
  },
  {
    name: "20 values of 100 characters, a principal",
    facts: (index) => ({
      principal: `user-${index % 1000}`,
      values: new Map(
        Array.from({ length: 20 }, (_, i) => [`key-${i}`, "x".repeat(100)]),
      ),
    }),
  },
];

async function measure({ facts }: Size): Promise<Record<string, string>[]> {
  await using server = await RedisServer.start({
    settings: Deno.args.slice(1),
  });
  const client = createClient({ url: server.url });
  client.on("error", console.error);
  await client.connect();
  const store = new RedisStore({ client: fromNodeRedis(client) });
  const rows: Record<string, string>[] = [];
  const uids = Array.from(
    { length: COUNT },
    () => crypto.randomUUID().replaceAll("-", ""),
  );

  const act = async (
    name: string,
    acts: number,
    run: () => Promise<unknown>,
  ) => {
    await server.cli("CONFIG", "RESETSTAT");
    const cpu = await cpuOf(server);
    const begun = performance.now();
    await run();
    const seconds = (performance.now() - begun) / 1000;
    const spent = await cpuOf(server) - cpu;
    const { calls, micros } = await evaluated(server);
    rows.push({
      act: name,
      "us in the script": (micros / acts).toFixed(1),
      "CPU us of Redis": (spent / acts).toFixed(1),
      commands: (calls / acts).toFixed(2),
      "a second, one client": Math.round(acts / seconds).toLocaleString("en"),
    });
  };

  const empty = await memoryOf(server);
  await act(
    "create",
    COUNT,
    () =>
      inParallel(
        COUNT,
        (index) => store.create(sessionOf(uids[index]!, facts(index))),
      ),
  );
  const bytes = (await memoryOf(server) - empty) / COUNT;
  const usage = await server.cli(
    "MEMORY",
    "USAGE",
    `{curfew:0}:s:${uids[0]}`,
  );
  await act(
    "load and touch",
    COUNT,
    () => inParallel(COUNT, (index) => store.load(uids[index]!, TOUCH)),
  );
  await act(
    "load without a touch",
    COUNT,
    () =>
      inParallel(
        COUNT,
        (index) => store.load(uids[index]!, { ...TOUCH, touch: false }),
      ),
  );
  await act(
    "commit of a value",
    COUNT,
    () =>
      inParallel(COUNT, (index) =>
        store.commit(uids[index]!, {
          values: new Map([["late", `${index}`]]),
        })),
  );
  await act("nextIn", 10_000, () => inParallel(10_000, () => store.nextIn()));
  const half = Math.floor(COUNT / 2);
  const ended: (ClaimedEnd | undefined)[] = [];
  await act("end", half, () =>
    inParallel(half, async (index) => {
      ended.push(await store.end(uids[index]!, "logout", NODE));
    }));
  await act("acknowledge", half, () =>
    inParallel(half, (index) => {
      const { session, fence } = ended[index]!;
      return store.acknowledge(session.uid, fence);
    }));
  await inParallel(
    COUNT - half,
    (index) => store.commit(uids[half + index]!, { absoluteTimeout: 0 }),
  );
  let claimed = 0;
  await act(`claim, ${BATCH} at once, each`, COUNT - half, async () => {
    for (;;) {
      const { ends } = await store.claim(NODE, BATCH);
      if (ends.length === 0) break;
      claimed += ends.length;
    }
  });
  if (claimed !== COUNT - half) throw new Error(`Only ${claimed} were claimed`);
  client.destroy();
  console.log(
    `${
      Math.round(bytes)
    } bytes a session with all indexes, ${usage} of them the hash and its key\n`,
  );
  return rows;
}

/** Reads the cost of the scripts so far. */
async function evaluated(
  server: RedisServer,
): Promise<{ calls: number; micros: number }> {
  const stats = await server.cli("INFO", "commandstats");
  const sum = { calls: 0, micros: 0 };
  for (
    const [, calls, micros] of stats.matchAll(
      /^cmdstat_eval(?:sha)?:calls=(\d+),usec=(\d+)/gm,
    )
  ) {
    sum.calls += Number(calls);
    sum.micros += Number(micros);
  }
  return sum;
}

/**
 * Reads the CPU time of Redis in microseconds, including reading and replying. Other
 * programs on the CPU do not change it, unlike the time in scripts.
 */
async function cpuOf(server: RedisServer): Promise<number> {
  const info = await server.cli("INFO", "cpu");
  const [user = 0, system = 0] = [
    ...info.matchAll(/^used_cpu_(?:user|sys)_main_thread:(\S+)/gm),
  ].map(([, seconds]) => Number(seconds) * 1e6);
  return user + system;
}

async function memoryOf(server: RedisServer): Promise<number> {
  const info = await server.cli("INFO", "memory");
  return Number(/^used_memory_dataset:(\d+)/m.exec(info)![1]) +
    Number(/^used_memory_overhead:(\d+)/m.exec(info)![1]);
}

function sessionOf(uid: string, facts: Partial<NewSession>): NewSession {
  return newSession(uid, {
    sessionTimeout: LONG,
    absoluteTimeout: 24 * LONG,
    ...facts,
  });
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

if (import.meta.main) {
  for (const size of SIZES) {
    console.log(`${COUNT.toLocaleString("en")} sessions, ${size.name}`);
    printTable(await measure(size));
    console.log();
  }
}
