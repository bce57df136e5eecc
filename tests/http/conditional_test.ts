import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { SiteRequest } from "../../mod.ts";
import { WatchedSite } from "../helpers_http.ts";

/** The answer where a resource sets an ETag and renders "body" if need be. */
async function visitTagged(
  tag: string,
  ifNoneMatch: string | undefined,
  method = "GET",
): Promise<Response> {
  await using site = new WatchedSite((request) =>
    request.setETag(tag) ? "" : "body"
  );
  const headers: HeadersInit = ifNoneMatch === undefined
    ? {}
    : { "if-none-match": ifNoneMatch };
  return await site.visit("/", { method, headers });
}

/** The answer where a resource sets Last-Modified. */
async function visitDated(
  when: Date,
  headers: HeadersInit,
  method = "GET",
): Promise<Response> {
  await using site = new WatchedSite((request) =>
    request.setLastModified(when) ? "" : "body"
  );
  return await site.visit("/", { method, headers });
}

// ETag.

for (
  const [tag, header] of [
    ['"v1"', '"v1"'],
    ["v1", '"v1"'],
    ['W/"v1"', 'W/"v1"'],
    ["", '""'],
    ['""', '""'],
    ["W/v1", '"W/v1"'],
  ] as [string, string][]
) {
  Deno.test(`SiteRequest.setETag() of ${JSON.stringify(tag)} sends ${JSON.stringify(header)}`, async () => {
    const response = await visitTagged(tag, undefined);

    assertEquals(response.headers.get("etag"), header);
    assertEquals(await response.text(), "body");
  });
}

for (
  const [tag, ifNoneMatch] of [
    ["v1", '"v1"'],
    ["v1", 'W/"v1"'],
    ['W/"v1"', '"v1"'],
    ['W/"v1"', 'W/"v1"'],
    ["v1", '"v0", "v1"'],
    ["v1", '"v0","v1"'],
    ["v1", '"v0" ,\t"v1" , "v2"'],
    ["v1", 'W/"v0", W/"v1"'],
    ["v1", "*"],
    ["v1", " * "],
    ["", '""'],
    ["a b", '"a b"'],
    ["\xa0", '"\xa0"'],
  ] as [string, string][]
) {
  Deno.test(`SiteRequest.setETag() of ${JSON.stringify(tag)} is current for ${JSON.stringify(ifNoneMatch)}`, async () => {
    const response = await visitTagged(tag, ifNoneMatch);

    assertEquals(response.status, 304);
  });
}

for (
  const [tag, ifNoneMatch] of [
    ["v1", '"v0"'],
    ["v1", ""],
    ["v1", "v1"],
    ["v1", '"V1"'],
    ["v1", '"v1'],
    ["v1", '"v11"'],
    ["v1", '"v0", "v2"'],
    ["v1", ","],
    ["*", '"v1"'],
    ["v1", "\xa0*"],
    ["v1", '\xa0"v1"'],
    ["v1", '"v0",\xa0"v1"'],
    ["v1", '"v1"\xa0, "v2"'],
    ["\xa0", '"\xa1"'],
  ] as [string, string][]
) {
  Deno.test(`SiteRequest.setETag() of ${JSON.stringify(tag)} is not current for ${JSON.stringify(ifNoneMatch)}`, async () => {
    const response = await visitTagged(tag, ifNoneMatch);

    assertEquals(response.status, 200);
    assertEquals(await response.text(), "body");
  });
}

Deno.test("SiteRequest.setETag() sends the tag with a 304 too", async () => {
  const response = await visitTagged("v1", '"v1"');

  assertEquals(response.headers.get("etag"), '"v1"');
});

Deno.test("SiteRequest.setETag() has HEAD answered 304", async () => {
  assertEquals((await visitTagged("v1", '"v1"', "HEAD")).status, 304);
});

for (const method of ["PUT", "POST", "DELETE", "PATCH"]) {
  Deno.test(`SiteRequest.setETag() has ${method} answered 412`, async () => {
    assertEquals((await visitTagged("v1", '"v1"', method)).status, 412);
  });
}

Deno.test("SiteRequest.setETag() has PUT of what there is answered 412 for *", async () => {
  assertEquals((await visitTagged("v1", "*", "PUT")).status, 412);
});

Deno.test("SiteRequest.setETag() lets PUT pass where the tag is another", async () => {
  assertEquals((await visitTagged("v1", '"v0"', "PUT")).status, 200);
});

