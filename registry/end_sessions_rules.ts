import { instanceOf, oneOf, type OptionRules } from "../base/options.ts";
import { type EndSessionsOptions, Session } from "../session.ts";
import { END_REASONS } from "./session_counts.ts";

/** The rules of {@linkcode EndSessionsOptions}. */
export const END_SESSIONS_RULES: OptionRules<EndSessionsOptions> = {
  except: instanceOf("a Session", Session),
  reason: oneOf(...END_REASONS),
};
