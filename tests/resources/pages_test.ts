import {
  assertEquals,
  assertFalse,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { errorPage, forbidden, notFound, Resource } from "../../mod.ts";
import { rawRequest, WatchedSite } from "../helpers_http.ts";

for (
  const [name, page, status] of [
    ["errorPage", errorPage(503, "Closed", "Moving house."), 503],
    ["notFound", notFound(), 404],
    ["forbidden", forbidden(), 403],
  ] as [string, Resource, number][]
) {
  const root = new Resource().putChild("page", page);

  Deno.test(`${name}() answers ${status} in HTML`, async () => {
    await using site = new WatchedSite(root);

    const response = await site.visit("/page");

    assertEquals(response.status, status);
    assertEquals(
      response.headers.get("content-type"),
      "text/html; charset=utf-8",
    );
  });

  Deno.test(`${name}() stands for all that might be below it`, async () => {
    await using site = new WatchedSite(root);

    for (const path of ["/page/", "/page/a", "/page/a//b/%zz"]) {
      assertEquals((await site.visit(path)).status, status, path);
    }
  });

  Deno.test(`${name}() answers every method`, async () => {
    await using site = new WatchedSite(root);

    for (const method of ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"]) {
      const response = await site.visit("/page", { method });
      assertEquals(response.status, status, method);
    }
  });

  Deno.test(`${name}() may be the root of a site`, async () => {
    await using site = new WatchedSite(page);

    assertEquals((await site.visit("/")).status, status);
  });

  Deno.test(`${name}() makes no session`, async () => {
    await using site = new WatchedSite(root);

    const { headers } = await site.visit("/page");

    assertEquals(headers.getSetCookie(), []);
    assertEquals(site.sessions.size, 0);
  });

  Deno.test(`${name}() reports nothing`, async () => {
    await using site = new WatchedSite(root);

    await site.visit("/page");

    assertEquals(site.errors, []);
  });
}

Deno.test("errorPage() says its code, title and detail", async () => {
  await using site = new WatchedSite(errorPage(503, "Closed", "Moving house."));

  const text = await (await site.visit()).text();

  assertStringIncludes(text, "<title>503 - Closed</title>");
  assertStringIncludes(text, "<h1>Closed</h1>");
  assertStringIncludes(text, "<p>Moving house.</p>");
});

Deno.test("errorPage() escapes its texts", async () => {
  await using site = new WatchedSite(
    errorPage(500, "</title><script>", "<img src=x onerror=\"alert('&')\">"),
  );

  const text = await (await site.visit()).text();

  assertFalse(text.includes("<script>"));
  assertFalse(text.includes("<img"));
  assertStringIncludes(text, "&lt;script&gt;");
});

Deno.test("errorPage() may have a child put", async () => {
  const page = errorPage(503, "Closed", "").putChild("open", notFound());
  await using site = new WatchedSite(page);

  assertEquals((await site.visit("/open")).status, 404);
});

Deno.test("errorPage() may serve several visitors", async () => {
  await using site = new WatchedSite(errorPage(503, "Closed", "Moving."));

  const texts = [
    await (await site.visit()).text(),
    await (await site.visit()).text(),
  ];

  assertEquals(texts[0], texts[1]);
});

Deno.test("errorPage() refuses a code that no Response can have", () => {
  assertThrows(() => errorPage(99, "Odd", ""), RangeError, "99");
});

Deno.test("notFound() takes texts of one's own", async () => {
  await using site = new WatchedSite(notFound("No Tea", "Try <coffee>."));

  const text = await (await site.visit()).text();

  assertStringIncludes(text, "<h1>No Tea</h1>");
  assertStringIncludes(text, "Try &lt;coffee&gt;.");
});

Deno.test("forbidden() takes texts of one's own", async () => {
  await using site = new WatchedSite(forbidden("No Entry", "Staff & cats."));

  const text = await (await site.visit()).text();

  assertStringIncludes(text, "<h1>No Entry</h1>");
  assertStringIncludes(text, "Staff &amp; cats.");
});

Deno.test("notFound() echoes nothing of the request", async () => {
  await using site = new WatchedSite(notFound());

  const response = await site.fetch(
    rawRequest("http://localhost/<script>alert(1)</script>"),
  );

  assertFalse((await response.text()).includes("<script"));
});
