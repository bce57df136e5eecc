/**
 * The code that few programs without a store need: loaded as one, when the first
 * part of it is needed.
 *
 * @module
 */

export { DeadLetters } from "./dead_letters.ts";
export { EvictionOrder } from "./eviction_order.ts";
export { HoldParts } from "./hold_parts.ts";
export { listSessions } from "./local_list.ts";
