import { assertEquals } from "@std/assert";
import { Resource, type SiteRequest } from "../../mod.ts";
import { Leaf, look, Page, rawRequest, WatchedSite } from "../helpers_http.ts";

const ORIGIN = "http://example.com:81";

/** The link that the resource at a path makes. */
async function linkAt(
  path: string,
  link: (request: SiteRequest) => string,
): Promise<string> {
  const leaf = new Leaf(link);
  const page = new Page(link);
  const bar = new Page(link).putChild("", page);
  const root = new Resource()
    .putChild("", page)
    .putChild("leaf", leaf)
    .putChild("foo", new Resource().putChild("", page).putChild("bar", bar))
    .putChild("a/b c", page);
  await using site = new WatchedSite(root);
  const response = await site.fetch(rawRequest(ORIGIN + path));
  assertEquals(response.status, 200, path);
  return await response.text();
}

/** Where a link leads to from the page with that path. */
async function targetAt(
  path: string,
  link: (request: SiteRequest) => string,
): Promise<string> {
  const target = new URL(await linkAt(path, link), ORIGIN + path);
  return target.href.slice(ORIGIN.length);
}

// Where the page is, the link and where it leads to; as in Twisted's tests.
for (
  const [path, link, target] of [
    ["/", "baz", "/baz"],
    ["/foo/", "baz", "/foo/baz"],
    ["/foo/bar", "bar/baz", "/foo/bar/baz"],
    ["/foo/bar/", "baz", "/foo/bar/baz"],
    ["/foo/bar?a=/b/c", "bar/baz", "/foo/bar/baz"],
    // A leaf with the rest of the path.
    ["/leaf", "leaf/baz", "/leaf/baz"],
    ["/leaf/", "baz", "/leaf/baz"],
    ["/leaf/1", "baz", "/leaf/baz"],
    ["/leaf/1/", "../baz", "/leaf/baz"],
    ["/leaf/1/2/3", "../../baz", "/leaf/baz"],
  ] as const
) {
  Deno.test(`SiteRequest.childLink() from ${path} is ${link}`, async () => {
    assertEquals(await linkAt(path, (it) => it.childLink("baz")), link);
    assertEquals(await targetAt(path, (it) => it.childLink("baz")), target);
  });
}

for (
  const [path, link, target] of [
    ["/", "baz", "/baz"],
    ["/foo/", "baz", "/foo/baz"],
    ["/foo/bar", "baz", "/foo/baz"],
    ["/foo/bar/", "baz", "/foo/bar/baz"],
    ["/leaf", "baz", "/baz"],
    ["/leaf/", "../baz", "/baz"],
    ["/leaf/1", "../baz", "/baz"],
    ["/leaf/1/2/", "../../../baz", "/baz"],
  ] as const
) {
  Deno.test(`SiteRequest.siblingLink() from ${path} is ${link}`, async () => {
    assertEquals(await linkAt(path, (it) => it.siblingLink("baz")), link);
    assertEquals(await targetAt(path, (it) => it.siblingLink("baz")), target);
  });
}

// The name "" is the folder itself.

for (
  const [path, target] of [
    ["/foo/bar", "/foo/bar/"],
    ["/foo/bar/", "/foo/bar/"],
    ["/leaf", "/leaf/"],
    ["/leaf/1", "/leaf/"],
    ["/leaf/1/2", "/leaf/"],
  ] as const
) {
  Deno.test(`SiteRequest.childLink() of "" leads from ${path} to ${target}`, async () => {
    assertEquals(await targetAt(path, (it) => it.childLink("")), target);
  });
}

for (
  const [path, target] of [
    ["/foo/bar", "/foo/"],
    ["/foo/bar/", "/foo/bar/"],
    ["/leaf/1", "/"],
    ["/leaf/1/2", "/"],
  ] as const
) {
  Deno.test(`SiteRequest.siblingLink() of "" leads from ${path} to ${target}`, async () => {
    assertEquals(await targetAt(path, (it) => it.siblingLink("")), target);
  });
}

// Names are encoded: each leads to one child, and to nothing else.

