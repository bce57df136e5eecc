/**
 * The ways of waiting for a million deadlines, side by side: what the expiry
 * queue of the product was chosen from.
 *
 *     deno task bench:queue [count] [rounds]
 *
 * Every candidate is measured in a process of its own, so that none suffers
 * from the garbage or the types of another; they take turns.
 *
 * All touches and removals go in random order. A crowd is added with one
 * timeout, touched in random order, and left to come due: at one instant, or
 * spread over five seconds.
 *
 * @module
 */

import process from "node:process";
import { bytesOf } from "./memory.ts";
import { Heap } from "./queues/heap.ts";
import { Lanes } from "./queues/lanes.ts";
import { LinkedLists } from "./queues/linked_lists.ts";
import type { Entry, OnDue, Queue } from "./queues/queue.ts";
import { Timers } from "./queues/timers.ts";
import { Wheel } from "./queues/wheel.ts";
import { shuffle } from "./shuffle.ts";
import { sleep, watchStalls } from "./stalls.ts";
import { printTable, spanOf } from "./table.ts";

const CANDIDATES: Readonly<Record<string, new (onDue: OnDue) => Queue>> = {
  "timing wheel": Wheel,
  "Map per timeout": Lanes,
  "list per timeout": LinkedLists,
  "binary heap": Heap,
  "timer each": Timers,
};

/** The timeout of every entry, in milliseconds. */
const TIMEOUT = 900_000;

/** Milliseconds over which a crowd is spread. */
const SPREAD = 5000;

/** What one process has found of one candidate. */
interface Findings {
  /** Nanoseconds for each entry. */
  readonly add: number;
  readonly touch: number;
  readonly remove: number;
  /** Bytes for each entry, the entry included. */
  readonly bytes: number;
  readonly atOnce: CrowdFindings;
  readonly spread: CrowdFindings;
}

/** How a crowd ended; times are milliseconds. */
interface CrowdFindings {
  /** From the first deadline to the last end. */
  readonly took: number;
  /** What the process computed meanwhile. */
  readonly cpu: number;
  /** The longest time between two turns of the event loop, at one instant. */
  readonly stall: number;
  /** The lateness that 99 % of the ends do not exceed. */
  readonly p99: number;
  /** How many ended before their deadlines. */
  readonly early: number;
}

async function measure(name: string, count: number): Promise<Findings> {
  const warm = fill(name, 20_000);
  timeTouches(warm);
  timeRemovals(warm);

  const entries = new Array<Entry>(count);
  let add = 0;
  let queue: Queue | undefined;
  const bytes = bytesOf(() => {
    const began = performance.now();
    queue = new CANDIDATES[name]!(() => {});
    const now = Date.now();
    for (let i = 0; i < count; i++) entries[i] = queue.add(i, TIMEOUT, now);
    add = nanosecondsEach(began, count);
  });
  const filled = { queue: queue!, entries };
  // Twice, for the first time through memory in random order is not the usual.
  timeTouches(filled);
  const touch = timeTouches(filled);
  const remove = timeRemovals(filled);
  return {
    add,
    touch,
    remove,
    bytes: (bytes.heap + bytes.external) / count,
    atOnce: await measureCrowd(name, count, 0),
    spread: await measureCrowd(name, count, SPREAD),
  };
}

/** A queue, and what waits in it. */
interface Filled {
  readonly queue: Queue;
  readonly entries: Entry[];
}

function fill(name: string, count: number): Filled {
  const queue = new CANDIDATES[name]!(() => {});
  const now = Date.now();
  const entries = Array.from(
    { length: count },
    (_, index) => queue.add(index, TIMEOUT, now),
  );
  return { queue, entries };
}

function timeTouches({ queue, entries }: Filled): number {
  shuffle(entries);
  const now = Date.now();
  const began = performance.now();
  for (const entry of entries) queue.touch(entry, now);
  return nanosecondsEach(began, entries.length);
}

function timeRemovals({ queue, entries }: Filled): number {
  shuffle(entries);
  const began = performance.now();
  for (const entry of entries) queue.remove(entry);
  return nanosecondsEach(began, entries.length);
}

function nanosecondsEach(began: number, count: number): number {
  return (performance.now() - began) * 1e6 / count;
}

/** Lets a crowd end; if it is due before it is ready, anew with more time. */
async function measureCrowd(
  name: string,
  count: number,
  spread: number,
): Promise<CrowdFindings> {
  for (let lead = 200 + count / 200;; lead *= 2) {
    const crowd = makeCrowd(name, { count, spread, lead });
    if (crowd !== undefined) return await watchCrowd(crowd);
  }
}

