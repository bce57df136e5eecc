import { describe } from "./describe.ts";

/**
 * What is called as a stream is read; of `onEnd`, `onError` and `onCancel` one,
 * once.
 */
export interface StreamWatcher {
  /** A chunk is handed on; what is thrown breaks the stream. */
  onChunk?: (chunk: Uint8Array) => void;
  /** The source failed when it was cancelled. */
  onCancelError?: (error: unknown) => void;
  /** The last chunk was taken, or the signal aborted. */
  onEnd?: () => void;
  /** The source broke. */
  onError?: (error: unknown) => void;
  /** The reader wants no more. */
  onCancel?: (reason: unknown) => void;
  /** Ends the stream, as if the source had no more, when it aborts. */
  signal?: AbortSignal | undefined;
}

/** A stream that hands another one on, a chunk at a time as it is asked for. */
export function watchStream(
  stream: ReadableStream<Uint8Array>,
  watcher: StreamWatcher,
): ReadableStream<Uint8Array> {
  const { signal } = watcher;
  const reader = stream.getReader();
  const cancel = (reason: unknown) =>
    reader.cancel(reason).catch((error) => watcher.onCancelError?.(error));
  // A read that waits answers that there is no more.
  const stop = () => void cancel(signal?.reason);
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

/** What is not bytes would break the stream later, where nobody can report it. */
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
