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
import { Sessions } from "@curfew/web/sessions";
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
    const lines: string[] = [];
    await runAll((line) => lines.push(line));
    return new Response(lines.join("\n"));
  },
};
