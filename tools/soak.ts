/**
 * Has sessions come and go for a while, and looks whether anything stays: each
 * must end, and the heap be as it was.
 *
 *     deno task soak [minutes] [per second]
 *
 * Ten minutes, and 1,000 new sessions a second, unless told. Each is visited by a
 * request, has a callback, a signal, a component and a value, is visited once
 * again, and ends a few seconds later. The heap is measured once all garbage is
 * gone, so every measurement is a stall; those are left out of the longest.
 *
 * @module
 */

import { Resource, Session, Site, type SiteRequest } from "../mod.ts";

/** Seconds from the last visit to a session to its end. */
const TIMEOUT = 5;

/** Milliseconds between two turns, each of which has its share of the visitors. */
const TURN = 10;

/** How often the heap is measured on the way. */
const MEASUREMENTS = 10;

/** What may stay in the heap: what V8 keeps of the code that it has run. */
const MAX_GROWTH = 2 * 2 ** 20;

class ShortSession extends Session {
  override sessionTimeout = TIMEOUT;
}

class Basket {
  readonly items: string[] = [];
}

/** Sessions that callbacks and signals were told of. */
let told = 0;
let aborted = 0;

class Page extends Resource {
  override isLeaf = true;

  override render_GET(request: SiteRequest): string {
    const isNew = request.session === undefined;
    const session = request.getSession();
    if (isNew) {
      session.notifyOnExpire(() => void told++);
      session.signal.addEventListener("abort", () => void aborted++);
    }
    session.getComponent(Basket).items.push("tea");
    session.set("visited", true);
    return session.uid;
  }
}

/** The heap in use once all garbage is gone, in bytes. */
function heap(): number {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc !== "function") {
    throw new Error("Cannot measure the heap: run with --v8-flags=--expose-gc");
  }
  // What a first collection finalizes, a second frees.
  for (let i = 0; i < 3; i++) gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

async function visit(site: Site, cookie?: string): Promise<string> {
  const headers: HeadersInit = cookie === undefined ? {} : { cookie };
  const request = new Request("http://localhost/", { headers });
  const response = await site.fetch(request);
  await response.text();
  return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}

/** What a soak has found; bytes and milliseconds. */
interface Soak {
  made: number;
  ended: number;
  before: number;
  readonly during: number[];
  after: number;
  stall: number;
}

/** Lets sessions come and go for so many seconds. */
async function soak(seconds: number, perSecond: number): Promise<Soak> {
  await using site = new Site(new Page(), { sessionFactory: ShortSession });
  let ended = 0;
  site.notifyOnSessionEnd(() => void ended++);
  // Whatever is compiled and grown is there before the heap is measured.
  let { made } = await flow(site, { seconds: TIMEOUT, perSecond });
  await emptied(site);
  const before = heap();
  const during: number[] = [];
  let stall = 0;
  for (let i = 0; i < MEASUREMENTS; i++) {
    const share = await flow(site, {
      seconds: seconds / MEASUREMENTS,
      perSecond,
    });
    made += share.made;
    stall = Math.max(stall, share.stall);
    during.push(heap());
    report(site, during.at(-1)!);
  }
  await emptied(site);
  if (told !== ended || aborted !== ended) {
    throw new Error(`${ended} ended, ${told} told, ${aborted} aborted`);
  }
  return { made, ended, before, during, after: heap(), stall };
}

/** New visitors, so many a second, each of whom comes back once. */
async function flow(
  site: Site,
  { seconds, perSecond }: { seconds: number; perSecond: number },
): Promise<{ made: number; stall: number }> {
  const began = performance.now();
  let made = 0;
  let stall = 0;
  let before = began;
  for (;;) {
    const now = performance.now();
    // A turn that comes when it should is no stall.
    stall = Math.max(stall, now - before - TURN);
    before = now;
    const due = Math.min(now - began, seconds * 1000) / 1000 * perSecond;
    for (; made < Math.floor(due); made++) await visit(site, await visit(site));
    if (now - began >= seconds * 1000) return { made, stall };
    await new Promise((resolve) => setTimeout(resolve, TURN));
  }
}

/** Waits for the sessions to end, those that do not for a while only. */
async function emptied(site: Site): Promise<void> {
  const isLate = Promise.withResolvers<void>();
  const timer = setTimeout(isLate.resolve, 2 * TIMEOUT * 1000);
  const ends = [...site.sessions.values()].map(({ ended }) => ended);
  await Promise.race([Promise.all(ends), isLate.promise]);
  clearTimeout(timer);
}

function report(site: Site, bytes: number): void {
  console.log(
    `${site.sessions.size.toLocaleString("en")} sessions, heap ${
      megabytes(bytes)
    }`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(2)} MiB`;
}

if (import.meta.main) {
  const [minutes = 10, perSecond = 1000] = Deno.args.map(Number);
  const found = await soak(minutes * 60, perSecond);
  const { made, ended, before, during, after, stall } = found;
  const isWhole = made === ended && after - before <= MAX_GROWTH;
  console.log(
    `sessions: ${made.toLocaleString("en")} made, ${
      ended.toLocaleString("en")
    } ended
heap: ${megabytes(before)} before, ${megabytes(Math.min(...during))} to ${
      megabytes(Math.max(...during))
    } during, ${megabytes(after)} after
longest stall: ${stall.toFixed(0)} ms
${isWhole ? "Nothing stays." : "SOMETHING STAYS"}`,
  );
  Deno.exit(isWhole ? 0 : 1);
}
