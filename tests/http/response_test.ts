import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  HttpError,
  Resource,
  Site,
  type SiteRequest,
  TooLateForCookieError,
  UnsupportedMethod,
} from "../../mod.ts";
import { captureConsole, Leaf, WatchedSite } from "../helpers_http.ts";

const BYTES = new TextEncoder().encode("bytes");

// What may be rendered.

for (
  const [kind, body, text, type] of [
    ["text", () => "text", "text", "text/html; charset=utf-8"],
    [
      "a String, as templates are",
      () => Object("text"),
      "text",
      "text/html; charset=utf-8",
    ],
    ["no text", () => "", "", "text/html; charset=utf-8"],
    ["bytes", () => BYTES, "bytes", null],
    ["a view of bytes", () => BYTES.subarray(1, 4), "yte", null],
    ["an ArrayBuffer", () => BYTES.slice().buffer, "bytes", null],
    ["a DataView", () => new DataView(BYTES.buffer, 2), "tes", null],
    ["a Blob", () => new Blob(["blob"], { type: "a/b" }), "blob", "a/b"],
    ["a Blob without a type", () => new Blob(["blob"]), "blob", null],
    [
      "URLSearchParams",
      () => new URLSearchParams({ a: "b c" }),
      "a=b+c",
      "application/x-www-form-urlencoded;charset=UTF-8",
    ],
    ["a ReadableStream", () => new Blob(["s"]).stream(), "s", null],
    [
      "a Response",
      () => new Response("response"),
      "response",
      "text/plain;charset=UTF-8",
    ],
  ] as [string, () => BodyInit | Response, string, string | null][]
) {
  Deno.test(`Resource.render() may answer ${kind}`, async () => {
    await using site = new WatchedSite(body);

    const response = await site.visit();

    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), type);
    assertEquals(await response.text(), text);
  });

  Deno.test(`Resource.render() may answer a promise of ${kind}`, async () => {
    await using site = new WatchedSite(() => Promise.resolve(body()));

    const response = await site.visit();

    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), type);
    assertEquals(await response.text(), text);
  });
}

Deno.test("Resource.render() may answer FormData", async () => {
  await using site = new WatchedSite(() => {
    const form = new FormData();
    form.set("a", "b");
    return form;
  });

  const response = await site.visit();

  assertEquals((await response.formData()).get("a"), "b");
});

Deno.test("Resource.render() may answer a thenable that is no Promise", async () => {
  const thenable = {
    then(resolve: (text: string) => void) {
      resolve("then");
    },
  };
  await using site = new WatchedSite(() =>
    thenable as unknown as Promise<string>
  );

  assertEquals(await (await site.visit()).text(), "then");
});

for (
  const [kind, value] of [
    ["undefined", undefined],
    ["null", null],
    ["a number", 1],
    ["a boolean", true],
    ["a plain object", { a: 1 }],
    ["an array", ["a"]],
    ["a function", () => "text"],
    ["a Resource", new Resource()],
  ] as [string, unknown][]
) {
  class LogMe extends Resource {
    override isLeaf = true;
    readonly isAsync: boolean;
    constructor(isAsync: boolean) {
      super();
      this.isAsync = isAsync;
    }
    override render_GET(): string | Promise<string> {
      return (this.isAsync ? Promise.resolve(value) : value) as string;
    }
  }

  Deno.test(`Resource.render() that answers ${kind} is a 500 that names its class`, async () => {
    await using site = new WatchedSite(new LogMe(false));

    const response = await site.visit();

    assertEquals(response.status, 500);
    const [error] = site.errors;
    assertInstanceOf(error, TypeError);
    assertStringIncludes(error.message, "LogMe");
  });

  Deno.test(`Resource.render() that answers a promise of ${kind} is a 500 that names its class`, async () => {
    await using site = new WatchedSite(new LogMe(true));

    const response = await site.visit();

    assertEquals(response.status, 500);
    const [error] = site.errors;
    assertInstanceOf(error, TypeError);
    assertStringIncludes(error.message, "LogMe");
  });
}

Deno.test("Resource.render() that answers undefined is a 500 to HEAD too", async () => {
  await using site = new WatchedSite(() => undefined as unknown as string);

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.status, 500);
});

Deno.test("Resource.render() that answers a stream that is being read is a 500, reported", async () => {
  await using site = new WatchedSite(() => {
    const stream = new Blob(["text"]).stream();
    stream.getReader();
    return stream;
  });

  const response = await site.visit();

  assertEquals(response.status, 500);
  assertInstanceOf(site.errors[0], TypeError);
});

