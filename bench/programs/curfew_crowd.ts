/**
 * A site with many sessions: `curfew_crowd.ts PORT SESSIONS`.
 *
 * `/visits` lists the requests of the load as JSON: the counters of up to 1,000
 * sessions. They were made among the others, so that the load reads all the memory.
 */

import { Resource, Site, type SiteRequest } from "../../mod.ts";
import type { LoadRequest } from "../wrk.ts";

const CLIENTS = 1000;

class Visits {
  count = 0;
}

class Count extends Resource {
  override render_GET(request: SiteRequest): string {
    return `${++request.getSession(Visits).count}`;
  }
}

class VisitList extends Resource {
  readonly visits: LoadRequest[] = [];

  override render_GET(): Response {
    return Response.json(this.visits);
  }
}

const [port = 0, held = 0] = Deno.args.map(Number);
const list = new VisitList();
const root = new Resource()
  .putChild("count", new Count())
  .putChild("visits", list);
const site = new Site(root);
const step = Math.max(1, Math.floor(held / CLIENTS));
for (let i = 0; i < held; i++) {
  if (i % step !== 0) {
    site.makeSession();
    continue;
  }
  const response = await site.fetch(new Request("http://127.0.0.1/count"));
  const [cookie = ""] = response.headers.getSetCookie()[0]!.split(";");
  list.visits.push({ path: "/count", cookie });
}
Deno.serve({ hostname: "127.0.0.1", port }, site.fetch);
