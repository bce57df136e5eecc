// Timeouts: short for all visitors, longer for one who asks to be remembered.
//
//   deno run --allow-net examples/short_session.ts
//
// Visit http://localhost:8080/ and reload it: your session lasts ten seconds
// from each visit. Stay away for longer, and you are a new visitor. Visit
// http://localhost:8080/remember: now you may stay away for an hour.

import { Resource, Session, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class ShortSession extends Session {
  override sessionTimeout = 10;
}

class Welcome extends Resource {
  override render_GET(request: SiteRequest): string {
    const { uid, sessionTimeout } = request.getSession();
    return page(
      "Short session",
      `<p>Session ${uid} ends after ${sessionTimeout} seconds away.</p>
<p>Stay away for that long and reload the page, or
<a href="remember">be remembered</a>.</p>`,
    );
  }
}

class Remember extends Resource {
  override render_GET(request: SiteRequest): string {
    // This session only; it counts as soon as the visitor has the answer.
    request.getSession().sessionTimeout = 60 * 60;
    return page(
      "Remembered",
      `<p>You are remembered for an hour.</p>
<p>See <a href="./">your session</a>.</p>`,
    );
  }
}

const root = new Resource();
root.putChild("", new Welcome());
root.putChild("remember", new Remember());

export const site = new Site(root, { sessionFactory: ShortSession });

if (import.meta.main) {
  serve(site, "Visit / and stay away for ten seconds, or visit /remember");
}
