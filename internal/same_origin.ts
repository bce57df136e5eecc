import { HttpError } from "./http_error.ts";

/** What says where a request comes from, and where it went. */
export interface OriginatingRequest {
  /** A header of the request, or undefined. */
  getHeader(name: string): string | undefined;
  /** The root of the site as the visitor knows it. */
  readonly rootURL: URL;
}

/**
 * Refuses what a page of another origin has made a browser send, with the
 * visitor's cookie.
 *
 * Browsers say where it comes from in `Sec-Fetch-Site`, and where they do not,
 * over plain http, in `Origin`. What says nothing is no browser, and has no
 * cookie that it was not given. The schemes are not compared: behind a proxy
 * that is not believed, the site does not know its own.
 *
 * @param request The request.
 * @param origins Other origins that may: `"https://app.example"`, for example.
 * @throws {HttpError} 403
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

/** The host of an origin; undefined for `"null"`, which is nobody's. */
function hostOf(origin: string): string | undefined {
  return URL.parse(origin)?.host;
}
