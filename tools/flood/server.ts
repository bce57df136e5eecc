/**
 * The server that is flooded: pages with sessions, forms and streams of events. It
 * prints its port, and each second the facts that the verdict needs, as JSON.
 *
 * @module
 */

import { listen, Resource, Site, type SiteRequest } from "../../mod.ts";

/** Facts of one second. */
export interface Second {
  /** The longest delay of the end of a session, in seconds. */
  readonly lateness: number;
  /** The number of sessions that have ended by their deadline. */
  readonly ends: number;
  /** Bytes of memory. */
  readonly rss: number;
  /** Open streams of events. */
  readonly streams: number;
  /** How often the server has run out of open files. */
  readonly breakdowns: number;
}

/** Milliseconds between two sessions that end after a second. */
const EVERY = 50;

class Hello extends Resource {
  override render_GET(request: SiteRequest): string {
    return request.getSession().uid;
  }
}

class Form extends Resource {
  override async render_POST(request: SiteRequest): Promise<string> {
    return String([...await request.formData()].length);
  }
}

class Events extends Resource {
  count = 0;
  override render_GET(request: SiteRequest): Response {
    const stream = request.getSession().events(request);
    this.count++;
    stream.signal.addEventListener("abort", () => this.count--);
    stream.send("hello");
    return stream.response;
  }
}

if (import.meta.main) {
  const events = new Events();
  let breakdowns = 0;
  const root = new Resource().putChild("", new Hello())
    .putChild("form", new Form()).putChild("events", events);
  const site = new Site(root, {
    onError: (error) => {
      if (/Cannot accept/.test(String(error))) breakdowns++;
      else console.error(String(error));
    },
  });
  let lateness = 0;
  let ends = 0;
  site.notifyOnSessionEnd((end) => {
    if (end.reason !== "idle") return;
    ends++;
    lateness = Math.max(lateness, end.lateness ?? 0);
  });
  setInterval(() => {
    const session = site.makeSession();
    session.sessionTimeout = 1;
    session.touch();
  }, EVERY);
  setInterval(() => {
    const { rss } = Deno.memoryUsage();
    const second: Second = {
      lateness,
      ends,
      rss,
      streams: events.count,
      breakdowns,
    };
    lateness = 0;
    console.log(JSON.stringify(second));
  }, 1000);
  listen(site, {
    port: 0,
    hostname: "127.0.0.1",
    onListen: ({ port }) => console.log(port),
  });
}
