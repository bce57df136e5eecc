import { accepts } from "@std/http/negotiation";
import type { SiteRequest } from "../request.ts";

/**
 * Sends a client to the login page, or tells a program that it has to log in.
 *
 * @param location Where pages are redirected; undefined if no client is.
 */
export function refuse(
  request: SiteRequest,
  loginPath: string,
  location: string | undefined,
): Response {
  if (location !== undefined && isForPage(request)) {
    request.setHeader("cache-control", "no-store");
    return request.redirect(location, 303);
  }
  const problem = {
    title: "Unauthorized",
    status: 401,
    detail: "You need to log in.",
  };
  return Response.json(problem, {
    status: 401,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      // A 401 must name a scheme; for these, browsers ask for no password.
      "www-authenticate": carriesToken(request)
        ? "Bearer"
        : `Cookie form-action="${loginPath}"`,
    },
  });
}

/** Methods by which a browser asks for a page. */
const PAGE_METHODS: readonly string[] = ["GET", "HEAD", "POST"];

/** Returns whether the client shows the response to a user as a page. */
function isForPage(request: SiteRequest): boolean {
  if (!PAGE_METHODS.includes(request.method)) return false;
  if (request.getHeader("upgrade") !== undefined) return false;
  if (carriesToken(request)) return false;
  const accept = request.getHeader("accept") ?? "";
  if (/html/i.test(accept)) {
    return accepts(request, "text/html", "application/json") === "text/html";
  }
  // Images, styles and scripts name their own types beside the wildcard.
  if (/^[^*]|,\s*[^*\s]/.test(accept)) return false;
  const mode = request.getHeader("sec-fetch-mode");
  return mode === undefined || mode === "navigate";
}

/**
 * Returns whether the client carries its token in headers, which browsers do not.
 */
function carriesToken(request: SiteRequest): boolean {
  return request.getHeader("session-transport") !== undefined ||
    /^bearer /i.test(request.getHeader("authorization") ?? "");
}
