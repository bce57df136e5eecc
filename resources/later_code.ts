/**
 * The code of resources that few requests need: loaded as one, when the first part
 * of it is needed.
 *
 * @module
 */

export {
  admitMember,
  admitUser,
  authenticate,
  recallUser,
} from "./admission.ts";
export { refuseForeignChange } from "../http/foreign_change.ts";
export { setEndsWithSession } from "./end_with_session.ts";
export { answerError } from "./error_answers.ts";
export { renderError } from "./error_format.ts";
export { FormSigner } from "./form_signer.ts";
export { requestFor } from "./mounted_request.ts";
export { makeClockChild } from "./session_clock_files.ts";
export { SERVER_OPTIONS } from "./server_options.ts";
export { endSession, keepSession, showClock } from "./session_clock_state.ts";
