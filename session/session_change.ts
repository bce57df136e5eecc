import type { AccessOperation, AccessState } from "./access.ts";
import type { NamedCallback } from "./named_callback.ts";

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
