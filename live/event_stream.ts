import { GuardedAbort } from "../base/guarded.ts";
import { LONGEST_DELAY } from "../base/clock.ts";
import {
  ABOVE_ZERO,
  checkOptions,
  type OptionRules,
  SECONDS,
} from "../base/options.ts";
import {
  markSelfClosing,
  type StreamClosing,
  type StreamParts,
} from "../http/open_stream.ts";
import { formatEvent, type ServerEvent } from "./server_event.ts";

export type { ServerEvent };

/** The options of an {@linkcode EventStream}. */
export interface EventStreamOptions {
  /**
   * Seconds without an event after which a comment is sent. Pages do not see
   * comments. Proxies cut silent connections, and only a write reveals that the
   * client has disconnected. Infinity sends none.
   *
   * The HTML standard advises the default.
   *
   * @default {15}
   */
  readonly keepAlive?: number;
  /**
   * The most bytes that wait for a client that reads too slowly. With more the
   * stream is closed, and the browser reconnects for the events that it missed. A
   * single event may be larger. The operating system buffers some more.
   *
   * @default {262144}
   */
  readonly maxBufferedBytes?: number;
  /**
   * Seconds over which browsers come back after a stop, if their sessions live on.
   * Each stream gets a `retry:` of a random time up to this, so that not all
   * browsers come to the new process at once. 0 sends none: then browsers wait as
   * long as they choose, or as an earlier `retry` said.
   *
   * @default {5}
   */
  readonly reconnectWithin?: number;
}

const RULES: OptionRules<EventStreamOptions> = {
  keepAlive: ABOVE_ZERO,
  maxBufferedBytes: ABOVE_ZERO,
  reconnectWithin: SECONDS,
};

/**
 * The least milliseconds of a `retry:` at a stop: a process takes about as long to
 * start.
 */
const LEAST_RETRY = 500;

/** The comment that the keep-alive sends. */
const COMMENT = new TextEncoder().encode(":\n\n");

/**
 * Server-sent events to one client, for as long as the session lasts.
 *
 * Get one from `session.events(request)`, and return its
 * {@linkcode EventStream.response}. The stream closes with the session, right after
 * `session.signal` aborts, by an event `end` whose data is `{"reason":"idle"}`, for
 * example. It lasts no longer than the token that opened it, and closes if the
 * client disconnects, its request fails or the resource returns another response.
 * When the site stops and the session lives on in a store, it closes without `end`;
 * see {@linkcode EventStreamOptions.reconnectWithin}.
 *
 * Browsers come back when a stream closes: call `close()` in the page at the event
 * `end`. Find the session by `request.session`, so that a reconnect does not count
 * as a visit, and answer 204 if there is none: then browsers stay away.
 *
 * @example Usage
 * ```ts
 * import { Resource, Site, type SiteRequest } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * class Greetings extends Resource {
 *   override isLeaf = true;
 *   override render_GET(request: SiteRequest): Response {
 *     const events = request.getSession().events(request);
 *     events.send("hello");
 *     return events.response;
 *   }
 * }
 *
 * await using site = new Site(new Greetings());
 * const response = await site.fetch(new Request("http://localhost/"));
 * for (const session of site.sessions.values()) session.expire();
 * assertEquals(
 *   await response.text(),
 *   'data: hello\n\nevent: end\ndata: {"reason":"logout"}\n\n',
 * );
 * ```
 */
export class EventStream {
  /** The response to return: `text/event-stream`, which no cache stores. */
  readonly response: Response;

  readonly #parts: StreamParts;
  readonly #keepAlive: number;
  readonly #maxBufferedBytes: number;
  readonly #reconnectWithin: number;
  readonly #body: ReadableStream<Uint8Array<ArrayBuffer>>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Why the stream was closed; undefined while it is open. */
  #cause: string | undefined = undefined;
  readonly #abort: GuardedAbort;
  #timer: unknown = undefined;
  #hasSent = false;
  #isBodyClosed = false;

