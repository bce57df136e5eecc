import { Sessions, type Visit } from "@curfew/web/sessions";
import { TestClock } from "@curfew/web/testing";
import { clientOf } from "./client.ts";
import { closing, equal, ok, test } from "./suite.ts";

test("a stream of events ends with its session, and says why", async () => {
  const clock = new TestClock();
  const sessions = closing(new Sessions({ clock, sessionTimeout: 60 }));
  const client = clientOf(sessions, (visit: Visit) => {
    const events = visit.getSession().events(visit);
    events.send({ data: "hello" });
    return events.response;
  });
  const response = await client.open();
  equal(response.headers.get("content-type"), "text/event-stream");
  const text = response.text();
  const [session] = sessions.values();
  session!.expire();
  const received = await text;
  ok(received.includes("data: hello"), received);
  ok(received.includes("event: end"), received);
});

test("a body that streams passes through", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const client = clientOf(sessions, (visit) => {
    visit.getSession();
    const parts = ["one ", "two"];
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const part = parts.shift();
        if (part === undefined) controller.close();
        else controller.enqueue(new TextEncoder().encode(part));
      },
    });
    return new Response(body);
  });
  const { text, setCookie } = await client.send();
  equal(text, "one two");
  ok(setCookie !== null, "no cookie");
});
