import { escape } from "@std/html";
import { delayText } from "../base/duration_text.ts";
import { visible } from "../base/describe.ts";
import type { Histogram } from "../metrics/prometheus_text.ts";
import type { Minute } from "./session_history.ts";
import { END_REASONS } from "../session/deadline.ts";

/** Units of the drawing, which is stretched to the available width. */
const STEP = 10;
const BAR = 8;
const HALF = 60;

/**
 * Draws the sessions started (upwards) and ended (downwards, by reason) per minute.
 *
 * Each half has a scale of its own, since thousands may start at once and end one
 * by one. The values of a minute are in its title, which browsers show on hover.
 */
export function minutesChart(minutes: readonly Minute[]): string {
  const made = minutes.map((minute) => minute.made);
  const ended = minutes.map(endedIn);
  const [madeInAll, endedInAll] = [sumOf(made), sumOf(ended)];
  if (madeInAll + endedInAll === 0) {
    return `<p class="none">No session has started or ended in the last hour.</p>`;
  }
  const [mostMade, mostEnded] = [Math.max(...made), Math.max(...ended)];
  const tops = [roundUp(mostMade), roundUp(mostEnded)] as const;
  const groups = minutes.map((minute, i) =>
    groupOf(minute, { x: i * STEP, ago: minutes.length - 1 - i, tops })
  );
  const width = minutes.length * STEP;
  const lines = [2, HALF / 2, 1.5 * HALF, 2 * HALF - 2]
    .map((y) => `M0 ${y}H${width}`).join("");
  const summary = `Sessions in each of the last ${minutes.length} minutes: ${
    count(madeInAll)
  } started, ${count(mostMade)} in a minute at most; ${
    count(endedInAll)
  } ended, ${count(mostEnded)} in a minute at most`;
  return `<div class="chart"><p class="scale" aria-hidden="true">${
    [tops[0], 0, tops[1]].map((value) => `<span>${count(value)}</span>`)
      .join("")
  }</p><svg class="minutes" role="img" aria-label="${summary}" viewBox="0 0 ${width} ${
    2 * HALF
  }" preserveAspectRatio="none"><path class="line" d="${lines}"/>${
    groups.join("")
  }<path class="axis" d="M0 ${HALF}H${width}"/></svg></div>
<p class="times"><span>${minutes.length} min ago</span><span>${
    minutes.length / 2
  } min ago</span><span>now</span></p>
<ul class="legend">${
    keyOf("made", "started", `${count(madeInAll)}, peak ${count(mostMade)}/min`)
  }${
    END_REASONS.map((reason) => {
      const number = sumOf(minutes.map(({ ended }) => ended.get(reason) ?? 0));
      return number === 0 ? "" : keyOf(reason, reason, count(number));
    }).join("")
  }</ul>`;
}

/** Returns a table of the ends by their delay after the deadline, with bars. */
export function delayTable({ bounds, counts, count: all }: Histogram): string {
  if (all === 0) {
    return `<p class="none">No session has reached its deadline yet.</p>`;
  }
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
  return `<table class="spread"><caption class="unseen">Ends by their delay after the deadline</caption><thead class="unseen"><tr><th scope="col">Delay</th><th scope="col">Share</th><th scope="col">Ends</th></tr></thead><tbody>${
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

/** Draws the bars of a minute, with their values as the title. */
function groupOf(
  minute: Minute,
  { x, ago, tops }: {
    readonly x: number;
    readonly ago: number;
    /** The values at the top and at the bottom. */
    readonly tops: readonly [number, number];
  },
): string {
  const ends = [...minute.ended];
  if (minute.made === 0 && ends.length === 0) return "";
  const [up, down] = tops.map((top) => (HALF - 2) / top) as [number, number];
  const title = [
    `${ago === 0 ? "this minute" : `${ago} min ago`}: ${
      count(minute.made)
    } started`,
    ...ends.map(([reason, number]) => `${count(number)} ${visible(reason)}`),
  ].join(", ");
  // The whole column can be pointed at.
  let drawn = `<title>${escape(title)}</title>` +
    rect("whole", { x, y: 0, height: 2 * HALF });
  if (minute.made > 0) {
    const height = minute.made * up;
    drawn += rect("made", { x, y: HALF - 1 - height, height });
  }
  let y = HALF + 1;
  for (const reason of END_REASONS) {
    const height = (minute.ended.get(reason) ?? 0) * down;
    if (height === 0) continue;
    drawn += rect(reason, { x, y, height });
    y += height;
  }
  return `<g>${drawn}</g>`;
}

function rect(
  kind: string,
  { x, y, height }: { x: number; y: number; height: number },
): string {
  return `<rect class="${kind}" x="${x + (STEP - BAR) / 2}" y="${
    short(y)
  }" width="${BAR}" height="${short(height)}"/>`;
}

function keyOf(kind: string, label: string, value: string): string {
  return `<li class="${kind}">${label} <b>${value}</b></li>`;
}

/** Rounds up to 1, 2 or 5 times a power of ten: the end of an axis. */
function roundUp(most: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return power * [1, 2, 5, 10].find((step) => step * power >= most)!;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function short(number: number): number {
  return Math.round(number * 10) / 10;
}
