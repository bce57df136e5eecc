// Streamed answers: server-sent events, one a second for as long as you stay.
//
//   deno run --allow-net examples/streamed_answer.ts
//
// Visit http://localhost:8080/ and watch the clock, or see its events: curl
// --no-buffer http://localhost:8080/events. Ctrl-C ends the streams too.

import { Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class ClockPage extends Resource {
  override render_GET(): string {
    return page(
      "Clock",
      `<p>The time comes once a second. Stop the program: the clock stops too.</p>
<p id="clock"></p>
<script>
const events = new EventSource("events");
events.onmessage = ({ data }) => clock.textContent = data;
</script>`,
    );
  }
}

class ClockEvents extends Resource {
  override render_GET(request: SiteRequest): ReadableStream<Uint8Array> {
    request.setHeader("content-type", "text/event-stream");
    request.setHeader("cache-control", "no-store");
    let timer: ReturnType<typeof setTimeout>;
    const events = new ReadableStream<string>({
      // Called whenever the visitor has taken what there was.
      async pull(controller) {
        await new Promise((resolve) => timer = setTimeout(resolve, 1000));
        controller.enqueue(`data: ${new Date().toUTCString()}\n\n`);
      },
      // The visitor has left, or the server is stopping.
      cancel: () => clearTimeout(timer),
    });
    return events.pipeThrough(new TextEncoderStream());
  }
}

const root = new Resource();
root.putChild("", new ClockPage());
root.putChild("events", new ClockEvents());

export const site = new Site(root);

if (import.meta.main) serve(site, "Visit / and watch the clock");
