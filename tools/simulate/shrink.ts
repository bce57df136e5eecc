import type { Violation } from "./model.ts";
import type { Plan, Step } from "./plan.ts";
import type { Run } from "./world.ts";

/** The part of a plan that happens. */
export interface Part {
  /** The indexes of its steps; undefined for all. */
  readonly steps: readonly number[] | undefined;
  /** The mishaps that may happen; undefined for all. */
  readonly mishaps: readonly string[] | undefined;
}

/** All of a plan. */
export const WHOLE: Part = { steps: undefined, mishaps: undefined };

/** The most runs of a shrinking. */
const MAX_RUNS = 600;

/** Returns a plan with a part of its steps. */
export function partOf(plan: Plan, { steps }: Part): Plan {
  return { ...plan, steps: chosen(plan.steps, steps) };
}

/** Steps that are left out keep their place, so that the others keep their names. */
function chosen(
  steps: readonly Step[],
  indexes: readonly number[] | undefined,
): readonly Step[] {
  if (indexes === undefined) return steps;
  const set = new Set(indexes);
  return steps.map((step, index) =>
    set.has(index) ? step : { at: step.at, kind: "nothing" }
  );
}

/**
 * Looks for the smallest part of a plan that still breaks the same promise: first
 * without mishaps, then without steps, each time in halves, quarters and so on.
 */
export async function shrink(
  plan: Plan,
  first: Run,
  run: (part: Part) => Promise<Run>,
): Promise<{ readonly part: Part; readonly run: Run }> {
  const kind = kindOf(first.violations[0]!);
  let best = first;
  let part: Part = {
    steps: plan.steps.map((_, index) => index),
    mishaps: first.mishaps,
  };
  let runs = 0;
  const tries = async (smaller: Part): Promise<boolean> => {
    if (++runs > MAX_RUNS) return false;
    const result = await run(smaller);
    if (!result.violations.some((each) => kindOf(each) === kind)) return false;
    best = result;
    part = smaller;
    return true;
  };
  for (let before = -1; before !== sizeOf(part) && runs < MAX_RUNS;) {
    before = sizeOf(part);
    await reduce(part.mishaps!, (mishaps) => tries({ ...part, mishaps }));
    await reduce(part.steps!, (steps) => tries({ ...part, steps }));
  }
  return { part, run: best };
}

/** Takes parts out of a list, as long as what is left passes the test. */
async function reduce<T>(
  all: readonly T[],
  passes: (rest: readonly T[]) => Promise<boolean>,
): Promise<void> {
  let list = all;
  if (list.length > 0 && await passes([])) return;
  for (let size = Math.ceil(list.length / 2); size >= 1;) {
    for (let from = 0; from < list.length;) {
      const rest = [...list.slice(0, from), ...list.slice(from + size)];
      if (rest.length > 0 && await passes(rest)) list = rest;
      else from += size;
    }
    size = size === 1 ? 0 : Math.ceil(size / 2);
  }
}

function sizeOf({ steps, mishaps }: Part): number {
  return steps!.length + mishaps!.length;
}

/** Two violations are of one kind if only names and numbers differ. */
function kindOf({ promise, text }: Violation): string {
  return `${promise} ${text.replace(/\b[a-z]?\d+(\.\d+)*\b/g, "#")}`;
}
