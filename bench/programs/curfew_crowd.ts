/**
 * A site that holds many sessions: `curfew_crowd.ts PORT SESSIONS`.
 *
 * `/cookies` answers the cookies of up to 1,000 of them, as JSON. They were made
 * among the others, so that visits wander through all the memory.
 */

import { Resource, Site, type SiteRequest } from "../../mod.ts";

const VISITORS = 1000;

class Visits {
  count = 0;
}

class Count extends Resource {
  override render_GET(request: SiteRequest): string {
    return `${++request.getSession(Visits).count}`;
  }
}

class Cookies extends Resource {
  readonly cookies: string[] = [];

  override render_GET(): Response {
    return Response.json(this.cookies);
  }
}

const [port, held] = Deno.args.map(Number) as [number, number];
const list = new Cookies();
const root = new Resource()
  .putChild("count", new Count())
  .putChild("cookies", list);
const site = new Site(root);
const step = Math.max(1, Math.floor(held / VISITORS));
for (let i = 0; i < held; i++) {
  if (i % step !== 0) {
    site.makeSession();
    continue;
  }
  const response = await site.fetch(new Request("http://127.0.0.1/count"));
  list.cookies.push(response.headers.getSetCookie()[0]!.split(";")[0]!);
}
Deno.serve({ hostname: "127.0.0.1", port }, site.fetch);
