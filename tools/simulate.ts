/**
 * Simulates the sessions of several processes over one store, with all that may
 * fail, and checks the promises of the design after each step.
 *
 *     deno task simulate [--seeds=N] [--mode=calm|crash|loss|slow|clock|all]
 *                        [--store=memory|sqlite|sqlite-file|redis|postgres]
 *                        [--seed=S] [--theme=plain|...]
 *
 * Each seed is a world of its own: processes that crash, freeze, sleep and close,
 * a network that loses, delays and repeats messages, clocks that are set, browsers
 * with cookies. The same seed gives the same log. What clients do beyond the common
 * actions is the theme of the seed, in turn; `--theme` gives all seeds one. Without a
 * mode all of them run, each with as many seeds. `--seed` is the first seed; alone it
 * prints its log, and with `--calls` the calls of the store too.
 *
 * `--first` ends at the first seed that fails, and names the promise.
 *
 * For a seed that fails it prints the shortest log that still fails, and the
 * command that replays it. Exits with 1 then.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { oneOf, reportWrongOption, wholeNumber } from "./command_options.ts";
import { type Mode, MODES, planOf } from "./simulate/plan.ts";
import { type Theme, THEMES } from "./simulate/themes/themes.ts";
import { replaceGlobals } from "./simulate/seams.ts";
import { type Part, partOf, shrink, WHOLE } from "./simulate/shrink.ts";
import { STORE_KINDS, type StoreKind, storeMaker } from "./simulate/stores.ts";
import { type Run, runPlan, simulated } from "./simulate/world.ts";

export { type Mode, MODES, type Theme, THEMES };

/** What is simulated. */
export interface SimulateOptions {
  readonly mode: Mode;
  readonly store: StoreKind;
  /** What clients do; by the seed if undefined. */
  readonly theme?: Theme | undefined;
  /** The first seed. */
  readonly seed: number;
  readonly seeds: number;
  /** Ends at the first seed that fails. */
  readonly isStopping?: boolean;
}

type Which = Pick<SimulateOptions, "mode" | "store" | "theme">;

/** A seed that broke a promise. */
export interface Failure {
  readonly seed: number;
  readonly run: Run;
}

/** The result of many seeds. */
export interface Simulation {
  readonly failures: readonly Failure[];
  readonly seeds: number;
  readonly sums: {
    readonly asks: number;
    readonly sessions: number;
    readonly events: number;
    readonly mishaps: number;
  };
}

/** Simulates many seeds of one mode. */
export async function simulate(options: SimulateOptions): Promise<Simulation> {
  const { mode, store, theme, seed: first, seeds, isStopping = false } =
    options;
  await using maker = await storeMaker(store);
  using seams = replaceGlobals(simulated, maker.hasTimers === true);
  const failures: Failure[] = [];
  const sums = { asks: 0, sessions: 0, events: 0, mishaps: 0 };
  let count = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const plan = planOf(seed, mode, theme);
    const run = await runPlan({ seed, plan, maker }, seams);
    count++;
    sums.asks += run.asks;
    sums.sessions += run.sessions;
    sums.events += run.events;
    sums.mishaps += run.mishaps.length;
    if (run.violations.length === 0) continue;
    failures.push({ seed, run });
    if (isStopping) break;
  }
  return { failures, seeds: count, sums };
}

/** Simulates a part of one seed. */
export async function simulatePart(
  seed: number,
  { mode, store, theme }: Which,
  part: Part = WHOLE,
  isVerbose = false,
): Promise<Run> {
  await using maker = await storeMaker(store);
  using seams = replaceGlobals(simulated, maker.hasTimers === true);
  const plan = partOf(planOf(seed, mode, theme), part);
  const mishaps = part.mishaps === undefined
    ? undefined
    : new Set(part.mishaps);
  return await runPlan({ seed, plan, mishaps, isVerbose, maker }, seams);
}

