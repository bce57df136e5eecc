/** What clients do beyond the common actions. A seed has one theme. */
export const THEMES = ["plain", "values", "background"] as const;

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
  | "list";

type Weights = Partial<Readonly<Record<ThemeAction, number>>>;

const WEIGHTS: Readonly<Record<Theme, Weights>> = {
  plain: {},
  values: { update: 16, replace: 6, "take-back": 3 },
  background: { watch: 9, create: 3, end: 1.5, list: 3 },
};

/** Returns how often the actions of a theme are chosen. */
export function weightsOf(theme: Theme): Weights {
  return WEIGHTS[theme];
}
