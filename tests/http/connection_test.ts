import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import type { SiteRequest, TrustedProxy } from "../../mod.ts";
import { look, WatchedSite } from "../helpers_http.ts";
import { assertQuick } from "../helpers_time.ts";

/** What Deno.serve knows: the proxy is at the other end of the connection. */
const PROXY: Deno.ServeHandlerInfo = {
  remoteAddr: { transport: "tcp", hostname: "10.0.0.1", port: 5000 },
  completed: Promise.resolve(),
};

/** What a proxy can say, by the old headers. */
const X_FORWARDED = {
  "x-forwarded-for": "192.0.2.1",
  "x-forwarded-host": "shop.example",
  "x-forwarded-proto": "https",
};

/** What a request with those headers looks like, to a site that trusts them. */
function behindProxy<T>(
  what: (request: SiteRequest) => T,
  headers: HeadersInit,
  trustProxy: TrustedProxy = familyOf(headers),
  hops?: number,
): Promise<T> {
  const all = new Headers(headers);
  const request = new Request(`http://${all.get("host") ?? "inner:8080"}/`, {
    headers,
  });
  const options = { trustProxy, info: PROXY };
  return look(
    what,
    request,
    hops === undefined ? options : { ...options, hops },
  );
}

/** The family of headers that a proxy writes. */
function familyOf(headers: HeadersInit): TrustedProxy {
  return new Headers(headers).has("forwarded") ? "forwarded" : "x-forwarded";
}

function remoteAddress(headers: HeadersInit): Promise<string | undefined> {
  return behindProxy(({ remoteAddress }) => remoteAddress, headers);
}

function isSecure(headers: HeadersInit): Promise<boolean> {
  return behindProxy(({ isSecure }) => isSecure, headers);
}

function rootURL(headers: HeadersInit): Promise<string> {
  return behindProxy(({ rootURL }) => rootURL.href, headers);
}

// Unless told.

for (
  const headers of [
    X_FORWARDED,
    { forwarded: "for=192.0.2.1;host=shop.example;proto=https" },
  ] as HeadersInit[]
) {
  const name = "forwarded" in headers ? "Forwarded" : "X-Forwarded-*";

  Deno.test(`SiteRequest.remoteAddress believes no ${name} unless told`, async () => {
    assertEquals(
      await behindProxy(({ remoteAddress }) => remoteAddress, headers, false),
      "10.0.0.1",
    );
  });

  Deno.test(`SiteRequest.isSecure believes no ${name} unless told`, async () => {
    assertFalse(await behindProxy(({ isSecure }) => isSecure, headers, false));
  });

  Deno.test(`SiteRequest.rootURL believes no ${name} unless told`, async () => {
    assertEquals(
      await behindProxy(({ rootURL }) => rootURL.href, headers, false),
      "http://inner:8080/",
    );
  });

  Deno.test(`SiteRequest.getSession() believes no ${name} unless told`, async () => {
    await using site = new WatchedSite((request) => request.getSession().uid);

    const response = await site.visit("/", { headers });

    assertMatch(response.headers.getSetCookie()[0]!, /^session=/);
  });

  Deno.test(`SiteOptions.trustProxy has the address of ${name}`, async () => {
    assertEquals(await remoteAddress(headers), "192.0.2.1");
  });

  Deno.test(`SiteOptions.trustProxy has the scheme of ${name}`, async () => {
    assert(await isSecure(headers));
  });

  Deno.test(`SiteOptions.trustProxy has the root URL of ${name}`, async () => {
    assertEquals(await rootURL(headers), "https://shop.example/");
  });

  Deno.test(`SiteOptions.trustProxy has the cookie prefixed by ${name}`, async () => {
    await using site = new WatchedSite((request) => request.getSession().uid, {
      trustProxy: familyOf(headers),
    });

    const response = await site.visit("/", { headers });

    assertMatch(
      response.headers.getSetCookie()[0]!,
      /^__Host-session=.*Secure/,
    );
  });
}

// A proxy that says little.

Deno.test("SiteOptions.trustProxy goes by the connection where no proxy says more", async () => {
  assertEquals(await remoteAddress({}), "10.0.0.1");
  assertFalse(await isSecure({}));
  assertEquals(await rootURL({}), "http://inner:8080/");
});

