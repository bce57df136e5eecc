// Authentication: a guard that asks for a name and a password.
//
//   deno run --allow-net examples/authentication.ts
//
// Visit http://localhost:8080/ and log in as alice, with the password "open
// sesame". The browser sends it to /basic with each request. At /session it is
// checked once, and the session remembers you: `curl -i -u "alice:open sesame"`
// shows the cookie.

import { escape } from "@std/html";
import {
  Guard,
  passwordCheck,
  Resource,
  SessionGuard,
  Site,
  type SiteRequest,
} from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class Treasure extends Resource {
  override isLeaf = true;

  override render_GET(request: SiteRequest): string {
    return page(
      "Treasure",
      `<p>The treasure is yours, ${escape(request.user ?? "stranger")}.</p>
<p><a href="./">Back to the entrance</a></p>`,
    );
  }
}

// In real life passwords do not stand in a program: hand in a function that
// asks a database.
const check = passwordCheck({ alice: "open sesame" });
const realm = "Ali Baba's cave";

class Cave extends Resource {
  override render_GET(): string {
    return page(
      "Ali Baba's cave",
      `<p>Log in as alice, with the password "open sesame":</p>
<ul>
<li><a href="basic">each time</a>
<li><a href="session">once, and the session remembers you</a>
</ul>`,
    );
  }
}

const root = new Resource();
root.putChild("", new Cave());
root.putChild("basic", new Guard(new Treasure(), check, { realm }));
root.putChild("session", new SessionGuard(new Treasure(), check, { realm }));

export const site = new Site(root);

if (import.meta.main) {
  serve(site, 'Visit / and log in as alice, with "open sesame"');
}