Deno.test("SiteRequest.setETag() has nothing sent to GET of what is rendered all the same", async () => {
  await using site = new WatchedSite((request) => {
    request.setETag("v1");
    return "rendered";
  });

  const response = await site.visit("/", {
    headers: { "if-none-match": '"v1"' },
  });

  assertFalse((await response.text()).includes("rendered"));
});

Deno.test("SiteRequest.setETag() refuses a tag with a comma", async () => {
  await using site = new WatchedSite((request) => {
    assertThrows(() => request.setETag("a,b"), RangeError, '"a,b"');
    return "";
  });

  const response = await site.visit();

  assertEquals(response.status, 200);
});

for (const tag of ["\u20ac", "a\r\nb", "\0"]) {
  Deno.test(`SiteRequest.setETag() of ${JSON.stringify(tag)}, which no header can hold, is a TypeError`, async () => {
    await using site = new WatchedSite((request) => {
      request.setETag(tag);
      return "";
    });

    const response = await site.visit();

    assertEquals(response.status, 500);
    assertInstanceOf(site.errors[0], TypeError);
  });
}

// Last-Modified.

const WHEN = new Date("2026-11-24T12:00:00Z");
const HTTP_DATE = "Tue, 24 Nov 2026 12:00:00 GMT";
const SECOND_BEFORE = "Tue, 24 Nov 2026 11:59:59 GMT";
const SECOND_AFTER = "Tue, 24 Nov 2026 12:00:01 GMT";

Deno.test("SiteRequest.setLastModified() sends the date", async () => {
  const response = await visitDated(WHEN, {});

  assertEquals(response.headers.get("last-modified"), HTTP_DATE);
  assertEquals(await response.text(), "body");
});

for (const milliseconds of [1, 500, 999]) {
  Deno.test(`SiteRequest.setLastModified() rounds ${milliseconds} ms up to a second`, async () => {
    const response = await visitDated(new Date(+WHEN + milliseconds), {});

    assertEquals(response.headers.get("last-modified"), SECOND_AFTER);
  });
}

Deno.test("SiteRequest.setLastModified() keeps a later date that is there", async () => {
  await using site = new WatchedSite((request) => {
    request.setLastModified(WHEN);
    request.setLastModified(new Date(0));
    return "";
  });

  const { headers } = await site.visit();

  assertEquals(headers.get("last-modified"), HTTP_DATE);
});

Deno.test("SiteRequest.setLastModified() replaces an earlier date that is there", async () => {
  await using site = new WatchedSite((request) => {
    request.setLastModified(new Date(0));
    request.setLastModified(WHEN);
    return "";
  });

  const { headers } = await site.visit();

  assertEquals(headers.get("last-modified"), HTTP_DATE);
});

Deno.test("SiteRequest.setLastModified() compares with a later date that is there", async () => {
  await using site = new WatchedSite((request) => {
    request.setLastModified(WHEN);
    return String(request.setLastModified(new Date(0)));
  });

  const response = await site.visit("/", {
    headers: { "if-modified-since": SECOND_BEFORE },
  });

  assertEquals(await response.text(), "false");
});

Deno.test("SiteRequest.setLastModified() refuses an invalid date", async () => {
  await using site = new WatchedSite((request) => {
    request.setLastModified(new Date(NaN));
    return "";
  });

  const response = await site.visit();

  assertEquals(response.status, 500);
  const [error] = site.errors;
  assertInstanceOf(error, RangeError);
  assertStringIncludes(error.message, "Last-Modified");
});

for (
  const [what, date, status] of [
    ["the same second", HTTP_DATE, 304],
    ["a second later", SECOND_AFTER, 304],
    ["a second before", SECOND_BEFORE, 200],
    ["what a browser adds a length to", `${HTTP_DATE}; length=1`, 304],
    ["the date of RFC 850", "Tuesday, 24-Nov-26 12:00:00 GMT", 304],
    ["a no-break space in the date", HTTP_DATE.replace(" ", "\xa0"), 200],
    ["a no-break space behind the date", `${HTTP_DATE}\xa0`, 200],
    ["a byte that no date has", HTTP_DATE.replace(",", "\xff,"), 200],
    ["no date", "yesterday", 200],
    ["nothing", "", 200],
    ["a semicolon", ";", 200],
  ] as [string, string, number][]
) {
  Deno.test(`SiteRequest.setLastModified() is a ${status} for ${what}`, async () => {
    const response = await visitDated(WHEN, { "if-modified-since": date });

    assertEquals(response.status, status);
  });
}

