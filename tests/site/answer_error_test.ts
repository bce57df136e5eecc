// Errors by Accept, the option errorPage, and Responses that are thrown.

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  errorPage,
  HttpError,
  notFound,
  type Rendered,
  Resource,
  Site,
  type SiteOptions,
  type SiteRequest,
  UnsupportedMethod,
} from "../../mod.ts";
import { Leaf, WatchedSite } from "../helpers_http.ts";

/** A site with an error of each kind. */
function siteWith(options: SiteOptions = {}): WatchedSite {
  const root = new Resource()
    .putChild(
      "broken",
      new Leaf((request) => {
        request.setHeader("x-tea", "green");
        request.setResponseCode(202);
        throw new Error("broken");
      }),
    )
    .putChild(
      "refused",
      new Leaf(() => {
        throw new HttpError(422, "The <title> is missing");
      }),
    )
    .putChild("json", new Leaf((request) => request.json().then(String)))
    .putChild("empty", new Resource());
  return new WatchedSite(root, options);
}

const KINDS = [
  ["GET", "/nowhere", 404, "Not Found", "There is nothing at this address."],
  ["GET", "/refused", 422, "Unprocessable Entity", "The <title> is missing"],
  [
    "GET",
    "/broken",
    500,
    "Internal Server Error",
    "Something went wrong. It has been reported.",
  ],
  [
    "DELETE",
    "/empty",
    405,
    "Method Not Allowed",
    "The page at this address does not answer this method.",
  ],
] as const;

for (const [method, path, status, title, detail] of KINDS) {
  for (
    const accept of [
      "application/problem+json",
      "application/json",
      "application/*",
      "text/html;q=0.5, application/json",
    ]
  ) {
    Deno.test(`Site.fetch() answers ${status} to Accept "${accept}" as a problem`, async () => {
      await using site = siteWith();

      const response = await site.visit(path, { method, headers: { accept } });

      assertEquals(response.status, status);
      assertEquals(
        response.headers.get("content-type"),
        "application/problem+json",
      );
      assertEquals(response.headers.get("vary"), "Accept");
      assertEquals(await response.json(), {
        type: "about:blank",
        title,
        status,
        detail,
      });
    });
  }

  for (
    const accept of [
      undefined,
      "*/*",
      "text/html",
      "text/*",
      "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
      "application/json;q=0.5, text/html",
    ]
  ) {
    Deno.test(`Site.fetch() answers ${status} to Accept "${accept}" in HTML`, async () => {
      await using site = siteWith();
      const headers = accept === undefined ? {} : { accept };

      const response = await site.visit(path, { method, headers });

      assertEquals(response.status, status);
      assertEquals(
        response.headers.get("content-type"),
        "text/html; charset=utf-8",
      );
      const html = await response.text();
      assertStringIncludes(
        html,
        `<p>${detail.replace("<", "&lt;").replace(">", "&gt;")}</p>`,
      );
    });
  }

  for (const accept of ["text/plain", "image/png", "application/json;q=0"]) {
    Deno.test(`Site.fetch() answers ${status} to Accept "${accept}" in plain text`, async () => {
      await using site = siteWith();

      const response = await site.visit(path, { method, headers: { accept } });

      assertEquals(
        response.headers.get("content-type"),
        "text/plain; charset=utf-8",
      );
      assertStringIncludes(await response.text(), `\n${detail}\n`);
    });
  }
}

Deno.test("Site.fetch() keeps Allow on a 405 as a problem", async () => {
  await using site = siteWith();

  const { headers } = await site.visit("/empty", {
    method: "DELETE",
    headers: { accept: "application/json" },
  });

  assertEquals(headers.get("allow"), "OPTIONS");
});

Deno.test("Site.fetch() answers bodies that cannot be read as problems", async () => {
  await using site = siteWith({ maxBodyBytes: 4 });
  const post = async (body: string) => {
    const response = await site.visit("/json", {
      method: "POST",
      body,
      headers: { accept: "application/json" },
    });
    assertEquals(response.headers.get("vary"), "Accept");
    return (await response.json()).status;
  };

  assertEquals(await post("{bad"), 400);
  assertEquals(await post("[1, 2]"), 413);
});

Deno.test("Site.fetch() shows tracebacks as problems too", async () => {
  await using site = siteWith({ displayTracebacks: true });

  const response = await site.visit("/broken", {
    headers: { accept: "application/json" },
  });

  assertMatch((await response.json()).detail, /^Error: broken\n +at /);
});

for (const page of [notFound(), errorPage(404, "Gone", "It is gone.")]) {
  Deno.test("errorPage() and notFound() in the tree follow Accept too", async () => {
    await using site = new WatchedSite(page);

    const response = await site.visit("/a/b", {
      headers: { accept: "application/json" },
    });

    assertEquals((await response.json()).title, "Not Found");
  });
}

