import {
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { WatchedSite } from "../helpers_http.ts";

/** The answer of a resource that redirects. */
async function redirected(url: string | URL, code?: number): Promise<Response> {
  await using site = new WatchedSite((request) => request.redirect(url, code));
  return await site.visit();
}

Deno.test("SiteRequest.redirect() is a 302 unless told", async () => {
  const response = await redirected("/b");

  assertEquals(response.status, 302);
  assertEquals(response.headers.get("location"), "/b");
});

for (const code of [301, 302, 303, 307, 308]) {
  Deno.test(`SiteRequest.redirect() may be a ${code}`, async () => {
    assertEquals((await redirected("/b", code)).status, code);
  });
}

for (const code of [200, 300, 304, 305, 306, 309, 404, 302.5, NaN, "302"]) {
  Deno.test(`SiteRequest.redirect() refuses ${JSON.stringify(code)} (${code})`, async () => {
    await using site = new WatchedSite((request) =>
      request.redirect("/b", code as number)
    );

    const response = await site.visit();

    assertEquals(response.status, 500);
    const [error] = site.errors;
    assertInstanceOf(error, RangeError);
    assertStringIncludes(error.message, String(code));
  });
}

for (
  const url of [
    "",
    "/",
    "b",
    "../b",
    "?a=b&c",
    "#top",
    "//example.com/b",
    "http://example.com/b?c=d#e",
    "http://EXAMPLE.com:80/a/../b",
    "/%41%zz%",
    "/a'b\"c<d>e",
    "mailto:a@example.com",
  ]
) {
  Deno.test(`SiteRequest.redirect() leaves ${JSON.stringify(url)} as given`, async () => {
    assertEquals((await redirected(url)).headers.get("location"), url);
  });
}

for (
  const [url, location] of [
    ["/caf\u00e9", "/caf%C3%A9"],
    ["/\u{1f375}", "/%F0%9F%8D%B5"],
    ["/a b", "/a%20b"],
    ["/a\tb", "/a%09b"],
    ["/a\r\nset-cookie: b=1", "/a%0D%0Aset-cookie:%20b=1"],
    ["/a\r\n\r\n<script>", "/a%0D%0A%0D%0A<script>"],
    ["/\0", "/%00"],
    ["/\x7f", "/%7F"],
    ["/\ud800", "/%EF%BF%BD"],
    ["/\u2028", "/%E2%80%A8"],
  ] as [string, string][]
) {
  Deno.test(`SiteRequest.redirect() sends ${JSON.stringify(url)} as ${JSON.stringify(location)}`, async () => {
    const response = await redirected(url);

    assertEquals(response.status, 302);
    assertEquals(response.headers.get("location"), location);
    assertEquals(response.headers.getSetCookie(), []);
  });
}

Deno.test("SiteRequest.redirect() takes a URL", async () => {
  const response = await redirected(new URL("http://example.com/a b"));

  assertEquals(response.headers.get("location"), "http://example.com/a%20b");
});

Deno.test("SiteRequest.redirect() has a page in HTML with a link", async () => {
  const response = await redirected("/b?c=1");

  assertEquals(
    response.headers.get("content-type"),
    "text/html; charset=utf-8",
  );
  assertStringIncludes(await response.text(), '<a href="/b?c=1">');
});

for (
  const url of [
    '/"><script>alert(1)</script>',
    "/'><img src=x onerror=alert(1)>",
    'javascript:"</a><script>alert(1)</script>"',
    "/&lt;script&gt;",
  ]
) {
  Deno.test(`SiteRequest.redirect() escapes ${JSON.stringify(url)} in its page`, async () => {
    const text = await (await redirected(url)).text();

    const tags = text.slice(text.indexOf("<body>")).match(/<\/?\w+/g);
    assertEquals(
      tags,
      ["<body", "<p", "<a", "</a", "</p", "</body", "</html"],
    );
  });
}

Deno.test("SiteRequest.redirect() escapes an ampersand in its page", async () => {
  const text = await (await redirected("/?a=1&lt=2")).text();

  assertStringIncludes(text, "/?a=1&amp;lt=2");
});

Deno.test("SiteRequest.redirect() has no body for HEAD", async () => {
  await using site = new WatchedSite((request) => request.redirect("/b"));

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.headers.get("location"), "/b");
  assertEquals(await response.text(), "");
});

Deno.test("SiteRequest.redirect() carries cookies", async () => {
  await using site = new WatchedSite((request) => {
    request.addCookie({ name: "a", value: "1" });
    request.getSession();
    return request.redirect("/b", 303);
  });

  const response = await site.visit();

  assertEquals(response.status, 303);
  const [own, session] = response.headers.getSetCookie();
  assertEquals(own, "a=1");
  assertMatch(session!, /^session=/);
});

Deno.test("SiteRequest.redirect() carries the headers that were set", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("x-a", "1");
    return request.redirect("/b");
  });

  assertEquals((await site.visit()).headers.get("x-a"), "1");
});

Deno.test("SiteRequest.redirect() sends nobody anywhere unless it is returned", async () => {
  await using site = new WatchedSite((request) => {
    request.redirect("/b");
    return "stay";
  });

  const response = await site.visit();

  assertEquals(response.status, 200);
  assertFalse(response.headers.has("location"));
});

Deno.test("SiteRequest.redirect() can be thrown away in favour of an error page", async () => {
  await using site = new WatchedSite((request) => {
    request.redirect("/b");
    throw new Error("thrown");
  });

  const response = await site.visit();

  assertEquals(response.status, 500);
  assertFalse(response.headers.has("location"));
});
