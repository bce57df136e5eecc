import {
  checkOptions,
  type OptionRules,
  required,
  SECONDS,
  stringThat,
} from "../../base/options.ts";
import type { PostgresClient } from "./client.ts";

/** Options of {@linkcode PostgresStore}. */
export interface PostgresStoreOptions {
  /**
   * The client of Postgres, as `fromPg`, `fromPostgres` or `fromPGlite` adapts it.
   */
  readonly client: PostgresClient;
  /**
   * The schema of the store's tables and functions, which has nothing else in it:
   * 1 to 63 letters of a to z, digits and underscores, the first no digit, and not
   * "pg_" at the start. It is made at the first use. Sites with the same schema
   * share their sessions.
   *
   * @default {"curfew"}
   */
  readonly schema?: string;
  /**
   * Seconds between touches of a session that are written; 0 writes all.
   *
   * No session ends early: all end later by up to this time. It saves Postgres
   * writes where clients send many requests.
   *
   * @default {0}
   */
  readonly touchThrottle?: number;
}

const RULES: OptionRules<PostgresStoreOptions> = {
  client: required({
    kind: "adapted: call fromPg(), fromPostgres() or fromPGlite()",
    isKind: (value) =>
      typeof (value as PostgresClient | null | undefined)?.query ===
        "function" &&
      typeof (value as PostgresClient).run === "function",
  }),
  schema: stringThat(
    'a name of 1 to 63 letters of a to z, digits and underscores, without "pg_" at the start',
    (value) => /^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(value),
  ),
  touchThrottle: SECONDS,
};

/**
 * Checks the options of a store, and returns them with their defaults.
 *
 * @throws {TypeError} If an option is of the wrong kind, or unknown.
 * @throws {RangeError} If an option is out of range.
 */
export function checkedOptions(
  options: PostgresStoreOptions,
): Required<PostgresStoreOptions> {
  checkOptions("create the store", options, RULES);
  const { client, schema = "curfew", touchThrottle = 0 } = options;
  return { client, schema, touchThrottle };
}
