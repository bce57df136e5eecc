// A release changes the path, the domain or the name's prefix of the cookie. The
// browsers still have the cookie of the release before, and lock no user out.

import { assertEquals } from "@std/assert";
import {
  Resource,
  type SessionCookieOptions,
  Site,
  type SiteOptions,
} from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { TestClock } from "../../testing.ts";
import { CookieJar } from "../../testing/cookie_jar.ts";
import { Leaf } from "../helpers_http.ts";

/** A browser, and a site that is started again with other options. */
class Releases implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly errors: unknown[] = [];
  readonly suspicions: string[] = [];
  readonly #store = new MemoryStore({ clock: this.clock });
  readonly #jar = new CookieJar();
  readonly #scheme: string;
  #site: Site | undefined;

  constructor(scheme: "http" | "https") {
    this.#scheme = scheme;
  }

  /** Starts the next release. */
  async release(
    cookie: SessionCookieOptions,
    options: SiteOptions = {},
  ): Promise<void> {
    await this.#site?.close();
    const root = new Resource()
      .putChild("", new Leaf((request) => request.principal ?? "nobody"))
      .putChild("in", new Leaf((request) => request.logIn("alice").uid))
      .putChild("visit", new Leaf((request) => request.getSession().uid))
      .putChild("out", new Leaf((request) => (request.logOut(), "out")));
    this.#site = new Site(root.putChild("app", root), {
      clock: this.clock,
      store: this.#store,
      onError: (error) => void this.errors.push(error),
      onSuspiciousSession: ({ kind }) => void this.suspicions.push(kind),
      ...options,
      cookie,
    });
  }

  /** Returns the text of a page for the browser. */
  async see(page = "", folder = "/app/"): Promise<string> {
    const url = new URL(`${this.#scheme}://www.shop.test${folder}${page}`);
    const now = this.clock.now();
    const cookie = this.#jar.headerFor(url, now);
    const response = await this.#site!.fetch(
      new Request(url, cookie === undefined ? {} : { headers: { cookie } }),
    );
    this.#jar.keep(response.headers.getSetCookie(), url, now);
    return await response.text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#site?.close();
  }
}

const PLACES: Readonly<Record<string, SessionCookieOptions>> = {
  "path /": {},
  "path /app": { path: "/app" },
  "a domain": { domain: "shop.test" },
  "path /app and a domain": { path: "/app", domain: "shop.test" },
  "its own host as the domain": { domain: "www.shop.test" },
};

for (const scheme of ["http", "https"] as const) {
  for (const [before, old] of Object.entries(PLACES)) {
    for (const [after, changed] of Object.entries(PLACES)) {
      if (before === after) continue;
      const what = `from ${before} to ${after} over ${scheme}`;
      /** Whether the cookie's name stays, so that the old one is read. */
      const isRead = scheme === "http" ||
        (before === "path /") === (after === "path /");

      Deno.test(`A change of the cookie ${what} leaves a visitor logged in where its name stays`, async () => {
        await using it = new Releases(scheme);
        await it.release(old);
        await it.see("in");

        await it.release(changed);

        assertEquals(await it.see(), isRead ? "alice" : "nobody");
      });

      for (const back of [false, true]) {
        for (const first of ["in", "visit", "out"]) {
          Deno.test(`A change of the cookie ${what}${back ? " and back" : ""} lets a visitor log in after "${first}"`, async () => {
            await using it = new Releases(scheme);
            await it.release(old);
            await it.see("in");
            await it.release(changed);
            await it.see(first);
            if (back) {
              await it.release(old);
              await it.see(first);
            }

            await it.see("in");

            assertEquals(await it.see(), "alice");
            await it.see("visit");
            assertEquals(await it.see(), "alice");
            await it.see("out");
            assertEquals(await it.see(), "nobody");
            await it.see("in");
            assertEquals(await it.see(), "alice");
            assertEquals(it.errors, []);
          });
        }
      }
    }
  }
}

Deno.test("A change of the cookie to secure leaves visitors over https logged in", async () => {
  await using it = new Releases("https");
  await it.release({});
  await it.see("in");
  await it.release({ secure: true });
  assertEquals(await it.see(), "alice");
});

Deno.test("A login ends both sessions of a visitor with live cookies of two paths, and counts", async () => {
  await using it = new Releases("http");
  await it.release({ path: "/app" });
  await it.see("in");
  await it.release({});
  // The cookie of the release before is not sent here.
  await it.see("in", "/");
  assertEquals(await it.see(), "nobody");
  assertEquals(it.suspicions, ["several-cookies"]);

  await it.see("in");

  assertEquals(await it.see(), "alice");
  assertEquals(await it.see("", "/"), "alice");
});
