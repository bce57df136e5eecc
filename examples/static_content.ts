// Static content: the files in a folder, as they are.
//
//   deno run --allow-net --allow-read=examples/files examples/static_content.ts
//
// Visit http://localhost:8080/: that is examples/files/index.html, with its
// stylesheet beside it. http://localhost:8080/teas/ lists a folder. Change a
// file and reload.

import { Site } from "../mod.ts";
import { StaticFile } from "../resources/static.ts";
import { serve } from "./serve.ts";

const folder = new URL("./files", import.meta.url);

export const site = new Site(new StaticFile(folder, { listing: true }));

if (import.meta.main) serve(site, "Visit / and /teas/");
