import { builtin } from "./loading.ts";
import { callGuarded } from "./promises.ts";
import { visible } from "./describe.ts";

/** Printed in place of an error that cannot be printed. */
const UNPRINTABLE = "An error was reported that cannot be printed";

/** Reports an error and its context; never throws. */
export type ErrorReporter<Context> = (error: unknown, context: Context) => void;

/**
 * Returns a function that passes errors to `onError` and never throws.
 *
 * @param onError If it throws or rejects, both errors are printed. If it is
 * undefined, each error is printed. Control and invisible characters are printed as
 * escapes. The context is never printed, since it can hold tokens.
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

/** The most errors of a chain of causes whose messages are checked. */
const MAX_CAUSES = 16;

/**
 * Returns a value as the console may print it: itself if it is harmless, or else its
 * text with escapes.
 *
 * An error can hold text that a client has sent. A message with line breaks is
 * indented, so that no line of it looks like one of the log.
 */
export function printable(value: unknown): unknown {
  if (typeof value === "string") return visible(value);
  const text = inspect(value);
  const [first = "", ...others] = text.split("\n");
  const indent = hasLineBreak(value) ? "    " : "";
  const shown = [
    visible(first),
    ...others.map((line) =>
      (line.startsWith(" ") ? "" : indent) + visible(line)
    ),
  ].join("\n");
  return shown === text ? value : shown;
}

function inspect(value: unknown): string {
  try {
    return builtin("node:util").inspect(value);
  } catch (error) {
    // Some runtimes lack the module; getters of the value may throw as well.
    if (!(value instanceof Error)) throw error;
    return value.stack ?? String(value);
  }
}

/** Returns whether the message of an error, or of one of its causes, has lines. */
function hasLineBreak(error: unknown): boolean {
  const errors = [error];
  for (const each of errors) {
    if (!(each instanceof Error) || errors.length > MAX_CAUSES) continue;
    if (/[\r\n]/.test(`${each.name}${each.message}`)) return true;
    errors.push(each.cause);
    if (each instanceof AggregateError) errors.push(...each.errors);
  }
  return false;
}
