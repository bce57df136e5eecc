import { HttpError } from "./http_error.ts";

/** The parts of a request that show its origin and its target. */
export interface OriginatingRequest {
  /** Returns a header of the request, or undefined. */
  getHeader(name: string): string | undefined;
  /** The root of the site as the client sees it. */
  readonly rootURL: URL;
}

/**
 * Refuses a request that a page of another origin made a browser send, with the
 * cookie of the client.
 *
 * Browsers send the origin in `Sec-Fetch-Site`, or in `Origin` over plain http. A
 * request without both headers is not from a browser, so no other page can have
 * made it use a cookie. The schemes are not compared: behind a proxy that is not
 * trusted, the site cannot see its own.
 *
 * @param request The request.
 * @param origins Other origins to accept: `"https://app.example"`, for example.
 * @throws {HttpError} 403 if the origin is another.
 */
export function refuseOtherOrigins(
  request: OriginatingRequest,
  origins: readonly string[] = [],
): void {
  const origin = request.getHeader("origin");
  if (origin !== undefined && origins.includes(origin)) return;
  const site = request.getHeader("sec-fetch-site");
  const isOwn = site !== undefined
    ? site === "same-origin" || site === "none"
    : origin === undefined || hostOf(origin) === request.rootURL.host;
  if (!isOwn) {
    throw new HttpError(403, "This is for pages of the same site only");
  }
}

/** Returns the host of an origin; undefined for `"null"`. */
function hostOf(origin: string): string | undefined {
  return URL.parse(origin)?.host;
}
