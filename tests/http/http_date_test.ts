import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { FileSite, NEEDS_FILES } from "../helpers_files.ts";
import { parseHttpDate } from "../../request/conditional.ts";

const DATES: readonly (readonly [string, string])[] = [
  // RFC 9110, section 5.6.7: the three forms.
  ["Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37.000Z"],
  ["Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37.000Z"],
  ["Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37.000Z"],
  ["Tue Nov 24 08:49:37 2026", "2026-11-24T08:49:37.000Z"],
  // A year of two digits is at most 50 years ahead.
  ["Sunday, 06-Nov-76 00:00:00 GMT", "2076-11-06T00:00:00.000Z"],
  ["Sunday, 06-Nov-77 00:00:00 GMT", "1977-11-06T00:00:00.000Z"],
  // The name of the day is not compared.
  ["Mon, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37.000Z"],
  ["Thu, 29 Feb 2024 00:00:00 GMT", "2024-02-29T00:00:00.000Z"],
  ["Thu, 01 Jan 0099 00:00:00 GMT", "0099-01-01T00:00:00.000Z"],
  ["Sat, 31 Dec 2016 23:59:60 GMT", "2017-01-01T00:00:00.000Z"],
];

for (const [text, date] of DATES) {
  Deno.test(`parseHttpDate() reads "${text}"`, () => {
    using _time = new FakeTime("2026-11-24T12:00:00Z");

    assertEquals(new Date(parseHttpDate(text)).toISOString(), date);
  });
}

/** Texts that are no dates, of which `Date.parse()` takes most. */
const GARBAGE: readonly string[] = [
  "",
  "soon",
  "foo 5",
  "-1",
  "0",
  "9999",
  "2030",
  "maybe 2030",
  "2030-01-01",
  "2030-01-01T00:00:00Z",
  "Sun, 06 Nov 2094 08:49:37",
  "Sun, 06 Nov 2094 08:49:37 UTC",
  "Sun, 06 Nov 2094 08:49:37 +0000",
  "Sun, 06 Nov 2094 09:49:37 GMT+1",
  "sun, 06 nov 2094 08:49:37 gmt",
  "Sun, 6 Nov 2094 08:49:37 GMT",
  "Sun,  06 Nov 2094 08:49:37 GMT",
  "Sun 06 Nov 2094 08:49:37 GMT",
  "06 Nov 2094 08:49:37 GMT",
  "Xxx, 06 Nov 2094 08:49:37 GMT",
  "Sun, 06 Nov 94 08:49:37 GMT",
  "Sun, 31 Feb 2094 08:49:37 GMT",
  "Sun, 29 Feb 2093 08:49:37 GMT",
  "Sun, 00 Nov 2094 08:49:37 GMT",
  "Sun, 32 Oct 2094 08:49:37 GMT",
  "Sun, 06 Nov 2094 24:00:00 GMT",
  "Sun, 06 Nov 2094 08:60:00 GMT",
  "Sun, 06 Nov 2094 08:49:61 GMT",
  "Sun, 06 Nov 2094 08:49 GMT",
  "Sunday, 06-Nov-2094 08:49:37 GMT",
  "Sun Nov 06 08:49:37 2094 GMT",
  "Sun Nov  0 08:49:37 2094",
  "x Sun, 06 Nov 2094 08:49:37 GMT",
  "Sun, 06 Nov 2094 08:49:37 GMT x",
  "Sun, 06 Nov 2094 08:49:37 GMT, Sun, 06 Nov 2094 08:49:37 GMT",
  '"Sun, 06 Nov 2094 08:49:37 GMT"',
  "Sun, 06\xa0Nov 2094 08:49:37 GMT",
];

for (const text of GARBAGE) {
  Deno.test(`parseHttpDate() refuses "${text}"`, () => {
    assertEquals(parseHttpDate(text), NaN);
  });
}

Deno.test(
  "StaticFile ignores what is no date in each conditional header",
  NEEDS_FILES,
  async () => {
    await using site = new FileSite({ "a.txt": "abcdef" });
    const statusOf = async (headers: HeadersInit) => {
      const response = await site.visit("/a.txt", { headers });
      await response.text();
      return response.status;
    };
    for (const text of GARBAGE) {
      const statuses = [
        await statusOf({ "if-modified-since": text }),
        await statusOf({ "if-unmodified-since": text }),
        await statusOf({ "if-range": text, range: "bytes=1-2" }),
        await statusOf({ "if-none-match": text }),
        // A list of tags that is malformed names no tag.
        await statusOf({ "if-match": text }),
      ];

      assertEquals([text, ...statuses], [text, 200, 200, 200, 200, 412]);
    }
  },
);
