import type { Result } from "./measure.ts";
import { type Row, timeText } from "./report.ts";

const WIDTH = 760;
/** The position of the bars, and their length when all ends are told. */
const LEFT = 230;
const LENGTH = 300;
const LINE = 22;
const BAR = 14;

/**
 * Colours for light and dark pages; images receive the reader's preference too. The
 * contrast with the page is at least 4.5 for text, and 3 for bars.
 */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .quiet { fill: #57606a; }
  .frame { fill: none; stroke: #8c959f; }
  .soon { fill: #0969da; }
  .late { fill: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #9198a1; }
    .frame { stroke: #6e7681; }
    .soon { fill: #4493f8; }
    .late { fill: #db6d28; }
  }
`;

/** Draws which part of the ends was told in time, late, and not at all. */
export function pictureOf(rows: readonly Row[]): string {
  const { sessions = 0 } = rows[0]?.calm ?? {};
  const parts = [
    text(
      `${sessions.toLocaleString("en")} sessions end: which ends arrive?`,
      {
        x: 16,
        y: 28,
        style: "title",
      },
    ),
    rectangle(16, 40, { width: 14, style: "soon" }),
    text("within a second", { x: 36, y: 52, style: "quiet" }),
    rectangle(150, 40, { width: 14, style: "late" }),
    text("later", { x: 170, y: 52, style: "quiet" }),
    rectangle(220, 40, { width: 14, style: "frame" }),
    text("never", { x: 240, y: 52, style: "quiet" }),
    text("late by (p99)", { x: LEFT + LENGTH + 12, y: 52, style: "quiet" }),
  ];
  let y = 60;
  const panels = [
    ["All processes live on", "calm"],
    ["One process is killed halfway (kill -9)", "killed"],
  ] as const;
  for (const [title, part] of panels) {
    y += 30;
    parts.push(text(title, { x: 16, y, style: "title" }));
    y += 8;
    for (const row of rows) {
      parts.push(...barOf(row, row[part], y));
      y += LINE;
    }
  }
  const height = y + 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Ends of sessions that arrived within a second, later, or never">
<style>${STYLE}</style>
${parts.join("\n")}
</svg>
`;
}

function barOf(
  { name, isOurs }: Row,
  { sessions, told, doubled, withinSecond, late }: Result,
  top: number,
): string[] {
  const unit = LENGTH / sessions;
  const bar = top + (LINE - BAR) / 2;
  const others = told - withinSecond;
  const end = late === undefined ? "" : timeText(late.p99);
  const twice = doubled === 0 ? "" : `, ${doubled.toLocaleString("en")} twice`;
  return [
    text(name, {
      x: LEFT - 10,
      y: top + 16,
      anchor: "end",
      ...isOurs ? { style: "title" } : {},
    }),
    rectangle(LEFT, bar, { width: withinSecond * unit, style: "soon" }),
    rectangle(LEFT + withinSecond * unit, bar, {
      width: others * unit,
      style: "late",
    }),
    rectangle(LEFT, bar, { width: LENGTH, style: "frame" }),
    text(end + twice, { x: LEFT + LENGTH + 12, y: top + 16, style: "quiet" }),
  ];
}

function rectangle(
  x: number,
  y: number,
  { width, style }: { readonly width: number; readonly style: string },
): string {
  const size = `width="${width.toFixed(1)}" height="${BAR}"`;
  return `<rect class="${style}" x="${x.toFixed(1)}" y="${y}" ${size}/>`;
}

/** The position and style of a text. */
interface TextOptions {
  readonly x: number;
  readonly y: number;
  readonly style?: string;
  readonly anchor?: "end";
}

function text(content: string, options: TextOptions): string {
  const { x, y, style, anchor } = options;
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const attributes = [
    `x="${x}" y="${y}"`,
    ...style === undefined ? [] : [`class="${style}"`],
    ...anchor === undefined ? [] : [`text-anchor="${anchor}"`],
  ];
  return `<text ${attributes.join(" ")}>${escaped}</text>`;
}