Deno.test("Resource.render() that answers bytes of shared memory is a 500, reported", async () => {
  await using site = new WatchedSite(() =>
    new Uint8Array(new SharedArrayBuffer(1)) as unknown as string
  );

  const response = await site.visit();

  assertEquals(response.status, 500);
  assertInstanceOf(site.errors[0], TypeError);
});

Deno.test("Site.fetch() answers at once what is rendered at once", async () => {
  await using site = new WatchedSite(() => "text");

  assertInstanceOf(site.fetch(new Request("http://localhost/")), Response);
});

Deno.test("Site.fetch() answers a promise for what is rendered by a promise", async () => {
  await using site = new WatchedSite(() => Promise.resolve("text"));

  const answer = site.fetch(new Request("http://localhost/"));

  assertInstanceOf(answer, Promise);
  assertInstanceOf(await answer, Response);
});

Deno.test("Site.fetch() is bound to its site", async () => {
  await using site = new WatchedSite(() => "text");
  const { fetch } = site;

  const response = await fetch(new Request("http://localhost/"));

  assertEquals(await response.text(), "text");
});

// Headers and status.

Deno.test("SiteRequest.setHeader() sets the type of text", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("content-type", "text/plain");
    return "text";
  });

  const { headers } = await site.visit();

  assertEquals(headers.get("content-type"), "text/plain");
});

Deno.test("SiteRequest.setHeader() goes before the type of a Blob", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("content-type", "c/d");
    return new Blob(["text"], { type: "a/b" });
  });

  const { headers } = await site.visit();

  assertEquals(headers.get("content-type"), "c/d");
});

Deno.test("SiteRequest.setHeader() replaces a header of the same name", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("x-a", "1");
    request.setHeader("X-A", "2");
    return "";
  });

  assertEquals((await site.visit()).headers.get("x-a"), "2");
});

for (
  const [name, value] of [
    ["", "v"],
    ["a b", "v"],
    ["a:", "v"],
    ["\u00e9", "v"],
    ["x-a", "a\r\nset-cookie: b=1"],
    ["x-a", "\0"],
    ["x-a", "\u20ac"],
  ] as [string, string][]
) {
  Deno.test(`SiteRequest.setHeader() refuses ${JSON.stringify(name)}: ${JSON.stringify(value)}`, async () => {
    await using site = new WatchedSite((request) => {
      assertThrows(() => request.setHeader(name, value), TypeError);
      return "caught";
    });

    assertEquals(await (await site.visit()).text(), "caught");
  });
}

Deno.test("SiteRequest.responseHeaders are sent", async () => {
  await using site = new WatchedSite((request) => {
    request.responseHeaders.append("x-a", "1");
    request.responseHeaders.append("x-a", "2");
    return "";
  });

  assertEquals((await site.visit()).headers.get("x-a"), "1, 2");
});

Deno.test("SiteRequest.responseHeaders may hold several Set-Cookie", async () => {
  await using site = new WatchedSite((request) => {
    request.responseHeaders.append("set-cookie", "a=1");
    request.responseHeaders.append("set-cookie", "b=2");
    return "";
  });

  assertEquals((await site.visit()).headers.getSetCookie(), ["a=1", "b=2"]);
});

Deno.test("SiteRequest.setResponseCode() sets the status", async () => {
  await using site = new WatchedSite((request) => {
    request.setResponseCode(201);
    return "made";
  });

  const response = await site.visit();

  assertEquals(response.status, 201);
  assertEquals(await response.text(), "made");
});

Deno.test("SiteRequest.setResponseCode() sets the reason phrase", async () => {
  await using site = new WatchedSite((request) => {
    request.setResponseCode(200, "Fine");
    return "";
  });

  assertEquals((await site.visit()).statusText, "Fine");
});

Deno.test("SiteRequest.setResponseCode() counts the last time", async () => {
  await using site = new WatchedSite((request) => {
    request.setResponseCode(404, "Gone fishing");
    request.setResponseCode(200);
    return "";
  });

  const response = await site.visit();

  assertEquals(response.status, 200);
  assertEquals(response.statusText, "");
});

Deno.test("SiteRequest.setResponseCode() takes 200 and 599", async () => {
  for (const code of [200, 599]) {
    await using site = new WatchedSite((request) => {
      request.setResponseCode(code);
      return "";
    });
    assertEquals((await site.visit()).status, code);
  }
});

for (const code of [0, 99, 101, 199, 600, -1, 200.5, NaN, Infinity, "200"]) {
  Deno.test(`SiteRequest.setResponseCode() refuses ${JSON.stringify(code)} (${code})`, async () => {
    await using site = new WatchedSite((request) => {
      request.setResponseCode(code as number);
      return "";
    });

    const response = await site.visit();

    assertEquals(response.status, 500);
    const [error] = site.errors;
    assertInstanceOf(error, RangeError);
    assertStringIncludes(error.message, String(code));
  });
}

