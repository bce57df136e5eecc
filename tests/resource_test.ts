import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  HttpError,
  type Rendered,
  Resource,
  type SiteRequest,
  UnsupportedMethod,
} from "../mod.ts";
import { Page, rawRequest, WatchedSite } from "./helpers_http.ts";

class Hello extends Resource {
  override render_GET(_request: SiteRequest): Rendered | Promise<Rendered> {
    return "hello";
  }
}

// The children.

Deno.test("Resource.putChild() answers the resource itself", () => {
  const root = new Resource();

  assertStrictEquals(root.putChild("a", new Resource()), root);
});

Deno.test("Resource.putChild() replaces a child of the same name", () => {
  const child = new Resource();
  const root = new Resource().putChild("a", new Resource());

  root.putChild("a", child);

  assertStrictEquals(root.children.get("a"), child);
  assertEquals(root.children.size, 1);
});

for (const name of [undefined, null, 1, Symbol("s"), {}, ["a"]]) {
  Deno.test(`Resource.putChild() refuses a name that is ${String(name)} (${typeof name})`, () => {
    const error = assertThrows(
      () => new Resource().putChild(name as string, new Resource()),
      TypeError,
    );

    assertStringIncludes(error.message, "the name is not a string");
  });
}

for (const child of [undefined, null, "text", {}, () => new Resource()]) {
  Deno.test(`Resource.putChild() refuses a child that is ${String(child)} (${typeof child})`, () => {
    const error = assertThrows(
      () => new Resource().putChild("logme", child as Resource),
      TypeError,
    );

    assertStringIncludes(error.message, 'child "logme"');
  });
}

Deno.test("Resource.putChild() names the class that was put in place of an instance", () => {
  const error = assertThrows(
    () => new Resource().putChild("a", Hello as unknown as Resource),
    TypeError,
  );

  assertStringIncludes(error.message, '"Hello"');
});

Deno.test("Resource.putChild() refuses a bad child and keeps the one that was there", () => {
  const child = new Resource();
  const root = new Resource().putChild("a", child);

  assertThrows(() => root.putChild("a", {} as Resource), TypeError);

  assertStrictEquals(root.children.get("a"), child);
});

Deno.test("Resource.removeChild() takes a child out", () => {
  const root = new Resource().putChild("a", new Resource());

  const isRemoved = root.removeChild("a");

  assert(isRemoved);
  assertEquals(root.children.size, 0);
});

Deno.test("Resource.removeChild() answers false for a child that is not there", () => {
  assertFalse(new Resource().removeChild("a"));
});

Deno.test("Resource.removeChild() makes the child's address a 404", async () => {
  const root = new Resource().putChild("a", new Hello());
  await using site = new WatchedSite(root);

  root.removeChild("a");

  assertEquals((await site.visit("/a")).status, 404);
});

Deno.test("Resource.listNames() has the names in the order of putChild()", () => {
  const root = new Resource();
  for (const name of ["b", "", "a", "10", "9"]) {
    root.putChild(name, new Resource());
  }

  assertEquals(root.listNames(), ["b", "", "a", "10", "9"]);
});

Deno.test("Resource.listNames() leaves a replaced child in its place", () => {
  const root = new Resource();
  for (const name of ["b", "a", "b"]) root.putChild(name, new Resource());

  assertEquals(root.listNames(), ["b", "a"]);
});

Deno.test("Resource.listNames() is a copy", () => {
  const root = new Resource().putChild("a", new Resource());

  root.listNames().pop();

  assertEquals(root.listNames(), ["a"]);
});

Deno.test("Resource.children is empty of what objects have by nature", async () => {
  await using site = new WatchedSite(new Resource());

  for (const name of ["__proto__", "constructor", "toString"]) {
    assertEquals((await site.visit(`/${name}`)).status, 404, name);
  }
});

Deno.test("Resource.putChild() can put a child named __proto__", async () => {
  const root = new Resource().putChild("__proto__", new Hello());
  await using site = new WatchedSite(root);

  assertEquals((await site.visit("/__proto__")).status, 200);
});

Deno.test("Resource.putChild() can put one resource at two places", async () => {
  const hello = new Hello();
  await using site = new WatchedSite(
    new Resource().putChild("a", hello).putChild("b", hello),
  );

  const texts = [
    await (await site.visit("/a")).text(),
    await (await site.visit("/b")).text(),
  ];

  assertEquals(texts, ["hello", "hello"]);
});

