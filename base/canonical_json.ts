import { describe } from "./describe.ts";

/** The depth to which a value is read; a cycle ends here too. */
const DEPTH = 100;

/**
 * Returns a value as JSON whose keys are sorted: the same text for equal values.
 *
 * @throws {TypeError} If JSON cannot hold a part of the value as it is: `NaN`, a
 * Date, a function, a cycle.
 */
export function canonicalJson(value: unknown): string {
  return write(value, DEPTH);
}

function write(value: unknown, depth: number): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) {
    return JSON.stringify(value);
  }
  if (typeof value !== "object") throw refusal(describe(value));
  if (depth === 0) throw refusal("a value with more than 100 levels");
  if (Array.isArray(value)) {
    // Array.map() would pass over holes.
    const parts = Array.from(value, (each) => write(each, depth - 1));
    return `[${parts.join(",")}]`;
  }
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null;
  if (!isPlain || Object.getOwnPropertySymbols(value).length > 0) {
    throw refusal(describe(value));
  }
  const parts = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, each]) => `${JSON.stringify(key)}:${write(each, depth - 1)}`);
  return `{${parts.join(",")}}`;
}

function refusal(what: string): TypeError {
  return new TypeError(`JSON cannot hold ${what}`);
}
