import { GuardedAbort, guardPromise } from "../base/guarded.ts";
import type { StreamWatcher } from "./watch_stream.ts";

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
    const error = new Error("The visitor has left", { cause });
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
