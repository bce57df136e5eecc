/**
 * Applications of other frameworks as resources.
 *
 * @module
 */

import { describe } from "../base/describe.ts";
import { proceed } from "../base/promises.ts";
import { BOOLEAN, checkOptions, type OptionRules } from "../base/options.ts";
import type { ConnectionInfo } from "../http/connection.ts";
import type { SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { loadLaterCode } from "./wrap.ts";

/**
 * Responds to a request: the `fetch` of a Hono application or of another
 * {@linkcode Site}, or any other handler of `Deno.serve`.
 */
export type FetchFunction = {
  // As a method: a function that takes Deno.ServeHandlerInfo fits too.
  fetch(request: Request, info?: ConnectionInfo): Response | Promise<Response>;
}["fetch"];

/** The options of a {@linkcode FetchResource}. */
export interface FetchResourceOptions {
  /**
   * Whether streamed bodies and WebSockets of the function end with the session of
   * their request: at its end, after a login elsewhere, and at a stop. That
   * concerns bodies of unknown length other than JSON. To the application's stream
   * it looks as if the client had left. A socket gets code 1008 and the reason.
   *
   * By default the setting of a guard in front holds, or false without a guard. To
   * reach the sockets, the first request for one replaces `Deno.upgradeWebSocket`
   * by a function that also watches the socket. Sockets that an application opens
   * by the original function do not end.
   *
   * @default {undefined}
   */
  endsWithSession?: boolean;
}

const RULES: OptionRules<FetchResourceOptions> = { endsWithSession: BOOLEAN };

/**
 * Lets a function respond to all requests for this resource and below it.
 *
 * The function receives the request with the rest of the path: below `/api`, a
 * request for `/api/tea?cup=1` becomes `/tea?cup=1`, and one for `/api` becomes
 * `/`. Escapes are not changed, and dot segments are resolved. If a resource on the
 * way has changed `postpath`, the function receives the changed path. Method, host,
 * headers and body are those that the client sent. The body is a stream that no
 * resource may have read before, and `maxBodyBytes` of the site does not limit it.
 * If the function throws or rejects, the error is reported and the response is a
 * 500. A host that would change the path of the URL gets a 400.
 *
 * The Response is sent as it is, with the cookies that a guard or another
 * resource on the path has set. The function can upgrade to a WebSocket.
 *
 * The `signal` of the request is {@linkcode SiteRequest.signal}: it aborts only if
 * the client disconnects, and must be read before the function returns its
 * response. The signal of a copy of the request never aborts.
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
  readonly #endsWithSession: boolean | undefined;

  /**
   * Makes a resource that calls a function.
   *
   * @param answer Called for each request of any method.
   * @throws {TypeError} If it is not a function, or an option is of the wrong kind
   * or unknown.
   */
  constructor(answer: FetchFunction, options: FetchResourceOptions = {}) {
    super();
    checkOptions("mount a function", options, RULES);
    if (typeof answer !== "function") {
      throw new TypeError(
        `Cannot mount ${describe(answer)}: it is not a function`,
      );
    }
    this.#answer = answer;
    this.#endsWithSession = options.endsWithSession;
  }

  /**
   * Calls the function, for every method.
   *
   * @throws {UnsupportedMethod} For CONNECT, TRACE and TRACK in any case, since the
   * platform refuses to make such a Request. The response is a 501.
   */
  override render(request: SiteRequest): Response | Promise<Response> {
    return proceed(loadLaterCode(), ({ setEndsWithSession, requestFor }) => {
      if (this.#endsWithSession !== undefined) {
        setEndsWithSession(request, this.#endsWithSession);
      }
      return this.#answer(requestFor(request), request.info);
    });
  }
}
