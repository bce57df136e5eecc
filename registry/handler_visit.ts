import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import { ClientConnection } from "../http/connection.ts";
import type { ConnectionInfo, ProxyTrust } from "../http/connection.ts";
import { ClientSignal } from "../http/delivery.ts";
import { decodeHeader } from "../http/headers.ts";
import {
  dropUnsent,
  OPENED_STREAMS,
  type OpenStream,
  type StreamedRequest,
} from "../http/open_stream.ts";
import { addSessionHeaders, type SessionHeaders } from "./session_headers.ts";
import type { SessionRegistry } from "./session_registry.ts";
import type { SessionErrorContext } from "./sessions_options.ts";
import { RequestVisit, type VisitingRequest } from "./visit.ts";

/** The part of `Sessions` that the visit of a handler uses. */
export interface HandlerSessions {
  /** Passes an error to `onError`. */
  reportError(error: unknown, context: SessionErrorContext): void;
}

/** The visit of a request to a handler. */
export class HandlerVisit<S extends HandlerSessions> extends RequestVisit<S> {
  readonly #source: PlainRequest;
  #client: ClientSignal | undefined = undefined;
  /** @ignore */
  [OPENED_STREAMS]: OpenStream[] | undefined = undefined;

  constructor(sessions: S, registry: SessionRegistry, source: PlainRequest) {
    super(sessions, registry, source);
    this.#source = source;
  }

  get request(): Request {
    return this.#source.request;
  }

  get isSecure(): boolean {
    return this.#source.isSecure;
  }

  get remoteAddress(): string | undefined {
    return this.#source.remoteAddress;
  }

  get rootURL(): URL {
    return this.#source.rootURL;
  }

  get site(): S {
    return this.sessions;
  }

  get signal(): AbortSignal {
    this.#client ??= new ClientSignal(
      this.request,
      (error) => this.sessions.reportError(error, { request: this }),
    );
    return this.#client.signal;
  }

  getHeader(name: string): string | undefined {
    return decodeHeader(name, this.request.headers.get(name));
  }

  /** @param hasFailed Whether the handler has failed: its client gets an error. */
  override abandon(hasFailed?: boolean): MaybePromise<void> {
    if (hasFailed) this.#client?.stop();
    dropUnsent(this);
    return super.abandon();
  }

  override finish(): MaybePromise<SessionHeaders> {
    this.#client?.stop();
    return super.finish();
  }
}

/** The part of a visit that answering it uses. */
export interface FinishableVisit extends StreamedRequest {
  wait(): void;
  finish(): MaybePromise<SessionHeaders>;
  abandon(hasFailed?: boolean): MaybePromise<void>;
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
  return proceed(visit.abandon(true), () => {
    throw error;
  });
}

/** A request to a handler, as its visit reads it. */
export class PlainRequest extends ClientConnection implements VisitingRequest {
  readonly request: Request;
  readonly method: string;

  constructor(
    request: Request,
    info: ConnectionInfo | undefined,
    trust: ProxyTrust,
  ) {
    super(request, info, trust);
    this.request = request;
    this.method = request.method;
  }

  get hasLeft(): boolean {
    return this.request.signal.aborted;
  }
}