Deno.test("Resource.putChild() can put a resource into itself", async () => {
  const hello = new Hello();
  hello.putChild("again", hello);
  await using site = new WatchedSite(new Resource().putChild("a", hello));

  assertEquals((await site.visit("/a/again/again/again")).status, 200);
});

// The methods.

Deno.test("Resource.render() answers a method by the render_ method of its name", async () => {
  class All extends Resource {
    override render_GET = () => "get";
    override render_POST = () => "post";
    override render_PUT = () => "put";
    override render_PATCH = () => "patch";
    override render_DELETE = () => "delete";
  }
  await using site = new WatchedSite(new Resource().putChild("", new All()));

  const texts = [];
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    texts.push(await (await site.visit("/", { method })).text());
  }

  assertEquals(texts, ["get", "post", "put", "patch", "delete"]);
});

Deno.test("Resource.render() answers a method that HTTP does not know by its token", async () => {
  class Dav extends Resource {
    override isLeaf = true;
    render_PROPFIND(): string {
      return "found";
    }
  }
  await using site = new WatchedSite(new Dav());

  const response = await site.visit("/", { method: "PROPFIND" });

  assertEquals(await response.text(), "found");
});

Deno.test("Resource.render() answers a method whose token is no identifier", async () => {
  class Odd extends Resource {
    override isLeaf = true;
    "render_M-SEARCH"(): string {
      return "found";
    }
  }
  await using site = new WatchedSite(new Odd());

  const response = await site.visit("/", { method: "M-SEARCH" });

  assertEquals(await response.text(), "found");
});

Deno.test("Resource.render() finds a method that one object was given", async () => {
  const resource = new Resource();
  resource.isLeaf = true;
  resource.render_GET = () => "own";
  await using site = new WatchedSite(resource);

  assertEquals(await (await site.visit()).text(), "own");
});

Deno.test("Resource.render() finds an inherited method", async () => {
  class Heir extends Hello {}
  await using site = new WatchedSite(new Resource().putChild("", new Heir()));

  assertEquals(await (await site.visit()).text(), "hello");
});

Deno.test("Resource.render() calls the method with the resource as this", async () => {
  class Named extends Resource {
    override isLeaf = true;
    readonly #name = "private";
    override render_GET(): string {
      return this.#name;
    }
  }
  await using site = new WatchedSite(new Named());

  assertEquals(await (await site.visit()).text(), "private");
});

Deno.test("Resource.render() takes no notice of a render_ that is no function", async () => {
  class Odd extends Hello {
    render_LOCK = "not a function";
  }
  await using site = new WatchedSite(new Resource().putChild("", new Odd()));

  const response = await site.visit("/", { method: "LOCK" });

  assertEquals(response.status, 501);
});

Deno.test("Resource.render() leaves a render_ that is no function out of Allow", async () => {
  class Odd extends Hello {
    render_LOCK = "not a function";
  }
  await using site = new WatchedSite(new Resource().putChild("", new Odd()));

  const { headers } = await site.visit("/", { method: "OPTIONS" });

  assertEquals(headers.get("allow"), "GET, HEAD, OPTIONS");
});

Deno.test("Resource.render() distinguishes methods by case", async () => {
  await using site = new WatchedSite(new Resource().putChild("", new Hello()));

  const response = await site.fetch(rawRequest("http://localhost/", "get"));

  assertEquals(response.status, 501);
});

Deno.test("Resource.render() can be overridden whole", async () => {
  class Whole extends Resource {
    override isLeaf = true;
    override render(request: SiteRequest): string {
      return `whole ${request.method}`;
    }
  }
  await using site = new WatchedSite(new Whole());

  const response = await site.visit("/", { method: "PUT" });

  assertEquals(await response.text(), "whole PUT");
});

Deno.test("Resource.render() may be asynchronous", async () => {
  class Slow extends Resource {
    override isLeaf = true;
    override async render_GET(): Promise<string> {
      await undefined;
      return "slow";
    }
  }
  await using site = new WatchedSite(new Slow());

  assertEquals(await (await site.visit()).text(), "slow");
});

// HEAD.

Deno.test("Resource.render() answers HEAD by render_GET, less the body", async () => {
  await using site = new WatchedSite(new Resource().putChild("", new Hello()));

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.status, 200);
  assertEquals(await response.text(), "");
});

Deno.test("Resource.render() answers HEAD with GET's Content-Length in bytes", async () => {
  await using site = new WatchedSite(
    new Resource().putChild("", new Page(() => "h\u00e9llo \u20ac")),
  );

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.headers.get("content-length"), "10");
});

