import { getCookies } from "@std/http/cookie";
import { findCookie } from "../http/headers.ts";
import type { Candidate, Comparison } from "./inprocess_compare.ts";

/** Tasks in one run. */
const TIMES = 2000;

const TOKEN = "0123456789abcdef".repeat(4);

/** Compares finding the session's cookie with parsing all cookies. */
export function cookie(others: number): Comparison {
  const header = [
    ...Array.from({ length: others }, (_, i) => `_preference${i}=value-${i}`),
    `session=${TOKEN}`,
  ].join("; ");
  const headers = new Headers({ cookie: header });
  return {
    title: `Find the cookie beside ${others} others`,
    times: TIMES,
    candidates: [
      repeat("getCookies() of @std/http", () => getCookies(headers).session),
      repeat(
        "findCookie()",
        () => findCookie(headers.get("cookie")!, "session"),
      ),
    ],
  };
}

const HTML = "text/html; charset=utf-8";
const SHARED: ResponseInit = { headers: [["content-type", HTML]] };
const BYTES = new TextEncoder().encode("hello");

/** Compares ways of making a Response. */
export function response(): Comparison {
  return {
    title: "Make a Response",
    times: TIMES,
    candidates: [
      repeat("text", () => new Response("hello")),
      repeat(
        "text, a type in a shared init",
        () => new Response("hello", SHARED),
      ),
      repeat(
        "text, a type in a list",
        () => new Response("hello", { headers: [["content-type", HTML]] }),
      ),
      repeat(
        "text, a type in a record",
        () => new Response("hello", { headers: { "content-type": HTML } }),
      ),
      repeat("text, type and cookie in a list", () =>
        new Response("hello", {
          status: 200,
          headers: [
            ["content-type", HTML],
            ["set-cookie", TOKEN],
            ["cache-control", "no-store"],
          ],
        })),
      repeat("text, type and cookie in Headers", () => {
        const headers = new Headers();
        headers.set("content-type", HTML);
        headers.append("set-cookie", TOKEN);
        headers.set("cache-control", "no-store");
        return new Response("hello", { status: 200, headers });
      }),
      repeat("text, cookie appended afterwards", () => {
        const response = new Response("hello", SHARED);
        response.headers.append("set-cookie", TOKEN);
        return response;
      }),
      repeat("bytes", () => new Response(BYTES)),
      repeat("a Response made anew", () => {
        const response = new Response("hello", SHARED);
        const headers = new Headers(response.headers);
        headers.append("set-cookie", TOKEN);
        return new Response(response.body, { headers });
      }),
    ],
  };
}

function repeat(name: string, act: () => unknown): Candidate {
  let last: unknown;
  return {
    name,
    run() {
      for (let i = 0; i < TIMES; i++) last = act();
      return last;
    },
  };
}
