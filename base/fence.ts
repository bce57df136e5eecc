/**
 * Returns the fencing number after another one. It is a time if that is greater,
 * so that numbers grow on when those before are lost.
 */
export function fenceAfter(last: number, now: number): number {
  return Math.max(last + 1, Math.floor(now));
}
