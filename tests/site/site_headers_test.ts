import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  HttpError,
  Resource,
  securityHeaders,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { Leaf, WatchedSite } from "../helpers_http.ts";

/** A site whose responses have headers of all kinds. */
function siteWith(options: SiteOptions = {}): WatchedSite {
  const root = new Resource()
    .putChild("text", new Leaf(() => "text"))
    .putChild("session", new Leaf((request) => request.getSession().uid))
    .putChild("response", new Leaf(() => new Response("r")))
    .putChild("redirect", new Leaf((request) => request.redirect("/text")))
    .putChild(
      "fresh",
      new Leaf((request) => {
        request.setETag("v1");
        return "";
      }),
    )
    .putChild("error", new Leaf(() => Promise.reject(new Error("broken"))))
    .putChild(
      "refused",
      new Leaf(() => {
        throw new HttpError(403, "No");
      }),
    )
    .putChild(
      "thrown",
      new Leaf(() => {
        throw new Response("r", { status: 418 });
      }),
    )
    .putChild("get", new Resource());
  return new WatchedSite(root, { headers: { "x-tea": "green" }, ...options });
}

for (
  const [path, status, init] of [
    ["/text", 200, {}],
    ["/text", 200, { method: "HEAD" }],
    ["/session", 200, {}],
    ["/response", 200, {}],
    ["/redirect", 302, {}],
    ["/fresh", 304, { headers: { "if-none-match": '"v1"' } }],
    ["/error", 500, {}],
    ["/refused", 403, {}],
    ["/thrown", 418, {}],
    ["/nowhere", 404, {}],
    ["/get", 405, {}],
    ["/get", 204, { method: "OPTIONS" }],
    ["/get", 501, { method: "BREW" }],
    ["/text", 400, { headers: { host: "a/b" } }],
  ] as [string, number, RequestInit][]
) {
  Deno.test(`SiteOptions.headers are on ${init.method ?? "GET"} ${path}, a ${status}`, async () => {
    await using site = siteWith();

    const response = await site.visit(path, init);

    assertEquals(response.status, status);
    assertEquals(response.headers.get("x-tea"), "green");
  });
}

Deno.test("SiteOptions.headers are on the responses of a closed site", async () => {
  const site = siteWith();
  await site.close();

  const response = await site.visit("/text");

  assertEquals(response.status, 503);
  assertEquals(response.headers.get("x-tea"), "green");
});

Deno.test("SiteOptions.headers are on the pages of the application", async () => {
  const page = () => new Response("own", { status: 404 });
  await using site = siteWith({ errorPage: page });

  const { headers } = await site.visit("/nowhere");

  assertEquals(headers.get("x-tea"), "green");
});

for (
  const [how, render] of [
    ["setHeader()", (request: SiteRequest) => {
      request.setHeader("X-Tea", "black");
      return "";
    }],
    [
      "a Response",
      () => new Response("", { headers: { "X-TEA": "black" } }),
    ],
  ] as const
) {
  Deno.test(`SiteOptions.headers give way to a header of ${how}`, async () => {
    await using site = new WatchedSite(render, {
      headers: { "x-tea": "green" },
    });

    assertEquals((await site.visit()).headers.get("x-tea"), "black");
  });
}

Deno.test("SiteOptions.headers leave a Response that a resource sends twice as it is", async () => {
  const response = new Response("again");
  await using site = new WatchedSite(() => response.clone(), {
    headers: { "x-tea": "green" },
  });

  await site.visit();

  assertEquals([...response.headers], [[
    "content-type",
    "text/plain;charset=UTF-8",
  ]]);
});

Deno.test("SiteOptions.headers keep the response of a session private", async () => {
  await using site = siteWith({
    headers: { "cache-control": "public, max-age=60" },
  });

  const { headers } = await site.visit("/session");
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(
    (await site.visit("/text")).headers.get("cache-control"),
    "public, max-age=60",
  );
});

// Over https only.

for (
  const [name, url, proto, expected] of [
    ["https", "https://localhost/", undefined, true],
    ["http", "http://localhost/", undefined, false],
    ["https to the proxy", "http://localhost/", "https", true],
    ["http to the proxy", "https://localhost/", "http", false],
  ] as const
) {
  Deno.test(`SiteOptions.headers send Strict-Transport-Security over ${name}: ${expected}`, async () => {
    await using site = new WatchedSite(() => "", {
      headers: { "Strict-Transport-Security": "max-age=60", "x-tea": "green" },
      trustProxy: true,
    });

    const { headers } = await site.visit(
      url,
      proto === undefined ? {} : { headers: { "x-forwarded-proto": proto } },
    );

    assertEquals(headers.has("strict-transport-security"), expected);
    assertEquals(headers.get("x-tea"), "green");
  });
}

// Wrong ones.

Deno.test("SiteOptions.headers refuse what cannot be on every response", () => {
  const make = (headers: unknown) => () =>
    new Site(new Resource(), { headers } as SiteOptions);

  for (
    const name of ["Set-Cookie", "content-length", "Transfer-Encoding"]
  ) {
    assertThrows(make({ [name]: "1" }), RangeError, `headers has "${name}"`);
  }
  for (const [name, value] of [["a b", "x"], ["", "x"], ["x", "a\nb"]]) {
    assertThrows(
      make({ [name as string]: value }),
      RangeError,
      `headers has no header "${name}"`,
    );
  }
  for (const headers of ["x", null, [["x", "y"]], { x: 5 }]) {
    assertThrows(
      make(headers),
      TypeError,
      "headers is not an object of names and values",
    );
  }
});

// The recommended ones.

Deno.test("securityHeaders are the headers of a site", async () => {
  await using site = new WatchedSite(() => "", { headers: securityHeaders });

  const { headers } = await site.visit("https://localhost/");

  for (const [name, value] of Object.entries(securityHeaders)) {
    assertEquals(headers.get(name), value, name);
  }
});

Deno.test("securityHeaders have a year of HSTS, no sniffing, no frames and no plugins", () => {
  const csp = securityHeaders["content-security-policy"]!;
  const [, age] = /^max-age=(\d+); includeSubDomains$/.exec(
    securityHeaders["strict-transport-security"]!,
  )!;

  assertEquals(Number(age) >= 365 * 24 * 60 * 60, true);
  assertEquals(securityHeaders["x-content-type-options"], "nosniff");
  assertMatch(csp, /frame-ancestors 'none'/);
  assertMatch(csp, /object-src 'none'/);
  assertMatch(csp, /base-uri 'none'/);
  assertThrows(() => {
    (securityHeaders as Record<string, string>)["x-tea"] = "green";
  }, TypeError);
});