Deno.test("Resource.render() answers HEAD with GET's other headers", async () => {
  await using site = new WatchedSite(
    new Resource().putChild(
      "",
      new Page((request) => {
        request.setHeader("x-page", "yes");
        return "hello";
      }),
    ),
  );

  const { headers } = await site.visit("/", { method: "HEAD" });

  assertEquals(headers.get("x-page"), "yes");
  assertEquals(headers.get("content-type"), "text/html; charset=utf-8");
});

Deno.test("Resource.render() leaves the method HEAD when render_GET answers it", async () => {
  let method = "";
  await using site = new WatchedSite(
    new Resource().putChild(
      "",
      new Page((request) => {
        method = request.method;
        return "";
      }),
    ),
  );

  await site.visit("/", { method: "HEAD" });

  assertEquals(method, "HEAD");
});

Deno.test("Resource.render() answers HEAD by an asynchronous render_GET", async () => {
  await using site = new WatchedSite(
    new Resource().putChild("", new Page(() => Promise.resolve("hello"))),
  );

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.headers.get("content-length"), "5");
  assertEquals(await response.text(), "");
});

for (
  const [kind, body, length] of [
    ["bytes", () => new Uint8Array(7), "7"],
    ["a view of bytes", () => new Uint8Array(9).subarray(2, 5), "3"],
    ["an ArrayBuffer", () => new ArrayBuffer(8), "8"],
    ["a DataView", () => new DataView(new ArrayBuffer(8), 6), "2"],
    ["a Blob", () => new Blob(["four"]), "4"],
    ["URLSearchParams", () => new URLSearchParams({ a: "\u00e9" }), "8"],
  ] as [string, () => BodyInit, string][]
) {
  Deno.test(`Resource.render() answers HEAD with the length of ${kind}`, async () => {
    await using site = new WatchedSite(
      new Resource().putChild("", new Page(body)),
    );

    const response = await site.visit("/", { method: "HEAD" });

    assertEquals(response.headers.get("content-length"), length);
  });
}

Deno.test("Resource.render() answers HEAD without Content-Length where a stream would be sent", async () => {
  await using site = new WatchedSite(
    new Resource().putChild("", new Page(() => new Blob(["hello"]).stream())),
  );

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.headers.get("content-length"), null);
  // Deno says "Content-Length: 0" of a Response without a body.
  assertInstanceOf(response.body, ReadableStream);
  assertEquals(await response.text(), "");
});

Deno.test("Resource.render() answers HEAD with the Content-Length that a streaming GET has set", async () => {
  await using site = new WatchedSite(
    new Resource().putChild(
      "",
      new Page((request) => {
        request.setHeader("content-length", "5");
        return new Blob(["hello"]).stream();
      }),
    ),
  );

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.headers.get("content-length"), "5");
});

Deno.test("Resource.render() cancels the stream that HEAD does not send", async () => {
  let isCancelled = false;
  const stream = new ReadableStream({
    cancel() {
      isCancelled = true;
    },
  });
  await using site = new WatchedSite(
    new Resource().putChild("", new Page(() => stream)),
  );

  await site.visit("/", { method: "HEAD" });

  assert(isCancelled);
});

Deno.test("Resource.render() reports a stream that fails when HEAD cancels it", async () => {
  const stream = new ReadableStream({
    cancel() {
      throw new Error("no");
    },
  });
  await using site = new WatchedSite(
    new Resource().putChild("", new Page(() => stream)),
  );

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.status, 200);
  assertEquals(site.errors.map(String), ["Error: no"]);
});

Deno.test("Resource.render() answers HEAD by the head of GET's Response", async () => {
  await using site = new WatchedSite(
    new Resource().putChild(
      "",
      new Page(() =>
        new Response("hello", { status: 203, headers: { "x-a": "1" } })
      ),
    ),
  );

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.status, 203);
  assertEquals(response.headers.get("x-a"), "1");
  assertEquals(await response.text(), "");
});

Deno.test("Resource.render() says no length of 0 for HEAD where GET's Response has a body", async () => {
  await using site = new WatchedSite(
    new Resource().putChild("", new Page(() => new Response("hello"))),
  );

  const response = await site.visit("/", { method: "HEAD" });

  assert(response.headers.get("content-length") !== "0");
  assert(response.headers.has("content-length") || response.body !== null);
});

Deno.test("Resource.render() cancels the body of GET's Response for HEAD", async () => {
  let isCancelled = false;
  const stream = new ReadableStream({
    cancel() {
      isCancelled = true;
    },
  });
  await using site = new WatchedSite(
    new Resource().putChild("", new Page(() => new Response(stream))),
  );

  await site.visit("/", { method: "HEAD" });

  assert(isCancelled);
});

