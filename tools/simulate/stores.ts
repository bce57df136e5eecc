import type { SessionStore, StoredSession } from "../../stores/store.ts";

/** The stores that can be simulated. */
export const STORE_KINDS = [
  "memory",
  "sqlite",
  "redis",
  "postgres",
  "sqlite-file",
] as const;

/** One of {@linkcode STORE_KINDS}. */
export type StoreKind = typeof STORE_KINDS[number];

/** The clock of a store. */
export interface StoreClock {
  now(): number;
  monotonic(): number;
}

/** A store that is simulated. */
export interface SimulatedStore {
  /** Whether it is reached over a network in any case. */
  readonly isRemote: boolean;
  /** Returns the store as one program has it; several may share one object. */
  open(): SessionStore;
  /** Returns the record of a session; undefined if it is over. */
  peek(
    uid: string,
  ): StoredSession | undefined | Promise<StoredSession | undefined>;
  /** Forgets a session, as a store that loses data does; undefined if it cannot. */
  lose?(uid: string): void;
}

/** Makes a store for each run, and closes the last one at the end. */
export interface StoreMaker extends AsyncDisposable {
  /** Whether the store sets timers of the process, which are simulated then. */
  readonly hasTimers?: boolean;
  /** Makes an empty store. */
  make(
    clock: StoreClock,
    seed: number,
  ): SimulatedStore | Promise<SimulatedStore>;
}

/**
 * Returns the maker of a kind of stores.
 *
 * @throws {RangeError} If there is no such kind.
 */
export async function storeMaker(kind: StoreKind): Promise<StoreMaker> {
  switch (kind) {
    case "memory":
      return (await import("./stores/memory.ts")).MEMORY;
    case "sqlite":
      return new (await import("./stores/sqlite.ts")).SqliteMaker();
    case "sqlite-file":
      return new (await import("./stores/sqlite_file.ts")).SqliteFileMaker();
    case "redis":
      return await (await import("./stores/redis.ts")).redisMaker();
    case "postgres":
      return await (await import("./stores/postgres.ts")).postgresMaker();
    default:
      throw new RangeError(`Cannot simulate the store "${kind}"`);
  }
}

/** Returns a store that all programs share. */
export function shared(store: SessionStore): SimulatedStore {
  return {
    isRemote: false,
    open: () => store,
    peek: (uid) => store.load(uid, LOOK),
  };
}

/** Loads a record, and changes nothing. */
export const LOOK = { tokenHash: "", touch: false, grace: 0 } as const;
