import { durationText } from "../base/duration_text.ts";
import { outsideText } from "../http/html_page.ts";
import type { ProcessInfo } from "../registry/session_backend.ts";
import { count } from "./charts.ts";
import { sentence, sinceCell } from "./session_rows.ts";
import type { StoreFiguresShown } from "./store_figures.ts";

/** The parts of the page about all processes that share a store. */
export interface StoreParts {
  readonly fleet: string;
  readonly processes: string;
}

/** The most processes in the table. */
const MOST = 20;

/** Seconds without an answer after which a process is marked. */
const SILENT_FOR = 30;

/**
 * Returns the parts about all processes.
 *
 * @param now UNIX seconds. If undefined, the script writes the times into the
 * page.
 */
export function storeParts(
  figures: StoreFiguresShown,
  now: number | undefined,
): StoreParts {
  const { counts, deadLetters, processes, awaySince } = figures;
  const answering = processes?.filter((one) => !isSilent(one, processes));
  return {
    fleet: `${awayText(awaySince, now)}<dl class="counts${
      awaySince === undefined ? "" : " stale"
    }">${
      [
        ["Live sessions", counts?.sessions],
        ["Ends to deliver", counts?.ends],
        ["Ends given up (dead letters)", deadLetters],
        ["Processes", answering?.length],
      ].map(([name, value]) =>
        `<div><dt>${name}</dt><dd>${
          value === undefined ? "–" : count(value as number)
        }</dd></div>`
      ).join("")
    }</dl>`,
    processes: processRows(figures, now),
  };
}

function awayText(
  awaySince: number | undefined,
  now: number | undefined,
): string {
  if (awaySince === undefined) return "";
  if (awaySince === -Infinity) {
    return `<p class="away">The store does not answer.</p>`;
  }
  return `<p class="away">The store does not answer: the figures are ${
    sinceText(awaySince, now)
  } old.</p>`;
}

function processRows(
  { processes, awaySince }: StoreFiguresShown,
  now: number | undefined,
): string {
  if (processes === undefined) return sentence("Asking the processes …");
  if (processes.length === 0) return sentence("The store lists no processes.");
  const rows = processes.slice(0, MOST).map((one) => {
    const { name, startedAt, seenAt, isThis } = one;
    const mark = isThis ? " <i>(this page)</i>" : "";
    const state = awaySince !== undefined
      ? "stale"
      : isSilent(one, processes)
      ? "silent"
      : "";
    return `<tr class="${state}"><th scope="row">${
      outsideText(name)
    }${mark}</th>${sinceCell(startedAt, now, "age")}<td class="seen">${
      sinceText(seenAt, now)
    } ago</td></tr>`;
  });
  const more = processes.length - MOST;
  if (more > 0) rows.push(sentence(`${count(more)} more`));
  return rows.join("\n");
}

/** Writes the time since then; the script of the page counts on. */
function sinceText(since: number, now: number | undefined): string {
  return `<span data-since="${since}">${
    now === undefined ? "" : durationText(now - since)
  }</span>`;
}

/** Returns whether a process has not answered when the others were asked. */
function isSilent(
  { seenAt }: ProcessInfo,
  processes: readonly ProcessInfo[],
): boolean {
  const latest = Math.max(...processes.map(({ seenAt }) => seenAt));
  return seenAt < latest - SILENT_FOR;
}