Deno.test("SiteRequest.setResponseCode() with a reason that ends the line is a 500, reported", async () => {
  await using site = new WatchedSite((request) => {
    request.setResponseCode(200, "OK\r\nset-cookie: a=1");
    return "";
  });

  const response = await site.visit();

  assertEquals(response.status, 500);
  assertEquals(response.headers.getSetCookie(), []);
  assertEquals(site.errors.length, 1);
});

for (const code of [204, 205, 304]) {
  Deno.test(`SiteRequest.setResponseCode() of ${code} sends no body`, async () => {
    await using site = new WatchedSite((request) => {
      request.setResponseCode(code);
      return "not sent";
    });

    const response = await site.visit();

    assertEquals(response.status, code);
    assertEquals(response.body, null);
    assertEquals(site.errors, []);
  });

  Deno.test(`SiteRequest.setResponseCode() of ${code} cancels a stream`, async () => {
    let isCancelled = false;
    await using site = new WatchedSite((request) => {
      request.setResponseCode(code);
      return new ReadableStream({
        cancel() {
          isCancelled = true;
        },
      });
    });

    await site.visit();

    assert(isCancelled);
  });
}

Deno.test("SiteRequest.setResponseCode() of 204 leaves the headers that were set", async () => {
  await using site = new WatchedSite((request) => {
    request.setResponseCode(204);
    request.setHeader("x-a", "1");
    return "";
  });

  const { headers } = await site.visit();

  assertEquals([...headers], [["x-a", "1"]]);
});

// A Response of the resource's own.

Deno.test("Site.fetch() passes on a Response without additions untouched", async () => {
  const own = new Response("own");
  await using site = new WatchedSite(() => own);

  assertStrictEquals(await site.visit(), own);
});

Deno.test("Site.fetch() looks at no body of a Response that it passes on", async () => {
  const response = Object.defineProperty(new Response("text"), "body", {
    get: () => assert(false, "the text has become a stream"),
  });
  await using site = new WatchedSite(() => response);

  assertStrictEquals(await site.visit(), response);
});

Deno.test("Site.fetch() passes on a Response untouched that says itself what caches may do where the session was only found", async () => {
  const own: Response[] = [];
  await using site = new WatchedSite((request) => {
    request.getSession();
    const response = new Response("own", {
      headers: { "cache-control": "private, max-age=1" },
    });
    own.push(response);
    return response;
  });
  const first = await site.visit();
  const cookie = first.headers.getSetCookie()[0]!.split(";")[0]!;

  const second = await site.visit("/", { headers: { cookie } });

  assertStrictEquals(second, own[1]);
});

Deno.test("Site.fetch() rebuilds a Response that gets a cookie", async () => {
  const own = new Response(null, { status: 202 });
  await using site = new WatchedSite((request) => {
    request.getSession();
    return own;
  });

  const response = await site.visit();

  assertNotStrictEquals(response, own);
  assertEquals(response.headers.getSetCookie().length, 1);
  assertEquals(own.headers.getSetCookie(), []);
});

Deno.test("Site.fetch() carries no visitor's cookie to the next in a Response that is kept", async () => {
  const kept = new Response(null, { status: 202 });
  await using site = new WatchedSite((request) => {
    request.getSession();
    return kept;
  });

  const [first, second] = [await site.visit(), await site.visit()];

  const cookies = [first, second].map((response) =>
    response.headers.getSetCookie()
  );
  assertEquals(cookies.map((all) => all.length), [1, 1]);
  assert(cookies[0]![0] !== cookies[1]![0]);
});

Deno.test("Site.fetch() adds no header to a Response that is kept", async () => {
  const kept = new Response(null);
  await using site = new WatchedSite((request) => {
    request.setHeader("x-visitor", request.url.pathname);
    return kept;
  });

  const first = await site.visit("/a");
  const second = await site.visit("/b");

  assertEquals(first.headers.get("x-visitor"), "/a");
  assertEquals(second.headers.get("x-visitor"), "/b");
  assertFalse(kept.headers.has("x-visitor"));
});

Deno.test("Site.fetch() leaves a Response its own status", async () => {
  await using site = new WatchedSite((request) => {
    request.setResponseCode(404);
    request.setHeader("x-a", "1");
    return new Response("own", { status: 203, statusText: "Hearsay" });
  });

  const response = await site.visit();

  assertEquals(response.status, 203);
  assertEquals(response.statusText, "Hearsay");
});

