import type { Result } from "./measure.ts";

/** A row of the table: a contender, calm and with one process killed. */
export interface Row {
  readonly name: string;
  readonly isOurs: boolean;
  readonly calm: Result;
  readonly killed: Result;
}

const COLUMNS = [
  "arrived",
  "lost",
  "early",
  "doubled",
  "late, p50",
  "late, p99",
  "late, max",
];

/** Returns both tables, as Markdown. */
export function tablesOf(rows: readonly Row[]): string {
  return `Calm:

${tableOf(rows.map(({ name, calm }) => [name, calm]))}

With one \`kill -9\`, halfway, of the process that made the sessions; it is started
again a second later:

${tableOf(rows.map(({ name, killed }) => [name, killed]))}`;
}

function tableOf(rows: readonly (readonly [string, Result])[]): string {
  const lines = [
    ["", ...COLUMNS],
    ["---", ...COLUMNS.map(() => "--:")],
    ...rows.map(([name, result]) => [name, ...cellsOf(result)]),
  ];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function cellsOf({ told, lost, early, doubled, late }: Result): string[] {
  return [
    ...[told, lost, early, doubled].map((count) => count.toLocaleString("en")),
    ...late === undefined
      ? ["", "", ""]
      : [late.p50, late.p99, late.max].map(timeText),
  ];
}

/** Formats milliseconds: in seconds from one on. */
export function timeText(milliseconds: number): string {
  return milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;
}
