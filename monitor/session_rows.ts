import { escape } from "@std/html";
import { durationText } from "../base/duration_text.ts";
import { visible } from "../base/describe.ts";
import { outsideText } from "../http/html_page.ts";
import { barOf, count } from "./charts.ts";
import type { ListedPage, ListedSession } from "./listed_sessions.ts";
import {
  type MonitorView,
  PAGE_SIZE,
  principalQuery,
  queryOf,
} from "./monitor_view.ts";
import { MAX_LISTED, type Order } from "./session_listing.ts";

/** The facts that the rows depend on. */
export interface RowsContext {
  readonly view: MonitorView;
  /**
   * UNIX seconds. If undefined, the script writes the times into the page, so that
   * a part changes only with the sessions.
   */
  readonly now: number | undefined;
}

/** The parts of the page that depend on the view. */
export interface ListedParts {
  readonly rows: string;
  readonly paging: string;
}

/** Hex digits of a uid that are shown: enough to tell sessions apart. */
const SHOWN_DIGITS = 8;

/** The part of the time left below which a bar changes its colour. */
const LITTLE_LEFT = 0.2;

/** Returns the rows of the table, or a sentence in their place, and the paging. */
export function listedParts(
  page: ListedPage,
  context: RowsContext,
): ListedParts {
  const rows = page.sessions.map((session) => rowOf(session, context));
  if (rows.length === 0) rows.push(sentence(whyNone(page, context.view)));
  if (page.isPartial) {
    rows.push(sentence("The store fails: other processes are missing here."));
  }
  return {
    rows: rows.join("\n"),
    paging: pagingPart(context.view, page.total),
  };
}

/** Returns the links to other pages, and the place of this one. */
function pagingPart(view: MonitorView, total: number): string {
  if (total === 0) return "";
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

/** Returns the first digits of a uid. */
export function shortUid(uid: string): string {
  return escape(uid.slice(0, SHOWN_DIGITS));
}

/** Returns a principal for the page; quoted if spaces could hide it. */
export function principalText(principal: string): string {
  return outsideText(quoted(principal));
}

/** Returns a link to the sessions of a principal. */
export function principalLink(principal: string, order?: Order): string {
  return `<a href="${escape(principalQuery(principal, order))}" title="${
    escape(visible(quoted(principal)))
  }">${principalText(principal)}</a>`;
}

/** Returns a cell with a time that passes. */
export function sinceCell(
  since: number,
  now: number | undefined,
  kind: string,
): string {
  return `<td class="${kind}" data-since="${since}">${
    now === undefined ? "" : durationText(now - since)
  }</td>`;
}

/** Returns a row with a sentence; the table has six columns at most. */
export function sentence(html: string): string {
  return `<tr class="nothing"><td colspan="6">${html}</td></tr>`;
}

function whyNone(
  { hasStore, hasBegun }: ListedPage,
  view: MonitorView,
): string {
  const { principal, search } = view;
  if (principal !== undefined) {
    return `${principalText(principal)} has no session${
      hasStore ? " in any process" : ""
    }.`;
  }
  if (search === "") {
    return hasBegun
      ? "There is no session."
      : "No sessions yet: they appear here as visitors come.";
  }
  const here = hasStore ? " here" : "";
  const why = `No session or principal${here} begins with this text.`;
  if (!hasStore) return why;
  return `${why} <a href="${
    escape(principalQuery(search, view.order))
  }">Look for the principal in all processes</a>`;
}

function rowOf(session: ListedSession, { view, now }: RowsContext): string {
  const { uid, createdAt, visits, lastModified, expiresAt } = session;
  const part = now === undefined ? 1 : partLeft(session, now);
  const times = ` data-from="${lastModified}" data-until="${expiresAt}"`;
  return `<tr data-uid="${escape(uid)}"${
    part < LITTLE_LEFT ? ` class="low"` : ""
  }><th scope="row"><code title="${escape(uid)}">${
    shortUid(uid)
  }</code></th><td class="who">${whoOf(session, view)}</td>${
    sinceCell(createdAt, now, "age")
  }<td class="requests">${
    visits === undefined ? "<i>elsewhere</i>" : count(visits)
  }</td><td class="left"><span data-until="${expiresAt}">${
    now === undefined ? "" : durationText(expiresAt - now)
  }</span>${barOf(part, times)}</td><td><a class="end" href="${
    escape(queryOf(view, { end: uid }))
  }">End<span class="unseen"> session ${shortUid(uid)}</span></a></td></tr>`;
}

/** Returns the principal, or the device where all have the same principal. */
function whoOf(
  { principal, description }: ListedSession,
  view: MonitorView,
): string {
  if (view.principal !== undefined) {
    return description ? outsideText(description) : "<i>unknown</i>";
  }
  return principal === undefined
    ? "<i>anonymous</i>"
    : principalLink(principal, view.order);
}

function quoted(principal: string): string {
  const isPlain = principal !== "" && principal === principal.trim();
  return isPlain ? principal : `"${principal}"`;
}

/** Returns the part of the time since the last touch that is left, from 0 to 1. */
function partLeft(
  { lastModified, expiresAt }: ListedSession,
  now: number,
): number {
  if (expiresAt === Infinity) return 1;
  const part = (expiresAt - now) / (expiresAt - lastModified);
  // NaN for a timeout of 0.
  return part > 0 ? Math.min(part, 1) : 0;
}
