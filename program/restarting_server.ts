import type { HttpServer, NetAddress, UnixAddress } from "./endpoint.ts";

/** The events of a {@linkcode RestartingServer}. */
export interface RestartingServerEvents {
  /**
   * Called when the server has stopped by a failure, and once only until it serves
   * again. It listens again after a pause of so many seconds.
   */
  onBreakdown: (error: unknown, pause: number) => void;
  /** Called when all attempts to listen again have failed. */
  onGiveUp: (error: unknown) => void;
}

/** Milliseconds before the first attempt to listen again; each pause doubles. */
const FIRST_PAUSE = 100;

/** The longest pause in milliseconds before the next attempt. */
const LONGEST_PAUSE = 2000;

/**
 * The most attempts in a row, which take 33 seconds. A process that cannot listen
 * for longer is better restarted.
 */
const MAX_ATTEMPTS = 20;

/**
 * A server that listens again, at the same address, after a failure.
 *
 * Deno's server stops for good when it cannot accept a connection. That happens
 * when the process has as many files and connections open as the system allows.
 * Requests that are running then still get their responses. Connections without a
 * request are closed, which frees files.
 */
export class RestartingServer implements HttpServer {
  #server: Deno.HttpServer<Deno.Addr>;
  readonly #options: Deno.ServeTcpOptions;
  readonly #handler: Deno.ServeHandler;
  readonly #events: RestartingServerEvents;
  readonly #finished = Promise.withResolvers<void>();
  /** The servers that wait for the end of their last requests. */
  readonly #draining = new Set<Promise<void>>();
  /** The attempts to listen since the last request. */
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #isRefed = true;
  #isStopping = false;
  #hasGivenUp = false;

  /**
   * Begins to listen.
   *
   * @throws The errors of Deno.serve.
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
    // Deno.serve ignores a signal that is aborted already.
    options.signal?.addEventListener("abort", () => void this.shutdown(), {
      once: true,
    });
  }

  /** The address, which stays the same while the server pauses. */
  get addr(): NetAddress | UnixAddress {
    // Nothing here listens on a socket of another kind.
    return this.#server.addr as NetAddress | UnixAddress;
  }

  /**
   * Resolves when the server was stopped. It stays pending after a failure, and
   * after the last attempt too: the listener of `onGiveUp` ends the process.
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

  /** Lets the process end while the server listens. */
  unref(): void {
    this.#isRefed = false;
    this.#server.unref();
    if (this.#timer !== undefined) Deno.unrefTimer(Number(this.#timer));
  }

  /** Accepts no more connections, and resolves when all requests have ended. */
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
    // The error of a server that failed was reported before.
    const drained = server.shutdown().catch(() => {}).finally(() =>
      this.#draining.delete(drained)
    );
    this.#draining.add(drained);
  }

  #pause(error: unknown): void {
    if (this.#attempts === MAX_ATTEMPTS) {
      this.#hasGivenUp = true;
      return this.#events.onGiveUp(error);
    }
    const pause = Math.min(FIRST_PAUSE * 2 ** this.#attempts, LONGEST_PAUSE);
    if (this.#attempts === 0) this.#events.onBreakdown(error, pause / 1000);
    this.#attempts++;
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
        this.#attempts = 0;
        return this.#handler(request, info);
      }));
    } catch (error) {
      return this.#pause(error);
    }
    if (!this.#isRefed) this.#server.unref();
  }
}

/**
 * Calls back at the first signal to stop; the next one has its default effect.
 *
 * @returns a function that removes the listeners.
 */
export function onceOnSignal(callback: () => void): () => void {
  const signals = stopSignals();
  const listener = () => {
    ignore();
    callback();
  };
  const ignore = () => {
    for (const signal of signals) Deno.removeSignalListener(signal, listener);
  };
  for (const signal of signals) Deno.addSignalListener(signal, listener);
  return ignore;
}

/**
 * Returns the signals that ask a server to stop: Ctrl-C, a terminal that closes, a
 * supervisor. Windows has no SIGTERM.
 */
function stopSignals(): readonly Deno.Signal[] {
  const both: Deno.Signal[] = ["SIGINT", "SIGHUP"];
  return Deno.build.os === "windows" ? both : [...both, "SIGTERM"];
}

/** The part of a site that answers requests. */
export interface FetchingSite {
  readonly fetch: (
    request: Request,
    info?: Deno.ServeHandlerInfo,
  ) => Response | Promise<Response>;
}

/** The number of requests to each site that wait for their response. */
const runningOf = new WeakMap<FetchingSite, { count: number }>();

/** Returns a handler for `Deno.serve` that counts the requests under way. */
export function countRequests(site: FetchingSite): Deno.ServeHandler {
  const running = runningOf.get(site) ?? { count: 0 };
  runningOf.set(site, running);
  const done = () => void running.count--;
  return (request, info) => {
    const response = site.fetch(request, info);
    // Most are answered at once.
    if (!(response instanceof Promise)) return response;
    running.count++;
    response.then(done, done);
    return response;
  };
}

/** Returns the number of requests that wait for their response. */
export function countRunning(site: FetchingSite): number {
  return runningOf.get(site)?.count ?? 0;
}
