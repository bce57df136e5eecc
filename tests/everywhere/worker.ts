/**
 * Runs the tests on workerd, by a request for `/run`.
 *
 * What workers forbid while a module loads has to wait: so a site and a `Sessions`
 * are made here. Timers live only as long as the request that set them, so a
 * session ends at the next request that finds its deadline passed.
 *
 * @module
 */

import { Resource, Site, type SiteRequest } from "@curfew/web";
import { curfew as curfewOfH3 } from "@curfew/web/h3";
import { curfew as curfewOfHono } from "@curfew/web/hono";
import { Sessions, type Visit } from "@curfew/web/sessions";
import { H3 } from "h3";
import { Hono } from "hono";
import "./session_tests.ts";
import "./login_tests.ts";
import "./tree_tests.ts";
import "./stream_tests.ts";
import { runAll } from "./suite.ts";

const ended: string[] = [];

class Told extends Resource {
  override render_GET(request: SiteRequest): string {
    const { uid } = request.getSession();
    return JSON.stringify({ uid, ended });
  }
}

const site = new Site(new Resource().putChild("tree", new Told()), {
  sessionTimeout: 0.2,
});
site.notifyOnSessionEnd(({ uid, reason }) =>
  void ended.push(`${uid} ${reason}`)
);

const sessions = new Sessions({ sessionTimeout: 0.2 });
sessions.notifyOnSessionEnd(({ uid, reason }) =>
  void ended.push(`${uid} ${reason}`)
);

const hono = new Hono<{ Variables: { visit: Visit } }>();
hono.use(curfewOfHono(sessions));
hono.get(
  "/hono",
  (c) => c.json({ uid: c.var.visit.getSession().uid, ended }),
);

const h3 = new H3();
h3.use(curfewOfH3(sessions));
h3.get("/h3", (event) => {
  const visit = event.context.visit as Visit;
  return { uid: visit.getSession().uid, ended };
});

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/tree") return site.fetch(request);
    if (pathname === "/alone") {
      return sessions.serve(
        request,
        (visit) => Response.json({ uid: visit.getSession().uid, ended }),
      );
    }
    if (pathname === "/hono") return hono.fetch(request);
    if (pathname === "/h3") return h3.fetch(request);
    const lines: string[] = [];
    await runAll((line) => lines.push(line));
    return new Response(lines.join("\n"));
  },
};