Deno.test("SiteOptions.trustProxy leaves the address to the connection where it is not said", async () => {
  assertEquals(
    await remoteAddress({ "x-forwarded-proto": "https" }),
    "10.0.0.1",
  );
  assertEquals(await remoteAddress({ forwarded: "proto=https" }), "10.0.0.1");
});

Deno.test("SiteRequest.rootURL keeps the Host header where the proxy names no host", async () => {
  assertEquals(
    await rootURL({ host: "shop.example", "x-forwarded-proto": "https" }),
    "https://shop.example/",
  );
});

Deno.test("SiteRequest.rootURL keeps the port that the proxy names", async () => {
  assertEquals(
    await rootURL({ ...X_FORWARDED, "x-forwarded-host": "shop.example:8443" }),
    "https://shop.example:8443/",
  );
});

Deno.test("SiteRequest.remoteAddress is undefined where nobody knows it", async () => {
  const address = await look(
    ({ remoteAddress }) => ({ remoteAddress }),
    new Request("http://inner/"),
    { trustProxy: true },
  );

  assertEquals(address, { remoteAddress: undefined });
});

const BOTH = {
  ...X_FORWARDED,
  forwarded: "for=198.51.100.2;proto=http;host=other.example",
};

for (const trustProxy of [true, "x-forwarded"] as const) {
  Deno.test(`SiteOptions.trustProxy ${trustProxy} reads X-Forwarded-* alone`, async () => {
    const { forwarded } = BOTH;

    assertEquals(await behindProxy(rootOf, BOTH, trustProxy), {
      address: "192.0.2.1",
      root: "https://shop.example/",
    });
    assertEquals(await behindProxy(rootOf, { forwarded }, trustProxy), {
      address: "10.0.0.1",
      root: "http://inner:8080/",
    });
  });
}

Deno.test('SiteOptions.trustProxy "forwarded" reads Forwarded alone', async () => {
  assertEquals(await behindProxy(rootOf, BOTH, "forwarded"), {
    address: "198.51.100.2",
    root: "http://other.example/",
  });
  assertEquals(await behindProxy(rootOf, X_FORWARDED, "forwarded"), {
    address: "10.0.0.1",
    root: "http://inner:8080/",
  });
});

Deno.test("SiteOptions.trustProxy does not fill the gaps of one family by the other", async () => {
  const headers = {
    "x-forwarded-for": "192.0.2.1",
    forwarded: "for=192.0.2.2;proto=https;host=other.example",
  };

  assertEquals(await behindProxy(rootOf, headers, true), {
    address: "192.0.2.1",
    root: "http://inner:8080/",
  });
});

/** The address and the root that a request has. */
function rootOf({ remoteAddress, rootURL }: SiteRequest) {
  return { address: remoteAddress, root: rootURL.href };
}

// Several proxies.

for (
  const [hops, address] of [
    [1, "192.0.2.3"],
    [2, "192.0.2.2"],
    [3, "198.51.100.1"],
    [9, "198.51.100.1"],
  ] as const
) {
  Deno.test(`SiteOptions.hops ${hops} of three entries is ${address}`, async () => {
    const list = ["198.51.100.1", "192.0.2.2", "192.0.2.3"];
    const ask = (headers: HeadersInit) =>
      behindProxy(
        ({ remoteAddress }) => remoteAddress,
        headers,
        familyOf(headers),
        hops,
      );

    assertEquals(await ask({ "x-forwarded-for": list.join(", ") }), address);
    assertEquals(
      await ask({ forwarded: list.map((each) => `for=${each}`).join(", ") }),
      address,
    );
  });
}

Deno.test("SiteOptions.hops counts for the host and the protocol too", async () => {
  const headers = {
    "x-forwarded-host": "shop.example, inner.example",
    "x-forwarded-proto": "https, http",
  };

  assertEquals(await behindProxy(rootOf, headers, true, 2), {
    address: "10.0.0.1",
    root: "https://shop.example/",
  });
});

Deno.test("SiteOptions.hops takes the only entry where a proxy replaces the list", async () => {
  assertEquals(await behindProxy(rootOf, X_FORWARDED, true, 2), {
    address: "192.0.2.1",
    root: "https://shop.example/",
  });
});

for (const proto of ["", "gopher", "https:", "httpss", "on"]) {
  Deno.test(`SiteRequest.isSecure is the connection's for X-Forwarded-Proto "${proto}"`, async () => {
    const isSecureAt = (url: string) =>
      look(
        ({ isSecure }) => isSecure,
        new Request(url, { headers: { "x-forwarded-proto": proto } }),
        { trustProxy: true },
      );

    assert(await isSecureAt("https://inner/"));
    assertFalse(await isSecureAt("http://inner/"));
  });
}

