// Events: a counter for as long as your session lasts.
//
//   deno run --allow-net examples/events.ts
//
// Visit http://localhost:8080/ and watch the counter. Events do not prolong the
// session: it ends after ten seconds, and the page says so. Reload the page, in
// another tab too, and the session lasts ten seconds more. With a store you could
// restart the program, and the page would go on counting.

import { Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class CounterPage extends Resource {
  override render_GET(request: SiteRequest): string {
    request.getSession();
    return page(
      "Counter",
      `<p>Wait for ten seconds: your session ends. Reload the page before, in
another tab too, and it lasts ten seconds more.</p>
<p id="counter"></p>
<script>
let events;
function listen() {
  events = new EventSource("events");
  events.onmessage = ({ data }) => counter.textContent = data;
  events.addEventListener("end", ({ data }) => {
    // A browser would come back for more.
    events.close();
    counter.textContent = "Your session has ended: " + JSON.parse(data).reason;
  });
  events.onerror = async () => {
    // Browsers come back by themselves. They give up if there is no session any
    // more, and if a proxy says that the site is away.
    if (events.readyState !== EventSource.CLOSED) return;
    const { status } = await fetch("events", { method: "HEAD" }).catch(() => ({}));
    if (status === 204) counter.textContent = "Your session has ended";
    else setTimeout(listen, 2000 + 3000 * Math.random());
  };
}
listen();
</script>`,
    );
  }
}

class CounterEvents extends Resource {
  override render_GET(request: SiteRequest): Response {
    // Not getSession(): a browser connects again without its visitor.
    const events = request.session?.events(request);
    if (events === undefined) return new Response(null, { status: 204 });
    // A browser that comes back sends the id of the last event that it has seen.
    let count = Number(request.getHeader("last-event-id") ?? 0);
    const timer = setInterval(() => {
      count++;
      events.send({ id: `${count}`, data: count });
    }, 100);
    events.signal.addEventListener("abort", () => clearInterval(timer));
    return events.response;
  }
}

const root = new Resource();
root.putChild("", new CounterPage());
root.putChild("events", new CounterEvents());

export const site = new Site(root, { sessionTimeout: 10 });

if (import.meta.main) serve(site, "Visit / and wait for ten seconds");