for (
  const [name, encoded] of [
    ["a b", "a%20b"],
    ["a/b", "a%2Fb"],
    ["//evil.example", "%2F%2Fevil.example"],
    ["a?b#c", "a%3Fb%23c"],
    ["100%", "100%25"],
    ["%41", "%2541"],
    ["javascript:alert(1)", "javascript%3Aalert(1)"],
    ['"><script>', "%22%3E%3Cscript%3E"],
    ["caf\u00e9 \u2615", "caf%C3%A9%20%E2%98%95"],
    ["a&b;c=d+e", "a%26b%3Bc%3Dd%2Be"],
  ] as const
) {
  Deno.test(`SiteRequest.childLink() encodes ${JSON.stringify(name)}`, async () => {
    assertEquals(
      await linkAt("/foo/bar", (it) => it.childLink(name)),
      `bar/${encoded}`,
    );
  });

  Deno.test(`SiteRequest.siblingLink() encodes ${JSON.stringify(name)}`, async () => {
    assertEquals(
      await linkAt("/foo/bar", (it) => it.siblingLink(name)),
      encoded,
    );
  });

  Deno.test(`SiteRequest.childLink() leads to the child ${JSON.stringify(name)}`, async () => {
    const child = new Page(({ prepath }) => JSON.stringify(prepath));
    const parent = new Page((it) => it.childLink(name)).putChild(name, child);
    await using site = new WatchedSite(new Resource().putChild("at", parent));
    const link = await (await site.visit("/at")).text();

    const response = await site.visit(
      new URL(link, "http://localhost/at").href,
    );

    assertEquals(await response.json(), ["at", name]);
  });
}

Deno.test("SiteRequest.childLink() encodes the name of its own page", async () => {
  assertEquals(
    await linkAt("/a%2Fb%20c", (it) => it.childLink("d")),
    "a%2Fb%20c/d",
  );
});

Deno.test("SiteRequest.childLink() says nothing of the host", async () => {
  assertEquals(
    await look(
      (it) => it.childLink("baz"),
      new Request(`${ORIGIN}/foo`, { headers: { host: "evil.example" } }),
    ),
    "baz",
  );
});

// The root, as in Twisted's tests of prePathURL: a port unless it is the scheme's.

for (
  const [url, root] of [
    ["http://example.com/foo/bar", "http://example.com/"],
    ["http://example.com:80/foo", "http://example.com/"],
    ["http://example.com:81/foo", "http://example.com:81/"],
    ["http://example.com:443/foo", "http://example.com:443/"],
    ["https://example.com/foo", "https://example.com/"],
    ["https://example.com:443/foo", "https://example.com/"],
    ["https://example.com:80/foo", "https://example.com:80/"],
    ["https://example.com:81/foo", "https://example.com:81/"],
    ["http://EXAMPLE.com/foo?a=b", "http://example.com/"],
    ["http://[2001:DB8::1]:81/foo", "http://[2001:db8::1]:81/"],
    ["http://example.com", "http://example.com/"],
  ] as const
) {
  Deno.test(`SiteRequest.rootURL of ${url} is ${root}`, async () => {
    assertEquals(
      await look(({ rootURL }) => rootURL.href, rawRequest(url)),
      root,
    );
  });
}

for (const path of ["/foo", "/foo/", "/foo/bar", "/foo/bar/baz", "/"]) {
  Deno.test(`SiteRequest.rootURL is the same at ${path}`, async () => {
    assertEquals(
      await look(({ rootURL }) => rootURL.href, rawRequest(ORIGIN + path)),
      `${ORIGIN}/`,
    );
  });
}

for (
  const [host, root] of [
    ["shop.example", "http://shop.example/"],
    ["shop.example:81", "http://shop.example:81/"],
    ["SHOP.example", "http://shop.example/"],
    ["[::1]:81", "http://[::1]:81/"],
    ["b\u00fccher.example", "http://xn--bcher-kva.example/"],
    // Deno takes the address that it listens on for the URL then.
    ["", "http://example.com:81/"],
  ] as const
) {
  Deno.test(`SiteRequest.rootURL of the Host "${host}" is ${root}`, async () => {
    const request = new Request(`${ORIGIN}/foo`, { headers: { host } });

    assertEquals(await look(({ rootURL }) => rootURL.href, request), root);
  });
}

for (const host of ["x/y", "x?y", "x#y", "x\\y", "user@x", "x y", "x:99999"]) {
  Deno.test(`SiteRequest.rootURL of the Host "${host}" is a 400, not reported`, async () => {
    await using site = new WatchedSite(({ rootURL }) => rootURL.href);

    const response = await site.visit("/", { headers: { host } });

    assertEquals(response.status, 400);
    assertEquals(site.errors, []);
  });
}

Deno.test("SiteRequest.rootURL may be changed by whoever asked for it", async () => {
  const roots = await look((request) => {
    request.rootURL.pathname = "/changed";
    return request.rootURL.href;
  });

  assertEquals(roots, "http://localhost/");
});

Deno.test("SiteRequest.rootURL and prepath make an absolute link to a resource", async () => {
  const link = await linkAt(
    "/a%2Fb%20c",
    ({ rootURL, prepath }) =>
      new URL(prepath.map(encodeURIComponent).join("/"), rootURL).href,
  );

  assertEquals(link, `${ORIGIN}/a%2Fb%20c`);
});
