import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { NameVirtualHost, Resource, type SiteOptions } from "../../mod.ts";
import { Leaf, Page, rawRequest, WatchedSite } from "../helpers_http.ts";

/** A leaf that says its name and the path as it looks from there. */
function leaf(name: string): Resource {
  return new Leaf(({ prepath, postpath }) =>
    `${name} ${prepath.join("|")} > ${postpath.join("|")}`
  );
}

/** What is seen at a path of a host. */
async function see(
  root: Resource,
  host: string,
  path = "/",
  options: SiteOptions & { headers?: HeadersInit } = {},
): Promise<string | number> {
  const { headers, ...siteOptions } = options;
  await using site = new WatchedSite(root, siteOptions);
  const response = await site.visit(path, { headers: { host, ...headers } });
  assertEquals(site.errors, []);
  return response.ok ? await response.text() : response.status;
}

Deno.test("NameVirtualHost serves the resource of the host", async () => {
  const hosts = new NameVirtualHost()
    .addHost("tea.example", leaf("tea"))
    .addHost("coffee.example", leaf("coffee"));

  assertEquals(await see(hosts, "tea.example"), "tea  > ");
  assertEquals(await see(hosts, "coffee.example"), "coffee  > ");
});

Deno.test("NameVirtualHost serves the default to other hosts", async () => {
  const hosts = new NameVirtualHost(leaf("default"))
    .addHost("tea.example", leaf("tea"));

  assertEquals(await see(hosts, "coffee.example"), "default  > ");
  assertEquals(await see(hosts, "x.tea.example"), "default  > ");
});

Deno.test("NameVirtualHost answers other hosts 404 without a default", async () => {
  const hosts = new NameVirtualHost().addHost("tea.example", leaf("tea"));

  assertEquals(await see(hosts, "coffee.example"), 404);
  assertEquals(await see(hosts, "coffee.example", "/a/b"), 404);
});

Deno.test("NameVirtualHost takes another default later", async () => {
  const hosts = new NameVirtualHost(leaf("first"));
  hosts.default = leaf("second");

  assertEquals(await see(hosts, "tea.example"), "second  > ");
});

Deno.test("NameVirtualHost goes by the URL where there is no Host header", async () => {
  const hosts = new NameVirtualHost().addHost("tea.example", leaf("tea"));
  await using site = new WatchedSite(hosts);

  const response = await site.visit("http://tea.example:8080/");

  assertEquals(await response.text(), "tea  > ");
});

for (
  const [name, host] of [
    ["tea.example", "TEA.Example"],
    ["Tea.EXAMPLE", "tea.example"],
    ["tea.example", "tea.example:8080"],
    ["tea.example", "tea.example:80"],
    ["tea.example", "tea.example."],
    ["tea.example.", "tea.example.:8080"],
    ["localhost", "localhost"],
    ["tea_room", "tea_room"],
    ["127.0.0.1", "127.0.0.1:8080"],
    ["[::1]", "[::1]"],
    ["[::1]", "[::1]:8080"],
    ["[2001:DB8::1]", "[2001:db8:0::1]:80"],
    ["tée.example", "xn--te-bja.example"],
  ] as const
) {
  Deno.test(`NameVirtualHost finds ${name} for the host ${host}`, async () => {
    const root = new NameVirtualHost().addHost(name, leaf("found"));

    assertEquals(await see(root, host), "found  > ");
  });
}

for (
  const host of [
    "tea.example/x",
    "tea.example?x",
    "tea.example#x",
    "tea.example\\x",
    "user@tea.example",
    "tea.example x",
    "tea.example:port",
    "tea.example:99999",
    "[::1",
    "::1",
    "<script>",
    ":80",
  ]
) {
  Deno.test(`NameVirtualHost answers 400 to the host ${host}`, async () => {
    const root = new NameVirtualHost(leaf("default"));

    assertEquals(await see(root, host), 400);
  });
}

Deno.test("NameVirtualHost answers 400 to a host that moves the path", async () => {
  await using site = new WatchedSite(new NameVirtualHost(leaf("default")));
  const request = rawRequest("http://tea.example/secret/open");
  request.headers.set("host", "tea.example/secret");

  assertEquals((await site.fetch(request)).status, 400);
});

Deno.test("NameVirtualHost does not believe a proxy unless told", async () => {
  const hosts = new NameVirtualHost(leaf("default"))
    .addHost("tea.example", leaf("tea"));
  const headers = { "x-forwarded-host": "tea.example" };

  assertEquals(await see(hosts, "x", "/", { headers }), "default  > ");
});

