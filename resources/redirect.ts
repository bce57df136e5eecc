/**
 * Resources that send the visitor elsewhere.
 *
 * @module
 */

import { redirectTo } from "../internal/redirect.ts";
import type { SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";

/**
 * Sends the visitor to one place, from its own and all that might be below it,
 * whatever the method.
 *
 * The query of the request is not carried along. From Twisted's
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
  /** @ignore */
  override isLeaf = true;
  readonly #url: string;
  readonly #code: number;

  /**
   * Makes a resource that sends the visitor to a URL.
   *
   * @param url Where to, as for `request.redirect`. A relative one counts from
   * the page that was asked for, which may lie deeper than this resource.
   * @param code 301, 302, 303, 307 or 308; 302 unless told. Only 307 and 308
   * keep a POST a POST.
   * @throws {RangeError} If the code is another.
   */
  constructor(url: string | URL, code: number = 302) {
    super();
    refuseOtherCodes(code);
    this.#url = String(url);
    this.#code = code;
  }

  /** Answers every method with the redirect. */
  override render(request: SiteRequest): Response {
    return request.redirect(this.#url, this.#code);
  }
}

/**
 * Sends the visitor to the folder that this resource is in, from its own place
 * and all that might be below it, whatever the method.
 *
 * At `/shop/tea` it sends `/shop/tea?cup=1` and `/shop/tea/green` to `/shop/`.
 * Put as `""`, as the page of a folder itself, it sends to the folder above.
 *
 * From Twisted's `twisted.web.util.ParentRedirect`, which goes by the path that
 * was asked for and so sends `/shop/tea/` to itself, and which makes an absolute
 * URL of the Host header. Here the `Location` is relative: it stays on the host,
 * and under the path, that the visitor knows, whatever proxies are in between.
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
  /** @ignore */
  override isLeaf = true;
  readonly #code: number;

  /**
   * Makes a resource that sends the visitor one folder up.
   *
   * @param code 301, 302, 303, 307 or 308; 302 unless told.
   * @throws {RangeError} If the code is another.
   */
  constructor(code: number = 302) {
    super();
    refuseOtherCodes(code);
    this.#code = code;
  }

  /** Answers every method with the redirect. */
  override render(request: SiteRequest): Response {
    const folder = request.prepath.at(-1) === "" ? ".." : ".";
    return request.redirect(request.siblingLink(folder), this.#code);
  }
}

/** Tells of a code that is none when the tree is built, not at a visit. */
function refuseOtherCodes(code: number): void {
  redirectTo("", code);
}
