/**
 * What the tests of PostgresStore share.
 *
 * @module
 */

import {
  fromPg,
  fromPGlite,
  fromPostgres,
  type PostgresClient,
  PostgresStore,
  type PostgresStoreOptions,
} from "../../stores/postgres_store.ts";
import { testStoreContract } from "../../testing/store_contract.ts";
import type { PostgresServer } from "../helpers_postgres.ts";
import { repeatedIfStalled } from "../helpers_stalls.ts";
import { passDate } from "../helpers_time.ts";

/** Milliseconds that all tests of the contract may take, on a busy machine. */
export const CONTRACT_LIMIT = 480_000;

/** Enough sessions to meet each other, where the crowd is not the subject. */
export const FEW = { crowd: 300, races: 300 } as const;

/** A client, and a function that closes it. */
export type Connected = readonly [PostgresClient, () => Promise<void>];

/** Returns a client that is connected. */
export type Connect = () => Promise<Connected>;

/** Connects with `npm:pg`. */
export async function connectPg(
  server: Pick<PostgresServer, "url">,
  options: { readonly listen?: boolean; readonly max?: number } = {},
): Promise<Connected> {
  const { default: pg } = await import("pg");
  const { listen = true, max = 10 } = options;
  const pool = new pg.Pool({ connectionString: server.url, max });
  // In some tests the server is away.
  pool.on("error", () => {});
  return [fromPg(pool, { listen }), () => pool.end()];
}

/** Connects with `npm:postgres`. */
export async function connectPostgres(
  server: Pick<PostgresServer, "url">,
): Promise<Connected> {
  const { default: postgres } = await import("postgres");
  const sql = postgres(server.url, { onnotice: () => {} });
  // A statement of a server that was killed may never be answered.
  return [fromPostgres(sql), () => sql.end({ timeout: 1 })];
}

/** Opens a PGlite, which several stores of a test share. */
export async function openPGlite(): Promise<Connected> {
  const { PGlite } = await import("@electric-sql/pglite");
  const database = await PGlite.create();
  return [fromPGlite(database), () => database.close()];
}

/** A store with a client of its own. */
export interface OpenStore extends AsyncDisposable {
  readonly store: PostgresStore;
  readonly client: PostgresClient;
}

/** Opens a store; its client is closed with it. */
export async function openStore(
  connect: Connect,
  options: Omit<PostgresStoreOptions, "client"> = {},
): Promise<OpenStore> {
  const [client, close] = await connect();
  const store = new PostgresStore({ client, ...options });
  return {
    store,
    client,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await close();
    },
  };
}

/** Resolves after so many milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Runs the tests of the contract, each with a schema of its own. */
export async function runContract(
  t: Deno.TestContext,
  connect: Connect,
  options: {
    readonly crowd?: number;
    readonly races?: number;
    /** Locks the row of a session in a schema. */
    readonly lock?: (
      schema: string,
      uid: string,
    ) => Promise<() => Promise<void>>;
  } = {},
): Promise<void> {
  const { lock, ...sizes } = options;
  const tests = new Map<string, () => Promise<void>>();
  let count = 0;
  testStoreContract(async () => {
    const schema = `contract_${count++}`;
    const opened: OpenStore[] = [];
    const open = async () => {
      opened.push(await openStore(connect, { schema }));
      return opened.at(-1)!.store;
    };
    return {
      store: await open(),
      second: open,
      reopen: open,
      advance: passDate,
      ...lock && { lock: (uid: string) => lock(schema, uid) },
      async [Symbol.asyncDispose]() {
        for (const one of opened) await one[Symbol.asyncDispose]();
      },
    };
  }, {
    test: (name, fn) => tests.set(name, fn),
    isDurable: true,
    ...sizes,
  });
  for (const [name, fn] of tests) {
    await t.step(name, repeatedIfStalled(fn));
  }
}
