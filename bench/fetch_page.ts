import type { LoadRequest } from "./wrk.ts";

/**
 * Fetches a page of HTML from a server.
 *
 * @param expected The expected text of the page.
 * @returns the headers of the response.
 * @throws {Error} If the response is another one.
 */
export async function fetchPage(
  origin: string,
  visit: LoadRequest,
  expected: string,
): Promise<Headers> {
  const { path, cookie } = visit;
  const response = await fetch(origin + path, {
    headers: cookie === undefined ? {} : { cookie },
    signal: AbortSignal.timeout(10_000),
  });
  const body = await response.text();
  const type = response.headers.get("content-type")?.toLowerCase();
  if (
    response.status !== 200 || body !== expected ||
    type !== "text/html; charset=utf-8"
  ) {
    throw new Error(
      `${path} returns ${response.status}, ${type}, "${body}"; expected 200, a page, "${expected}"`,
    );
  }
  return response.headers;
}

/**
 * Returns the cookie that a response sets, as a client sends it back.
 *
 * @throws {Error} If it sets no cookie, or several, or a cookie with another path.
 */
export function cookieOf(headers: Headers): string {
  const [cookie = "", ...others] = headers.getSetCookie();
  if (others.length > 0 || !/; path=\/(;|$)/i.test(cookie)) {
    throw new Error(
      `it sets ${others.length + 1} cookies, the first "${cookie}"`,
    );
  }
  return cookie.split(";")[0]!;
}

/** Formats headers without the parts that differ between responses. */
export function comparable(headers: Headers): string {
  return [...headers]
    .filter(([name]) => name !== "date")
    .map(([name, value]) => `${name}: ${value.replace(/[0-9a-f]{64}/, "...")}`)
    .join("\n");
}
