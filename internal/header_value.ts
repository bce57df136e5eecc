/** Whether a value can stand in a header. */
export function isHeaderValue(value: unknown): value is string {
  if (typeof value !== "string") return false;
  try {
    new Headers([["x", value]]);
    return true;
  } catch {
    return false;
  }
}
