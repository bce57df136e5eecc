// Error handling: built-in error pages, and pages of your own.
//
//   deno run --allow-net examples/error_handling.ts
//
// Visit http://localhost:8080/staff, which you may not see, and
// http://localhost:8080/coffee, which is not there. http://localhost:8080/broken
// fails: the visitor sees an apology, and the terminal shows the error.

import { forbidden, listen, notFound, Resource, Site } from "../mod.ts";

class Broken extends Resource {
  override render_GET(): string {
    throw new Error("The kettle is empty");
  }
}

class Apology extends Resource {
  override render_GET(): string {
    return "<h1>We are sorry</h1><p>Something broke. Please try again later.";
  }
}

const root = new Resource();
root.putChild("staff", forbidden("Staff Only", "Our cats are very shy."));
root.putChild("broken", new Broken());

export const site = new Site(root, {
  notFoundPage: notFound("No Such Tea", "We have green tea and black tea."),
  serverErrorPage: new Apology(),
});

if (import.meta.main) listen(site, "tcp:8080");
