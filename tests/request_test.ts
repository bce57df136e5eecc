import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import type { SiteRequest } from "../mod.ts";
import { look, rawRequest, WatchedSite } from "./helpers_http.ts";

const ORIGIN = "http://localhost";

function requestWith(headers: HeadersInit, path = "/"): Request {
  return new Request(ORIGIN + path, { headers });
}

function infoOf(remoteAddr: unknown): Deno.ServeHandlerInfo {
  return {
    remoteAddr: remoteAddr as Deno.NetAddr,
    completed: Promise.resolve(),
  };
}

// What came.

Deno.test("SiteRequest.request is the request as it came", async () => {
  const request = new Request(ORIGIN);

  assertStrictEquals(await look(({ request }) => request, request), request);
});

Deno.test("SiteRequest.method is the method", async () => {
  const request = new Request(ORIGIN, { method: "PUT" });

  assertEquals(await look(({ method }) => method, request), "PUT");
});

Deno.test("SiteRequest.site is the site that the request came to", async () => {
  const sites: unknown[] = [];
  await using site = new WatchedSite((request) => {
    sites.push(request.site);
    return "";
  });

  await site.visit();

  assertStrictEquals(sites[0], site);
});

Deno.test("SiteRequest is another one for each request", async () => {
  const requests: SiteRequest[] = [];
  await using site = new WatchedSite((request) => {
    requests.push(request);
    return "";
  });

  await site.visit();
  await site.visit();

  assertFalse(requests[0] === requests[1]);
});

// The URL and its query.

Deno.test("SiteRequest.url is the URL", async () => {
  const url = await look(
    ({ url }) => url,
    new Request("https://localhost:8443/a%20b/?c=d"),
  );

  assertInstanceOf(url, URL);
  assertEquals(url.href, "https://localhost:8443/a%20b/?c=d");
});

Deno.test("SiteRequest.url is one object", async () => {
  assert(await look((request) => request.url === request.url));
});

Deno.test("SiteRequest.url folds dot segments", async () => {
  const url = await look(
    ({ url }) => url.pathname,
    rawRequest(`${ORIGIN}/a/../b`),
  );

  assertEquals(url, "/b");
});

for (
  const host of ["x/secret", "x?y", "x#y", "x\\y", "user@x", "x y", "x\ty"]
) {
  const render = (request: SiteRequest) => request.url.href;

  Deno.test(`SiteRequest.url of the Host ${JSON.stringify(host)} is a 400`, async () => {
    await using site = new WatchedSite(render);

    const response = await site.visit("/", { headers: { host } });

    assertEquals(response.status, 400);
    assertEquals(site.errors, []);
  });

  Deno.test(`Site.fetch() renders nothing for the Host ${JSON.stringify(host)}`, async () => {
    for (const trustProxy of [false, true]) {
      let isRendered = false;
      await using site = new WatchedSite(() => {
        isRendered = true;
        return "";
      }, { trustProxy });

      const response = await site.visit("/", { headers: { host } });

      assertEquals(response.status, 400);
      assertFalse(isRendered);
      assertEquals(site.errors, []);
    }
  });
}

for (
  const host of ["localhost", "localhost:8080", "[::1]:8080"]
) {
  Deno.test(`SiteOptions.trustProxy lets the Host ${host} pass`, async () => {
    await using site = new WatchedSite(() => "text", { trustProxy: true });

    const response = await site.visit("/", { headers: { host } });

    assertEquals(response.status, 200);
  });
}

for (const url of ["http://[::1/open", "http://x:99999/", "http://%zz/"]) {
  Deno.test(`SiteRequest.url of ${url} is a 400, not reported`, async () => {
    await using site = new WatchedSite((request) => request.url.href);

    const response = await site.fetch(rawRequest(url));

    assertEquals(response.status, 400);
    assertEquals(site.errors, []);
  });
}

Deno.test("SiteRequest.url is not parsed unless a resource asks", async () => {
  await using site = new WatchedSite(() => "text");

  const response = await site.fetch(rawRequest("http://[::1/open"));

  assertEquals(response.status, 200);
});

Deno.test("SiteRequest.query is the query", async () => {
  const query = await look(
    ({ query }) => query,
    new Request(`${ORIGIN}/a?b=1&b=2&c=a+b%26&d`),
  );

  assertInstanceOf(query, URLSearchParams);
  assertEquals([...query], [
    ["b", "1"],
    ["b", "2"],
    ["c", "a b&"],
    ["d", ""],
  ]);
});