Deno.test("errorPage() is readable on phones, in the dark, and to screen readers", async () => {
  await using site = siteWith();

  for (const headers of [{}, { accept: "text/html" }]) {
    const html = await (await site.visit("/nowhere", { headers })).text();

    assertMatch(html, /^<!DOCTYPE html>\n<html lang="en">/);
    assertStringIncludes(html, '<meta name="viewport" content="width=device-');
    assertStringIncludes(
      html,
      '<meta name="color-scheme" content="light dark">',
    );
    assertStringIncludes(html, "<h1>Page not found</h1>");
    // A client without Accept is no browser.
    assertEquals(html.includes("system-ui"), "accept" in headers);
  }
});

Deno.test("errorPage() is HTML for a request without Accept, and escapes its texts", async () => {
  await using site = new Site(errorPage(404, "<i>", "<b>"));

  const response = await site.fetch(new Request("http://localhost/"));

  assertEquals(
    response.headers.get("content-type"),
    "text/html; charset=utf-8",
  );
  const html = await response.text();
  assertStringIncludes(html, "<title>404 - &lt;i&gt;</title>");
  assertStringIncludes(html, "<h1>&lt;i&gt;</h1>");
  assertStringIncludes(html, "<p>&lt;b&gt;</p>");
});

// The option errorPage.

Deno.test("SiteOptions.errorPage gets each error and its request", async () => {
  const seen: unknown[] = [];
  await using site = siteWith({
    errorPage: (error, request) => {
      seen.push([error, request.prepath.join("/")]);
      return "own";
    },
  });

  const statuses = [];
  for (const [method, path] of KINDS) {
    const response = await site.visit(path, { method });
    assertEquals(await response.text(), "own");
    statuses.push(response.status);
  }

  assertEquals(statuses, [404, 422, 500, 405]);
  const errors = (seen as [unknown, string][]).map(([error]) => error);
  assertInstanceOf(errors[0], HttpError);
  assertInstanceOf(errors[1], HttpError);
  assertEquals(String(errors[2]), "Error: broken");
  assertInstanceOf(errors[3], UnsupportedMethod);
  assertEquals(site.errors.map(String), ["Error: broken"]);
});

for (
  const [how, page, status, text] of [
    ["text", () => "own", 404, "own"],
    ["a promise", () => Promise.resolve("own"), 404, "own"],
    ["bytes", () => new TextEncoder().encode("own"), 404, "own"],
    ["a Response", () => new Response("own", { status: 410 }), 410, "own"],
    ["a Resource", () => new Leaf(() => "own"), 404, "own"],
    [
      "a promise of a Resource",
      () => Promise.resolve(new Leaf(() => Promise.resolve("own"))),
      404,
      "own",
    ],
    [
      "a page of its own status",
      (_: unknown, request: SiteRequest) => {
        request.setResponseCode(451);
        return "own";
      },
      451,
      "own",
    ],
    [
      "a thrown Response",
      () => {
        throw new Response("own", { status: 410 });
      },
      410,
      "own",
    ],
    ["undefined", () => undefined, 404, "not found page"],
    [
      "a promise of undefined",
      () => Promise.resolve(undefined),
      404,
      "not found page",
    ],
  ] as [
    string,
    (error: unknown, request: SiteRequest) => Rendered | undefined,
    number,
    string,
  ][]
) {
  Deno.test(`SiteOptions.errorPage may answer by ${how}`, async () => {
    await using site = siteWith({
      errorPage: page,
      notFoundPage: new Leaf(() => "not found page"),
    });

    const response = await site.visit("/nowhere");

    assertEquals([response.status, await response.text()], [status, text]);
    assertEquals(site.errors, []);
  });
}

for (
  const [how, page] of [
    ["throws", () => {
      throw new Error("own");
    }],
    ["rejects", () => Promise.reject(new Error("own"))],
    ["answers null", () => null],
    ["answers a number", () => Promise.resolve(5)],
    ["answers a Response that was used", () => Response.error()],
  ] as [string, () => Rendered][]
) {
  Deno.test(`SiteOptions.errorPage that ${how} is reported, and leaves the error to the other pages`, async () => {
    await using site = siteWith({
      errorPage: (_, request) => {
        request.setHeader("x-page", "own");
        return page();
      },
      serverErrorPage: new Leaf(() => "server error page"),
    });

    const response = await site.visit("/broken");

    assertEquals(response.status, 500);
    assertEquals(await response.text(), "server error page");
    assertFalse(response.headers.has("x-page"));
    assertEquals(site.errors.length, 2);
    assertMatch(String(site.errors[1]), /own|Cannot send/);
  });
}

Deno.test("SiteOptions.errorPage keeps Allow, and drops the headers of the page that failed", async () => {
  await using site = siteWith({ errorPage: () => "own" });

  const unsupported = await site.visit("/empty", { method: "DELETE" });
  const broken = await site.visit("/broken");

  assertEquals(unsupported.headers.get("allow"), "OPTIONS");
  assertFalse(broken.headers.has("x-tea"));
});

