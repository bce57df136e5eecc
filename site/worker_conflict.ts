/** The parts of a site that listening for other workers uses. */
export interface WorkerSite {
  /** Aborts when listening has to stop. */
  readonly stopSignal: AbortSignal;
  /** Receives the conflict, and the error if listening fails. */
  reportError(error: unknown, context: object): void;
}

/**
 * Listens for other workers of this process that serve the same sessions from
 * their own memory. Each of the workers reports that once.
 *
 * Listening does not keep the process alive. Other processes are not found. Few
 * sites need this module, so a site loads it when it listens.
 *
 * @param cookieName The name of the session cookie.
 */
export async function listenForWorkers(
  site: WorkerSite,
  cookieName: string,
): Promise<void> {
  try {
    // The global BroadcastChannel has no unref(), and would keep the process.
    const { BroadcastChannel } = await import("node:worker_threads");
    if (site.stopSignal.aborted) return;
    const channel = new BroadcastChannel(`@curfew/web ${cookieName}`);
    let isAlone = true;
    channel.onmessage = (event) => {
      const { data } = event as MessageEvent;
      // A worker that started later has not received the message of this one.
      if (data === "who is there") channel.postMessage("a sibling");
      if (isAlone) site.reportError(new Error(CONFLICT), {});
      isAlone = false;
    };
    channel.unref();
    channel.postMessage("who is there");
    site.stopSignal.addEventListener("abort", () => channel.close());
  } catch (cause) {
    const message = `Cannot listen for workers that serve "${cookieName}"`;
    site.reportError(new Error(message, { cause }), {});
  }
}

const CONFLICT =
  'Sessions are kept in the memory of this worker, and another worker serves the same site: a client may reach the other worker, which does not have its session. Serve the site from one worker, or give all of them one "store"';
