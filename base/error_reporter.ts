import { callGuarded } from "./callback.ts";
import { printable } from "./printable.ts";

/** Printed in place of an error that cannot be printed. */
const UNPRINTABLE = "An error was reported that cannot be printed";

/** Reports an error and its context; never throws. */
export type ErrorReporter<Context> = (error: unknown, context: Context) => void;

/**
 * Returns a function that passes errors to `onError` and never throws.
 *
 * @param onError If it throws or rejects, both errors are printed. If it is
 * undefined, each error is printed. What a terminal would obey, or a reader would not
 * see, is printed as escapes. The context is never printed, since it can hold tokens.
 */
export function errorReporter<Context>(
  onError: ((error: unknown, context: Context) => unknown) | undefined,
): ErrorReporter<Context> {
  if (onError === undefined) return print;
  return (error, context) => {
    callGuarded(() => onError(error, context), (second) => {
      print(error);
      print(second);
    });
  };
}

function print(error: unknown): void {
  for (const value of [error, UNPRINTABLE]) {
    try {
      // deno-lint-ignore no-console -- the documented default of onError
      return console.error(printable(value));
    } catch {
      // A getter of the error may throw, and so may a replaced console.
    }
  }
}
