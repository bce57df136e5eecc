import { assertEquals } from "@std/assert";
import { CookieJar } from "../../testing/cookie_jar.ts";

/** When the tests begin, in UNIX milliseconds. */
const NOW = Date.UTC(2026, 0, 1);

/** What a visitor sends to one URL once another has set cookies. */
function sent(
  setCookies: string[],
  from: string,
  to: string,
  after = 0,
): string | undefined {
  const jar = new CookieJar();
  jar.keep(setCookies, new URL(from), NOW);
  return jar.headerFor(new URL(to), NOW + after);
}

for (
  const [what, setCookie, from, to, expected] of [
    ["sends a cookie back", "a=1", "http://h/", "http://h/", "a=1"],
    [
      "sends a value as it is",
      'a="1 2"=',
      "http://h/",
      "http://h/",
      'a="1 2"=',
    ],
    ["does not care for ports", "a=1", "http://h:1/", "http://h:2/", "a=1"],
    ["does not send it to another host", "a=1", "http://h/", "http://i/", ""],
    [
      "does not send it to a subdomain",
      "a=1",
      "http://h.de/",
      "http://s.h.de/",
      "",
    ],
    [
      "sends one with a domain to a subdomain",
      "a=1; Domain=.h.de",
      "http://h.de/",
      "http://s.h.de/",
      "a=1",
    ],
    [
      "sends one with a domain to its parent",
      "a=1; domain=H.de",
      "http://s.h.de/",
      "http://h.de/",
      "a=1",
    ],
    [
      "refuses another's domain",
      "a=1; Domain=i.de",
      "http://h.de/",
      "http://h.de/",
      "",
    ],
    [
      "refuses a subdomain as domain",
      "a=1; Domain=s.h.de",
      "http://h.de/",
      "http://h.de/",
      "",
    ],
    [
      "takes no end of an address for a domain",
      "a=1; Domain=0.1",
      "http://127.0.0.1/",
      "http://127.0.0.1/",
      "",
    ],
    [
      "sends it below its path",
      "a=1; Path=/b",
      "http://h/",
      "http://h/b/c",
      "a=1",
    ],
    ["sends it at its path", "a=1; Path=/b", "http://h/", "http://h/b", "a=1"],
    [
      "sends it below a path that ends in a slash",
      "a=1; Path=/b/",
      "http://h/",
      "http://h/b/c",
      "a=1",
    ],
    [
      "does not send it beside its path",
      "a=1; Path=/b",
      "http://h/",
      "http://h/bc",
      "",
    ],
    [
      "takes the page's folder for a path",
      "a=1",
      "http://h/b/c",
      "http://h/b/d",
      "a=1",
    ],
    [
      "does not send it above the page's folder",
      "a=1; Path=x",
      "http://h/b/c",
      "http://h/d",
      "",
    ],
    [
      "sends a secure one over https",
      "a=1; Secure",
      "https://h/",
      "https://h/",
      "a=1",
    ],
    [
      "does not send a secure one over http",
      "a=1; Secure",
      "https://h/",
      "http://h/",
      "",
    ],
    [
      "refuses a secure one over http",
      "a=1; Secure",
      "http://h/",
      "https://h/",
      "",
    ],
    [
      "refuses SameSite=None without Secure",
      "a=1; SameSite=None",
      "https://h/",
      "https://h/",
      "",
    ],
    [
      "keeps a good __Host-",
      "__Host-a=1; Secure; Path=/",
      "https://h/b/",
      "https://h/",
      "__Host-a=1",
    ],
    [
      "refuses __Host- without Secure",
      "__Host-a=1; Path=/",
      "https://h/",
      "https://h/",
      "",
    ],
    [
      "refuses __Host- without a path",
      "__host-a=1; Secure",
      "https://h/",
      "https://h/",
      "",
    ],
    [
      "refuses __Host- with a domain",
      "__Host-a=1; Secure; Path=/; Domain=h.de",
      "https://h.de/",
      "https://h.de/",
      "",
    ],
    [
      "refuses __Secure- without Secure",
      "__Secure-a=1",
      "https://h/",
      "https://h/",
      "",
    ],
    [
      "refuses what has neither name nor value",
      "=; Path=/",
      "http://h/",
      "http://h/",
      "",
    ],
    ["keeps what has no name", "1", "http://h/", "http://h/", "1"],
    [
      "refuses a value without a name that looks like __Host-",
      "=__Host-a=1; Secure; Path=/",
      "https://h/",
      "https://h/",
      "",
    ],
    [
      "refuses a value without an equals sign that looks like __Secure-",
      "__secure-a; Secure",
      "https://h/",
      "https://h/",
      "",
    ],
    [
      "strips SP and HTAB around a name and a value",
      "\t a \t=\t 1 \t",
      "http://h/",
      "http://h/",
      "a=1",
    ],
    [
      "strips SP and HTAB around an attribute",
      "a=1; \tDomain \t= \th.de \t",
      "http://h.de/",
      "http://s.h.de/",
      "a=1",
    ],
    [
      "keeps a no-break space as a part of the name, which is no prefix then",
      "\xa0__Host-a=1; Domain=h.de; Path=/",
      "https://s.h.de/",
      "https://h.de/",
      "\xa0__Host-a=1",
    ],
    [
      "keeps a no-break space behind a name",
      "a\xa0=1",
      "http://h/",
      "http://h/",
      "a\xa0=1",
    ],
    [
      "keeps a no-break space around a value",
      "a=\xa01\xa0",
      "http://h/",
      "http://h/",
      "a=\xa01\xa0",
    ],
    [
      "keeps a no-break space in what has no name",
      "\xa01",
      "http://h/",
      "http://h/",
      "\xa01",
    ],
    [
      "takes no attribute with a no-break space for Secure",
      "__Secure-a=1; \xa0Secure",
      "https://h/",
      "https://h/",
      "",
    ],
    [
      "takes no domain with a no-break space for the host",
      "a=1; Domain=\xa0h.de",
      "http://h.de/",
      "http://h.de/",
      "",
    ],
    [
      "takes no path with a no-break space for the root",
      "__Host-a=1; Secure; Path=\xa0/",
      "https://h/",
      "https://h/",
      "",
    ],
    [
      "passes over a Max-Age with a no-break space",
      "a=1; Max-Age=\xa00",
      "http://h/",
      "http://h/",
      "a=1",
    ],
    [
      "passes over an Expires with a no-break space",
      "a=1; Expires=Thu, 01 Jan\xa01970 00:00:00 GMT",
      "http://h/",
      "http://h/",
      "a=1",
    ],
    ["refuses a control character", "a=1\v", "http://h/", "http://h/", ""],
    [
      "refuses a control character in an attribute",
      "a=1; b=\x7f",
      "http://h/",
      "http://h/",
      "",
    ],
    [
      "refuses what is too long",
      `a=${"1".repeat(4096)}`,
      "http://h/",
      "http://h/",
      "",
    ],
    ["forgets at Max-Age=0", "a=1; Max-Age=0", "http://h/", "http://h/", ""],
    [
      "forgets at a negative Max-Age",
      "a=1; Max-Age=-1",
      "http://h/",
      "http://h/",
      "",
    ],
    [
      "passes over a Max-Age that is no number",
      "a=1; Max-Age=x",
      "http://h/",
      "http://h/",
      "a=1",
    ],
    [
      "forgets at an Expires that has passed",
      "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
      "http://h/",
      "http://h/",
      "",
    ],
    [
      "passes over an Expires that is no date",
      "a=1; Expires=soon",
      "http://h/",
      "http://h/",
      "a=1",
    ],
    [
      "lets Max-Age go before Expires",
      "a=1; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
      "http://h/",
      "http://h/",
      "a=1",
    ],
  ] as const
) {
  Deno.test(`CookieJar ${what}`, () => {
    assertEquals(sent([setCookie], from, to) ?? "", expected);
  });
}

