/**
 * The program that is fuzzed: two sites with a large tree. One site trusts the
 * proxy. The argument is a folder for the files to serve.
 *
 * The first line of output has the ports. For each line of input the program waits
 * until all sessions have ended, and prints a {@linkcode Tally}. It ends with its
 * input.
 *
 * @module
 */

import {
  FetchResource,
  Guard,
  HttpError,
  listen,
  NameVirtualHost,
  ParentRedirect,
  Redirect,
  type Rendered,
  Resource,
  Session,
  SessionGuard,
  type SessionSite,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { StaticData, StaticFile } from "../../resources/static.ts";

/** The counts of the sites. */
export interface Tally {
  /** Sessions that were made, including those that were dropped at once. */
  made: number;
  /** Calls of getSession() and logins that made a session. */
  requested: number;
  /** Sessions whose end callback was called. */
  ended: number;
  /** Sessions that are still live. */
  left: number;
  /** Reported errors, with their stacks. */
  errors: string[];
}

/** The most errors to keep. */
const SHOWN = 10;

/** Milliseconds in which all sessions end without access. */
const LATE = 10_000;

const tally: Tally = { made: 0, requested: 0, ended: 0, left: 0, errors: [] };

class CountedSession extends Session {
  override sessionTimeout = 2;

  constructor(site: SessionSite, uid: string) {
    super(site, uid);
    tally.made++;
    this.notifyOnExpire(() => void tally.ended++);
  }
}

/** Returns the client's session, and counts it if it is new. */
function sessionOf(request: SiteRequest): Session {
  const before = request.session;
  const session = request.getSession();
  if (session !== before) tally.requested++;
  return session;
}

type Render = (request: SiteRequest) => Rendered | Promise<Rendered>;

/** A page with a function for GET, and maybe one for POST. */
class Page extends Resource {
  constructor(get: Render, post?: Render) {
    super();
    this.render_GET = get;
    if (post !== undefined) this.render_POST = post;
  }

  declare render_GET: Render;
  declare render_POST?: Render;
}

/** A guard that counts the sessions that its logins make. */
class CountedGuard extends SessionGuard {
  override authenticate(
    request: SiteRequest,
  ): string | undefined | Promise<string | undefined> {
    const before = request.session;
    const user = super.authenticate(request);
    if (user !== undefined && request.session !== before) tally.requested++;
    return user;
  }
}

/** A resource with children for numbers; some are promises. */
class Items extends Resource {
  override getChild(
    name: string,
  ): Resource | undefined | Promise<Resource | undefined> {
    if (!/^\d{1,4}$/.test(name)) return undefined;
    const item = new Page(({ postpath }) => `item ${name} ${postpath.length}`);
    item.isLeaf = Number(name) % 2 === 0;
    return Number(name) % 3 === 0 ? Promise.resolve(item) : item;
  }
}

function isAlice(user: string, password: string): boolean {
  return user === "alice" && password === "open sesame";
}

const REALM = { realm: "Treasure" };

function makeTree(folder: string): Resource {
  const root = new Resource()
    .putChild("", new StaticData("home", "text/plain"))
    .putChild("files", new StaticFile(folder, { listing: true }))
    .putChild(
      "pages",
      new StaticFile(folder, { defaultExtensions: [".html"], dotFiles: true }),
    )
    .putChild("visits", new Page(visit, visit))
    .putChild(
      "later",
      new Page(async (request) => {
        await Promise.resolve();
        return visit(request);
      }),
    )
    .putChild("login", new Page(login, login))
    .putChild("logout", new Page(logout, logout))
    .putChild("form", new Page(() => "form", readForm))
    .putChild("json", new Page(() => "json", readJson))
    .putChild("bytes", new Page(() => "bytes", readBytes))
    .putChild("unread", new Page(() => "unread", () => "nothing read"))
    .putChild("guard", new Guard(new Page(() => "in"), isAlice, REALM))
    .putChild(
      "treasure",
      new CountedGuard(new Page(visit, visit), isAlice, REALM),
    )
    .putChild("go", new Redirect("/visits"))
    .putChild("old", new Resource().putChild("", new ParentRedirect()))
    .putChild("back", new Page(goBack))
    .putChild("items", new Items())
    .putChild("a/b", new Page(() => "slash"))
    .putChild("app", new FetchResource(mounted))
    .putChild("links", new Page(makeLinks))
    .putChild("tagged", new Page(tagged, tagged))
    .putChild("stream", new Page(stream))
    .putChild("gone", new Page(gone))
    .putChild("cookies", new Page(echoCookie));
  root.children.get("links")!.isLeaf = true;
  return new NameVirtualHost(root)
    .addHost("tea.example", new Page((request) => sessionOf(request).uid));
}

function visit(request: SiteRequest): string {
  const session = sessionOf(request);
  const visits = (session.get<number>("visits") ?? 0) + 1;
  session.set("visits", visits);
  return `visit ${visits}`;
}

function login(request: SiteRequest): string {
  const before = sessionOf(request);
  const session = request.logIn(`user ${before.uid.slice(0, 2)}`);
  if (session !== before) tally.requested++;
  return "welcome";
}

function logout(request: SiteRequest): string {
  request.logOut();
  return request.query.has("again") ? visit(request) : "bye";
}

async function readForm(request: SiteRequest): Promise<string> {
  return `fields: ${[...(await request.formData()).keys()].length}`;
}

async function readJson(request: SiteRequest): Promise<string> {
  return typeof await request.json();
}

async function readBytes(request: SiteRequest): Promise<string> {
  const { length } = await request.bytes();
  visit(request);
  return `${length} bytes`;
}

function goBack(request: SiteRequest): Response {
  return request.redirect(request.query.get("to") ?? "/");
}

function mounted(request: Request): Response {
  return new Response(new URL(request.url).pathname);
}

function makeLinks(request: SiteRequest): string {
  return JSON.stringify([
    request.childLink(request.postpath.join()),
    request.siblingLink(request.prepath.join()),
    request.rootURL,
    request.url,
    [...request.query],
    request.remoteAddress,
  ]);
}

function tagged(request: SiteRequest): string {
  const isCurrent = request.setETag("v1") ||
    request.setLastModified(new Date(1e12));
  return isCurrent ? "" : "tagged";
}

function stream(request: SiteRequest): ReadableStream<Uint8Array> {
  request.setHeader("content-type", "text/plain");
  return new Blob(["a", "b", "c"]).stream();
}

function gone(): never {
  throw new HttpError(410, "Gone");
}

function echoCookie(request: SiteRequest): string {
  const value = request.getCookie("echo") ?? "";
  request.addCookie({ name: "echo", value: encodeURIComponent(value) });
  request.setHeader("x-echo", encodeURIComponent(value));
  return "cookies";
}

/** Files, some with unusual names. */
const FILES: Readonly<Record<string, string>> = {
  "index.html": "<p>index",
  "page.html": "<p>page",
  "page.html.gz": "not really compressed",
  "big.txt": "0123456789".repeat(500),
  ".hidden": "hidden",
  "a b%20c.txt": "odd",
  "folder/file.txt": "file",
};

function fill(folder: string): void {
  Deno.mkdirSync(`${folder}/folder`);
  for (const [name, text] of Object.entries(FILES)) {
    Deno.writeTextFileSync(`${folder}/${name}`, text);
  }
}

function makeSite(folder: string, options: SiteOptions): Site {
  return new Site(makeTree(folder), {
    sessionFactory: CountedSession,
    maxSessions: 5000,
    accessLog: () => {},
    notFoundPage: new Page((request) => `nothing at ${request.prepath.length}`),
    serverErrorPage: new Page(() => "sorry"),
    onError: (error) => {
      // A request over http may say https: a report, once, and no failure.
      if (/^Error: Cannot mark the session cookie/.test(String(error))) return;
      const text = error instanceof Error ? error.stack : undefined;
      tally.errors.push(text ?? String(error));
      tally.errors.splice(SHOWN);
    },
    ...options,
  });
}

/** Waits until all sessions have ended, or for LATE milliseconds. */
async function settle(sites: readonly Site[]): Promise<void> {
  const isLate = Promise.withResolvers<void>();
  const timer = setTimeout(isLate.resolve, LATE);
  const sessions = sites.flatMap((site) => [...site.sessions.values()]);
  const ends = sessions.map(({ ended }) => ended);
  await Promise.race([Promise.all(ends), isLate.promise]);
  clearTimeout(timer);
  tally.left = sites.reduce((sum, { sessions }) => sum + sessions.size, 0);
}

if (import.meta.main) {
  const [folder = Deno.makeTempDirSync()] = Deno.args;
  fill(folder);
  const sites = [
    makeSite(folder, {}),
    makeSite(folder, { trustProxy: true, maxBodyBytes: 2000 }),
  ];
  const servers = sites.map((site) =>
    listen(site, { hostname: "127.0.0.1", port: 0, onListen() {} })
  );
  console.log(
    JSON.stringify(servers.map(({ addr }) => (addr as Deno.NetAddr).port)),
  );
  for await (const _ of Deno.stdin.readable) {
    await settle(sites);
    console.log(JSON.stringify(tally));
  }
  Deno.exit();
}
