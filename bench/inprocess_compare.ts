import { measure } from "npm:mitata@^1.0.34";
import { spreadOf } from "./statistics.ts";
import { printTable, spanOf } from "./table.ts";

/** One way of doing what is compared. */
export interface Candidate {
  readonly name: string;
  /** Does it as often as the comparison says; what it answers is ignored. */
  readonly run: () => unknown;
  /** Gets ready for a run, untimed. */
  readonly prepare?: () => void;
  /** How often a run does it, if not as often as the others'. */
  readonly times?: number;
}

/** Several ways of doing one thing. */
export interface Comparison {
  readonly title: string;
  /** How often a run does it: so often that it takes a millisecond or so. */
  readonly times: number;
  /** What a ratio may be, if that was promised of the second candidate. */
  readonly bar?: number;
  /** The first is what the others are compared with. */
  readonly candidates: readonly Candidate[];
}

/** Times each candidate is measured; they take turns. */
const ROUNDS = 7;

/** Nanoseconds that a candidate is measured for, each time. */
const TIME = 60e6;

/**
 * Measures candidates by turns and prints nanoseconds, and their ratios to the
 * first candidate's in the same round.
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

/** What each round says of one candidate against another. */
export function ratiosOf(
  ones: readonly number[],
  others: readonly number[],
): number[] {
  return ones.map((one, round) => one / others[round]!);
}

/** Whether the median of the ratios is as promised. */
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
