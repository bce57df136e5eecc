// One of the scripts that examples/scripts.ts serves, as /greeting and below.

import { escape } from "@std/html";
import { Resource, type SiteRequest } from "../../mod.ts";

class Greeting extends Resource {
  override isLeaf = true;

  override render_GET(request: SiteRequest): string {
    const [name = "stranger"] = request.postpath;
    return `Hello, ${escape(name)}.`;
  }
}

export const resource: Resource = new Greeting();
