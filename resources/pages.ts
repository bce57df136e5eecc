/**
 * Pages for errors.
 *
 * @module
 */

import { describe } from "../base/describe.ts";
import { htmlPage } from "../http/html_page.ts";
import type { SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { escape } from "@std/html";
import { accepts } from "@std/http/negotiation";
import { STATUS_TEXT, type StatusCode } from "@std/http/status";

/** A detail may be a stack, whose lines stay apart. */
const STYLE = `body { padding-top: 15vh }
p { white-space: pre-wrap }
`;

/** The page of {@linkcode errorPage}: the same for every path and method. */
class ErrorPage extends Resource {
  override usesSession = false;
  readonly #code: number;
  readonly #brief: string;
  readonly #detail: string;

  constructor(code: number, brief: string, detail: string) {
    super();
    if (!Number.isInteger(code) || code < 200 || code > 599) {
      throw new RangeError(
        `Cannot make a page with status ${
          describe(code)
        }: not an integer from 200 to 599`,
      );
    }
    this.#code = code;
    this.#brief = brief;
    this.#detail = detail;
  }

  override getChild(): Resource {
    return this;
  }

  override render(request: SiteRequest): string {
    request.setResponseCode(this.#code);
    request.responseHeaders.append("vary", "Accept");
    const format = errorFormatFor(acceptOf(request));
    if (format === "html") return this.#html();
    if (format === "text") {
      request.setHeader("content-type", "text/plain; charset=utf-8");
      return `${this.#brief}\n${this.#detail}\n`;
    }
    request.setHeader("content-type", "application/problem+json");
    return this.#problem();
  }

  #html(): string {
    return htmlPage({
      title: `${this.#code} - ${this.#brief}`,
      style: STYLE,
      body: `<main>
<h1>${escape(this.#brief)}</h1>
<p>${escape(this.#detail)}</p>
</main>`,
    });
  }

  /** Writes the problem of RFC 9457, with the title of the status. */
  #problem(): string {
    const status = this.#code;
    const title = STATUS_TEXT[status as StatusCode] ?? this.#brief;
    const problem = {
      type: "about:blank",
      title,
      status,
      detail: this.#detail,
    };
    return `${JSON.stringify(problem)}\n`;
  }
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
 * Makes a page that describes an error, with a status.
 *
 * The page is the same for every method and every path below it. It is HTML, a
 * problem in JSON (`application/problem+json`, RFC 9457) or plain text, by the
 * request's `Accept`. Its texts are escaped. From Twisted's `twisted.web.pages`.
 *
 * @param code The status, from 200 to 599.
 * @param brief The title and heading.
 * @param detail A sentence or two.
 * @throws {RangeError} If the status is not an integer from 200 to 599.
 *
 * @example Usage
 * ```ts
 * import { errorPage, Resource, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const root = new Resource();
 * root.putChild("shop", errorPage(503, "Closed", "We are moving house."));
 * await using site = new Site(root);
 * const response = await site.fetch(new Request("http://localhost/shop/tea"));
 * assertEquals(response.status, 503);
 * ```
 */
export function errorPage(
  code: number,
  brief: string,
  detail: string,
): Resource {
  return new ErrorPage(code, brief, detail);
}

/** Makes a page with status 404; see {@linkcode errorPage}. */
export function notFound(
  brief: string = "Page not found",
  detail: string = "There is nothing at this address.",
): Resource {
  return errorPage(404, brief, detail);
}

/** Makes a page with status 403; see {@linkcode errorPage}. */
export function forbidden(
  brief: string = "No access",
  detail: string = "You do not have access to this page.",
): Resource {
  return errorPage(403, brief, detail);
}

/** The formats in which an error can be described. */
export type ErrorFormat = "html" | "json" | "text";

/**
 * Returns the format that a client likes best for the description of an error: HTML
 * if the client accepts all formats, text if it accepts none of them.
 *
 * @param accept The `Accept` header, if there is one.
 */
export function errorFormatFor(accept: string | undefined): ErrorFormat {
  if (accept === undefined) return "html";
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
