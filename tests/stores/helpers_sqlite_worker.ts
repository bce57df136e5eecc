/**
 * A worker that writes 50 values to the session "a", in the store whose path it
 * is named after, under keys that are its own.
 *
 * @module
 */

import { SqliteStore } from "../../stores/sqlite_store.ts";

const worker = globalThis as unknown as {
  readonly name: string;
  postMessage(message: unknown): void;
};
using store = new SqliteStore({ path: worker.name });
const own = crypto.randomUUID();
for (let i = 0; i < 50; i++) {
  store.commit("a", { values: new Map([[`${own} ${i}`, "1"]]) });
}
worker.postMessage("done");
