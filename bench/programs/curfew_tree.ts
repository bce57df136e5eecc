/**
 * A site with several levels of many children: `curfew_tree.ts PORT CHILDREN DEPTH`.
 *
 * The children are `child0`, `child1` and so on. The first child of a level has the
 * children of the next level. All others, and the children of the last level, return
 * "hello". `/visits` lists the requests of the load as JSON: up to 1,000 children of
 * the last level.
 */

import { Resource, Site } from "../../mod.ts";
import type { LoadRequest } from "../wrk.ts";

/** The most paths that wrk requests by turns. */
const ASKED = 1000;

class Hello extends Resource {
  override render_GET(): string {
    return "hello";
  }
}

class VisitList extends Resource {
  override render_GET(): Response {
    return Response.json(visits);
  }
}

function grow(children: number, depth: number): Resource {
  if (depth === 0) return new Hello();
  const first = grow(children, depth - 1);
  const resource = new Resource().putChild("child0", first);
  for (let i = 1; i < children; i++) {
    resource.putChild(`child${i}`, new Hello());
  }
  return resource;
}

const [port = 0, children = 1, depth = 1] = Deno.args.map(Number);
const step = Math.max(1, Math.floor(children / ASKED));
const visits: LoadRequest[] = [];
for (let i = 0; i < children; i += step) {
  visits.push({ path: `${"/child0".repeat(depth - 1)}/child${i}` });
}
const root = grow(children, depth).putChild("visits", new VisitList());
const site = new Site(root);
Deno.serve({ hostname: "127.0.0.1", port }, site.fetch);
