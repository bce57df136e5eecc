import { escape } from "@std/html";
import { htmlPage } from "../http/html_page.ts";
import { accepts } from "@std/http/negotiation";
import type { SiteRequest } from "../request.ts";
import { STATUS_TEXT, type StatusCode } from "@std/http/status";

/** An error, as its page describes it. */
export interface DescribedError {
  readonly status: number;
  /** The heading; undefined for the text of the status. */
  readonly brief: string | undefined;
  readonly detail: string;
}

/** Renders the page of an error, with its status. */
export function renderError(
  error: DescribedError,
  request: SiteRequest,
): string {
  request.setResponseCode(error.status);
  request.responseHeaders.append("vary", "Accept");
  const { type, text } = describeError(error, acceptOf(request));
  if (type !== undefined) request.setHeader("content-type", type);
  return text;
}

/** Returns the `Accept` header; undefined if the request can no longer be read. */
function acceptOf(request: SiteRequest): string | undefined {
  try {
    return request.getHeader("accept");
  } catch {
    return undefined;
  }
}

/**
 * Describes an error in the format that a client likes best: HTML if it takes
 * anything, text if it takes none of the formats. A client without `Accept` gets
 * HTML without a style.
 *
 * @param accept The `Accept` header, if there is one.
 * @returns the page, and its type; undefined for HTML.
 */
function describeError(
  error: DescribedError,
  accept: string | undefined,
): { readonly type: string | undefined; readonly text: string } {
  const { status, detail } = error;
  const title: string | undefined = STATUS_TEXT[status as StatusCode];
  const brief = error.brief ?? title ?? `Error ${status}`;
  if (accept === undefined) {
    return { type: undefined, text: barePage({ status, brief, detail }) };
  }
  const format = formatFor(accept);
  if (format === "html") {
    return { type: undefined, text: toHtml({ status, brief, detail }) };
  }
  if (format === "text") {
    const type = "text/plain; charset=utf-8";
    return { type, text: `${brief}\n${detail}\n` };
  }
  // RFC 9457: the title is that of the status.
  const type = "about:blank";
  const problem = { type, title: title ?? brief, status, detail };
  const text = `${JSON.stringify(problem)}\n`;
  return { type: "application/problem+json", text };
}

function formatFor(accept: string): "html" | "json" | "text" {
  const type = accepts(
    { headers: new Headers({ accept }) },
    "text/html",
    "application/problem+json",
    "application/json",
    "text/plain",
  );
  if (type === "text/html") return "html";
  return type?.endsWith("json") ? "json" : "text";
}

/** A detail may be a stack, whose lines stay apart. */
const STYLE = `body { padding-top: 15vh }
p { white-space: pre-wrap }
`;

function toHtml({ status, brief, detail }: Required<DescribedError>): string {
  return htmlPage({
    title: `${status} - ${brief}`,
    style: STYLE,
    body: `<main>
<h1>${escape(brief!)}</h1>
<p>${escape(detail)}</p>
</main>`,
  });
}

function barePage({ status, brief, detail }: Required<DescribedError>): string {
  const heading = escape(brief!);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${status} - ${heading}</title>
</head>
<body><h1>${heading}</h1><p>${escape(detail)}</p></body>
</html>
`;
}
