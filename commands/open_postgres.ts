import { quoteName, SCHEMA_VERSION } from "../stores/postgres/schema.ts";
import {
  fromPg,
  type PgPool,
  type PostgresClient,
  PostgresStore,
} from "../stores/postgres_store.ts";
import { importClient } from "./import_client.ts";
import { type OpenedStore, refuseOtherFormat } from "./opened_store.ts";

/** The number of sessions that are read at a time. */
const PAGE = 500;

/** Milliseconds to wait for a connection. */
const CONNECT_TIMEOUT = 5000;

/** Milliseconds to wait for an answer. */
const ANSWER_TIMEOUT = 60_000;

/** The members of `npm:pg` that are used. */
interface PgModule {
  readonly default: {
    readonly Pool: new (options: object) => PgPool & {
      on(event: "error", listener: () => void): unknown;
      end(): Promise<void>;
    };
  };
}

/**
 * Opens the store in a schema of PostgreSQL. A missing schema is not made, and one of
 * another version is not changed.
 *
 * @throws {Error} If there is no such store.
 */
export async function openPostgres(
  connectionString: string,
  schema = "curfew",
): Promise<OpenedStore> {
  const { default: pg } = await importClient<PgModule>("npm:pg@^8.16.0");
  const pool = new pg.Pool({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    query_timeout: ANSWER_TIMEOUT,
    application_name: "curfew sessions",
    max: 4,
  });
  // Without a listener, a lost connection would end the program.
  pool.on("error", () => {});
  try {
    const client = fromPg(pool);
    const store = new PostgresStore({ client, schema });
    await checkVersion(client, schema);
    return {
      store,
      uids: () => uidsIn(client, schema),
      [Symbol.asyncDispose]: () => pool.end(),
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

async function checkVersion(
  client: PostgresClient,
  schema: string,
): Promise<void> {
  const table = `${quoteName(schema)}.curfew_schema`;
  const found = await client.query({
    text: "SELECT to_regclass($1::text)::text AS answer",
    values: [table],
    name: undefined,
  });
  if (found === null) {
    throw new Error(`it has no schema "${schema}" with sessions`);
  }
  const version = await client.query({
    text: `SELECT version::text AS answer FROM ${table}`,
    values: [],
    name: undefined,
  });
  refuseOtherFormat(Number(version), SCHEMA_VERSION);
}

async function* uidsIn(
  client: PostgresClient,
  schema: string,
): AsyncIterable<string[]> {
  const text = `SELECT json_agg(
      json_build_array(deadline, id, uid) ORDER BY deadline, id
    )::text AS answer
    FROM (
      SELECT deadline, id, uid FROM ${quoteName(schema)}.curfew_session
      WHERE reason IS NULL
        AND (deadline, id) > ($1::double precision, $2::bigint)
      ORDER BY deadline, id LIMIT ${PAGE}
    ) AS page`;
  let last: [deadline: string, id: string] = ["-Infinity", "0"];
  for (;;) {
    const answer = await client.query({ text, values: last, name: undefined });
    if (answer === null) return;
    const rows: [number | "Infinity", number, string][] = JSON.parse(answer);
    yield rows.map(([, , uid]) => uid);
    const [deadline, id] = rows.at(-1)!;
    last = [String(deadline), String(id)];
  }
}