Deno.test("Site.fetch() leaves a Response its own headers", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("x-a", "request's");
    return new Response("own", { headers: { "x-a": "own" } });
  });

  assertEquals((await site.visit()).headers.get("x-a"), "own");
});

Deno.test("Site.fetch() leaves a Response its own type", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("content-type", "text/html");
    return Response.json({ a: 1 });
  });

  const { headers } = await site.visit();

  assertEquals(headers.get("content-type"), "application/json");
});

Deno.test("Site.fetch() fills the gaps in the headers of a Response", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("x-a", "1");
    request.responseHeaders.append("x-b", "2");
    return new Response("own", { headers: { "x-own": "0" } });
  });

  const { headers } = await site.visit();

  assertEquals(
    ["x-a", "x-b", "x-own"].map((name) => headers.get(name)),
    ["1", "2", "0"],
  );
});

Deno.test("Site.fetch() sends the body of a Response that it rebuilds", async () => {
  await using site = new WatchedSite((request) => {
    request.getSession();
    return new Response("own");
  });

  assertEquals(await (await site.visit()).text(), "own");
});

Deno.test("Site.fetch() adds cookies to those of a Response", async () => {
  await using site = new WatchedSite((request) => {
    request.responseHeaders.append("set-cookie", "b=2");
    request.addCookie({ name: "c", value: "3" });
    request.getSession();
    return new Response(null, { headers: { "set-cookie": "a=1" } });
  });

  const cookies = (await site.visit()).headers.getSetCookie();

  assertEquals(cookies.slice(0, 3), ["a=1", "b=2", "c=3"]);
  assert(cookies[3]?.startsWith("session="));
});

Deno.test("Site.fetch() adds cookies to a Response whose headers are immutable", async () => {
  await using site = new WatchedSite((request) => {
    request.getSession();
    return Response.redirect("http://localhost/b", 303);
  });

  const response = await site.visit();

  assertEquals(response.status, 303);
  assertEquals(response.headers.get("location"), "http://localhost/b");
  assertEquals(response.headers.getSetCookie().length, 1);
});

Deno.test("Site.fetch() leaves a Response with a cookie its own Cache-Control", async () => {
  await using site = new WatchedSite((request) => {
    request.getSession();
    return new Response(null, { headers: { "cache-control": "private" } });
  });

  const { headers } = await site.visit();

  assertEquals(headers.get("cache-control"), "private");
});

Deno.test("Site.fetch() sends a Response with a cookie as no-store", async () => {
  await using site = new WatchedSite((request) => {
    request.getSession();
    return new Response(null);
  });

  const { headers } = await site.visit();

  assertEquals(headers.get("cache-control"), "no-store");
});

Deno.test("Site.fetch() changes a 101 in place", async () => {
  const upgrade = new Response(null, { status: 101 });
  await using site = new WatchedSite((request) => {
    request.getSession();
    request.addCookie({ name: "a", value: "1" });
    return upgrade;
  });

  const response = await site.visit();

  assertStrictEquals(response, upgrade);
  assertEquals(response.headers.getSetCookie().length, 2);
});

Deno.test("Site.fetch() answers Response.error() by a 500, reported", async () => {
  await using site = new WatchedSite(() => Response.error());

  const response = await site.visit();

  assertEquals(response.status, 500);
  assertEquals(response.type, "default");
  assertInstanceOf(site.errors[0], TypeError);
});

Deno.test("Site.fetch() answers a Response whose body has been used by a 500, reported", async () => {
  await using site = new WatchedSite(async () => {
    const response = new Response("own");
    await response.text();
    return response;
  });

  const response = await site.visit();

  assertEquals(response.status, 500);
  assertInstanceOf(site.errors[0], TypeError);
});

Deno.test("Site.fetch() answers a Response with a body that is kept by a 500 the second time", async () => {
  const kept = new Response("own");
  await using site = new WatchedSite(() => kept);
  await (await site.visit()).text();

  const response = await site.visit();

  assertEquals(response.status, 500);
});

// Streams that break.

/** Sends "part", then breaks off. */
function breakingStream(error: unknown): ReadableStream<Uint8Array> {
  let isFirst = true;
  return new ReadableStream({
    pull(controller) {
      if (isFirst) controller.enqueue(new TextEncoder().encode("part"));
      else controller.error(error);
      isFirst = false;
    },
  });
}

Deno.test("Site.fetch() reports a stream that breaks, once", async () => {
  const error = new Error("broken");
  await using site = new WatchedSite(() => breakingStream(error));

  const response = await site.visit();
  await assertRejects(() => response.text(), Error, "broken");

  assertEquals(site.errors, [error]);
});

