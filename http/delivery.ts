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
 * The delivery of a response, which the client may cut short by leaving.
 *
 * Deno reports a client that leaves in two ways. It aborts the request's signal;
 * this shows a departure only until the response is produced, since the signal also
 * aborts after success. And it cancels a body that is being streamed. A body that
 * is handed over whole counts as sent.
 */
export class Delivery {
  /**
   * Whether a resource asked for the delivery. Then the body of a Response is
   * watched.
   */
  isAskedFor = false;

  readonly #request: Request;
  readonly #report: (error: unknown) => void;
  readonly #abort: GuardedAbort;
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers();
  #isSettled = false;
  /** The rejection of `finished`. */
  #reason: Error | undefined = undefined;
  #onEnd: ((end: DeliveryEnd) => void) | undefined = undefined;
  #end: DeliveryEnd | undefined = undefined;

  /**
   * @param report Receives errors of abort listeners, callbacks of `finished` and
   * bodies; must not throw.
   */
  constructor(request: Request, report: (error: unknown) => void) {
    this.#request = request;
    this.#report = report;
    this.#abort = new GuardedAbort(report);
    guardPromise(this.#finished.promise, (error) => {
      if (error !== this.#reason) report(error);
    });
    if (request.signal.aborted) this.#onAbort();
    else request.signal.addEventListener("abort", this.#onAbort);
  }

  /** Calls back once, at the end of the delivery; at once if it has ended. */
  notify(onEnd: (end: DeliveryEnd) => void): void {
    if (this.#end !== undefined) onEnd(this.#end);
    else this.#onEnd = onEnd;
  }

  /** Aborts when the client leaves. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Resolves when the response is handed over, rejects when the client leaves. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Ends the delivery: the response is produced and handed over whole. */
  finish(bytes: number | undefined): void {
    this.#stopListening();
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#finished.resolve();
    this.#settle({ bytes, hasLeft: false });
  }

  /** Returns callbacks that follow the body of a response that is produced. */
  watcher(): StreamWatcher {
    this.#stopListening();
    let bytes = 0;
    return {
      onChunk: (chunk) => void (bytes += chunk.byteLength),
      onEnd: () => this.finish(bytes),
      onCancel: (reason) => this.#leave(reason, bytes),
      onError: (error) => {
        this.#report(error);
        this.#leave(error, bytes);
      },
    };
  }

  readonly #onAbort = () => this.#leave(this.#request.signal.reason, 0);

  #stopListening(): void {
    this.#request.signal.removeEventListener("abort", this.#onAbort);
  }

  #leave(cause: unknown, bytes: number): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const error = new Error("The client has disconnected", { cause });
    error.name = "AbortError";
    this.#reason = error;
    this.#finished.reject(error);
    this.#abort.abort(() => error);
    this.#settle({ bytes, hasLeft: true });
  }

  #settle(end: DeliveryEnd): void {
    this.#end = end;
    this.#onEnd?.(end);
  }
}
