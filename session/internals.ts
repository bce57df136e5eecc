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

/**
 * Of a session: its principal and tokens; undefined while it has only the first
 * token.
 */
export const ACCESS: unique symbol = Symbol("access");

/** Of a session: its principal and tokens, made if need be. */
export const OPEN_ACCESS: unique symbol = Symbol("openAccess");

/**
 * Of a session: finds one of its tokens, by a text that ends with its key, and the
 * index at which the key begins.
 */
export const FIND_TOKEN: unique symbol = Symbol("findToken");

/** Of a session: the requests under way that keep it from idling out. */
export const HOLDS: unique symbol = Symbol("holds");

/** Of a session: takes over its state from a record, a request or a login. */
export const RESTORE: unique symbol = Symbol("restore");

/** Of a session: its values. */
export const VALUES: unique symbol = Symbol("values");

/** Of a session: sets its last access and its deadline. */
export const SET_TIMES: unique symbol = Symbol("setTimes");

/** Of a session: has its warnings given by an earlier deadline until that changes. */
export const WARN_BY: unique symbol = Symbol("warnBy");

/**
 * Of a session: marks it as ended by another process, or removes it from the queue.
 */
export const DETACH: unique symbol = Symbol("detach");

/** Of a session: whether any code in this process waits for its end. */
export const IS_OBSERVED: unique symbol = Symbol("isObserved");

/** Of a session: whether streams or sockets of it are open. */
export const IS_STREAMING: unique symbol = Symbol("isStreaming");

/**
 * Of a session: closes streams whose token is no longer valid, and restarts
 * timeouts.
 */
export const ACCESS_CHANGED: unique symbol = Symbol("accessChanged");

/** Of a session: counts one more request that has visited it. */
export const COUNT_VISIT: unique symbol = Symbol("countVisit");

/** Of a session: whether a request under way keeps it from idling out. */
export const IS_HELD: unique symbol = Symbol("isHeld");

/** Of a session: its streams and sockets. */
export const STREAMS: unique symbol = Symbol("streams");

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

/** The state of a session from a store or a request; times in UNIX milliseconds. */
export interface RestoredState {
  readonly createdAt?: number;
  readonly touchedAt?: number;
  readonly isSecure?: boolean;
  readonly access?: AccessState;
  readonly values?: ReadonlyMap<string, unknown>;
}
