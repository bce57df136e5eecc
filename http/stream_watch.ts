import { describe } from "../base/describe.ts";

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
