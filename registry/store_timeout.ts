import type { SessionsOptions } from "./sessions_options.ts";

/** Seconds. */
const TIMEOUT = 2;
const LEASE = 10;

/**
 * Returns the seconds that a call to the store may take.
 *
 * @throws {RangeError} If that is not less than the lease of an end: a claim whose
 * answer comes late could be another process's by then.
 */
export function storeTimeoutOf(options: SessionsOptions): number {
  const { endLease = LEASE } = options;
  const { storeTimeout = Math.min(TIMEOUT, endLease / 2) } = options;
  if (storeTimeout < endLease) return storeTimeout;
  throw new RangeError(
    `Cannot make sessions: storeTimeout is not less than endLease: ${storeTimeout} and ${endLease} s`,
  );
}
