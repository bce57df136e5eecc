// The page of devices and the error pages, in a real browser.

import { assertEquals, assertLessOrEqual } from "@std/assert";
import type { Page } from "playwright-core";
import { errorPage, Resource, securityHeaders } from "../../mod.ts";
import { SessionDevices } from "../../resources/session_devices.ts";
import { Leaf } from "../helpers_http.ts";
import { accessViolationsOf, browserTest, textOf } from "./helpers_browser.ts";

const SIZES = {
  phone: { width: 320, height: 640 },
  desk: { width: 1280, height: 800 },
};

/** A site under the recommended headers, with logins and the page of devices. */
function root(): Resource {
  return new Resource()
    .putChild("login", new Leaf((request) => request.logIn("alice").uid))
    .putChild("devices", new SessionDevices({ signedOutPage: "/who" }))
    // Browsers complain of a page with another status.
    .putChild("error", errorPage(200, "Closed", "We are moving house."))
    .putChild("who", new Leaf((request) => request.principal ?? "nobody"));
}

const OPTIONS = {
  headers: securityHeaders,
  describe: () => `A browser with ${"a very long name ".repeat(8)}`,
};

/** How many pixels a page is wider than its window. */
function overflowOf(page: Page): Promise<number> {
  return page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
}

for (const [name, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"] as const) {
    browserTest(
      `SessionDevices is accessible on a ${name}, ${colorScheme}`,
      async ({ serve, window }) => {
        const served = serve(root(), OPTIONS);
        const other = await window();
        await other.tab(served.https("/login"));
        const visitor = await window({ viewport, colorScheme });
        const page = await visitor.tab(served.https("/login"));

        await page.goto(served.https("/devices"));

        assertEquals(await accessViolationsOf(page), []);
        assertLessOrEqual(await overflowOf(page), 0);
      },
    );

    browserTest(
      `An error page is accessible on a ${name}, ${colorScheme}`,
      async ({ serve, window }) => {
        const served = serve(root(), OPTIONS);
        const visitor = await window({ viewport, colorScheme });
        const page = await visitor.tab(served.https("/error"));

        assertEquals(await accessViolationsOf(page), []);
        assertLessOrEqual(await overflowOf(page), 0);
        const scheme = await page.evaluate(
          "getComputedStyle(document.documentElement).colorScheme",
        );
        assertEquals(scheme, "light dark");
      },
    );
  }
}

browserTest(
  "SessionDevices signs out of all others, of one, and here, without a script",
  async ({ serve, window }) => {
    const served = serve(root(), OPTIONS);
    const [first, second, third] = [
      await window(),
      await window(),
      await window({ javaScriptEnabled: false }),
    ];
    const one = await first.tab(served.https("/login"));
    const two = await second.tab(served.https("/login"));
    const page = await third.tab(served.https("/login"));
    const whoIs = async (page: Page) => {
      await page.goto(served.https("/who"));
      return await textOf(page);
    };

    await page.goto(served.https("/devices"));
    await page.click("li:nth-child(2) button");
    const left = [await whoIs(one), await whoIs(two)].toSorted();
    assertEquals(left, ["alice", "nobody"]);

    await page.click("text=Sign out of all other devices");
    assertEquals([await whoIs(one), await whoIs(two)], ["nobody", "nobody"]);

    assertEquals(await page.locator("li").count(), 1);
    await page.click("li button");
    assertEquals(await whoIs(page), "nobody");
  },
);