// Of several the last is the nearest proxy's: the others anybody can have sent.

Deno.test("SiteOptions.trustProxy takes the last of several in X-Forwarded-*", async () => {
  const headers = {
    "x-forwarded-for": "198.51.100.6, 198.51.100.7,192.0.2.1",
    "x-forwarded-host": "evil.example, shop.example",
    "x-forwarded-proto": "http, https",
  };

  assertEquals(await remoteAddress(headers), "192.0.2.1");
  assert(await isSecure(headers));
  assertEquals(await rootURL(headers), "https://shop.example/");
});

Deno.test("SiteOptions.trustProxy takes the last of several header lines", async () => {
  const headers: HeadersInit = [
    ["x-forwarded-for", "198.51.100.6"],
    ["x-forwarded-for", "192.0.2.1"],
  ];

  assertEquals(await remoteAddress(headers), "192.0.2.1");
});

Deno.test("SiteOptions.trustProxy takes the last element of Forwarded, whole", async () => {
  const headers = {
    forwarded: "for=198.51.100.6;host=evil.example;proto=https, for=192.0.2.1",
  };

  assertEquals(await remoteAddress(headers), "192.0.2.1");
  assertFalse(await isSecure(headers));
  assertEquals(await rootURL(headers), "http://inner:8080/");
});

// Addresses.

