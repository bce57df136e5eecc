// What holds for whatever comes in: paths, cookies, headers and descriptions of
// endpoints that fast-check makes up, against models that are as simple as can be.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { setCookie } from "@std/http/cookie";
import fc from "fast-check";
import { parseEndpoint } from "../program/endpoint.ts";
import { decodeSegment, pathOf, segmentsOf } from "../http/path.ts";
import { findCookie } from "../http/headers.ts";
import type { SiteRequest } from "../mod.ts";
import { look, rawRequest, WatchedSite } from "./helpers_http.ts";

const THOROUGH = { numRuns: 5000 };

/** Through a whole site, which costs more. */
const BRIEF = { numRuns: 1000 };

// Paths.

/** Text that is much like an encoded path, and much like a broken one. */
const ENCODED = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom("%", "/", "a", "2", "f", "F", ".", "é", "%2F"),
    },
    {
      weight: 3,
      arbitrary: fc.integer({ min: 0, max: 255 }).map((byte) =>
        `%${byte.toString(16).padStart(2, "0")}`
      ),
    },
    { weight: 2, arbitrary: fc.string({ unit: "grapheme" }).map(encode) },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  ),
  { maxLength: 20 },
).map((parts) => parts.join(""));

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** One byte of an encoded character. */
const ESCAPE = /^%[\da-f]{2}$/i;

/**
 * What decodeSegment() says, a character at a time: the shortest run of escapes
 * that are one character in UTF-8 is that character, all else stays.
 */
function decodeNaively(segment: string): string {
  let decoded = "";
  for (let at = 0; at < segment.length;) {
    const run = [3, 6, 9, 12].find((length) =>
      decodeCharacter(segment.slice(at, at + length), length / 3) !== undefined
    );
    decoded += run === undefined
      ? segment[at]
      : decodeCharacter(segment.slice(at, at + run), run / 3);
    at += run ?? 1;
  }
  return decoded;
}

/** The character of which a text is so many escaped bytes, if it is one. */
function decodeCharacter(text: string, bytes: number): string | undefined {
  const escapes = text.match(/.{3}/gs) ?? [];
  if (escapes.length !== bytes || !escapes.every((each) => ESCAPE.test(each))) {
    return undefined;
  }
  const utf8 = Uint8Array.from(escapes, (each) => parseInt(each.slice(1), 16));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(utf8);
  } catch {
    return undefined;
  }
}

Deno.test("decodeSegment() decodes what a naive reader of UTF-8 does, and leaves the rest", () => {
  fc.assert(
    fc.property(ENCODED, (segment) => {
      assertEquals(decodeSegment(segment), decodeNaively(segment));
    }),
    THOROUGH,
  );
});

Deno.test("decodeSegment() gives back any text that was encoded", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const wellFormed = text.toWellFormed();
      assertEquals(decodeSegment(encode(text)), wellFormed);
    }),
    THOROUGH,
  );
});

Deno.test("segmentsOf() splits at the slashes that came as such, and at no others", () => {
  fc.assert(
    fc.property(ENCODED, (part) => {
      assertEquals(segmentsOf(part), part.split("/").map(decodeNaively));
    }),
    THOROUGH,
  );
});

/** A path, and what may follow it; no part has a character that begins another. */
const URL_PARTS = fc.record({
  path: ENCODED.map((text) => `/${text.replace(/[?#]/g, "")}`),
  query: fc.option(ENCODED.map((text) => `?${text.replaceAll("#", "")}`), {
    nil: "",
  }),
  fragment: fc.option(ENCODED.map((text) => `#${text}`), { nil: "" }),
});

Deno.test("pathOf() is what lies between the host and the query or the fragment", () => {
  fc.assert(
    fc.property(URL_PARTS, ({ path, query, fragment }) => {
      const url = `http://localhost${path}${query}${fragment}`;
      assertEquals(pathOf(url), path);
    }),
    THOROUGH,
  );
});

