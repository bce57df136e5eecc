import { assertEquals, assertGreater } from "@std/assert";
import { Resource, SessionClock } from "../../mod.ts";
import type { PresenceChange } from "../../sessions.ts";
import { Leaf } from "../helpers_http.ts";
import { browserTest, type TestBrowser } from "./helpers_browser.ts";

const PAGE =
  `<!doctype html><title>Here</title><h1>Here</h1><script src="/clock/script.js" data-presence></script>`;

/** A proxy that goes on reading from the site when the browser has left. */
class HoldingProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #site: number;
  readonly #upstream = new Set<Deno.Conn>();
  readonly #downstream = new Set<Deno.Conn>();
  readonly #running: Promise<unknown>[] = [];

  constructor(site: number) {
    this.#site = site;
    this.#running.push(this.#run());
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** The connections to the site that are open. */
  get held(): number {
    return this.#upstream.size;
  }

  async #run(): Promise<void> {
    for await (const client of this.#listener) {
      this.#running.push(this.#serve(client));
    }
  }

  async #serve(client: Deno.Conn): Promise<void> {
    const site = await Deno.connect({
      hostname: "127.0.0.1",
      port: this.#site,
    });
    this.#upstream.add(site);
    this.#downstream.add(client);
    const up = client.readable
      .pipeTo(site.writable, { preventClose: true, preventAbort: true });
    const down = site.readable.pipeTo(
      new WritableStream({
        write: async (bytes) => {
          try {
            let written = 0;
            while (written < bytes.length) {
              written += await client.write(bytes.subarray(written));
            }
          } catch {
            // The browser has left; the site does not learn of it.
          }
        },
      }),
    );
    await Promise.allSettled([up, down]);
    this.#upstream.delete(site);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of [...this.#upstream, ...this.#downstream]) {
      try {
        connection.close();
      } catch {
        // It is closed already.
      }
    }
    await Promise.allSettled(this.#running);
  }
}

/** A site with a page that keeps its visitor present, and what it has told. */
function serveHere({ serve }: TestBrowser) {
  const told: string[] = [];
  const beacons: string[] = [];
  const root = new Resource()
    .putChild("", new Leaf(() => PAGE))
    .putChild("bye", new Leaf(() => "bye"))
    .putChild("login", new Leaf((request) => request.logIn("ann").uid))
    .putChild("clock", new SessionClock());
  const served = serve(root, {
    awayAfter: 10,
    sessionTimeout: 3600,
    accessLog: (line) => {
      if (line.includes('"POST /clock/presence')) beacons.push(line);
    },
  });
  served.site.sessions.onPresence(({ principal, state }: PresenceChange) =>
    told.push(`${principal} ${state}`)
  );
  return { served, told, beacons };
}

async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setTimeout(resolve, 20));
}

browserTest(
  "A browser's visitor is present while a page is open, and nothing is told of a reload",
  async (browser) => {
    const { served, told, beacons } = serveHere(browser);
    const window = await browser.window();
    const page = await window.tab(served.https("/login"));
    const opened = page.waitForResponse((response) =>
      response.url().endsWith("/presence")
    );
    await page.goto(served.https("/"));
    await opened;
    for (let reload = 1; reload <= 3; reload++) {
      await served.clock.advance(30);
      const again = page.waitForResponse((response) =>
        response.url().endsWith("/presence") &&
        response.request().method() === "GET"
      );
      await page.reload();
      await again;
      await until(() => beacons.length >= reload);
    }
    await served.clock.advance(30);
    assertEquals(told, ["ann present"]);

    await page.goto(served.https("/bye"));
    await until(() => beacons.length >= 4);
    await served.clock.advance(9.9);
    assertEquals(told, ["ann present"]);
    await served.clock.advance(0.2);
    assertEquals(told, ["ann present", "ann away"]);
    assertEquals(beacons.length, 4);

    // From the back/forward cache too.
    const again = page.waitForResponse((response) =>
      response.url().endsWith("/presence")
    );
    await page.goBack({ waitUntil: "commit" });
    await again;
    await served.clock.advance(30);
    assertEquals(told.slice(2), ["ann present"]);
  },
);

browserTest(
  "A browser says that a page is closed, where a proxy holds its connection open",
  async (browser) => {
    const { served, told, beacons } = serveHere(browser);
    await using proxy = new HoldingProxy(
      Number(new URL(served.http("/")).port),
    );
    const url = (path: string) => `http://shop.test:${proxy.port}${path}`;
    const page = await (await browser.window()).tab(url("/login"));
    const opened = page.waitForResponse((response) =>
      response.url().endsWith("/presence")
    );
    await page.goto(url("/"));
    await opened;
    await served.clock.advance(30);
    assertEquals(told, ["ann present"]);

    await page.close({ runBeforeUnload: true });
    await until(() => beacons.length > 0);
    assertGreater(proxy.held, 0);
    await served.clock.advance(9.9);
    assertEquals(told, ["ann present"]);
    await served.clock.advance(0.2);
    assertEquals(told, ["ann present", "ann away"]);
    assertEquals(beacons.length, 1);
  },
);
