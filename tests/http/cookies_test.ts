import { assertEquals } from "@std/assert";
import { getCookies } from "@std/http/cookie";
import fc from "fast-check";
import { findCookie } from "../../http/headers.ts";

/** Headers of what cookies are made of, so that the name comes up often. */
const HEADER = fc.array(
  fc.constantFrom("session", "=", ";", " ", "\t", "a", "ses", "sion", '"', ","),
  { maxLength: 24 },
).map((parts) => parts.join(""));

/** Every byte that a header can hold, as the character that a server sees. */
const BYTES = Array.from({ length: 0xff }, (_, i) => String.fromCharCode(i + 1))
  .filter((byte) => byte !== "\r" && byte !== "\n");

/** Headers of what cookies are made of, with any other bytes between. */
const BYTES_BETWEEN = fc.array(
  fc.oneof(
    fc.constantFrom("session", "=", ";", "; "),
    fc.constantFrom(...BYTES),
    fc.constantFrom(...BYTES.slice(-0x80)),
  ),
  { maxLength: 24 },
).map((parts) => parts.join(""));

/**
 * The bytes that getCookies trims and findCookie does not, on purpose: VT, FF
 * and the no-break space. In a Cookie header only SP and HTAB are white space
 * (RFC 6265bis), and browsers take each other byte for a part of the name.
 */
const DIFFERING = "\v\f\xa0";

/** Puts a byte that neither trims in the place of those bytes. */
function evened(text: string): string {
  return text.replace(/[\v\f\xa0]/g, "\x80");
}

/**
 * What getCookies says, without the SP and HTAB around the value, which it leaves;
 * or the error if it refuses a pair without a name.
 */
function byStd(header: string, name: string): string | undefined | Error {
  try {
    return getCookies(new Headers({ cookie: header }))[name]
      ?.replace(/^[ \t]+|[ \t]+$/g, "");
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

Deno.test("findCookie() agrees with getCookies() on any bytes but those that only Unicode calls spaces", () => {
  fc.assert(
    fc.property(BYTES_BETWEEN, (text) => {
      const header = new Headers({ cookie: text }).get("cookie") ?? "";
      const found = findCookie(header, "session");
      const expected = byStd(evened(header), "session");
      if (expected instanceof Error) return;
      assertEquals(found && evened(found), expected);
    }),
    { numRuns: 20_000 },
  );
});

for (
  const [where, put] of [
    ["before a name", (byte) => `${byte}session=1`],
    ["behind a name", (byte) => `session${byte}=1`],
    ["before the name of a later cookie", (byte) => `a=1;${byte}session=1`],
    ["behind a name without a value", (byte) => `a=1; session${byte}`],
  ] as [string, (byte: string) => string][]
) {
  Deno.test(`findCookie() differs from getCookies() in three bytes ${where}`, () => {
    const differing = BYTES.filter((byte) => {
      // Headers strips white space at the ends of a header.
      const header = `${put(byte)}; b=1`;
      const expected = byStd(header, "session");
      return !(expected instanceof Error) &&
        findCookie(header, "session") !== expected;
    });
    assertEquals(differing.join(""), DIFFERING);
  });
}

for (const space of [" ", "\t", " \t \t"]) {
  Deno.test(`findCookie() passes over ${JSON.stringify(space)} around a name`, () => {
    assertEquals(findCookie(`a=1;${space}session${space}=1`, "session"), "1");
  });

  Deno.test(`findCookie() passes over ${JSON.stringify(space)} around a value`, () => {
    const header = `a=1; session=${space}1${space}2${space}; b=3`;
    assertEquals(findCookie(header, "session"), `1${space}2`);
  });
}

Deno.test("findCookie() finds a name that begins with a no-break space by that name only", () => {
  const header = "\xa0session=1";
  assertEquals(findCookie(header, "\xa0session"), "1");
  assertEquals(findCookie(header, "session"), undefined);
});

Deno.test("findCookie() takes a no-break space for a part of a value", () => {
  assertEquals(findCookie("a=\xa01\xa0", "a"), "\xa01\xa0");
});

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
