import type { SessionsOptions } from "../../../sessions.ts";
import { mix, Random } from "../random.ts";

/** The limit of sessions that a principal may have. */
export interface Limit {
  readonly most: number;
  /** Whether a login beyond it is refused. */
  readonly isRefusing: boolean;
}

/** Returns the limit of a seed. */
export function limitOf(seed: number): Limit {
  const random = new Random(mix(seed, "limit"));
  return { most: random.pick([1, 2]), isRefusing: random.chance(0.35) };
}

/** Returns the options of a program with a limit. */
export function optionsOf(
  limit: Limit | undefined,
): Pick<SessionsOptions, "maxSessionsPerPrincipal" | "whenPrincipalIsFull"> {
  if (limit === undefined) return {};
  return {
    maxSessionsPerPrincipal: limit.most,
    whenPrincipalIsFull: limit.isRefusing ? "refuse" : "end-oldest",
  };
}
