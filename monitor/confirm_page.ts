import { escape } from "@std/html";
import { durationText } from "../base/duration_text.ts";
import { outsideText } from "../http/html_page.ts";
import { count } from "./charts.ts";
import type { ListedSession } from "./listed_sessions.ts";
import { queryOf } from "./monitor_view.ts";
import { documentOf, type PageFrame } from "./page.ts";
import { principalText } from "./session_rows.ts";

/** Returns the HTML of the page that confirms the end of a session. */
export function confirmPage(page: PageFrame, session: ListedSession): string {
  const { uid, principal, description, createdAt, visits, expiresAt } = session;
  const facts = [
    ["Session", `<code>${escape(uid)}</code>`],
    [
      "Principal",
      principal === undefined ? "<i>anonymous</i>" : principalText(principal),
    ],
    ["Device", description ? outsideText(description) : ""],
    ["Age", durationText(page.now - createdAt)],
    ["Requests", visits === undefined ? "" : count(visits)],
    ["Ends in", durationText(expiresAt - page.now)],
  ].filter(([, value]) => value !== "");
  return formOf(page, {
    question: "End this session?",
    text: `<dl class="facts">${
      facts.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join("")
    }</dl>
<p>The session ends at once, and its user is logged out.</p>`,
    field: `name="uid" value="${escape(uid)}"`,
    act: "End session",
  });
}

/**
 * Returns the HTML of the page that confirms the end of all sessions of the
 * principal in the view.
 *
 * @param options.total The number of sessions.
 * @param options.isOwn Whether the viewer is logged in as this principal.
 */
export function confirmAllPage(
  page: PageFrame,
  { total, isOwn }: { readonly total: number; readonly isOwn: boolean },
): string {
  const { principal = "" } = page.view;
  return formOf(page, {
    question: `End all sessions of ${principalText(principal)}?`,
    text: `<p>${
      total === 1 ? "One session ends" : `${count(total)} sessions end`
    } at once, in every process, and this user is logged out everywhere.${
      isOwn ? " Your own session is one of them." : ""
    }</p>`,
    field: `name="all" value="1"`,
    act: total === 1 ? "End session" : `End ${count(total)} sessions`,
  });
}

function formOf(
  page: PageFrame,
  { question, text, field, act }: Readonly<
    Record<"question" | "text" | "field" | "act", string>
  >,
): string {
  const { title, view, token } = page;
  return documentOf(
    page,
    `<header><h1>${escape(title)}</h1></header>
<main class="alone"><section aria-labelledby="confirm-title"><h2 id="confirm-title">${question}</h2>
${text}
<form method="post"><input type="hidden" name="token" value="${token}"><input type="hidden" ${field}><p class="buttons"><a class="button" href="${
      escape(queryOf(view))
    }">Cancel</a> <button class="danger">${act}</button></p></form></section></main>`,
  );
}
