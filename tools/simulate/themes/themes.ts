import type { Action } from "../plan.ts";

/** What clients do beyond the common actions. A seed has one theme. */
export const THEMES = [
  "plain",
  "values",
  "background",
  "limit",
  "holds",
  "lost",
  "warnings",
  "timeouts",
  "inner",
  "throws",
  "leaves",
  "remember",
  "lists",
  "presence",
] as const;

/** One of {@linkcode THEMES}. */
export type Theme = typeof THEMES[number];

/** What the handler of a request does in some themes only. */
export type ThemeAction =
  | "update"
  | "replace"
  | "take-back"
  | "watch"
  | "create"
  | "end"
  | "list"
  | "hold"
  | "release"
  | "lease"
  | "warn"
  | "timeout"
  | "push"
  | "append"
  | "remember"
  | "absolute";

type Weights = Partial<Readonly<Record<Action, number>>>;

const WEIGHTS: Readonly<Record<Theme, Weights>> = {
  plain: {},
  values: { update: 16, replace: 6, "take-back": 3 },
  background: { watch: 9, create: 3, end: 1.5, list: 3 },
  limit: { login: 26 },
  holds: { hold: 14, release: 4, lease: 8 },
  // The plan has other steps.
  lost: {},
  warnings: { warn: 10, visit: 10 },
  timeouts: { timeout: 16 },
  inner: { push: 20 },
  throws: {
    ...{ update: 3, replace: 2, "take-back": 1, timeout: 3, push: 3 },
    ...{ warn: 2, hold: 3, release: 1 },
  },
  leaves: { stream: 6, update: 4, replace: 2, push: 2, hold: 3, warn: 3 },
  remember: { remember: 12, absolute: 9, timeout: 3 },
  lists: { push: 12, append: 12 },
  presence: { login: 14, visit: 12, stream: 6, logout: 4 },
};

/** The number of themes that seeds have in turn; the others must be named. */
const IN_TURN = 7;

/** Returns the theme of a seed. */
export function themeOf(seed: number): Theme {
  return THEMES[seed % IN_TURN]!;
}

/** Returns how often the actions of a theme are chosen. */
export function weightsOf(theme: Theme): Weights {
  return WEIGHTS[theme];
}
