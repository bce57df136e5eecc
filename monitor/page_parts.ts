import { escape } from "@std/html";
import { delayText, durationText } from "../base/duration_text.ts";
import type { Histogram } from "../metrics/prometheus_text.ts";
import { outsideText } from "../http/html_page.ts";
import { count, delayTable, endedIn, minutesChart } from "./charts.ts";
import type { Minute, PastEnd, SessionHistory } from "./session_history.ts";
import {
  principalLink,
  sentence,
  shortUid,
  sinceCell,
} from "./session_rows.ts";
import type { StoreFiguresShown } from "./store_figures.ts";
import { storeParts } from "./store_parts.ts";

/** The parts of the page that change, by the id of their element. */
export interface MonitorParts {
  readonly counts: string;
  readonly rows: string;
  readonly paging: string;
  readonly minutes: string;
  readonly lateness: string;
  readonly ends: string;
  /** Undefined without a store. */
  readonly fleet?: string;
  /** Undefined without a store. */
  readonly processes?: string;
}

/** The parts that are the same for all sessions and pages. */
export type SharedParts = Omit<MonitorParts, "rows" | "paging">;

/** The figures that are shown first. */
export interface MonitorFigures {
  /** The live sessions of this process. */
  readonly active: number;
  /** The figures of all processes; undefined without a store. */
  readonly store: StoreFiguresShown | undefined;
}

/**
 * Returns the parts that are the same for all sessions and pages.
 *
 * @param now UNIX seconds. If undefined, the script writes the times into
 * the page, so that a part changes only with the sessions.
 */
export function sharedParts(
  { active, store }: MonitorFigures,
  history: SessionHistory,
  now: number | undefined,
): SharedParts {
  const { lateness, ends } = history;
  const minutes = history.minutes();
  return {
    ...store === undefined ? {} : storeParts(store, now),
    counts: countsPart(active, minutes, lateness),
    minutes: minutesChart(minutes),
    lateness: delayTable(lateness),
    ends: endsPart(ends, now),
  };
}

function countsPart(
  active: number,
  minutes: readonly Minute[],
  lateness: Histogram,
): string {
  const ended = minutes.reduce((sum, minute) => sum + endedIn(minute), 0);
  const made = minutes.reduce((sum, minute) => sum + minute.made, 0);
  return countOf("Live now", count(active)) +
    countOf("Started in the last hour", count(made)) +
    countOf("Ended in the last hour", count(ended)) +
    countOf("Deadlines met within (99&nbsp;%)", quantileText(lateness, 0.99));
}

function countOf(name: string, value: string): string {
  return `<div><dt>${name}</dt><dd>${value}</dd></div>`;
}

/** Returns the bound that a part of the values does not exceed. */
function quantileText(
  { bounds, counts, count }: Histogram,
  part: number,
): string {
  if (count === 0) return "–";
  let sum = 0;
  for (const [i, bound] of bounds.entries()) {
    sum += counts[i]!;
    if (sum >= count * part) return delayText(bound);
  }
  return `over ${delayText(bounds.at(-1)!)}`;
}

function endsPart(ends: readonly PastEnd[], now: number | undefined): string {
  if (ends.length === 0) return sentence("No session has ended yet.");
  return ends.toReversed().map((end) => endRowOf(end, now)).join("\n");
}

function endRowOf(end: PastEnd, now: number | undefined): string {
  const { uid, principal, reason, at, lasted, lateness } = end;
  const who = principal === undefined
    ? ""
    : `<span class="who">${principalLink(principal)}</span>`;
  return `<tr><th scope="row"><code title="${escape(uid)}">${
    shortUid(uid)
  }</code>${who}</th><td><span class="reason ${classOf(reason)}">${
    outsideText(reason)
  }</span></td><td class="lasted">${durationText(lasted)}</td><td>${
    lateness === undefined
      ? `<span aria-hidden="true">–</span><span class="unseen">before its deadline</span>`
      : delayText(lateness)
  }</td>${sinceCell(at, now, "ago")}</tr>`;
}

/** Returns the class of a reason, which may be any text in a program without types. */
function classOf(reason: string): string {
  return /^[a-z]+$/.test(reason) ? reason : "other";
}
