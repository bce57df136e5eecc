import { MemoryStore } from "../../../stores/memory_store.ts";
import type { StoreMaker } from "../stores.ts";
import { lossy } from "./lossy.ts";

/** Makes a store in memory. */
export const MEMORY: StoreMaker = {
  make: (clock) =>
    lossy(new MemoryStore({ clock }), new MemoryStore({ clock })),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
