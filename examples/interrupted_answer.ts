// Interrupted answers: stop working for a visitor who has left.
//
//   deno run --allow-net examples/interrupted_answer.ts
//
// Visit http://localhost:8080/ and wait for five seconds: the terminal says that
// the page was sent. Visit it again, and press Stop before the page comes: the
// terminal says that you have left, and the timer is cleared. (Deno may warn once
// of its own request.signal, which does no harm.)

import { Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

const ANSWER = page(
  "Slow page",
  `<p>Sorry to keep you waiting.</p>
<p>Reload the page, and press Stop within five seconds: the terminal says that you
have left.</p>`,
);

class SlowPage extends Resource {
  override render_GET(request: SiteRequest): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(() => resolve(ANSWER), 5000);

    // request.signal tells of the same, for a fetch() or a database that takes it.
    request.finished.then(
      () => console.log("The page was sent."),
      () => {
        console.log("The visitor has left.");
        clearTimeout(timer);
        resolve("");
      },
    );
    return promise;
  }
}

export const site = new Site(new Resource().putChild("", new SlowPage()));

if (import.meta.main) {
  serve(site, "Visit / and wait, or press Stop within five seconds");
}
