// Authentication: a guard that asks for a name and a password.
//
//   deno run --allow-net examples/authentication.ts
//
// Visit http://localhost:8080/basic as alice, with the password "open sesame".
// The browser sends it with each request. At http://localhost:8080/session it is
// checked once, and the session remembers you: `curl -i -u "alice:open sesame"`
// shows the cookie.

import { escape } from "@std/html";
import {
  Guard,
  listen,
  passwordCheck,
  Resource,
  SessionGuard,
  Site,
  type SiteRequest,
} from "../mod.ts";

class Treasure extends Resource {
  override isLeaf = true;

  override render_GET(request: SiteRequest): string {
    return `The treasure is yours, ${escape(request.user ?? "stranger")}.`;
  }
}

// In real life passwords do not stand in a program: hand in a function that
// asks a database.
const check = passwordCheck({ alice: "open sesame" });
const realm = "Ali Baba's cave";

const root = new Resource();
root.putChild("basic", new Guard(new Treasure(), check, { realm }));
root.putChild("session", new SessionGuard(new Treasure(), check, { realm }));

export const site = new Site(root);

if (import.meta.main) listen(site, "tcp:8080");