for (
  const [url, query] of [
    ["/", ""],
    ["/?", ""],
    ["/?a/b?c", "a%2Fb%3Fc="],
    ["/?a#b", "a="],
    ["/#a?b", ""],
    ["/?a=%zz", "a=%25zz"],
    ["/?a=%FF", "a=%EF%BF%BD"],
    ["/?a=1;b=2", "a=1%3Bb%3D2"],
  ] as [string, string][]
) {
  Deno.test(`SiteRequest.query of ${JSON.stringify(url)} is ${JSON.stringify(query)}`, async () => {
    const seen = await look(
      ({ query }) => query.toString(),
      rawRequest(ORIGIN + url),
    );

    assertEquals(seen, query);
  });
}

Deno.test("SiteRequest.query is one object", async () => {
  assert(await look((request) => request.query === request.query));
});

// Headers.

Deno.test("SiteRequest.headers are those of the request", async () => {
  const request = requestWith({ "x-a": "1" });

  assertStrictEquals(
    await look(({ headers }) => headers, request),
    request.headers,
  );
});

Deno.test("SiteRequest.getHeader() answers a header, whatever its case", async () => {
  const header = await look(
    (request) => request.getHeader("X-A"),
    requestWith({ "x-a": "1" }),
  );

  assertEquals(header, "1");
});

Deno.test("SiteRequest.getHeader() answers a header that is empty", async () => {
  const header = await look(
    (request) => request.getHeader("x-a"),
    requestWith({ "x-a": "" }),
  );

  assertEquals(header, "");
});

Deno.test("SiteRequest.getHeader() is undefined for a header that did not come", async () => {
  assertStrictEquals(
    await look((request) => request.getHeader("x-a")),
    undefined,
  );
});

Deno.test("SiteRequest.getHeader() joins a header that came several times", async () => {
  const header = await look(
    (request) => request.getHeader("x-a"),
    requestWith([["x-a", "1"], ["x-a", "2"]]),
  );

  assertEquals(header, "1, 2");
});

// Where it came from.

for (
  const [address, expected] of [
    [{ transport: "tcp", hostname: "192.0.2.1", port: 1 }, "192.0.2.1"],
    [{ transport: "tcp", hostname: "::1", port: 1 }, "::1"],
    [{ transport: "unix", path: "/run/x.sock" }, undefined],
    [undefined, undefined],
  ] as [unknown, string | undefined][]
) {
  Deno.test(`SiteRequest.remoteAddress of ${JSON.stringify(address)} is ${expected}`, async () => {
    const remote = await look(
      (request) => request.remoteAddress,
      new Request(ORIGIN),
      { info: infoOf(address) },
    );

    assertEquals(remote, expected);
  });
}

Deno.test("SiteRequest.remoteAddress is undefined without a connection", async () => {
  assertStrictEquals(
    await look((request) => request.remoteAddress),
    undefined,
  );
});

Deno.test("SiteRequest.remoteAddress believes no header unless told", async () => {
  const remote = await look(
    (request) => request.remoteAddress,
    requestWith({
      "x-forwarded-for": "203.0.113.9",
      forwarded: "for=203.0.113.9",
    }),
    { info: infoOf({ transport: "tcp", hostname: "192.0.2.1", port: 1 }) },
  );

  assertEquals(remote, "192.0.2.1");
});

Deno.test("SiteRequest.isSecure is false over http", async () => {
  assertFalse(await look(({ isSecure }) => isSecure));
});

Deno.test("SiteRequest.isSecure is true over https", async () => {
  assert(
    await look(({ isSecure }) => isSecure, new Request("https://localhost/")),
  );
});

Deno.test("SiteRequest.isSecure believes no header unless told", async () => {
  const request = requestWith({ "x-forwarded-proto": "https" });

  assertFalse(await look(({ isSecure }) => isSecure, request));
});

for (
  const [header, expected] of [
    ["https", true],
    ["HTTPS", true],
    ["http", false],
    ["http, https", true],
    ["http,https", true],
    ["https, http", false],
    [" https ", true],
    ["ftp", false],
    ["httpsx", false],
  ] as [string, boolean][]
) {
  Deno.test(`SiteOptions.trustProxy takes X-Forwarded-Proto ${JSON.stringify(header)} for ${expected ? "https" : "http"}`, async () => {
    const isSecure = await look(
      ({ isSecure }) => isSecure,
      requestWith({ "x-forwarded-proto": header }),
      { trustProxy: true },
    );

    assertEquals(isSecure, expected);
  });
}

Deno.test("SiteOptions.trustProxy goes by the URL where the proxy says nothing", async () => {
  const isSecure = await look(
    ({ isSecure }) => isSecure,
    new Request("https://localhost/"),
    { trustProxy: true },
  );

  assert(isSecure);
});

Deno.test("SiteOptions.trustProxy goes by the proxy where the URL says https", async () => {
  const isSecure = await look(
    ({ isSecure }) => isSecure,
    new Request("https://localhost/", {
      headers: { "x-forwarded-proto": "http" },
    }),
    { trustProxy: true },
  );

  assertFalse(isSecure);
});