  /** Opens a stream. Sessions call this. */
  constructor(parts: StreamParts, options: EventStreamOptions) {
    checkOptions("open a stream of events", options, RULES);
    const { keepAlive = 15, maxBufferedBytes = 2 ** 18 } = options;
    const { reconnectWithin = 5 } = options;
    this.#parts = parts;
    this.#abort = new GuardedAbort(parts.onError);
    this.#keepAlive = Math.min(keepAlive * 1000, LONGEST_DELAY);
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#reconnectWithin = reconnectWithin;
    this.#body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#closeIfTaken(),
      cancel: () => this.#leave(),
    }, { highWaterMark: maxBufferedBytes, size: (chunk) => chunk.byteLength });
    markSelfClosing(this.#body);
    this.response = new Response(this.#body, {
      headers: {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        // Some proxies wait for the whole response without this header.
        "x-accel-buffering": "no",
      },
    });
    this.#wait();
  }

  /** Whether the stream is open; `send()` returns the same. */
  get isOpen(): boolean {
    return this.#cause === undefined;
  }

  /**
   * Aborts when the stream is closed. The reason of the signal says why.
   *
   * Use it to stop the source of the events, a timer or a subscription. An error
   * of an abort listener is reported to the site's `onError`.
   */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Sends an event. This is not access: it does not postpone the end of the session.
   *
   * @param event The data, or an event by its fields.
   * @returns whether the stream is open; if not, nothing was sent.
   * @throws {RangeError} If the name or the id has a line break or a NUL, or if
   * `retry` is not a whole number of milliseconds.
   * @throws {TypeError} If the data is neither text nor has a JSON form.
   */
  send(event: string | ServerEvent): boolean {
    const text = formatEvent(
      typeof event === "string" ? { data: event } : event,
    );
    if (this.#cause !== undefined) return false;
    const bytes = new TextEncoder().encode(text);
    const room = this.#controller.desiredSize!;
    if (bytes.byteLength > room && room < this.#maxBufferedBytes) {
      this.#close("The client reads the events too slowly");
      return false;
    }
    this.#hasSent = true;
    this.#controller.enqueue(bytes);
    return true;
  }

  /** Closes the stream. A browser reconnects, unless its page closes the source. */
  close(): void {
    this.#close("The stream was closed");
  }

  /** @ignore */
  get isStored(): boolean {
    return this.#parts.isStored;
  }

  /** @ignore */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  /** @ignore */
  closeFor(closing: StreamClosing, reason?: string): void {
    if (closing === "drop") this.#closeBody();
    if (this.#cause !== undefined) return;
    let cause = "The site has stopped";
    if (closing === "cut") {
      cause = "The token that opened it is no longer valid";
    } else if (closing === "drop") cause = "The stream was cut";
    else if (closing === "end") {
      this.#enqueue({ event: "end", data: { reason } });
      if (reason !== "shutdown") cause = `The session has ended: ${reason}`;
    } else if (this.#reconnectWithin > 0) {
      const latest = this.#reconnectWithin * 1000;
      const least = Math.min(LEAST_RETRY, latest);
      const spread = Math.random() * (latest - least);
      this.#enqueue({ retry: Math.round(least + spread) });
    }
    this.#close(cause);
  }

  /** @ignore */
  isSentBy(rendered: unknown): boolean {
    const body = this.#body;
    return rendered === this.response || rendered === body || body.locked ||
      (rendered instanceof Response && rendered.body === body);
  }

  #enqueue(event: ServerEvent): void {
    this.#controller.enqueue(new TextEncoder().encode(formatEvent(event)));
  }

  #close(cause: string): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    const { clock, onClosed, onUntaken } = this.#parts;
    if (this.#timer !== undefined) clock.clearTimeout(this.#timer);
    onClosed();
    if (this.#isTaken) this.#closeBody();
    else onUntaken();
    this.#abort.abort(() => new DOMException(cause, "AbortError"));
  }

  /** Whether the client has read all bytes. */
  get #isTaken(): boolean {
    return this.#isBodyClosed ||
      this.#controller.desiredSize! >= this.#maxBufferedBytes;
  }

  /** Closes the body of a closed stream once the client has read the rest. */
  #closeIfTaken(): void {
    const isDue = this.#cause !== undefined && !this.#isBodyClosed &&
      this.#isTaken;
    if (!isDue) return;
    this.#closeBody();
    this.#parts.onTaken();
  }

  #closeBody(): void {
    if (this.#isBodyClosed) return;
    this.#isBodyClosed = true;
    this.#controller.close();
  }

  /** Called when the client has cancelled the body. */
  #leave(): void {
    this.#isBodyClosed = true;
    this.#close("The client has disconnected");
    this.#parts.onTaken();
  }

  #wait(): void {
    if (this.#keepAlive === LONGEST_DELAY) return;
    this.#timer = this.#parts.clock.setTimeout(this.#beat, this.#keepAlive);
  }

  readonly #beat = (): void => {
    // While bytes wait to be read, a comment would reveal nothing.
    if (!this.#hasSent && this.#isTaken) this.#controller.enqueue(COMMENT);
    this.#hasSent = false;
    this.#wait();
  };
}
