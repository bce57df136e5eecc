import type { OpenStream, StreamParts } from "../http/open_stream.ts";
import { watchStream } from "../http/stream_watch.ts";
import {
  GOING_AWAY,
  POLICY,
  shorten,
  TRY_AGAIN,
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

  end(): void {
    this.#cutOff();
  }

  cut(): void {
    this.#cutOff();
  }

  restart(): void {
    this.#cutOff();
  }

  drop(): void {
    this.#cutOff();
  }

  /** Returns true, since the body was made of the response that is sent. */
  isSentBy(): boolean {
    return true;
  }

  #cutOff(): void {
    if (this.#isClosed) return;
    this.#close();
    this.#abort.abort();
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

  end(reason: string): void {
    this.#close(reason === "shutdown" ? GOING_AWAY : POLICY, reason);
  }

  cut(): void {
    this.#close(TRY_AGAIN, "renewed");
  }

  restart(): void {
    this.#close(GOING_AWAY, "shutdown");
  }

  drop(): void {
    this.#close(undefined, "");
  }

  /** Returns true: whether the response is sent is up to the application. */
  isSentBy(): boolean {
    return true;
  }

  #close(code: number | undefined, reason: string): void {
    if (this.#isClosed) return;
    this.#end();
    const socket = this.#socket;
    const close = () => {
      socket.close(code, shorten(reason));
      this.#parts.onUntaken();
    };
    if (socket.readyState === WebSocket.CONNECTING) {
      socket.addEventListener("open", close);
    } else if (socket.readyState === WebSocket.OPEN) close();
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
    callbackFor(request)?.(upgrade.socket);
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

/** Finds the callback of a request, or of the request that it inherits from. */
function callbackFor(request: Request): UpgradeCallback | undefined {
  for (
    let object: object | null = request;
    object !== null;
    object = Object.getPrototypeOf(object)
  ) {
    const callback = watchedUpgrades.get(object);
    if (callback !== undefined) return callback;
  }
  return undefined;
}