for (
  const [said, address] of [
    ["192.0.2.1:4711", "192.0.2.1"],
    ["2001:db8::1", "2001:db8::1"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["[2001:db8::1]:4711", "2001:db8::1"],
    [" 192.0.2.1 ", "192.0.2.1"],
    ["\t192.0.2.1\t", "192.0.2.1"],
    ["\xa0192.0.2.1\xa0", "\xa0192.0.2.1\xa0"],
  ] as const
) {
  Deno.test(`SiteRequest.remoteAddress of X-Forwarded-For "${said}" is ${address}`, async () => {
    assertEquals(await remoteAddress({ "x-forwarded-for": said }), address);
  });
}

for (const said of ["", " ", ",", "192.0.2.1,", "192.0.2.1, "]) {
  Deno.test(`SiteRequest.remoteAddress of X-Forwarded-For "${said}" is the connection's`, async () => {
    assertEquals(await remoteAddress({ "x-forwarded-for": said }), "10.0.0.1");
  });
}

for (
  const [said, address] of [
    ["For=192.0.2.1", "192.0.2.1"],
    ['for="192.0.2.1:4711"', "192.0.2.1"],
    ['for="[2001:db8::1]"', "2001:db8::1"],
    ['for="[2001:db8::1]:4711"', "2001:db8::1"],
    ['by=10.0.0.9 ; for="192.0.2.1" ; proto=http', "192.0.2.1"],
    ['for="192.0.2\\.1"', "192.0.2.1"],
    ["for=198.51.100.6,for=192.0.2.1", "192.0.2.1"],
    ['for="198.51.100.6, for=198.51.100.7", for=192.0.2.1', "192.0.2.1"],
  ] as const
) {
  Deno.test(`SiteRequest.remoteAddress of Forwarded "${said}" is ${address}`, async () => {
    assertEquals(await remoteAddress({ forwarded: said }), address);
  });
}

for (
  const said of [
    "",
    "garbage",
    ";;;,,,",
    "for",
    "for=",
    'for=""',
    'for="',
    'for="192.0.2.1',
    "\xa0for=192.0.2.1",
    "for=192.0.2.1\xa0",
    "for=\xa0192.0.2.1",
    "for=192.0.2.1;\xa0proto=https",
  ]
) {
  Deno.test(`SiteRequest.remoteAddress of Forwarded "${said}" is the connection's`, async () => {
    assertEquals(await remoteAddress({ forwarded: said }), "10.0.0.1");
  });
}

// What a visitor sends stands before what the proxy adds, whatever it is.
for (
  const sent of [
    "garbage",
    'for="',
    'for=198.51.100.6;x="',
    'for="198.51.100.6',
    'for="198.51.100.6\\',
    "for=198.51.100.6;",
  ]
) {
  Deno.test(`SiteRequest.remoteAddress is the proxy's, whatever "${sent}" a visitor sends before`, async () => {
    const forwarded = `${sent}, for="[2001:db8::1]:4711";proto=https`;

    assertEquals(await remoteAddress({ forwarded }), "2001:db8::1");
  });
}

for (const last of ["garbage", 'for="192.0.2.1', "for="]) {
  Deno.test(`SiteRequest.remoteAddress is nobody else's where the proxy says "${last}"`, async () => {
    const forwarded = `for=198.51.100.6, ${last}`;

    assertEquals(await remoteAddress({ forwarded }), "10.0.0.1");
  });
}

Deno.test("SiteRequest.remoteAddress reads a long Forwarded in no time", async () => {
  const forwarded = 'for="a,'.repeat(10_000);

  // It takes milliseconds, or minutes where each comma is tried with all that
  // follows.
  await assertQuick(1000, () => remoteAddress({ forwarded }));
});

// Schemes. More of them are in request_test.ts.

for (
  const [said, expected] of [
    ["proto=https", true],
    ["proto=HTTPS", true],
    ['PROTO="https"', true],
    ["proto=http", false],
    ["proto=https, proto=http", false],
    ["proto=http, proto=https", true],
    ["proto=wss", true],
    ["proto=WSS", true],
    ["proto=ws", false],
    ["proto=wsss", false],
    ["proto=wss, proto=ws", false],
    ["\tproto=https\t", true],
    ["\xa0proto=https", false],
    ["proto=https\xa0", false],
  ] as const
) {
  Deno.test(`SiteRequest.isSecure is ${expected} for Forwarded "${said}"`, async () => {
    assertEquals(await isSecure({ forwarded: said }), expected);
  });
}

for (
  const [said, expected] of [
    ["wss", true],
    ["WSS", true],
    ["ws", false],
    ["ws, wss", true],
    ["wss, ws", false],
  ] as const
) {
  Deno.test(`SiteRequest.isSecure is ${expected} for X-Forwarded-Proto "${said}"`, async () => {
    assertEquals(await isSecure({ "x-forwarded-proto": said }), expected);
  });
}

for (const said of ["\xa0https", "https\xa0", "http,\xa0https"]) {
  Deno.test(`SiteRequest.isSecure is false for X-Forwarded-Proto ${JSON.stringify(said)}`, async () => {
    assertFalse(await isSecure({ "x-forwarded-proto": said }));
  });
}

Deno.test("SiteOptions.trustProxy has the session found by its prefixed cookie only", async () => {
  await using site = new WatchedSite((request) => request.getSession().uid, {
    trustProxy: true,
  });
  const headers = { "x-forwarded-proto": "https" };
  const first = await site.visit("/", { headers });
  const uid = await first.text();
  const [cookie] = first.headers.getSetCookie()[0]!.split(";");

  const secure = await site.visit("/", {
    headers: { ...headers, cookie: cookie! },
  });
  const plain = await site.visit("/", { headers: { cookie: cookie! } });

  assertEquals(await secure.text(), uid);
  assertFalse(await plain.text() === uid);
});

// Hosts.

for (
  const host of [
    "evil.example/path",
    "evil.example?query",
    "evil.example#fragment",
    "evil.example\\path",
    "user@evil.example",
    "evil example",
    "shop.example:99999",
    "shop.example:port",
    "[::1",
    ":8080",
    "%",
    "\xa0shop.example",
    "shop.example\xa0",
  ]
) {
  for (
    const headers of [
      { "x-forwarded-host": host },
      { forwarded: `host="${host.replaceAll("\\", "\\\\")}"` },
    ] as HeadersInit[]
  ) {
    const name = "forwarded" in headers ? "Forwarded" : "X-Forwarded-Host";

    Deno.test(`SiteRequest.rootURL of host "${host}" in ${name} is a 400, not reported`, async () => {
      await using site = new WatchedSite(({ rootURL }) => rootURL.href, {
        trustProxy: familyOf(headers),
      });

      const response = await site.visit("/", { headers });

      assertEquals(response.status, 400);
      assertEquals(site.errors, []);
    });
  }
}

Deno.test("SiteRequest answers whoever does not ask for the root URL, whatever the host", async () => {
  await using site = new WatchedSite(() => "text", { trustProxy: true });

  const response = await site.visit("/", {
    headers: { "x-forwarded-host": "evil.example/path" },
  });

  assertEquals(response.status, 200);
});
