// Error handling: built-in error pages, and pages of your own.
//
//   deno run --allow-net examples/error_handling.ts
//
// Visit http://localhost:8080/staff, which you may not see, and
// http://localhost:8080/coffee, which does not exist. http://localhost:8080/broken
// fails: the visitor sees an apology, and the terminal shows the error.

import { forbidden, notFound, Resource, Site } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class Broken extends Resource {
  override render_GET(): string {
    throw new Error("The kettle is empty");
  }
}

class Apology extends Resource {
  override render_GET(): string {
    return page(
      "We are sorry",
      "<p>Something broke. Please try again later.</p>",
    );
  }
}

class Front extends Resource {
  override render_GET(): string {
    return page(
      "Errors",
      `<p>Try <a href="staff">a page that you may not see</a>,
<a href="coffee">a page that is not there</a>, and
<a href="broken">a page that fails</a>.</p>`,
    );
  }
}

const root = new Resource();
root.putChild("", new Front());
root.putChild("staff", forbidden("Staff Only", "Our cats are very shy."));
root.putChild("broken", new Broken());

export const site = new Site(root, {
  notFoundPage: notFound("No Such Tea", "We have green tea and black tea."),
  serverErrorPage: new Apology(),
});

if (import.meta.main) serve(site, "Visit /staff, /coffee and /broken");