Deno.test("SiteOptions.errorPage goes before displayTracebacks", async () => {
  await using site = siteWith({
    errorPage: () => "own",
    displayTracebacks: true,
  });

  assertEquals(await (await site.visit("/broken")).text(), "own");
});

Deno.test("SiteOptions.errorPage may log the visitor in", async () => {
  await using site = siteWith({
    errorPage: (_, request) => String(request.logIn("alice").principal),
  });

  const response = await site.visit("/nowhere");

  assertEquals(await response.text(), "alice");
  assertEquals(response.headers.getSetCookie().length, 1);
});

// Responses that are thrown.

for (
  const [how, fail] of [
    ["thrown", (response: Response) => {
      throw response;
    }],
    ["rejected with", (response: Response) => Promise.reject(response)],
  ] as [string, (response: Response) => never][]
) {
  Deno.test(`Site.fetch() sends a Response that is ${how}, with the cookies`, async () => {
    await using site = new WatchedSite((request) => {
      request.getSession();
      request.setHeader("x-tea", "green");
      request.setResponseCode(202);
      return fail(Response.json({ error: "title" }, { status: 422 }));
    });

    const response = await site.visit();

    assertEquals(response.status, 422);
    assertEquals(await response.json(), { error: "title" });
    assertEquals(response.headers.getSetCookie().length, 1);
    assertFalse(response.headers.has("x-tea"));
    assertEquals(site.errors, []);
  });
}

Deno.test("Site.fetch() sends a Response that getChild throws", async () => {
  class Gate extends Resource {
    override getChild(): never {
      throw new Response(null, { status: 302, headers: { location: "/in" } });
    }
  }
  await using site = new WatchedSite(new Gate());

  const response = await site.visit("/a");

  assertEquals(response.status, 302);
  assertEquals(response.headers.get("location"), "/in");
  assertEquals(site.errors, []);
});

Deno.test("Site.fetch() reports a thrown Response that cannot be sent", async () => {
  await using site = new WatchedSite(() => {
    throw Response.error();
  });

  const response = await site.visit();

  assertEquals(response.status, 500);
  assertMatch(String(site.errors[0]), /Cannot send a Response/);
});

// A status beside a Response.

for (
  const [set, own, isReported] of [
    [201, 200, true],
    [200, 404, true],
    [404, 404, false],
    [undefined, 404, false],
  ] as const
) {
  Deno.test(`SiteRequest.setResponseCode(${set}) beside a Response with ${own} is reported: ${isReported}`, async () => {
    await using site = new WatchedSite((request) => {
      if (set !== undefined) request.setResponseCode(set);
      return new Response("r", { status: own });
    });

    const response = await site.visit();

    assertEquals(response.status, own);
    assertEquals(
      site.errors.map(String),
      isReported
        ? [
          `Error: Cannot set response code ${set}: the resource returned a Response with status ${own}`,
        ]
        : [],
    );
  });
}

Deno.test("SiteOptions.notFoundPage may answer a Response of another status unreported", async () => {
  await using site = siteWith({
    notFoundPage: new Leaf(() => new Response("r", { status: 200 })),
  });

  assertEquals((await site.visit("/nowhere")).status, 200);
  assert(site.errors.length === 0);
});

const BUSY = { "Retry-After": "60", "www-authenticate": "Bearer" };

function busy(): never {
  throw new HttpError(503, "Busy", { headers: BUSY });
}

for (
  const [what, options] of [
    ["the site's page", {}],
    ["errorPage", { errorPage: () => "busy" }],
    ["a Response of errorPage", {
      errorPage: () => new Response("busy", { status: 503 }),
    }],
    ["a page in place of an errorPage that throws", {
      errorPage: () => {
        throw new Error("broken");
      },
      onError() {},
    }],
  ] as [string, SiteOptions][]
) {
  Deno.test(`HttpError.headers are on ${what}`, async () => {
    await using site = new WatchedSite(new Leaf(busy), options);
    const { headers, status } = await site.visit();
    assertEquals(status, 503);
    assertEquals(headers.get("retry-after"), "60");
    assertEquals(headers.get("www-authenticate"), "Bearer");
  });
}

Deno.test("HttpError.headers are on the response of getResponse()", () => {
  const error = new HttpError(503, "Busy", { headers: BUSY });
  const { headers } = error.getResponse();
  assertEquals(headers.get("retry-after"), "60");
  assertEquals(headers.get("cache-control"), "no-store");
});

Deno.test("HttpError.headers are empty without the option", () => {
  assertEquals(new HttpError(404, "Gone").headers, {});
});

Deno.test("HttpError refuses headers that cannot be sent", () => {
  for (const headers of [{ "a b": "c" }, { a: "b\nc" }]) {
    assertThrows(() => new HttpError(503, "Busy", { headers }), TypeError);
  }
});

Deno.test("HttpError keeps its cause beside its headers", () => {
  const cause = new Error("database");
  const error = new HttpError(503, "Busy", { cause, headers: BUSY });
  assertEquals(error.cause, cause);
});
