/**
 * Pages for errors, and redirects.
 *
 * @module
 */

import { describe } from "../base/describe.ts";
import { proceed } from "../base/promises.ts";
import { redirectTo } from "../http/response_draft.ts";
import type { SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { DescribedError } from "./error_format.ts";
import { loadLaterCode } from "./wrap.ts";

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
    return proceed(
      loadLaterCode(),
      ({ renderError }) => renderError(this.#error, request),
    );
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

/**
 * Redirects the client to one URL, from its own path and from every path below
 * it, for every method.
 *
 * The query of the request is dropped. From Twisted's
 * `twisted.web.util.Redirect`.
 *
 * @example Usage
 * ```ts
 * import { Redirect, Resource, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const root = new Resource().putChild("shop", new Redirect("/store/", 308));
 * await using site = new Site(root);
 * const response = await site.fetch(new Request("http://localhost/shop/tea"));
 * assertEquals(response.status, 308);
 * assertEquals(response.headers.get("location"), "/store/");
 * ```
 */
export class Redirect extends Resource {
  /** False: the resource does not use the session. */
  override usesSession: boolean = false;
  /** @ignore */
  override isLeaf = true;
  readonly #url: string;
  readonly #code: number;

  /**
   * Makes a resource that redirects to a URL.
   *
   * @param url The target, as for `request.redirect`. A relative one is resolved
   * against the requested page, which may be deeper than this resource.
   * @param code 301, 302, 303, 307 or 308. Only 307 and 308 keep the method of a
   * POST. The default is 302.
   * @throws {RangeError} If the code is another one.
   */
  constructor(url: string | URL, code: number = 302) {
    super();
    refuseOtherCodes(code);
    this.#url = String(url);
    this.#code = code;
  }

  /** Returns the redirect, for every method. */
  override render(request: SiteRequest): Response {
    return request.redirect(this.#url, this.#code);
  }
}

/**
 * Redirects the client to the folder of this resource, from its own path and from
 * every path below it, for every method.
 *
 * At `/shop/tea` it redirects `/shop/tea?cup=1` and `/shop/tea/green` to `/shop/`.
 * As the child `""`, the page of a folder itself, it redirects to the folder above.
 *
 * From Twisted's `twisted.web.util.ParentRedirect`, which uses the requested path,
 * so that it redirects `/shop/tea/` to itself, and makes an absolute URL from the
 * Host header. Here the `Location` is relative, so that it is right behind any
 * proxy.
 *
 * @example Usage
 * ```ts
 * import { ParentRedirect, Resource, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const shop = new Resource().putChild("tea", new ParentRedirect());
 * await using site = new Site(new Resource().putChild("shop", shop));
 * const url = "http://localhost/shop/tea?cup=1";
 * const response = await site.fetch(new Request(url));
 * const location = new URL(response.headers.get("location")!, url);
 * assertEquals(location.href, "http://localhost/shop/");
 * ```
 */
export class ParentRedirect extends Resource {
  /** False: the resource does not use the session. */
  override usesSession: boolean = false;
  /** @ignore */
  override isLeaf = true;
  readonly #code: number;

  /**
   * Makes a resource that redirects one folder up.
   *
   * @param code 301, 302, 303, 307 or 308. The default is 302.
   * @throws {RangeError} If the code is another one.
   */
  constructor(code: number = 302) {
    super();
    refuseOtherCodes(code);
    this.#code = code;
  }

  /** Returns the redirect, for every method. */
  override render(request: SiteRequest): Response {
    const folder = request.prepath.at(-1) === "" ? ".." : ".";
    return request.redirect(request.siblingLink(folder), this.#code);
  }
}

/** Checks the code now, so that the constructor throws instead of a request. */
function refuseOtherCodes(code: number): void {
  redirectTo("", code);
}
