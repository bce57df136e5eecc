import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { site as mounted } from "../../examples/hono_mounted.ts";
import { app, site as inner } from "../../examples/site_in_hono.ts";
import { cookieOf } from "../helpers_http.ts";
import { firstParagraph } from "./helpers_pages.ts";

const ignore = Deno.permissions.querySync({ name: "net" }).state !== "granted";

/** Visits the application, and ends the sessions that a test has left. */
async function visit(path: string, cookie = ""): Promise<Response> {
  return await app.request(path, { headers: { cookie } });
}

/** What the first paragraph of a page says. */
async function read(response: Response): Promise<string> {
  return firstParagraph(await response.text());
}

function leaving(): Disposable {
  return {
    [Symbol.dispose]() {
      for (const session of inner.sessions.values()) session.expire();
    },
  };
}

Deno.test("hono_mounted lets Hono route the paths below /api", async () => {
  const response = await mounted.fetch(
    new Request("http://localhost/api/teas/green"),
  );

  assertEquals(await response.json(), { tea: "green" });
});

Deno.test("hono_mounted hands a body on to Hono", async () => {
  const response = await mounted.fetch(
    new Request("http://localhost/api/teas", {
      method: "POST",
      body: '{"tea":"black"}',
    }),
  );

  assertEquals(response.status, 201);
  assertEquals(await response.json(), { tea: "black" });
});

Deno.test("hono_mounted leaves what Hono has not to Hono's 404", async () => {
  const response = await mounted.fetch(new Request("http://localhost/api/x"));

  assertEquals(response.status, 404);
  assertEquals(await response.text(), "404 Not Found");
});

Deno.test("hono_mounted leaves the rest of the tree to resources", async () => {
  const response = await mounted.fetch(new Request("http://localhost/"));

  assertStringIncludes(await response.text(), 'href="api/teas/green"');
});

Deno.test("site_in_hono serves the tree below /legacy, which is off its path", async () => {
  using _ = leaving();

  assertEquals(await read(await visit("/legacy/visits")), "Visit 1");
});

Deno.test("site_in_hono hands the path over whole to a route", async () => {
  using _ = leaving();

  assertEquals(await read(await visit("/whole/visits")), "Visit 1");
});

Deno.test("site_in_hono counts a visitor's visits at both places", async () => {
  using _ = leaving();
  const first = await visit("/legacy/visits");

  const second = await visit("/whole/visits", cookieOf(first));

  assertEquals(await read(second), "Visit 2");
});

Deno.test("site_in_hono has the site's 404 where the tree ends", async () => {
  for (const path of ["/legacy", "/legacy/", "/legacy/x", "/whole/x"]) {
    const response = await visit(path);
    assertEquals(response.status, 404, path);
    assertMatch(await response.text(), /<h1>Page not found<\/h1>/, path);
  }
});

Deno.test("site_in_hono leaves other paths to Hono", async () => {
  assertStringIncludes(await (await visit("/")).text(), "Hono's own page");
  assertEquals(await (await visit("/legacyx")).text(), "404 Not Found");
});

Deno.test("site_in_hono serves over the wire", { ignore }, async () => {
  using _ = leaving();
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    app.fetch,
  );

  for (const path of ["legacy", "whole"]) {
    const response = await fetch(
      `http://127.0.0.1:${server.addr.port}/${path}/visits`,
    );
    assertEquals(await read(response), "Visit 1", path);
  }

  await server.shutdown();
});
