/**
 * The README's first example on Node, as a program of its own: it prints its
 * address, and what a stop ends.
 *
 * @module
 */

import process from "node:process";
import { Resource, Session, Site, type SiteRequest } from "@curfew/web";
import { serve } from "@curfew/web/node";

class ShortSession extends Session {
  override sessionTimeout = 0.3;
}

class ExpirationLogger extends Resource {
  override render_GET(request: SiteRequest): string {
    const session = request.getSession();
    if (request.isNewSession) {
      session.notifyOnExpire(({ uid, reason }) => {
        console.log("Session", uid, "has expired:", reason);
      });
    }
    return session.uid;
  }
}

class Slow extends Resource {
  override async render_GET(): Promise<string> {
    console.log("slow");
    await new Promise((resolve) => setTimeout(resolve, 300));
    return "done";
  }
}

const root = new Resource()
  .putChild("logme", new ExpirationLogger())
  .putChild("slow", new Slow());
const site = new Site(root, {
  sessionFactory: process.argv.includes("--short") ? ShortSession : Session,
});
const [port = "--port=0"] = process.argv.filter((arg) =>
  arg.startsWith("--port=")
);
const { finished } = serve(site, {
  port: Number(port.slice("--port=".length)),
  hostname: "127.0.0.1",
  onListen: ({ port }) => console.log("port", port),
});
await finished;
console.log("finished");
