/**
 * Takes the screenshots of the monitor that README shows; needs Debian's
 * chromium and pngquant.
 *
 *     deno task screenshots
 *
 * @module
 */

import type { BrowserContextOptions } from "playwright-core";
import { Resource, type Session, Site, type SiteRequest } from "../mod.ts";
import { SessionMonitor } from "../monitor/mod.ts";
import { TestClock } from "../testing.ts";
import { startChromium } from "../tests/browser/chromium.ts";

const FOLDER = new URL("../docs/images/", import.meta.url);

/** The pictures by their names. */
const PICTURES: Readonly<Record<string, BrowserContextOptions>> = {
  "monitor_desk": {
    colorScheme: "light",
    viewport: { width: 1180, height: 620 },
  },
  "monitor_phone": {
    colorScheme: "dark",
    viewport: { width: 390, height: 620 },
  },
};

const NAMES = ["ada", "grace", "emmy", "alan", "kurt", "sofja"];

/** The page that the clients request. */
class Shop extends Resource {
  override render_GET(request: SiteRequest): string {
    return request.getSession().uid;
  }
}

/** Requests the shop, maybe with a cookie; returns the session and its cookie. */
async function visit(
  site: Site,
  cookie?: string,
): Promise<{ session: Session; cookie: string }> {
  const headers = cookie === undefined ? {} : { cookie };
  const request = new Request("http://localhost/shop", { headers });
  const response = await site.fetch(request);
  const session = site.getSession(await response.text())!;
  const [set] = response.headers.getSetCookie();
  return { session, cookie: set?.split(";")[0] ?? cookie! };
}

/** Simulates an hour of a site with new clients, logouts and idle sessions. */
async function liveAnHour(site: Site, clock: TestClock): Promise<void> {
  const chance = randomFrom(20_261);
  const live = new Map<Session, string>();
  for (let minute = 0; minute < 60; minute++) {
    const arrivals = 3 + 9 * Math.sin(minute / 12) ** 2 * chance();
    for (let i = 0; i < arrivals; i++) {
      const { session, cookie } = await visit(site);
      session.sessionTimeout = 120 + 900 * chance();
      if (chance() < 0.1) session.absoluteTimeout = 600;
      session.startCheckingExpiration();
      const name = NAMES[Math.floor(chance() * NAMES.length * 1.8)];
      if (name !== undefined) session.principal = name;
      live.set(session, cookie);
    }
    for (const [session, cookie] of live) {
      if (!session.isActive) live.delete(session);
      else if (chance() < 0.04) session.expire();
      else if (chance() < 0.006) session.expire("revoked");
      else if (chance() < 0.2) {
        const clicks = 1 + 8 * chance();
        for (let i = 0; i < clicks; i++) await visit(site, cookie);
      }
    }
    await clock.advance(60);
  }
}

/** Returns a generator of the same numbers each time, so that pictures stay the same. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647;
}

async function takeAll(): Promise<void> {
  const clock = new TestClock();
  const root = new Resource();
  const site = new Site(root, { clock });
  root.putChild("shop", new Shop());
  root.putChild("monitor", new SessionMonitor(site));
  await liveAnHour(site, clock);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    site.fetch,
  );
  await using running = await startChromium();
  const { browser } = running;
  await Deno.mkdir(FOLDER, { recursive: true });
  for (const [name, options] of Object.entries(PICTURES)) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    await page.goto(
      `http://127.0.0.1:${server.addr.port}/monitor/?order=soonest`,
    );
    await page.waitForSelector("#live.on");
    const picture = await page.screenshot();
    await Deno.writeFile(new URL(`${name}.png`, FOLDER), picture);
    await context.close();
  }
  await makeSmaller(Object.keys(PICTURES).map((name) => `${name}.png`));
  site.stopStreams();
  await server.shutdown();
  await site.close();
}

/** Reduces pictures to a palette, a third of the size. */
async function makeSmaller(names: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command("pngquant", {
    args: ["--force", "--ext", ".png", "--speed", "1", "48", ...names],
    cwd: FOLDER,
  }).output();
  if (!success) throw new Error("Cannot make the pictures smaller");
}

if (import.meta.main) await takeAll();
