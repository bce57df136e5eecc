/** Curfew in "session" and "new": one resource for each. */

import { Resource, Site, type SiteRequest } from "../../mod.ts";

class Visits {
  count = 0;
}

class Count extends Resource {
  override render_GET(request: SiteRequest): string {
    return `${++request.getSession(Visits).count}`;
  }
}

class New extends Resource {
  override render_GET(request: SiteRequest): string {
    request.getSession();
    return "hello";
  }
}

const site = new Site(
  new Resource().putChild("count", new Count()).putChild("new", new New()),
);
Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, site.fetch);