// The body.

function post(body: BodyInit, headers: HeadersInit = {}): Request {
  return new Request(ORIGIN, { method: "POST", body, headers });
}

Deno.test("SiteRequest.text() reads the body as text", async () => {
  const text = await look((request) => request.text(), post("caf\u00e9"));

  assertEquals(text, "caf\u00e9");
});

Deno.test("SiteRequest.text() of a request without a body is empty", async () => {
  assertEquals(await look((request) => request.text()), "");
});

Deno.test("SiteRequest.bytes() reads the body as it came", async () => {
  const bytes = await look(
    (request) => request.bytes(),
    post(new Uint8Array([0, 255, 1])),
  );

  assertEquals(bytes, new Uint8Array([0, 255, 1]));
});

Deno.test("SiteRequest.json() reads the body as JSON", async () => {
  const value = await look((request) => request.json(), post('{"a":[1]}'));

  assertEquals(value, { a: [1] });
});

Deno.test("SiteRequest.json() rejects a body that is none", async () => {
  await using site = new WatchedSite(async (request) => {
    await assertRejects(() => request.json());
    return "caught";
  });

  const response = await site.visit("/", { method: "POST", body: "{" });

  assertEquals(await response.text(), "caught");
});

Deno.test("SiteRequest.formData() reads a form that is urlencoded", async () => {
  const form = await look(
    (request) => request.formData(),
    post(new URLSearchParams([["a", "1"], ["a", "b c"]])),
  );

  assertEquals(form.getAll("a"), ["1", "b c"]);
});

Deno.test("SiteRequest.formData() reads a form with files", async () => {
  const sent = new FormData();
  sent.set("file", new File(["content"], "name.txt", { type: "text/plain" }));

  const form = await look((request) => request.formData(), post(sent));

  const file = form.get("file");
  assertInstanceOf(file, File);
  assertEquals([file.name, await file.text()], ["name.txt", "content"]);
});

Deno.test("SiteRequest.formData() leaves the query alone", async () => {
  const request = new Request(`${ORIGIN}/?a=query`, {
    method: "POST",
    body: new URLSearchParams({ a: "body" }),
  });

  const seen = await look(async (request) => [
    (await request.formData()).get("a"),
    request.query.get("a"),
  ], request);

  assertEquals(seen, ["body", "query"]);
});

Deno.test("SiteRequest.text() can be read once", async () => {
  await using site = new WatchedSite(async (request) => {
    await request.text();
    await assertRejects(() => request.text(), TypeError);
    return "caught";
  });

  const response = await site.visit("/", { method: "POST", body: "text" });

  assertEquals(await response.text(), "caught");
});

for (const read of ["json", "formData"] as const) {
  Deno.test(`SiteRequest.${read}() of a body that is none is a 400, not reported`, async () => {
    await using site = new WatchedSite(async (request) => {
      await request[read]();
      return "";
    });

    const response = await site.visit("/", { method: "POST", body: "{" });

    assertEquals(response.status, 400);
    assertEquals(site.errors, []);
  });
}

Deno.test("SiteRequest.text() read twice is a 500, reported", async () => {
  await using site = new WatchedSite(async (request) => {
    await request.text();
    return await request.text();
  });

  const response = await site.visit("/", { method: "POST", body: "text" });

  assertEquals(response.status, 500);
  assertInstanceOf(site.errors[0], TypeError);
});

for (const read of ["text", "bytes", "json", "formData"] as const) {
  for (const headers of [{}, { "content-length": "11" }]) {
    const how = "content-length" in headers ? "says it is" : "turns out to be";

    Deno.test(`SiteOptions.maxBodyBytes has a body that ${how} longer answered 413 to ${read}()`, async () => {
      await using site = new WatchedSite(async (request) => {
        await request[read]();
        return "";
      }, { maxBodyBytes: 10 });

      const response = await site.visit("/", {
        method: "POST",
        body: "1".repeat(11),
        headers,
      });

      assertEquals(response.status, 413);
      assertEquals(site.errors, []);
    });
  }
}

Deno.test("SiteOptions.maxBodyBytes lets a body of that length pass", async () => {
  await using site = new WatchedSite((request) => request.text(), {
    maxBodyBytes: 10,
  });

  const response = await site.visit("/", {
    method: "POST",
    body: "1".repeat(10),
  });

  assertEquals(await response.text(), "1".repeat(10));
});

Deno.test("SiteOptions.maxBodyBytes does not mind a body that nobody reads", async () => {
  await using site = new WatchedSite(() => "unread", { maxBodyBytes: 10 });

  const response = await site.visit("/", {
    method: "POST",
    body: "1".repeat(11),
  });

  assertEquals(response.status, 200);
});
