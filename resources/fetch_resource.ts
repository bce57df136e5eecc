/**
 * Other frameworks' applications in a tree.
 *
 * @module
 */

import { describe } from "../internal/describe.ts";
import { pathOf } from "../internal/path.ts";
import type { SiteRequest } from "../request.ts";
import { Resource, UnsupportedMethod } from "../resource.ts";

/**
 * Answers a request: the `fetch` of a Hono application, of another
 * {@linkcode Site}, or whatever else `Deno.serve` takes.
 */
export type FetchFunction = (
  request: Request,
  info?: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

/**
 * Has a function answer all that is at its place and below.
 *
 * The function gets the request with the path from here on: at `/api`, a request
 * for `/api/tea?cup=1` comes to it as `/tea?cup=1`, and one for `/api` as `/`.
 * Escapes stay as they came, dot segments are folded. The rest is as the visitor
 * sent it: method, host, headers, and the body, as a stream that nobody must
 * have read and that the site's `maxBodyBytes` does not limit. What it throws or
 * rejects with is a 500 and reported. A host that would move the path is
 * answered with 400.
 *
 * The Response goes out as it is, with the cookies that a guard or another
 * resource on the way has set. WebSockets can be upgraded.
 *
 * The `signal` of the request is that of {@linkcode SiteRequest.signal}: it
 * aborts only if the visitor leaves, and must be asked for before the response
 * is produced. Copies that are made of the request have one that never aborts.
 *
 * @example Usage
 * ```ts
 * import { FetchResource, Resource, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const api = new FetchResource((request) =>
 *   Response.json(new URL(request.url).pathname)
 * );
 * await using site = new Site(new Resource().putChild("api", api));
 * const response = await site.fetch(new Request("http://localhost/api/tea"));
 * assertEquals(await response.json(), "/tea");
 * ```
 */
export class FetchResource extends Resource {
  /** @ignore */
  override isLeaf = true;
  readonly #answer: FetchFunction;

  /**
   * Makes a resource that a function answers for.
   *
   * @param answer Called for each request, whatever the method.
   * @throws {TypeError} If it is not a function.
   */
  constructor(answer: FetchFunction) {
    super();
    if (typeof answer !== "function") {
      throw new TypeError(
        `Cannot mount ${describe(answer)}: it is not a function`,
      );
    }
    this.#answer = answer;
  }

  /**
   * Answers every method by the function.
   *
   * @throws {UnsupportedMethod} For TRACK, and others of which the platform makes
   * no Request, whatever their case: it is answered with 501.
   */
  override render(request: SiteRequest): Response | Promise<Response> {
    return this.#answer(requestFor(request), request.info);
  }
}

/** Methods of which the platform makes no Request, in any case. */
const FORBIDDEN = /^(connect|trace|track)$/i;

/** The request as it looks from the resource. */
function requestFor(siteRequest: SiteRequest): Request {
  const { request } = siteRequest;
  const url = urlBelow(siteRequest);
  // Asked for late, as it makes a request twice as dear, and Deno print a
  // warning about the request's own.
  const signal = { get: () => siteRequest.signal };
  if (siteRequest.getHeader("upgrade") !== undefined) {
    // Deno upgrades the connection of its own object only, or of its heir.
    return Object.create(request, { url: { value: url }, signal });
  }
  const { method, headers } = request;
  if (FORBIDDEN.test(method)) throw new UnsupportedMethod(method, []);
  // A "get" from the wire may have one, and becomes a GET, which may not.
  const body = /^(get|head)$/i.test(method) ? null : request.body;
  const copy = new Request(url, { method, headers, body });
  return Object.defineProperty(copy, "signal", signal);
}

function urlBelow({ prepath, request, url }: SiteRequest): string {
  const segments = pathOf(request.url).slice(1).split("/");
  const path = segments.slice(prepath.length).join("/");
  return `${url.origin}/${path}${url.search}`;
}
