/**
 * What the tests with a real browser share: Debian's Chromium, driven by
 * playwright-core, and a site that it visits over http and https.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Browser, BrowserContext, Page } from "playwright-core";
import {
  Resource,
  type SessionEnd,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { TestClock } from "../../testing.ts";
import { Leaf, type Render } from "../helpers_http.ts";
import { TEST_LIMIT } from "../helpers_process.ts";
import { CHROMIUM, type RunningBrowser, startChromium } from "./chromium.ts";
import { repeatedIfStalled } from "../helpers_stalls.ts";

/** Two sites, and not one of them a part of the other, on this machine. */
export const SHOP = "shop.test";
export const EVIL = "evil.test";

/** A host below the first of them, which others may run. */
export const BLOG = `blog.${SHOP}`;

/** How often a browser is started before that is given up. */
const TRIES = 3;

/** Milliseconds that a window may take to close. */
const CLOSE_LIMIT = 15_000;

/** Milliseconds for the rest of a test, once the browser runs. */
const ACT_LIMIT = TEST_LIMIT - 2 * CLOSE_LIMIT;

const PERMISSIONS = ["run", "net", "read", "write", "env", "sys"] as const;

/** A certificate that nobody has signed but itself. */
interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** By which the browser is told to believe it. */
  readonly fingerprint: string;
}

/** The one browser of a file of tests, once it is needed. */
let running: Promise<[RunningBrowser, Certificate]> | undefined;

/**
 * A test with a browser window of its own: no cookie is there yet.
 *
 * Where there is no browser, or a permission is missing, it is ignored and says
 * so; where `CI` is set, it fails then.
 */
export function browserTest(
  name: string,
  fn: (browser: TestBrowser) => Promise<void>,
): void {
  const missing = findMissing();
  const isIgnored = missing !== undefined && !isCI();
  Deno.test({
    name: isIgnored ? `${name} (ignored: ${missing})` : name,
    ignore: isIgnored,
    timeout: TEST_LIMIT,
    // The browser stays for the next test, and its pipes with it.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: repeatedIfStalled(async () => {
      if (missing !== undefined) {
        throw new Error(`Cannot test with a browser: ${missing}`);
      }
      const [{ browser }, certificate] = await start();
      const windows: BrowserWindow[] = [];
      const servers: Served[] = [];
      let hasFailed = true;
      try {
        const acting = fn({
          window: async (options) => {
            const window = new BrowserWindow(
              await browser.newContext(options),
            );
            windows.push(window);
            return window;
          },
          serve: (root, options) => {
            const served = new Served(root, certificate, options);
            servers.push(served);
            return served;
          },
        });
        // Deno's own limit would leave the browser as it is to the next test.
        await within(ACT_LIMIT, acting);
        for (const { complaints } of windows) assertEquals(complaints, []);
        for (const { errors } of servers) assertEquals(errors, []);
        hasFailed = false;
      } finally {
        await close(windows);
        if (hasFailed) await stop();
        for (const served of servers) await served[Symbol.asyncDispose]();
      }
    }),
  });
}

Deno.test.afterAll(stop);

/** Closes windows, together with the browser if they do not close. */
async function close(windows: readonly BrowserWindow[]): Promise<void> {
  const closed = windows.map((window) => window[Symbol.asyncDispose]());
  try {
    await within(CLOSE_LIMIT, Promise.all(closed));
  } catch (error) {
    console.warn("Cannot close a window, and so stops the browser:", error);
    await stop();
  }
}

