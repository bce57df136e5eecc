/**
 * The tests of the contract of a {@linkcode SessionStore}: authors of stores run
 * them against theirs.
 *
 * @module
 */

import {
  BOOLEAN,
  checkOptions,
  FUNCTION,
  type OptionRules,
  STRING,
  wholeAtLeast,
} from "../base/options.ts";
import { type MaybePromise, STORE_CONTRACT } from "../stores/store.ts";
import { ACCESS_TESTS } from "./contract_access.ts";
import {
  type ContractContext,
  type ContractTests,
  same,
  StoreContractError,
  type StoreUnderTest,
} from "./contract_checks.ts";
import { CLAIM_TESTS } from "./contract_claims.ts";
import { COMMIT_TESTS } from "./contract_commit.ts";
import { CONDITION_TESTS } from "./contract_conditions.ts";
import { COUNT_TESTS } from "./contract_counts.ts";
import { CREATE_TESTS } from "./contract_create.ts";
import { CROWD_TESTS } from "./contract_crowds.ts";
import { DURABLE_TESTS } from "./contract_durable.ts";
import { END_TESTS } from "./contract_ends.ts";
import { HOLD_TESTS } from "./contract_holds.ts";
import { LOAD_TESTS } from "./contract_load.ts";
import { PART_TESTS } from "./contract_parts.ts";
import { RECORD_TESTS } from "./contract_records.ts";
import { TOKEN_TESTS } from "./contract_tokens.ts";
import { TOUCH_TESTS } from "./contract_touches.ts";
import { WATCH_TESTS } from "./contract_watch.ts";

export { STORE_CONTRACT, StoreContractError, type StoreUnderTest };

/** Options of {@linkcode testStoreContract}. */
export interface StoreContractOptions {
  /**
   * The text before the name of each test; a colon follows it.
   *
   * @default {undefined}
   */
  readonly name?: string;
  /**
   * Registers a test, which fails if the function rejects.
   *
   * @default Deno.test
   */
  readonly test?: (name: string, fn: () => Promise<void>) => void;
  /**
   * Whether the store outlives its process; then its `reopen` is tested.
   *
   * @default {false}
   */
  readonly isDurable?: boolean;
  /**
   * The number of sessions that end at once in the tests of crowds.
   *
   * @default {2000}
   */
  readonly crowd?: number;
  /**
   * The number of logouts that race against slow writers.
   *
   * @default {10000}
   */
  readonly races?: number;
  /**
   * The version of the contract that the store was written for. If this package
   * has a later one, a test fails that says so.
   *
   * @default {undefined}
   */
  readonly version?: number;
}

const RULES: OptionRules<StoreContractOptions> = {
  name: STRING,
  test: FUNCTION,
  isDurable: BOOLEAN,
  crowd: wholeAtLeast(1),
  races: wholeAtLeast(1),
  version: wholeAtLeast(1),
};

/**
 * Registers the tests of the contract for a store.
 *
 * Each test makes a store of its own, and disposes of it. None waits longer than
 * some tenths of a second. A store whose time cannot be faked waits for real, and
 * has to answer within 300 ms. Test a store with its `touchThrottle` at 0.
 *
 * @param makeStore Makes an empty store; called for each test.
 * @param options See each option.
 * @throws {TypeError} If an option is of the wrong kind, or unknown.
 * @throws {RangeError} If an option is out of range.
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
  checkOptions("test a store", options, RULES);
  const { name, isDurable = false, crowd = 2000, races = 10_000 } = options;
  const register = options.test ?? globalThis.Deno?.test;
  if (register === undefined) {
    throw new TypeError(
      "Cannot test a store: this runtime has no Deno.test; give the option test",
    );
  }
  const tests: ContractTests = {
    ...CREATE_TESTS,
    ...LOAD_TESTS,
    ...TOKEN_TESTS,
    ...COMMIT_TESTS,
    ...ACCESS_TESTS,
    ...CONDITION_TESTS,
    ...TOUCH_TESTS,
    ...RECORD_TESTS,
    ...END_TESTS,
    ...CLAIM_TESTS,
    ...CROWD_TESTS,
    ...WATCH_TESTS,
    ...PART_TESTS,
    ...HOLD_TESTS,
    ...COUNT_TESTS,
    ...isDurable ? DURABLE_TESTS : {},
    ...options.version === undefined ? {} : versionTests(options.version),
  };
  for (const [fact, run] of Object.entries(tests)) {
    register(name === undefined ? fact : `${name}: ${fact}`, async () => {
      const subject = await makeStore();
      try {
        const { store } = subject;
        const context: ContractContext = { subject, store, crowd, races };
        await run(context);
      } finally {
        await subject[Symbol.asyncDispose]();
      }
    });
  }
}

function versionTests(version: number): ContractTests {
  return {
    // deno-lint-ignore require-await -- rejects if it throws
    async "the store was written for this version of the contract"() {
      same(version, STORE_CONTRACT, "the version of the contract");
    },
  };
}
