/**
 * Formats results as Markdown, for files and the terminal.
 *
 * @module
 */

import type { Outcome, Row } from "./measure.ts";
import type { Run } from "./results.ts";
import { spreadOf } from "./statistics.ts";

/** Formats the results of a contest: medians, with minimum and maximum. */
export function tableOf(outcome: Outcome): string {
  const { baseline, rows } = outcome;
  const { samples } = baseline;
  return align([
    ["", "requests/s", "ratio", "CPU per request, us", "CPU ratio"],
    [
      baseline.name,
      spread(samples.map((sample) => sample.requestsPerSecond), 0),
      "1",
      spread(samples.map((sample) => sample.cpuMicroseconds), 1),
      "1",
    ],
    ...rows.filter(({ rounds }) => rounds.length > 0).map(lineOf),
  ]);
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
