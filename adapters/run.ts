import type { MaybePromise } from "../base/promises.ts";
import { dropUnsent, type StreamedRequest } from "../http/open_stream.ts";
import {
  type ConnectionInfo,
  type HeaderTarget,
  type OpenVisit,
  putSessionHeaders,
  type Sessions,
} from "../sessions.ts";

/** How a framework runs its handler, and where the headers of its response are. */
export interface HandlerRun {
  /** Hands the visit on, and runs what comes next. */
  next(visit: OpenVisit): MaybePromise<unknown>;
  /** Returns the headers of the response that was made. */
  headers(): HeaderTarget;
  /** Returns the headers of the response for an error; undefined if it has none. */
  headersOfError?(error: unknown): HeaderTarget | undefined;
  /** Returns the value that is sent, where it is known: streams that are not are closed. */
  sent?(): unknown;
}

/**
 * Runs what comes next in a framework between the beginning and the end of a
 * visit.
 *
 * The response of an error is one that the visitor receives, so it gets the
 * session's headers as well.
 *
 * @returns what the handler returned.
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
    if (target === undefined) await visit.abandon();
    else putSessionHeaders(target, await visit.finish());
    throw error;
  }
  if (sent !== undefined) dropUnsent(visit as StreamedRequest, sent());
  const finishing = visit.finish();
  const added = finishing instanceof Promise ? await finishing : finishing;
  if (added.cacheControl !== undefined) putSessionHeaders(headers(), added);
  return value;
}
