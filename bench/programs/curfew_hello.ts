/** Curfew in "hello": one resource. */

import { Resource, Site } from "../../mod.ts";

class Hello extends Resource {
  override render_GET(): string {
    return "hello";
  }
}

const site = new Site(new Resource().putChild("hello", new Hello()));
Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, site.fetch);