Deno.test("CookieJar forgets a cookie when its Max-Age is over, not before", () => {
  const set = ["a=1; Max-Age=60"];
  assertEquals(sent(set, "http://h/", "http://h/", 59_999), "a=1");
  assertEquals(sent(set, "http://h/", "http://h/", 60_000), undefined);
});

Deno.test("CookieJar forgets a cookie at its Expires, not before", () => {
  const set = ["a=1; Expires=Thu, 01 Jan 2026 00:01:00 GMT"];
  assertEquals(sent(set, "http://h/", "http://h/", 59_999), "a=1");
  assertEquals(sent(set, "http://h/", "http://h/", 60_000), undefined);
});

Deno.test("CookieJar keeps a cookie for 400 days at most", () => {
  const days = 24 * 60 * 60 * 1000;
  const set = [
    "a=1; Max-Age=99999999",
    "b=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
  ];
  assertEquals(sent(set, "http://h/", "http://h/", 399 * days), "a=1; b=1");
  assertEquals(sent(set, "http://h/", "http://h/", 400 * days), undefined);
});

Deno.test("CookieJar sends longer paths first, then those set first", () => {
  const set = ["a=1; Path=/", "b=1; Path=/x", "c=1; Path=/"];
  assertEquals(sent(set, "http://h/", "http://h/x"), "b=1; a=1; c=1");
});

Deno.test("CookieJar keeps the place of a cookie that is set again", () => {
  const set = ["a=1", "b=1", "a=2"];
  assertEquals(sent(set, "http://h/", "http://h/"), "a=2; b=1");
});

Deno.test("CookieJar forgets only the cookie with the path that is cleared", () => {
  const set = ["a=1; Path=/", "a=2; Path=/x", "a=; Path=/; Max-Age=0"];
  assertEquals(sent(set, "http://h/", "http://h/x"), "a=2");
});

Deno.test("CookieJar does not let http replace a secure cookie", () => {
  const jar = new CookieJar();
  jar.keep(["a=1; Secure; Path=/"], new URL("https://h/"), NOW);
  jar.keep(["a=2; Path=/"], new URL("http://h/"), NOW);
  assertEquals(jar.headerFor(new URL("https://h/"), NOW), "a=1");
});
