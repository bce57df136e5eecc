/**
 * Pages for errors.
 *
 * @module
 */

import { escape } from "@std/html";
import { describe } from "../base/describe.ts";
import type { SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";

/** The page of {@linkcode errorPage}: the same for every path and method. */
class ErrorPage extends Resource {
  readonly #code: number;
  readonly #html: string;

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
    this.#html = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${code} - ${escape(brief)}</title>
<style>p { white-space: pre-wrap }</style></head>
<body><h1>${escape(brief)}</h1><p>${escape(detail)}</p></body>
</html>
`;
  }

  override getChild(): Resource {
    return this;
  }

  override render(request: SiteRequest): string {
    request.setResponseCode(this.#code);
    return this.#html;
  }
}

/**
 * Makes a page that describes an error, with a status.
 *
 * The page is the same for every method and every path below it. Its texts are
 * escaped. From Twisted's `twisted.web.pages`.
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
  brief: string = "No Such Resource",
  detail: string = "There is nothing at this address.",
): Resource {
  return errorPage(404, brief, detail);
}

/** Makes a page with status 403; see {@linkcode errorPage}. */
export function forbidden(
  brief: string = "Forbidden Resource",
  detail: string = "You do not have access to this page.",
): Resource {
  return errorPage(403, brief, detail);
}
