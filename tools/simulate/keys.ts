/** The keys of the values that handlers set. */
export const KEYS: readonly string[] = ["a", "b"];
