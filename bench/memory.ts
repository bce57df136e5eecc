/**
 * Measures the memory of an idle session, and of an entry of a Map with the same ids.
 *
 *     deno task bench:memory [rounds]
 *
 * "heap" and "external" are V8's values, "RSS" is that of the process. A process for
 * each value measures before and after making the sessions. The entries of the Map
 * hold the minimal data of a session: uid, secret and deadline.
 *
 * @module
 */

import { randomId } from "../base/ids.ts";
import { Resource, Site } from "../mod.ts";
import { printTable, spanOf } from "./table.ts";

/** Memory in bytes. */
export interface Bytes {
  /** V8's heap. */
  readonly heap: number;
  /** Memory outside of the heap that objects in it hold, such as typed arrays. */
  readonly external: number;
  /** The whole process. */
  readonly rss: number;
}

/**
 * Returns the memory of the objects that a function makes.
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

/** Collects garbage, and returns the memory in use. */
function usage(): Deno.MemoryUsage {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc !== "function") {
    throw new Error("Cannot measure memory: run with --v8-flags=--expose-gc");
  }
  // The second collection frees the objects that the first one finalized.
  for (let i = 0; i < 3; i++) gc();
  return Deno.memoryUsage();
}

/** The subjects: each function makes so many, and returns their owner. */
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
  // Warms up, so that code, tables and the first pages are not measured.
  make(1000);
  let kept: unknown;
  const bytes = bytesOf(() => kept = make(count));
  // Keeps the objects alive until here.
  if (kept === undefined) {
    throw new Error("Cannot measure memory: no objects were made");
  }
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
    // The sessions would keep timers for a quarter of an hour.
    Deno.exit();
  }
  await compare(Number(first));
}
