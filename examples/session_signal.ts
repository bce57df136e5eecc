// The signal of a session: work that you begin for a visitor stops with the
// session.
//
//   deno run --allow-net examples/session_signal.ts
//
// Visit http://localhost:8080/: the slow service answers after ten seconds. Visit
// http://localhost:8080/leave meanwhile in another tab: the first tab says at once
// that it was stopped.

import { listen, Resource, Site, type SiteRequest } from "../mod.ts";

/** The URL of a slow service. */
const service = "http://localhost:8080/service";

class SlowPage extends Resource {
  /** The URL to fetch; tests set another one. */
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
    request.logOut();
    return "You have left.";
  }
}

class SlowService extends Resource {
  override render_GET(request: SiteRequest): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(() => resolve("42"), 10_000);
    // The fetch was stopped, so this side stops too.
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
