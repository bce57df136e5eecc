/** Names a value in an error message, in a few words. */
export function describe(value: unknown): string {
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
