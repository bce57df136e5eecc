/**
 * The contract that a store of your own implements, with the code that sessions in
 * a store need. The module of your store imports it:
 *
 * ```ts
 * import "@curfew/web/stores/store";
 * import type { SessionStore } from "@curfew/web/stores/store";
 * ```
 *
 * @module
 */

import "../persistence/stored_backend.ts";

export type * from "./store.ts";
export { STORE_CONTRACT } from "./store.ts";
