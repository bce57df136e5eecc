import type { EndNews } from "./store.ts";

/** Who wants to hear of what happens in a store; told in a microtask. */
export class Watchers {
  readonly #watchers = new Set<Watcher>();

  /** How many there are. */
  get size(): number {
    return this.#watchers.size;
  }

  /** Adds one, and answers what removes it. */
  add(onEnd: (news: EndNews) => void, onSooner?: () => void): () => void {
    const watcher = { onEnd, onSooner };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Tells of an end, once whoever brought it about has its answer. */
  tellEnd(news: EndNews): void {
    this.#tell((watcher) => watcher.onEnd(news));
  }

  /** Tells that something may be due sooner than was thought. */
  tellSooner(): void {
    this.#tell((watcher) => watcher.onSooner?.());
  }

  #tell(tell: (watcher: Watcher) => void): void {
    for (const watcher of this.#watchers) {
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) tell(watcher);
      });
    }
  }
}

interface Watcher {
  readonly onEnd: (news: EndNews) => void;
  readonly onSooner: (() => void) | undefined;
}
