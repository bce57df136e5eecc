import { MemoryStore } from "../../../stores/memory_store.ts";
import { shared, type StoreMaker } from "../stores.ts";

/** Makes a store in memory. */
export const MEMORY: StoreMaker = {
  make: (clock) => shared(new MemoryStore({ clock })),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
