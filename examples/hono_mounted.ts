// A Hono application inside a tree of resources.
//
//   deno run --allow-net examples/hono_mounted.ts
//
// Visit http://localhost:8080/api/teas/green: Hono routes all paths below /api
// and sees them without that prefix. http://localhost:8080/ is a resource.

import { Hono } from "hono";
import { FetchResource, Resource, Site } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

const api = new Hono();
api.get("/teas/:name", (c) => c.json({ tea: c.req.param("name") }));
api.post("/teas", async (c) => c.json(await c.req.json(), 201));

class Front extends Resource {
  override render_GET(): string {
    return page(
      "Tea",
      `<p>Try <a href="api/teas/green">green tea</a>: Hono answers all paths below
/api.</p>`,
    );
  }
}

const root = new Resource();
root.putChild("", new Front());
root.putChild("api", new FetchResource(api.fetch));

export const site = new Site(root);

if (import.meta.main) {
  serve(site, "Visit / and /api/teas/green, which Hono answers");
}
