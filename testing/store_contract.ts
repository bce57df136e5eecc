/**
 * The tests of what a {@linkcode SessionStore} is to do: whoever writes one runs
 * them against it.
 *
 * @module
 */

import type { MaybePromise } from "../stores/store.ts";
import {
  type ContractContext,
  type ContractTests,
  StoreContractError,
  type StoreUnderTest,
} from "./contract_checks.ts";
import { CROWD_TESTS, DURABLE_TESTS, WATCH_TESTS } from "./contract_crowds.ts";
import { END_TESTS } from "./contract_ends.ts";
import { PART_TESTS } from "./contract_parts.ts";
import { RECORD_TESTS } from "./contract_records.ts";

export { StoreContractError, type StoreUnderTest };

/** Options of {@linkcode testStoreContract}. */
export interface StoreContractOptions {
  /** Put before the name of each test, and a space; default none. */
  readonly name?: string;
  /**
   * Registers a test, that fails if the function rejects.
   *
   * @default Deno.test
   */
  readonly test?: (name: string, fn: () => Promise<void>) => void;
  /**
   * Whether the store outlives its process; its `reopen` is tested then.
   *
   * @default {false}
   */
  readonly isDurable?: boolean;
  /**
   * How many sessions end at once in the tests of crowds.
   *
   * @default {2000}
   */
  readonly crowd?: number;
  /**
   * How many logouts race against slow writers.
   *
   * @default {10000}
   */
  readonly races?: number;
}

/**
 * Registers the tests of the contract for a store.
 *
 * Each makes a store of its own, and disposes of it. None waits longer than some
 * tenths of a second; a store whose time cannot be faked waits for real, and is
 * to answer within 300 ms. Timeouts are whole milliseconds, and so may a store's
 * time be. One that writes down only some of the touches, to save writing, is
 * tested with all of them.
 *
 * @param makeStore Makes an empty store; called for each test.
 * @param options See each option.
 *
 * @example Usage
 * ```ts ignore
 * import { testStoreContract } from "@curfew/web/testing/store_contract";
 * import { MyStore } from "./my_store.ts";
 *
 * testStoreContract(async () => {
 *   const store = await MyStore.open();
 *   return {
 *     store,
 *     advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms + 1)),
 *     [Symbol.asyncDispose]: () => store.close(),
 *   };
 * }, { name: "MyStore" });
 * ```
 */
export function testStoreContract(
  makeStore: () => MaybePromise<StoreUnderTest>,
  options: StoreContractOptions = {},
): void {
  const { name, isDurable = false, crowd = 2000, races = 10_000 } = options;
  const register = options.test ?? ((name, fn) => Deno.test(name, fn));
  const tests: ContractTests = {
    ...RECORD_TESTS,
    ...END_TESTS,
    ...CROWD_TESTS,
    ...WATCH_TESTS,
    ...PART_TESTS,
    ...isDurable ? DURABLE_TESTS : {},
  };
  for (const [fact, run] of Object.entries(tests)) {
    register(name === undefined ? fact : `${name}: ${fact}`, async () => {
      await using subject = await makeStore();
      const { store } = subject;
      const context: ContractContext = { subject, store, crowd, races };
      await run(context);
    });
  }
}
