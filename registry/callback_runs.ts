import type { Clock } from "../base/clock.ts";
import { nameSome } from "../base/describe.ts";
import { isPromiseLike, PendingPromises } from "../base/promises.ts";
import type { Session } from "../session.ts";
import { HangWatch } from "./hang_watch.ts";

/** The members of the registry's site that callbacks use. */
export interface CallbackSite {
  readonly clock: Clock;
  reportError(error: unknown, context: object): void;
}

/** Calls the callbacks of sessions, reports their errors, and tracks their promises. */
export class CallbackRuns {
  readonly #site: CallbackSite;
  readonly #pending = new PendingPromises<Session>();
  readonly #hangs: HangWatch<Session>;

  constructor(site: CallbackSite) {
    this.#site = site;
    this.#hangs = new HangWatch(site.clock, (sessions) => {
      const names = nameSome(sessions.map(({ uid }) => `"${uid}"`));
      const message =
        `Callbacks are still running after 10 s, at the end of session ${names}`;
      site.reportError(new Error(message), {});
    });
  }

  /** Calls a callback, reports its errors, and watches its promise. */
  run<T>(
    callback: (argument: T) => unknown,
    argument: T,
    session: Session,
  ): void {
    // Without callGuarded(): ends within ends nest deep, and each frame costs stack.
    try {
      const result = callback(argument);
      if (!isPromiseLike(result)) return;
      this.watch(
        Promise.resolve(result).catch((error) =>
          this.#site.reportError(error, { session })
        ),
        session,
      );
    } catch (error) {
      this.#site.reportError(error, { session });
    }
  }

  /** Makes `close()` wait for a promise, which must not reject. */
  track(promise: Promise<unknown>, session: Session): void {
    this.#pending.add(promise, session);
  }

  /** Tracks the promise of a callback, and reports it if it does not settle. */
  watch(promise: Promise<unknown>, session: Session): void {
    this.track(promise, session);
    this.#hangs.add(promise, session);
  }

  /** The number of promises of callbacks that have not settled for 10 s. */
  get hanging(): number {
    return this.#hangs.hanging;
  }

  /** Stops reporting promises that do not settle. */
  stop(): void {
    this.#hangs.stop();
  }

  /** Waits for tracked promises; returns the sessions whose promises are late. */
  settle(seconds: number): Promise<Session[]> {
    return this.#pending.settle(this.#site.clock, seconds);
  }
}
