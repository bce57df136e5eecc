/** Describes a value in a few words, for an error message; never throws. */
export function describe(value: unknown): string {
  try {
    return nameOf(value);
  } catch {
    // A proxy or a getter may throw.
    return typeof value === "function" ? "a function" : "an object";
  }
}

/** Returns a thrown value as text, or its description if that fails; never throws. */
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
