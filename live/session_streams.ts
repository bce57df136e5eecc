import type { Clock } from "../base/clock.ts";
import { describe } from "../base/describe.ts";
import { HttpError } from "../http/http_error.ts";
import { EventStream, type EventStreamOptions } from "./event_stream.ts";
import {
  countOpen,
  dropStream,
  keepStream,
  markSelfClosing,
  noteTaken,
  noteUntaken,
  OPENED_STREAMS,
  type OpenStream,
  type StreamParts,
} from "../http/open_stream.ts";
import { type SessionSocket, TiedSocket } from "./session_socket.ts";
import type { SessionSocketOptions } from "./sockets.ts";
import { type TokenGenerations, TokenStreams } from "./token_streams.ts";

export type { TokenGenerations };

/** A request's method that returns the generation of the token that it carried. */
export const TOKEN_GENERATION: unique symbol = Symbol("tokenGeneration");

/** The parts of a request that a stream uses. `SiteRequest` and `Visit` fit. */
export interface StreamRequest {
  /** The request as it came. */
  readonly request: Request;
  /** The root of the site as the client sees it. */
  readonly rootURL: URL;
  /** Returns a header of the request, or undefined. */
  getHeader(name: string): string | undefined;
  /** The site that received the request. */
  readonly site: {
    /** Aborts when the site stops. */
    readonly stopSignal: AbortSignal;
  };
  /** @ignore */
  [OPENED_STREAMS]?: OpenStream[] | undefined;
  /** @ignore */
  [TOKEN_GENERATION]?(session: object): number | undefined;
}

/** The parts of a session that its streams use. */
export interface StreamingSession {
  readonly site: {
    readonly clock: Clock;
    reportError(error: unknown, context: { session: StreamingSession }): void;
  };
  readonly sessionTimeout: number;
  readonly lastModified: number;
  readonly end: { readonly reason: string } | undefined;
  checkExpired(): boolean;
  touch(): void;
}

/** The most open streams. */
export interface StreamLimits {
  readonly perSession: number;
  readonly perSite: number;
}

/** The facts about all sessions that the streams of one session use. */
export interface StreamsOwner {
  /** Whether the sessions are in a store. */
  readonly isStored: boolean;
  readonly streamLimits: StreamLimits;
  /** Called when a stream of a session has been opened, or closed. */
  noteStreams?(session: StreamingSession): void;
}

/**
 * Milliseconds between two touches by messages of one socket.
 *
 * A message between two touches counts as access at the end of that time, so no
 * session ends early. A client that falls silent keeps its session longer by that
 * time.
 */
const TOUCH_EVERY = 5000;

/**
 * The least touches within one timeout: with a short timeout, touches are more
 * frequent.
 */
const TOUCHES_PER_TIMEOUT = 20;

/** The open streams of one session. */
export class SessionStreams {
  readonly #session: StreamingSession;
  readonly #owner: StreamsOwner;
  readonly #parts: { readonly access?: TokenGenerations };
  readonly #tokens: TokenStreams;
  readonly #open = new Set<OpenStream>();
  /** The bodies and sockets of mounted applications, which no limit counts. */
  readonly #tied = new Set<OpenStream>();

  /** @param parts Has the tokens of the session, once it has several. */
  constructor(
    session: StreamingSession,
    owner: StreamsOwner,
    parts: { readonly access?: TokenGenerations },
  ) {
    this.#session = session;
    this.#owner = owner;
    this.#parts = parts;
    this.#tokens = new TokenStreams(session.site);
  }

  /** The number of open streams. */
  get size(): number {
    return this.#open.size;
  }

  /** Whether streams are open, or bodies and sockets of mounted applications. */
  get areOpen(): boolean {
    return this.#open.size + this.#tied.size > 0;
  }

