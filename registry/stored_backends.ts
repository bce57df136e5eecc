import type { SessionStore } from "../stores/store.ts";
import type { StoredEndCounts } from "./session_counts.ts";
import type { SessionBackend } from "./session_backend.ts";
import type { SessionRegistry } from "./session_registry.ts";

/** A backend over a store. */
export interface StoreBackend extends SessionBackend {
  /** The numbers of ends that this process has claimed and delivered. */
  readonly endCounts: StoredEndCounts;
}

/** Makes a backend over a store. */
export type StoreBackendFactory = (
  registry: SessionRegistry,
  store: SessionStore,
) => StoreBackend;

/** The factory that the modules of stores provide. */
const provided: { factory?: StoreBackendFactory } = {};

/**
 * Registers the factory of backends over stores.
 *
 * The modules of stores provide it, so that a program without a store does not
 * load the code that only stores need.
 */
export function provideStoreBackend(factory: StoreBackendFactory): void {
  provided.factory = factory;
}

/**
 * Makes the backend over a store.
 *
 * @throws {TypeError} If no module of a store has been loaded.
 */
export function makeStoreBackend(
  registry: SessionRegistry,
  store: SessionStore,
): StoreBackend {
  const { factory } = provided;
  if (factory === undefined) {
    throw new TypeError(
      'Cannot use the store: its module must import "@curfew/web/stores/store"',
    );
  }
  return factory(registry, store);
}
