import type { PostgresClient } from "./client.ts";
import { migrationOf, quoteName, SCHEMA_VERSION } from "./schema.ts";

/** The oldest PostgreSQL that is tested: 14. */
const OLDEST = 140_000;

/** Errors of a prepared statement that the connection has already, or lacks. */
const NOT_PREPARED = ["26000", "42P05"];

/** Errors of a schema that is missing, or not up to date. */
const NO_SCHEMA = ["3F000", "42P01", "42883"];

/** Errors of a role that lacks a right. */
const NO_RIGHT = "42501";

/** Errors of a server that takes no writes. */
const READ_ONLY = "25006";

/** The facts that decide whether a server is suitable. */
export interface ServerFacts {
  /** `server_version_num`: 150018 for 15.18. */
  readonly version: number;
  readonly isReplica: boolean;
  /** Whether transactions only read, as the role or the database is set. */
  readonly isReadOnly: boolean;
  /** "read committed", for example. */
  readonly isolation: string;
  /** `extra_float_digits`; below 0 it rounds times. */
  readonly floatDigits: number;
  /** The encoding of the database, "UTF8" for example. */
  readonly encoding: string;
  /** Whether it waits for its disk before it answers a commit. */
  readonly isDurable: boolean;
  /** Its clock, in UNIX milliseconds. */
  readonly now: number;
  /** The role of the connection. */
  readonly role: string;
  /** Whether the table with the version of the schema exists. */
  readonly hasSchema: boolean;
}

/** Runs the functions of the schema, which it makes at the first use. */
export class FunctionRunner {
  readonly #client: PostgresClient;
  readonly #schema: string;
  #ready: Promise<void> | undefined = undefined;
  #isReady = false;
  /** PgBouncer in transaction mode, before 1.21, prepares no statements. */
  #isPreparing = true;

  constructor(client: PostgresClient, schema: string) {
    this.#client = client;
    this.#schema = schema;
  }

  /**
   * Runs a function.
   *
   * @param name The name of the function.
   * @param verb The action of the function, for the error.
   * @param values Its arguments; a number may be Infinity.
   * @throws {RangeError} If the server would lose sessions.
   * @throws {Error} If Postgres or the client fails; the cause is its error.
   */
  async run(
    name: string,
    verb: string,
    values: readonly (string | number | null)[],
  ): Promise<string | null> {
    const texts = values.map((value) => {
      if (Number.isNaN(value)) {
        throw new RangeError(`Cannot ${verb}: a time is not a number`);
      }
      return value === null ? null : String(value);
    });
    try {
      if (!this.#isReady) await this.prepare();
      return await this.#query(name, texts);
    } catch (error) {
      // The schema may have been dropped, or restored from an older copy.
      if (NO_SCHEMA.includes(codeOf(error))) this.#forget();
      throw this.failureTo(verb, error);
    }
  }

  /** Makes the schema or brings it up to date, once. */
  prepare(): Promise<void> {
    return this.#ready ??= this.#prepare().then(
      () => void (this.#isReady = true),
      (error) => {
        this.#forget();
        throw error;
      },
    );
  }

  /** Reads the facts of the server. */
  async inspect(): Promise<ServerFacts> {
    const version = `${quoteName(this.#schema)}.curfew_schema`;
    const text = `SELECT json_build_object(
      'version', current_setting('server_version_num')::integer,
      'isReplica', pg_is_in_recovery(),
      'isReadOnly', current_setting('transaction_read_only') = 'on',
      'isolation', current_setting('transaction_isolation'),
      'floatDigits', current_setting('extra_float_digits')::integer,
      'encoding', current_setting('server_encoding'),
      'isDurable', current_setting('fsync') = 'on'
        AND current_setting('synchronous_commit') <> 'off',
      'now', floor(extract(epoch FROM clock_timestamp()) * 1000),
      'role', current_user,
      'hasSchema', to_regclass($1::text) IS NOT NULL
    )::text AS answer`;
    const values = [version];
    const answer = await this.#client.query({ text, values, name: undefined });
    return JSON.parse(answer!);
  }

  /** Returns the error for a failure of Postgres or of the client. */
  failureTo(verb: string, cause: unknown): Error {
    if (cause instanceof RangeError) return cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const code = codeOf(cause);
    const remedy = code === NO_RIGHT
      ? `: grant the role USAGE on the schema "${this.#schema}", SELECT, INSERT, UPDATE and DELETE on its tables, and EXECUTE on its functions`
      : code === READ_ONLY
      ? ": it is a replica, or its transactions are read-only: connect to the primary"
      : "";
    return new Error(`Cannot ${verb}: Postgres failed: ${why}${remedy}`, {
      cause,
    });
  }

  async #query(
    name: string,
    values: readonly (string | null)[],
  ): Promise<string | null> {
    const marks = values.map((_, index) => `$${index + 1}`);
    const text = `SELECT ${
      quoteName(this.#schema)
    }.${name}(${marks}) AS answer`;
    const prepared = `${this.#schema}_${name}_${SCHEMA_VERSION}`;
    if (this.#isPreparing) {
      try {
        return await this.#client.query({ text, values, name: prepared });
      } catch (error) {
        // Nothing was run. Another connection of the pooler has the name.
        if (!NOT_PREPARED.includes(codeOf(error))) throw error;
        this.#isPreparing = false;
      }
    }
    return await this.#client.query({ text, values, name: undefined });
  }

