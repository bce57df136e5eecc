import { SqliteStore } from "../../../stores/sqlite_store.ts";
import {
  shared,
  type SimulatedStore,
  type StoreClock,
  type StoreMaker,
} from "../stores.ts";

/** Makes databases in memory. */
export class SqliteMaker implements StoreMaker {
  #last: SqliteStore | undefined = undefined;

  make(clock: StoreClock): SimulatedStore {
    this.#last?.close();
    this.#last = new SqliteStore({
      path: ":memory:",
      clock: {
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        // It polls for other connections, and there are none.
        setTimeout: () => 0,
        clearTimeout: () => {},
      },
    });
    return shared(this.#last);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#last?.close();
    return Promise.resolve();
  }
}
