import { escape } from "@std/html";
import type { Session } from "../session.ts";
import { delayText, durationText } from "./duration_text.ts";
import type { Histogram } from "./histogram.ts";
import { barOf, count, endedIn } from "./monitor_charts.ts";
import type { Minute, PastEnd } from "./session_chronicle.ts";
import { MAX_LISTED, type Order } from "./session_listing.ts";

/** What of the sessions a viewer looks at. */
export interface MonitorView {
  readonly order: Order;
  readonly search: string;
  /** From 1. */
  readonly page: number;
}

/** How many sessions are shown on one page. */
export const PAGE_SIZE = 50;

/** How many hex digits of a uid are shown: enough to tell sessions apart. */
const SHOWN_DIGITS = 8;

/** What is left of the time when a bar warns. */
const LITTLE_LEFT = 0.2;

/** The parts of the page that change, by the id of their element. */
export interface MonitorParts {
  readonly figures: string;
  readonly rows: string;
  readonly paging: string;
  readonly minutes: string;
  readonly lateness: string;
  readonly ends: string;
}

/** What the page of the monitor is made of. */
export interface MonitorPage {
  readonly title: string;
  readonly links: {
    readonly style: string;
    readonly script: string;
    readonly icon: string;
    readonly events: string;
  };
  readonly view: MonitorView;
  readonly parts: MonitorParts;
  /** UNIX seconds. */
  readonly now: number;
  /** What forms carry. */
  readonly token: string;
  /** A session that the viewer has just ended. */
  readonly endedUid: string | undefined;
}

/** The page with all there is. */
export function monitorPage(page: MonitorPage): string {
  const { title, links, view, parts, now, token, endedUid } = page;
  const notice = endedUid === undefined
    ? ""
    : `<p class="notice" role="status">Session <code>${
      shortUid(endedUid)
    }</code> has ended.</p>`;
  return documentOf(
    page,
    `<header><h1>${
      escape(title)
    }</h1><p id="live" class="live">Not live: reload for news</p></header>
<main data-now="${now}" data-events="${escape(links.events + queryOf(view))}">
${notice}<dl id="figures" class="figures">${parts.figures}</dl>
<section class="sessions" aria-labelledby="sessions-title">
<div class="head"><h2 id="sessions-title">Live sessions</h2>
<form role="search"><input type="hidden" name="order" value="${view.order}"><label for="search">Search</label> <input id="search" type="search" name="q" maxlength="64" autocomplete="off" spellcheck="false" placeholder="uid or principal" value="${
      escape(view.search)
    }"> <button>Search</button></form></div>
<table id="sessions"><caption class="unseen">Live sessions</caption><thead><tr><th scope="col">Session</th><th scope="col">Principal</th>${
      ageHead(view)
    }${requestsHead(view)}${
      leftHead(view)
    }<th scope="col"><span class="unseen">Action</span></th></tr></thead>
<tbody id="rows">${parts.rows}</tbody></table>
<nav id="paging" class="paging" aria-label="Pages of sessions">${parts.paging}</nav>
</section>
<div class="side">
<section class="minutes-box" aria-labelledby="minutes-title"><h2 id="minutes-title">The last hour</h2><div id="minutes">${parts.minutes}</div></section>
<section class="ends-box" aria-labelledby="ends-title"><h2 id="ends-title">Ends</h2>
<p id="said" class="unseen" role="status" aria-live="polite"></p>
<table class="ends"><caption class="unseen">The last sessions that ended</caption><thead><tr><th scope="col">Session</th><th scope="col">Reason</th><th scope="col" class="lasted">Lasted</th><th scope="col">Late</th><th scope="col">Ago</th></tr></thead>
<tbody id="ends">${parts.ends}</tbody></table></section>
<section aria-labelledby="lateness-title"><h2 id="lateness-title">How late ends come</h2><div id="lateness">${parts.lateness}</div></section>
</div>
</main>
<dialog id="confirm" aria-labelledby="confirm-title"><form method="post"><h2 id="confirm-title">End this session?</h2><p>Session <code id="confirm-uid"></code><span id="confirm-principal"></span> ends at once, and its visitor is logged out.</p><input type="hidden" name="token" value="${token}"><input type="hidden" name="uid" value=""><p class="buttons"><button type="button" id="cancel">Cancel</button> <button class="danger">End session</button></p></form></dialog>`,
  );
}

/** The page that asks before a session is ended, for those without the script. */
export function confirmPage(
  page: Pick<MonitorPage, "title" | "links" | "view" | "now" | "token">,
  session: Session,
): string {
  const { title, view, now, token } = page;
  const { uid, principal, createdAt, visits, expiresAt } = session;
  return documentOf(
    page,
    `<header><h1>${escape(title)}</h1></header>
<main class="alone"><section aria-labelledby="confirm-title"><h2 id="confirm-title">End this session?</h2>
<dl class="facts"><dt>Session</dt><dd><code>${uid}</code></dd><dt>Principal</dt><dd>${
      principal === undefined ? "none" : escape(principal)
    }</dd><dt>Age</dt><dd>${
      durationText(now - createdAt)
    }</dd><dt>Requests</dt><dd>${count(visits)}</dd><dt>Ends in</dt><dd>${
      durationText(expiresAt - now)
    }</dd></dl>
<p>It ends at once, and its visitor is logged out.</p>
<form method="post"><input type="hidden" name="token" value="${token}"><input type="hidden" name="uid" value="${uid}"><p class="buttons"><a class="button" href="${
      escape(queryOf(view))
    }">Cancel</a> <button class="danger">End session</button></p></form></section></main>`,
  );
}

