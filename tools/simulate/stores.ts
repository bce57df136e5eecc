import { MemoryStore } from "../../stores/memory_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";

/** The stores that can be simulated. */
export type StoreKind = "memory" | "sqlite";

/** The clock of a store. */
export interface StoreClock {
  now(): number;
  monotonic(): number;
}

/** Makes a store for each run, and closes the last one at the end. */
export interface StoreMaker extends Disposable {
  make(clock: StoreClock): SessionStore;
}

/** Returns the maker of a kind of stores. */
export function storeMaker(kind: StoreKind): StoreMaker {
  if (kind === "memory") {
    return {
      make: (clock) => new MemoryStore({ clock }),
      [Symbol.dispose]() {},
    };
  }
  if (kind !== "sqlite") {
    throw new RangeError(`Cannot simulate the store "${kind}"`);
  }
  let last: SqliteStore | undefined;
  return {
    make(clock) {
      last?.close();
      return last = new SqliteStore({
        path: ":memory:",
        clock: {
          now: () => clock.now(),
          monotonic: () => clock.monotonic(),
          // It polls for other connections, and there are none.
          setTimeout: () => 0,
          clearTimeout: () => {},
        },
      });
    },
    [Symbol.dispose]() {
      last?.close();
    },
  };
}
