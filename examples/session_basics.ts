// A session: each visitor has one, and it has a name.
//
//   deno run --allow-net examples/session_basics.ts
//
// Visit http://localhost:8080/ and reload it: the uid stays the same. Another
// browser, or a private window, has another uid. Visit
// http://localhost:8080/expire, and then the first page again: a new uid.

import { Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class ShowSession extends Resource {
  override render_GET(request: SiteRequest): string {
    // The uid is safe to show: it names the session, and opens nothing.
    return page(
      "Your session",
      `<p>Your session is ${request.getSession().uid}.</p>
<p>Reload the page, open it in another browser, or <a href="expire">end your
session</a>.</p>`,
    );
  }
}

class LogOut extends Resource {
  override render_GET(request: SiteRequest): string {
    // It creates no session for a visitor who has none.
    request.logOut();
    return page(
      "Goodbye",
      `<p>Your session has ended.</p>
<p>Go back to <a href="./">the first page</a>: it shows a new session.</p>`,
    );
  }
}

const root = new Resource();
root.putChild("", new ShowSession());
root.putChild("expire", new LogOut());

export const site = new Site(root);

if (import.meta.main) serve(site, "Visit / and reload it, and then /expire");
