import { isPromiseLike } from "./promise_like.ts";

/** Printed in place of an error that cannot be. */
const UNPRINTABLE = "An error was reported that cannot be printed";

/**
 * A function that hands errors to another, and never throws.
 *
 * @param onError If it throws or rejects, both errors are printed; without it,
 * errors are printed. What they have to do with never is: it holds tokens.
 */
export function errorReporter<Context>(
  onError: ((error: unknown, context: Context) => unknown) | undefined,
): (error: unknown, context: Context) => void {
  if (onError === undefined) return print;
  return (error, context) => {
    const failed = (second: unknown) => {
      print(error);
      print(second);
    };
    try {
      const result = onError(error, context);
      if (isPromiseLike(result)) Promise.resolve(result).catch(failed);
    } catch (second) {
      failed(second);
    }
  };
}

function print(error: unknown): void {
  for (const value of [error, UNPRINTABLE]) {
    try {
      // deno-lint-ignore no-console -- the documented default of onError
      return console.error(value);
    } catch {
      // An error may refuse to be looked at, and so may the console.
    }
  }
}
