/**
 * Resources that pages of other origins cannot change.
 *
 * @module
 */

import { checkOptions, ORIGINS } from "../base/options.ts";
import { refuseForeignChange } from "../http/same_origin.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { checkResource, giveBackSegment, renderBehind } from "./pass_on.ts";

/** The options of a {@linkcode SameOrigin}. */
export interface SameOriginOptions {
  /**
   * Other origins whose pages may send requests of any method, each as browsers
   * write it in `Origin`: `"https://app.example"`, for example.
   *
   * @default {[]}
   */
  origins?: readonly string[];
}

/**
 * Protects a resource, and all below it, from requests that pages of other origins
 * make a browser send (CSRF). They get a 403.
 *
 * GET, HEAD and OPTIONS pass: they should change nothing. Requests of other methods,
 * and requests for a WebSocket, pass if the browser says that they come from this
 * origin, in `Sec-Fetch-Site` or, over plain http, in `Origin`. Subdomains are other
 * origins. A request without both headers passes, since it is not from a browser. A
 * request with a bearer token passes too, since no browser adds one by itself.
 *
 * Over plain http a page with `Referrer-Policy: no-referrer` sends `Origin: null`
 * with its own forms, and gets a 403.
 *
 * It takes no segment of the path: the resource has the path of this one. Children
 * that are put into it are never found. {@linkcode Guard}, {@linkcode SessionGuard}
 * and {@linkcode LoginGuard} refuse the same requests.
 *
 * Twisted has no such resource.
 *
 * @example Usage
 * ```ts
 * import { Resource, SameOrigin, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * class Order extends Resource {
 *   override render_POST(): string {
 *     return "ordered";
 *   }
 * }
 *
 * const root = new Resource().putChild("order", new Order());
 * await using site = new Site(new SameOrigin(root));
 * const response = await site.fetch(
 *   new Request("https://shop.example/order", {
 *     method: "POST",
 *     headers: { "sec-fetch-site": "cross-site" },
 *   }),
 * );
 * assertEquals(response.status, 403);
 * ```
 */
export class SameOrigin extends Resource {
  /** False: the resource does not use the session. */
  override usesSession: boolean = false;
  readonly #resource: Resource;
  readonly #origins: readonly string[];

  /**
   * Puts the protection before a resource.
   *
   * @throws {TypeError} If an argument or an option is of the wrong kind, or an
   * option is unknown.
   * @throws {RangeError} If one of `origins` is not an origin.
   */
  constructor(resource: Resource, options: SameOriginOptions = {}) {
    super();
    checkResource("protect", resource);
    const act = "protect a resource";
    checkOptions(act, options, { origins: ORIGINS });
    this.#resource = resource;
    this.#origins = [...options.origins ?? []];
  }

  /** Returns the protected resource, from which the walk continues. */
  override getChildWithDefault(_name: string, request: SiteRequest): Resource {
    giveBackSegment(request);
    refuseForeignChange(request, this.#origins);
    return this.#resource;
  }

  /** Renders the protected resource, if the path ends here. */
  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    refuseForeignChange(request, this.#origins);
    return renderBehind(this.#resource, request);
  }
}
