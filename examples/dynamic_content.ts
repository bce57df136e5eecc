// Dynamic content: a page that is made when it is asked for.
//
//   deno run --allow-net examples/dynamic_content.ts
//
// Visit http://localhost:8080/ for the time, and reload it: time passes.

import { listen, Resource, Site } from "../mod.ts";

class ClockPage extends Resource {
  // The page stands for all that might be below it: any path will do.
  override isLeaf = true;

  override render_GET(): string {
    return `<!DOCTYPE html><title>Clock</title><p>${new Date().toUTCString()}`;
  }
}

export const site = new Site(new ClockPage());

if (import.meta.main) listen(site, "tcp:8080");
