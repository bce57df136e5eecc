/**
 * Adapters of the clients of PostgreSQL that a store can use.
 *
 * @module
 */

import { BOOLEAN, checkOptions, type OptionRules } from "../../base/options.ts";

/** A statement of a store. */
export interface PostgresStatement {
  /** The SQL, with `$1` and so on for the values. */
  readonly text: string;
  /** The values as texts, which Postgres converts; null for NULL. */
  readonly values: readonly (string | null)[];
  /**
   * A name to prepare the statement under; the same text has the same name.
   * Undefined if it must not be prepared.
   */
  readonly name: string | undefined;
}

/**
 * A client of PostgreSQL, as `PostgresStore` uses it. For a client without an
 * adapter here, write these three members.
 */
export interface PostgresClient {
  /**
   * Runs one statement, in a transaction of its own.
   *
   * @returns the first column of the first row, a text or null.
   * @throws the error of Postgres, whose `code` is its SQLSTATE.
   */
  query(statement: PostgresStatement): Promise<string | null>;

  /** Runs SQL without values and without an answer. */
  run(text: string): Promise<void>;

  /**
   * Listens to a channel, over a connection of its own. Without this method, the
   * store polls for messages twice a second.
   *
   * @returns a function that closes the connection.
   */
  listen?(
    channel: string,
    listener: PostgresListener,
  ): Promise<() => Promise<void>>;
}

/** The callbacks of a connection that listens. */
export interface PostgresListener {
  /** Called with each message. */
  onMessage(message: string): void;
  /** Called if the connection is lost for good. The store listens again. */
  onLost(): void;
  /** Called if the client has restored a lost connection by itself. */
  onGap(): void;
}

/** The members of a pool of `npm:pg` that {@linkcode fromPg} uses. */
export interface PgPool {
  /** Runs a statement on any connection. */
  query(
    query: { text: string; values?: unknown[]; name?: string } | string,
  ): Promise<{ rows: unknown[] }>;
  /** Takes a connection out of the pool. */
  connect(): Promise<PgPoolClient>;
}

/** The members of a connection of `npm:pg` that {@linkcode fromPg} uses. */
export interface PgPoolClient {
  /** Runs a statement. */
  query(text: string): Promise<unknown>;
  /** Listens to an event. */
  // deno-lint-ignore no-explicit-any -- the arguments are those of the event
  on(event: string, listener: (...args: any[]) => void): unknown;
  /** Gives the connection back to the pool; true closes it. */
  release(isBroken?: boolean): void;
}

/** Options of {@linkcode fromPg}, {@linkcode fromPostgres} and {@linkcode fromPGlite}. */
export interface PostgresClientOptions {
  /**
   * Whether the store listens for notifications, over one connection of its own.
   * Set it to false behind PgBouncer in transaction mode, which does not pass
   * notifications on. Then the store polls for ends and changes of other processes
   * twice a second.
   *
   * @default {true}
   */
  readonly listen?: boolean;
}

/**
 * Adapts a pool of `npm:pg`, version 8.
 *
 * The pool needs a listener of its event `error`: without one, a connection that
 * is lost while it is idle ends the process.
 *
 * @example Usage
 * ```ts ignore
 * import pg from "npm:pg@8";
 * import { fromPg, PostgresStore } from "@curfew/web/stores/postgres";
 *
 * const pool = new pg.Pool({ connectionString: "postgres://localhost/shop" });
 * pool.on("error", console.error);
 * const store = new PostgresStore({ client: fromPg(pool) });
 * ```
 *
 * @param pool The result of `new Pool`.
 * @param options See each option.
 * @throws {TypeError} If an option is of the wrong kind, or unknown.
 */
export function fromPg(
  pool: PgPool,
  options: PostgresClientOptions = {},
): PostgresClient {
  return {
    async query({ text, values, name }) {
      const { rows } = await pool.query({
        text,
        values: [...values],
        ...name === undefined ? {} : { name },
      });
      return firstOf(rows);
    },
    async run(text) {
      await pool.query(text);
    },
    ...ifListening(options, async (channel, { onMessage, onLost }) => {
      const client = await pool.connect();
      let isOpen = true;
      const close = (isLost: boolean) => {
        if (!isOpen) return;
        isOpen = false;
        client.release(true);
        if (isLost) onLost();
      };
      client.on("error", () => close(true));
      client.on("end", () => close(true));
      client.on("notification", ({ payload = "" }: { payload?: string }) => {
        if (isOpen) onMessage(payload);
      });
      try {
        await client.query(`LISTEN ${quoteChannel(channel)}`);
      } catch (error) {
        close(false);
        throw error;
      }
      // deno-lint-ignore require-await -- rejects if it throws
      return async () => close(false);
    }),
  };
}