Deno.test("Resource.render_HEAD() goes before render_GET", async () => {
  class Own extends Hello {
    override render_HEAD(request: SiteRequest): string {
      request.setHeader("x-head", "own");
      return "";
    }
  }
  await using site = new WatchedSite(new Resource().putChild("", new Own()));

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.headers.get("x-head"), "own");
});

Deno.test("Resource.render_HEAD() sends no body", async () => {
  class Own extends Hello {
    override render_HEAD(): string {
      return "a body";
    }
  }
  await using site = new WatchedSite(new Resource().putChild("", new Own()));

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(await response.text(), "");
});

Deno.test("Resource.render_HEAD() can say the Content-Length", async () => {
  class Own extends Hello {
    override render_HEAD(request: SiteRequest): string {
      request.setHeader("content-length", "5");
      return "";
    }
  }
  await using site = new WatchedSite(new Resource().putChild("", new Own()));

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.headers.get("content-length"), "5");
});

Deno.test("Resource.render_HEAD() that returns no text claims no Content-Length of 0", async () => {
  class Own extends Hello {
    override render_HEAD(): string {
      return "";
    }
  }
  await using site = new WatchedSite(new Resource().putChild("", new Own()));

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.headers.get("content-length"), null);
});

// OPTIONS, 405, 501.

Deno.test("Resource.render() answers OPTIONS by 204 without a body", async () => {
  await using site = new WatchedSite(new Resource().putChild("", new Hello()));

  const response = await site.visit("/", { method: "OPTIONS" });

  assertEquals(response.status, 204);
  assertEquals(response.body, null);
});

Deno.test("Resource.render() answers OPTIONS with the methods there are, HEAD with GET, and OPTIONS", async () => {
  class Form extends Hello {
    override render_POST(): string {
      return "";
    }
  }
  await using site = new WatchedSite(new Resource().putChild("", new Form()));

  const { headers } = await site.visit("/", { method: "OPTIONS" });

  assertEquals(
    new Set(headers.get("allow")?.split(", ")),
    new Set(["GET", "HEAD", "POST", "OPTIONS"]),
  );
});

Deno.test("Resource.render() names each method once in Allow", async () => {
  class Form extends Hello {
    override render_GET(): string {
      return "";
    }
    override render_HEAD(): string {
      return "";
    }
  }
  const form = new Form();
  form.render_GET = () => "own";
  await using site = new WatchedSite(new Resource().putChild("", form));

  const response = await site.visit("/", { method: "OPTIONS" });

  const names = response.headers.get("allow")!.split(", ");
  assertEquals(names.toSorted(), ["GET", "HEAD", "OPTIONS"]);
});

Deno.test("Resource.render() answers OPTIONS without HEAD where there is no GET", async () => {
  class Hook extends Resource {
    override render_POST(): string {
      return "";
    }
  }
  await using site = new WatchedSite(new Resource().putChild("", new Hook()));

  const { headers } = await site.visit("/", { method: "OPTIONS" });

  assertEquals(headers.get("allow"), "POST, OPTIONS");
});

Deno.test("Resource.render() answers OPTIONS of a bare Resource", async () => {
  await using site = new WatchedSite(
    new Resource().putChild("", new Resource()),
  );

  const response = await site.visit("/", { method: "OPTIONS" });

  assertEquals(response.status, 204);
  assertEquals(response.headers.get("allow"), "OPTIONS");
});

Deno.test("Resource.render() answers OPTIONS of an address that is not there by 404", async () => {
  await using site = new WatchedSite(new Resource());

  const response = await site.visit("/nowhere", { method: "OPTIONS" });

  assertEquals(response.status, 404);
});

Deno.test("Resource.render_OPTIONS() goes before the 204", async () => {
  class Cors extends Hello {
    override render_OPTIONS(request: SiteRequest): string {
      request.setHeader("access-control-allow-origin", "*");
      return "options";
    }
  }
  await using site = new WatchedSite(new Resource().putChild("", new Cors()));

  const response = await site.visit("/", { method: "OPTIONS" });

  assertEquals(await response.text(), "options");
});

Deno.test("Resource.render() answers a known method that is not there by 405 with Allow", async () => {
  await using site = new WatchedSite(new Resource().putChild("", new Hello()));

  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    const response = await site.visit("/", { method });
    assertEquals(response.status, 405, method);
    assertEquals(response.headers.get("allow"), "GET, HEAD, OPTIONS", method);
  }
});

