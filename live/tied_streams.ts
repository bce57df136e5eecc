import type {
  OpenStream,
  StreamClosing,
  StreamParts,
} from "../http/open_stream.ts";
import { watchStream } from "../http/stream_watch.ts";
import {
  closeFrameOf,
  inheritedFrom,
  shorten,
  type UpgradeCallback,
  watchedUpgrades,
} from "./sockets.ts";

/** The streamed body of an application, which ends with the session. */
export class TiedBody implements OpenStream {
  /** The body to send in place of the application's. */
  readonly stream: ReadableStream<Uint8Array>;

  readonly #parts: StreamParts;
  readonly #abort = new AbortController();
  #isClosed = false;

  constructor(body: ReadableStream<Uint8Array>, parts: StreamParts) {
    this.#parts = parts;
    const onOver = () => {
      this.#close();
      parts.onTaken();
    };
    this.stream = watchStream(body, {
      signal: this.#abort.signal,
      onAbort: parts.onUntaken,
      onEnd: onOver,
      onError: onOver,
      onCancel: onOver,
      onCancelError: parts.onError,
    });
  }

  get isStored(): boolean {
    return this.#parts.isStored;
  }

  closeFor(): void {
    if (this.#isClosed) return;
    this.#close();
    this.#abort.abort();
  }

  /** Returns true, since the body was made of the response that is sent. */
  isSentBy(): boolean {
    return true;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#parts.onClosed();
  }
}

/** A socket that an application opened itself, and that ends with the session. */
export class ForeignSocket implements OpenStream {
  readonly #socket: WebSocket;
  readonly #parts: StreamParts;
  #isClosed = false;

  constructor(socket: WebSocket, parts: StreamParts) {
    this.#socket = socket;
    this.#parts = parts;
    socket.addEventListener("close", () => {
      this.#end();
      parts.onTaken();
    });
  }

  get isStored(): boolean {
    return this.#parts.isStored;
  }

  closeFor(closing: StreamClosing, endReason?: string): void {
    if (this.#isClosed) return;
    this.#end();
    const socket = this.#socket;
    const [code, reason] = closeFrameOf(closing, endReason);
    const close = () => {
      socket.close(code, shorten(reason));
      this.#parts.onUntaken();
    };
    if (socket.readyState === WebSocket.CONNECTING) {
      socket.addEventListener("open", close);
    } else if (socket.readyState === WebSocket.OPEN) close();
  }

  /** Returns true: whether the response is sent is up to the application. */
  isSentBy(): boolean {
    return true;
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#parts.onClosed();
  }
}

/** The functions that replace `Deno.upgradeWebSocket`. */
const watching = new WeakSet<typeof Deno.upgradeWebSocket>();

/**
 * Calls back if the application upgrades a request to a WebSocket.
 *
 * Deno gives the socket to the caller of `Deno.upgradeWebSocket` only: to the
 * application. So the first call of this function replaces that global function.
 * The new one does the same, and checks whether the request is watched.
 */
export function watchUpgrade(
  request: Request,
  onUpgrade: UpgradeCallback,
): void {
  // Other runtimes upgrade no requests.
  if (typeof Deno === "undefined") return;
  watchedUpgrades.set(request, onUpgrade);
  const { upgradeWebSocket } = Deno;
  if (watching.has(upgradeWebSocket)) return;
  const watched: typeof upgradeWebSocket = (request, options) => {
    const upgrade = upgradeWebSocket(request, options);
    inheritedFrom(watchedUpgrades, request)?.(upgrade.socket);
    return upgrade;
  };
  watching.add(watched);
  Object.defineProperty(Deno, "upgradeWebSocket", {
    value: watched,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}
