import type { SessionsOptions } from "./sessions_options.ts";

/** Seconds. */
const TIMEOUT = 2;
const LEASE = 10;

/**
 * Returns the seconds that a call to the store may take.
 *
 * @throws {RangeError} If that is not less than the lease of an end: when the
 * answer to a claim is late, another process could have the end already.
 */
export function storeTimeoutOf(options: SessionsOptions): number {
  const { endLease = LEASE } = options;
  const { storeTimeout = Math.min(TIMEOUT, endLease / 2) } = options;
  if (storeTimeout < endLease) return storeTimeout;
  throw new RangeError(
    `Cannot make sessions: storeTimeout is not less than endLease: ${storeTimeout} and ${endLease} s`,
  );
}
