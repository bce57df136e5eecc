import type { MaybePromise } from "../base/promises.ts";
import { dropUnsent, type StreamedRequest } from "../http/open_stream.ts";
import type { FinishableVisit } from "../registry/handler_visit.ts";
import {
  type ConnectionInfo,
  type HeaderTarget,
  type OpenVisit,
  putSessionHeaders,
  type Sessions,
} from "../sessions.ts";

/**
 * The way in which a framework runs its handler, and the headers of its response.
 */
export interface HandlerRun {
  /** Passes the visit on, and runs the next handler. */
  next(visit: OpenVisit): MaybePromise<unknown>;
  /** Returns the headers of the response that was made. */
  headers(): HeaderTarget;
  /** Returns the headers of the response for an error; undefined if it has none. */
  headersOfError?(error: unknown): HeaderTarget | undefined;
  /**
   * Returns the value that is sent, if it is known. Opened streams that are not
   * sent are closed.
   */
  sent?(): unknown;
}

/**
 * Runs the next handler of a framework within a visit.
 *
 * The response for an error goes to the client too, so it gets the session's
 * headers as well.
 *
 * @returns the result of the handler.
 * @throws {HttpError} 503 if the session could not be loaded or written.
 */
export async function runInVisit(
  sessions: Sessions,
  request: Request,
  info: ConnectionInfo | undefined,
  { next, headers, headersOfError, sent }: HandlerRun,
): Promise<unknown> {
  const opening = sessions.open(request, info);
  const visit = opening instanceof Promise ? await opening : opening;
  let value: unknown;
  try {
    const running = next(visit);
    visit.wait();
    value = await running;
  } catch (error) {
    const target = headersOfError?.(error);
    dropUnsent(visit as StreamedRequest);
    if (target === undefined) await (visit as FinishableVisit).abandon(true);
    else putSessionHeaders(target, await visit.finish());
    throw error;
  }
  if (sent !== undefined) dropUnsent(visit as StreamedRequest, sent());
  const finishing = visit.finish();
  const added = finishing instanceof Promise ? await finishing : finishing;
  if (added.cacheControl !== undefined) putSessionHeaders(headers(), added);
  return value;
}
