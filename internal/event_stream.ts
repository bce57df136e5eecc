import { GuardedAbort } from "./abort.ts";
import type { Clock } from "./clock.ts";
import { describe } from "./describe.ts";
import { markSelfClosing } from "./open_stream.ts";

/** One server-sent event, by the fields of its format; each may be left out. */
export interface ServerEvent {
  /** What the event is called; the page sees it as `"message"` by default. */
  readonly event?: string;
  /**
   * Names the event: a browser that comes back says the last one that it has
   * seen, in `Last-Event-ID`.
   */
  readonly id?: string;
  /** Text as it is, in as many lines as it has; anything else as JSON. */
  readonly data?: unknown;
  /** Milliseconds, as in the format, after which a browser comes back. */
  readonly retry?: number;
}

/** How a stream of events is to be. */
export interface EventStreamOptions {
  /**
   * Seconds without an event after which a comment is sent, which pages do not
   * see: proxies cut connections that are silent, and only who writes learns
   * that the other end has gone. Infinity sends none.
   *
   * The default is what the HTML standard advises.
   *
   * @default {15}
   */
  readonly keepAlive?: number;
  /**
   * The most bytes that wait for a visitor who takes them too slowly; with more
   * the stream is closed, and the browser comes back for what it has missed. An
   * event that is alone may be larger. The operating system keeps some more.
   *
   * @default {262144}
   */
  readonly maxBufferedBytes?: number;
}

/** What a stream of events needs of the session that it is tied to. */
export interface EventStreamParts {
  readonly clock: Clock;
  /** Called once, when it is closed, by whomever. */
  readonly onClosed: () => void;
  /** Takes what the abort listeners throw and reject; must not throw. */
  readonly onError: (error: unknown) => void;
}

/** What the keep-alive sends. */
const COMMENT = new TextEncoder().encode(":\n\n");

/** Milliseconds: a timer for longer fires at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/**
 * Server-sent events to one visitor, for as long as the session lasts.
 *
 * Get one from `session.events(request)`, and return its
 * {@linkcode EventStream.response}. It is over when the visitor leaves, the
 * session ends, the site stops, or {@linkcode EventStream.close} is called.
 */
export class EventStream {
  /** What the resource returns; `text/event-stream`, kept by no cache. */
  readonly response: Response;

  readonly #parts: EventStreamParts;
  readonly #keepAlive: number;
  readonly #maxBufferedBytes: number;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Why it is over; undefined as long as it is not. */
  #cause: string | undefined = undefined;
  readonly #abort: GuardedAbort;
  #timer: unknown = undefined;
  #hasSent = false;

