import { escape } from "@std/html";
import { durationText } from "../base/duration_text.ts";
import type { Session } from "../session.ts";
import { count } from "./charts.ts";
import {
  type MonitorParts,
  type MonitorView,
  principalText,
  queryOf,
  shortUid,
} from "./page_parts.ts";

/** The contents of the monitor's page. */
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
  /** The token of the forms. */
  readonly token: string;
  /** The session that the viewer has just ended. */
  readonly endedUid: string | undefined;
}

/** Returns the HTML of the page. */
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
    }</h1><p id="live" class="live">Not live: reload to update</p></header>
<main data-now="${now}" data-events="${escape(links.events + queryOf(view))}">
${notice}<dl id="counts" class="counts">${parts.counts}</dl>
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
<p id="announcement" class="unseen" role="status" aria-live="polite"></p>
<table class="ends"><caption class="unseen">The last sessions that ended</caption><thead><tr><th scope="col">Session</th><th scope="col">Reason</th><th scope="col" class="lasted">Lasted</th><th scope="col">Late</th><th scope="col">Ago</th></tr></thead>
<tbody id="ends">${parts.ends}</tbody></table></section>
<section aria-labelledby="lateness-title"><h2 id="lateness-title">Lateness of ends</h2><div id="lateness">${parts.lateness}</div></section>
</div>
</main>
<dialog id="confirm" aria-labelledby="confirm-title"><form method="post"><h2 id="confirm-title">End this session?</h2><p>Session <code id="confirm-uid"></code><span id="confirm-principal"></span> ends at once, and its user is logged out.</p><input type="hidden" name="token" value="${token}"><input type="hidden" name="uid" value=""><p class="buttons"><button type="button" id="cancel">Cancel</button> <button class="danger">End session</button></p></form></dialog>`,
  );
}

/** Returns the HTML of the page that confirms an end without the script. */
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
      principal === undefined ? "none" : principalText(principal)
    }</dd><dt>Age</dt><dd>${
      durationText(now - createdAt)
    }</dd><dt>Requests</dt><dd>${count(visits)}</dd><dt>Ends in</dt><dd>${
      durationText(expiresAt - now)
    }</dd></dl>
<p>The session ends at once, and its user is logged out.</p>
<form method="post"><input type="hidden" name="token" value="${token}"><input type="hidden" name="uid" value="${uid}"><p class="buttons"><a class="button" href="${
      escape(queryOf(view))
    }">Cancel</a> <button class="danger">End session</button></p></form></section></main>`,
  );
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
