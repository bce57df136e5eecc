// Dynamic content: a page that is made on request.
//
//   deno run --allow-net examples/dynamic_content.ts
//
// Visit http://localhost:8080/ for the time, and reload it: time passes.

import { Resource, Site } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class ClockPage extends Resource {
  // The page stands for all that might be below it: any path will do.
  override isLeaf = true;

  override render_GET(): string {
    return page(
      "Clock",
      `<p>${new Date().toUTCString()}</p>
<p>Reload the page: time passes. <a href="/any/path">Any path</a> will do.</p>`,
    );
  }
}

export const site = new Site(new ClockPage());

if (import.meta.main) serve(site, "Visit / and reload it");
