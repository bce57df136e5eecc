import { ABOVE_ZERO, type OptionRules } from "../base/options.ts";

/** The options of a login. */
export interface LogInOptions {
  /**
   * Seconds that the browser keeps the cookie, and the `sessionTimeout` of this
   * session; above 0.
   *
   * @default {undefined}
   */
  remember?: number;
}

/** The rules that the options of a login are checked by. */
export const LOG_IN_RULES: OptionRules<LogInOptions> = {
  remember: ABOVE_ZERO,
};
