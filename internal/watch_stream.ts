/** Called when a stream is over: one of them, once. */
export interface StreamWatcher {
  /** The last chunk was taken. */
  onEnd?: () => void;
  /** The source broke. */
  onError?: (error: unknown) => void;
  /** The reader wants no more. */
  onCancel?: (reason: unknown) => void;
}

/** A stream that hands another one on, a chunk at a time as it is asked for. */
export function watchStream(
  stream: ReadableStream<Uint8Array>,
  watcher: StreamWatcher,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
      } catch (error) {
        watcher.onError?.(error);
        throw error;
      }
      controller.close();
      watcher.onEnd?.();
    },
    cancel(reason) {
      watcher.onCancel?.(reason);
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
