import { markSelfClosing, type OpenStream } from "../http/open_stream.ts";
import { watchStream } from "../http/watch_stream.ts";

/** The parts of its session that a body uses. */
export interface BodyParts {
  /** Whether the session is in a store. */
  readonly isStored: boolean;
  /** Called once, when the body ends for whatever reason, or is cut off. */
  readonly onClosed: () => void;
  /** Called when the body is cut off: the client has to take the end. */
  readonly onUntaken: () => void;
  /** Called when the client has taken the end, or has left. */
  readonly onTaken: () => void;
  /** Receives the error of a body that fails when it is cancelled; must not throw. */
  readonly onError: (error: unknown) => void;
}

/** The streamed body of an application, which ends with the session. */
export class TiedBody implements OpenStream {
  /** The body to send in place of the application's. */
  readonly stream: ReadableStream<Uint8Array>;

  readonly #parts: BodyParts;
  readonly #abort = new AbortController();
  #isClosed = false;

  constructor(body: ReadableStream<Uint8Array>, parts: BodyParts) {
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
    markSelfClosing(this.stream);
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

  /** Returns true: it was made of what is sent. */
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
