import { callGuarded, isPromiseLike } from "../base/promises.ts";
import type { SessionEndReason } from "../session.ts";
import type { ChangeNotification } from "../stores/store.ts";
import type { AnyPart } from "./store_parts.ts";

/** The objects that the watch uses. */
export interface EndWatchParts {
  /** The part of the store whose ends are watched. */
  readonly part: AnyPart;
  /** Called with each end of another process. */
  onEnd(uid: string, reason: SessionEndReason): void;
  /** Called when an end may be due earlier than known. */
  onEarlier(): void;
  /** Called with each change of a session. */
  onChange(notification: ChangeNotification): void;
  onError(error: unknown): void;
}

/** Watches a part of a store for the ends and changes of other processes. */
export class EndWatch {
  readonly #parts: EndWatchParts;
  #unwatch: (() => void) | undefined = undefined;
  #isWatching = false;
  #isStopped = false;

  constructor(parts: EndWatchParts) {
    this.#parts = parts;
  }

  /** Whether the watch has begun, and has not failed. */
  get isWatching(): boolean {
    return this.#isWatching;
  }

  /** Begins to watch, unless the watch has begun. */
  begin(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const watching = (unwatch: () => void) => {
      if (this.#isStopped) this.#stopWatching(unwatch);
      else this.#unwatch = unwatch;
    };
    const failed = () => void (this.#isWatching = false);
    try {
      // Without the breaker: notifications may fail while the store answers.
      const unwatch = this.#parts.part.watch(
        ({ uid, reason }) => this.#parts.onEnd(uid, reason as SessionEndReason),
        () => this.#parts.onEarlier(),
        (notification) => this.#parts.onChange(notification),
      );
      if (isPromiseLike(unwatch)) unwatch.then(watching, failed);
      else watching(unwatch);
    } catch {
      // A later round begins the watch again; until then claims find the ends.
      failed();
    }
  }

  /** Stops watching. */
  stop(): void {
    this.#isStopped = true;
    if (this.#unwatch !== undefined) this.#stopWatching(this.#unwatch);
    this.#unwatch = undefined;
  }

  #stopWatching(unwatch: () => void): void {
    callGuarded(unwatch, (error) => this.#parts.onError(error));
  }
}
