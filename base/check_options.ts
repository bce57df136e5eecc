import { describe } from "./describe.ts";

/** The rule that the value of an option must satisfy. */
export interface OptionRule {
  /** The kind of value, for the message: `"true or false"`. */
  readonly kind: string;
  /** Returns whether a value is of the kind. */
  readonly isKind: (value: unknown) => boolean;
  /** Returns whether a value of the kind is in range; by default every value is. */
  readonly isInRange?: (value: never) => boolean;
  /** Whether the option must be given; by default it may be left out. */
  readonly isRequired?: boolean;
}

/** The rules of an options object, by option name. */
export type OptionRules<Options> = Readonly<
  Record<keyof Required<Options>, OptionRule>
>;

/**
 * Checks an options object at runtime, for callers that use no types. An option
 * that is undefined counts as absent. Every function that takes options calls it
 * first, with rules beside the interface of its options.
 *
 * @param act The action that takes the options, for the message:
 * `"make a site"`.
 * @throws {TypeError} If `options` is not an object, has an unknown option or one
 * of the wrong kind, or lacks a required one.
 * @throws {RangeError} If an option is out of range.
 */
export function checkOptions<Options extends object>(
  act: string,
  options: Options,
  rules: OptionRules<Options>,
): void {
  if (
    typeof options !== "object" || options === null || Array.isArray(options)
  ) {
    throw new TypeError(
      `Cannot ${act}: the options are not an object: ${describe(options)}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(rules, name)) continue;
    throw new TypeError(`Cannot ${act}: there is no option ${describe(name)}`);
  }
  for (const [name, rule] of Object.entries<OptionRule>(rules)) {
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined && !rule.isRequired) continue;
    const isKind = rule.isKind(value);
    if (isKind && (rule.isInRange?.(value as never) ?? true)) continue;
    const message = `Cannot ${act}: ${name} is not ${rule.kind}: ${
      describe(value)
    }`;
    throw isKind ? new RangeError(message) : new TypeError(message);
  }
}
