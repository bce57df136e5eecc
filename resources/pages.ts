/**
 * Pages for errors.
 *
 * @module
 */

import { describe } from "../base/describe.ts";
import { proceed } from "../base/promises.ts";
import type { SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { DescribedError } from "./error_format.ts";
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

  /** Writes the page by code that is loaded at the first one of a process. */
  override render(request: SiteRequest): string | Promise<string> {
    return proceed(loadLaterCode(), ({ describeError }) => {
      request.setResponseCode(this.#error.status);
      request.responseHeaders.append("vary", "Accept");
      const accept = acceptOf(request);
      const { type, text } = describeError(this.#error, accept);
      if (type !== undefined) request.setHeader("content-type", type);
      return text;
    });
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
