import type { SameSite } from "./session_cookie.ts";

/** Whether a browser fetches in advance: for a page of this origin or not. */
export type Prefetch = "own" | "foreign" | undefined;

/** Returns whether a browser fetches in advance, and for which page. */
export function prefetchOf(headers: Headers): Prefetch {
  if (!headers.get("sec-purpose")?.includes("prefetch")) return undefined;
  // Over plain http browsers do not say which page it is for.
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