Deno.test("SiteRequest.postpath is the path, split and then decoded", async () => {
  await fc.assert(
    fc.asyncProperty(URL_PARTS, async ({ path, query }) => {
      const request = rawRequest(`http://localhost${path}${query}`);
      const postpath = await look(({ postpath }) => [...postpath], request);
      assertEquals(postpath, path.slice(1).split("/").map(decodeNaively));
    }),
    BRIEF,
  );
});

// Cookies.

/** A `Cookie` header of what cookies are made of. */
const COOKIES = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom("a", "b", "=", ";", "; ", " ", "\t", '"'),
    },
    { weight: 1, arbitrary: fc.string({ unit: "grapheme-ascii" }) },
  ),
  { maxLength: 20 },
).map((parts) => parts.join("").trim());

/** The last pair of that name; a name without "=" is no pair but stands for "". */
function readCookieNaively(header: string, name: string): string | undefined {
  const pairs = header.split(";").map((pair) => {
    const [before = "", ...after] = pair.split("=");
    return { name: before.trim(), value: after.join("=").trim() };
  });
  return pairs.findLast((pair) => pair.name === name)?.value;
}

Deno.test("findCookie() finds the last of that name, and its value without white space around it", () => {
  fc.assert(
    fc.property(COOKIES, fc.constantFrom("a", "b", "ab"), (header, name) => {
      assertEquals(findCookie(header, name), readCookieNaively(header, name));
    }),
    THOROUGH,
  );
});

Deno.test("SiteRequest.getCookie() finds what findCookie() does", async () => {
  await fc.assert(
    fc.asyncProperty(COOKIES, async (cookie) => {
      const request = new Request("http://localhost/", { headers: { cookie } });
      const header = request.headers.get("cookie") ?? "";
      const value = await look((seen) => seen.getCookie("a"), request);
      assertEquals(value, findCookie(header, "a"));
    }),
    BRIEF,
  );
});

/** What a cookie can be made of (RFC 6265): no separators, no controls. */
const TOKEN = fc.string({
  unit: fc.constantFrom(..."abzAZ09!#$%&'*+-.^_`|~"),
  minLength: 1,
});

const COOKIE_VALUE = fc.string({
  unit: fc.constantFrom(..."abzAZ09!#$%&'()*+-./:<=>?@[]^_`{|}~"),
});

Deno.test("SiteRequest.addCookie() sends what getCookie() reads when it comes back", async () => {
  await fc.assert(
    fc.asyncProperty(TOKEN, COOKIE_VALUE, async (name, value) => {
      fc.pre(!/^__(host|secure)-/i.test(name));
      await using site = new WatchedSite((request) => {
        request.addCookie({ name, value });
        return "";
      });
      const response = await site.visit();
      const [cookie] = response.headers.getSetCookie();
      const returned = new Request("http://localhost/", {
        headers: { cookie: cookie!.split(";")[0]! },
      });
      assertEquals(await look((seen) => seen.getCookie(name), returned), value);
    }),
    BRIEF,
  );
});

/** The attributes of a cookie; each may be left out. */
const ATTRIBUTES = fc.record({
  secure: fc.boolean(),
  httpOnly: fc.boolean(),
  partitioned: fc.boolean(),
  maxAge: fc.constantFrom(0, 60, 1.5, NaN),
  domain: fc.constantFrom("", "example.com", ".example.com"),
  sameSite: fc.constantFrom("Strict", "Lax", "None"),
  path: fc.constantFrom("", "/", "/a b", "tea"),
  expires: fc.constantFrom(0, 1e12, new Date(1e12)),
  unparsed: fc.constantFrom<string[][]>(["Priority=High"], ["a=b", "c"]),
}, { requiredKeys: [] });

