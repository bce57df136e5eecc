import { describe } from "./describe.ts";

/**
 * Checks a timeout, in seconds.
 *
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is negative or NaN.
 */
export function checkTimeout(
  owner: object,
  name: string,
  seconds: unknown,
): void {
  if (typeof seconds === "number" && seconds >= 0) return;
  const message = `Cannot use ${name} of ${owner.constructor.name}: ${
    describe(seconds)
  } is not a number of seconds, 0 or more`;
  throw typeof seconds === "number"
    ? new RangeError(message)
    : new TypeError(message);
}