Deno.test("SiteRequest.setLastModified() is no 304 for the second before it is rounded up to", async () => {
  const response = await visitDated(new Date(+WHEN + 1), {
    "if-modified-since": HTTP_DATE,
  });

  assertEquals(response.status, 200);
});

Deno.test("SiteRequest.setLastModified() has HEAD answered 304", async () => {
  const headers = { "if-modified-since": HTTP_DATE };

  assertEquals((await visitDated(WHEN, headers, "HEAD")).status, 304);
});

for (const method of ["POST", "PUT", "DELETE"]) {
  Deno.test(`SiteRequest.setLastModified() lets ${method} pass, with the date`, async () => {
    const headers = { "if-modified-since": HTTP_DATE };

    const response = await visitDated(WHEN, headers, method);

    assertEquals(response.status, 200);
    assertEquals(response.headers.get("last-modified"), HTTP_DATE);
  });
}

Deno.test("SiteRequest.setLastModified() takes no notice of If-Modified-Since beside If-None-Match", async () => {
  const response = await visitDated(WHEN, {
    "if-modified-since": HTTP_DATE,
    "if-none-match": '"v0"',
  });

  assertEquals(response.status, 200);
});

/** Sets both, whatever the first of them says. */
function setBoth(request: SiteRequest): string {
  const isCurrent = [
    request.setETag("v1"),
    request.setLastModified(WHEN),
  ];
  return isCurrent.join(" ");
}

Deno.test("SiteRequest.setETag() has a 304 that setLastModified() leaves", async () => {
  await using site = new WatchedSite(setBoth);

  const response = await site.visit("/", {
    headers: {
      "if-none-match": '"v1"',
      "if-modified-since": SECOND_BEFORE,
    },
  });

  assertEquals(response.status, 304);
});

Deno.test("SiteRequest.setETag() that does not match goes before a date that does", async () => {
  await using site = new WatchedSite(setBoth);

  const response = await site.visit("/", {
    headers: { "if-none-match": '"v0"', "if-modified-since": HTTP_DATE },
  });

  assertEquals(response.status, 200);
  assertEquals(await response.text(), "false false");
});

Deno.test("SiteRequest.setETag() beside If-Modified-Since alone leaves the 304 to setLastModified()", async () => {
  await using site = new WatchedSite(setBoth);

  const response = await site.visit("/", {
    headers: { "if-modified-since": HTTP_DATE },
  });

  assertEquals(response.status, 304);
  assert(response.headers.has("etag"));
});

Deno.test("SiteRequest.setETag() leaves a Response of the resource's own its headers", async () => {
  await using site = new WatchedSite((request) => {
    request.setETag("v1");
    return new Response("own", { headers: { etag: '"own"' } });
  });

  assertEquals((await site.visit()).headers.get("etag"), '"own"');
});

Deno.test("SiteRequest.setLastModified() sends no date that is later than now", async () => {
  using _time = new FakeTime("2026-11-24T12:00:00.500Z");
  for (const when of ["2026-11-24T12:00:00.300Z", "2027-01-01T00:00:00Z"]) {
    await using site = new WatchedSite((request) => {
      request.setLastModified(new Date(when));
      return "";
    });

    const { headers } = await site.visit();

    assertEquals(
      headers.get("last-modified"),
      "Tue, 24 Nov 2026 12:00:00 GMT",
    );
  }
});

Deno.test("SiteRequest.setLastModified() is no 304 for what was modified within this second", async () => {
  using time = new FakeTime("2026-11-24T12:00:00.500Z");
  let modified = new Date("2026-11-24T12:00:00.300Z");
  await using site = new WatchedSite((request) =>
    request.setLastModified(modified) ? "" : "body"
  );
  const ask = async () => {
    const since = "Tue, 24 Nov 2026 12:00:00 GMT";
    const headers = { "if-modified-since": since };
    return (await site.visit("/", { headers })).status;
  };

  assertEquals(await ask(), 200);
  modified = new Date("2026-11-24T12:00:00.700Z");
  time.tick(10_000);
  assertEquals(await ask(), 200);
});
