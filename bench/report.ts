/**
 * Formats results as Markdown, for files and the terminal.
 *
 * @module
 */

import type { Outcome, Row } from "./measure.ts";
import type { Run } from "./results.ts";
import { spreadOf } from "./statistics.ts";

/**
 * Formats the results of a contest: medians, with minimum and maximum. Ratios are
 * to the baseline; the last column has the ratio of CPU time to the bare server.
 */
export function tableOf(outcome: Outcome): string {
  const { baseline } = outcome;
  const { samples } = baseline;
  const rows = outcome.rows.filter(({ rounds }) => rounds.length > 0);
  const bare = rows.find(({ name }) => name === outcome.bare);
  const lines = [
    ["", "requests/s", "ratio", "CPU per request, us", "CPU ratio"],
    [
      baseline.name,
      spread(samples.map((sample) => sample.requestsPerSecond), 0),
      "1",
      spread(samples.map((sample) => sample.cpuMicroseconds), 1),
      "1",
    ],
    ...rows.map(lineOf),
  ];
  if (bare === undefined) return align(lines);
  const toBare = [1, ...rows.map(medianOf)].map((ratio) =>
    (ratio / medianOf(bare)).toFixed(2)
  );
  return align(
    lines.map((line, i) => [...line, i === 0 ? "to bare" : toBare[i - 1]!]),
  );
}

/** The columns of the short table, and how the names of their rows begin. */
const COLUMNS: Readonly<Record<string, string>> = {
  "Curfew": "Curfew",
  "Hono": "Hono",
  "Elysia": "Elysia",
  "H3": "H3",
};

/** Formats the ratios of CPU time of a run in one short table, with its conditions. */
export function costsOf(run: Run): string {
  const lines = run.outcomes.map((outcome) => [
    outcome.name.replace(/^mixed-(.*)/, "$1, mixed"),
    ...Object.values(COLUMNS).map((name) => ratioOf(outcome, name)),
    bareOf(outcome),
  ]);
  const head = ["", ...Object.keys(COLUMNS), "no routing"];
  return `${align([head, ...lines])}\n\n${conditionsOf(run)}`;
}

/** Returns the spread of the ratios of a contender, with or without "by hand". */
function ratioOf({ rows }: Outcome, name: string): string {
  const row = rows.find((row) =>
    row.name === name || row.name === `${name}, sessions by hand`
  );
  if (row === undefined || row.rounds.length === 0) return "";
  return spread(row.rounds.map(({ cpuRatio }) => cpuRatio), 2);
}

function bareOf(outcome: Outcome): string {
  return outcome.bare === undefined ? "" : ratioOf(outcome, outcome.bare);
}

/** Formats a run: machine, settings, tables and remarks. */
export function sectionOf(run: Run): string {
  const tables = run.outcomes.flatMap((outcome) => [
    `**${outcome.name}.** ${outcome.title}.`,
    tableOf(outcome),
  ]);
  return [conditionsOf(run), ...tables, ...run.remarks].join("\n\n");
}

/** Formats the date, the machine and the settings of a run. */
export function conditionsOf(run: Run): string {
  const { rounds, seconds, warmUpSeconds, connections, cpus } = run.settings;
  const versions = Object.entries(run.versions)
    .map(([name, version]) => `${name} ${version}`);
  const place = cpus === undefined
    ? "servers and wrk on any CPU"
    : `servers on CPU ${cpus.server}, wrk on CPU ${cpus.client}`;
  return `Measured ${run.measuredAt.slice(0, 10)} on ${run.machine}, with ${
    versions.join(", ")
  }: ${rounds} ${
    rounds === 1 ? "round" : "rounds"
  } of ${seconds} s after ${warmUpSeconds} s of load, ${connections} connections, ${place}.`;
}

/** Returns the median of the ratios of CPU time. */
function medianOf({ rounds }: Row): number {
  return spreadOf(rounds.map(({ cpuRatio }) => cpuRatio)).median;
}

function lineOf({ name, rounds }: Row): string[] {
  return [
    name,
    spread(rounds.map((round) => round.requestsPerSecond), 0),
    spread(rounds.map((round) => round.ratio), 2),
    spread(rounds.map((round) => round.cpuMicroseconds), 1),
    spread(rounds.map((round) => round.cpuRatio), 2),
  ];
}

function spread(values: readonly number[], digits: number): string {
  const { min, median, max } = spreadOf(values);
  const [least, middle, most] = [min, median, max].map((value) =>
    value.toLocaleString("en", {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    })
  );
  return `${middle} (${least} to ${most})`;
}

/** Formats a table with aligned columns; all but the first are numbers. */
function align(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length))
  );
  const [head, ...rows] = lines.map((line) =>
    line.map((cell, column) =>
      column === 0
        ? cell.padEnd(widths[column]!)
        : cell.padStart(widths[column]!)
    )
  );
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`
  );
  return [head!, rule, ...rows].map((line) => `| ${line.join(" | ")} |`)
    .join("\n");
}