/** Describes a failed seed by the shortest log that fails, and how to replay it. */
async function describeFailure(
  { seed, run: first }: Failure,
  options: Which,
): Promise<string> {
  const { mode, store, theme } = options;
  const plan = planOf(seed, mode, theme);
  const { part, run } = await shrink(
    plan,
    first,
    (part) => simulatePart(seed, options, part),
  );
  const command = [
    `deno task simulate --mode=${mode} --store=${store} --seed=${seed}`,
    `--theme=${plan.theme}`,
    `--steps=${part.steps!.join(",")}`,
    `"--mishaps=${part.mishaps!.join(",")}"`,
  ].join(" ");
  return [...run.log, "", `Replay: ${command}`].join("\n");
}

/** The most failed seeds of a mode that are described. */
const MAX_DESCRIBED = 3;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      mode: { type: "string" },
      theme: { type: "string" },
      store: { type: "string", default: "memory" },
      seed: { type: "string" },
      steps: { type: "string" },
      mishaps: { type: "string" },
      calls: { type: "boolean", default: false },
      first: { type: "boolean", default: false },
    },
  });
  const { steps, mishaps } = values;
  const store = oneOf("--store", values.store, STORE_KINDS);
  const theme = values.theme && oneOf("--theme", values.theme, THEMES) ||
    undefined;
  const modes = values.mode === undefined
    ? MODES
    : [oneOf("--mode", values.mode, MODES)];
  const seed = wholeNumber("--seed", values.seed ?? "1");
  const seeds = wholeNumber("--seeds", values.seeds ?? "1000");
  if (values.seed !== undefined && values.seeds === undefined) {
    const part = {
      steps: steps?.split(",").map(Number),
      mishaps: mishaps?.split(","),
    };
    const options = { mode: modes[0]!, store, theme };
    const run = await simulatePart(seed, options, part, values.calls);
    console.log(run.log.join("\n"));
    return run.violations.length;
  }
  let failed = 0;
  for (const mode of modes) {
    const began = performance.now();
    const options = {
      mode,
      store,
      theme,
      seed,
      seeds,
      isStopping: values.first,
    };
    const { failures, sums } = await simulate(options);
    const seconds = (performance.now() - began) / 1000;
    failed += failures.length;
    if (values.first) {
      for (const { seed, run } of failures) {
        const { promise, text } = run.violations[0]!;
        console.log(`Seed ${seed}: promise ${promise}, ${text.split("\n")[0]}`);
      }
      continue;
    }
    console.log(
      `${mode}: ${options.seeds} seeds, ${failures.length} failed; ` +
        `${sums.asks} requests, ${sums.sessions} sessions, ` +
        `${sums.mishaps} mishaps, ${sums.events} events, ` +
        `${Math.round(seconds)} s`,
    );
    for (const kind of kindsOf(failures)) console.log(`  ${kind}`);
    for (const failure of failures.slice(0, MAX_DESCRIBED)) {
      console.log(`\nSeed ${failure.seed}:`);
      console.log(await describeFailure(failure, options));
    }
  }
  return failed;
}

/** Counts the failures by their first violations. */
function kindsOf(failures: readonly Failure[]): string[] {
  const kinds = new Map<string, number[]>();
  for (const { seed, run } of failures) {
    const { promise, text } = run.violations[0]!;
    const kind = `promise ${promise}: ${
      text.replace(/\b[a-z]?\d+(\.\d+)*\b/g, "#")
    }`;
    kinds.set(kind, [...kinds.get(kind) ?? [], seed]);
  }
  return [...kinds].map(([kind, seeds]) =>
    `${seeds.length} times ${kind} (${seeds.slice(0, 5).join(", ")})`
  );
}

if (import.meta.main) {
  const failed = await main().catch((error) => {
    reportWrongOption("simulate", error);
    return 1;
  });
  // PGlite keeps a timer.
  Deno.exit(failed > 0 ? 1 : 0);
}
