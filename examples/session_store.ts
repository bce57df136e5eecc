// Values of a session: each visitor has a counter.
//
//   deno run --allow-net examples/session_store.ts
//
// Visit http://localhost:8080/ and reload it: the counter goes up. Another
// browser, or a private window, has a counter of its own. The page also shows the
// path of the request: try http://localhost:8080/tea.

import { escape } from "@std/html";
import { Resource, type Session, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class Visits {
  count = 0;

  // The session that it is made for; a component that needs none leaves it out.
  constructor(readonly session: Session) {}

  get since(): string {
    return new Date(this.session.createdAt * 1000).toISOString();
  }
}

class CountVisits extends Resource {
  override isLeaf = true;

  override render_GET(request: SiteRequest): string {
    const visits = request.getSession().getComponent(Visits);
    visits.count++;
    const path = request.postpath.join("/");
    return page(
      "Your visits",
      `<p>Visit ${visits.count} since ${visits.since}, now /${escape(path)}.</p>
<p>Reload the page, open it in another browser, or go to
<a href="/tea">another path</a>.</p>`,
    );
  }
}

export const site = new Site(new CountVisits());

if (import.meta.main) serve(site, "Visit / and reload it, and then /tea");
