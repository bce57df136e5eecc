import { describe } from "../base/describe.ts";
import { GuardedAbort, guardPromise } from "../base/guarded.ts";

/**
 * Callbacks of a stream that is read. One of `onEnd`, `onError` and `onCancel` is
 * called, once.
 */
export interface StreamWatcher {
  /** A chunk is passed on; an error that it throws breaks the stream. */
  onChunk?: (chunk: Uint8Array) => void;
  /** The source failed when it was cancelled. */
  onCancelError?: (error: unknown) => void;
  /** The last chunk was taken, or the signal aborted. */
  onEnd?: () => void;
  /** The source broke. */
  onError?: (error: unknown) => void;
  /** The reader cancelled the stream. */
  onCancel?: (reason: unknown) => void;
  /** The signal has aborted; `onEnd` follows when the reader takes the end. */
  onAbort?: () => void;
  /** Ends the stream, as at the end of the source, when it aborts. */
  signal?: AbortSignal | undefined;
}

/** Returns a stream that passes another on, one chunk for each read. */
export function watchStream(
  stream: ReadableStream<Uint8Array>,
  watcher: StreamWatcher,
): ReadableStream<Uint8Array> {
  const { signal } = watcher;
  const reader = stream.getReader();
  const cancel = (reason: unknown) =>
    reader.cancel(reason).catch((error) => watcher.onCancelError?.(error));
  // Cancelling resolves a waiting read as the end of the stream.
  const stop = () => {
    watcher.onAbort?.();
    void cancel(signal?.reason);
  };
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop);
  const ignore = () => signal?.removeEventListener("abort", stop);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          checkChunk(value);
          watcher.onChunk?.(value);
          return controller.enqueue(value);
        }
      } catch (error) {
        ignore();
        reader.cancel(error).catch((second) => {
          // A source that broke rejects with the same error.
          if (second !== error) watcher.onCancelError?.(second);
        });
        watcher.onError?.(error);
        throw error;
      }
      ignore();
      controller.close();
      watcher.onEnd?.();
    },
    cancel(reason) {
      ignore();
      watcher.onCancel?.(reason);
      return cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/** Refuses chunks that are not bytes; they would break later, unreported. */
function checkChunk(chunk: unknown): void {
  if (chunk instanceof Uint8Array) return;
  const hint = typeof chunk === "string"
    ? "; pipe text through a TextEncoderStream"
    : "";
  throw new TypeError(
    `Cannot hand on a chunk of a stream: not a Uint8Array: ${
      describe(chunk)
    }${hint}`,
  );
}

/** The outcome of a delivery. */
export interface DeliveryEnd {
  /** Bytes of the body that were handed over, if the number is known. */
  readonly bytes: number | undefined;
  /** Whether the client left before the body was handed over whole. */
  readonly hasLeft: boolean;
}

/**
 * The signal of a request, which aborts when the client leaves.
 *
 * The signal of Deno's request shows a departure only until the response is
 * produced, since it also aborts after success.
 */
export class ClientSignal extends GuardedAbort {
  readonly #request: Request;
  readonly #onLeave: ((error: Error) => void) | undefined;

  /**
   * @param report Receives errors of abort listeners; must not throw.
   * @param onLeave Called with the reason when the client has left.
   */
  constructor(
    request: Request,
    report: (error: unknown) => void,
    onLeave?: (error: Error) => void,
  ) {
    super(report);
    this.#request = request;
    this.#onLeave = onLeave;
    if (request.signal.aborted) this.#onAbort();
    else request.signal.addEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = () => this.leave(this.#request.signal.reason);

  /** Ignores the request's own signal from now on: the response is produced. */
  stop(): void {
    this.#request.signal.removeEventListener("abort", this.#onAbort);
  }

  /** Aborts: the client has left. */
  leave(cause: unknown): void {
    const error = new Error("The client has disconnected", { cause });
    error.name = "AbortError";
    this.abort(() => error);
    this.#onLeave?.(error);
  }
}

/**
 * The delivery of a response, which the client may cut short by leaving.
 *
 * Deno reports a client that leaves in two ways: it aborts the request's signal, and
 * it cancels a body that is being streamed. A body that is handed over whole counts
 * as sent.
 */
export class Delivery {
  /**
   * Whether a resource asked for the delivery. Then the body of a Response is
   * watched.
   */
  isAskedFor = false;

  readonly #report: (error: unknown) => void;
  readonly #client: ClientSignal;
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Bytes of the body that have been handed over. */
  #bytes = 0;
  /** The rejection of `finished`. */
  #reason: Error | undefined = undefined;
  #onEnd: ((end: DeliveryEnd) => void) | undefined = undefined;
  #end: DeliveryEnd | undefined = undefined;

  /**
   * @param report Receives errors of abort listeners, callbacks of `finished` and
   * bodies; must not throw.
   */
  constructor(request: Request, report: (error: unknown) => void) {
    this.#report = report;
    guardPromise(this.#finished.promise, (error) => {
      if (error !== this.#reason) report(error);
    });
    this.#client = new ClientSignal(
      request,
      report,
      (error) => this.#settle(this.#bytes, error),
    );
  }

  /** Calls back once, at the end of the delivery; at once if it has ended. */
  notify(onEnd: (end: DeliveryEnd) => void): void {
    if (this.#end !== undefined) onEnd(this.#end);
    else this.#onEnd = onEnd;
  }

  /** Aborts when the client leaves. */
  get signal(): AbortSignal {
    return this.#client.signal;
  }

  /** Resolves when the response is handed over, rejects when the client leaves. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Ends the delivery: the response is produced and handed over whole. */
  finish(bytes: number | undefined): void {
    this.#client.stop();
    this.#settle(bytes, undefined);
  }

  /** Returns callbacks that follow the body of a response that is produced. */
  watcher(): StreamWatcher {
    this.#client.stop();
    return {
      onChunk: (chunk) => void (this.#bytes += chunk.byteLength),
      onEnd: () => this.finish(this.#bytes),
      onCancel: (reason) => this.#leave(reason),
      onError: (error) => {
        this.#report(error);
        this.#leave(error);
      },
    };
  }

  #leave(cause: unknown): void {
    if (this.#end === undefined) this.#client.leave(cause);
  }

  #settle(bytes: number | undefined, error: Error | undefined): void {
    if (this.#end !== undefined) return;
    const hasLeft = error !== undefined;
    this.#end = { bytes, hasLeft };
    this.#reason = error;
    if (hasLeft) this.#finished.reject(error);
    else this.#finished.resolve();
    this.#onEnd?.(this.#end);
  }
}
