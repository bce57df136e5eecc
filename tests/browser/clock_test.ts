import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { site as elements } from "../../examples/clock_elements.ts";
import { site as preact } from "../../examples/clock_preact.ts";
import { site as desk } from "../../examples/session_clock.ts";
import {
  type Rendered,
  Resource,
  SessionClock,
  type SiteRequest,
} from "../../mod.ts";
import { accessViolationsOf, browserTest, pages } from "./helpers_browser.ts";

/** The desk of the example, whose session lasts half a minute. */
const DESK = { sessionTimeout: 30 };

const WARNING = "You will be signed out in";
const ENDED = "You have been signed out";

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
  await waitForText(page, WARNING);
  const text = await page.getByRole("alertdialog").innerText();
  return Number(/out in (\d+) seconds?,/.exec(text)?.[1]);
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
    await waitForText(page, new RegExp(`in (${below.join("|")}) seconds?,`));
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
      await waitForText(page, WARNING);
      assertEquals(await accessViolationsOf(page), []);

      await served.clock.advance(15);
      await look(page);
      await waitForText(page, ENDED);
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
      await waitForText(page, WARNING);
    }

    await button(one, "Stay signed in").click();

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
      await waitForText(page, WARNING);
    }

    await Promise.all([
      one.waitForEvent("load"),
      button(one, "Sign out").click(),
    ]);

    await waitForText(other, ENDED);
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
    await waitForText(page, ENDED);
    assertEquals(served.site.sessions.size, 0);

    await Promise.all([
      page.waitForEvent("load"),
      button(page, "Sign in again").click(),
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
    await waitForText(page, WARNING);

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
    await waitForText(page, WARNING);
    assertEquals(await button(page, "Stay signed in").count(), 0);

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

/** A clock that is silent on demand, as a server that hangs or a dead network. */
class MuteClock extends SessionClock {
  #gate: PromiseWithResolvers<void> | undefined;

  mute(): void {
    this.#gate = Promise.withResolvers();
  }

  [Symbol.dispose](): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    const answer = () => super.render(request);
    return this.#gate === undefined
      ? answer()
      : this.#gate.promise.then(answer);
  }
}

/** A desk with another clock, and with pages that log in and out. */
function deskWith(clock: SessionClock): Resource {
  return pages({
    "": (request) => {
      if (request.query.has("as")) request.logIn(request.query.get("as")!);
      else request.getSession();
      return `<!DOCTYPE html><html lang="en"><title>Desk</title>
<h1>Desk</h1><textarea aria-label="Notes"></textarea>
<script>
const heard = [];
const dialog = () => document.querySelector(".session-clock")?.shadowRoot.querySelector("dialog");
for (const name of ["warning", "ended", "continued"]) {
  document.addEventListener("session-" + name, ({ detail }) =>
    heard.push(name + (dialog()?.classList.contains("cover") ? " covered " : " ") + detail.status));
}
</script>
<script src="/clock/script.js" data-lead="20" defer></script></html>`;
    },
    out: (request) => {
      request.logOut();
      return "<!DOCTYPE html><title>Out</title>out";
    },
    login: (request) => {
      request.logIn("alice");
      return "in";
    },
    app: () =>
      `<!DOCTYPE html><html lang="en"><title>App</title><h1>App</h1>
<script src="/clock/script.js" data-lead="20" defer></script></html>`,
    other: () => "<!DOCTYPE html><title>Other</title>other",
  }).putChild("clock", clock);
}

browserTest(
  "SessionClock warns, counts and covers the page while the site is silent",
  async ({ serve, window }) => {
    using clock = new MuteClock();
    const served = serve(deskWith(clock), DESK);
    const page = await (await window()).tab(served.https("/"));
    await page.waitForLoadState("networkidle");
    await served.clock.advance(25);
    await look(page);
    await waitForText(page, WARNING);
    clock.mute();

    await waitForText(page, "in 1 second,");
    await waitForText(page, ENDED);
    await waitForText(page, "The site cannot be reached at the moment.");

    clock[Symbol.dispose]();
    await page.getByRole("alertdialog").filter({ hasText: WARNING }).waitFor();
  },
);

browserTest(
  "SessionClock says that Stay has failed, and stays at the next try",
  async ({ serve, window }) => {
    using clock = new MuteClock();
    const served = serve(deskWith(clock), DESK);
    const page = await (await window()).tab(served.https("/"));
    await page.waitForLoadState("networkidle");
    await served.clock.advance(12);
    await look(page);
    await waitForText(page, WARNING);
    clock.mute();
    await button(page, "Stay signed in").click();
    await waitForText(page, "Staying signed in has failed. Try again.");

    clock[Symbol.dispose]();
    await button(page, "Stay signed in").click();
    await page.getByRole("alertdialog").waitFor({ state: "hidden" });
  },
);

browserTest(
  "SessionClock covers the page for good, however often Escape is pressed",
  async ({ serve, window }) => {
    const served = serve(deskWith(new SessionClock()), DESK);
    const page = await (await window()).tab(served.https("/"));
    await page.waitForLoadState("networkidle");
    await served.clock.advance(30);
    await look(page);
    await waitForText(page, ENDED);
    for (let i = 0; i < 5; i++) await page.keyboard.press("Escape");
    // Closing is announced in a task of its own.
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 50))");
    assert(await page.evaluate("dialog().open"));
    assertEquals(
      await page.evaluate("dialog().classList.contains('cover')"),
      true,
    );
  },
);

