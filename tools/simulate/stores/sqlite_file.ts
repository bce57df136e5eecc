import { SqliteStore } from "../../../stores/sqlite_store.ts";
import {
  LOOK,
  type SimulatedStore,
  type StoreClock,
  type StoreMaker,
} from "../stores.ts";

/** Makes databases in files, which each program opens for itself. */
export class SqliteFileMaker implements StoreMaker {
  /** Each handle looks for the changes of the others. */
  readonly hasTimers = true;
  #handles: SqliteStore[] = [];
  #folder: string | undefined = undefined;

  make(clock: StoreClock): SimulatedStore {
    this.#clear();
    const folder = this.#folder = Deno.makeTempDirSync();
    const open = () => {
      const store = new SqliteStore({
        path: `${folder}/sessions.db`,
        clock: {
          now: () => clock.now(),
          monotonic: () => clock.monotonic(),
          setTimeout: (callback, delay) => setTimeout(callback, delay),
          clearTimeout: (id) => clearTimeout(id as number),
        },
      });
      this.#handles.push(store);
      return store;
    };
    const own = open();
    return { isRemote: false, open, peek: (uid) => own.load(uid, LOOK) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#clear();
    return Promise.resolve();
  }

  #clear(): void {
    for (const handle of this.#handles.splice(0)) handle.close();
    if (this.#folder !== undefined) {
      Deno.removeSync(this.#folder, { recursive: true });
    }
    this.#folder = undefined;
  }
}
