// The pages that share one style, in a real browser: error pages, listings of
// folders, the page of devices. The monitor and the clock have files of their own.

import { assertEquals } from "@std/assert";
import { errorPage, Resource, securityHeaders } from "../../mod.ts";
import { SessionDevices } from "../../resources/session_devices.ts";
import { StaticFile } from "../../resources/static.ts";
import { Leaf } from "../helpers_http.ts";
import { accessViolationsOf, browserTest } from "./helpers_browser.ts";

const LONG = "a_name_that_does_not_fit_into_the_window_of_a_phone".repeat(2);

/** The least width of a phone, and of a desk at a zoom of 400 %. */
const WIDTHS = [320, 560, 1280];

for (
  const [name, path] of [
    ["An error page", "/error"],
    ["The listing of a folder", "/files/"],
    ["SessionDevices", "/devices"],
  ]
) {
  browserTest(
    `${name} fits into each width, light, dark and in forced colours`,
    async ({ serve, window }) => {
      const folder = await Deno.makeTempDir();
      await Deno.writeTextFile(`${folder}/${LONG}`, "");
      await Deno.mkdir(`${folder}/folder`);
      const served = serve(
        new Resource()
          // Browsers complain of a page with another status.
          .putChild("error", errorPage(200, LONG, LONG))
          .putChild("files", new StaticFile(folder, { listing: true }))
          .putChild("login", new Leaf((request) => request.logIn(LONG).uid))
          .putChild("devices", new SessionDevices()),
        { describe: () => LONG, headers: securityHeaders },
      );
      const visitor = await window({ reducedMotion: "reduce" });
      const page = await visitor.tab(served.https("/login"));
      await page.goto(served.https(path!));
      assertEquals(await page.getAttribute("html", "lang"), "en");
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 600 });
        const over = await page.evaluate(
          "document.documentElement.scrollWidth - innerWidth",
        );
        assertEquals([width, over], [width, 0]);
      }
      for (const colorScheme of ["light", "dark"] as const) {
        for (const forcedColors of ["none", "active"] as const) {
          await page.emulateMedia({ colorScheme, forcedColors });
          assertEquals(await accessViolationsOf(page), []);
        }
      }
      await Deno.remove(folder, { recursive: true });
    },
  );
}