interface Crowd {
  readonly queue: Queue;
  readonly count: number;
  /** The first deadline. */
  readonly first: number;
  readonly spread: number;
  readonly ends: Ends;
}

/** Counts what ends. */
class Ends {
  readonly deadlines: Float64Array;
  readonly lateness: Float64Array;
  readonly over: PromiseWithResolvers<void> = Promise.withResolvers();
  left: number;
  last = 0;

  constructor(count: number) {
    this.left = count;
    this.deadlines = new Float64Array(count);
    this.lateness = new Float64Array(count);
  }

  readonly onDue = (index: number): void => {
    this.last = Date.now();
    this.lateness[index] = this.last - this.deadlines[index]!;
    if (--this.left === 0) this.over.resolve();
  };
}

function makeCrowd(
  name: string,
  options: { count: number; spread: number; lead: number },
): Crowd | undefined {
  const { count, spread, lead } = options;
  const ends = new Ends(count);
  const queue = new CANDIDATES[name]!(ends.onDue);
  const start = Date.now();
  const entries: Entry[] = [];
  for (let index = 0; index < count; index++) {
    entries.push(queue.add(index, lead, start));
  }
  shuffle(entries);
  const first = start + lead + 1;
  for (const [i, entry] of entries.entries()) {
    const wait = 1 + Math.floor(i * spread / count);
    ends.deadlines[entry.index] = start + wait + lead;
    // As if the visitors came one after the other for as long as that.
    queue.touch(entry, start + wait);
  }
  if (Date.now() < first) return { queue, count, first, spread, ends };
  for (const entry of entries) queue.remove(entry);
  return undefined;
}

async function watchCrowd(crowd: Crowd): Promise<CrowdFindings> {
  const { queue, first, spread, ends } = crowd;
  await sleep(first - Date.now() - 50);
  // Watching keeps the processor busy, so it is not for where that is counted.
  const stalls = spread === 0 ? watchStalls() : undefined;
  const cpu = process.cpuUsage();
  const drive = () => {
    const next = queue.due();
    if (next === Infinity) return;
    setTimeout(drive, Math.max(0, Math.ceil(next - Date.now())));
  };
  drive();
  await ends.over.promise;
  const { user, system } = process.cpuUsage(cpu);
  const stall = stalls?.stop() ?? 0;
  const lateness = ends.lateness.sort();
  return {
    took: ends.last - first,
    cpu: (user + system) / 1000,
    stall,
    p99: lateness[Math.floor(0.99 * (lateness.length - 1))]!,
    early: lateness.findIndex((late) => late >= 0),
  };
}

async function measureApart(name: string, count: number): Promise<Findings> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      "--no-check",
      "--v8-flags=--expose-gc,--max-old-space-size=8192",
      new URL(import.meta.url).pathname,
      String(count),
      name,
    ],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure "${name}": its process failed`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

function row(
  name: string,
  found: readonly Findings[],
): Record<string, unknown> {
  const span = (pick: (findings: Findings) => number) =>
    spanOf(found.map(pick), 0);
  return {
    "": name,
    "add, ns": span(({ add }) => add),
    "touch, ns": span(({ touch }) => touch),
    "remove, ns": span(({ remove }) => remove),
    "bytes": span(({ bytes }) => bytes),
    "at once, ms": span(({ atOnce }) => atOnce.took),
    "stall, ms": span(({ atOnce }) => atOnce.stall),
    "spread: cpu, ms": span(({ spread }) => spread.cpu),
    "p99 late, ms": span(({ spread }) => spread.p99),
    "early": span(({ atOnce, spread }) => atOnce.early + spread.early),
  };
}

async function compare(count: number, rounds: number): Promise<void> {
  const names = Object.keys(CANDIDATES);
  const found = new Map(names.map((name) => [name, [] as Findings[]]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      found.get(name)!.push(await measureApart(name, count));
    }
  }
  console.log(
    `${
      count.toLocaleString("en")
    } entries, ${rounds} rounds: min/median/max of the rounds`,
  );
  printTable([...found].map(([name, findings]) => row(name, findings)));
}

if (import.meta.main) {
  const [count = "100000", second = "5"] = Deno.args;
  if (second in CANDIDATES) {
    console.log(JSON.stringify(await measure(second, Number(count))));
    // Timers that wait for a quarter of an hour may be left.
    Deno.exit();
  }
  await compare(Number(count), Number(second));
}