Deno.test("Resource.render() answers HEAD by 405 where there is no GET", async () => {
  class Hook extends Resource {
    override render_POST(): string {
      return "";
    }
  }
  await using site = new WatchedSite(new Resource().putChild("", new Hook()));

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(response.status, 405);
  assertEquals(response.headers.get("allow"), "POST, OPTIONS");
});

Deno.test("Resource.render() of a bare Resource is a 405 with Allow", async () => {
  await using site = new WatchedSite(
    new Resource().putChild("bare", new Resource()),
  );

  const response = await site.visit("/bare");

  assertEquals(response.status, 405);
  assertEquals(response.headers.get("allow"), "OPTIONS");
});

Deno.test("Resource.render() answers a method that HTTP does not know by 501", async () => {
  await using site = new WatchedSite(new Resource().putChild("", new Hello()));

  const response = await site.visit("/", { method: "BREW" });

  assertEquals(response.status, 501);
});

Deno.test("Resource.render() reports neither a 405 nor a 501", async () => {
  await using site = new WatchedSite(new Resource().putChild("", new Hello()));

  await site.visit("/", { method: "POST" });
  await site.visit("/", { method: "BREW" });

  assertEquals(site.errors, []);
});

for (const method of ["TRACE", "CONNECT"]) {
  Deno.test(`Site.fetch() answers ${method} by 501 before the walk`, async () => {
    let isWalked = false;
    class Nosy extends Resource {
      override getChild(): Resource {
        isWalked = true;
        return this;
      }
      override render(): string {
        isWalked = true;
        return "";
      }
    }
    await using site = new WatchedSite(new Nosy());

    const response = await site.fetch(rawRequest("http://localhost/", method));

    assertEquals(response.status, 501);
    assertFalse(isWalked);
  });
}

// UnsupportedMethod.

Deno.test("UnsupportedMethod tells the method and those that are allowed", () => {
  const error = new UnsupportedMethod("PUT", ["GET", "POST"]);

  assertEquals(error.method, "PUT");
  assertEquals(error.allowedMethods, ["GET", "POST"]);
  assertEquals(error.name, "UnsupportedMethod");
});

Deno.test("UnsupportedMethod is an Error whose message names the method", () => {
  const error = new UnsupportedMethod("PUT", []);

  assertInstanceOf(error, Error);
  assertStringIncludes(error.message, '"PUT"');
});

Deno.test("UnsupportedMethod thrown by a resource is a 405 with Allow from its list", async () => {
  await using site = new WatchedSite((request) => {
    throw new UnsupportedMethod(request.method, ["GET", "PUT"]);
  });

  const response = await site.visit("/", { method: "POST" });

  assertEquals(response.status, 405);
  assertEquals(response.headers.get("allow"), "GET, PUT, HEAD, OPTIONS");
});

Deno.test("UnsupportedMethod rejected by a resource is a 405 too", async () => {
  await using site = new WatchedSite((request) =>
    Promise.reject(new UnsupportedMethod(request.method, ["POST"]))
  );

  const response = await site.visit();

  assertEquals(response.status, 405);
  assertEquals(response.headers.get("allow"), "POST, OPTIONS");
});

Deno.test("UnsupportedMethod of an unknown method is a 501", async () => {
  await using site = new WatchedSite((request) => {
    throw new UnsupportedMethod(request.method, ["GET"]);
  });

  const response = await site.visit("/", { method: "BREW" });

  assertEquals(response.status, 501);
});

Deno.test("UnsupportedMethod leaves the list that it was given as it is", () => {
  const allowed: string[] = ["GET"];

  new UnsupportedMethod("PUT", allowed).allow;

  assertEquals(allowed, ["GET"]);
});

Deno.test("UnsupportedMethod is not reported", async () => {
  await using site = new WatchedSite((request) => {
    throw new UnsupportedMethod(request.method, ["POST"]);
  });

  await site.visit();

  assertEquals(site.errors, []);
});

Deno.test("UnsupportedMethod is an HttpError, which frameworks answer as it is", async () => {
  const error = new UnsupportedMethod("PUT", ["GET"]);

  assertInstanceOf(error, HttpError);
  assertEquals([error.status, error.statusCode], [405, 405]);
  const response = error.getResponse();
  assertEquals(response.status, 405);
  assertEquals(response.headers.get("allow"), "GET, HEAD, OPTIONS");
  assertEquals(await response.text(), 'Cannot render method "PUT"');
  const unusual = new UnsupportedMethod("BREW", ["GET"]);
  assertEquals(unusual.status, 501);
  assertEquals(unusual.headers, {});
});
