import { HttpError } from "./http_error.ts";

/** The parts of a request that show its origin and its target. */
export interface OriginatingRequest {
  /** Returns a header of the request, or undefined. */
  getHeader(name: string): string | undefined;
  /** The root of the site as the client sees it. */
  readonly rootURL: URL;
}

/** The methods that change nothing (RFC 9110, 9.2.1). */
const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/**
 * Refuses a request that a page of another origin made a browser send, with the
 * cookie or the password of the client.
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
    throw new HttpError(403, "Only pages of this site may send this request");
  }
}

/**
 * Refuses a request of another origin, as {@linkcode refuseOtherOrigins} does, if
 * it may change something. A WebSocket may, and browsers open it by GET with the
 * cookie and the password of the client.
 *
 * A request with a bearer token passes: browsers add none by themselves, and a
 * page of another origin can do so only if the site allows it by CORS.
 */
export function refuseForeignChange(
  request: OriginatingRequest & { readonly method: string },
  origins: readonly string[],
): void {
  if (
    SAFE_METHODS.includes(request.method) &&
    request.getHeader("upgrade") === undefined
  ) return;
  if (/^bearer /i.test(request.getHeader("authorization") ?? "")) return;
  refuseOtherOrigins(request, origins);
}

/** Returns the host of an origin; undefined for `"null"` and for other texts. */
function hostOf(origin: string): string | undefined {
  const url = URL.parse(origin);
  return url?.origin === origin ? url.host : undefined;
}

/** A host that no path can name. */
const BASE = new URL("http://localhost");

/**
 * Returns a path of this host, with its query and fragment, as a browser would
 * understand it; undefined if a browser would go elsewhere.
 *
 * Browsers take `\` for a slash, ignore tabs and line breaks, and fold dots, so
 * `/\evil.example`, `/⇥/evil.example` and `/.//evil.example` lead to another host.
 */
export function localPath(text: string): string | undefined {
  if (!text.startsWith("/")) return undefined;
  const url = URL.parse(text, BASE);
  if (url === null || url.origin !== BASE.origin) return undefined;
  const path = url.pathname + url.search + url.hash;
  return path.startsWith("//") ? undefined : path;
}