for (
  const [kind, chunk, message] of [
    ["text", "part", "TextEncoderStream"],
    ["a number", 1, "not a Uint8Array: 1"],
    ["nothing", null, "not a Uint8Array: null"],
  ] as const
) {
  Deno.test(`Site.fetch() reports a stream of ${kind} in place of bytes`, async () => {
    const stream = ReadableStream.from([chunk]) as ReadableStream;
    await using site = new WatchedSite(() => stream);

    const response = await site.visit();
    await assertRejects(() => response.text());

    const [error] = site.errors;
    assertInstanceOf(error, TypeError);
    assertStringIncludes(error.message, message);
  });
}

Deno.test("Site.fetch() reports a stream that breaks with its request", async () => {
  let request: SiteRequest | undefined;
  await using site = new WatchedSite((rendered) => {
    request = rendered;
    return breakingStream(new Error("broken"));
  });

  const response = await site.visit();
  await assertRejects(() => response.text());

  assertStrictEquals(site.contexts[0]?.request, request);
});

Deno.test("Site.fetch() keeps the session whose stream breaks", async () => {
  await using site = new WatchedSite((request) => {
    request.getSession().set("a", 1);
    return breakingStream(new Error("broken"));
  });

  const response = await site.visit();
  await assertRejects(() => response.text());

  const [session] = site.sessions.values();
  assertEquals(session?.isActive, true);
  assertEquals(session?.get("a"), 1);
});

Deno.test("Site.fetch() hands a stream on a chunk at a time", async () => {
  let pulls = 0;
  await using site = new WatchedSite(() =>
    new ReadableStream({
      pull(controller) {
        pulls++;
        controller.enqueue(new Uint8Array(1));
      },
    }, { highWaterMark: 0 })
  );

  const reader = (await site.visit()).body!.getReader();
  await reader.read();
  await reader.read();

  assertEquals(pulls, 2);
  await reader.cancel();
});

// Too late.

/** A request whose response has been produced. */
async function lateRequest(
  site: WatchedSite,
  seen: SiteRequest[],
): Promise<SiteRequest> {
  await site.visit();
  return seen[0]!;
}

for (
  const [act, late] of [
    ["setHeader()", (request) => request.setHeader("x-a", "1")],
    ["setResponseCode()", (request) => request.setResponseCode(201)],
    ["setETag()", (request) => request.setETag("v1")],
    ["setLastModified()", (request) => request.setLastModified(new Date(0))],
  ] as [string, (request: SiteRequest) => void][]
) {
  Deno.test(`SiteRequest.${act} throws once the response has been produced`, async () => {
    const seen: SiteRequest[] = [];
    await using site = new WatchedSite((request) => {
      seen.push(request);
      return "";
    });
    const request = await lateRequest(site, seen);

    const error = assertThrows(() => late(request), Error);

    assertStringIncludes(error.message, "the response has been produced");
  });
}

Deno.test("SiteRequest.setHeader() names the header that comes too late", async () => {
  const seen: SiteRequest[] = [];
  await using site = new WatchedSite((request) => {
    seen.push(request);
    return "";
  });
  const request = await lateRequest(site, seen);

  const error = assertThrows(() => request.setHeader("x-late", "1"), Error);

  assertStringIncludes(error.message, '"x-late"');
});

Deno.test("SiteRequest.addCookie() throws once the response has been produced", async () => {
  const seen: SiteRequest[] = [];
  await using site = new WatchedSite((request) => {
    seen.push(request);
    return "";
  });
  const request = await lateRequest(site, seen);

  const error = assertThrows(
    () => request.addCookie({ name: "late", value: "1" }),
    TooLateForCookieError,
  );

  assertStringIncludes(error.message, '"late"');
});

Deno.test("SiteRequest.getSession() throws once the response has been produced", async () => {
  const seen: SiteRequest[] = [];
  await using site = new WatchedSite((request) => {
    seen.push(request);
    return "";
  });
  const request = await lateRequest(site, seen);

  const error = assertThrows(
    () => request.getSession(),
    TooLateForCookieError,
  );

  assertStringIncludes(error.message, "call getSession() before");
  assertEquals(site.sessions.size, 0);
});

Deno.test("SiteRequest.getSession() is late in the stream of the response too", async () => {
  const errors: unknown[] = [];
  await using site = new WatchedSite((request) =>
    new ReadableStream({
      pull(controller) {
        try {
          request.getSession();
        } catch (error) {
          errors.push(error);
        }
        controller.close();
      },
    }, { highWaterMark: 0 })
  );

  await (await site.visit()).text();

  assertInstanceOf(errors[0], TooLateForCookieError);
  assertEquals(site.sessions.size, 0);
});