browserTest(
  "SessionClock tells the page, before it covers it, by events",
  async ({ serve, window }) => {
    const served = serve(deskWith(new SessionClock()), DESK);
    const page = await (await window()).tab(served.https("/"));
    await page.waitForLoadState("networkidle");
    await served.clock.advance(15);
    await look(page);
    await waitForText(page, WARNING);
    await button(page, "Stay signed in").click();
    await page.getByRole("alertdialog").waitFor({ state: "hidden" });
    await served.clock.advance(30);
    await look(page);
    await waitForText(page, ENDED);
    assertEquals(await page.evaluate("heard"), [
      "warning warning",
      "continued active",
      "ended ended",
    ]);
  },
);

browserTest(
  "SessionClock covers Alice's page when Bob logs in in another tab",
  async ({ serve, window }) => {
    const served = serve(deskWith(new SessionClock()), DESK);
    const visitor = await window();
    const alice = await visitor.tab(served.https("/?as=alice"));
    await alice.waitForLoadState("networkidle");
    const bob = await visitor.tab(served.https("/out"));
    await bob.goto(served.https("/?as=bob"));
    await waitForText(alice, ENDED);
    await waitForText(alice, "Another one has begun");
    assertEquals(await bob.getByRole("alertdialog").count(), 0);
  },
);

browserTest(
  "SessionClock counts a session that the page began by fetch",
  async ({ serve, window }) => {
    const served = serve(deskWith(new SessionClock()), DESK);
    const page = await (await window()).tab(served.https("/app"));
    await page.waitForLoadState("networkidle");
    await page.evaluate(
      `fetch("/login").then(() => document.dispatchEvent(new Event("session-changed")))`,
    );
    await served.clock.advance(15);
    await look(page);
    await waitForText(page, WARNING);
  },
);

browserTest(
  "SessionClock notices that the machine slept, though no event says so",
  async ({ serve, window }) => {
    const served = serve(deskWith(new SessionClock()), DESK);
    const visitor = await window();
    await visitor.context.addInitScript(
      "{ const now = Date.now; globalThis.slept = 0; Date.now = () => now() + slept; }",
    );
    const page = await visitor.tab(served.https("/"));
    await page.waitForLoadState("networkidle");
    await served.clock.advance(3600);
    await page.evaluate("slept = 3600_000");
    await waitForText(page, ENDED);
  },
);

browserTest(
  "SessionClock covers a page that comes back from the browser's cache",
  async ({ serve, window }) => {
    const served = serve(deskWith(new SessionClock()), DESK);
    const page = await (await window()).tab(served.https("/"));
    // The second visit sets no cookie, and may be cached.
    await page.goto(served.https("/"));
    await page.waitForLoadState("networkidle");
    await page.fill("textarea", "a draft");
    await page.goto(served.https("/other"));
    await served.clock.advance(30);
    // A page from the cache has no "load", for which goBack() would wait.
    await page.goBack({ waitUntil: "commit" });
    await waitForText(page, ENDED);
  },
);

browserTest(
  "SessionClock counts rightly by a wrong clock on a slow processor",
  async ({ serve, window }) => {
    const served = serve(deskWith(new SessionClock()), DESK);
    const visitor = await window();
    await visitor.context.addInitScript(
      "{ const now = Date.now; Date.now = () => now() - 600_000; }",
    );
    const page = await visitor.tab(served.https("/"));
    const cdp = await visitor.context.newCDPSession(page);
    await cdp.send("Emulation.setCPUThrottlingRate", { rate: 6 });
    await page.waitForLoadState("networkidle");
    await served.clock.advance(24);
    await look(page);
    const first = await secondsIn(page);
    assert(first > 0 && first <= 6, `${first} s`);
    await served.clock.advance(6);
    await look(page);
    await waitForText(page, ENDED);
  },
);

browserTest(
  "SessionClock in fifty tabs asks hardly more than in one, and covers all",
  async ({ serve, window }) => {
    let asked = 0;
    const clock = new class extends SessionClock {
      override render(request: SiteRequest): Rendered | Promise<Rendered> {
        asked++;
        return super.render(request);
      }
    }();
    const served = serve(deskWith(clock), DESK);
    const visitor = await window();
    // The first one gets the cookie.
    const tabs = [await visitor.tab(served.http("/"))];
    while (tabs.length < 50) {
      const next = Array.from(
        { length: 7 },
        () => visitor.tab(served.http("/")),
      );
      tabs.push(...await Promise.all(next));
    }
    await tabs.at(-1)!.waitForLoadState("networkidle");
    await served.clock.advance(12);
    asked = 0;
    await look(tabs.at(-1)!);
    for (const tab of tabs) await waitForText(tab, WARNING);
    // On a busy machine this takes some rounds of questions.
    assert(asked < tabs.length, `${asked} requests`);

    await served.clock.advance(30);
    await look(tabs.at(-1)!);
    for (const tab of tabs) await waitForText(tab, ENDED);
  },
);

for (
  const [name, example, hidden] of [
    ["clock_elements", elements, "#bar"],
    ["clock_preact", preact, "#app p[role=status]"],
  ] as const
) {
  browserTest(
    `${name} counts, stays and ends by the clock's module`,
    async ({ serve, window }) => {
      const served = serve(example.resource, DESK);
      const page = await (await window()).tab(served.https("/"));
      await page.waitForLoadState("networkidle");
      await served.clock.advance(15);
      await look(page);
      await page.getByText(/\d+ s left/).waitFor();
      await button(page, "Stay").click();
      await page.locator(hidden).waitFor({ state: "hidden" });

      await served.clock.advance(30);
      await look(page);
      await page.getByText("You have been signed out").waitFor();
    },
  );
}
