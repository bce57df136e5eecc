import { quantileOf } from "../statistics.ts";
import type { Used } from "./load.ts";
import type { Ends, Visits } from "./worker.ts";

/** One phase of a measurement. */
export interface Phase {
  readonly name: string;
  /** Visits a second, and ends a second. */
  readonly visits: number;
  readonly ends: number;
  readonly seconds: number;
}

/** What a phase has shown. */
export interface Outcome {
  readonly phase: Phase;
  readonly used: Used;
  readonly visits: Visits;
  readonly ends: EndCounts;
  /** What the processes reported to `onError`. */
  readonly errors: readonly string[];
}

/** The ends of a phase. */
export interface EndCounts {
  readonly made: number;
  readonly lost: number;
  readonly early: number;
  /** Second and later times that an end was told. */
  readonly doubled: number;
  /** Milliseconds by which each end was late. */
  readonly late: readonly number[];
}

/** Milliseconds by which the clock of a store may round. */
const ROUNDING = 1;

/** The share of one CPU from which on a program counts as saturated. */
const SATURATED = 0.9;

/** The share of the visits and ends due that must have come in time. */
const HELD = 0.99;

/** The program that uses several CPUs at a time. */
const MANY = "PostgreSQL";

/** Counts the ends of all processes. */
export function countEnds(reports: readonly Ends[]): EndCounts {
  const deadlines = new Map(reports.flatMap(({ made }) => made));
  const told = new Map<string, number>();
  let doubled = 0;
  for (const [uid, at] of reports.flatMap(({ told }) => told)) {
    if (told.has(uid)) doubled++;
    else told.set(uid, at);
  }
  const late = [...told].filter(([uid]) => deadlines.has(uid))
    .map(([uid, at]) => at - deadlines.get(uid)!);
  return {
    made: deadlines.size,
    lost: deadlines.size - late.length,
    early: late.filter((late) => late < -ROUNDING).length,
    doubled,
    late: late.map((late) => Math.max(0, late)),
  };
}

/** Returns the row of a phase in the table of times. */
export function timesOf(
  { phase, used, visits, ends }: Outcome,
): Record<string, string> {
  const ms = (values: readonly number[], part: number) =>
    values.length === 0 ? "" : quantileOf(values, part).toFixed(0);
  const cell = (count: number, isThere: boolean) =>
    isThere ? count.toLocaleString("en") : "";
  const hasVisits = phase.visits > 0;
  const hasEnds = phase.ends > 0;
  return {
    phase: phase.name,
    "visits/s": cell(Math.round(visits.took.length / used.seconds), hasVisits),
    failed: cell(visits.failed, hasVisits),
    "p50 ms": ms(visits.took, 0.5),
    "p99 ms": ms(visits.took, 0.99),
    "max ms": ms(visits.took, 1),
    ends: cell(ends.made, hasEnds),
    lost: cell(ends.lost, hasEnds),
    early: cell(ends.early, hasEnds),
    doubled: cell(ends.doubled, hasEnds),
    "late p50": ms(ends.late, 0.5),
    "late p99": ms(ends.late, 0.99),
    "late max": ms(ends.late, 1),
  };
}

/** Returns the rows of a phase in the table of costs: of a visit, of an end. */
export function costsOf(
  { phase, used, visits, ends }: Outcome,
): Record<string, string>[] {
  const [what, count] = phase.visits > 0 && phase.ends > 0
    ? ["both: a second", used.seconds] as const
    : phase.visits > 0
    ? ["a visit", visits.took.length] as const
    : phase.ends > 0
    ? ["an end", ends.made] as const
    : ["polls: a second", used.seconds] as const;
  const costs = Object.entries(used.counters).map(([name, value]) => {
    const each = value / count;
    return [name, each < 100 ? each.toFixed(2) : each.toFixed(0)];
  });
  return costs.length === 0 ? [] : [Object.fromEntries([
    ["cost", what],
    ...costs,
  ])];
}

/** Returns the row of a phase in the table of CPU time. */
export function loadOf(
  { phase, used }: Outcome,
  members: readonly string[],
): Record<string, string> {
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  const shares = members.map((name) => used.cpu[name]!);
  const others = Object.entries(used.cpu)
    .filter(([name]) => !members.includes(name))
    .map(([name, share]) => [name, percent(share)]);
  return {
    "CPU of a core": phase.name,
    ...Object.fromEntries(others),
    "a process": percent(
      shares.reduce((sum, share) => sum + share, 0) / shares.length,
    ),
    "the busiest": percent(Math.max(...shares)),
    "all of it": percent(
      Object.values(used.cpu).reduce((sum, share) => sum + share, 0),
    ),
    "all CPUs, other programs too": percent(used.machine),
  };
}

/** Says whether the rates of a phase were held, and what was saturated. */
export function verdictOn({ phase, used, visits, ends }: Outcome): string {
  const due = phase.visits * phase.seconds;
  const isHeld = visits.took.filter((took) => took < 1000).length >=
      due * HELD &&
    visits.failed === 0 && ends.lost === 0 &&
    ends.late.filter((late) => late < 1000).length >= ends.made * HELD;
  const [name, share] = Object.entries(used.cpu)
    .toSorted(([, a], [, b]) => b - a)[0]!;
  const busiest = `${name} with ${(100 * share).toFixed(0)} % of a core`;
  const ours = Object.values(used.cpu).reduce((sum, share) => sum + share, 0) /
    navigator.hardwareConcurrency;
  const saturated = ours > SATURATED
    ? `the CPUs are saturated, the busiest program is ${busiest}`
    : share > SATURATED && name !== MANY
    ? `${busiest} is saturated`
    : used.machine > SATURATED
    ? `other programs take the rest of the CPUs, the busiest of ours is ${busiest}`
    : `nothing is saturated, the busiest program is ${busiest}`;
  return `${phase.name}: ${isHeld ? "held" : "NOT held"}; ${saturated}`;
}
