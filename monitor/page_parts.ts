import { escape } from "@std/html";
import { outsideText } from "../resources/outside_text.ts";
import { delayText, durationText } from "../base/duration_text.ts";
import type { Histogram } from "../metrics/histogram.ts";
import type { Session } from "../session.ts";
import {
  barOf,
  count,
  endedIn,
  latenessTable,
  minutesChart,
} from "./charts.ts";
import type { Minute, PastEnd, SessionHistory } from "./session_history.ts";
import { type Listing, MAX_LISTED, type Order } from "./session_listing.ts";

/** The sessions that a viewer has chosen to see. */
export interface MonitorView {
  readonly order: Order;
  readonly search: string;
  /** The number of the page, from 1. */
  readonly page: number;
}

/** The parts of the page that change, by the id of their element. */
export interface MonitorParts {
  readonly counts: string;
  readonly rows: string;
  readonly paging: string;
  readonly minutes: string;
  readonly lateness: string;
  readonly ends: string;
}

/** The parts that are the same for all viewers. */
export type SharedParts = Omit<MonitorParts, keyof ViewParts>;

/** The parts that depend on the view. */
export type ViewParts = Pick<MonitorParts, "rows" | "paging">;

/** Sessions on one page. */
export const PAGE_SIZE = 50;

/** Hex digits of a uid that are shown: enough to tell sessions apart. */
const SHOWN_DIGITS = 8;

/** The part of the time left below which a bar changes its colour. */
const LITTLE_LEFT = 0.2;

/**
 * Returns the parts that are the same for all viewers.
 *
 * @param active The number of live sessions.
 * @param now UNIX seconds. If undefined, the script writes the times into the
 * page, so that a part changes only with the sessions.
 */
export function sharedParts(
  active: number,
  history: SessionHistory,
  now: number | undefined,
): SharedParts {
  const { lateness, ends } = history;
  const minutes = history.minutes();
  return {
    counts: countsPart(active, minutes, lateness),
    minutes: minutesChart(minutes),
    lateness: latenessTable(lateness),
    ends: endsPart(ends, now),
  };
}

/**
 * Returns the parts that depend on the view.
 *
 * @param sessions The live sessions by uid.
 * @param now As for {@linkcode sharedParts}.
 */
export function viewParts(
  sessions: ReadonlyMap<string, Session>,
  { view, listing, now }: {
    readonly view: MonitorView;
    readonly listing: Listing;
    readonly now: number | undefined;
  },
): ViewParts {
  const first = (view.page - 1) * PAGE_SIZE;
  const shown = listing.uids.slice(first, first + PAGE_SIZE)
    .map((uid) => sessions.get(uid))
    .filter((session) => session !== undefined);
  return {
    rows: rowsPart(shown, view, now),
    paging: pagingPart(view, listing.total),
  };
}

/** Returns the query of the address that shows a view. */
export function queryOf(
  view: MonitorView,
  more: Readonly<Record<string, string>> = {},
): string {
  const query = new URLSearchParams({ order: view.order });
  if (view.search !== "") query.set("q", view.search);
  if (view.page !== 1) query.set("page", String(view.page));
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  return `?${query}`;
}

/** Returns the first digits of a uid. */
export function shortUid(uid: string): string {
  return escape(uid.slice(0, SHOWN_DIGITS));
}

function countsPart(
  active: number,
  minutes: readonly Minute[],
  lateness: Histogram,
): string {
  const ended = minutes.reduce((sum, minute) => sum + endedIn(minute), 0);
  const made = minutes.reduce((sum, minute) => sum + minute.made, 0);
  return countOf("Live now", count(active)) +
    countOf("Made in the last hour", count(made)) +
    countOf("Ended in the last hour", count(ended)) +
    countOf("99% end within", quantileText(lateness, 0.99));
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

function rowsPart(
  sessions: readonly Session[],
  view: MonitorView,
  now: number | undefined,
): string {
  if (sessions.length === 0) {
    const why = view.search === ""
      ? "There is no session."
      : "No session or principal begins with this text.";
    return `<tr class="nothing"><td colspan="6">${why}</td></tr>`;
  }
  return sessions.map((session) => rowOf(session, view, now)).join("\n");
}

function rowOf(
  session: Session,
  view: MonitorView,
  now: number | undefined,
): string {
  const { uid, principal, createdAt, visits, lastModified, expiresAt } =
    session;
  const part = now === undefined ? 1 : partLeft(session, now);
  const times = ` data-from="${lastModified}" data-until="${expiresAt}"`;
  return `<tr data-uid="${escape(uid)}"${
    part < LITTLE_LEFT ? ` class="low"` : ""
  }><th scope="row"><code title="${escape(uid)}">${
    shortUid(uid)
  }</code></th><td class="who">${
    principal === undefined ? `<i>none</i>` : principalText(principal)
  }</td>${sinceCell(createdAt, now, "age")}<td class="requests">${
    count(visits)
  }</td><td class="left"><span data-until="${expiresAt}">${
    now === undefined ? "" : durationText(expiresAt - now)
  }</span>${barOf(part, times)}</td><td><a class="end" href="${
    escape(queryOf(view, { end: uid }))
  }">End<span class="unseen"> session ${shortUid(uid)}</span></a></td></tr>`;
}

/** Returns a principal for the page; quoted if spaces could hide it. */
export function principalText(principal: string): string {
  const isPlain = principal !== "" && principal === principal.trim();
  return outsideText(isPlain ? principal : `"${principal}"`);
}

/** Returns the part of the time since the last touch that is left, from 0 to 1. */
function partLeft({ lastModified, expiresAt }: Session, now: number): number {
  if (expiresAt === Infinity) return 1;
  const part = (expiresAt - now) / (expiresAt - lastModified);
  // NaN for a timeout of 0.
  return part > 0 ? Math.min(part, 1) : 0;
}

function pagingPart(view: MonitorView, total: number): string {
  const listed = Math.min(total, MAX_LISTED);
  const first = (view.page - 1) * PAGE_SIZE;
  const last = Math.min(first + PAGE_SIZE, listed);
  const where = first >= listed
    ? `${count(total)} in all`
    : `${count(first + 1)} to ${count(last)} of ${count(total)}`;
  const more = total > MAX_LISTED && last >= listed
    ? ": search for the others"
    : "";
  const link = (page: number, text: string, rel: string) =>
    `<a rel="${rel}" href="${escape(queryOf({ ...view, page }))}">${text}</a>`;
  return `${
    view.page > 1 ? link(view.page - 1, "Previous", "prev") : ""
  }<span>${where}${more}</span>${
    last < listed ? link(view.page + 1, "Next", "next") : ""
  }`;
}

function endsPart(
  ends: readonly PastEnd[],
  now: number | undefined,
): string {
  if (ends.length === 0) {
    return `<tr class="nothing"><td colspan="5">No session has ended yet.</td></tr>`;
  }
  return ends.toReversed().map((end) => endRowOf(end, now)).join("\n");
}

function sinceCell(
  since: number,
  now: number | undefined,
  kind: string,
): string {
  return `<td class="${kind}" data-since="${since}">${
    now === undefined ? "" : durationText(now - since)
  }</td>`;
}

function endRowOf(end: PastEnd, now: number | undefined): string {
  const { uid, principal, reason, at, lasted, lateness } = end;
  const who = principal === undefined
    ? ""
    : `<span class="who">${principalText(principal)}</span>`;
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
