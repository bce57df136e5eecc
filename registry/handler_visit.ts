import { Delivery } from "../http/delivery.ts";
import { decodeHeader } from "../http/headers.ts";
import {
  dropUnsent,
  OPENED_STREAMS,
  type OpenStream,
} from "../http/open_stream.ts";
import type { MaybePromise } from "../base/promises.ts";
import type { PlainRequest } from "./plain_request.ts";
import type { SessionHeaders } from "./session_headers.ts";
import type { SessionRegistry } from "./session_registry.ts";
import type { SessionErrorContext } from "./sessions_options.ts";
import { RequestVisit } from "./visit.ts";

/** The part of `Sessions` that the visit of a handler uses. */
export interface HandlerSessions {
  /** Passes an error to `onError`. */
  reportError(error: unknown, context: SessionErrorContext): void;
}

/** The visit of a request to a handler. */
export class HandlerVisit<S extends HandlerSessions> extends RequestVisit<S> {
  readonly #source: PlainRequest;
  #delivery: Delivery | undefined = undefined;
  /** @ignore */
  [OPENED_STREAMS]: OpenStream[] | undefined = undefined;

  constructor(
    sessions: S,
    registry: SessionRegistry,
    source: PlainRequest,
  ) {
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
    this.#delivery ??= new Delivery(
      this.request,
      (error) => this.sessions.reportError(error, { request: this }),
    );
    return this.#delivery.signal;
  }

  getHeader(name: string): string | undefined {
    return decodeHeader(name, this.request.headers.get(name));
  }

  override abandon(): MaybePromise<void> {
    dropUnsent(this);
    return super.abandon();
  }

  override finish(): MaybePromise<SessionHeaders> {
    this.#delivery?.finish(undefined);
    return super.finish();
  }
}
