import { assertEquals } from "@std/assert";
import { getCookies } from "@std/http/cookie";
import fc from "fast-check";
import { findCookie } from "../internal/session_cookie.ts";

/** Headers of what cookies are made of, so that the name comes up often. */
const HEADER = fc.array(
  fc.constantFrom("session", "=", ";", " ", "\t", "a", "ses", "sion", '"', ","),
  { maxLength: 24 },
).map((parts) => parts.join(""));

/** What getCookies says; undefined too where it refuses a pair without a name. */
function byStd(header: string, name: string): string | undefined | Error {
  try {
    return getCookies(new Headers({ cookie: header }))[name];
  } catch (error) {
    return error as Error;
  }
}

for (
  const [kind, headers] of [
    ["of likely parts", HEADER],
    ["of anything printable", fc.string({ unit: "grapheme-ascii" })],
  ] as const
) {
  Deno.test(`findCookie() agrees with getCookies() on headers ${kind}`, () => {
    fc.assert(
      fc.property(headers, (text) => {
        // What the server sees has been through a Headers object.
        const header = new Headers({ cookie: text }).get("cookie") ?? "";
        const found = findCookie(header, "session");
        const expected = byStd(header, "session");
        if (!(expected instanceof Error)) assertEquals(found, expected);
      }),
      { numRuns: 5_000 },
    );
  });
}

Deno.test("findCookie() finds a cookie beside one without a name", () => {
  assertEquals(findCookie("=x; session=1;", "session"), "1");
});

for (const header of [";", ";;", "; ;session", "=", "session", ""]) {
  Deno.test(`findCookie() comes to an end in ${JSON.stringify(header)}`, () => {
    assertEquals(
      findCookie(header, "session"),
      header.endsWith("session") ? "" : undefined,
    );
  });
}

Deno.test("findCookie() finds the last of several", () => {
  assertEquals(findCookie("session=1; a=2; session=3", "session"), "3");
});

Deno.test("findCookie() takes no time over a long header without it", () => {
  assertEquals(findCookie("a;".repeat(50_000), "session"), undefined);
});
