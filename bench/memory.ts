/**
 * What an idle session costs in memory, beside a bare Map of the same ids.
 *
 *     deno task bench:memory [rounds]
 *
 * "heap" and "external" are V8's, "RSS" is the whole process, measured by one
 * process for each figure, before and after the making. The Map's entries hold
 * what a session cannot do without: uid, secret and deadline.
 *
 * @module
 */

import { randomId } from "../internal/token.ts";
import { Resource, Site } from "../mod.ts";
import { printTable, spanOf } from "./table.ts";

/** How much memory has been taken, in bytes. */
export interface Bytes {
  /** In V8's heap. */
  readonly heap: number;
  /** Outside, held by objects in the heap: what is in typed arrays. */
  readonly external: number;
  /** By the process as a whole. */
  readonly rss: number;
}

/**
 * The memory that is taken by what a function makes and keeps.
 *
 * @throws {Error} If V8 runs without `--expose-gc`.
 */
export function bytesOf(make: () => void): Bytes {
  const before = usage();
  make();
  const after = usage();
  return {
    heap: after.heapUsed - before.heapUsed,
    external: after.external - before.external,
    rss: after.rss - before.rss,
  };
}

/** The memory in use once all garbage is gone. */
function usage(): Deno.MemoryUsage {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc !== "function") {
    throw new Error("Cannot measure memory: run with --v8-flags=--expose-gc");
  }
  // What a first collection finalizes, a second frees.
  for (let i = 0; i < 3; i++) gc();
  return Deno.memoryUsage();
}

/** What is measured: each makes so many, and answers what keeps them. */
const SUBJECTS: Readonly<Record<string, (count: number) => unknown>> = {
  "idle sessions": (count) => {
    const site = new Site(new Resource());
    for (let i = 0; i < count; i++) site.makeSession();
    return site;
  },
  "bare Map": (count) => {
    const sessions = new Map<string, unknown>();
    for (let i = 0; i < count; i++) {
      const uid = randomId();
      const deadline = Date.now() + 900_000;
      sessions.set(uid, { uid, secret: randomId(), deadline });
    }
    return sessions;
  },
};

function measure(subject: string, count: number): Bytes {
  const make = SUBJECTS[subject]!;
  // Code, tables and the heap's first pages are not what is measured.
  make(1000);
  let kept: unknown;
  const bytes = bytesOf(() => kept = make(count));
  // So that it is not collected before.
  if (kept === undefined) throw new Error("Cannot measure nothing");
  return bytes;
}

async function measureApart(subject: string, count: number): Promise<Bytes> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      "--no-check",
      "--v8-flags=--expose-gc",
      new URL(import.meta.url).pathname,
      subject,
      String(count),
    ],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure "${subject}"`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function compare(rounds: number): Promise<void> {
  const rows = [];
  for (const count of [100_000, 1_000_000]) {
    for (const subject of Object.keys(SUBJECTS)) {
      const found: Bytes[] = [];
      for (let round = 0; round < rounds; round++) {
        found.push(await measureApart(subject, count));
      }
      const span = (pick: (bytes: Bytes) => number) =>
        spanOf(found.map((bytes) => pick(bytes) / count));
      rows.push({
        "bytes each": `${count.toLocaleString("en")} ${subject}`,
        heap: span(({ heap }) => heap),
        external: span(({ external }) => external),
        both: span(({ heap, external }) => heap + external),
        RSS: span(({ rss }) => rss),
      });
    }
  }
  console.log(`${rounds} rounds: min/median/max`);
  printTable(rows);
}

if (import.meta.main) {
  const [first = "3", count] = Deno.args;
  if (first in SUBJECTS) {
    console.log(JSON.stringify(measure(first, Number(count))));
    // The sessions wait for a quarter of an hour.
    Deno.exit();
  }
  await compare(Number(first));
}
