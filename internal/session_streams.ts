import type { Clock } from "./clock.ts";
import { EventStream, type EventStreamOptions } from "./event_stream.ts";
import { dropStream, keepStream, type OpenStream } from "./open_stream.ts";
import {
  type SessionSocket,
  type SessionSocketOptions,
  TiedSocket,
} from "./session_socket.ts";

/** What a stream needs of the request that it answers. `SiteRequest` is one. */
export interface StreamRequest {
  /** The request as it came. */
  readonly request: Request;
  /** The root of the site as the visitor knows it. */
  readonly rootURL: URL;
  /** A header of the request, or undefined. */
  getHeader(name: string): string | undefined;
  /** Whether it came with a token of the session that has been replaced. */
  hasOldToken?(session: object): boolean;
  /** The site, which may stop. */
  readonly site: {
    /** Aborts when it does. */
    readonly stopSignal: AbortSignal;
  };
}

/** What streams need of the session that they are tied to. */
export interface StreamingSession {
  readonly site: {
    readonly clock: Clock;
    readonly renewalGrace: number;
    reportError(error: unknown, context: { session: StreamingSession }): void;
  };
  readonly sessionTimeout: number;
  readonly lastModified: number;
  readonly end: { readonly reason: string } | undefined;
  checkExpired(): boolean;
  touch(): void;
}

/**
 * Milliseconds between two touches by messages of one socket, and the part of
 * the timeout that they are at most. A message between them is made good at the
 * end of the time, so that nobody is cut off early; who falls silent stays
 * longer by this at most.
 */
const TOUCH_EVERY = 5000;
const TOUCHES_PER_TIMEOUT = 20;

/** Milliseconds: a timer for longer fires at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** The streams of one session that are open. */
export class SessionStreams {
  readonly #session: StreamingSession;
  readonly #open = new Set<OpenStream>();
  /** Those that will cut streams. */
  readonly #timers = new Set<unknown>();

  constructor(session: StreamingSession) {
    this.#session = session;
  }

  /** How many there are. */
  get size(): number {
    return this.#open.size;
  }

  /** Closes all of them: the session has ended. */
  end(reason: string): void {
    const { clock } = this.#session.site;
    for (const timer of this.#timers) clock.clearTimeout(timer);
    this.#timers.clear();
    for (const stream of this.#open) stream.end(reason);
  }

  /**
   * The session has a new token. What the old one has opened lasts as long as
   * that one counts, for a thief may have had it.
   */
  outlast(): void {
    if (this.#open.size > 0) this.#cutAfterGrace([...this.#open]);
  }

  /** Opens a stream of events. */
  openEvents(
    request: StreamRequest,
    options: EventStreamOptions,
  ): EventStream {
    const { stopSignal } = request.site;
    const stream: EventStream = new EventStream({
      clock: this.#session.site.clock,
      onClosed: () => dropStream(stream, this.#open, stopSignal),
      onError: this.#report,
    }, options);
    this.#keep(stream, stopSignal);
    this.#cutIfOutdated(stream, request);
    return stream;
  }

  /** Opens a WebSocket. */
  openSocket(
    request: StreamRequest,
    options: SessionSocketOptions,
  ): SessionSocket {
    const session = this.#session;
    const { clock } = session.site;
    const { stopSignal } = request.site;
    const stream: TiedSocket = new TiedSocket(request, {
      clock,
      touchDelay: () =>
        Math.min(
          TOUCH_EVERY,
          session.sessionTimeout * 1000 / TOUCHES_PER_TIMEOUT,
        ),
      untouchedFor: () => clock.now() - session.lastModified * 1000,
      touch: this.#touch,
      onOpen: () => this.#keep(stream, stopSignal),
      onClosed: () => dropStream(stream, this.#open, stopSignal),
      onError: this.#report,
    }, options);
    this.#keep(stream, stopSignal);
    this.#cutIfOutdated(stream, request);
    return stream;
  }

  #cutIfOutdated(stream: OpenStream, request: StreamRequest): void {
    const isOpen = this.#open.has(stream);
    if (isOpen && request.hasOldToken?.(this.#session)) {
      this.#cutAfterGrace([stream]);
    }
  }

  #cutAfterGrace(streams: readonly OpenStream[]): void {
    const { clock, renewalGrace } = this.#session.site;
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer);
      for (const stream of streams) stream.cut();
    }, Math.min(renewalGrace * 1000, LONGEST_DELAY));
    this.#timers.add(timer);
  }

  #keep(stream: OpenStream, stopSignal: AbortSignal): void {
    const session = this.#session;
    // The timer of a deadline that has passed may be late.
    session.checkExpired();
    if (session.end !== undefined) stream.end(session.end.reason);
    else keepStream(stream, this.#open, stopSignal);
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
