// One of the scripts that examples/scripts.ts serves, as /clock.

import { Resource } from "../../mod.ts";

class Clock extends Resource {
  override render_GET(): string {
    return `It is ${new Date().toUTCString()}.`;
  }
}

export const resource: Resource = new Clock();
