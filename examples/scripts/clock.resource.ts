// One of the scripts that examples/scripts.ts serves, as /clock.

import { Resource } from "../../mod.ts";
import { page } from "../page.ts";

class Clock extends Resource {
  override render_GET(): string {
    return page(
      "Clock",
      `<p>It is ${new Date().toUTCString()}.</p>
<p>Change examples/scripts/clock.resource.ts, and reload the page.</p>`,
    );
  }
}

export const resource: Resource = new Clock();
