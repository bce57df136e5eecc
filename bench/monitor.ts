/**
 * Measures the size of the session monitor, and how soon it lists many sessions.
 *
 *     deno task bench:monitor [count] [rounds]
 *
 * "First row" is the time from the request for the page until its first row has
 * arrived. Each round makes a new listing, which examines all sessions. "Stall" is
 * the longest time between two turns of the event loop, in which other requests
 * wait.
 *
 * @module
 */

import { Guard, passwordCheck, Resource, Site } from "../mod.ts";
import { SessionMonitor } from "../monitor/mod.ts";
import { sleep } from "./stalls.ts";
import { printTable, spanOf } from "./table.ts";

const COUNT = countFrom(Deno.args[0] ?? "100000");
const ROUNDS = countFrom(Deno.args[1] ?? "7");

/** The headers of a browser that has logged in. */
const HEADERS = { authorization: `Basic ${btoa("admin:open sesame")}` };

/** Longer than a listing is cached, in milliseconds. */
const BETWEEN = 2500 + COUNT / 100;

const root = new Resource();
await using site = new Site(root);
const check = passwordCheck({ admin: "open sesame" });
const guard = new Guard(new SessionMonitor(site), check, { realm: "Monitor" });
root.putChild("monitor", guard);
for (let i = 0; i < COUNT; i++) {
  const session = site.makeSession();
  if (i % 2 === 0) session.principal = `user ${i}`;
  session.sessionTimeout = 300 + Math.random() * 1500;
  session.startCheckingExpiration();
}
const server = Deno.serve({
  port: 0,
  hostname: "127.0.0.1",
  onListen: () => {},
}, site.fetch);
const url = `http://127.0.0.1:${server.addr.port}/monitor`;

/** Returns the time until a text has arrived, in milliseconds. */
async function timeUntil(text: string, path: string): Promise<number> {
  const since = performance.now();
  const response = await fetch(url + path, { headers: HEADERS });
  const decoder = new TextDecoder();
  let page = "";
  let time: number | undefined;
  for await (const chunk of response.body!) {
    page += decoder.decode(chunk, { stream: true });
    if (page.includes(text)) time ??= performance.now() - since;
    // The stream of events has no end.
    if (time !== undefined && path.startsWith("/events")) break;
  }
  if (time === undefined) throw new Error(`Cannot find ${text} in ${path}`);
  return time;
}

/**
 * Measures the longest time between two turns, less the millisecond of a timer. The
 * messages of the other benchmarks would leave no turn for fetch.
 */
function watchStalls(): { stop(): number } {
  let longest = 0;
  let before = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - before - 1);
    before = now;
  }, 1);
  return {
    stop() {
      clearInterval(timer);
      return longest;
    },
  };
}

async function row(
  name: string,
  text: string,
  path: string,
): Promise<Record<string, unknown>> {
  const times: number[] = [];
  const stalls: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    await sleep(BETWEEN);
    const watch = watchStalls();
    times.push(await timeUntil(text, path));
    stalls.push(watch.stop());
  }
  return { "": name, "first row": spanOf(times), stall: spanOf(stalls) };
}

async function weigh(name: string, path: string): Promise<string[]> {
  const response = await fetch(url + path, { headers: HEADERS });
  const bytes = await response.bytes();
  const packed = new Blob([bytes]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const { length } = await new Response(packed).bytes();
  return [name, String(bytes.length), String(length)];
}

/** @throws {RangeError} If the text is not a whole number above 0. */
function countFrom(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new RangeError(`Cannot make sessions: not a count: "${text}"`);
}

const weights = [
  await weigh("page, with 50 rows", ""),
  await weigh("script", "/monitor.js"),
  await weigh("stylesheet", "/monitor.css"),
  await weigh("icon", "/icon.svg"),
];
const sums = [1, 2].map((column) =>
  String(weights.reduce((sum, row) => sum + Number(row[column]), 0))
);
printTable([...weights, ["all", ...sums]].map(([name, bytes, packed]) => ({
  "": name,
  bytes,
  gzip: packed,
})));

const { uid } = [...site.sessions.values()].at(COUNT / 2)!;
const ANY = '<tr data-uid="';
console.log(
  `${
    COUNT.toLocaleString("en")
  } sessions, ${ROUNDS} rounds; ms, min/median/max`,
);
printTable([
  await row("newest first", ANY, ""),
  await row("oldest first", ANY, "?order=oldest"),
  await row("soonest first", ANY, "?order=soonest"),
  await row("busiest first", ANY, "?order=busiest"),
  await row("search for a principal", ANY, "?q=user+9999"),
  await row("search for a uid", uid, `?q=${uid}`),
  // JSON escapes the quotes.
  await row("events", String.raw`<tr data-uid=\"`, "/events?order=soonest"),
]);
await server.shutdown();
