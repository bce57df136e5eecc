import type { AccessOperation } from "../session/access.ts";
import type { SessionChanges } from "../stores/store.ts";

/** The options of a write. */
export interface WriteOptions {
  /**
   * Whether a request waits for the write; it is answered 503 if the write fails.
   */
  readonly isRequest: boolean;
  /** Whether others have made the changes, which decide about them if refused. */
  readonly isOfOthers?: boolean;
  /** More changes to write, unless the session was touched. */
  readonly extra?: (() => SessionChanges | undefined) | undefined;
  /**
   * The count of dropped changes when the session was loaded for the request. If
   * the count has risen since, the changes of the request may be among the
   * dropped ones, and the request must not be acknowledged.
   */
  readonly drops?: number | undefined;
  /**
   * Whether a login has superseded the token of the request, or of a request that
   * may have made the changes. Called again whenever the record was loaded.
   */
  isSuperseded?(): boolean;
}

/** The changes of one write. */
export interface PendingWrite {
  readonly changes: SessionChanges;
  /** The changes of principal and tokens among them. */
  readonly operations: readonly AccessOperation[];
  /** The keys of values that were changed inside, with the encodings before. */
  readonly inner: ReadonlyMap<string, string> | undefined;
}
