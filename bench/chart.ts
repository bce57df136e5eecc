import type { Outcome } from "./measure.ts";
import type { Run } from "./results.ts";
import { type Spread, spreadOf } from "./statistics.ts";

const WIDTH = 760;
/** The position of the bars, and the length of a bar of ratio 1. */
const LEFT = 220;
const UNIT = 400;
const LINE = 24;
const BAR = 14;
/** The highest ratio in the chart; longer whiskers are cut. */
const HIGHEST = (WIDTH - LEFT - 60) / UNIT;

/**
 * Colours for light and dark pages; images receive the reader's preference too.
 * The contrast with the page is at least 4.5 for text, and 3 for bars.
 */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .quiet { fill: #57606a; }
  .bar { fill: #8c959f; }
  .ours { fill: #0969da; }
  .line { stroke: #24292f; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #9198a1; }
    .bar { fill: #6e7681; }
    .ours { fill: #4493f8; }
    .line { stroke: #e6edf3; }
  }
`;

/** Draws the CPU ratios: a bar for the median, a line from minimum to maximum. */
export function chartOf(run: Run): string {
  const parts: string[] = [];
  let y = 28;
  parts.push(
    text("Requests per CPU second, as a share of routing by hand", {
      x: 16,
      y,
      style: "title",
    }),
    text(
      "Bars: the median of the rounds; lines: from the lowest to the highest",
      {
        x: 16,
        y: y += 20,
        style: "quiet",
      },
    ),
  );
  for (const outcome of run.outcomes) {
    y += 16;
    parts.push(...panelOf(outcome, y));
    y += LINE * (barsOf(outcome).length + 1);
  }
  const height = y + 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Requests per CPU second of Curfew and others, as a share of routing by hand">
<style>${STYLE}</style>
${parts.join("\n")}
</svg>
`;
}

/** A bar of the chart. */
interface Bar {
  readonly name: string;
  readonly ratio: Spread;
}

function barsOf(outcome: Outcome): Bar[] {
  return outcome.rows
    .filter(({ rounds }) => rounds.length > 0)
    .map(({ name, rounds }) => ({
      name,
      ratio: spreadOf(rounds.map(({ cpuRatio }) => cpuRatio)),
    }));
}

function panelOf(outcome: Outcome, top: number): string[] {
  const bars = barsOf(outcome);
  const end = LEFT + UNIT;
  return [
    text(outcome.name, { x: 16, y: top + 17, style: "title" }),
    text(outcome.baseline.name, {
      x: end,
      y: top + 17,
      style: "quiet",
      anchor: "middle",
    }),
    ...bars.flatMap((bar, i) => barOf(bar, top + LINE * (i + 1))),
    `<line class="line" x1="${end}" x2="${end}" y1="${top + LINE}" y2="${
      top + LINE * (bars.length + 1)
    }" stroke-dasharray="3 3"/>`,
  ];
}

function barOf({ name, ratio }: Bar, top: number): string[] {
  const middle = top + LINE / 2;
  const from = LEFT + length(ratio.min);
  const to = LEFT + length(ratio.max);
  return [
    text(name, { x: LEFT - 10, y: middle + 4, anchor: "end" }),
    `<rect class="bar${name === "Curfew" ? " ours" : ""}" x="${LEFT}" y="${
      middle - BAR / 2
    }" width="${length(ratio.median)}" height="${BAR}"/>`,
    `<line class="line" x1="${from}" x2="${to}" y1="${middle}" y2="${middle}"/>`,
    text(ratio.median.toFixed(2), {
      x: Math.max(to, LEFT + length(ratio.median)) + 8,
      y: middle + 4,
      style: "quiet",
    }),
  ];
}

function length(ratio: number): number {
  return Math.round(Math.min(ratio, HIGHEST) * UNIT);
}

/** The position and style of a text. */
interface TextOptions {
  readonly x: number;
  readonly y: number;
  readonly style?: string;
  readonly anchor?: "middle" | "end";
}

function text(content: string, options: TextOptions): string {
  const { x, y, style, anchor } = options;
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}"${
    style === undefined ? "" : ` class="${style}"`
  }${anchor === undefined ? "" : ` text-anchor="${anchor}"`}>${escaped}</text>`;
}
