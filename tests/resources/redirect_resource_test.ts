import {
  assertEquals,
  assertFalse,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ParentRedirect, Redirect, Resource } from "../../mod.ts";
import { rawRequest, WatchedSite } from "../helpers_http.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"];

/** Where a browser would go from a path. */
async function targetOf(site: WatchedSite, path: string): Promise<string> {
  const { headers } = await site.visit(path);
  const base = `http://localhost${path}`;
  return new URL(headers.get("location")!, base).href;
}

Deno.test("Redirect answers 302 and the Location as given", async () => {
  await using site = new WatchedSite(new Redirect("/store/?a=1&b=2#c"));

  const { status, headers } = await site.visit("/");

  assertEquals(status, 302);
  assertEquals(headers.get("location"), "/store/?a=1&b=2#c");
});

Deno.test("Redirect takes a URL object as it is then", async () => {
  const url = new URL("https://tea.example/");
  await using site = new WatchedSite(new Redirect(url));
  url.pathname = "/changed";

  const { headers } = await site.visit("/");

  assertEquals(headers.get("location"), "https://tea.example/");
});

for (const code of [301, 302, 303, 307, 308]) {
  Deno.test(`Redirect answers ${code} if told`, async () => {
    await using site = new WatchedSite(new Redirect("/store/", code));

    assertEquals((await site.visit("/")).status, code);
  });
}

for (const code of [200, 300, 304, 305, 404, NaN, 302.5]) {
  Deno.test(`Redirect refuses code ${code} when it is made`, () => {
    assertThrows(() => new Redirect("/store/", code), RangeError, `${code}`);
  });
}

Deno.test("Redirect answers at every depth", async () => {
  const root = new Resource().putChild("shop", new Redirect("/store/"));
  await using site = new WatchedSite(root);

  for (const path of ["/shop", "/shop/", "/shop/a", "/shop/a//b/%zz?c"]) {
    const { status, headers } = await site.visit(path);
    assertEquals([status, headers.get("location")], [302, "/store/"], path);
  }
});

Deno.test("Redirect answers every method", async () => {
  await using site = new WatchedSite(new Redirect("/store/"));

  for (const method of METHODS) {
    const { status } = await site.visit("/", { method });
    assertEquals(status, 302, method);
  }
});

Deno.test("Redirect escapes the link on its page", async () => {
  await using site = new WatchedSite(new Redirect(`/a"><script>&b='`));

  const text = await (await site.visit("/")).text();

  assertFalse(text.includes("<script>"));
  assertStringIncludes(text, "/a&quot;&gt;&lt;script&gt;&amp;b=&#39;");
});

Deno.test("Redirect lets no target end the header", async () => {
  const target = "/a\r\nSet-Cookie: session=evil\0\u2028";
  await using site = new WatchedSite(new Redirect(target));

  const { headers } = await site.visit("/");

  assertEquals(
    headers.get("location"),
    "/a%0D%0ASet-Cookie:%20session=evil%00%E2%80%A8",
  );
  assertEquals(headers.getSetCookie(), []);
});

Deno.test("Redirect echoes nothing of the request", async () => {
  await using site = new WatchedSite(new Redirect("/store/"));

  const response = await site.fetch(
    rawRequest("http://localhost//evil.example/<script>?<script>"),
  );

  assertEquals(response.headers.get("location"), "/store/");
  assertFalse((await response.text()).includes("<script"));
});

Deno.test("ParentRedirect sends to the folder that it is in", async () => {
  const shop = new Resource().putChild("tea", new ParentRedirect());
  const root = new Resource().putChild("shop", shop);
  await using site = new WatchedSite(root);

  assertEquals(await targetOf(site, "/shop/tea"), "http://localhost/shop/");
});

Deno.test("ParentRedirect sends to the root from a page there", async () => {
  const root = new Resource().putChild("tea", new ParentRedirect());
  await using site = new WatchedSite(root);

  assertEquals(await targetOf(site, "/tea"), "http://localhost/");
});

Deno.test("ParentRedirect strips the query", async () => {
  const root = new Resource().putChild("tea", new ParentRedirect());
  await using site = new WatchedSite(root);

  assertEquals(await targetOf(site, "/tea?cup=1"), "http://localhost/");
});

Deno.test("ParentRedirect sends to the same folder from all below it", async () => {
  const shop = new Resource().putChild("tea", new ParentRedirect());
  const root = new Resource().putChild("shop", shop);
  await using site = new WatchedSite(root);

  for (const rest of ["/", "/a", "/a/", "/a//b/c", "/a%2Fb"]) {
    const target = await targetOf(site, `/shop/tea${rest}`);
    assertEquals(target, "http://localhost/shop/", rest);
  }
});

Deno.test("ParentRedirect as a folder's own page sends to the folder above", async () => {
  const tea = new Resource().putChild("", new ParentRedirect());
  const shop = new Resource().putChild("tea", tea);
  await using site = new WatchedSite(new Resource().putChild("shop", shop));

  assertEquals(await targetOf(site, "/shop/tea/"), "http://localhost/shop/");
});

Deno.test("ParentRedirect keeps escapes in the folder's name", async () => {
  class AnyShop extends Resource {
    override getChild(): Resource {
      return new Resource().putChild("tea", new ParentRedirect());
    }
  }
  await using site = new WatchedSite(new AnyShop());

  assertEquals(
    await targetOf(site, "/a%2Fb%3F/tea"),
    "http://localhost/a%2Fb%3F/",
  );
});

Deno.test("ParentRedirect answers every method with its code", async () => {
  await using site = new WatchedSite(new ParentRedirect(307));

  for (const method of METHODS) {
    const { status } = await site.visit("/", { method });
    assertEquals(status, 307, method);
  }
});

Deno.test("ParentRedirect refuses a code that is no redirect when it is made", () => {
  assertThrows(() => new ParentRedirect(200), RangeError, "200");
});

Deno.test("ParentRedirect does not leave the host for a path of two slashes", async () => {
  await using site = new WatchedSite(new ParentRedirect());

  for (
    const path of ["//evil.example/x", "///evil.example", "//evil.example//"]
  ) {
    const target = await targetOf(site, path);
    assertEquals(new URL(target).host, "localhost", path);
  }
});

Deno.test("ParentRedirect says nothing of the Host header", async () => {
  await using site = new WatchedSite(new ParentRedirect());

  const response = await site.visit("/a/b", {
    headers: { host: "evil.example", "x-forwarded-host": "evil.example" },
  });

  assertEquals(response.headers.get("location"), "../../.");
  assertFalse((await response.text()).includes("evil"));
});
