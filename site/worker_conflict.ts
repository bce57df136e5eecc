import { describe } from "../base/describe.ts";

/** The options of sessions that decide whether workers conflict. */
export interface WorkerOptions {
  readonly cookieName?: string;
  readonly store?: unknown;
}

/**
 * Finds out whether another worker of this process serves the same sessions from
 * its own memory. Each of the workers reports that once.
 *
 * Listening does not keep the process alive. Other processes are not found.
 */
export class WorkerConflict {
  readonly #name: string | undefined;
  readonly #report: (error: unknown) => void;
  #isListening = false;
  #isClosed = false;
  #close: () => void = () => {};

  /**
   * @param options The options of the sessions; with a store there is no conflict.
   * @param report Receives the conflict, and the error if listening fails.
   */
  constructor(options: WorkerOptions, report: (error: unknown) => void) {
    const { cookieName = "session", store } = options;
    this.#name = store === undefined ? cookieName : undefined;
    this.#report = report;
  }

  /** Begins to listen. */
  listen(): void {
    if (this.#isListening || this.#name === undefined) return;
    this.#isListening = true;
    const name = this.#name;
    // The global BroadcastChannel has no unref(), and would keep the process.
    import("node:worker_threads").then(({ BroadcastChannel }) => {
      if (this.#isClosed) return;
      const channel = new BroadcastChannel(`@curfew/web ${name}`);
      this.#close = () => channel.close();
      let isAlone = true;
      channel.onmessage = (event) => {
        const { data } = event as MessageEvent;
        // A worker that started later has not received the message of this one.
        if (data === "who is there") channel.postMessage("a sibling");
        if (isAlone) this.#report(new Error(CONFLICT));
        isAlone = false;
      };
      channel.unref();
      channel.postMessage("who is there");
    }).catch((cause) => {
      this.#report(
        new Error(`Cannot listen for workers that serve ${describe(name)}`, {
          cause,
        }),
      );
    });
  }

  /** Stops listening. */
  close(): void {
    this.#isClosed = true;
    this.#close();
  }
}

const CONFLICT =
  'Sessions are kept in the memory of this worker, and another worker serves the same site: a client may reach the other worker, which does not have its session. Serve the site from one worker, or give all of them one "store"';
