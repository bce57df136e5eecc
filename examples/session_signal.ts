// The signal of a session: work that you begin for a visitor stops with the
// session.
//
//   deno run --allow-net examples/session_signal.ts
//
// Visit http://localhost:8080/: the slow service answers after ten seconds. Visit
// http://localhost:8080/leave meanwhile in another tab: the first tab says at once
// that it was stopped.

import { Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class SlowPage extends Resource {
  /** The URL of a slow service. */
  service = "http://localhost:8080/service";

  override async render_GET(request: SiteRequest): Promise<string> {
    const { signal } = request.getSession();
    try {
      const response = await fetch(this.service, { signal });
      return answerPage(`It answered: ${await response.text()}`);
    } catch (error) {
      if (!signal.aborted) throw error;
      return answerPage(`It was stopped: ${signal.reason.end.reason}`);
    }
  }
}

function answerPage(text: string): string {
  return page(
    "The slow service",
    `<p>${text}</p>
<p>Reload the page, and visit <a href="leave" target="_blank">the way out</a>
within ten seconds.</p>`,
  );
}

class LeavePage extends Resource {
  override render_GET(request: SiteRequest): string {
    request.logOut();
    return page(
      "Goodbye",
      `<p>You have left.</p>
<p>The page in the other tab was stopped. <a href="./">Begin again</a></p>`,
    );
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

export const slowPage = new SlowPage();
const root = new Resource();
root.putChild("", slowPage);
root.putChild("leave", new LeavePage());
root.putChild("service", new SlowService());

export const site = new Site(root);

if (import.meta.main) {
  const hint = "Visit /, and within ten seconds /leave in another tab";
  const { port } = serve(site, hint).addr;
  slowPage.service = `http://localhost:${port}/service`;
}
