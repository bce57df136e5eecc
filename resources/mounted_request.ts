import { decodeSegment, pathOf } from "../http/path.ts";
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

/**
 * Returns decoded segments as a part of a path, the reverse of `segmentsOf`. A segment of the client's own path keeps its escapes.
 *
 * @param sent The path as the client sent it. Its last segments are these, unless a
 * resource has changed them.
 */
function encodePath(segments: readonly string[], sent: string): string {
  const raw = sent.split("/").slice(-segments.length);
  const missing = segments.length - raw.length;
  return segments.map((segment, i) => {
    const own = raw[i - missing];
    return own !== undefined && decodeSegment(own) === segment
      ? own
      : encodeURIComponent(segment.toWellFormed());
  }).join("/");
}
