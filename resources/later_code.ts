/**
 * The code of resources that few requests need: loaded as one, when the first part
 * of it is needed.
 *
 * @module
 */

export { answerError } from "./error_answers.ts";
export { describeError } from "./error_format.ts";
export { refuse } from "./login_refusals.ts";
export { makeClockScript } from "./session_clock_files.ts";
export { SessionPresence } from "./session_presence.ts";
