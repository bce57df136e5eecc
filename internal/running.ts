/** A request, for what is done while its resources are called. */
export interface RunningRequest {
  /** What the token that it came with is worth to its session. */
  worthFor(session: object): "current" | "graced" | undefined;
}

/** At most one at a time is called, for between two calls nothing waits. */
let running: RunningRequest | undefined;

/**
 * Begins to call the resources for a request.
 *
 * @returns what was running, a request of another site perhaps, for
 * {@linkcode endRun}.
 */
export function beginRun(request: RunningRequest): RunningRequest | undefined {
  const outer = running;
  running = request;
  return outer;
}

/** They have returned, with an answer or a promise of one. */
export function endRun(outer: RunningRequest | undefined): void {
  running = outer;
}

/** The request for which resources are being called now, if there is one. */
export function runningRequest(): RunningRequest | undefined {
  return running;
}
