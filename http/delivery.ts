import { GuardedAbort, guardPromise } from "../base/guarded.ts";
import type { StreamWatcher } from "./stream_watch.ts";

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
