// One of the scripts that examples/scripts.ts serves, as /greeting and below.

import { escape } from "@std/html";
import { Resource, type SiteRequest } from "../../mod.ts";
import { page } from "../page.ts";

class Greeting extends Resource {
  override isLeaf = true;

  override render_GET(request: SiteRequest): string {
    const [name = "stranger"] = request.postpath;
    return page(
      "Greeting",
      `<p>Hello, ${escape(name)}.</p>
<p>Try <a href="/greeting/Ada">another name</a>.</p>`,
    );
  }
}

export const resource: Resource = new Greeting();
