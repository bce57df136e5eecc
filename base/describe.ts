import { visible } from "./visible_text.ts";

/** The most items of a list that are shown. */
const MAX_ITEMS = 8;

/**
 * Describes a value in a few words, for an error message; never throws.
 *
 * A string is quoted, and what cannot be seen in it is escaped; a list is shown with
 * its first items.
 */
export function describe(value: unknown): string {
  try {
    return nameOf(value);
  } catch {
    // A proxy or a getter may throw.
    return typeof value === "function" ? "a function" : "an object";
  }
}

/**
 * Returns a thrown value as text, with escapes for what cannot be seen, or its
 * description if that fails; never throws.
 */
export function textOfThrown(value: unknown): string {
  try {
    return visible(String(value));
  } catch {
    return describe(value);
  }
}

function nameOf(value: unknown): string {
  switch (typeof value) {
    case "string":
      return visible(JSON.stringify(value));
    case "function":
      return value.name === ""
        ? "a function"
        : `the function "${visible(value.name)}"`;
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) return listOf(value);
      const name = Object.getPrototypeOf(value)?.constructor?.name;
      return typeof name === "string"
        ? `an object "${visible(name)}"`
        : "an object";
    }
    default:
      return visible(String(value));
  }
}

function listOf(values: readonly unknown[]): string {
  // A list in a list is not followed, since it may hold the list itself.
  const items = values.slice(0, MAX_ITEMS).map((value) =>
    Array.isArray(value) ? "a list" : describe(value)
  );
  if (values.length > MAX_ITEMS) items.push("...");
  return `[${items.join(", ")}]`;
}
