/**
 * The code that few programs without a store need: loaded as one, when the first
 * part of it is needed.
 *
 * @module
 */

import type { HoldBackend } from "./hold_backend.ts";
import { type HoldingRegistry, Holds } from "./holds.ts";
import { LocalHolds, type LocalHoldsRegistry } from "./local_holds.ts";
import { NamedWarnings } from "./named_warnings.ts";
import type { WarningRegistry } from "./warning_wakes.ts";
import {
  Presence,
  presenceOf,
  type PresenceRegistry,
  type PresenceState,
} from "./presence.ts";

export { DeadLetters } from "./dead_letters.ts";
export { EvictionOrder } from "./eviction_order.ts";
export { listSessions } from "./local_list.ts";
export { computeValue } from "../session/value_change.ts";

/** The members of the registry that these parts use. */
export interface HoldPartsRegistry
  extends
    HoldingRegistry,
    WarningRegistry,
    PresenceRegistry,
    LocalHoldsRegistry {
  readonly backend: WarningRegistry["backend"] & PresenceRegistry["backend"];
  readonly clock: LocalHoldsRegistry["clock"];
  readonly site: LocalHoldsRegistry["site"];
  /** Undefined until it is first needed. */
  presence: Presence | undefined;
}

/** The holds of keys, and the parts that are made of them: warnings, presence. */
export class HoldParts {
  readonly holds: Holds;
  readonly warnings: NamedWarnings;
  readonly #registry: HoldPartsRegistry;
  readonly #backend: HoldBackend;

  /**
   * @param backend The place of the holds; by default this process.
   */
  constructor(
    registry: HoldPartsRegistry,
    backend: HoldBackend = new LocalHolds(registry),
  ) {
    this.#registry = registry;
    this.#backend = backend;
    this.holds = new Holds(registry, backend);
    this.warnings = new NamedWarnings(registry, backend);
  }

  /** Returns the presence of visitors; it is made at the first call. */
  openPresence(): Presence {
    return this.#registry.presence ??= new Presence(
      this.#registry,
      this.#backend,
    );
  }

  /** Returns the presence of one visitor. */
  presenceOf(principal: string): Promise<PresenceState> {
    return presenceOf(this.#registry, this.#backend, principal);
  }

  /** Ends the holds that are in no store. */
  halt(): void {
    this.#backend.halt?.();
  }
}
