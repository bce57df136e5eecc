import type { Lateness, Verdict } from "./verdict.ts";

/** Describes the verdict. */
export function describeVerdict(verdict: Verdict): string {
  const { made, delivered, unknown, overall, calm, faults } = verdict;
  const lists = {
    "ends lost": verdict.lost,
    "ends delivered before their deadline": verdict.early,
    "ends delivered twice without need": verdict.unexcused,
    "logouts undone": verdict.revived,
    "other errors": verdict.wrongs,
  };
  return [
    `faults: ${
      Object.entries(faults).map(([kind, count]) => `${count} ${kind}`).join(
        ", ",
      )
    }`,
    `requests: ${verdict.answered} with status 200, ${verdict.refused} with 503, ${verdict.unanswered} without a response`,
    `sessions: ${made} made, ${delivered} ends delivered, ${unknown} of them for sessions whose response was lost`,
    `late by: ${describeLateness(overall)}; outside of faults ${
      describeLateness(calm)
    }`,
    ...some(verdict.worst),
    `ends delivered twice since their node was killed: ${verdict.doubles.length}`,
    ...some(verdict.doubles),
    ...Object.entries(lists).flatMap((
      [name, list],
    ) => [`${name}: ${list.length} (must be 0)`, ...some(list)]),
    verdict.isGood ? "No errors." : "ERRORS FOUND.",
  ].join("\n");
}

function describeLateness({ count, p50, p99, max }: Lateness): string {
  return `p50 ${p50}, p99 ${p99}, max ${max} ms (of ${count})`;
}

function some(list: readonly string[]): string[] {
  return list.slice(0, 8).map((line) => `  ${line}`);
}
