// A clock: the page warns before your session ends, and you stay or leave.
//
//   deno run --allow-net examples/session_clock.ts
//
// Visit http://localhost:8080/ and wait for ten seconds: a dialog counts down from
// 20. Open a second tab: your choice in one tab holds for both. The script asks the
// site for the time that is left; try it: curl http://localhost:8080/clock

import { Resource, SessionClock, Site, type SiteRequest } from "../mod.ts";
import { StaticData } from "../resources/static.ts";
import { style } from "./page.ts";
import { serve } from "./serve.ts";

class DeskPage extends Resource {
  override render_GET(request: SiteRequest): string {
    request.getSession();
    // Neither inline scripts nor inline styles: the clock needs none.
    request.setHeader("content-security-policy", "default-src 'self'");
    return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Desk</title>
<link rel="stylesheet" href="style.css">
<main>
<h1>Your desk</h1>
<p>Wait for ten seconds: a dialog counts down. A second tab shows it too.</p>
<label>Notes <textarea autofocus></textarea></label>
</main>
<script src="clock/script.js" data-lead="20" defer></script>
</html>`;
  }
}

const root = new Resource();
root.putChild("", new DeskPage());
root.putChild("style.css", new StaticData(style, "text/css"));
root.putChild("clock", new SessionClock());

export const site = new Site(root, { sessionTimeout: 30 });

if (import.meta.main) serve(site, "Visit / and wait for ten seconds");
