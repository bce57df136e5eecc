import { assertEquals, assertThrows } from "@std/assert";
import {
  Resource,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { rawRequest, WatchedSite } from "../helpers_http.ts";

/** A connection, as Deno.serve describes it. */
const INFO: Deno.ServeHandlerInfo = {
  remoteAddr: { transport: "tcp", hostname: "10.0.0.1", port: 5000 },
  completed: Promise.resolve(),
};

/** Returns the status of the answer to a request that came over a connection. */
async function statusOf(
  url: string,
  host: string | undefined,
  options: SiteOptions & { headers?: Record<string, string> } = {},
): Promise<number> {
  const { headers = {}, ...siteOptions } = options;
  await using site = new WatchedSite(() => "text", siteOptions);
  const request = rawRequest(url);
  for (const [name, value] of Object.entries(headers)) {
    request.headers.set(name, value);
  }
  if (host !== undefined) request.headers.set("host", host);
  const response = await site.fetch(request, INFO);
  assertEquals(site.errors, []);
  return response.status;
}

for (
  const host of [
    "x/secret",
    "x?y",
    "x#y",
    "x\\y",
    "user@x",
    "x y",
    "x,y",
    "x:80:80",
    "x:port",
    "x:99999",
    "x:-1",
    ":80",
    "%2f",
    "x%41",
    "[::1",
    "::1",
    "[x]",
    "http://x",
    "<script>",
    '"x"',
  ]
) {
  Deno.test(`Site.fetch() answers the Host ${JSON.stringify(host)} 400, unasked`, async () => {
    assertEquals(await statusOf(`http://${host}/`, host), 400);
    assertEquals(
      await statusOf(`http://${host}/`, host, { trustProxy: true }),
      400,
    );
  });

  if (/[/?#]/.test(host)) continue;

  Deno.test(`Site.fetch() answers ":authority: ${host}" 400, unasked`, async () => {
    assertEquals(await statusOf(`http://${host}/`, undefined), 400);
  });
}

for (
  const host of [
    "localhost",
    "localhost:8080",
    "SHOP.example",
    "shop.example.",
    "my_app",
    "a-b.c",
    "x:",
    "192.0.2.1:1",
    "[::1]",
    "[2001:db8::1]:8080",
    "[::ffff:192.0.2.1]",
    "xn--bcher-kva.example",
    "b\u00fccher.example",
  ]
) {
  Deno.test(`Site.fetch() serves the Host ${host}`, async () => {
    assertEquals(await statusOf(`http://${host}/`, host), 200);
    assertEquals(await statusOf(`http://${host}/`, undefined), 200);
  });
}

for (
  const [url, host, status] of [
    ["http://evil.test/", "shop.test", 400],
    ["http://shop.test/", "shop.test", 200],
    ["http://SHOP.test:80/", "shop.test", 200],
    ["http://shop.test/", "Shop.TEST:80", 200],
    ["http://shop.test:/", "shop.test", 200],
    ["https://shop.test:443/", "shop.test", 200],
    ["https://shop.test:80/", "shop.test", 400],
    ["http://shop.test:443/", "shop.test", 400],
    ["http://shop.test:8080/", "shop.test", 400],
    ["http://user@shop.test/", "shop.test", 400],
    ["http://shop.test.evil.test/", "shop.test", 400],
    ["http://shop.test", "shop.test", 200],
    ["http://shop.test?q", "shop.test", 200],
  ] as const
) {
  Deno.test(`Site.fetch() answers the target ${url} with the Host ${host} ${status}`, async () => {
    assertEquals(await statusOf(url, host), status);
    assertEquals(await statusOf(url, host, { trustProxy: true }), status);
  });
}

Deno.test("Site.fetch() checks the second request as it did the first", async () => {
  await using site = new WatchedSite(() => "text");
  const fetch = async (url: string, host: string) => {
    const request = rawRequest(url);
    request.headers.set("host", host);
    return (await site.fetch(request, INFO)).status;
  };

  assertEquals(await fetch("http://shop.test/", "shop.test"), 200);
  assertEquals(await fetch("http://shop.testing/", "shop.test"), 400);
  assertEquals(await fetch("http://evil.test/", "shop.test"), 400);
  assertEquals(await fetch("http://shop.test/", "shop.test"), 200);
});

/** Returns the status of a request for the usual host, with another Host header. */
async function statusOfTwoHosts(
  render: (request: SiteRequest) => string | Promise<string>,
  options: SiteOptions = {},
): Promise<number> {
  await using site = new WatchedSite(render, options);
  const fetch = async (host: string) => {
    const request = rawRequest("http://shop.test/");
    request.headers.set("host", host);
    return (await site.fetch(request, INFO)).status;
  };
  await fetch("shop.test");
  const status = await fetch("evil.test");
  assertEquals(site.errors, []);
  return status;
}

for (
  const [what, render] of Object.entries<
    (request: SiteRequest) => unknown
  >({
    "headers": (request) => request.headers,
    "getHeader()": (request) => request.getHeader("accept"),
    "getCookie()": (request) => request.getCookie("a"),
    "rootURL": (request) => request.rootURL,
    "url": (request) => request.url,
    "request": (request) => request.request,
    "session": (request) => request.session,
    "getSession()": (request) => request.getSession(),
    "logOut()": (request) => request.logOut(),
  })
) {
  Deno.test(`SiteRequest.${what} is 400 if the Host header names another host than the usual URL`, async () => {
    assertEquals(
      await statusOfTwoHosts((request) => {
        render(request);
        return "text";
      }),
      400,
    );
    assertEquals(
      await statusOfTwoHosts(async (request) => {
        await undefined;
        render(request);
        return "text";
      }),
      400,
    );
  });
}

Deno.test("SiteRequest.headers stays 400 for code that catches the error", async () => {
  const status = await statusOfTwoHosts((request) => {
    try {
      request.headers;
    } catch {
      // A page that goes on without headers.
    }
    return request.rootURL.host;
  });
  assertEquals(status, 400);
});

Deno.test("SiteOptions.hosts has another Host header refused, unasked", async () => {
  assertEquals(
    await statusOfTwoHosts(() => "text", { hosts: ["shop.test"] }),
    400,
  );
});

Deno.test("Site.fetch() lets a request without a connection have any URL", async () => {
  await using site = new WatchedSite(() => "text");

  const response = await site.visit("http://one.test/", {
    headers: { host: "other.test" },
  });

  assertEquals(response.status, 200);
});

// Allowed hosts.

const HOSTS = ["shop.example", "*.tea.example", "[::1]", "b\u00fccher.example"];

for (
  const [host, status] of [
    ["shop.example", 200],
    ["SHOP.example.:8080", 200],
    ["www.shop.example", 400],
    ["evil-shop.example", 400],
    ["shop.example.evil.example", 400],
    ["green.tea.example", 200],
    ["very.green.tea.example", 200],
    ["tea.example", 400],
    [".tea.example", 400],
    ["[::1]:80", 200],
    ["[0:0::1]", 200],
    ["xn--bcher-kva.example", 200],
    ["localhost", 400],
  ] as const
) {
  Deno.test(`SiteOptions.hosts has the Host ${host} answered ${status}`, async () => {
    assertEquals(
      await statusOf(`http://${host}/`, host, { hosts: HOSTS }),
      status,
    );
    assertEquals(
      await statusOf(`http://${host}/`, undefined, { hosts: HOSTS }),
      status,
    );
  });
}

Deno.test("SiteOptions.hosts is about the host that a trusted proxy names", async () => {
  const ask = (forwarded: string, options: SiteOptions) =>
    statusOf("http://10.0.0.1:8080/", "10.0.0.1:8080", {
      hosts: HOSTS,
      ...options,
      headers: { "x-forwarded-host": forwarded },
    });

  assertEquals(await ask("shop.example", { trustProxy: true }), 200);
  assertEquals(await ask("evil.example", { trustProxy: true }), 400);
  assertEquals(await ask("shop.example/x", { trustProxy: true }), 400);
  assertEquals(await ask("shop.example", {}), 400);
});

Deno.test("SiteOptions.hosts refuses what is not a list of hosts", () => {
  const make = (hosts: unknown) => () =>
    new Site(new Resource(), { hosts } as SiteOptions);

  assertThrows(make("shop.example"), TypeError, "hosts is not a list of hosts");
  assertThrows(make([5]), TypeError, "hosts is not a list of hosts");
  assertThrows(
    make([]),
    RangeError,
    "hosts is not a list of hosts, one or more: []",
  );
  for (
    const host of [
      "",
      "*",
      "*.",
      "a/b",
      "a:80",
      "http://a",
      "a b",
      "x*.a",
      "a@b",
    ]
  ) {
    assertThrows(make([host]), RangeError, `hosts has ${JSON.stringify(host)}`);
  }
});
