/**
 * The keys of the members that only this package uses, and the types of what passes
 * through them. A member with such a key is not printed, not documented, and cannot
 * collide with one of a subclass.
 *
 * @module
 */

import type { AccessOperation, AccessState } from "./access.ts";
import type { NamedCallback } from "./named_callback.ts";

/** Of a site: the members that its sessions use. */
export const OWNER: unique symbol = Symbol("owner");

/** Of a session: the parts that few sessions have; undefined while it has none. */
export const PARTS: unique symbol = Symbol("parts");

/** Of a session: these parts, made if need be. */
export const OPEN_PARTS: unique symbol = Symbol("openParts");

/** Of a session: its principal and tokens, made if need be. */
export const OPEN_ACCESS: unique symbol = Symbol("openAccess");

/**
 * Of a session: finds one of its tokens, by a text that ends with its key, and the
 * index at which the key begins.
 */
export const FIND_TOKEN: unique symbol = Symbol("findToken");

/** Of a session: takes over its state from a record, a request or a login. */
export const RESTORE: unique symbol = Symbol("restore");

/** Of a session: its streams and sockets. */
export const STREAMS: unique symbol = Symbol("streams");

/**
 * Of a session: marks it as ended by another process, or removes it from the queue.
 */
export const DETACH: unique symbol = Symbol("detach");

/** Of a session: counts one more request that has visited it. */
export const COUNT_VISIT: unique symbol = Symbol("countVisit");

/** A change in a session, for the backend that may have to write it. */
export type SessionChange =
  | { readonly kind: "touch" }
  | { readonly kind: "access"; readonly operation: AccessOperation }
  | { readonly kind: "value"; readonly key: string; readonly value: unknown }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "description"; readonly description: string }
  | {
    readonly kind: "callback";
    readonly callback: NamedCallback;
    /** Whether the callback is removed. */
    readonly isRemoved: boolean;
  };

/** The change by a touch; one object for all, since touches are frequent. */
export const TOUCH: SessionChange = { kind: "touch" };

/** The state of a session from a store, a request or a login; times in UNIX milliseconds. */
export interface RestoredState {
  /** The key of the only token. */
  readonly key?: string;
  readonly createdAt?: number;
  readonly touchedAt?: number;
  readonly deadline?: number;
  readonly isSecure?: boolean;
  readonly access?: AccessState;
  readonly values?: ReadonlyMap<string, unknown>;
}
