// A site inside a Hono application: moving to Curfew, or away, path by path.
//
//   deno run --allow-net examples/site_in_hono.ts
//
// Visit http://localhost:8080/legacy/visits a few times. mount() takes /legacy
// off the path, so the tree begins below it. http://localhost:8080/whole/visits
// is the same page: a route hands the path over whole, so the tree has a child
// named "whole".

import { Hono } from "hono";
import { Resource, Site, type SiteRequest } from "../mod.ts";

class Counter {
  count = 0;
}

class Visits extends Resource {
  override render_GET(request: SiteRequest): string {
    return `Visit ${++request.getSession(Counter).count}`;
  }
}

const root = new Resource();
root.putChild("visits", new Visits());
root.putChild("whole", root);

export const site = new Site(root);

// What Deno.serve knows of the connection is Hono's env.
export const app = new Hono<{ Bindings: Deno.ServeHandlerInfo }>();
app.get("/", (c) => c.text("Hono's own page"));
app.mount("/legacy", site.fetch);
app.all("/whole/*", (c) => site.fetch(c.req.raw, c.env));

if (import.meta.main) Deno.serve({ port: 8080 }, app.fetch);