Deno.test("SiteRequest.getSession() finds a session however late that was found before", async () => {
  const seen: SiteRequest[] = [];
  await using site = new WatchedSite((request) => {
    seen.push(request);
    request.getSession();
    return "";
  });
  const request = await lateRequest(site, seen);

  assertStrictEquals(request.getSession(), [...site.sessions.values()][0]);
});

Deno.test("SiteRequest.getSession() late makes no session in place of one that has ended", async () => {
  const seen: SiteRequest[] = [];
  await using site = new WatchedSite((request) => {
    seen.push(request);
    request.getSession();
    return "";
  });
  const request = await lateRequest(site, seen);

  request.getSession().expire();

  assertThrows(() => request.getSession(), TooLateForCookieError);
  assertEquals(site.sessions.size, 0);
});

Deno.test("SiteRequest.session is undefined late unless it was asked for before", async () => {
  const seen: SiteRequest[] = [];
  await using site = new WatchedSite((request) => {
    seen.push(request);
    return "";
  });
  const request = await lateRequest(site, seen);

  assertStrictEquals(request.session, undefined);
});

// Error pages.

Deno.test("Site.fetch() answers what a resource throws by a 500 in HTML", async () => {
  await using site = new WatchedSite(() => {
    throw new Error("secret");
  });

  const response = await site.visit();

  assertEquals(response.status, 500);
  assertEquals(
    response.headers.get("content-type"),
    "text/html; charset=utf-8",
  );
});

for (
  const [what, makeError] of [
    [
      "an HttpError whose status was changed to none",
      () => Object.assign(new HttpError(404, ""), { status: 1000 }),
    ],
    [
      "an UnsupportedMethod with methods that are none",
      () => new UnsupportedMethod("PUT", ["GET\n"]),
    ],
  ] as const
) {
  Deno.test(`Site.fetch() answers ${what} by a 500, reported`, async () => {
    await using site = new WatchedSite(() => {
      throw makeError();
    });

    const response = await site.visit();

    assertEquals(response.status, 500);
    assertEquals(site.errors.length, 1);
  });
}

Deno.test("Site.fetch() answers HEAD by no length of 0 where a Response has no body", async () => {
  await using site = new WatchedSite(() =>
    new Response(null, { headers: { "x-a": "1" } })
  );

  const response = await site.visit("/", { method: "HEAD" });

  // Of a Response without a body Deno says a length of 0.
  assert(response.body !== null);
  assertEquals(response.headers.get("x-a"), "1");
  assertEquals(await response.text(), "");
});

for (const status of [204, 304]) {
  Deno.test(`Site.fetch() answers HEAD by a Response of ${status}`, async () => {
    await using site = new WatchedSite(() => new Response(null, { status }));

    const response = await site.visit("/", { method: "HEAD" });

    assertEquals(response.status, status);
    assertEquals(response.body, null);
  });
}

Deno.test("Site.fetch() shows a visitor nothing of an error", async () => {
  await using site = new WatchedSite(() => {
    throw new Error("secret");
  });

  const text = await (await site.visit()).text();

  assertFalse(text.includes("secret"));
  assertFalse(text.includes("response_test"));
});

for (
  const [kind, value] of [
    ["an Error", new Error("thrown")],
    ["text", "thrown"],
    ["undefined", undefined],
    ["null", null],
    ["a number", 0],
    ["an object without a prototype", Object.create(null)],
    ["a symbol", Symbol("thrown")],
  ] as [string, unknown][]
) {
  for (const displayTracebacks of [false, true]) {
    Deno.test(`Site.fetch() answers ${kind} that is thrown by a 500, reported (displayTracebacks: ${displayTracebacks})`, async () => {
      await using site = new WatchedSite(() => {
        throw value;
      }, { displayTracebacks });

      const response = await site.visit();

      assertEquals(response.status, 500);
      assertEquals(site.errors.length, 1);
      assertStrictEquals(site.errors[0], value);
    });
  }

  Deno.test(`Site.fetch() answers ${kind} that is rejected by a 500, reported`, async () => {
    await using site = new WatchedSite(() => Promise.reject(value));

    const response = await site.visit();

    assertEquals(response.status, 500);
    assertEquals(site.errors.length, 1);
    assertStrictEquals(site.errors[0], value);
  });
}

Deno.test("Site.fetch() reports an error with its request", async () => {
  let request: SiteRequest | undefined;
  await using site = new WatchedSite((rendered) => {
    request = rendered;
    throw new Error("thrown");
  });

  await site.visit();

  assertStrictEquals(site.contexts[0]?.request, request);
});

