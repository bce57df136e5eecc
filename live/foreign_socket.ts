import type { OpenStream } from "../http/open_stream.ts";
import { GOING_AWAY, POLICY, shorten, TRY_AGAIN } from "./close_codes.ts";

/** The parts of its session that a socket of an application uses. */
export interface ForeignSocketParts {
  /** Whether the session is in a store. */
  readonly isStored: boolean;
  /** Called when the socket is closed or closing. */
  readonly onClosed: () => void;
  /** Called at the closing of an open socket: the client has to answer it. */
  readonly onUntaken: () => void;
  /** Called when the client has answered the closing, or has left. */
  readonly onTaken: () => void;
}

/** A socket that an application opened itself, and that ends with the session. */
export class ForeignSocket implements OpenStream {
  readonly #socket: WebSocket;
  readonly #parts: ForeignSocketParts;
  #isClosed = false;

  constructor(socket: WebSocket, parts: ForeignSocketParts) {
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