/** Waits for a promise, and rejects if that takes too long, in milliseconds. */
async function within(limit: number, promise: Promise<unknown>): Promise<void> {
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => over.reject(new Error(`Not done in ${limit} ms`)),
    limit,
  );
  try {
    await Promise.race([promise, over.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The browser, which is started unless it runs. */
async function start(): Promise<[RunningBrowser, Certificate]> {
  const starting = running ??= launch();
  try {
    return await starting;
  } catch (error) {
    // The next test tries once more.
    if (running === starting) running = undefined;
    throw error;
  }
}

/** Stops the browser, if it runs. The next test that needs one starts it. */
async function stop(): Promise<void> {
  const stopping = running;
  running = undefined;
  const [browser] = await stopping ?? [];
  await browser?.[Symbol.asyncDispose]();
}

/** What a test with a browser is given. */
export interface TestBrowser {
  /** Opens a window with cookies of its own, as a private window. */
  window(
    options?: Parameters<Browser["newContext"]>[0],
  ): Promise<BrowserWindow>;
  /** Serves a tree over http and https, for every host of this file. */
  serve(root: Resource | Render, options?: SiteOptions): Served;
}

/** A browser's window: its tabs share their cookies. */
export class BrowserWindow implements AsyncDisposable {
  readonly context: BrowserContext;
  /** What the pages have complained of: errors of scripts, and in the console. */
  readonly complaints: string[] = [];

  constructor(context: BrowserContext) {
    this.context = context;
    context.setDefaultTimeout(20_000);
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        this.complaints.push(message.text());
      }
    });
    context.on("weberror", (error) => {
      this.complaints.push(error.error().message);
    });
  }

  /** Opens a tab, at a page if there is one. */
  async tab(url?: string): Promise<Page> {
    const page = await this.context.newPage();
    if (url !== undefined) await page.goto(url);
    return page;
  }

  /**
   * Closes the window with its tabs.
   *
   * Each is led to an empty page before: Chromium never answers whoever closes
   * a window while one of its tabs is on the way to another page.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const blank = this.context.pages().map((page) => page.goto("about:blank"));
    await Promise.allSettled(blank);
    await this.context.close();
  }
}

/** A site that is served over http and over https. */
export class Served implements AsyncDisposable {
  readonly site: Site;
  readonly clock = new TestClock();
  readonly ends: SessionEnd[] = [];
  readonly errors: unknown[] = [];
  readonly #plain: Deno.HttpServer<Deno.NetAddr>;
  readonly #secure: Deno.HttpServer<Deno.NetAddr>;

  constructor(
    root: Resource | Render,
    { cert, key }: Certificate,
    options: SiteOptions = {},
  ) {
    this.site = new Site(root instanceof Resource ? root : new Leaf(root), {
      clock: this.clock,
      onError: (error) => void this.errors.push(error),
      ...options,
    });
    this.site.notifyOnSessionEnd((end) => void this.ends.push(end));
    // Browsers ask for it by themselves, and complain if it is not there.
    const answer: Deno.ServeHandler = (request, info) =>
      request.url.endsWith("/favicon.ico")
        ? new Response(null, { status: 204 })
        : this.site.fetch(request, info);
    const where = { port: 0, hostname: "127.0.0.1", onListen() {} };
    this.#plain = Deno.serve(where, answer);
    this.#secure = Deno.serve({ ...where, cert, key }, answer);
  }

  /** A URL of the site over http. */
  http(path: string, host: string = SHOP): string {
    return `http://${host}:${this.#plain.addr.port}${path}`;
  }

  /** A URL of the site over https. */
  https(path: string, host: string = SHOP): string {
    return `https://${host}:${this.#secure.addr.port}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.site.stopStreams();
    await Promise.all([this.#plain.shutdown(), this.#secure.shutdown()]);
    await this.site.close();
  }
}

/** A tree of pages by their names. */
export function pages(renders: Record<string, Render>): Resource {
  const root = new Resource();
  for (const [name, render] of Object.entries(renders)) {
    root.putChild(name, new Leaf(render));
  }
  return root;
}

/** Answers the uid of the visitor's session, which is made if need be. */
export function sayUid(request: SiteRequest): string {
  return request.getSession().uid;
}

/** Answers the uid of the visitor's session if there is one, or "nobody". */
export function sayWho(request: SiteRequest): string {
  return request.session?.uid ?? "nobody";
}

/** The text of a page. */
export async function textOf(page: Page): Promise<string> {
  return await page.innerText("body");
}

/** Visits a page, and answers its text. */
export async function see(page: Page, url: string): Promise<string> {
  await page.goto(url);
  return await textOf(page);
}

/** What axe finds that keeps people from using a page. */
export async function accessViolationsOf(page: Page): Promise<string[]> {
  const { default: axe } = await import("axe-core");
  await page.evaluate(axe.source);
  // deno-lint-ignore no-explicit-any -- what axe answers, from the browser
  const { violations } = await page.evaluate("axe.run()") as any;
  return violations.flatMap(
    // deno-lint-ignore no-explicit-any -- likewise
    ({ id, nodes }: any) => nodes.map(({ html }: any) => `${id}: ${html}`),
  );
}

async function launch(): Promise<[RunningBrowser, Certificate]> {
  const certificate = await makeCertificate();
  const flags = [
    "--host-resolver-rules=MAP *.test 127.0.0.1",
    `--ignore-certificate-errors-spki-list=${certificate.fingerprint}`,
  ];
  for (let tries = 1;; tries++) {
    try {
      return [await startChromium(...flags), certificate];
    } catch (error) {
      // It is not the browser's start that is tested.
      if (tries === TRIES) throw error;
      console.warn("Cannot start the browser, and so tries again:", error);
    }
  }
}

async function makeCertificate(): Promise<Certificate> {
  const folder = await Deno.makeTempDir();
  const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  try {
    await openssl(
      "req",
      "-x509",
      "-nodes",
      "-days",
      "2",
      "-out",
      cert,
      [
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
        ["-keyout", key, "-subj", `/CN=${SHOP}`],
        ["-addext", `subjectAltName=DNS:${SHOP},DNS:${BLOG},DNS:${EVIL}`],
      ].flat(),
    );
    const publicKey = await openssl("x509", "-in", cert, "-noout", "-pubkey");
    const spki = Uint8Array.fromBase64(publicKey.replace(/-----.+-----/g, ""));
    const digest = await crypto.subtle.digest("SHA-256", spki);
    return {
      cert: await Deno.readTextFile(cert),
      key: await Deno.readTextFile(key),
      fingerprint: new Uint8Array(digest).toBase64(),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function openssl(...args: (string | string[])[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("openssl", {
    args: args.flat(),
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`Cannot make a certificate: ${decoder.decode(stderr)}`);
  }
  return decoder.decode(stdout);
}

/** What there is to be missed; undefined if nothing is. */
function findMissing(): string | undefined {
  const denied = PERMISSIONS.filter((name) =>
    Deno.permissions.querySync({ name }).state !== "granted"
  );
  if (denied.length > 0) return "needs -A";
  try {
    Deno.statSync(CHROMIUM);
  } catch {
    return `needs Chromium at ${CHROMIUM}`;
  }
  return undefined;
}

/** Whether a test that lacks its browser fails. */
export function isCI(): boolean {
  return Deno.permissions.querySync({ name: "env" }).state === "granted" &&
    Deno.env.get("CI") === "true";
}
