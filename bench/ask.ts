import type { Visit } from "./wrk.ts";

/**
 * Asks a server for a page of HTML.
 *
 * @param expected What the page is to say.
 * @returns the headers of the response.
 * @throws {Error} If it does not.
 */
export async function ask(
  origin: string,
  visit: Visit,
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
      `${path} is answered ${response.status}, ${type}, "${body}", where 200, a page and "${expected}" was expected`,
    );
  }
  return response.headers;
}

/**
 * The cookie that a response sets, as a visitor sends it back.
 *
 * @throws {Error} If it sets none, or not for the whole site.
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

/** Headers without what differs from one response to the next. */
export function comparable(headers: Headers): string {
  return [...headers]
    .filter(([name]) => name !== "date")
    .map(([name, value]) => `${name}: ${value.replace(/[0-9a-f]{64}/, "...")}`)
    .join("\n");
}
