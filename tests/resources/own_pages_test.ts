// The pages of a site's own for what is not there and for what went wrong.

import {
  assertEquals,
  assertFalse,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { errorPage, HttpError, Resource, type SiteOptions } from "../../mod.ts";
import { StaticData } from "../../resources/static.ts";
import { Leaf, Page, type Render, WatchedSite } from "../helpers_http.ts";

/** Both options: what leads to the page, and the page that Curfew has. */
const CASES = [
  {
    option: "notFoundPage",
    path: "/nothing",
    status: 404,
    builtIn: "<h1>Page not found</h1>",
    /** How much is reported if the page itself works. */
    reports: 0,
  },
  {
    option: "serverErrorPage",
    path: "/broken",
    status: 500,
    builtIn: "<h1>Server error</h1>",
    reports: 1,
  },
] as const;

const broken = new Leaf((request) => {
  request.setHeader("x-tea", "green");
  request.setResponseCode(202);
  throw new Error("broken");
});

/** A site with a page of its own, rendered by a function for GET. */
function siteWith(
  option: "notFoundPage" | "serverErrorPage",
  page: Resource | Render,
  options: SiteOptions = {},
): WatchedSite {
  return new WatchedSite(new Resource().putChild("broken", broken), {
    [option]: page instanceof Resource ? page : new Page(page),
    ...options,
  });
}

for (const { option, path, status, builtIn, reports } of CASES) {
  const name = `SiteOptions.${option}`;

  Deno.test(`${name} is rendered in place of the built-in page, with ${status}`, async () => {
    await using site = siteWith(option, () => "<h1>Our own</h1>");

    const response = await site.visit(path);

    assertEquals(response.status, status);
    assertEquals(await response.text(), "<h1>Our own</h1>");
    assertEquals(
      response.headers.get("content-type"),
      "text/html; charset=utf-8",
    );
  });

  Deno.test(`${name} has nothing more reported than went wrong before`, async () => {
    await using site = siteWith(option, () => "own");

    await site.visit(path);

    assertEquals(site.errors.length, reports);
  });

  Deno.test(`${name} may set another status`, async () => {
    await using site = siteWith(option, (request) => {
      request.setResponseCode(410, "Drunk");
      return "own";
    });

    const response = await site.visit(path);

    assertEquals([response.status, response.statusText], [410, "Drunk"]);
  });

  Deno.test(`${name} may answer a Response, with its own status`, async () => {
    await using site = siteWith(
      option,
      () => Response.json({ error: "own" }, { status: 503 }),
    );

    const response = await site.visit(path);

    assertEquals(response.status, 503);
    assertEquals(await response.json(), { error: "own" });
  });

  Deno.test(`${name} may be asynchronous`, async () => {
    await using site = siteWith(option, async (request) => {
      await Promise.resolve();
      request.setHeader("x-page", "own");
      return "own";
    });

    const response = await site.visit(path);

    assertEquals([response.status, await response.text()], [status, "own"]);
    assertEquals(response.headers.get("x-page"), "own");
  });

  Deno.test(`${name} may be a page of errorPage()`, async () => {
    await using site = siteWith(option, errorPage(451, "Secret", "Ask later."));

    const response = await site.visit(path);

    assertEquals(response.status, 451);
    assertStringIncludes(await response.text(), "<h1>Secret</h1>");
  });

  Deno.test(`${name} may be set on the site later`, async () => {
    await using site = siteWith(option, () => "own");
    site[option] = new Page(() => "later");
    assertEquals(await (await site.visit(path)).text(), "later");

    site[option] = undefined;

    assertStringIncludes(await (await site.visit(path)).text(), builtIn);
  });

  Deno.test(`${name} sees the request that led to it`, async () => {
    await using site = siteWith(
      option,
      ({ method, url }) => `${method} ${url.pathname}`,
    );

    assertEquals(await (await site.visit(path)).text(), `GET ${path}`);
  });

  Deno.test(`${name} renders itself, not a child of it`, async () => {
    const page = new Page(() => "own").putChild("nothing", broken);
    await using site = siteWith(option, page);

    assertEquals(await (await site.visit(path)).text(), "own");
  });

  // Methods.

  Deno.test(`${name} answers HEAD without its body`, async () => {
    await using site = siteWith(option, () => "own");

    const response = await site.visit(path, { method: "HEAD" });

    assertEquals(response.status, status);
    assertEquals(response.headers.get("content-length"), "3");
    assertEquals(await response.text(), "");
  });

  Deno.test(`${name} that renders GET only leaves POST to the built-in page`, async () => {
    await using site = siteWith(option, () => "own");

    const response = await site.visit(path, { method: "POST", body: "a" });

    assertEquals(response.status, status);
    assertStringIncludes(await response.text(), builtIn);
    assertFalse(response.headers.has("allow"));
    assertEquals(site.errors.length, reports);
  });

  Deno.test(`${name} that renders GET only leaves OPTIONS its status`, async () => {
    await using site = siteWith(option, () => "own");

    const response = await site.visit(path, { method: "OPTIONS" });

    assertEquals(response.status, status);
  });

  Deno.test(`${name} that renders every method answers POST`, async () => {
    await using site = siteWith(option, new Leaf(() => "own"));

    const response = await site.visit(path, { method: "POST" });

    assertEquals([response.status, await response.text()], [status, "own"]);
  });

  // A page that fails.

  for (
    const [how, page] of [
      ["throws", () => {
        throw new Error("own");
      }],
      ["rejects", () => Promise.reject(new Error("own"))],
      ["answers nothing", () => undefined],
      ["answers an error", () => Response.error()],
    ] as [string, Render][]
  ) {
    Deno.test(`${name} that ${how} falls back to the built-in page`, async () => {
      await using site = siteWith(option, page);

      const response = await site.visit(path);

      assertEquals(response.status, status);
      assertStringIncludes(await response.text(), builtIn);
    });

    Deno.test(`${name} that ${how} is reported, once`, async () => {
      await using site = siteWith(option, page);

      await site.visit(path);

      assertEquals(site.errors.length, reports + 1);
      assertMatch(String(site.errors.at(-1)), /own|Cannot send/);
    });
  }

  Deno.test(`${name} that throws an HttpError falls back too`, async () => {
    await using site = siteWith(option, () => {
      throw new HttpError(404, "own");
    });

    const response = await site.visit(path);

    assertEquals(response.status, status);
    assertStringIncludes(await response.text(), builtIn);
  });

  Deno.test(`${name} that throws leaves no header behind`, async () => {
    await using site = siteWith(option, (request) => {
      request.setHeader("x-page", "own");
      request.setHeader("content-type", "text/plain");
      throw new Error("own");
    });

    const { headers } = await site.visit(path);

    assertFalse(headers.has("x-page"));
    assertEquals(headers.get("content-type"), "text/html; charset=utf-8");
  });

  // Cookies.

  Deno.test(`${name} keeps the cookies that were set on the way`, async () => {
    const way = new Resource();
    way.getChild = (_name, request) => {
      request.getSession();
      request.addCookie({ name: "tea", value: "green" });
      if (status === 500) throw new Error("broken");
      return undefined;
    };
    await using site = new WatchedSite(way, {
      [option]: new Page(() => "own"),
    });

    const cookies = (await site.visit(path)).headers.getSetCookie();

    assertEquals(cookies.length, 2);
    assertEquals(cookies[0], "tea=green");
    assertMatch(cookies[1]!, /^session=/);
  });

  Deno.test(`${name} may make a session`, async () => {
    await using site = siteWith(option, (request) => request.getSession().uid);

    const response = await site.visit(path);

    const [cookie = ""] = response.headers.getSetCookie();
    assertStringIncludes(cookie, `session=${await response.text()}`);
  });

  Deno.test(`${name} that throws keeps the cookies that it has set`, async () => {
    await using site = siteWith(option, (request) => {
      request.addCookie({ name: "tea", value: "green" });
      throw new Error("own");
    });

    const { headers } = await site.visit(path);

    assertEquals(headers.getSetCookie(), ["tea=green"]);
  });
}

// What leads to the page for what is not there.

for (const path of ["/", "/a/b/c", "/%2F", "//"]) {
  Deno.test(`SiteOptions.notFoundPage stands for ${path}`, async () => {
    await using site = siteWith("notFoundPage", () => "own");

    const response = await site.visit(path);

    assertEquals([response.status, await response.text()], [404, "own"]);
  });
}

Deno.test("SiteOptions.notFoundPage stands for an HttpError of 404", async () => {
  await using site = new WatchedSite(() => {
    throw new HttpError(404, "No such tea.");
  }, { notFoundPage: new Page(() => "own") });

  const response = await site.visit();

  assertEquals([response.status, await response.text()], [404, "own"]);
  assertEquals(site.errors, []);
});

Deno.test("SiteOptions.notFoundPage leaves an HttpError of another status alone", async () => {
  await using site = new WatchedSite(() => {
    throw new HttpError(410, "It was drunk.");
  }, { notFoundPage: new Page(() => "own") });

  const response = await site.visit();

  assertEquals(response.status, 410);
  assertStringIncludes(await response.text(), "It was drunk.");
});

Deno.test("SiteOptions.notFoundPage that throws leaves the text of an HttpError", async () => {
  await using site = new WatchedSite(() => {
    throw new HttpError(404, "No such tea.");
  }, { notFoundPage: broken });

  const response = await site.visit();

  assertStringIncludes(await response.text(), "No such tea.");
});

Deno.test("SiteOptions.notFoundPage leaves a resource's own 404 alone", async () => {
  await using site = new WatchedSite((request) => {
    request.setResponseCode(404);
    return "the resource's";
  }, { notFoundPage: new Page(() => "own") });

  assertEquals(await (await site.visit()).text(), "the resource's");
});

Deno.test("SiteOptions.notFoundPage may be data that does not change", async () => {
  await using site = siteWith(
    "notFoundPage",
    new StaticData("<h1>Own</h1>", "text/html"),
  );

  const response = await site.visit("/nothing");

  assertEquals(response.status, 404);
  assertEquals(await response.text(), "<h1>Own</h1>");
});

// Conditions and ranges are for what is there (RFC 9110, 13.2.1 and 14.2).
for (
  const [name, value] of [
    ["if-none-match", "*"],
    ["if-match", '"other"'],
    ["range", "bytes=0-1"],
  ] as const
) {
  Deno.test(`SiteOptions.notFoundPage of StaticData stays a whole 404 with ${name}`, async () => {
    await using site = siteWith(
      "notFoundPage",
      new StaticData("<h1>Own</h1>", "text/html"),
    );

    const response = await site.visit("/nothing", {
      headers: { [name]: value },
    });

    assertEquals(response.status, 404);
    assertEquals(await response.text(), "<h1>Own</h1>");
    assertEquals(site.errors, []);
  });
}

// What leads to the page for what went wrong.

Deno.test("SiteOptions.serverErrorPage has the error reported, with the request", async () => {
  await using site = siteWith("serverErrorPage", () => "own");

  await site.visit("/broken");

  assertEquals(site.errors.map(String), ["Error: broken"]);
  assertEquals(site.contexts[0]!.request?.prepath, ["broken"]);
});

Deno.test("SiteOptions.serverErrorPage carries no header of the resource that failed", async () => {
  await using site = siteWith("serverErrorPage", () => "own");

  const { headers } = await site.visit("/broken");

  assertFalse(headers.has("x-tea"));
});

Deno.test("SiteOptions.serverErrorPage stands for what cannot be sent", async () => {
  await using site = new WatchedSite(
    (() => undefined) as unknown as Render,
    { serverErrorPage: new Page(() => "own") },
  );

  const response = await site.visit();

  assertEquals([response.status, await response.text()], [500, "own"]);
});

Deno.test("SiteOptions.serverErrorPage leaves what a visitor did wrong alone", async () => {
  await using site = new WatchedSite(async (request) => {
    await request.json();
    return "read";
  }, { serverErrorPage: new Page(() => "own") });

  const response = await site.visit("/", { method: "POST", body: "{" });

  assertEquals(response.status, 400);
  assertFalse((await response.text()).includes("own"));
});

Deno.test("SiteOptions.serverErrorPage leaves an HttpError of 500 its text", async () => {
  await using site = new WatchedSite(() => {
    throw new HttpError(500, "The kettle is broken.");
  }, { serverErrorPage: new Page(() => "own") });

  const response = await site.visit();

  assertStringIncludes(await response.text(), "The kettle is broken.");
  assertEquals(site.errors, []);
});

Deno.test("SiteOptions.serverErrorPage gives way to the built-in page under displayTracebacks", async () => {
  await using site = siteWith("serverErrorPage", () => "own", {
    displayTracebacks: true,
  });

  const response = await site.visit("/broken");

  assertEquals(response.status, 500);
  assertStringIncludes(await response.text(), "Error: broken");
});

Deno.test("SiteOptions.displayTracebacks leaves notFoundPage alone", async () => {
  await using site = siteWith("notFoundPage", () => "own", {
    displayTracebacks: true,
  });

  assertEquals(await (await site.visit("/nothing")).text(), "own");
});

Deno.test("SiteOptions.notFoundPage that throws is shown nowhere", async () => {
  await using site = siteWith("notFoundPage", () => {
    throw new Error("secret");
  }, { displayTracebacks: true });

  assertFalse((await (await site.visit("/nothing")).text()).includes("secret"));
});

Deno.test("SiteOptions.serverErrorPage does not stand for what is not there", async () => {
  await using site = siteWith("serverErrorPage", () => "own");

  assertEquals((await site.visit("/nothing")).status, 404);
});

for (const status of [99, 200, 304, 399, 404.5, 600, NaN, "404"]) {
  Deno.test(`HttpError refuses status ${JSON.stringify(status)}`, () => {
    assertThrows(() => new HttpError(status as number, ""), RangeError);
  });
}