Deno.test("Site.displayTracebacks shows an error with its stack", async () => {
  await using site = new WatchedSite(() => {
    throw new RangeError("secret");
  }, { displayTracebacks: true });

  const text = await (await site.visit()).text();

  assertStringIncludes(text, "RangeError: secret");
  assertStringIncludes(text, "response_test.ts");
});

Deno.test("Site.displayTracebacks shows an error escaped", async () => {
  await using site = new WatchedSite(() => {
    throw new Error("<script>alert('&')</script>");
  }, { displayTracebacks: true });

  const text = await (await site.visit()).text();

  assertFalse(text.includes("<script>"));
  assertStringIncludes(text, "&lt;script&gt;");
});

Deno.test("Site.displayTracebacks shows text that is thrown", async () => {
  await using site = new WatchedSite(() => {
    throw "only <text>";
  }, { displayTracebacks: true });

  assertStringIncludes(await (await site.visit()).text(), "only &lt;text&gt;");
});

Deno.test("Site.displayTracebacks may be changed at any time", async () => {
  await using site = new WatchedSite(() => {
    throw new Error("secret");
  });

  site.displayTracebacks = true;

  assertStringIncludes(await (await site.visit()).text(), "secret");
});

Deno.test("Site.displayTracebacks is false unless told", async () => {
  await using site = new Site(new Resource());

  assertFalse(site.displayTracebacks);
});

Deno.test("Site.displayTracebacks shows a 500 in HTML for an error that cannot be shown", async () => {
  await using site = new WatchedSite((request) => {
    request.addCookie({ name: "a", value: "1" });
    throw {
      [Symbol.for("Deno.customInspect")]() {
        throw new Error("not shown");
      },
    };
  }, { displayTracebacks: true });

  const response = await site.visit();

  assertEquals(response.status, 500);
  assertEquals(response.headers.getSetCookie(), ["a=1"]);
  assertEquals(
    response.headers.get("content-type"),
    "text/html; charset=utf-8",
  );
});

for (
  const [status, fail] of [
    [404, (site) => site.visit("/nowhere")],
    [405, (site) => site.visit("/bare")],
    [500, (site) => site.visit("/broken")],
    [501, (site) => site.visit("/bare", { method: "BREW" })],
    [503, async (site) => {
      await site.close();
      return await site.visit("/bare");
    }],
  ] as [number, (site: WatchedSite) => Promise<Response>][]
) {
  const root = new Resource().putChild("bare", new Resource()).putChild(
    "broken",
    new Leaf(() => {
      throw new Error("thrown");
    }),
  );

  Deno.test(`Site.fetch() answers ${status} in HTML`, async () => {
    await using site = new WatchedSite(root);

    const response = await fail(site);

    assertEquals(response.status, status);
    assertEquals(
      response.headers.get("content-type"),
      "text/html; charset=utf-8",
    );
    assert((await response.text()).startsWith("<!DOCTYPE html>"));
  });
}

Deno.test("Site.fetch() echoes no markup of the path in a 404", async () => {
  await using site = new WatchedSite(new Resource());

  const response = await site.visit("/%3Cscript%3Ealert(1)%3C/script%3E");

  assertEquals(response.status, 404);
  assertFalse((await response.text()).includes("<script"));
});

Deno.test("Site.fetch() echoes no markup of the method in a 501", async () => {
  await using site = new WatchedSite(
    new Resource().putChild("", new Resource()),
  );

  const response = await site.visit("/", { method: "A'B" });

  assertEquals(response.status, 501);
  assertFalse((await response.text()).includes("A'B"));
});

Deno.test("Site.fetch() answers HEAD of an error page without a body", async () => {
  await using site = new WatchedSite(new Resource());

  const response = await site.visit("/nowhere", { method: "HEAD" });

  assertEquals(response.status, 404);
  assertEquals(await response.text(), "");
});

Deno.test("Site.fetch() sends the cookies of a failed resource", async () => {
  await using site = new WatchedSite((request) => {
    request.addCookie({ name: "a", value: "1" });
    request.getSession();
    throw new Error("thrown");
  });

  const cookies = (await site.visit()).headers.getSetCookie();

  assertEquals(cookies[0], "a=1");
  assert(cookies[1]?.startsWith("session="));
});

/** The headers of an error page. */
const ERROR_HEADERS = [
  ["content-type", "text/html; charset=utf-8"],
  ["vary", "Accept"],
];

Deno.test("Site.fetch() sends no other headers of a failed resource", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("x-a", "1");
    request.setHeader("content-type", "text/plain");
    request.setHeader("content-length", "1");
    request.setResponseCode(201, "Made");
    throw new Error("thrown");
  });

  const response = await site.visit();

  assertEquals([...response.headers], ERROR_HEADERS);
  assertEquals(response.statusText, "");
});

