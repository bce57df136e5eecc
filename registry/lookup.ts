import type { LoadedSession } from "../stores/store.ts";

/** One token of a request, and the outcome of its lookup. */
export interface Lookup {
  /** The token as it came: the uid, then the secret. */
  readonly token: string;
  /** The uid of the session. */
  readonly uid: string;
  /** The form of the secret that is compared. */
  readonly key: string;
  /** Whether the token was meant for https, and came over plain http. */
  readonly isLeaked: boolean;
  /** Whether loading the session is access. */
  readonly isTouch: boolean;
  /** Why the session could not be looked up; undefined if it could. */
  failure: { readonly cause: unknown } | undefined;
  /** The record that was loaded; undefined without a store or a record. */
  loaded: LoadedSession | undefined;
  /**
   * The number of times that changes of the session had been dropped before it was
   * loaded.
   */
  drops: number;
}
