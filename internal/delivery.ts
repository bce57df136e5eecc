import { abortGuarded } from "./abort.ts";
import { watchStream } from "./watch_stream.ts";

/**
 * Whether the visitor stays until the answer is handed over.
 *
 * Deno tells of a visitor who leaves in two ways: by the request's signal, good
 * until the response is produced (afterwards it aborts on success too), and by
 * cancelling a body that is being streamed. A body that is handed over whole
 * counts as sent.
 */
export class Delivery {
  readonly #request: Request;
  readonly #report: (error: unknown) => void;
  readonly #abort = new AbortController();
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers();
  #isSettled = false;

  /** @param report Takes what abort listeners and broken bodies throw. */
  constructor(request: Request, report: (error: unknown) => void) {
    this.#request = request;
    this.#report = report;
    // Who does not wait for it must not be ended by its rejection.
    this.#finished.promise.catch(() => {});
    if (request.signal.aborted) this.#onAbort();
    else request.signal.addEventListener("abort", this.#onAbort);
  }

  /** Aborts when the visitor leaves. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Resolves when the answer is handed over, rejects when the visitor leaves. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** The answer is produced, and handed over whole. */
  finish(): void {
    this.#stopListening();
    this.#isSettled = true;
    this.#finished.resolve();
  }

  /** The answer is produced, and this is the body to send in place of its own. */
  follow(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    this.#stopListening();
    return watchStream(body, {
      onEnd: () => this.finish(),
      onCancel: (reason) => this.#leave(reason),
      onError: (error) => {
        this.#report(error);
        this.#leave(error);
      },
    });
  }

  readonly #onAbort = () => this.#leave(this.#request.signal.reason);

  #stopListening(): void {
    this.#request.signal.removeEventListener("abort", this.#onAbort);
  }

  #leave(cause: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const error = new Error("The visitor has left", { cause });
    error.name = "AbortError";
    this.#finished.reject(error);
    abortGuarded(this.#abort, error, this.#report);
  }
}
