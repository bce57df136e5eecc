import {
  assertEquals,
  assertLessOrEqual,
  assertStringIncludes,
} from "@std/assert";
import type { Page } from "playwright-core";
import {
  Guard,
  passwordCheck,
  type Session,
  type SiteOptions,
} from "../../mod.ts";
import { SessionMonitor } from "../../monitor/mod.ts";
import { Sessions } from "../../sessions.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { TestClock } from "../../testing.ts";
import {
  accessViolationsOf,
  browserTest,
  pages,
  sayUid,
  type Served,
  type TestBrowser,
  textOf,
} from "./helpers_browser.ts";

/** Who may look. */
const ADMIN = { username: "admin", password: "open sesame" };

/** A phone and a desk. */
const SIZES = {
  phone: { width: 390, height: 844 },
  desk: { width: 1280, height: 900 },
} as const;

/** From the least that everything should fit into, over those where it changes. */
const WIDTHS = [320, 374, 375, 560, 561, 680, 681, 1140, 1141, 1600];

/** A site whose sessions are looked at. */
function serveMonitor(
  { serve }: TestBrowser,
  options: SiteOptions = {},
): Served {
  const root = pages({ in: sayUid });
  const served = serve(root, options);
  root.putChild(
    "monitor",
    new Guard(
      new SessionMonitor(served.site),
      passwordCheck({ [ADMIN.username]: ADMIN.password }),
      { realm: "Monitor" },
    ),
  );
  return served;
}

/** Makes sessions of some principals. */
function makeSessions(served: Served, ...principals: string[]): Session[] {
  return principals.map((principal) => {
    const session = served.site.makeSession();
    session.principal = principal;
    return session;
  });
}

/** Sessions of many kinds, and ends of all kinds that there can be. */
async function makeHistory(served: Served): Promise<void> {
  const sessions = makeSessions(served, "ada", "grace", "kurt", "emmy", "alan");
  sessions[0]!.expire("logout");
  sessions[1]!.expire("revoked");
  sessions[2]!.expire("evicted");
  sessions[3]!.absoluteTimeout = 60;
  sessions[3]!.startCheckingExpiration();
  await served.clock.advance(800);
  makeSessions(served, "ada", "grace");
  await served.clock.advance(60);
}

/** Waits until the page is live. */
async function openMonitor(page: Page, served: Served): Promise<void> {
  await page.goto(served.https("/monitor/"));
  await page.waitForSelector("#live:text-is('Live')");
}

/** How many pixels a page is wider than the window. */
function overflowOf(page: Page): Promise<number> {
  return page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
}

/** The parts of the page with something that does not fit into them. */
function overflowsOf(page: Page): Promise<string[]> {
  return page.evaluate(`
    [...document.querySelectorAll("html, section, #sessions thead .requests")]
      .filter((part) => part.scrollWidth > part.clientWidth)
      .map((part) => part.tagName + " " + part.innerText.slice(0, 20))
  `);
}

/** A visitor whose session is made, and an admin who looks at the monitor. */
async function watchVisitor(browser: TestBrowser) {
  const served = serveMonitor(browser);
  const visitor = await browser.window();
  const visit = await visitor.tab(served.https("/in"));
  const uid = await textOf(visit);
  const admin = await browser.window({ httpCredentials: ADMIN });
  const page = await admin.tab();
  await openMonitor(page, served);
  return { served, visit, uid, page };
}

browserTest(
  "SessionMonitor shows sessions that come and go, without a reload",
  async (browser) => {
    const served = serveMonitor(browser);
    const visitor = await browser.window({ httpCredentials: ADMIN });
    const page = await visitor.tab();
    await openMonitor(page, served);
    assertStringIncludes(await page.innerText("#rows"), "No sessions yet");

    const [ada] = makeSessions(served, "ada");
    await served.clock.advance(5);
    await page.waitForSelector(
      `#rows tr[data-uid="${ada!.uid}"]:has-text("ada")`,
    );

    ada!.expire();
    await served.clock.advance(5);
    await page.waitForSelector("#ends tr:has-text('ada'):has-text('logout')");
    await page.waitForSelector("#rows:has-text('There is no session.')");
  },
);

browserTest(
  "SessionMonitor shows how many requests a session has had, as they come",
  async (browser) => {
    const { served, visit, uid, page } = await watchVisitor(browser);
    const row = `tr[data-uid="${uid}"]`;
    await page.waitForSelector(`${row} .requests:text-is('1')`);

    await visit.reload();
    await served.clock.advance(5);
    await page.waitForSelector(`${row} .requests:text-is('2')`);

    const [idler] = makeSessions(served, "ada");
    await page.click("thead .requests a");
    await page.waitForURL(/order=busiest/);
    const shown = await page.locator("#rows code").allInnerTexts();
    assertEquals(shown, [uid, idler!.uid].map((uid) => uid.slice(0, 8)));
  },
);

