import { measure } from "npm:mitata@^1.0.34";
import { spreadOf } from "./statistics.ts";
import { printTable, spanOf } from "./table.ts";

/** One way of doing a task. */
export interface Candidate {
  readonly name: string;
  /** Does the task `count` times; the result is ignored. */
  readonly run: () => unknown;
  /** Prepares a run; not measured. */
  readonly prepare?: () => void;
  /** The number of tasks in a run, if it differs from the other candidates. */
  readonly times?: number;
}

/** Several ways of doing one task. */
export interface Comparison {
  readonly title: string;
  /** The number of tasks in a run, so that a run takes about a millisecond. */
  readonly times: number;
  /** The highest allowed ratio of the second candidate, if there is one. */
  readonly bar?: number;
  /** The candidates; the first is the baseline. */
  readonly candidates: readonly Candidate[];
}

/** Measurements of each candidate, by turns. */
const ROUNDS = 7;

/** The duration of a measurement, in nanoseconds. */
const TIME = 60e6;

/**
 * Measures candidates by turns. Prints nanoseconds, and the ratios to the first
 * candidate in the same round.
 *
 * @returns the nanoseconds of each candidate, by round.
 */
export async function compare(comparison: Comparison): Promise<number[][]> {
  const { title, times, bar, candidates } = comparison;
  const found: number[][] = candidates.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, candidate] of candidates.entries()) {
      const nanoseconds = await nanosecondsOf(candidate);
      found[i]!.push(nanoseconds / (candidate.times ?? times));
    }
  }
  console.log(`\n${title}`);
  printTable(candidates.map(({ name }, i) => {
    const ratios = ratiosOf(found[i]!, found[0]!);
    return {
      "": name,
      ns: spanOf(found[i]!, 0),
      ratio: i === 0 ? "" : spanOf(ratios, 2),
      bar: i === 1 && bar !== undefined ? verdict(ratios, bar) : "",
    };
  }));
  return found;
}

/** Returns the ratio of two candidates in each round. */
export function ratiosOf(
  ones: readonly number[],
  others: readonly number[],
): number[] {
  return ones.map((one, round) => one / others[round]!);
}

/** Returns whether the median of the ratios is low enough. */
export function verdict(ratios: readonly number[], bar: number): string {
  return `${spreadOf(ratios).median <= bar ? "within" : "BEYOND"} ${bar}`;
}

async function nanosecondsOf({ prepare, run }: Candidate): Promise<number> {
  const options = { "min_cpu_time": TIME, gc: false };
  const { p50 } = await measure(function* () {
    yield {
      [0]: () => prepare?.(),
      bench: (_ready: void) => run(),
    };
  }, options);
  return p50;
}
