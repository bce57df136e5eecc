import {
  checkOptions,
  type OptionRule,
  type OptionRules,
} from "./check_options.ts";

export { checkOptions, type OptionRule, type OptionRules };

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
export const ABOVE_ZERO: OptionRule = numberThat(
  "a number above 0",
  (value) => value > 0,
);

/** The rule of a finite number of seconds. */
export const SECONDS: OptionRule = numberThat(
  "a number of seconds, 0 or more",
  (value) => value >= 0 && value < Infinity,
);

/** Returns the rule of a whole number that is `least` or more. */
export function wholeAtLeast(least: number): OptionRule {
  return numberThat(
    `a whole number, ${least} or more`,
    (value) => Number.isInteger(value) && value >= least,
  );
}

/** Returns the rule of a number that passes a test. */
export function numberThat(
  kind: string,
  isInRange: (value: number) => boolean,
): OptionRule {
  return { ...NUMBER, kind, isInRange };
}

/** Returns the rule of a string that passes a test. */
export function stringThat(
  kind: string,
  isInRange: (value: string) => boolean,
): OptionRule {
  return { ...STRING, kind, isInRange };
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
  return numberThat(
    `a number, ${least} or more`,
    (value) => value >= least,
  );
}

/** Returns the rule of a string that is one of `values`. */
export function oneOf(...values: readonly string[]): OptionRule {
  return stringThat(
    values.map((value) => `"${value}"`).join(" or "),
    (value) => values.includes(value),
  );
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

/** The rule of an option with origins of other sites, as browsers write them. */
export const ORIGINS: OptionRule = listOf(
  'a list of origins such as "https://app.example"',
  stringThat("an origin", isOrigin),
);

/** Returns whether a text is an origin, of the web or of an installed app. */
function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  // The URL of an app has no origin of its own: "capacitor://localhost".
  return url !== null && `${url.protocol}//${url.host}` === text &&
    url.host !== "";
}
