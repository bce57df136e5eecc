/**
 * The stores over servers, with each client from npm. The addresses of the servers
 * are in the environment; without them there are no tests.
 *
 * @module
 */

import process from "node:process";
import {
  fromIoredis,
  fromNodeRedis,
  type RedisClient,
  RedisStore,
} from "@curfew/web/stores/redis";
import {
  fromPg,
  fromPostgres,
  type PostgresClient,
  PostgresStore,
} from "@curfew/web/stores/postgres";
import { pause, testStore } from "./shared_store.ts";
import { atOnce, test } from "./suite.ts";

/** Tests at once: most of the time they wait for the clock of the server. */
const AT_ONCE = 6;

const { REDIS_URL, POSTGRES_URL } = process.env;

/** The names of schemas and prefixes differ between the runtimes. */
const RUN = `everywhere_${process.pid}`;
let places = 0;

if (REDIS_URL !== undefined) {
  const { createClient } = await import("redis");
  const client = createClient({ url: REDIS_URL });
  client.on("error", console.error);
  await client.connect();
  testRedis("npm:redis", fromNodeRedis(client));
  const { Redis } = await import("ioredis");
  testRedis("npm:ioredis", fromIoredis(new Redis(REDIS_URL)));
}

if (POSTGRES_URL !== undefined) {
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({ connectionString: POSTGRES_URL });
  pool.on("error", console.error);
  testPostgres("npm:pg", fromPg(pool));
  const { default: postgres } = await import("postgres");
  testPostgres("npm:postgres", fromPostgres(postgres(POSTGRES_URL)));
}

function testRedis(name: string, client: RedisClient): void {
  const share = () => {
    const prefix = `${RUN}_${places++}`;
    const opened: RedisStore[] = [];
    return {
      open() {
        const store = new RedisStore({ client, prefix });
        opened.push(store);
        return store;
      },
      clock: undefined,
      advance: pause,
      close: () => disposeAll(opened),
    };
  };
  testStore(`RedisStore over ${name}`, share, atOnce(AT_ONCE, test));
}

function testPostgres(name: string, client: PostgresClient): void {
  // A schema has some tables and forty functions: tests use it one after another.
  const free: string[] = [];
  const share = () => {
    const schema = free.pop() ?? `${RUN}_${places++}`;
    const opened: PostgresStore[] = [];
    return {
      open() {
        const store = new PostgresStore({ client, schema });
        opened.push(store);
        return store;
      },
      clock: undefined,
      advance: pause,
      async close() {
        await disposeAll(opened);
        await emptySchema(client, schema);
        free.push(schema);
      },
    };
  };
  testStore(`PostgresStore over ${name}`, share, atOnce(AT_ONCE, test));
}

async function disposeAll(stores: readonly AsyncDisposable[]): Promise<void> {
  await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()));
}

/** Deletes the rows of a schema, if a test has made it. */
async function emptySchema(
  client: PostgresClient,
  schema: string,
): Promise<void> {
  const tables = ["session", "session_value", "taken_uid", "hold_fence"]
    .map((name) => `${schema}.curfew_${name}`);
  await client.run(`DO $$ BEGIN
    IF to_regnamespace('${schema}') IS NOT NULL THEN TRUNCATE ${tables}; END IF;
  END $$`);
}
