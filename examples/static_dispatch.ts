// Static dispatch: a tree whose branches are known beforehand.
//
//   deno run --allow-net examples/static_dispatch.ts
//
// Visit http://localhost:8080/, http://localhost:8080/teas/ and
// http://localhost:8080/teas/green: each segment of the path is a child.
// http://localhost:8080/tea redirects to /teas/, and http://localhost:8080/coffee
// is a 404.

import { Redirect, Resource, Site } from "../mod.ts";
import { StaticData } from "../resources/static.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

function teaPage(body: string): Resource {
  return new StaticData(
    page("Tea", `<p>${body}</p>`),
    "text/html; charset=utf-8",
  );
}

const teas = new Resource();
// The child "" is the folder itself, after the slash at the end.
const links = 'Try <a href="green">green</a> or <a href="black">black</a> tea.';
teas.putChild("", teaPage(links));
teas.putChild("green", teaPage("Green tea takes two minutes."));
teas.putChild("black", teaPage("Black tea takes four minutes."));

const root = new Resource();
root.putChild("", teaPage('What about <a href="teas/">tea</a>?'));
root.putChild("teas", teas);
root.putChild("tea", new Redirect("/teas/"));

export const site = new Site(root);

if (import.meta.main) serve(site, "Visit / and /teas/green");