browserTest(
  "SessionMonitor marks a row whose session has ended, until the rows change",
  async (browser) => {
    const served = serveMonitor(browser);
    const [ada] = makeSessions(served, "ada");
    const visitor = await browser.window({ httpCredentials: ADMIN });
    const page = await visitor.tab();
    await openMonitor(page, served);
    // Rows that somebody points at stay.
    await page.hover(`tr[data-uid="${ada!.uid}"]`);
    ada!.expire();
    await served.clock.advance(1);
    const over = page.locator(`tr.over[data-uid="${ada!.uid}"]`);
    assertEquals(await over.locator(".left").innerText(), "logout");
    assertEquals(await over.locator("a.end").count(), 0);
  },
);

browserTest(
  "SessionMonitor ends a session once that is confirmed",
  async (browser) => {
    const served = serveMonitor(browser);
    const [ada, grace] = makeSessions(served, "ada", "grace");
    const visitor = await browser.window({ httpCredentials: ADMIN });
    const page = await visitor.tab();
    await openMonitor(page, served);

    await page.click(`tr[data-uid="${ada!.uid}"] a.end`);
    assertEquals(await page.innerText("#confirm-uid"), ada!.uid);
    await page.click("#cancel");
    assertEquals(served.ends, []);

    await page.click(`tr[data-uid="${ada!.uid}"] a.end`);
    await page.click("dialog button.danger");
    await page.waitForSelector("[role=status]:has-text('has ended')");

    assertEquals(
      served.ends.map(({ uid, reason }) => [uid, reason]),
      [[ada!.uid, "revoked"]],
    );
    assertEquals(grace!.isActive, true);
  },
);

browserTest(
  "SessionMonitor replaces a row whose session has ended after a second",
  async (browser) => {
    const served = serveMonitor(browser);
    const [ada] = makeSessions(served, "ada", "grace");
    const visitor = await browser.window({ httpCredentials: ADMIN });
    const page = await visitor.tab();
    await page.goto(served.https("/monitor/?order=soonest"));
    await page.waitForSelector("#live:text-is('Live')");
    await page.mouse.move(0, 0);
    ada!.expire();
    await served.clock.advance(1);
    await page.waitForSelector(`#rows [data-uid="${ada!.uid}"]`, {
      state: "detached",
    });
    assertEquals(await page.locator("#rows tr").count(), 1);
  },
);

browserTest(
  "SessionMonitor filters by a principal, and ends all its sessions",
  async (browser) => {
    const served = serveMonitor(browser);
    const [one, other, grace] = makeSessions(served, "ada", "ada", "grace");
    const visitor = await browser.window({ httpCredentials: ADMIN });
    const page = await visitor.tab();
    await openMonitor(page, served);

    await page.click("#rows td.who a:has-text('ada') >> nth=0");
    await page.getByText("Sessions of ada").waitFor();
    assertEquals(await page.locator("#rows tr").count(), 2);
    await page.click("text=End all");
    assertEquals(await accessViolationsOf(page), []);
    await page.click("button.danger");

    const notice = page.locator(".notice");
    await notice.waitFor();
    assertEquals(
      await notice.innerText(),
      "All sessions of ada have ended.",
    );
    // So screen readers read it.
    assertEquals(
      await page.evaluate("document.activeElement.className"),
      "notice",
    );
    assertEquals([one, other, grace].map((session) => session!.isActive), [
      false,
      false,
      true,
    ]);
  },
);

browserTest(
  "SessionMonitor greys what it shows while it cannot be reached, and says since when",
  async (browser) => {
    const served = serveMonitor(browser);
    makeSessions(served, "ada");
    const visitor = await browser.window({ httpCredentials: ADMIN });
    const page = await visitor.tab();
    await openMonitor(page, served);
    await page.route("**/events*", (route) => route.fulfill({ status: 204 }));
    served.site.stopStreams();

    await page.waitForSelector("main.stale");
    assertStringIncludes(await page.innerText("#live"), "Not live since");
    const left = await page.innerText("#rows .left");
    // Times stand still; they are shown anew each second.
    await page.waitForTimeout(1100);
    assertEquals(await page.innerText("#rows .left"), left);
    assertEquals(await accessViolationsOf(page), []);
  },
);

browserTest(
  "SessionMonitor ends a session without script too",
  async (browser) => {
    const served = serveMonitor(browser);
    const [ada] = makeSessions(served, "ada");
    const visitor = await browser.window({
      httpCredentials: ADMIN,
      javaScriptEnabled: false,
    });
    const page = await visitor.tab(served.https("/monitor"));

    await page.click("a.end");
    await page.waitForSelector("button.danger");
    assertStringIncludes(await textOf(page), ada!.uid);
    await page.click("button.danger");

    await page.getByText("has ended").first().waitFor();
    assertEquals(served.ends.map(({ reason }) => reason), ["revoked"]);
  },
);

