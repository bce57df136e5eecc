// A clock: the page warns before your session ends, and you stay or leave.
//
//   deno run --allow-net examples/session_clock.ts
//
// Visit http://localhost:8080/ and wait for ten seconds: a dialog counts down from
// 20. Open a second tab: what you choose in one counts in both. See what the
// script asks for: curl http://localhost:8080/clock.

import {
  listen,
  Resource,
  SessionClock,
  Site,
  type SiteRequest,
} from "../mod.ts";

class DeskPage extends Resource {
  override render_GET(request: SiteRequest): string {
    request.getSession();
    // Neither inline scripts nor inline styles: the clock needs none.
    request.setHeader("content-security-policy", "default-src 'self'");
    return `<!DOCTYPE html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>Desk</title>
<main>
<h1>Your desk</h1>
<label>Notes <textarea autofocus></textarea></label>
</main>
<script src="clock/script.js" data-lead="20" defer></script>
</html>`;
  }
}

const root = new Resource();
root.putChild("", new DeskPage());
root.putChild("clock", new SessionClock());

export const site = new Site(root, { sessionTimeout: 30 });

if (import.meta.main) listen(site, "tcp:8080");