for (
  const [headers, seen] of [
    [{ "x-forwarded-host": "Tea.example:8080" }, "tea  > "],
    [{ "x-forwarded-host": "evil.example, tea.example" }, "tea  > "],
    [{ forwarded: 'for=1.2.3.4;host="tea.example:80"' }, "tea  > "],
    [{ "x-forwarded-host": "tea.example/x" }, 400],
    [{}, "default  > "],
  ] as const
) {
  Deno.test(`NameVirtualHost behind a proxy that says ${JSON.stringify(headers)}`, async () => {
    const hosts = new NameVirtualHost(leaf("default"))
      .addHost("tea.example", leaf("tea"));
    const trustProxy = "forwarded" in headers ? "forwarded" : "x-forwarded";
    const options = { trustProxy, headers } as const;

    assertEquals(await see(hosts, "inside", "/", options), seen);
  });
}

Deno.test("NameVirtualHost takes no segment from a leaf", async () => {
  const hosts = new NameVirtualHost(leaf("tea"));

  assertEquals(await see(hosts, "x", "/a//b/"), "tea  > a||b|");
});

Deno.test("NameVirtualHost takes no segment from a tree", async () => {
  const tree = new Resource().putChild("a", leaf("tea"));
  const hosts = new NameVirtualHost(tree);

  assertEquals(await see(hosts, "x", "/a/b"), "tea a > b");
});

Deno.test("NameVirtualHost may be a child", async () => {
  const hosts = new NameVirtualHost(leaf("tea"));
  const root = new Resource().putChild("hosts", hosts);

  assertEquals(await see(root, "x", "/hosts/a"), "tea hosts > a");
});

Deno.test("NameVirtualHost answers a path that ends at it", async () => {
  const hosts = new NameVirtualHost(new Page(() => "tea"));
  const root = new Resource().putChild("hosts", hosts);

  assertEquals(await see(root, "x", "/hosts"), "tea");
});

Deno.test("NameVirtualHost without a default answers 404 to a path that ends at it", async () => {
  const root = new Resource().putChild("hosts", new NameVirtualHost());

  assertEquals(await see(root, "x", "/hosts"), 404);
});

Deno.test("NameVirtualHost may be the default of another", async () => {
  const inner = new NameVirtualHost().addHost("tea.example", leaf("tea"));
  const outer = new NameVirtualHost(new NameVirtualHost(inner));

  assertEquals(await see(outer, "tea.example", "/a"), "tea  > a");
});

Deno.test("NameVirtualHost does not serve children of its own", async () => {
  const hosts = new NameVirtualHost(new Resource());
  hosts.putChild("a", leaf("hidden"));

  assertEquals(await see(hosts, "x", "/a"), 404);
});

Deno.test("NameVirtualHost.addHost() answers the resource itself", () => {
  const hosts = new NameVirtualHost();

  assertStrictEquals(hosts.addHost("tea.example", leaf("tea")), hosts);
});

Deno.test("NameVirtualHost.addHost() replaces a host", async () => {
  const hosts = new NameVirtualHost()
    .addHost("tea.example", leaf("first"))
    .addHost("TEA.example.", leaf("second"));

  assertEquals(await see(hosts, "tea.example"), "second  > ");
});

for (
  const name of ["", " ", "a b", "a/b", "a:80", "::1", "[::1]:80", "[", "a@b"]
) {
  Deno.test(`NameVirtualHost.addHost() refuses ${JSON.stringify(name)}`, () => {
    const hosts = new NameVirtualHost();

    assertThrows(
      () => hosts.addHost(name, leaf("never")),
      SyntaxError,
      `Cannot use host ${JSON.stringify(name)}`,
    );
  });
}

Deno.test("NameVirtualHost.addHost() refuses what is no Resource", () => {
  const hosts = new NameVirtualHost();

  assertThrows(
    () => hosts.addHost("tea.example", "tea" as unknown as Resource),
    TypeError,
    'Cannot add host "tea.example": the resource is not a Resource: "tea"',
  );
});

Deno.test("NameVirtualHost.removeHost() takes a host out", async () => {
  const hosts = new NameVirtualHost().addHost("tea.example", leaf("tea"));

  assertEquals(hosts.removeHost("Tea.Example."), true);

  assertEquals(await see(hosts, "tea.example"), 404);
});

Deno.test("NameVirtualHost.removeHost() answers false if there was none", () => {
  assertEquals(new NameVirtualHost().removeHost("tea.example"), false);
});

Deno.test("NameVirtualHost finds no host by a name that objects have", async () => {
  const hosts = new NameVirtualHost();

  assertEquals(await see(hosts, "constructor"), 404);
  assertEquals(await see(hosts, "__proto__"), 404);
});