Deno.test("Site.fetch() sends no Cache-Control of a failed resource", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("cache-control", "public, max-age=600");
    throw new Error("thrown");
  });

  assertEquals((await site.visit()).headers.get("cache-control"), null);
});

Deno.test("Site.fetch() sends an error page with a session cookie as no-store", async () => {
  await using site = new WatchedSite((request) => {
    request.setHeader("cache-control", "public, max-age=600");
    request.getSession();
    throw new Error("thrown");
  });

  assertEquals((await site.visit()).headers.get("cache-control"), "no-store");
});

Deno.test("Site.fetch() sends no headers of the resources on the way to a 404", async () => {
  class Parent extends Resource {
    override getChild(_name: string, request: SiteRequest): undefined {
      request.setHeader("cache-control", "public, max-age=600");
      request.setHeader("content-type", "text/plain");
      return undefined;
    }
  }
  await using site = new WatchedSite(new Parent());

  const { headers } = await site.visit("/nowhere");

  assertEquals([...headers], ERROR_HEADERS);
});

Deno.test("Site.fetch() sends the cookies of the resources on the way to a 404", async () => {
  class Parent extends Resource {
    override getChild(_name: string, request: SiteRequest): undefined {
      request.addCookie({ name: "a", value: "1" });
      return undefined;
    }
  }
  await using site = new WatchedSite(new Parent());

  const { headers } = await site.visit("/nowhere");

  assertEquals(headers.getSetCookie(), ["a=1"]);
});

Deno.test("Site.fetch() sends no headers of a resource that does not know the method", async () => {
  class Parent extends Resource {
    override getChild(_name: string, request: SiteRequest): Resource {
      request.setHeader("x-a", "1");
      return new Resource();
    }
  }
  await using site = new WatchedSite(new Parent());

  const response = await site.visit("/a");

  assertEquals(response.status, 405);
  assertFalse(response.headers.has("x-a"));
});

Deno.test("Site.fetch() answers 503 once the site is closed", async () => {
  const site = new WatchedSite(() => "text");
  await site.close();

  const response = await site.visit();

  assertEquals(response.status, 503);
  assertEquals(site.errors, []);
});

Deno.test("Site.fetch() answers 503 where a request under way asks for a session of a closed site", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const site = new WatchedSite(async (request) => {
    await promise;
    request.getSession();
    return "";
  });
  const answer = site.visit();

  await site.close();
  resolve();

  assertEquals((await answer).status, 503);
});

Deno.test("Site.fetch() lets a request under way finish after the site is closed", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const site = new WatchedSite(async () => {
    await promise;
    return "text";
  });
  const answer = site.visit();

  await site.close();
  resolve();

  assertEquals(await (await answer).text(), "text");
});

// onError.

Deno.test("SiteOptions.onError is console.error of the error alone unless told", async () => {
  const error = new Error("thrown");
  await using site = new Site(
    new Leaf(() => {
      throw error;
    }),
  );
  using console = captureConsole();

  await site.fetch(new Request("http://localhost/"));

  assertEquals(console.printed, [[error]]);
});

for (
  const [verb, onError] of [
    ["throws", () => {
      throw new RangeError("second");
    }],
    ["rejects", () => Promise.reject(new RangeError("second"))],
  ] as [string, () => Promise<void>][]
) {
  Deno.test(`SiteOptions.onError that ${verb} has both errors printed, and the page is sent`, async () => {
    const error = new Error("first");
    await using site = new Site(
      new Leaf(() => {
        throw error;
      }),
      { onError },
    );
    using console = captureConsole();

    const response = await site.fetch(new Request("http://localhost/"));
    await new Promise<void>((resolve) => queueMicrotask(resolve));

    assertEquals(response.status, 500);
    assertEquals(console.printed[0], [error]);
    assertInstanceOf(console.printed[1]?.[0], RangeError);
  });
}

Deno.test("SiteOptions.onError that never answers delays nothing", async () => {
  await using site = new Site(
    new Leaf(() => {
      throw new Error("thrown");
    }),
    { onError: () => new Promise(() => {}) },
  );

  const response = await site.fetch(new Request("http://localhost/"));

  assertEquals(response.status, 500);
});

Deno.test("SiteOptions.onError must be a function", () => {
  assertThrows(
    () => new Site(new Resource(), { onError: "log" as unknown as () => void }),
    TypeError,
    "onError",
  );
});

Deno.test("Site refuses a root that is not a Resource", () => {
  const error = assertThrows(
    () => new Site(Resource as unknown as Resource),
    TypeError,
  );

  assertStringIncludes(error.message, '"Resource"');
});
