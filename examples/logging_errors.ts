// Logging errors: all that goes wrong comes to one place.
//
//   deno run --allow-net examples/logging_errors.ts
//
// Visit http://localhost:8080/teas/chai: you are told nothing of the error, and
// the terminal says which request it was and what went wrong. So it does of
// http://localhost:8080/late, whose callback fails when your session ends, a
// second later.

import { listen, Resource, Site, type SiteRequest } from "../mod.ts";

class Teas extends Resource {
  override getChild(name: string): Resource {
    throw new Error(`No leaves of ${JSON.stringify(name)}`);
  }
}

class Late extends Resource {
  override render_GET(request: SiteRequest): string {
    const session = request.getSession();
    session.sessionTimeout = 1;
    session.notifyOnExpire(() => {
      throw new Error("Nobody is left to say goodbye to");
    });
    return "See you.";
  }
}

const root = new Resource();
root.putChild("teas", new Teas());
root.putChild("late", new Late());

export const site = new Site(root, {
  onError(error, { request, session }) {
    const where = request === undefined
      ? `Session ${session?.uid}`
      : `${request.method} /${request.prepath.join("/")}`;
    console.error(where, error);
  },
});

if (import.meta.main) listen(site, "tcp:8080");
