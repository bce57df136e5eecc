// A site inside a Hono application: moving to Curfew, or away, path by path.
//
//   deno run --allow-net examples/site_in_hono.ts
//
// Visit http://localhost:8080/legacy/visits a few times. mount() removes /legacy
// from the path, so the tree begins below it. http://localhost:8080/whole/visits is
// the same page: a route passes the whole path, so the tree has a child named
// "whole".

import { Hono } from "hono";
import { Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class Counter {
  count = 0;
}

class Visits extends Resource {
  override render_GET(request: SiteRequest): string {
    return page(
      "Your visits",
      `<p>Visit ${++request.getSession(Counter).count}</p>
<p>Try <a href="/legacy/visits">the mounted site</a> and
<a href="/whole/visits">the route</a>.</p>`,
    );
  }
}

const root = new Resource();
root.putChild("visits", new Visits());
root.putChild("whole", root);

export const site = new Site(root);

// What Deno.serve knows of the connection is Hono's env.
export const app = new Hono<{ Bindings: Deno.ServeHandlerInfo }>();
const links =
  `<p>The site answers <a href="/legacy/visits">/legacy/visits</a>.</p>`;
app.get("/", (c) => c.html(page("Hono's own page", links)));
app.mount("/legacy", site.fetch);
app.all("/whole/*", (c) => site.fetch(c.req.raw, c.env));

if (import.meta.main) {
  serve(app.fetch, "Visit /legacy/visits and /whole/visits");
}
