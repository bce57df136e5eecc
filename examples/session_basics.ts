// A session: each visitor has one, and it has a name.
//
//   deno run --allow-net examples/session_basics.ts
//
// Visit http://localhost:8080/ and reload it: the uid stays the same. Another
// browser, or a private window, sees another. Visit
// http://localhost:8080/expire, and then the first page again: a new uid.

import { listen, Resource, Site, type SiteRequest } from "../mod.ts";

class ShowSession extends Resource {
  override render_GET(request: SiteRequest): string {
    // The uid is safe to show: it names the session, and opens nothing.
    return `Your session is ${request.getSession().uid}.`;
  }
}

class LogOut extends Resource {
  override render_GET(request: SiteRequest): string {
    // It creates no session for a visitor who has none.
    request.logOut();
    return "Your session has ended.";
  }
}

const root = new Resource();
root.putChild("", new ShowSession());
root.putChild("expire", new LogOut());

export const site = new Site(root);

if (import.meta.main) listen(site, "tcp:8080");