  async #prepare(): Promise<void> {
    const facts = await this.inspect();
    refuseUnfit(facts);
    const version = facts.hasSchema ? await this.#readVersion() : 0;
    if (version > SCHEMA_VERSION) {
      throw new RangeError(
        `Cannot keep sessions in Postgres: the schema "${this.#schema}" has version ${version}, and this package knows ${SCHEMA_VERSION} at most: update it`,
      );
    }
    if (version === SCHEMA_VERSION) return;
    try {
      await this.#client.run(migrationOf(this.#schema));
    } catch (cause) {
      if (codeOf(cause) !== NO_RIGHT) throw cause;
      const why = (cause as Error).message;
      throw new Error(
        `Cannot make the schema "${this.#schema}": the role "${facts.role}" lacks a right (${why}): grant it CREATE on the database, or run the SQL of postgresSchema("${this.#schema}") as a role that has the right`,
        { cause },
      );
    }
  }

  async #readVersion(): Promise<number> {
    const text = `SELECT version::text AS answer FROM ${
      quoteName(this.#schema)
    }.curfew_schema`;
    const answer = await this.#client.query({
      text,
      values: [],
      name: undefined,
    });
    return Number(answer);
  }

  #forget(): void {
    this.#ready = undefined;
    this.#isReady = false;
  }
}

/**
 * Throws if a server would lose sessions.
 *
 * @throws {RangeError} If it is too old, a replica, read-only, rounds times, or has
 * an isolation of transactions under which the functions of the store fail.
 */
export function refuseUnfit(facts: ServerFacts): void {
  const why = facts.version < OLDEST
    ? `it is version ${
      Math.floor(facts.version / 10_000)
    }, and must be 14 or later`
    : facts.isReplica
    ? "it is a replica, which takes no writes: connect to its primary"
    : facts.isReadOnly
    ? `transactions of the role "${facts.role}" are read-only: set default_transaction_read_only to off`
    : facts.isolation !== "read committed"
    ? `transactions of the role "${facts.role}" are "${facts.isolation}": set default_transaction_isolation to "read committed"`
    : facts.floatDigits < 0
    ? `it rounds the times of the role "${facts.role}": set extra_float_digits to 1`
    : undefined;
  if (why !== undefined) {
    throw new RangeError(`Cannot keep sessions in Postgres: ${why}`);
  }
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "";
}