browserTest(
  "SessionMonitor tells the visitor's own page of the end",
  async (browser) => {
    const { visit, uid, page } = await watchVisitor(browser);

    await page.click(`tr[data-uid="${uid}"] a.end`);
    await page.click("dialog button.danger");
    await page.waitForSelector("[role=status]:has-text('has ended')");

    await visit.reload();
    assertEquals(await textOf(visit) === uid, false);
  },
);

browserTest(
  "SessionMonitor shows the markup of a principal as text",
  async (browser) => {
    const served = serveMonitor(browser);
    makeSessions(served, "<img src=x onerror=document.title='owned'>");
    const visitor = await browser.window({ httpCredentials: ADMIN });
    const page = await visitor.tab();
    await openMonitor(page, served);
    await served.clock.advance(1);
    assertStringIncludes(await page.innerText("#rows"), "<img src=x");
    assertEquals(await page.title(), "Sessions");
  },
);

browserTest(
  "SessionMonitor finds sessions by their principal",
  async (browser) => {
    const served = serveMonitor(browser);
    makeSessions(served, "ada", "grace", "adam");
    const visitor = await browser.window({ httpCredentials: ADMIN });
    const page = await visitor.tab();
    await openMonitor(page, served);
    await page.fill("#search", "ada");
    await page.press("#search", "Enter");
    await page.waitForURL(/q=ada/);
    const found = await page.locator("#rows td.who").allInnerTexts();
    assertEquals(found.sort(), ["ada", "adam"]);
  },
);

for (const colorScheme of ["light", "dark"] as const) {
  browserTest(
    `SessionMonitor shows the figures of all processes, and greys them while the store is away, ${colorScheme}`,
    async (browser) => {
      const clock = new TestClock();
      const store = new MemoryStore({ clock });
      const count = store.count;
      const served = serveMonitor(browser, { store, clock });
      await using other = new Sessions({ store, clock });
      other.create();
      makeSessions(served, "ada", "grace");
      await clock.advance(1);
      const visitor = await browser.window({
        httpCredentials: ADMIN,
        colorScheme,
      });
      const page = await visitor.tab();
      await openMonitor(page, served);
      // The processes have a second to answer, and the page is sent the answers.
      await clock.advance(3);
      const figure = (name: string, value: string) =>
        page.waitForSelector(
          `#fleet div:has-text('${name}') dd:text-is('${value}')`,
        );
      await figure("Live sessions", "3");
      await figure("Ends to deliver", "0");
      await figure("Processes", "2");
      await page.waitForSelector("#processes tr:has-text('(this page)')");
      assertEquals(await page.locator("#processes tr").count(), 2);
      assertEquals(await accessViolationsOf(page), []);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        assertEquals([width, await overflowsOf(page)], [width, []]);
      }

      store.count = () => {
        throw new Error("the database is away");
      };
      await clock.advance(12);
      await page.waitForSelector("#fleet dl.stale");
      await page.waitForSelector("text=The store does not answer");
      await figure("Live sessions", "3");
      assertEquals(await accessViolationsOf(page), []);
      await page.setViewportSize({ width: 320, height: 900 });
      assertEquals(await overflowsOf(page), []);

      store.count = count;
      await clock.advance(12);
      await page.waitForSelector("#fleet dl:not(.stale)");
    },
  );
}

browserTest(
  "SessionMonitor fits into windows of every width",
  async (browser) => {
    const served = serveMonitor(browser);
    await makeHistory(served);
    makeSessions(served, "a principal with a long name".repeat(3));
    const visitor = await browser.window({ httpCredentials: ADMIN });
    const page = await visitor.tab();
    for (const order of ["busiest", "oldest"]) {
      await page.goto(served.https(`/monitor/?order=${order}`));
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        assertEquals([width, await overflowsOf(page)], [width, []]);
      }
    }
  },
);

for (const [name, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"] as const) {
    browserTest(
      `SessionMonitor is accessible on a ${name}, ${colorScheme}`,
      async (browser) => {
        const served = serveMonitor(browser);
        await makeHistory(served);
        const visitor = await browser.window({
          httpCredentials: ADMIN,
          viewport,
          colorScheme,
        });
        const page = await visitor.tab();
        await openMonitor(page, served);
        assertEquals(await accessViolationsOf(page), []);
        assertLessOrEqual(await overflowOf(page), 0);
        await page.emulateMedia({ forcedColors: "active" });
        assertEquals(await accessViolationsOf(page), []);
        await page.emulateMedia({ forcedColors: "none" });

        await page.click("a.end");
        assertEquals(await accessViolationsOf(page), []);

        const link = await page.getAttribute("a.end", "href");
        await page.goto(served.https(`/monitor/${link}`));
        assertEquals(await accessViolationsOf(page), []);
        assertLessOrEqual(await overflowOf(page), 0);
      },
    );
  }
}
