/**
 * Compares ways of waiting for a million deadlines. The expiry queue of the product
 * is one of them.
 *
 *     deno task bench:queue [count] [rounds]
 *
 * Each candidate runs in a separate process, so that the garbage and the types of
 * one do not slow down another. The candidates take turns.
 *
 * All touches and removals are in random order. A batch is added with one timeout,
 * touched, and becomes due: at one instant, or spread over five seconds.
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

/** Milliseconds over which a batch is spread. */
const SPREAD = 5000;

/** The result of one process for one candidate. */
interface Result {
  /** Nanoseconds per entry. */
  readonly add: number;
  readonly touch: number;
  readonly remove: number;
  /** Bytes per entry, the entry included. */
  readonly bytes: number;
  readonly atOnce: BatchResult;
  readonly spread: BatchResult;
}

/** The ends of a batch; times are milliseconds. */
interface BatchResult {
  /** From the first deadline to the last end. */
  readonly took: number;
  /** CPU time of the process. */
  readonly cpu: number;
  /** The longest time between two turns of the event loop, at one instant. */
  readonly stall: number;
  /** The lateness that 99 % of the ends do not exceed. */
  readonly p99: number;
  /** The number of ends before their deadlines. */
  readonly early: number;
}

async function measure(name: string, count: number): Promise<Result> {
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
  // Twice, since the first pass through memory in random order is slower.
  timeTouches(filled);
  const touch = timeTouches(filled);
  const remove = timeRemovals(filled);
  return {
    add,
    touch,
    remove,
    bytes: (bytes.heap + bytes.external) / count,
    atOnce: await measureBatch(name, count, 0),
    spread: await measureBatch(name, count, SPREAD),
  };
}

/** A queue and its entries. */
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

/** Lets a batch end; repeats it with more time if it was due too early. */
async function measureBatch(
  name: string,
  count: number,
  spread: number,
): Promise<BatchResult> {
  for (let lead = 200 + count / 200;; lead *= 2) {
    const batch = makeBatch(name, { count, spread, lead });
    if (batch !== undefined) return await watchBatch(batch);
  }
}

interface Batch {
  readonly queue: Queue;
  readonly count: number;
  /** The first deadline. */
  readonly first: number;
  readonly spread: number;
  readonly ends: Ends;
}

/** Counts ends. */
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

function makeBatch(
  name: string,
  options: { count: number; spread: number; lead: number },
): Batch | undefined {
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
    // As if the clients came one after the other in that time.
    queue.touch(entry, start + wait);
  }
  if (Date.now() < first) return { queue, count, first, spread, ends };
  for (const entry of entries) queue.remove(entry);
  return undefined;
}

async function watchBatch(batch: Batch): Promise<BatchResult> {
  const { queue, first, spread, ends } = batch;
  await sleep(first - Date.now() - 50);
  // Watching uses the CPU, so it is off where CPU time is measured.
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

async function measureApart(name: string, count: number): Promise<Result> {
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
  found: readonly Result[],
): Record<string, unknown> {
  const span = (pick: (result: Result) => number) => spanOf(found.map(pick), 0);
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
  const found = new Map(names.map((name) => [name, [] as Result[]]));
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
  printTable([...found].map(([name, result]) => row(name, result)));
}

if (import.meta.main) {
  const [count = "100000", second = "5"] = Deno.args;
  if (second in CANDIDATES) {
    console.log(JSON.stringify(await measure(second, Number(count))));
    // Timers of a quarter of an hour may be left.
    Deno.exit();
  }
  await compare(Number(count), Number(second));
}
