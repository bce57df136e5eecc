// Scripts: modules in a folder that are resources, with no tree to write.
//
//   deno run --allow-net --allow-read=examples examples/scripts.ts
//
// Visit http://localhost:8080/clock: that is what
// examples/scripts/clock.resource.ts exports. http://localhost:8080/greeting/Ada is
// another script. Change one and reload: it is loaded again. A new script beside
// them is served too.

import { Site } from "../mod.ts";
import { ScriptDirectory } from "../resources/static.ts";
import { serve } from "./serve.ts";

const folder = new URL("./scripts", import.meta.url);

export const site = new Site(new ScriptDirectory(folder));

if (import.meta.main) serve(site, "Visit /clock and /greeting/Ada");