Deno.test("SiteRequest.addCookie() writes all attributes as setCookie() of std does", async () => {
  const names = fc.oneof(
    TOKEN,
    fc.constantFrom("__Host-a", "__Secure-a", "__Hosta"),
  );
  await fc.assert(
    fc.asyncProperty(
      names,
      COOKIE_VALUE,
      ATTRIBUTES,
      async (name, value, attributes) => {
        const cookie = { name, value, ...attributes };
        const headers = await headersAfter((request) =>
          request.addCookie(cookie)
        );
        const expected = new Headers();
        setCookie(expected, { ...cookie });
        assertEquals(headers.getSetCookie(), expected.getSetCookie());
      },
    ),
    BRIEF,
  );
});

// Headers: whatever is put into them, no line ends before it should.

/** Text with all that could end a line, or a header. */
const HOSTILE = fc.array(
  fc.oneof(
    fc.constantFrom("\r", "\n", "\r\n", "\0", "\r\nSet-Cookie: a=b", ": ", ";"),
    fc.constantFrom("\u2028", "\u010d", "\u010a", "\ud800", "\x7f", "%0d%0a"),
    fc.string({ unit: "binary" }),
    fc.string(),
  ),
  { maxLength: 6 },
).map((parts) => parts.join(""));

/** All that comes of a request for which a resource does something. */
async function headersAfter(
  act: (request: SiteRequest) => unknown,
): Promise<Headers> {
  await using site = new WatchedSite((request) => {
    const result = act(request);
    return result instanceof Response ? result : "";
  });
  const { headers } = await site.visit();
  // What the property throws becomes an error page.
  if (headers.get("vary") === "Accept") headers.delete("vary");
  return headers;
}

/** Fails if a header could be taken for two, or has a name that it was not given. */
function assertUnbroken(headers: Headers, names: readonly string[]): void {
  for (const [name, value] of headers) {
    assert(names.includes(name), `a header that nobody set: ${name}`);
    assert(!/[\r\n\0]/.test(value), `${name}: ${JSON.stringify(value)}`);
  }
}

Deno.test("SiteRequest.setHeader() lets no value end a line", async () => {
  await fc.assert(
    fc.asyncProperty(HOSTILE, async (value) => {
      const headers = await headersAfter((request) =>
        request.setHeader("x-value", value)
      );
      assertUnbroken(headers, ["x-value", "content-type"]);
    }),
    BRIEF,
  );
});

Deno.test("SiteRequest.setHeader() lets no name be another or two", async () => {
  await fc.assert(
    fc.asyncProperty(HOSTILE, async (name) => {
      const headers = await headersAfter((request) =>
        request.setHeader(name, "value")
      );
      assertUnbroken(headers, [name.toLowerCase(), "content-type"]);
    }),
    BRIEF,
  );
});

Deno.test("SiteRequest.setETag() lets no tag end a line", async () => {
  await fc.assert(
    fc.asyncProperty(HOSTILE, async (tag) => {
      const headers = await headersAfter((request) => request.setETag(tag));
      assertUnbroken(headers, ["etag", "content-type"]);
    }),
    BRIEF,
  );
});

Deno.test("SiteRequest.redirect() sends printable ASCII wherever it leads", async () => {
  await fc.assert(
    fc.asyncProperty(HOSTILE, async (url) => {
      const headers = await headersAfter((request) => request.redirect(url));
      assertUnbroken(headers, ["location", "content-type"]);
      assertMatch(headers.get("location") ?? "", /^[\x21-\x7e]*$/);
    }),
    BRIEF,
  );
});

Deno.test("SiteRequest.redirect() sends a web address as it was given", async () => {
  await fc.assert(
    fc.asyncProperty(fc.webUrl(), async (url) => {
      const headers = await headersAfter((request) => request.redirect(url));
      assertEquals(headers.get("location"), url);
    }),
    BRIEF,
  );
});

