// The shop and the lock server of the examples, in a real browser.

import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { site as locks } from "../../examples/locks.ts";
import { site as shop } from "../../examples/shop.ts";
import { Served } from "../examples/helpers_served.ts";
import { accessViolationsOf, browserTest, textOf } from "./helpers_browser.ts";

/** What a page says to screen readers when it changes. */
async function statusOf(page: Page): Promise<string> {
  return await page.innerText("[role=status]");
}

browserTest(
  "A browser fills a cart, logs in by the way to the order, and orders",
  async ({ window }) => {
    await using served = new Served(shop);
    const visitor = await window({ viewport: { width: 320, height: 640 } });
    const page = await visitor.tab(served.url("/"));
    assertEquals(await accessViolationsOf(page), []);

    await page.click("li:has-text('green tea') button");
    assertEquals(await statusOf(page), "The green tea is in your cart.");
    await page.reload();
    assertEquals(await statusOf(page), "");

    await page.click("a:text-is('Order')");
    assertEquals(new URL(page.url()).pathname, "/login");
    assertEquals(await accessViolationsOf(page), []);
    await page.fill("[name=name]", "alice");
    await page.fill("[name=password]", "please");
    await page.click("button");
    assert((await textOf(page)).includes("Wrong name or password"));
    // The browser says that a page was refused.
    visitor.complaints.length = 0;
    await page.goBack();
    await page.fill("[name=password]", "open sesame");
    await page.click("button");
    await page.waitForURL(served.url("/order"));
    assert((await textOf(page)).includes("Teas for alice: 1"));
    assertEquals(await accessViolationsOf(page), []);

    await page.click("text=Log out");
    assert((await textOf(page)).includes("Your cart: empty"));
    await page.click("li:has-text('mint tea') button");
    await page.click("a:text-is('Order')");
    await page.fill("[name=name]", "alice");
    await page.fill("[name=password]", "open sesame");
    await page.click("button");
    await page.waitForURL(served.url("/order"));
    assert((await textOf(page)).includes("Teas for alice: 2"));
    await page.click("button:has-text('Order')");
    assert((await textOf(page)).includes("Your cart: empty"));
  },
);

browserTest(
  "A browser locks a document, another sees it, and gets it when the first is gone",
  async ({ window }) => {
    await using served = new Served(locks);
    const [first, second] = [await window(), await window()];
    const one = await first.tab(served.url("/"));
    const [session] = locks.sessions.values();
    const two = await second.tab(served.url("/"));
    const menu = "li:has-text('menu') button";
    assertEquals(await accessViolationsOf(two), []);

    await one.click(menu);
    await two.waitForSelector(`${menu}:text-is('Locked'):disabled`);
    await one.click(`${menu}:text-is('Release')`);
    await two.click(`${menu}:text-is('Lock')`);
    await one.waitForSelector(`${menu}:text-is('Locked'):disabled`);
    await two.click(`${menu}:text-is('Release')`);
    await one.click(`${menu}:text-is('Lock')`);
    await two.waitForSelector(`${menu}:text-is('Locked'):disabled`);

    session!.expire("idle");

    await two.waitForSelector(`${menu}:text-is('Lock')`);
    await one.waitForSelector("[role=status]:has-text('has ended')");
    assertEquals(await one.locator("li").count(), 0);
  },
);
