// A clock in a Preact application: a hook with the time that is left.
//
//   deno run --allow-net --allow-read examples/clock_preact.ts
//
// Visit http://localhost:8080/ and wait for ten seconds: the bar counts down from
// 20. The hook is the same in React.

import { Resource, SessionClock, Site, type SiteRequest } from "../mod.ts";
import { StaticData } from "../resources/static.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

const APP = `
import { h, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { signOut, stay, subscribe } from "./clock/client.js";

function useSession(lead) {
  const [state, setState] = useState({ status: "unknown" });
  useEffect(() => subscribe(setState, { lead }), [lead]);
  return state;
}

function SessionBar() {
  const { status, secondsLeft, canStay } = useSession(20);
  if (status === "ended") return h("p", {}, "You have been signed out.");
  if (status !== "warning") return h("p", {}, "You are signed in.");
  return h("p", { role: "status" }, [
    secondsLeft + " s left ",
    canStay && h("button", { onClick: stay }, "Stay"),
    h("button", { onClick: signOut }, "Sign out"),
  ]);
}

render(h(SessionBar), document.querySelector("#app"));
`;

class AppPage extends Resource {
  override render_GET(request: SiteRequest): string {
    request.getSession();
    return page(
      "Application",
      `<p>Wait for ten seconds: the bar counts down.</p>
<div id="app"></div>
<script type="importmap">
{ "imports": { "preact": "./preact.js", "preact/hooks": "./hooks.js" } }
</script>
<script src="app.js" type="module"></script>`,
    );
  }
}

/** Serves a module of an npm package; a bundler would do that for you. */
class PackageModule extends Resource {
  readonly #specifier: string;

  constructor(specifier: string) {
    super();
    this.#specifier = specifier;
  }

  override async render_GET(request: SiteRequest): Promise<string> {
    request.setHeader("content-type", "text/javascript");
    // Has Deno download the package, so that it has a file.
    await import(this.#specifier);
    const url = new URL(import.meta.resolve(this.#specifier));
    return await Deno.readTextFile(url);
  }
}

const root = new Resource();
root.putChild("", new AppPage());
root.putChild("app.js", new StaticData(APP, "text/javascript"));
root.putChild("preact.js", new PackageModule("preact"));
root.putChild("hooks.js", new PackageModule("preact/hooks"));
root.putChild("clock", new SessionClock());

export const site = new Site(root, { sessionTimeout: 30 });

if (import.meta.main) serve(site, "Visit / and wait for ten seconds");
