/**
 * What the tests share that measure real time.
 *
 * @module
 */

import { assertLess } from "@std/assert";

/**
 * Fails unless an act takes less than so many milliseconds, one of five times at
 * least: on a busy machine any may be interrupted, and what is slow always takes
 * longer.
 */
export async function assertQuick(
  limit: number,
  act: () => unknown,
): Promise<void> {
  let took = Infinity;
  for (let times = 0; times < 5 && took >= limit; times++) {
    const began = performance.now();
    await act();
    took = performance.now() - began;
  }
  assertLess(took, limit);
}
