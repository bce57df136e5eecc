/**
 * What the parts of a request cost, without a socket: the walk, the cookie, the
 * session, the response.
 *
 *     deno task bench:inprocess [walk|cookie|id|touch|make|response ...]
 *
 * Everything is measured against a baseline, by turns, so that the ratios hold
 * on a machine that is busy: nanoseconds and ratios are min/median/max of the
 * rounds. Where a ratio was promised, the last column says whether it is kept.
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

/** What making a session may cost in entries of a Map, ids apart. */
const MAKING_BAR = 3;

const SIZES: readonly number[] = [10_000, 100_000, 1_000_000];

async function compareAll(comparisons: Iterable<Comparison>): Promise<void> {
  for (const comparison of comparisons) await compare(comparison);
}

/** Takes the cost of the ids, which both make, out of the comparison. */
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
    // One crowd after the other: together they would not fit.
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
