/**
 * Makes sessions that end, for a while, and looks for leaks: each session must end,
 * and the heap must return to its size.
 *
 *     deno task soak [minutes] [per second]
 *
 * The defaults are ten minutes and 1,000 new sessions a second. Each session has a
 * callback, a signal, a component and a value. It gets two requests, and ends a few
 * seconds later. The heap is measured after a garbage collection, which is a stall;
 * the longest stall leaves these out.
 *
 * @module
 */

import { Resource, Session, Site, type SiteRequest } from "../mod.ts";

/** Seconds from the last request of a session to its end. */
const TIMEOUT = 5;

/** Milliseconds between two turns; each makes a share of the sessions. */
const TURN = 10;

/** Measurements of the heap during the run. */
const MEASUREMENTS = 10;

/** Bytes that V8 may keep for the code that it has run. */
const MAX_GROWTH = 2 * 2 ** 20;

class ShortSession extends Session {
  override sessionTimeout = TIMEOUT;
}

class Basket {
  readonly items: string[] = [];
}

/** Ends that called a callback, and ends that aborted a signal. */
let called = 0;
let aborted = 0;

class Page extends Resource {
  override isLeaf = true;

  override render_GET(request: SiteRequest): string {
    const isNew = request.session === undefined;
    const session = request.getSession();
    if (isNew) {
      session.notifyOnExpire(() => void called++);
      session.signal.addEventListener("abort", () => void aborted++);
    }
    session.getComponent(Basket).items.push("tea");
    session.set("visited", true);
    return session.uid;
  }
}

/** Collects garbage, and returns the bytes in use. */
function heap(): number {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc !== "function") {
    throw new Error("Cannot measure the heap: run with --v8-flags=--expose-gc");
  }
  // The second collection frees the objects that the first one finalized.
  for (let i = 0; i < 3; i++) gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

async function request(site: Site, cookie?: string): Promise<string> {
  const headers: HeadersInit = cookie === undefined ? {} : { cookie };
  const request = new Request("http://localhost/", { headers });
  const response = await site.fetch(request);
  await response.text();
  return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}

/** The result of a run, in bytes and milliseconds. */
interface Soak {
  made: number;
  ended: number;
  before: number;
  readonly during: number[];
  after: number;
  stall: number;
}

/** Makes sessions for so many seconds, and waits for their ends. */
async function soak(seconds: number, perSecond: number): Promise<Soak> {
  await using site = new Site(new Page(), { sessionFactory: ShortSession });
  let ended = 0;
  site.notifyOnSessionEnd(() => void ended++);
  // Warms up, so that compiled code and grown tables are in the first measurement.
  let { made } = await makeSessions(site, { seconds: TIMEOUT, perSecond });
  await untilEmpty(site);
  const before = heap();
  const during: number[] = [];
  let stall = 0;
  for (let i = 0; i < MEASUREMENTS; i++) {
    const share = await makeSessions(site, {
      seconds: seconds / MEASUREMENTS,
      perSecond,
    });
    made += share.made;
    stall = Math.max(stall, share.stall);
    during.push(heap());
    report(site, during.at(-1)!);
  }
  await untilEmpty(site);
  if (called !== ended || aborted !== ended) {
    throw new Error(`${ended} ended, ${called} called, ${aborted} aborted`);
  }
  return { made, ended, before, during, after: heap(), stall };
}

/** Makes sessions, so many a second, with two requests each. */
async function makeSessions(
  site: Site,
  { seconds, perSecond }: { seconds: number; perSecond: number },
): Promise<{ made: number; stall: number }> {
  const began = performance.now();
  let made = 0;
  let stall = 0;
  let before = began;
  for (;;) {
    const now = performance.now();
    // A turn on time counts as no stall.
    stall = Math.max(stall, now - before - TURN);
    before = now;
    const due = Math.min(now - began, seconds * 1000) / 1000 * perSecond;
    for (; made < Math.floor(due); made++) {
      await request(site, await request(site));
    }
    if (now - began >= seconds * 1000) return { made, stall };
    await new Promise((resolve) => setTimeout(resolve, TURN));
  }
}

/** Waits until all sessions have ended, or for twice their timeout. */
async function untilEmpty(site: Site): Promise<void> {
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
  const hasNoLeak = made === ended && after - before <= MAX_GROWTH;
  console.log(
    `sessions: ${made.toLocaleString("en")} made, ${
      ended.toLocaleString("en")
    } ended
heap: ${megabytes(before)} before, ${megabytes(Math.min(...during))} to ${
      megabytes(Math.max(...during))
    } during, ${megabytes(after)} after
longest stall: ${stall.toFixed(0)} ms
${hasNoLeak ? "No leak." : "LEAK FOUND"}`,
  );
  Deno.exit(hasNoLeak ? 0 : 1);
}
