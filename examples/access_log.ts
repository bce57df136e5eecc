// Access logging: a line for each request, as Apache and nginx write them.
//
//   deno run --allow-net examples/access_log.ts
//
// Visit http://localhost:8080/ and http://localhost:8080/nothing: the terminal
// prints the address, the time, the request and the status. (Deno may warn once
// about its own request.signal, which does no harm.)
//
// The log may also be a stream: (await Deno.open("access.log", { append: true,
// create: true })).writable, with --allow-write=access.log.

import { Resource, Site } from "../mod.ts";
import { StaticData } from "../resources/static.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

const root = new Resource();
root.putChild(
  "",
  new StaticData(
    page(
      "Access log",
      `<p>You are in the log.</p>
<p>The terminal shows the line of this request. Try
<a href="nothing">a page that does not exist</a>.</p>`,
    ),
    "text/html; charset=utf-8",
  ),
);

export const site = new Site(root, { accessLog: (line) => console.log(line) });

if (import.meta.main) {
  serve(site, "Visit / and /nothing, and read the log here");
}
