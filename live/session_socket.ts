import { guardListeners } from "../base/guarded.ts";
import {
  ABOVE_ZERO,
  atLeast,
  checkOptions,
  type OptionRules,
  ORIGINS,
  STRING,
} from "../base/options.ts";
import { HttpError } from "../http/http_error.ts";
import type {
  OpenStream,
  StreamClosing,
  StreamParts,
} from "../http/open_stream.ts";
import {
  type OriginatingRequest,
  refuseOtherOrigins,
} from "../http/headers.ts";
import {
  closeFrameOf,
  GOING_AWAY,
  ignoreUpgrade,
  INTERNAL_ERROR,
  isLarger,
  type SessionSocketOptions,
  shorten,
  TOO_BIG,
  TRY_AGAIN,
  upgradeRequest,
} from "./sockets.ts";

/**
 * A WebSocket that closes with its session, by code 1008 and the reason, and the
 * response that opens it.
 *
 * Get one from `session.socket(request)`. A message from the client counts as
 * access: the session is touched within 5 seconds, or within a twentieth of
 * `sessionTimeout` if that is less. Sending does not count. Code 1001 (the site
 * stops, or the client's token is no longer valid) and 1013 (the client reads too
 * slowly) ask the client to come back.
 *
 * @example Usage
 * ```ts
 * import { Resource, type SiteRequest } from "@curfew/web";
 *
 * class Echo extends Resource {
 *   override render_GET(request: SiteRequest): Response {
 *     const { socket, response } = request.getSession().socket(request);
 *     socket.onmessage = ({ data }) => socket.send(data);
 *     return response;
 *   }
 * }
 * ```
 */
export interface SessionSocket {
  /**
   * The socket. It opens when the response has been sent.
   *
   * After an error or a rejection of a listener, which goes to `onError`, the other
   * listeners of the event run, and the socket closes by code 1011; the session
   * lives on. Each socket that was open gets one `close` event, with code and reason
   * of the side that closed it first. If this side closes it, the event comes within
   * 5 seconds, even if the client does not answer.
   */
  readonly socket: WebSocket;
  /** The response that the resource must return: it opens the connection. */
  readonly response: Response;
}

/** The parts of a request that a socket uses. */
export interface UpgradeRequest extends OriginatingRequest {
  /** The request as it came from the client. */
  readonly request: Request;
}

/** The parts of its session that a socket uses. */
export interface SocketParts extends StreamParts {
  /** Milliseconds that may pass between a message and the touch for it. */
  readonly touchDelay: () => number;
  /** Milliseconds since the session was touched. */
  readonly untouchedFor: () => number;
  /** Touches the session; must not throw. */
  readonly touch: () => void;
  /** Called when the connection is open. */
  readonly onOpen: () => void;
}

/** The rules of {@linkcode SessionSocketOptions}. */
const SOCKET_RULES: OptionRules<SessionSocketOptions> = {
  protocol: STRING,
  idleTimeout: atLeast(0),
  maxBufferedBytes: ABOVE_ZERO,
  maxMessageBytes: ABOVE_ZERO,
  origins: ORIGINS,
};

/**
 * Milliseconds after which an opening has failed. Deno reports nothing if the
 * client disconnects before the connection opens.
 */
const LONGEST_OPENING = 30_000;

/**
 * Milliseconds that a client has to answer when this side closes the socket. The
 * answer takes a round trip; a client that sends no answer is asleep or gone.
 */
const LONGEST_CLOSING = 5000;

/** A WebSocket for as long as a session lasts; its messages are access. */
export class TiedSocket implements SessionSocket, OpenStream {
  readonly socket: WebSocket;
  readonly response: Response;

  readonly #parts: SocketParts;
  #isEnded = false;
  /** Whether the listeners have got their `close` event. */
  #hasClosed = false;
  #isAnnouncing = false;
  /** Code and reason by which this side has closed the socket. */
  #closing: CloseEventInit | undefined = undefined;
  /** Fires when the touch for a message is due, or the opening has failed. */
  #timer: unknown = undefined;

