// Presence: a list of the visitors who are here, which changes by itself.
//
//   deno run --allow-net examples/who_is_here.ts
//
// Visit http://localhost:8080/ in two browsers, with two names. Close one of them:
// ten seconds later its visitor is away. Log out: the visitor is gone at once.

import { escape } from "@std/html";
import {
  type EventStream,
  Resource,
  SessionClock,
  Site,
  type SiteRequest,
} from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

/** The visitors who are present or away. */
const visitors = new Map<string, string>();
const streams = new Set<EventStream>();

const list = () =>
  [...visitors].map(([name, state]) => `${name} is ${state}`).sort();

class Home extends Resource {
  override render_GET(request: SiteRequest): string {
    if (request.principal === undefined) {
      return page(
        "Who is here?",
        `<form method="post"><label>Your name
<input name="name" required maxlength="40"></label> <button>Come in</button></form>`,
      );
    }
    return page(
      "Who is here?",
      `<p>You are ${escape(request.principal)}.</p>
<ul id="here"></ul>
<form method="post" action="leave"><button>Log out</button></form>
<script src="/clock/script.js" data-presence></script>
<script>
new EventSource("list").onmessage = ({ data }) => {
  here.replaceChildren(...JSON.parse(data).map((text) =>
    Object.assign(document.createElement("li"), { textContent: text })));
};
</script>`,
    );
  }

  override async render_POST(request: SiteRequest): Promise<Response> {
    const form = await request.formData();
    request.logIn(String(form.get("name")));
    return request.redirect("/", 303);
  }
}

class List extends Resource {
  override render_GET(request: SiteRequest): Response {
    const events = request.session?.events(request);
    if (events === undefined) return new Response(null, { status: 204 });
    streams.add(events);
    events.signal.addEventListener("abort", () => streams.delete(events));
    events.send(JSON.stringify(list()));
    return events.response;
  }
}

class Leave extends Resource {
  override render_POST(request: SiteRequest): Response {
    request.logOut();
    return request.redirect("/", 303);
  }
}

const root = new Resource()
  .putChild("", new Home())
  .putChild("list", new List())
  .putChild("leave", new Leave())
  .putChild("clock", new SessionClock());

export const site = new Site(root, { sessionTimeout: 600 });
site.sessions.onPresence(({ principal, state }) => {
  if (state === "offline") visitors.delete(principal);
  else visitors.set(principal, state);
  for (const events of streams) events.send(JSON.stringify(list()));
});

if (import.meta.main) serve(site, "Visit / in two browsers");