/** The members of `npm:postgres` that {@linkcode fromPostgres} uses. */
export interface PostgresSql {
  /** Runs a statement. */
  unsafe(
    text: string,
    values?: never[],
    options?: { prepare?: boolean },
  ): PromiseLike<readonly unknown[]>;
  /** Listens to a channel, also after a lost connection is restored. */
  listen(
    channel: string,
    onMessage: (message: string) => void,
    onListen?: () => void,
  ): PromiseLike<{ unlisten(): Promise<void> }>;
}

/**
 * Adapts a client of `npm:postgres`, version 3.
 *
 * @example Usage
 * ```ts ignore
 * import postgres from "npm:postgres@3";
 * import { fromPostgres, PostgresStore } from "@curfew/web/stores/postgres";
 *
 * const sql = postgres("postgres://localhost/shop");
 * const store = new PostgresStore({ client: fromPostgres(sql) });
 * ```
 *
 * @param sql The result of `postgres()`.
 * @param options See each option.
 * @throws {TypeError} If an option is of the wrong kind, or unknown.
 */
export function fromPostgres(
  sql: PostgresSql,
  options: PostgresClientOptions = {},
): PostgresClient {
  return {
    async query({ text, values, name }) {
      const prepare = name !== undefined;
      return firstOf(
        await sql.unsafe(text, [...values] as never[], { prepare }),
      );
    },
    async run(text) {
      await sql.unsafe(text);
    },
    ...ifListening(options, async (channel, { onMessage, onGap }) => {
      let isFirst = true;
      const { unlisten } = await sql.listen(channel, onMessage, () => {
        if (!isFirst) onGap();
        isFirst = false;
      });
      return unlisten;
    }),
  };
}

/** The members of `npm:@electric-sql/pglite` that {@linkcode fromPGlite} uses. */
export interface PGliteDatabase {
  /** Runs a statement. */
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
  /** Runs several statements without values. */
  exec(text: string): Promise<unknown>;
  /** Listens to a channel. */
  listen(
    channel: string,
    onMessage: (message: string) => void,
  ): Promise<() => Promise<void>>;
}

/**
 * Adapts a database of `npm:@electric-sql/pglite`: PostgreSQL within the process,
 * for tests and for sites of one process.
 *
 * @example Usage
 * ```ts ignore
 * import { PGlite } from "npm:@electric-sql/pglite";
 * import { fromPGlite, PostgresStore } from "@curfew/web/stores/postgres";
 *
 * const store = new PostgresStore({ client: fromPGlite(new PGlite("./data")) });
 * ```
 *
 * @param database The result of `new PGlite`.
 * @param options See each option.
 * @throws {TypeError} If an option is of the wrong kind, or unknown.
 */
export function fromPGlite(
  database: PGliteDatabase,
  options: PostgresClientOptions = {},
): PostgresClient {
  return {
    async query({ text, values }) {
      const { rows } = await database.query(text, [...values]);
      return firstOf(rows);
    },
    async run(text) {
      await database.exec(text);
    },
    ...ifListening(
      options,
      (channel, { onMessage }) =>
        database.listen(quoteChannel(channel), onMessage),
    ),
  };
}

function ifListening(
  options: PostgresClientOptions,
  listen: Required<PostgresClient>["listen"],
): Pick<PostgresClient, "listen"> {
  checkOptions("adapt the client", options, RULES);
  return options.listen === false ? {} : { listen };
}

const RULES: OptionRules<PostgresClientOptions> = { listen: BOOLEAN };

function firstOf(rows: readonly unknown[]): string | null {
  const row = rows[0] as Record<string, string | null> | undefined;
  return row === undefined ? null : Object.values(row)[0] ?? null;
}

function quoteChannel(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
