// Some hundred seeds of each mode: `deno task simulate` has more of them.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { mutated, sourceOf } from "../../tools/simulate/mutants.ts";
import { MUTANTS } from "../../tools/simulate/mutants/list.ts";
import { MODES, simulate, simulatePart } from "../../tools/simulate.ts";
import { testWith } from "../helpers_process.ts";

for (const mode of MODES) {
  Deno.test(`simulate() breaks no promise in mode ${mode}`, async () => {
    const { failures, seeds, sums } = await simulate({
      mode,
      store: "memory",
      seed: 1,
      seeds: 500,
    });
    const broken = failures.map(({ seed, run }) => [seed, run.violations]);
    assertEquals(broken, []);
    assertEquals(seeds, 500);
    assert(sums.sessions > 1000 && sums.asks > 5000);
  });
}

/** Seeds that broke a promise before it was mended. */
const ONCE_BROKEN = [
  // A session that ended here while its renewal was decided anew.
  ["calm", 104_015],
  ["slow", 119_150],
  ["loss", 104_593],
  ["clock", 104_015],
  ["all", 119_405],
] as const;

for (const [mode, seed] of ONCE_BROKEN) {
  Deno.test(`simulate() breaks no promise any more with seed ${seed} in mode ${mode}`, async () => {
    const { failures } = await simulate({
      mode,
      store: "memory",
      seed,
      seeds: 1,
    });
    assertEquals(failures.map(({ run }) => run.violations), []);
  });
}

Deno.test("simulate() breaks no promise over SqliteStore", async () => {
  const { failures } = await simulate({
    mode: "all",
    store: "sqlite",
    seed: 1,
    seeds: 50,
  });
  const broken = failures.map(({ seed, run }) => [seed, run.violations]);
  assertEquals(broken, []);
});

Deno.test("simulatePart() gives the same log for the same seed", async () => {
  for (const seed of [1, 2, 3]) {
    const options = { mode: "all", store: "memory" } as const;
    const first = await simulatePart(seed, options);
    await simulatePart(seed + 100, options);
    const again = await simulatePart(seed, options);
    assertEquals(again.log, first.log);
  }
});

Deno.test("simulatePart() leaves out the steps and the mishaps that are not named", async () => {
  const options = { mode: "loss", store: "memory" } as const;
  const whole = await simulatePart(5, options);
  const part = await simulatePart(5, options, { steps: [14], mishaps: [] });
  assert(whole.asks > 1 && whole.mishaps.length > 0);
  assertEquals([part.asks, part.mishaps], [1, []]);
});

for (const mutant of MUTANTS) {
  testWith(["read"], `The mutant "${mutant.name}" fits the code`, () => {
    const source = sourceOf(mutant);
    assert(mutated(source, mutant) !== source);
  });
}

Deno.test("mutated() throws for a line that is not there", () => {
  const mutant = { ...MUTANTS[0]!, from: "no such line" };
  assertThrows(() => mutated("text", mutant), Error, "0 times");
});
