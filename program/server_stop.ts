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
