import { encodePath, pathOf } from "../http/path.ts";
import type { SiteRequest } from "../request.ts";
import { UnsupportedMethod } from "../resource.ts";

/** Methods that the platform refuses in a Request, in upper or lower case. */
const FORBIDDEN = /^(connect|trace|track)$/i;

/**
 * Returns the request for a mounted application, with the part of the path below
 * the resource.
 *
 * @throws {UnsupportedMethod} If the platform refuses to make a Request of the method.
 */
export function requestFor(siteRequest: SiteRequest): Request {
  const { request } = siteRequest;
  const url = urlBelow(siteRequest);
  // A getter, since the signal doubles the cost of a request, and since Deno prints
  // a warning when the request's own signal is read.
  const signal = { get: () => siteRequest.signal };
  if (siteRequest.getHeader("upgrade") !== undefined) {
    // Deno upgrades only its own request object, or an object that inherits from it.
    return Object.create(request, { url: { value: url }, signal });
  }
  const { method, headers } = request;
  if (FORBIDDEN.test(method)) throw new UnsupportedMethod(method, []);
  // A method "get" may come with a body; the copy is a GET, which must not.
  const body = /^(get|head)$/i.test(method) ? null : request.body;
  const copy = new Request(url, { method, headers, body });
  return Object.defineProperty(copy, "signal", signal);
}

function urlBelow({ postpath, request, url }: SiteRequest): string {
  return `${url.origin}/${
    encodePath(postpath, pathOf(request.url))
  }${url.search}`;
}
