// The page of devices, in a real browser; its looks are in `pages_test.ts`.

import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { Resource, securityHeaders } from "../../mod.ts";
import { SessionDevices } from "../../resources/session_devices.ts";
import { Leaf } from "../helpers_http.ts";
import { browserTest, textOf } from "./helpers_browser.ts";

/** A site under the recommended headers, with logins and the page of devices. */
function root(): Resource {
  return new Resource()
    .putChild("login", new Leaf((request) => request.logIn("alice").uid))
    .putChild("devices", new SessionDevices({ signedOutPage: "/who" }))
    .putChild("who", new Leaf((request) => request.principal ?? "nobody"));
}

const OPTIONS = {
  headers: securityHeaders,
  describe: () => `A browser with ${"a very long name ".repeat(8)}`,
};

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
