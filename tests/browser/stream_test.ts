import { assert, assertEquals } from "@std/assert";
import { site as chat } from "../../examples/chat_socket.ts";
import { site as counter } from "../../examples/events.ts";
import { Resource } from "../../mod.ts";
import { Deployed } from "./helpers_deploy.ts";
import { browserTest, EVIL, pages, sayUid } from "./helpers_browser.ts";

for (const scheme of ["http", "https"] as const) {
  browserTest(
    `A browser is pushed events over ${scheme}, and told of the end`,
    async ({ serve, window }) => {
      const served = serve(counter.resource, { sessionTimeout: 10 });
      const page = await (await window()).tab(served[scheme]("/"));
      await page.waitForFunction("counter.textContent > 1");

      await served.clock.advance(10);

      await page.waitForFunction("counter.textContent.includes('ended')");
      assertEquals(
        await page.innerText("#counter"),
        "Your session has ended: idle",
      );
      assertEquals(served.site.sessions.size, 0);
    },
  );

  browserTest(
    `A browser's WebSocket over ${scheme} keeps the session, and is closed with it`,
    async ({ serve, window }) => {
      const served = serve(chat.resource, { sessionTimeout: 30 });
      const page = await (await window()).tab(served[scheme]("/"));
      await page.waitForFunction("socket.readyState === WebSocket.OPEN");

      await served.clock.advance(20);
      await page.fill("#text", "hello");
      await page.press("#text", "Enter");
      await page.waitForSelector("li:has-text('hello')");
      await served.clock.advance(20);
      assertEquals(served.ends, []);

      await served.clock.advance(30);
      await page.waitForSelector("li:has-text('You are out: idle')");
    },
  );
}

browserTest(
  "A browser's WebSocket is closed with code 1008 by a logout in another tab",
  async ({ serve, window }) => {
    const served = serve(
      new Resource()
        .putChild("", chat.resource.children.get("")!)
        .putChild("chat", chat.resource.children.get("chat")!)
        .putChild(
          "out",
          pages({
            "": (request) => {
              request.session?.expire();
              return "bye";
            },
          }),
        ),
    );
    const visitor = await window();
    const page = await visitor.tab(served.https("/"));
    await page.waitForFunction("socket.readyState === WebSocket.OPEN");
    const closing = page.evaluate(
      "new Promise((resolve) => socket.addEventListener('close', ({ code, reason }) => resolve([code, reason])))",
    );

    await visitor.tab(served.https("/out/"));

    assertEquals(await closing, [1008, "logout"]);
  },
);

browserTest(
  "A browser opens no WebSocket for a page of another site",
  async ({ serve, window }) => {
    const served = serve(
      new Resource()
        .putChild("in", pages({ "": sayUid }))
        .putChild("chat", chat.resource.children.get("chat")!),
    );
    const visitor = await window();
    const page = await visitor.tab(served.https("/in/"));
    await page.goto(served.https("/in/", EVIL));
    const url = served.https("/chat").replace("https", "wss");
    const event = await page.evaluate(
      `new Promise((resolve) => {
      const socket = new WebSocket("${url}");
      socket.onopen = socket.onerror = ({ type }) => resolve(type);
    })`,
    );
    assertEquals(event, "error");
    // The browser says so.
    visitor.complaints.length = 0;
  },
);

browserTest(
  "A browser goes on with events and sockets after a deploy, from the last event",
  async ({ window }) => {
    await using it = await Deployed.start();
    const visitor = await window();
    const counter = await visitor.tab(it.url("/counter/"));
    const chat = await visitor.tab(it.url("/chat/"));
    await chat.waitForFunction("socket.readyState === WebSocket.OPEN");
    await counter.waitForFunction("counter.textContent >= 5");

    await it.redeploy();

    // Not from 1 again: the browser has sent the last id.
    const counted = Number(await counter.innerText("#counter"));
    assert(counted >= 5, `counted ${counted}`);
    await counter.waitForFunction(`counter.textContent > ${counted + 2}`);
    await chat.waitForFunction("socket.readyState === WebSocket.OPEN");
    assertEquals(await chat.locator("#said li").count(), 0);
    // The streams of before ended whole.
    const broken = visitor.complaints.filter((complaint) =>
      complaint.includes("INCOMPLETE")
    );
    assertEquals(broken, []);
    // The rest is of the time in which no program listened.
    for (const page of [counter, chat]) await page.goto("about:blank");
    visitor.complaints.length = 0;
  },
);

browserTest(
  "A browser sends the id of the last event, which is decoded",
  async ({ serve, window }) => {
    const seen: (string | undefined)[] = [];
    const served = serve(
      new Resource().putChild(
        "",
        pages({
          "": (request) => {
            request.getSession();
            return '<!DOCTYPE html><title>Ids</title><script>new EventSource("/events")</script>';
          },
        }).children.get("")!,
      ).putChild(
        "events",
        pages({
          "": (request) => {
            seen.push(request.getHeader("last-event-id"));
            const events = request.session!.events(request);
            events.send({ id: "Zürich 7", data: "", retry: 10 });
            if (seen.length < 3) events.close();
            else events.send("done");
            return events.response;
          },
        }).children.get("")!,
      ),
    );
    const page = await (await window()).tab(served.http("/"));
    while (seen.length < 3) await page.waitForTimeout(20);
    assertEquals(seen, [undefined, "Zürich 7", "Zürich 7"]);
  },
);
