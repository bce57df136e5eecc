/**
 * Matches control, bidirectional and invisible characters, unpaired surrogates, and
 * all white space but the space. Some control a terminal, others hide a text or
 * reverse it.
 */
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}|\p{Default_Ignorable_Code_Point}/gu;

/** The escapes that readers of logs know. */
const SHORT: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/**
 * Returns a text with its control, bidirectional and invisible characters as
 * escapes, such as `\u202e`, so that it can be shown in a log, a terminal or a page.
 *
 * The escapes are those of JSON, with braces beyond U+FFFF. Backslashes stay as they
 * are.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const short = SHORT.get(character);
    if (short !== undefined) return short;
    const hex = character.codePointAt(0)!.toString(16);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`;
  });
}

/** The most items of a list that are shown. */
const MAX_ITEMS = 8;

/**
 * Describes a value in a few words, for an error message; never throws.
 *
 * A string is quoted, with its invisible characters escaped. A list is shown with
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

/** A fault that a Standard Schema found in a value. */
interface Issue {
  readonly message: string;
  readonly path?:
    | readonly (PropertyKey | { readonly key: PropertyKey })[]
    | undefined;
}

/** Describes the faults of a value in one line. */
export function describeIssues(issues: readonly Issue[]): string {
  return issues.map(({ message, path = [] }) => {
    const at = path.map((each) =>
      String(typeof each === "object" ? each.key : each)
    ).join(".");
    return visible(at === "" ? message : `${at}: ${message}`);
  }).join("; ");
}
