// What the pages do in another browser: the clock, and streams over a deploy.

import { assert, assertEquals } from "@std/assert";
import { site as desk } from "../../examples/session_clock.ts";
import { Site } from "../../mod.ts";
import { TestClock } from "../../testing.ts";
import { testWith } from "../helpers_process.ts";
import { FIREFOX, Firefox, type FirefoxTab } from "./firefox.ts";
import { isCI } from "./helpers_browser.ts";
import { Deployed } from "./helpers_deploy.ts";

const PERMISSIONS = ["run", "net", "read", "write", "env", "sys"] as const;

/** A test with a Firefox; without one it is ignored, and with `CI` it fails. */
function firefoxTest(
  name: string,
  fn: (firefox: Firefox) => Promise<void>,
): void {
  const test = async () => {
    await using firefox = await Firefox.start();
    await fn(firefox);
  };
  if (hasFirefox() || isCI()) return testWith(PERMISSIONS, name, test);
  const ignored = `${name} (ignored: needs Firefox at ${FIREFOX})`;
  Deno.test({ name: ignored, ignore: true, fn: test });
}

function hasFirefox(): boolean {
  // Without the permission the test is ignored for the lack of that.
  const { state } = Deno.permissions.querySync({ name: "read" });
  if (state !== "granted") return true;
  try {
    return Deno.statSync(FIREFOX).isFile;
  } catch {
    return false;
  }
}

/** The desk of the example, by a clock that the test moves. */
function serveDesk() {
  const clock = new TestClock();
  const site = new Site(desk.resource, { clock, sessionTimeout: 30 });
  let isMute = false;
  const gate = Promise.withResolvers<void>();
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request, info) => {
      if (isMute) await gate.promise;
      return await site.fetch(request, info);
    },
  );
  return {
    clock,
    site,
    url: `http://127.0.0.1:${server.addr.port}/`,
    mute: () => void (isMute = true),
    async [Symbol.asyncDispose]() {
      gate.resolve();
      await site.close();
      await server.shutdown();
    },
  };
}

/** Opens the desk, and waits until the clock has its first answer. */
async function openDesk(firefox: Firefox, url: string): Promise<FirefoxTab> {
  const tab = await firefox.tab(url);
  await tab.until(
    "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/clock'))",
  );
  return tab;
}

const DIALOG =
  "document.querySelector('.session-clock')?.shadowRoot.querySelector('dialog')";

/** Waits until the dialog says something. */
function says(tab: FirefoxTab, text: string): Promise<void> {
  return tab.until(
    `${DIALOG}?.open && ${DIALOG}.textContent.includes(${
      JSON.stringify(text)
    })`,
  );
}

async function look(tab: FirefoxTab): Promise<void> {
  await tab.evaluate("void dispatchEvent(new Event('focus'))");
}

firefoxTest(
  "Firefox shows the clock's warning, and stays by the keyboard",
  async (firefox) => {
    await using it = serveDesk();
    const tab = await openDesk(firefox, it.url);
    await it.clock.advance(15);
    await look(tab);
    await says(tab, "You will be signed out in");
    await tab.press("Enter");
    await tab.until(`!${DIALOG}.open`);
    await it.clock.advance(29);
    assertEquals(it.site.sessions.size, 1);
  },
);

firefoxTest(
  "Firefox keeps the page covered at the end, however often Escape is pressed",
  async (firefox) => {
    await using it = serveDesk();
    const tab = await openDesk(firefox, it.url);
    await it.clock.advance(30);
    await look(tab);
    await says(tab, "You have been signed out");
    for (let i = 0; i < 5; i++) await tab.press("Escape");
    await tab.evaluate("new Promise((resolve) => setTimeout(resolve, 50))");
    assert(await tab.evaluate(`${DIALOG}.open`));
    const backdrop = await tab.evaluate(
      `getComputedStyle(${DIALOG}, "::backdrop").backgroundColor`,
    );
    assert(/^rgb\(/.test(String(backdrop)), `not opaque: ${backdrop}`);
  },
);

firefoxTest(
  "Firefox warns, counts and covers the page while the site is silent",
  async (firefox) => {
    await using it = serveDesk();
    const tab = await openDesk(firefox, it.url);
    await it.clock.advance(25);
    await look(tab);
    await says(tab, "You will be signed out in");
    it.mute();
    await says(tab, "You have been signed out");
    await says(tab, "The site cannot be reached at the moment.");
  },
);

firefoxTest(
  "Firefox goes on with events and sockets after a deploy",
  async (firefox) => {
    await using it = await Deployed.start();
    const counter = await firefox.tab(it.url("/counter/"));
    const chat = await firefox.tab(it.url("/chat/"));
    await chat.until("socket.readyState === WebSocket.OPEN");
    await counter.until("counter.textContent >= 5");

    await it.redeploy();

    const counted = Number(
      await counter.evaluate("counter.textContent"),
    );
    await counter.until(
      `counter.textContent > ${counted + 2}`,
    );
    await chat.until("socket.readyState === WebSocket.OPEN");
    assertEquals(await chat.evaluate("said.textContent"), "");
  },
);