  /**
   * @throws {TypeError} If an option is of the wrong kind, or unknown.
   * @throws {RangeError} If an option is out of range.
   * @throws {HttpError} 400 if the request does not ask for a WebSocket, 403 if a
   * page of another origin sent it.
   */
  constructor(
    request: UpgradeRequest,
    parts: SocketParts,
    options: SessionSocketOptions,
  ) {
    checkOptions("open a socket", options, SOCKET_RULES);
    const {
      origins,
      maxBufferedBytes = 2 ** 20,
      maxMessageBytes = 2 ** 20,
      idleTimeout = 30,
      ...upgrade
    } = options;
    if (request.getHeader("upgrade")?.toLowerCase() !== "websocket") {
      throw new HttpError(400, "The request does not ask for a WebSocket");
    }
    refuseOtherOrigins(request, origins);
    ignoreUpgrade(request.request);
    const { socket, response } = upgradeRequest(
      request.request,
      // Deno sends the ping after half of the time.
      { ...upgrade, idleTimeout: 2 * idleTimeout },
    );
    this.socket = socket;
    this.response = response;
    this.#parts = parts;
    this.#setTimer(parts.onClosed, LONGEST_OPENING);
    guardListeners(socket, (error) => {
      parts.onError(error);
      this.#close(INTERNAL_ERROR, "internal error");
    });
    const send = socket.send.bind(socket);
    // Deno's send() buffers without a bound.
    socket.send = (data) => {
      if (socket.bufferedAmount > maxBufferedBytes) {
        this.#close(TRY_AGAIN, "too slow");
      } else send(data);
    };
    socket.addEventListener("open", () => {
      this.#clearTimer();
      if (!this.#isEnded) this.#parts.onOpen();
    });
    socket.addEventListener("message", (event) => {
      // Listeners get no messages after the end of the session.
      if (this.#isEnded) return event.stopImmediatePropagation();
      if (isLarger(event.data, maxMessageBytes)) {
        event.stopImmediatePropagation();
        this.#close(TOO_BIG, `more than ${maxMessageBytes} bytes`);
      } else this.#onMessage();
    });
    socket.addEventListener("close", (event) => this.#onClose(event));
  }

  get isStored(): boolean {
    return this.#parts.isStored;
  }

  closeFor(closing: StreamClosing, reason?: string): void {
    const isOpening = this.socket.readyState === WebSocket.CONNECTING;
    // The resource failed. Deno cannot cut a socket that is open.
    if (closing === "drop" && isOpening) {
      this.#close(INTERNAL_ERROR, "internal error");
    } else this.#close(...closeFrameOf(closing, reason));
  }

  get upgrade(): Response {
    return this.response;
  }

  /** Returns whether a value is the response that opens the socket. */
  isSentBy(rendered: unknown): boolean {
    return rendered === this.response;
  }

  #close(code: number | undefined, reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#clearTimer();
    this.#parts.onClosed();
    const { socket } = this;
    const close = () => {
      if (code === undefined) return socket.close();
      const closing = { code, reason: shorten(reason) };
      this.#closing = closing;
      socket.close(code, closing.reason);
      this.#parts.onUntaken();
      // A site that stops does not wait for the answer of the client.
      if (code === GOING_AWAY) return;
      this.#setTimer(() => this.#announceClose(), LONGEST_CLOSING);
    };
    // A socket that is closed before it is open would leave the client waiting.
    if (socket.readyState === WebSocket.CONNECTING) {
      socket.addEventListener("open", close);
    } else if (socket.readyState === WebSocket.OPEN) close();
  }

  /** Touches the session at once, or later, once for all messages until then. */
  #onMessage(): void {
    if (this.#timer !== undefined) return;
    const { touch, touchDelay, untouchedFor } = this.#parts;
    const wait = touchDelay() - untouchedFor();
    if (wait > 0) this.#setTimer(touch, wait);
    else touch();
  }

  /**
   * Passes on the first event only: Deno sends a second one if the client was
   * silent.
   */
  #onClose(event: CloseEvent): void {
    if (!this.#isAnnouncing) this.#parts.onTaken();
    if (this.#hasClosed) return event.stopImmediatePropagation();
    const isTouchDue = !this.#isEnded && this.#timer !== undefined;
    this.#clearTimer();
    if (this.#closing !== undefined) {
      // The client may answer with another code, or without the reason.
      event.stopImmediatePropagation();
      return this.#announceClose();
    }
    this.#hasClosed = true;
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#parts.onClosed();
    if (isTouchDue) this.#parts.touch();
  }

  /** Sends the listeners the event of a socket that this side closed. */
  #announceClose(): void {
    const event = new CloseEvent("close", { wasClean: true, ...this.#closing });
    this.#closing = undefined;
    this.#isAnnouncing = true;
    this.socket.dispatchEvent(event);
    this.#isAnnouncing = false;
  }

  #setTimer(callback: () => void, delay: number): void {
    this.#timer = this.#parts.clock.setTimeout(() => {
      this.#timer = undefined;
      callback();
    }, delay);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#parts.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
