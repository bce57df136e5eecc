// Static dispatch: a tree whose branches are known beforehand.
//
//   deno run --allow-net examples/static_dispatch.ts
//
// Visit http://localhost:8080/, http://localhost:8080/teas/ and
// http://localhost:8080/teas/green: each segment of the path is a child.
// http://localhost:8080/tea sends you to the second, and there is no
// http://localhost:8080/coffee.

import { listen, Redirect, Resource, Site } from "../mod.ts";
import { StaticData } from "../resources/static.ts";

function page(html: string): Resource {
  return new StaticData(html, "text/html; charset=utf-8");
}

const teas = new Resource();
// The child "" is the folder itself, after the slash at the end.
teas.putChild("", page('<a href="green">Green</a>, <a href="black">black</a>'));
teas.putChild("green", page("Green tea takes two minutes."));
teas.putChild("black", page("Black tea takes four minutes."));

const root = new Resource();
root.putChild("", page('What about <a href="teas/">tea</a>?'));
root.putChild("teas", teas);
root.putChild("tea", new Redirect("/teas/"));

export const site = new Site(root);

if (import.meta.main) listen(site, "tcp:8080");