  /** Opens a stream; sessions do this. */
  constructor(parts: EventStreamParts, options: EventStreamOptions) {
    const { keepAlive = 15, maxBufferedBytes = 2 ** 18 } = options;
    checkNumber("keepAlive", keepAlive);
    checkNumber("maxBufferedBytes", maxBufferedBytes);
    this.#parts = parts;
    this.#abort = new GuardedAbort(parts.onError);
    this.#keepAlive = Math.min(keepAlive * 1000, LONGEST_DELAY);
    this.#maxBufferedBytes = maxBufferedBytes;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => void (this.#controller = controller),
      cancel: () => this.#close("The visitor has left"),
    }, {
      highWaterMark: maxBufferedBytes,
      size: (chunk) => chunk.byteLength,
    });
    markSelfClosing(body);
    this.response = new Response(body, {
      headers: {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        // Some proxies wait for a whole page unless they are told.
        "x-accel-buffering": "no",
      },
    });
    this.#wait();
  }

  /** Whether the stream is open: `send()` answers the same. */
  get isOpen(): boolean {
    return this.#cause === undefined;
  }

  /**
   * Aborted when the stream is over, for whatever reason; the reason of the
   * signal says which.
   *
   * Stop what pushes here, a timer or a subscription. What an abort listener
   * throws or rejects is reported to the site's `onError`.
   */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Sends an event. It is no access: the session ends as it would without.
   *
   * @param event The data, or an event by its fields.
   * @returns whether the stream is open; if not, nothing was sent.
   * @throws {RangeError} If the name or the id has a line break, the id a NUL,
   * or `retry` is no whole number of milliseconds.
   * @throws {TypeError} If the data is neither text nor anything JSON has.
   */
  send(event: string | ServerEvent): boolean {
    const text = formatEvent(
      typeof event === "string" ? { data: event } : event,
    );
    if (this.#cause !== undefined) return false;
    const bytes = new TextEncoder().encode(text);
    const room = this.#controller.desiredSize!;
    if (bytes.byteLength > room && room < this.#maxBufferedBytes) {
      this.#close("The visitor takes the events too slowly");
      return false;
    }
    this.#hasSent = true;
    this.#controller.enqueue(bytes);
    return true;
  }

  /** Closes the stream. A browser comes back then, unless its page does not. */
  close(): void {
    this.#close("The stream was closed");
  }

  /** Sends the `end` event, and closes; sessions do this. */
  end(reason: string): void {
    if (this.#cause !== undefined) return;
    const event = formatEvent({ event: "end", data: { reason } });
    this.#controller.enqueue(new TextEncoder().encode(event));
    this.#close(
      reason === "shutdown"
        ? "The site has stopped"
        : `The session has ended: ${reason}`,
    );
  }

  /** Closes the stream that was opened by an old token; sessions do this. */
  cut(): void {
    this.#close("The token that opened it counts no more");
  }

  #close(cause: string): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    const { clock, onClosed } = this.#parts;
    if (this.#timer !== undefined) clock.clearTimeout(this.#timer);
    try {
      this.#controller.close();
    } catch {
      // The visitor has cancelled it.
    }
    onClosed();
    this.#abort.abort(() => closedBecause(cause));
  }

  #wait(): void {
    if (this.#keepAlive === LONGEST_DELAY) return;
    this.#timer = this.#parts.clock.setTimeout(this.#beat, this.#keepAlive);
  }

  readonly #beat = (): void => {
    // Where something waits to be taken, a comment would tell nothing.
    const isTaken = this.#controller.desiredSize === this.#maxBufferedBytes;
    if (!this.#hasSent && isTaken) this.#controller.enqueue(COMMENT);
    this.#hasSent = false;
    this.#wait();
  };
}

/** An event as it is sent. */
function formatEvent({ event, id, data, retry }: ServerEvent): string {
  let text = "";
  if (event !== undefined) text += `event: ${checkField("name", event)}\n`;
  if (id !== undefined) text += `id: ${checkField("id", id)}\n`;
  if (retry !== undefined) {
    if (!Number.isSafeInteger(retry) || retry < 0) {
      throw new RangeError(
        `Cannot send event: retry is no whole number of milliseconds: ${
          describe(retry)
        }`,
      );
    }
    text += `retry: ${retry}\n`;
  }
  if (data !== undefined) {
    for (const line of textOf(data).split(/\r\n|\r|\n/)) {
      text += `data: ${line}\n`;
    }
  }
  return `${text}\n`;
}

function textOf(data: unknown): string {
  if (typeof data === "string") return data;
  const json: string | undefined = JSON.stringify(data);
  if (json !== undefined) return json;
  throw new TypeError(
    `Cannot send event: the data is neither text nor JSON: ${describe(data)}`,
  );
}

function checkField(name: string, value: string): string {
  if (/[\r\n\0]/.test(value)) {
    throw new RangeError(
      `Cannot send event: the ${name} has a line break or a NUL: ${
        describe(value)
      }`,
    );
  }
  return value;
}

function checkNumber(name: string, value: unknown): void {
  if (typeof value === "number" && value > 0) return;
  const message =
    `Cannot open a stream of events: ${name} is no number above 0: ${
      describe(value)
    }`;
  throw typeof value === "number"
    ? new RangeError(message)
    : new TypeError(message);
}

function closedBecause(cause: string): DOMException {
  return new DOMException(cause, "AbortError");
}
