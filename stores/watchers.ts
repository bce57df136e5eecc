/** The callbacks of `watch()`; each is called in a microtask. */
export class Watchers {
  readonly #watchers = new Set<Watcher>();

  /** The number of watchers. */
  get size(): number {
    return this.#watchers.size;
  }

  /**
   * Adds a watcher.
   *
   * @returns a function that removes it.
   */
  add(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): () => void {
    const watcher = { onEnd, onDueEarlier, onChange };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Notifies of an end, after the call that caused it has returned. */
  notifyEnd(notification: EndNotification): void {
    this.#notify((watcher) => watcher.onEnd(notification));
  }

  /** Notifies that an end may be due earlier. */
  notifyDueEarlier(): void {
    this.#notify((watcher) => watcher.onDueEarlier?.());
  }

  /** Notifies of a change, after the call that made it has returned. */
  notifyChange(notification: ChangeNotification): void {
    this.#notify((watcher) => watcher.onChange?.(notification));
  }

  #notify(notify: (watcher: Watcher) => void): void {
    for (const watcher of this.#watchers) {
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) notify(watcher);
      });
    }
  }
}

interface Watcher {
  readonly onEnd: (notification: EndNotification) => void;
  readonly onDueEarlier: (() => void) | undefined;
  readonly onChange:
    | ((notification: ChangeNotification) => void)
    | undefined;
}

/** The end of a session in any node. */
export interface EndNotification {
  /** The session that has ended. */
  readonly uid: string;
  /** Why the session ended. */
  readonly reason: string;
  /** When the session ended, in UNIX milliseconds of the store. */
  readonly at: number;
}

/** A change of a session that raised its version, in any node. */
export interface ChangeNotification {
  /** The session that was changed. */
  readonly uid: string;
  /** The version after the change. */
  readonly version: number;
}
