import { checkCallback } from "../base/promises.ts";
import { describe } from "../base/describe.ts";
import type { NamedEndCallback, SessionEndCallback } from "../session.ts";

/** The callbacks for the ends of all sessions, those with a name included. */
export class EndDelivery {
  readonly #callbacks = new Set<{ readonly callback: SessionEndCallback }>();
  readonly #named = new Map<string, NamedEndCallback>();

  /** The callbacks with a name. */
  get named(): ReadonlyMap<string, NamedEndCallback> {
    return this.#named;
  }

  /**
   * Adds a callback for every end.
   *
   * @returns a function that removes this registration only.
   * @throws {TypeError} If the callback is not a function.
   */
  add(callback: SessionEndCallback): () => void {
    checkCallback("notify on session end", callback);
    const entry = { callback };
    this.#callbacks.add(entry);
    return () => void this.#callbacks.delete(entry);
  }

  /**
   * Registers a callback by name.
   *
   * @throws {TypeError} If the callback is not a function.
   * @throws {Error} If the name is taken.
   */
  register(name: string, callback: NamedEndCallback): void {
    checkCallback(`register ${describe(name)}`, callback);
    if (this.#named.has(name)) {
      throw new Error(
        `Cannot register ${describe(name)}: there is one already`,
      );
    }
    this.#named.set(name, callback);
  }

  /**
   * Iterates over the callbacks for every end, including those that are added
   * meanwhile.
   */
  *callbacks(): Iterable<SessionEndCallback> {
    for (const { callback } of this.#callbacks) yield callback;
  }
}
