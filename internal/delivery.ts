import { GuardedAbort } from "./abort.ts";
import { guardPromise } from "./guarded_promise.ts";
import type { StreamWatcher } from "./watch_stream.ts";

/** How the handing over of a response has gone. */
export interface DeliveryEnd {
  /** Bytes of the body that were handed over, where they can be told. */
  readonly bytes: number | undefined;
  /** Whether the visitor left before it was whole. */
  readonly hasLeft: boolean;
}

/**
 * Whether the visitor stays until the response is handed over.
 *
 * Deno tells of a visitor who leaves in two ways: by the request's signal, good
 * until the response is produced (afterwards it aborts on success too), and by
 * cancelling a body that is being streamed. A body that is handed over whole
 * counts as sent.
 */
export class Delivery {
  /** Whether a resource asked: then the body of its own Response is followed. */
  isAskedFor = false;

  readonly #request: Request;
  readonly #report: (error: unknown) => void;
  readonly #abort: GuardedAbort;
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers();
  #isSettled = false;
  /** What `finished` rejects with. */
  #reason: Error | undefined = undefined;
  #onEnd: ((end: DeliveryEnd) => void) | undefined = undefined;
  #end: DeliveryEnd | undefined = undefined;

  /**
   * @param report Takes what abort listeners and callbacks of `finished` throw and
   * reject, and what breaks bodies; must not throw.
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

  /** Has it told once, at the end; at once if that has been. */
  notify(onEnd: (end: DeliveryEnd) => void): void {
    if (this.#end !== undefined) onEnd(this.#end);
    else this.#onEnd = onEnd;
  }

  /** Aborts when the visitor leaves. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Resolves when the response is handed over, rejects when the visitor leaves. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** The response is produced, and handed over whole. */
  finish(bytes: number | undefined): void {
    this.#stopListening();
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#finished.resolve();
    this.#tell({ bytes, hasLeft: false });
  }

  /** The response is produced; watches over its body. */
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
    const error = new Error("The visitor has left", { cause });
    error.name = "AbortError";
    this.#reason = error;
    this.#finished.reject(error);
    this.#abort.abort(() => error);
    this.#tell({ bytes, hasLeft: true });
  }

  #tell(end: DeliveryEnd): void {
    this.#end = end;
    this.#onEnd?.(end);
  }
}
