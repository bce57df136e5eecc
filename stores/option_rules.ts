import type { OptionRule } from "../base/options.ts";

/** The rule of a finite number of seconds. */
export const SECONDS: OptionRule = {
  kind: "a number of seconds, 0 or more",
  isKind: (value) => typeof value === "number",
  isInRange: (value: number) => value >= 0 && value < Infinity,
};
