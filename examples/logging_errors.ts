// Logging errors: all errors of a site come to one callback.
//
//   deno run --allow-net examples/logging_errors.ts
//
// Visit http://localhost:8080/teas/chai: the page says nothing of the error, and
// the terminal shows the request and the error. Visit http://localhost:8080/late:
// your session ends a second later, its callback fails, and the terminal shows the
// session and the error.

import { Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class Teas extends Resource {
  override getChild(name: string): Resource {
    throw new Error(`No leaves of ${JSON.stringify(name)}`);
  }
}

class Late extends Resource {
  override render_GET(request: SiteRequest): string {
    const session = request.getSession();
    session.sessionTimeout = 1;
    if (request.isNewSession) {
      session.notifyOnExpire(() => {
        throw new Error("The goodbye could not be sent");
      });
    }
    return page(
      "See you",
      `<p>Your session ends in a second, and its callback fails. Read the terminal,
and try <a href="teas/chai">a page that fails</a>.</p>`,
    );
  }
}

const root = new Resource();
root.putChild("teas", new Teas());
root.putChild("late", new Late());

export const site = new Site(root, {
  onError(error, { request, session }) {
    const where = request === undefined
      ? `Session ${session?.uid}`
      : `${request.method} /${
        request.prepath.map(encodeURIComponent).join("/")
      }`;
    console.error(where, error);
  },
});

if (import.meta.main) {
  serve(site, "Visit /late and /teas/chai, and read the errors here");
}