/** A query that leads to a view. */
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

/** What is known at a glance. */
export function figuresPart(
  active: number,
  minutes: readonly Minute[],
  lateness: Histogram,
): string {
  const lastHour = minutes.reduce((sum, minute) => sum + endedIn(minute), 0);
  const madeInHour = minutes.reduce((sum, { made }) => sum + made, 0);
  return figureOf("Live now", count(active)) +
    figureOf("Made in the last hour", count(madeInHour)) +
    figureOf("Ended in the last hour", count(lastHour)) +
    figureOf("99% end within", quantileText(lateness, 0.99));
}

/**
 * The rows of the sessions of a page.
 *
 * @param now UNIX seconds; undefined leaves the times to the script, so that the
 * rows change only with the sessions.
 */
export function rowsPart(
  sessions: readonly Session[],
  view: MonitorView,
  now: number | undefined,
): string {
  if (sessions.length === 0) {
    const why = view.search === ""
      ? "There is no session."
      : "No session begins with that, nor its principal.";
    return `<tr class="nothing"><td colspan="6">${why}</td></tr>`;
  }
  return sessions.map((session) => rowOf(session, view, now)).join("\n");
}

/** Where the page is in the list, and the way to others. */
export function pagingPart(view: MonitorView, total: number): string {
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

/** The rows of the last ends, the latest first; `now` as for rowsPart. */
export function endsPart(
  ends: readonly PastEnd[],
  now: number | undefined,
): string {
  if (ends.length === 0) {
    return `<tr class="nothing"><td colspan="5">None has ended yet.</td></tr>`;
  }
  return ends.toReversed().map((end) => endRowOf(end, now)).join("\n");
}

/** What stands for a uid where there is no room for it. */
export function shortUid(uid: string): string {
  return escape(uid.slice(0, SHOWN_DIGITS));
}

function documentOf(
  { title, links }: Pick<MonitorPage, "title" | "links">,
  body: string,
): string {
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${
    escape(title)
  }</title><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><link rel="icon" href="${
    escape(links.icon)
  }"><link rel="stylesheet" href="${escape(links.style)}"><script defer src="${
    escape(links.script)
  }"></script></head>
<body>
${body}
</body>
</html>
`;
}

function ageHead(view: MonitorView): string {
  const order = view.order === "newest" ? "oldest" : "newest";
  const sorted = view.order === "newest"
    ? ` aria-sort="ascending"`
    : view.order === "oldest"
    ? ` aria-sort="descending"`
    : "";
  return `<th scope="col" class="age"${sorted}><a href="${
    escape(queryOf({ ...view, order, page: 1 }))
  }" title="${order === "oldest" ? "Oldest" : "Newest"} first">Age</a></th>`;
}

function requestsHead(view: MonitorView): string {
  const sorted = view.order === "busiest" ? ` aria-sort="descending"` : "";
  return `<th scope="col" class="requests"${sorted}><a href="${
    escape(queryOf({ ...view, order: "busiest", page: 1 }))
  }" title="Most first">Requests</a></th>`;
}

function leftHead(view: MonitorView): string {
  const sorted = view.order === "soonest" ? ` aria-sort="ascending"` : "";
  return `<th scope="col"${sorted}><a href="${
    escape(queryOf({ ...view, order: "soonest", page: 1 }))
  }" title="Soonest first">Ends in</a></th>`;
}

function figureOf(name: string, value: string): string {
  return `<div><dt>${name}</dt><dd>${value}</dd></div>`;
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
  return `<tr data-uid="${uid}"${
    part < LITTLE_LEFT ? ` class="low"` : ""
  }><th scope="row"><code title="${uid}">${
    shortUid(uid)
  }</code></th><td class="who">${
    principal === undefined ? `<i>none</i>` : escape(principal)
  }</td>${sinceCell(createdAt, now, "age")}<td class="requests">${
    count(visits)
  }</td><td class="left"><span data-until="${expiresAt}">${
    now === undefined ? "" : durationText(expiresAt - now)
  }</span>${barOf(part, times)}</td><td><a class="end" href="${
    escape(queryOf(view, { end: uid }))
  }">End<span class="unseen"> session ${shortUid(uid)}</span></a></td></tr>`;
}

/** How much of the time since the last touch is left, from 0 to 1. */
function partLeft({ lastModified, expiresAt }: Session, now: number): number {
  if (expiresAt === Infinity) return 1;
  const part = (expiresAt - now) / (expiresAt - lastModified);
  // Of a timeout of 0, nothing.
  return part > 0 ? Math.min(part, 1) : 0;
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
    : `<span class="who">${escape(principal)}</span>`;
  return `<tr><th scope="row"><code title="${uid}">${
    shortUid(uid)
  }</code>${who}</th><td><span class="reason ${reason}">${reason}</span></td><td class="lasted">${
    durationText(lasted)
  }</td><td>${
    lateness === undefined
      ? `<span aria-hidden="true">–</span><span class="unseen">not by its deadline</span>`
      : delayText(lateness)
  }</td>${sinceCell(at, now, "ago")}</tr>`;
}

/** Up to which bound a part of the values are. */
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
