import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { site as desk } from "../../examples/session_clock.ts";
import { Resource, SessionClock } from "../../mod.ts";
import { accessViolationsOf, browserTest, pages } from "./helpers_browser.ts";

/** The desk of the example, whose session lasts half a minute. */
const DESK = { sessionTimeout: 30 };

/** Has a page look at its session, as one does that comes to the front. */
async function look(page: Page): Promise<void> {
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
}

/** Waits until the dialog says something. */
async function waitForText(page: Page, text: string | RegExp): Promise<void> {
  await page.getByRole("alertdialog").filter({ hasText: text }).waitFor();
}

/** The seconds that the dialog says are left, once it is there. */
async function secondsIn(page: Page): Promise<number> {
  await waitForText(page, "Your session ends in");
  const text = await page.getByRole("alertdialog").innerText();
  return Number(/ends in (\d+) seconds?\./.exec(text)?.[1]);
}

function button(page: Page, name: string) {
  return page.getByRole("button", { name });
}

browserTest(
  "SessionClock counts down in a dialog before the end",
  async ({ serve, window }) => {
    const served = serve(desk.resource, DESK);
    const page = await (await window()).tab(served.https("/"));
    await page.waitForLoadState("networkidle");
    assertEquals(await page.getByRole("alertdialog").count(), 0);

    await served.clock.advance(15);
    await look(page);

    const first = await secondsIn(page);
    assert(first > 0 && first <= 15, `${first} s`);
    // Any of the numbers below: a busy browser leaves some out.
    const below = Array.from({ length: first }, (_, second) => second);
    await waitForText(page, new RegExp(`in (${below.join("|")}) seconds?\\.`));
    assertEquals(await accessViolationsOf(page), []);
  },
);

for (const colorScheme of ["light", "dark"] as const) {
  browserTest(
    `SessionClock is accessible, ${colorScheme}`,
    async ({ serve, window }) => {
      const served = serve(desk.resource, DESK);
      const visitor = await window({ colorScheme });
      const page = await visitor.tab(served.https("/"));
      await served.clock.advance(15);
      await look(page);
      await waitForText(page, "Your session ends in");
      assertEquals(await accessViolationsOf(page), []);

      await served.clock.advance(15);
      await look(page);
      await waitForText(page, "Your session has ended.");
      assertEquals(await accessViolationsOf(page), []);
    },
  );
}

browserTest(
  "SessionClock has who stays in one tab stay in all",
  async ({ serve, window }) => {
    const served = serve(desk.resource, DESK);
    const visitor = await window();
    const one = await visitor.tab(served.https("/"));
    const other = await visitor.tab(served.https("/"));
    await served.clock.advance(15);
    for (const page of [one, other]) {
      await look(page);
      await waitForText(page, "Your session ends in");
    }

    await button(one, "Stay").click();

    for (const page of [one, other]) {
      await page.getByRole("alertdialog").waitFor({ state: "hidden" });
    }
    await served.clock.advance(29);
    assertEquals(served.ends, []);
  },
);

browserTest(
  "SessionClock has who leaves in one tab leave in all",
  async ({ serve, window }) => {
    const served = serve(desk.resource, DESK);
    const visitor = await window();
    const one = await visitor.tab(served.https("/"));
    const other = await visitor.tab(served.https("/"));
    await served.clock.advance(15);
    for (const page of [one, other]) {
      await look(page);
      await waitForText(page, "Your session ends in");
    }

    await Promise.all([
      one.waitForEvent("load"),
      button(one, "Leave").click(),
    ]);

    await waitForText(other, "Your session has ended.");
    assertEquals(served.ends.map(({ reason }) => reason), ["logout"]);
  },
);

browserTest(
  "SessionClock says that the session has ended, and goes on",
  async ({ serve, window }) => {
    const served = serve(desk.resource, DESK);
    const page = await (await window()).tab(served.https("/"));
    await page.waitForLoadState("networkidle");
    await served.clock.advance(30);
    await look(page);
    await waitForText(page, "Your session has ended.");
    assertEquals(served.site.sessions.size, 0);

    await Promise.all([
      page.waitForEvent("load"),
      button(page, "Continue").click(),
    ]);
    assertEquals(served.site.sessions.size, 1);
  },
);

browserTest(
  "SessionClock is answered by the keyboard",
  async ({ serve, window }) => {
    const served = serve(desk.resource, DESK);
    const page = await (await window()).tab(served.https("/"));
    await page.waitForLoadState("networkidle");
    await served.clock.advance(15);
    await look(page);
    await waitForText(page, "Your session ends in");

    await page.keyboard.press("Enter");

    await page.getByRole("alertdialog").waitFor({ state: "hidden" });
    await served.clock.advance(29);
    assertEquals(served.ends, []);
  },
);

browserTest(
  "SessionClock is dismissed where nothing puts the end off",
  async ({ serve, window }) => {
    const served = serve(desk.resource, { ...DESK, absoluteTimeout: 20 });
    const page = await (await window()).tab(served.https("/"));
    await served.clock.advance(5);
    await look(page);
    await waitForText(page, "Your session ends in");
    assertEquals(await button(page, "Stay").count(), 0);

    await button(page, "OK").click();

    await page.getByRole("alertdialog").waitFor({ state: "hidden" });
  },
);

browserTest(
  "SessionClock speaks as the page tells it to",
  async ({ serve, window }) => {
    const served = serve(
      pages({
        "": (request) => {
          request.getSession();
          return `<!DOCTYPE html><html lang="de"><title>Pult</title><h1>Pult</h1>
<script src="clock/script.js" data-lead="20" data-warning="Noch {time}." data-stay="Bleiben" data-leave="Gehen" defer></script>`;
        },
      }).putChild("clock", new SessionClock()),
      DESK,
    );
    const page = await (await window()).tab(served.https("/"));
    await page.waitForLoadState("networkidle");
    await served.clock.advance(15);
    await look(page);
    await waitForText(page, /Noch \d+ Sekunden\./);
    await button(page, "Gehen").waitFor();
    await button(page, "Bleiben").waitFor();
  },
);

browserTest(
  "SessionClock has nothing to say to who has no session",
  async ({ serve, window }) => {
    const served = serve(
      new Resource()
        .putChild(
          "home",
          pages({
            "": () =>
              '<!DOCTYPE html><html lang="en"><title>Home</title><script src="/clock/script.js" defer></script>',
          }),
        )
        .putChild("clock", new SessionClock()),
    );
    const page = await (await window()).tab(served.https("/home/"));
    await page.waitForLoadState("networkidle");
    await look(page);
    await page.waitForLoadState("networkidle");
    assertEquals(await page.getByRole("alertdialog").count(), 0);
    assertEquals(served.site.sessions.size, 0);
    assertStringIncludes(await page.content(), "script.js");
  },
);
