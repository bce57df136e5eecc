// The session monitor: a page that shows the live sessions and those that end.
//
//   deno run --allow-net examples/monitor.ts
//
// Visit http://localhost:8080/ in a window or two: each is a session that ends
// after a minute without a visit. Then look at http://localhost:8080/monitor
// (user "admin", password "open sesame"), which shows the time that each has left
// and can end it. http://localhost:8080/login?as=Ada logs Ada in.
//
//   deno run --allow-net examples/monitor.ts --crowd=100000
//
// makes as many more sessions at the start, and some each second.

import {
  Guard,
  passwordCheck,
  Resource,
  Session,
  Site,
  type SiteRequest,
} from "../mod.ts";
import { SessionMonitor } from "../monitor/mod.ts";
import { page } from "./page.ts";
import { readOption, serve } from "./serve.ts";

class MinuteSession extends Session {
  override sessionTimeout = 60;
}

class Page extends Resource {
  override render_GET(request: SiteRequest): string {
    return page(
      "Your session",
      `<p>You are in session ${request.getSession().uid}.</p>
<p>Open <a href="monitor">the monitor</a> in another tab, as "admin" with the
password "open sesame", or <a href="login?as=Ada">log in as Ada</a>.</p>`,
    );
  }
}

class Login extends Resource {
  override render_GET(request: SiteRequest): Response {
    request.logIn(request.query.get("as") ?? "guest");
    return request.redirect("./");
  }
}

const root = new Resource();
export const site = new Site(root, { sessionFactory: MinuteSession });
const check = passwordCheck({ admin: "open sesame" });
const monitor = new SessionMonitor(site, { title: "Sessions of the example" });
root.putChild("", new Page());
root.putChild("login", new Login());
root.putChild("monitor", new Guard(monitor, check, { realm: "Monitor" }));

/** Makes the session of a visitor, who may be logged in. */
function makeVisitor(): void {
  const session = site.makeSession();
  const names = ["Ada", "Charles", "Grace", "Kurt", "Emmy", "Alan"];
  const name = names[Math.floor(Math.random() * names.length * 2)];
  if (name !== undefined) session.principal = name.toLowerCase();
  session.sessionTimeout = 5 + Math.random() ** 2 * 1800;
  session.startCheckingExpiration();
}

/**
 * Makes many sessions; then visitors come, come again and log out.
 *
 * @returns a function that stops it.
 */
export function makeCrowd(count: number): () => void {
  for (let i = 0; i < count; i++) makeVisitor();
  const timer = setInterval(() => {
    makeVisitor();
    for (const session of site.sessions.values()) {
      const dice = Math.random();
      if (dice < 0.01) session.expire();
      else if (dice < 0.05) session.touch();
      if (dice > 0.9) break;
    }
  }, 400);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

if (import.meta.main) {
  const count = readOption("crowd");
  if (count !== undefined) makeCrowd(Number(count));
  serve(site, 'Visit /, and /monitor as admin, with "open sesame"');
}