  /** Closes all streams, since the session has ended. */
  end(reason: string): void {
    this.#tokens.stop();
    const streams = [...this.#open, ...this.#tied];
    for (const stream of streams) stream.closeFor("end", reason);
  }

  /**
   * Cuts the streams whose tokens are no longer valid. Those from before a login
   * are cut at once, since a thief may have opened them. Those from before a
   * renewal are cut when their token expires.
   */
  cutInvalid(): void {
    const { access } = this.#parts;
    if (access === undefined || this.#session.end !== undefined) return;
    this.#tokens.cutBefore(access);
  }

  /** Opens a stream of events. */
  openEvents(request: StreamRequest, options: EventStreamOptions): EventStream {
    this.#checkRoom(request);
    const stream: EventStream = new EventStream(
      this.#partsOf(() => stream, request),
      options,
    );
    this.#begin(stream, request);
    return stream;
  }

  /** Opens a WebSocket. */
  openSocket(
    request: StreamRequest,
    options: SessionSocketOptions,
  ): SessionSocket {
    const session = this.#session;
    const { clock } = session.site;
    this.#checkRoom(request);
    const stream: TiedSocket = new TiedSocket(request, {
      ...this.#partsOf(() => stream, request),
      touchDelay: () =>
        Math.min(
          TOUCH_EVERY,
          session.sessionTimeout * 1000 / TOUCHES_PER_TIMEOUT,
        ),
      untouchedFor: () => clock.now() - session.lastModified * 1000,
      touch: this.#touch,
      onOpen: () => this.#keep(stream, request),
    }, options);
    this.#begin(stream, request);
    return stream;
  }

  /**
   * Checks that a session and its site may have one more stream.
   *
   * @throws {HttpError} 429 or 503 if the most streams are open.
   * @throws {TypeError} If the request is neither a SiteRequest nor a visit.
   */
  #checkRoom(request: StreamRequest): void {
    const stopSignal = request?.site?.stopSignal;
    if (stopSignal === undefined) {
      throw new TypeError(
        `Cannot open a stream: the request is neither a SiteRequest nor a visit: ${
          describe(request)
        }`,
      );
    }
    const { perSession, perSite } = this.#owner.streamLimits;
    if (this.#open.size >= perSession) {
      throw new HttpError(
        429,
        `The session has ${this.#open.size} open streams, as many as maxStreamsPerSession allows`,
      );
    }
    if (countOpen(stopSignal) >= perSite) {
      throw new HttpError(
        503,
        "The site has as many open streams as maxStreams allows",
      );
    }
  }

  /** Keeps a new stream, and records which request has to send it. */
  #begin(stream: OpenStream, request: StreamRequest): void {
    (request[OPENED_STREAMS] ??= []).push(stream);
    this.#keep(stream, request);
  }

  /**
   * Ends a stream of an application with the session; no limit counts it.
   *
   * @param make Makes the stream that is closed.
   */
  tie<S extends OpenStream & { readonly stream?: ReadableStream }>(
    make: (parts: StreamParts) => S,
    request: StreamRequest,
  ): S {
    const tied: S = make(this.#partsOf(() => tied, request));
    if (tied.stream !== undefined) markSelfClosing(tied.stream);
    this.#keep(tied, request, this.#tied);
    return tied;
  }

  /**
   * Returns the parts of a stream. `stream` is called only after the stream is
   * closed.
   */
  #partsOf(
    stream: () => OpenStream,
    { site: { stopSignal } }: StreamRequest,
  ): StreamParts {
    return {
      clock: this.#session.site.clock,
      isStored: this.#owner.isStored,
      onClosed: () => this.#drop(stream(), stopSignal),
      onUntaken: () => noteUntaken(stream(), stopSignal),
      onTaken: () => noteTaken(stream(), stopSignal),
      onError: this.#report,
    };
  }

  #keep(
    stream: OpenStream,
    request: StreamRequest,
    streams: Set<OpenStream> = this.#open,
  ): void {
    const session = this.#session;
    // The timer of a deadline that has passed may be late.
    session.checkExpired();
    const { end } = session;
    if (end !== undefined) return stream.closeFor("end", end.reason);
    this.#tokens.add(stream, request[TOKEN_GENERATION]?.(session));
    keepStream(stream, streams, request.site.stopSignal);
    this.#owner.noteStreams?.(session);
    this.cutInvalid();
  }

  #drop(stream: OpenStream, stopSignal: AbortSignal): void {
    this.#tokens.delete(stream);
    this.#tied.delete(stream);
    dropStream(stream, this.#open, stopSignal);
    this.#owner.noteStreams?.(this.#session);
  }

  readonly #touch = (): void => {
    try {
      this.#session.touch();
    } catch (error) {
      this.#report(error);
    }
  };

  readonly #report = (error: unknown): void =>
    this.#session.site.reportError(error, { session: this.#session });
}
