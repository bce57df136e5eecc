import type { SameSite } from "./session_cookie.ts";

/**
 * A prefetch, by a page of this origin or of another; undefined for other requests.
 */
export type Prefetch = "own" | "foreign" | undefined;

/** Returns whether a request is a prefetch, and whose page asked for it. */
export function prefetchOf(headers: Headers): Prefetch {
  if (!headers.get("sec-purpose")?.includes("prefetch")) return undefined;
  // Over plain http browsers do not say which page asked.
  const site = headers.get("sec-fetch-site") ?? "same-origin";
  return site === "same-origin" ? "own" : "foreign";
}

/** Returns whether a browser keeps a cookie from a request, by its `SameSite`. */
export function isCookieKeptBack(
  method: string,
  headers: Headers,
  sameSite: SameSite,
): boolean {
  if (sameSite === "None") return false;
  if (headers.get("sec-fetch-site") !== "cross-site") return false;
  if (sameSite === "Strict") return true;
  const isNavigation = headers.get("sec-fetch-mode") === "navigate" &&
    (method === "GET" || method === "HEAD");
  return !isNavigation;
}
