import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import { dropUnsent, type StreamedRequest } from "../http/open_stream.ts";
import { addSessionHeaders, type SessionHeaders } from "./session_headers.ts";

/** The part of a visit that answering it uses. */
export interface FinishableVisit extends StreamedRequest {
  wait(): void;
  finish(): MaybePromise<SessionHeaders>;
  abandon(): MaybePromise<void>;
}

/** Answers the request of a visit by a handler, and finishes the visit. */
export function answerVisit<V extends FinishableVisit>(
  visit: V,
  handler: (visit: V) => MaybePromise<Response>,
): MaybePromise<Response> {
  let response: MaybePromise<Response>;
  try {
    response = handler(visit);
  } catch (error) {
    return giveUp(visit, error);
  }
  if (!isPromiseLike(response)) return conclude(visit, response);
  visit.wait();
  return Promise.resolve(response).then(
    (response) => conclude(visit, response),
    (error) => giveUp(visit, error),
  );
}

/** Finishes the visit, and adds its headers to the response. */
function conclude(
  visit: FinishableVisit,
  response: Response,
): MaybePromise<Response> {
  response = dropUnsent(visit, response) ?? response;
  const finishing = visit.finish();
  return isPromiseLike(finishing)
    ? finishing.then(
      (headers) => addSessionHeaders(response, headers),
      (error) => {
        response.body?.cancel().catch(() => {});
        throw error;
      },
    )
    : addSessionHeaders(response, finishing);
}

/** Abandons the visit, and throws the error of its handler. */
function giveUp(visit: FinishableVisit, error: unknown): MaybePromise<never> {
  const abandoning = visit.abandon();
  if (!isPromiseLike(abandoning)) throw error;
  return abandoning.then(() => {
    throw error;
  });
}
