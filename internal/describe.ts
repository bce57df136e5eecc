/** Names a value in an error message, in a few words; never throws. */
export function describe(value: unknown): string {
  try {
    return nameOf(value);
  } catch {
    // A proxy or a getter may throw.
    return typeof value === "function" ? "a function" : "an object";
  }
}

/** The text of a value that was thrown; its description if it has none. */
export function textOfThrown(value: unknown): string {
  try {
    return String(value);
  } catch {
    return describe(value);
  }
}

function nameOf(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "function":
      return value.name === "" ? "a function" : `the function "${value.name}"`;
    case "object": {
      if (value === null) return "null";
      const name = Object.getPrototypeOf(value)?.constructor?.name;
      return typeof name === "string" ? `an object "${name}"` : "an object";
    }
    default:
      return String(value);
  }
}
