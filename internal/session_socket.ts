import type { Clock } from "./clock.ts";
import { guardListeners } from "./guarded_listeners.ts";
import { HttpError } from "./http_error.ts";
import type { OpenStream } from "./open_stream.ts";
import { type OriginatingRequest, refuseOtherOrigins } from "./same_origin.ts";

/** A WebSocket that is closed with its session, and the response that opens it. */
export interface SessionSocket {
  /**
   * The socket; it opens when the response has been sent.
   *
   * What its listeners throw or reject is reported, and closes it with code 1011.
   */
  readonly socket: WebSocket;
  /** What the resource returns, whatever happens: the connection hangs on it. */
  readonly response: Response;
}

/** How a WebSocket is to be. */
export interface SessionSocketOptions {
  /** The subprotocol, one of those that the visitor offers. */
  readonly protocol?: string;
  /**
   * Seconds without a message after which the visitor is asked whether he is
   * still there (a ping), and as many again until he is given up.
   *
   * @default {30}
   */
  readonly idleTimeout?: number;
  /**
   * The most bytes that may wait for a visitor who takes them too slowly: if
   * there are more when something is sent, the socket is closed with code 1013
   * instead. The operating system keeps some more.
   *
   * @default {1048576}
   */
  readonly maxBufferedBytes?: number;
  /**
   * Origins of pages that may open it beside those of the site itself:
   * `"https://app.example"`, for example. Browsers let any page try, and may send
   * the visitor's cookie along.
   *
   * @default {none}
   */
  readonly origins?: readonly string[];
}

/** What a socket needs of the request that asks for it. */
export interface UpgradeRequest extends OriginatingRequest {
  /** The request as it came. */
  readonly request: Request;
}

/** What a socket needs of the session that it is tied to. */
export interface SocketParts {
  readonly clock: Clock;
  /** Milliseconds that may pass between a message and the touch for it. */
  readonly touchDelay: () => number;
  /** Milliseconds since the session was touched. */
  readonly untouchedFor: () => number;
  /** Counts as access; must not throw. */
  readonly touch: () => void;
  /** The connection is open. */
  readonly onOpen: () => void;
  /** Called when nothing is to be closed any more. */
  readonly onClosed: () => void;
  /** Takes what the socket's listeners throw and reject; must not throw. */
  readonly onError: (error: unknown) => void;
}

/**
 * Milliseconds within which the connection opens if the visitor is still there:
 * of one who has left before, Deno says nothing.
 */
const LONGEST_OPENING = 30_000;

/**
 * Close codes: going away, a policy against staying, an error here, and come
 * back later.
 */
const GOING_AWAY = 1001;
const POLICY = 1008;
const INTERNAL_ERROR = 1011;
const TRY_AGAIN = 1013;

/** Bytes of a reason that a close frame has room for; with more, close() throws. */
const MAX_REASON = 123;

/** A WebSocket for as long as a session lasts; its messages are access. */
export class TiedSocket implements SessionSocket, OpenStream {
  readonly socket: WebSocket;
  readonly response: Response;

  readonly #parts: SocketParts;
  #isEnded = false;
  /** Fires when the touch for a message is due, or the opening has failed. */
  #timer: unknown = undefined;

  /**
   * @throws {HttpError} 400 if the request asks for no WebSocket, 403 if a page
   * of another origin does.
   */
  constructor(
    request: UpgradeRequest,
    parts: SocketParts,
    options: SessionSocketOptions,
  ) {
    const { origins, maxBufferedBytes = 2 ** 20, ...upgrade } = options;
    if (request.getHeader("upgrade")?.toLowerCase() !== "websocket") {
      throw new HttpError(400, "The request asks for no WebSocket");
    }
    refuseOtherOrigins(request, origins);
    const { socket, response } = Deno.upgradeWebSocket(
      request.request,
      upgrade,
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
    // What Deno's own would keep has no bound.
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
      // Nobody hears what comes after the end of the session.
      if (this.#isEnded) event.stopImmediatePropagation();
      else this.#onMessage();
    });
    socket.addEventListener("close", () => this.#onClose());
  }

  /** Closes the socket: 1001 if the site stops, or else 1008. */
  end(reason: string): void {
    this.#close(reason === "shutdown" ? GOING_AWAY : POLICY, reason);
  }

  /** Closes a socket that was opened by an old token. */
  cut(): void {
    this.#close(TRY_AGAIN, "renewed");
  }

  #close(code: number, reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#clearTimer();
    this.#parts.onClosed();
    const { socket } = this;
    const close = () => socket.close(code, shorten(reason));
    // Closed before it is open, it would leave the visitor waiting.
    if (socket.readyState === WebSocket.CONNECTING) {
      socket.addEventListener("open", close);
    } else if (socket.readyState === WebSocket.OPEN) close();
  }

  /** Touches for the first message, and for those that follow it soon once. */
  #onMessage(): void {
    if (this.#timer !== undefined) return;
    const { touch, touchDelay, untouchedFor } = this.#parts;
    const wait = touchDelay() - untouchedFor();
    if (wait > 0) this.#setTimer(touch, wait);
    else touch();
  }

  #onClose(): void {
    const isTouchDue = this.#timer !== undefined;
    this.#clearTimer();
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#parts.onClosed();
    if (isTouchDue) this.#parts.touch();
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

/** As many whole characters of a reason as a close frame has room for. */
function shorten(reason: string): string {
  const bytes = new Uint8Array(MAX_REASON);
  const { written } = new TextEncoder().encodeInto(reason, bytes);
  return new TextDecoder().decode(bytes.subarray(0, written));
}
