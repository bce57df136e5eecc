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

/** The rule of a boolean. */
export const BOOLEAN: OptionRule = {
  kind: "true or false",
  isKind: (value) => typeof value === "boolean",
};

/** The rule of a function. */
export const FUNCTION: OptionRule = {
  kind: "a function",
  isKind: (value) => typeof value === "function",
};

/** The rule of a string. */
export const STRING: OptionRule = {
  kind: "a string",
  isKind: (value) => typeof value === "string",
};

/** The rule of a number. */
export const NUMBER: OptionRule = {
  kind: "a number",
  isKind: (value) => typeof value === "number",
};

/** The rule of an object; its members are checked elsewhere. */
export const OBJECT: OptionRule = {
  kind: "an object",
  isKind: (value) => typeof value === "object" && value !== null,
};

/** The rule of a number above 0; Infinity is one. */
export const ABOVE_ZERO: OptionRule = {
  kind: "a number above 0",
  isKind: (value) => typeof value === "number",
  isInRange: (value: number) => value > 0,
};

/** The rule of a finite number of seconds. */
export const SECONDS: OptionRule = {
  kind: "a number of seconds, 0 or more",
  isKind: (value) => typeof value === "number",
  isInRange: (value: number) => value >= 0 && value < Infinity,
};

/** Returns the rule of a whole number that is `least` or more. */
export function wholeAtLeast(least: number): OptionRule {
  return {
    kind: `a whole number, ${least} or more`,
    isKind: (value) => typeof value === "number",
    isInRange: (value: number) => Number.isInteger(value) && value >= least,
  };
}

/** Returns the rule of a string that passes a test. */
export function stringThat(
  kind: string,
  isInRange: (value: string) => boolean,
): OptionRule {
  return { kind, isKind: (value) => typeof value === "string", isInRange };
}

/** Returns the rule of an array whose items follow a rule. */
export function listOf(kind: string, item: OptionRule): OptionRule {
  const isInRange = item.isInRange as ((value: unknown) => boolean) | undefined;
  return {
    kind,
    isKind: (value) => Array.isArray(value) && [...value].every(item.isKind),
    isInRange: (values: unknown[]) =>
      isInRange === undefined || values.every((value) => isInRange(value)),
  };
}

/** Returns a rule for an option that must be given. */
export function required(rule: OptionRule): OptionRule {
  return { ...rule, isRequired: true };
}

/** Returns the rule of a number that is `least` or more. */
export function atLeast(least: number): OptionRule {
  return {
    kind: `a number, ${least} or more`,
    isKind: (value) => typeof value === "number",
    isInRange: (value: number) => value >= least,
  };
}

/** Returns the rule of a string that is one of `values`. */
export function oneOf(...values: readonly string[]): OptionRule {
  return {
    kind: values.map((value) => `"${value}"`).join(" or "),
    isKind: (value) => typeof value === "string",
    isInRange: (value: string) => values.includes(value),
  };
}

/** Returns the rule of an object that has a method. */
export function having(kind: string, method: string): OptionRule {
  return {
    kind,
    isKind: (value) =>
      typeof (value as Record<string, unknown> | null)?.[method] === "function",
  };
}

/** Returns the rule of an instance of a class. */
export function instanceOf(
  kind: string,
  type: abstract new (...args: never[]) => unknown,
): OptionRule {
  return { kind, isKind: (value) => value instanceof type };
}

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
