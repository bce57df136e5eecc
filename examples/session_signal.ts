// The signal of a session: what you have begun for a visitor stops with the
// session, and needs no cleaning up.
//
//   deno run --allow-net examples/session_signal.ts
//
// Visit http://localhost:8080/: it is ten seconds until the slow service has
// answered. Visit http://localhost:8080/leave meanwhile in another tab: the first
// says at once that it was stopped.

import { listen, Resource, Site, type SiteRequest } from "../mod.ts";

/** Where there is something to fetch: a service that takes its time. */
const service = "http://localhost:8080/service";

class SlowPage extends Resource {
  /** What is fetched; another one in tests. */
  service: string = service;

  override async render_GET(request: SiteRequest): Promise<string> {
    const { signal } = request.getSession();
    try {
      const response = await fetch(this.service, { signal });
      return `It answered: ${await response.text()}`;
    } catch (error) {
      if (!signal.aborted) throw error;
      return `It was stopped: ${signal.reason.end.reason}`;
    }
  }
}

class LeavePage extends Resource {
  override render_GET(request: SiteRequest): string {
    request.session?.expire();
    return "You have left.";
  }
}

class SlowService extends Resource {
  override render_GET(request: SiteRequest): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(() => resolve("42"), 10_000);
    // The fetch was stopped: so it is on this side.
    request.signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve("");
    });
    return promise;
  }
}

export const page = new SlowPage();
const root = new Resource();
root.putChild("", page);
root.putChild("leave", new LeavePage());
root.putChild("service", new SlowService());

export const site = new Site(root);

if (import.meta.main) listen(site, "tcp:8080");
