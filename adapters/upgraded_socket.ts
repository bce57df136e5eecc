/** The parts of a WebSocket of the package `ws` that are used here. */
export interface WsSocket {
  readonly bufferedAmount: number;
  readonly protocol: string;
  send(data: string | ArrayBufferLike | Uint8Array): void;
  close(code?: number, reason?: string): void;
  ping(): void;
  terminate(): void;
  on(
    event: "message",
    callback: (data: Buffer, isBinary: boolean) => void,
  ): void;
  on(event: "close", callback: (code: number, reason: Buffer) => void): void;
  on(event: "error", callback: (error: Error) => void): void;
  on(event: "pong", callback: () => void): void;
}

/** Bytes of Node. */
type Buffer = Uint8Array<ArrayBuffer> & { toString(): string };

/** The events that have a property of the socket as well. */
const EVENTS = ["open", "message", "close", "error"] as const;

/**
 * The `WebSocket` of a request that is being upgraded: it connects when the
 * response has been sent.
 */
export class UpgradedSocket extends EventTarget {
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly url: string;
  readonly extensions = "";
  /** The type of the data of binary messages. */
  binaryType: "blob" | "arraybuffer" = "blob";
  readyState = 0;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: Event) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  #socket: WsSocket | undefined = undefined;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(url: string) {
    super();
    this.url = url;
    for (const type of EVENTS) {
      this.addEventListener(type, (event) => {
        (this[`on${type}`] as ((event: Event) => void) | null)?.(event);
      });
    }
  }

  get bufferedAmount(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  get protocol(): string {
    return this.#socket?.protocol ?? "";
  }

  /**
   * Connects.
   *
   * @param idleTimeout Seconds of silence after which the connection is lost; a
   * ping is sent after half of them. 0 means never.
   */
  attach(socket: WsSocket, idleTimeout: number): void {
    this.#socket = socket;
    this.readyState = this.OPEN;
    const watch = () => this.#watch(idleTimeout * 500);
    socket.on("pong", watch);
    socket.on("message", (data, isBinary) => {
      watch();
      const { binaryType } = this;
      this.dispatchEvent(
        new MessageEvent("message", {
          data: !isBinary
            ? data.toString()
            : binaryType === "blob"
            ? new Blob([data])
            : data.slice().buffer,
        }),
      );
    });
    socket.on("error", () => this.dispatchEvent(new Event("error")));
    socket.on("close", (code, reason) => this.#closed(code, reason.toString()));
    watch();
    this.dispatchEvent(new Event("open"));
  }

  /** Fails: the request was not upgraded, or its client left. */
  fail(): void {
    if (this.readyState === this.CLOSED) return;
    this.dispatchEvent(new Event("error"));
    this.#closed(1006, "");
  }

  send(data: string | ArrayBufferLike | Uint8Array): void {
    if (this.readyState === this.CONNECTING) {
      throw new DOMException("The socket is not open yet", "InvalidStateError");
    }
    if (this.readyState === this.OPEN) this.#socket!.send(data);
  }

  close(code?: number, reason?: string): void {
    if (this.readyState !== this.OPEN) return;
    this.readyState = this.CLOSING;
    this.#socket!.close(code, reason);
  }

  /**
   * Sends a ping after some milliseconds of silence, and closes after as many more.
   */
  #watch(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (milliseconds === 0) return;
    this.#timer = setTimeout(() => {
      this.#socket!.ping();
      this.#timer = setTimeout(() => this.#socket!.terminate(), milliseconds);
    }, milliseconds);
  }

  #closed(code: number, reason: string): void {
    clearTimeout(this.#timer);
    this.readyState = this.CLOSED;
    this.dispatchEvent(
      Object.assign(new Event("close"), {
        code,
        reason,
        wasClean: code !== 1006,
      }),
    );
  }
}
