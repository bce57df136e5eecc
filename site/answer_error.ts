import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import { dropUnsent } from "../http/open_stream.ts";
import type { SiteRequest } from "../request.ts";
import { RESET, USUAL_HOST, WAIT } from "../request/internals.ts";
import type {
  ErrorPageCallback,
  FailedRequest,
  FailingSite,
} from "../resources/error_answers.ts";
import { loadLaterCode } from "../resources/load_later.ts";
import { ErrorPage } from "../resources/pages.ts";
import { respond, type RespondingSite, respondWith } from "./respond.ts";

export type { ErrorPageCallback };

/**
 * Answers an error. The first one of a process waits for the code that does so. If
 * that cannot be loaded, the response is a status without a page.
 */
export function answerError(
  site: FailingSite & RespondingSite,
  error: unknown,
  request: SiteRequest,
): MaybePromise<Response> {
  const failed: FailedRequest = {
    site,
    request,
    prepare: (error) => {
      // The page of a refused host may read headers.
      if (error instanceof HttpError && error.status === 400) {
        request[USUAL_HOST] = undefined;
      }
      // A Response that was thrown may be that of a stream.
      dropUnsent(request, error);
    },
    send: (answer, source) => respond(site, answer, source, request),
    sendPage: (page) => respondWith(site, page, request),
    sendError: (error) => respondWith(site, new ErrorPage(error), request),
  };
  const code = loadLaterCode();
  if (!isPromiseLike(code)) return code.answerError(error, failed);
  request[WAIT]();
  return code.then(
    ({ answerError }) => answerError(error, failed),
    (failure) => {
      const isExpected = error instanceof HttpError;
      if (!isExpected) site.reportError(error, { request });
      site.reportError(failure, { request });
      request[RESET](isExpected ? error.status : 500);
      return respond(site, "", "an error", request);
    },
  );
}
