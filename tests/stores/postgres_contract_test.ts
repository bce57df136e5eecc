import { PostgresServer, testWithPostgres } from "../helpers_postgres.ts";
import {
  connectPg,
  connectPostgres,
  CONTRACT_LIMIT,
  FEW,
  openPGlite,
  runContract,
} from "./helpers_postgres_store.ts";

testWithPostgres("PostgresStore over npm:pg", async (t) => {
  await using server = await PostgresServer.start();
  const { default: pg } = await import("pg");
  await runContract(t, () => connectPg(server), {
    races: 1000,
    async lock(schema, uid) {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      await client.query("BEGIN");
      await client.query(
        `SELECT FROM ${schema}.curfew_session WHERE uid = $1 FOR UPDATE`,
        [uid],
      );
      return async () => {
        await client.query("COMMIT");
        await client.end();
      };
    },
  });
}, { timeout: CONTRACT_LIMIT });

testWithPostgres("PostgresStore over npm:postgres", async (t) => {
  await using server = await PostgresServer.start();
  await runContract(t, () => connectPostgres(server), FEW);
}, { timeout: CONTRACT_LIMIT });

testWithPostgres("PostgresStore over PGlite", async (t) => {
  const [client, close] = await openPGlite();
  const keepOpen = () => Promise.resolve([client, async () => {}] as const);
  await runContract(t, keepOpen, FEW);
  await close();
}, { timeout: CONTRACT_LIMIT });
