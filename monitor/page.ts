import { escape } from "@std/html";
import { type MonitorView, queryOf } from "./monitor_view.ts";
import type { MonitorParts } from "./page_parts.ts";
import type { Order } from "./session_listing.ts";
import { principalText } from "./session_rows.ts";

/** The contents that all pages of the monitor have. */
export interface PageFrame {
  readonly title: string;
  readonly links: {
    readonly style: string;
    readonly script: string;
    readonly icon: string;
    readonly events: string;
  };
  readonly view: MonitorView;
  /** UNIX seconds. */
  readonly now: number;
  /** The token of the forms. */
  readonly token: string;
}

/** The contents of the monitor's page. */
export interface MonitorPage extends PageFrame {
  readonly parts: MonitorParts;
  /** Whether there is a store, so that there may be other processes. */
  readonly hasStore: boolean;
  /** The sessions that the viewer has just ended, as HTML. */
  readonly notice: string | undefined;
}

/** The orders by the class of their column. */
const HEADS: readonly {
  readonly kind: string;
  readonly text: string;
  readonly order: Order;
  readonly sorted: "ascending" | "descending";
}[] = [
  { kind: "age", text: "Age", order: "oldest", sorted: "descending" },
  {
    kind: "requests",
    text: "Requests",
    order: "busiest",
    sorted: "descending",
  },
  { kind: "left", text: "Ends in", order: "soonest", sorted: "ascending" },
];

/** The names of the orders. Phones list them, since their tables lack columns. */
const ORDER_TEXTS: Readonly<Record<Order, string>> = {
  newest: "Newest",
  oldest: "Oldest",
  soonest: "Soonest",
  busiest: "Busiest",
};

/** Returns the HTML of the page. */
export function monitorPage(page: MonitorPage): string {
  const { title, links, view, parts, now, token, hasStore, notice } = page;
  return documentOf(
    page,
    `<header><h1>${
      escape(title)
    }</h1><p id="live" class="live" role="status">Not live: reload to update</p></header>
<main data-now="${now}" data-events="${escape(links.events + queryOf(view))}">
${
      notice === undefined
        ? ""
        // Screen readers do not announce a text that the page has from the start.
        : `<p class="notice" role="status" tabindex="-1" autofocus>${notice}</p>`
    }${
      hasStore
        ? `<section class="fleet" aria-labelledby="fleet-title"><h2 id="fleet-title">All processes</h2><div id="fleet">${parts.fleet}</div></section>
<p class="scope">The counts, the charts and the list below are of this process. Choose a principal to see its sessions in all processes.</p>`
        : ""
    }<dl id="counts" class="counts">${parts.counts}</dl>
<section class="sessions" aria-labelledby="sessions-title">
<div class="head"><h2 id="sessions-title">${headingOf(view)}</h2>
<form role="search"><input type="hidden" name="order" value="${view.order}"><label for="search">Search</label> <input id="search" type="search" name="q" maxlength="64" autocomplete="off" spellcheck="false" placeholder="Start of uid or principal" value="${
      escape(view.search)
    }"> <button>Search</button></form></div>
${subjectOf(view, hasStore)}<nav class="orders" aria-label="Order">${
      ordersOf(view)
    }</nav>
<table id="sessions" class="by-${view.order}"><caption class="unseen">Live sessions</caption><thead><tr><th scope="col" class="uid">Session</th><th scope="col" class="who">${
      view.principal === undefined ? "Principal" : "Device"
    }</th>${
      HEADS.map((head) => headOf(head, view)).join("")
    }<th scope="col" class="act"><span class="unseen">Action</span></th></tr></thead>
<tbody id="rows">${parts.rows}</tbody></table>
<nav id="paging" class="paging" aria-label="Pages of sessions">${parts.paging}</nav>
</section>
<div class="side">
${
      hasStore
        ? processesSection(parts)
        : ""
    }<section aria-labelledby="minutes-title"><h2 id="minutes-title">The last hour</h2><div id="minutes">${parts.minutes}</div></section>
<section aria-labelledby="ends-title"><h2 id="ends-title">Recently ended</h2>
<p id="announcement" class="unseen" role="status" aria-live="polite"></p>
<table class="ends"><caption class="unseen">The last sessions that ended</caption><thead><tr><th scope="col">Session</th><th scope="col">Reason</th><th scope="col" class="lasted">Lasted</th><th scope="col">Delay</th><th scope="col">Ago</th></tr></thead>
<tbody id="ends">${parts.ends}</tbody></table></section>
<section aria-labelledby="lateness-title"><h2 id="lateness-title">Delay of ends after the deadline</h2><div id="lateness">${parts.lateness}</div></section>
</div>
</main>
<dialog id="confirm" aria-labelledby="confirm-title"><form method="post"><h2 id="confirm-title">End this session?</h2><p>Session <code id="confirm-uid"></code><span id="confirm-principal"></span> ends at once, and its user is logged out.</p><input type="hidden" name="token" value="${token}"><input type="hidden" name="uid" value=""><p class="buttons"><button type="button" id="cancel">Cancel</button> <button class="danger">End session</button></p></form></dialog>`,
  );
}

/** Returns the HTML of a page of the monitor, without its updates. */
export function documentOf(
  { title, links }: Pick<PageFrame, "title" | "links">,
  body: string,
): string {
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${
    escape(title)
  }</title><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><link rel="icon" href="${
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

function processesSection({ processes = "" }: MonitorParts): string {
  return `<section aria-labelledby="processes-title"><h2 id="processes-title">Processes</h2>
<table class="processes"><caption class="unseen">The processes that share the store</caption><thead><tr><th scope="col">Process</th><th scope="col">Running for</th><th scope="col">Last seen</th></tr></thead>
<tbody id="processes">${processes}</tbody></table></section>
`;
}

function headingOf({ principal }: MonitorView): string {
  return principal === undefined
    ? "Live sessions"
    : `Sessions of ${principalText(principal)}`;
}

/** Returns the actions for the principal of a view. */
function subjectOf(view: MonitorView, hasStore: boolean): string {
  if (view.principal === undefined) return "";
  const all = queryOf({ ...view, principal: undefined, page: 1 });
  return `<p class="subject">${
    hasStore ? "<span>In all processes</span> " : ""
  }<a href="${escape(all)}">Show all principals</a> <a class="button" href="${
    escape(queryOf({ ...view, page: 1 }, { end: "all" }))
  }">End all</a></p>
`;
}

function ordersOf(view: MonitorView): string {
  return Object.entries(ORDER_TEXTS).map(([order, text]) => {
    const isShown = order === view.order ? ` aria-current="true"` : "";
    const query = queryOf({ ...view, order: order as Order, page: 1 });
    return `<a href="${escape(query)}"${isShown}>${text}</a>`;
  }).join(" ");
}

function headOf(head: typeof HEADS[number], view: MonitorView): string {
  const { kind, text } = head;
  let { order, sorted } = head;
  let isSorted = view.order === order;
  if (kind === "age") {
    // The order of the page without a query can be reversed.
    if (view.order === "newest") [isSorted, sorted] = [true, "ascending"];
    else order = "newest";
  }
  const mark = isSorted ? ` aria-sort="${sorted}"` : "";
  const query = escape(queryOf({ ...view, order, page: 1 }));
  return `<th scope="col" class="${kind}"${mark}><a href="${query}" title="${
    ORDER_TEXTS[order]
  } first">${text}</a></th>`;
}
