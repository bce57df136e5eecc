/**
 * A site whose every resource has a number of children, and is some levels
 * deep: `curfew_tree.ts PORT CHILDREN DEPTH`.
 *
 * The children are called `child0`, `child1` and so on; only the first of a
 * level goes on to the next, and what is on the last says "hello".
 */

import { Resource, Site } from "../../mod.ts";

class Hello extends Resource {
  override render_GET(): string {
    return "hello";
  }
}

function grow(children: number, depth: number): Resource {
  if (depth === 0) return new Hello();
  const resource = new Resource().putChild(
    "child0",
    grow(children, depth - 1),
  );
  for (let i = 1; i < children; i++) resource.putChild(`child${i}`, new Hello());
  return resource;
}

const [port, children, depth] = Deno.args.map(Number) as [
  number,
  number,
  number,
];
const site = new Site(grow(children, depth));
Deno.serve({ hostname: "127.0.0.1", port }, site.fetch);
