/** Returns whether a value can be the value of a header. */
export function isHeaderValue(value: unknown): value is string {
  if (typeof value !== "string") return false;
  try {
    new Headers([["x", value]]);
    return true;
  } catch {
    return false;
  }
}
