/**
 * Measures the parts of a request without a socket: the walk, the cookie, the
 * session, the response.
 *
 *     deno task bench:inprocess [walk|cookie|id|touch|make|response ...]
 *
 * Measures each part against a baseline, by turns, so that the ratios are valid on
 * a busy machine. Nanoseconds and ratios are min/median/max of the rounds. If a
 * part has a highest allowed ratio, the last column shows whether it holds.
 *
 * @module
 */

import {
  compare,
  type Comparison,
  ratiosOf,
  verdict,
} from "./inprocess_compare.ts";
import { cookie, response } from "./inprocess_http.ts";
import { ids, making, touchFound, touchKnown } from "./inprocess_sessions.ts";
import { walkComparisons } from "./inprocess_walk.ts";
import { spanOf } from "./table.ts";

/** The highest allowed ratio of a new session to an entry of a Map, without ids. */
const MAKING_BAR = 3;

const SIZES: readonly number[] = [10_000, 100_000, 1_000_000];

async function compareAll(comparisons: Iterable<Comparison>): Promise<void> {
  for (const comparison of comparisons) await compare(comparison);
}

/** Compares the costs without the ids, which both sides make. */
async function compareMaking(): Promise<void> {
  const [entry, session, onlyIds] = await compare(making());
  const without = (nanoseconds: readonly number[]) =>
    nanoseconds.map((value, round) => value - onlyIds![round]!);
  const ratios = ratiosOf(without(session!), without(entry!));
  console.log(
    `session to entry, ids apart: ${spanOf(ratios, 2)}, ${
      verdict(ratios, MAKING_BAR)
    }`,
  );
}

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  walk: () => compareAll(walkComparisons()),
  cookie: () => compareAll([cookie(0), cookie(5)]),
  id: () => compareAll([ids()]),
  touch: async () => {
    // One after the other: both batches together would exceed the memory.
    for (const size of SIZES) await compare(touchFound(size));
    for (const size of SIZES) await compare(touchKnown(size));
  },
  make: compareMaking,
  response: () => compareAll([response()]),
};

for (const name of Deno.args.length > 0 ? Deno.args : Object.keys(PARTS)) {
  const run = PARTS[name];
  if (run === undefined) {
    throw new RangeError(
      `Cannot measure "${name}": not one of ${Object.keys(PARTS).join(", ")}`,
    );
  }
  await run();
}
