/** What a server reports that can take no more connections. */
export interface RestartingServerEvents {
  /**
   * Called when the server has broken down, once until it serves again; it will
   * listen again after a pause of so many seconds.
   */
  onBreakdown: (error: unknown, pause: number) => void;
  /** Called when the server has tried often enough in vain. */
  onGiveUp: (error: unknown) => void;
}

/** Milliseconds before the first try to listen again; each pause doubles. */
const FIRST_PAUSE = 100;

/** The longest pause: visitors who come back are served that soon. */
const LONGEST_PAUSE = 2000;

/**
 * How many tries in a row may fail, which takes 33 seconds. A process that is
 * out of reach for longer is better started anew.
 */
const MAX_TRIES = 20;

/**
 * A server that listens again, at the same address, when it has broken down.
 *
 * Deno's server stops for good when it cannot accept a connection, and that is
 * what happens when as many connections are open as the process may have files.
 * Requests that are running then still get their answers. Connections without a
 * request are closed, so that there are files again.
 */
export class RestartingServer implements Deno.HttpServer<Deno.Addr> {
  #server: Deno.HttpServer<Deno.Addr>;
  readonly #options: Deno.ServeTcpOptions;
  readonly #handler: Deno.ServeHandler;
  readonly #events: RestartingServerEvents;
  readonly #finished = Promise.withResolvers<void>();
  /** The servers that are to stop, until their last requests are answered. */
  readonly #draining = new Set<Promise<void>>();
  /** How many tries there have been since a request was served. */
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #isRefed = true;
  #isStopping = false;
  #hasGivenUp = false;

  /**
   * Listens.
   *
   * @throws what Deno.serve throws.
   */
  constructor(
    options: Deno.ServeTcpOptions,
    handler: Deno.ServeHandler,
    events: RestartingServerEvents,
  ) {
    this.#options = options;
    this.#handler = handler;
    this.#events = events;
    this.#server = this.#watch(Deno.serve(options, handler));
    // Deno.serve ignores a signal that has aborted before.
    options.signal?.addEventListener("abort", () => void this.shutdown(), {
      once: true,
    });
  }

  /** The address, also while the server pauses. */
  get addr(): Deno.Addr {
    return this.#server.addr;
  }

  /**
   * Resolves when the server has been stopped. It stays pending when the server
   * breaks down, and when it gives up: the process ends then.
   */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Keeps the process alive. */
  ref(): void {
    this.#isRefed = true;
    this.#server.ref();
    if (this.#timer !== undefined) Deno.refTimer(Number(this.#timer));
  }

  /** Keeps the process alive no more. */
  unref(): void {
    this.#isRefed = false;
    this.#server.unref();
    if (this.#timer !== undefined) Deno.unrefTimer(Number(this.#timer));
  }

  /** Takes no more connections, and resolves when all requests are answered. */
  async shutdown(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    this.#drain(this.#server);
    await this.#finish();
  }

  /** Stops the server, as shutdown() does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  #watch(server: Deno.HttpServer<Deno.Addr>): Deno.HttpServer<Deno.Addr> {
    server.finished.then(
      () => this.#finish(),
      (error) => {
        this.#drain(server);
        if (!this.#isStopping) this.#pause(error);
      },
    );
    return server;
  }

  async #finish(): Promise<void> {
    await Promise.all(this.#draining);
    if (!this.#hasGivenUp) this.#finished.resolve();
  }

  #drain(server: Deno.HttpServer): void {
    // A server that broke down has said why already.
    const drained = server.shutdown().catch(() => {}).finally(() =>
      this.#draining.delete(drained)
    );
    this.#draining.add(drained);
  }

  #pause(error: unknown): void {
    if (this.#tries === MAX_TRIES) {
      this.#hasGivenUp = true;
      return this.#events.onGiveUp(error);
    }
    const pause = Math.min(FIRST_PAUSE * 2 ** this.#tries, LONGEST_PAUSE);
    if (this.#tries === 0) this.#events.onBreakdown(error, pause / 1000);
    this.#tries++;
    this.#timer = setTimeout(() => this.#listenAgain(), pause);
    if (!this.#isRefed) this.unref();
  }

  #listenAgain(): void {
    this.#timer = undefined;
    const { addr } = this.#server;
    const options = { ...this.#options, onListen() {} };
    if ("port" in addr) options.port = addr.port;
    try {
      this.#server = this.#watch(Deno.serve(options, (request, info) => {
        this.#tries = 0;
        return this.#handler(request, info);
      }));
    } catch (error) {
      return this.#pause(error);
    }
    if (!this.#isRefed) this.#server.unref();
  }
}
