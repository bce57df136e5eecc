import { delayText } from "../base/duration_text.ts";
import type { Histogram } from "../metrics/histogram.ts";
import type { Minute } from "./session_history.ts";
import { END_REASONS } from "../registry/session_counts.ts";

/** Units of the drawing, which is stretched to the available width. */
const STEP = 10;
const BAR = 8;
const HALF = 60;

/** Draws the sessions made (upwards) and ended (downwards, by reason) per minute. */
export function minutesChart(minutes: readonly Minute[]): string {
  const made = minutes.map((minute) => minute.made);
  const ended = minutes.map(endedIn);
  const most = Math.max(...made, ...ended);
  const scale = (HALF - 2) / Math.max(most, 1);
  const bars = minutes.map((minute, i) => barsOf(minute, i * STEP, scale));
  const width = minutes.length * STEP;
  const [madeInAll, endedInAll] = [sumOf(made), sumOf(ended)];
  const summary =
    `Made and ended in each of the last ${minutes.length} minutes: ${
      count(madeInAll)
    } made, ${count(endedInAll)} ended, at most ${count(most)} in a minute`;
  return `<svg class="minutes" role="img" aria-label="${summary}" viewBox="0 0 ${width} ${
    2 * HALF
  }" preserveAspectRatio="none">${
    bars.join("")
  }<path class="axis" d="M0 ${HALF}H${width}"/></svg>
<p class="scale"><span>${minutes.length} min ago</span><span>at most ${
    count(most)
  } a minute</span><span>now</span></p>
<ul class="legend">${keyOf("made", madeInAll)}${
    END_REASONS.map((reason) =>
      keyOf(reason, sumOf(minutes.map(({ ended }) => ended.get(reason) ?? 0)))
    ).join("")
  }</ul>`;
}

/** Returns a table of the ends by lateness, with bars. */
export function latenessTable({ bounds, counts }: Histogram): string {
  const most = Math.max(...counts, 1);
  const rows = counts.map((number, i) => {
    const bound = bounds[i];
    const label = bound === undefined
      ? `over ${delayText(bounds.at(-1) ?? 0)}`
      : `up to ${delayText(bound)}`;
    return `<tr><th scope="row">${label}</th><td>${
      barOf(number / most)
    }</td><td class="number">${count(number)}</td></tr>`;
  });
  return `<table class="spread"><caption class="unseen">Ends by how late they were</caption><thead class="unseen"><tr><th scope="col">Late</th><th scope="col">Share</th><th scope="col">Ends</th></tr></thead><tbody>${
    rows.join("")
  }</tbody></table>`;
}

/** Draws a horizontal bar that is filled to a part from 0 to 1. */
export function barOf(part: number, attributes = ""): string {
  // A value above 0 is always visible.
  const width = part > 0 ? Math.max(1, Math.round(part * 100)) : 0;
  return `<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width="${width}" height="4"${attributes}/></svg>`;
}

/** Returns the number of ends in a minute. */
export function endedIn({ ended }: Minute): number {
  return sumOf([...ended.values()]);
}

/** Formats a number with commas. */
export function count(number: number): string {
  return number.toLocaleString("en");
}

function barsOf(minute: Minute, x: number, scale: number): string {
  let bars = "";
  if (minute.made > 0) {
    const height = minute.made * scale;
    bars += rect("made", { x, y: HALF - 1 - height, height });
  }
  let y = HALF + 1;
  for (const reason of END_REASONS) {
    const height = (minute.ended.get(reason) ?? 0) * scale;
    if (height === 0) continue;
    bars += rect(reason, { x, y, height });
    y += height;
  }
  return bars;
}

function rect(
  kind: string,
  { x, y, height }: { x: number; y: number; height: number },
): string {
  return `<rect class="${kind}" x="${x + (STEP - BAR) / 2}" y="${
    short(y)
  }" width="${BAR}" height="${short(height)}"/>`;
}

function keyOf(kind: string, number: number): string {
  return `<li class="${kind}${number === 0 ? " none" : ""}">${kind} <b>${
    count(number)
  }</b></li>`;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function short(number: number): number {
  return Math.round(number * 10) / 10;
}
