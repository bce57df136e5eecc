// The tests of simulate_stores_test.ts, which loads them if it may read files.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { RedisScript } from "../../stores/redis/script.ts";
import { RedisStore } from "../../stores/redis_store.ts";
import { testStoreContract } from "../../testing/store_contract.ts";
import {
  digestsOf,
  SimulatedRedis,
} from "../../tools/simulate/stores/simulated_redis.ts";
import { scriptDigests } from "../../tools/simulate/stores/redis.ts";
import { MODES, simulate, simulatePart } from "../../tools/simulate.ts";
import { testWith } from "../helpers_process.ts";
import { passDate } from "../helpers_time.ts";

for (const mode of MODES) {
  Deno.test(`simulate() breaks no promise over RedisStore in mode ${mode}`, async () => {
    const { failures, sums } = await simulate({
      mode,
      store: "redis",
      seed: 1,
      seeds: 12,
    });
    const broken = failures.map(({ seed, run }) => [seed, run.violations]);
    assertEquals(broken, []);
    assertEquals(sums.sessions > 20, true);
  });
}

Deno.test("simulatePart() gives the same log for the same seed over RedisStore", async () => {
  const options = { mode: "all", store: "redis" } as const;
  const first = await simulatePart(2, options, undefined, true);
  await simulatePart(3, options);
  const again = await simulatePart(2, options, undefined, true);
  assertEquals(again.log, first.log);
});

/** Simulates in a process of its own, since PGlite keeps a timer. */
async function simulatePostgres(...args: string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "tools/simulate.ts", "--mode=all"],
      ...["--store=postgres", ...args],
    ],
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(success, text);
  return text;
}

testWith(
  ["run"],
  "simulate() breaks no promise over PostgresStore",
  async () => {
    const text = await simulatePostgres("--seeds=5");
    assertMatch(text, /^all: 5 seeds, 0 failed; \d+ requests, \d+ sessions/);
  },
);

testWith(
  ["run"],
  "simulatePart() gives the same log for the same seed over PostgresStore",
  async () => {
    const first = await simulatePostgres("--seed=2");
    assert(first.split("\n").length > 20);
    assertEquals(await simulatePostgres("--seed=2"), first);
  },
);

testStoreContract(async () => {
  const clock = { now: () => Date.now() };
  const redis = new SimulatedRedis(clock, await scriptDigests());
  const store = new RedisStore({ client: redis.connect(), shards: 2 });
  return {
    store,
    advance: passDate,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}, { name: "RedisStore over SimulatedRedis", crowd: 50, races: 50 });

/** Runs a script of its own in a simulated Redis. */
async function run(
  text: string,
  keys: readonly string[] = [],
  ...args: readonly string[]
): Promise<unknown> {
  const script = new RedisScript(text);
  const clock = { now: () => 1_800_000_000_123 };
  const redis = new SimulatedRedis(clock, await digestsOf([script]));
  const client = redis.connect();
  const command = [`${keys.length}`, ...keys, ...args];
  return await client.send(["EVAL", text, ...command], "");
}

Deno.test("SimulatedRedis runs scripts as Lua 5.1 does, with all strings", async () => {
  const text = `#!lua
redis.call('HSET', KEYS[1], 'f', ARGV[1])
return { tonumber('inf') > 0, 1.7, false, 3, ARGV[1] .. '\\0\\n\\\\n', #ARGV[1],
  redis.call('HGETALL', KEYS[1]), redis.call('TIME'), nil, 'not seen' }`;
  assertEquals(await run(text, ["k"], "a\\b\nü"), [
    ...[1, 1, null, 3, "a\\b\nü\0\n\\n", 6],
    ...[["f", "a\\b\nü"], ["1800000000", "123000"]],
  ]);
});

for (
  const [fact, text, message] of [
    [
      "uses a key that it has not declared",
      "return redis.call('HGET', 'other', 'f')",
      "non local key other",
    ],
    [
      "writes and says that it does not",
      "#!lua flags=no-writes\nreturn redis.call('DEL', KEYS[1])",
      "not allowed from read-only scripts",
    ],
    ["sets a global variable", "x = 1", "global variable x"],
    [
      "calls a command that is not simulated",
      "redis.call('GET', KEYS[1])",
      "unknown command 'GET'",
    ],
    ["fails", "error('broken')", "broken"],
  ] as const
) {
  Deno.test(`SimulatedRedis fails a script that ${fact}`, async () => {
    await assertRejects(() => run(text, ["k"]), Error, message);
  });
}