for (const part of ["name", "value", "path", "domain"] as const) {
  Deno.test(`SiteRequest.addCookie() lets no ${part} end a line, or set more`, async () => {
    await fc.assert(
      fc.asyncProperty(HOSTILE, async (text) => {
        const cookie = { name: "name", value: "value", [part]: text };
        const headers = await headersAfter((request) =>
          request.addCookie(cookie)
        );
        assertUnbroken(headers, ["set-cookie", "content-type"]);
        const cookies = headers.getSetCookie();
        assert(cookies.length <= 1, `cookies: ${JSON.stringify(cookies)}`);
        const [set = ""] = cookies;
        const expected = part === "name" || part === "value" ? 0 : 1;
        assert(set.split(";").length - 1 <= expected, set);
      }),
      BRIEF,
    );
  });
}

Deno.test("SiteRequest.setResponseCode() lets no message end the line", async () => {
  await fc.assert(
    fc.asyncProperty(HOSTILE, async (message) => {
      await using site = new WatchedSite((request) => {
        request.setResponseCode(200, message);
        return "";
      });
      const { statusText } = await site.visit();
      assert(!/[\r\n\0]/.test(statusText), JSON.stringify(statusText));
    }),
    BRIEF,
  );
});

// Descriptions of endpoints.

/** Text that stands in a description for itself. */
function escaped(text: string): string {
  return text.replace(/[:=\\]/g, "\\$&");
}

const TEXT = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.string({ unit: fc.constantFrom(":", "=", "\\", "a"), minLength: 1 }),
);

Deno.test("parseEndpoint() gives back the path of a socket", () => {
  fc.assert(
    fc.property(TEXT, fc.boolean(), (path, isNamed) => {
      const description = `unix:${isNamed ? "path=" : ""}${escaped(path)}`;
      assertEquals(parseEndpoint(description), { path });
    }),
    THOROUGH,
  );
});

/** Parameters in any order, the port without its name if it comes first. */
function described(
  kind: string,
  parameters: readonly (readonly [string, string | number])[],
): string {
  const parts = parameters.map(([name, value], index) =>
    index === 0 && name === "port"
      ? `${value}`
      : `${name}=${escaped(String(value))}`
  );
  return [kind, ...parts].join(":");
}

const PARAMETERS = fc.record({
  port: fc.integer({ min: 0, max: 65535 }),
  interface: TEXT,
  backlog: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  cert: TEXT,
  key: TEXT,
});

Deno.test("parseEndpoint() gives back the parameters of tcp, in any order", () => {
  fc.assert(
    fc.property(
      PARAMETERS,
      fc.shuffledSubarray(["port", "interface", "backlog"] as const, {
        minLength: 3,
      }),
      (parameters, order) => {
        const description = described(
          "tcp",
          order.map((name) => [name, parameters[name]]),
        );
        assertEquals(parseEndpoint(description), {
          port: parameters.port,
          hostname: parameters.interface,
          tcpBacklog: parameters.backlog,
        });
      },
    ),
    THOROUGH,
  );
});

Deno.test("parseEndpoint() gives back the parameters of ssl, in any order", () => {
  fc.assert(
    fc.property(
      PARAMETERS,
      fc.shuffledSubarray(["port", "cert", "key"] as const, { minLength: 3 }),
      (parameters, order) => {
        const description = described(
          "ssl",
          order.map((name) => [name, parameters[name]]),
        );
        assertEquals(parseEndpoint(description), {
          port: parameters.port,
          certFile: parameters.cert,
          keyFile: parameters.key,
        });
      },
    ),
    THOROUGH,
  );
});

Deno.test("parseEndpoint() throws nothing but SyntaxError", () => {
  const likely = fc.array(
    fc.constantFrom("tcp", "ssl", "unix", ":", "=", "\\", "port", "80", "a"),
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(likely, fc.string()), (description) => {
      try {
        parseEndpoint(description);
      } catch (error) {
        assert(error instanceof SyntaxError, String(error));
      }
    }),
    THOROUGH,
  );
});
