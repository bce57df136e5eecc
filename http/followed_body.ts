import type { Delivery } from "./delivery.ts";
import { type StreamWatcher, watchStream } from "./stream_watch.ts";

/** The ways in which a body is followed. */
export interface FollowOptions {
  /** The delivery to notify; undefined if no code watches it. */
  readonly delivery: Delivery | undefined;
  /**
   * Receives the error of a body that breaks, or that fails when it is cancelled.
   */
  readonly onError: (error: unknown) => void;
  /** Ends the body when the site stops; undefined if it may go on. */
  readonly stop: SiteStop | undefined;
}

/** The stop of a site, which ends a body. */
export interface SiteStop {
  /** Aborts when the site stops. */
  readonly signal: AbortSignal;
  /** Called at the stop: the client still has to read the rest. */
  readonly onUntaken: (stream: object, signal: AbortSignal) => void;
  /** Called when the client has done so, or has left. */
  readonly onTaken: (stream: object, signal: AbortSignal) => void;
}

/** Returns a stream to send in place of a body. The stream reports its end. */
export function followBody(
  body: ReadableStream,
  { delivery, onError, stop }: FollowOptions,
): ReadableStream {
  const watcher: StreamWatcher = {
    onError,
    onCancelError: onError,
    ...delivery?.watcher(),
  };
  return watchStream(body, stop === undefined ? watcher : until(stop, watcher));
}

/** Returns the watcher of a stream that ends when the site stops. */
function until(
  { signal, onUntaken, onTaken }: SiteStop,
  watcher: StreamWatcher,
): StreamWatcher {
  const stream = {};
  const onOver = () => onTaken(stream, signal);
  return {
    ...watcher,
    signal,
    onAbort: () => onUntaken(stream, signal),
    onEnd: () => {
      onOver();
      watcher.onEnd?.();
    },
    onError: (error) => {
      onOver();
      watcher.onError?.(error);
    },
    onCancel: (reason) => {
      onOver();
      watcher.onCancel?.(reason);
    },
  };
}
