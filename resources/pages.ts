/**
 * Pages for errors.
 *
 * @module
 */

import { escape } from "@std/html";
import { describe } from "../base/describe.ts";
import { isPromiseLike } from "../base/promises.ts";
import type { SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { DescribedError, describeError } from "./error_format.ts";
import { loadLaterCode } from "./load_later.ts";

/** The page of {@linkcode errorPage}: the same for every path and method. */
export class ErrorPage extends Resource {
  override usesSession = false;
  readonly #error: DescribedError;

  constructor(error: DescribedError) {
    super();
    const { status } = error;
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(
        `Cannot make a page with status ${
          describe(status)
        }: not an integer from 200 to 599`,
      );
    }
    this.#error = error;
  }

  override getChild(): Resource {
    return this;
  }

  /**
   * Writes the page. For a request without `Accept` it is HTML without a style, at
   * once. Otherwise the code that writes pages is loaded, once in a process.
   */
  override render(request: SiteRequest): string | Promise<string> {
    const error = this.#error;
    request.setResponseCode(error.status);
    request.responseHeaders.append("vary", "Accept");
    const accept = acceptOf(request);
    if (accept === undefined && error.brief !== undefined) {
      return barePage(error);
    }
    const write = (writer: { describeError: typeof describeError }): string => {
      const { type, text } = writer.describeError(error, accept);
      if (type !== undefined) request.setHeader("content-type", type);
      return text;
    };
    const writer = loadLaterCode();
    return isPromiseLike(writer)
      ? writer.then(write, () => barePage(error))
      : write(writer);
  }
}

function barePage(
  { status, brief = `Error ${status}`, detail }: DescribedError,
): string {
  const heading = escape(brief);
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
  return new ErrorPage({ status: code, brief, detail });
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
