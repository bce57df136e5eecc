/**
 * Reads the options of the tools, and refuses wrong ones: a tool that runs something
 * else than was meant seems to find no fault.
 *
 * @module
 */

/** The error of an option that has a wrong value. */
export class WrongOption extends Error {}

/** Returns the value of an option that has one of several values. */
export function oneOf<T extends string>(
  name: string,
  value: string,
  choices: readonly T[],
): T {
  const choice = choices.find((choice) => choice === value);
  if (choice !== undefined) return choice;
  throw new WrongOption(
    `${name} is not one of ${choices.join(", ")}: ${value}`,
  );
}

/** Returns the value of an option that is a whole number above 0. */
export function wholeNumber(name: string, value: string): number {
  const number = Number(value);
  if (/^[1-9]\d*$/.test(value) && Number.isSafeInteger(number)) return number;
  throw new WrongOption(`${name} is not a whole number above 0: ${value}`);
}

/**
 * Prints that a command has a wrong or an unknown option.
 *
 * @throws any other error.
 */
export function reportWrongOption(act: string, error: unknown): void {
  const { code, message } = error as Error & { code?: unknown };
  const isOption = error instanceof WrongOption ||
    `${code}`.startsWith("ERR_PARSE_ARGS");
  if (!isOption) throw error;
  console.error(`Cannot ${act}: ${message}`);
}
