// Twisted's "Session Endings": a session that says when it is over.
//
//   deno run --allow-net examples/logme.ts
//
// Visit http://localhost:8080/logme. Keep visiting it to keep your session;
// stay away for five seconds to see it expire.

import { Resource, Session, Site, type SiteRequest } from "../mod.ts";
import { serve } from "./serve.ts";

class ShortSession extends Session {
  override sessionTimeout = 5;
}

class ExpirationLogger extends Resource {
  readonly sessions = new Set<string>();

  override render_GET(request: SiteRequest): string {
    const session = request.getSession();
    if (!this.sessions.has(session.uid)) {
      this.sessions.add(session.uid);
      session.notifyOnExpire(() => this.#expired(session.uid));
    }
    return "";
  }

  #expired(uid: string): void {
    console.log("Session", uid, "has expired.");
    this.sessions.delete(uid);
  }
}

const root = new Resource();
root.putChild("logme", new ExpirationLogger());

export const site = new Site(root);
site.sessionFactory = ShortSession;

if (import.meta.main) {
  serve(site, "Visit /logme, then stay away for five seconds");
}
