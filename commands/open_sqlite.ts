import { DatabaseSync } from "node:sqlite";
import { APPLICATION_ID, MIGRATIONS } from "../stores/sqlite/schema.ts";
import { SqliteStore } from "../stores/sqlite_store.ts";
import { type OpenedStore, refuseOtherFormat } from "./opened_store.ts";

/** The number of sessions that are read at a time. */
const PAGE = 500;

/** Milliseconds to wait for a process that writes. */
const BUSY_TIMEOUT = 5000;

/**
 * Opens the store in a file. A missing file is not made, and one of another version
 * is not changed.
 *
 * @throws {Error} If there is no such store; the message has no path.
 */
export function openSqlite(path: string): OpenedStore {
  if (!isFile(path)) throw new Error("it is not a file");
  const reader = new DatabaseSync(path, {
    readOnly: true,
    timeout: BUSY_TIMEOUT,
  });
  try {
    checkVersion(reader);
    const store = new SqliteStore({ path, busyTimeout: BUSY_TIMEOUT / 1000 });
    return {
      store,
      uids: () => uidsIn(reader),
      // deno-lint-ignore require-await -- rejects if it throws
      async [Symbol.asyncDispose]() {
        store.close();
        reader.close();
      },
    };
  } catch (error) {
    reader.close();
    throw error;
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("there is no such file", { cause: error });
  }
}

function checkVersion(reader: DatabaseSync): void {
  const pragma = (name: string) =>
    Object.values(reader.prepare(`PRAGMA ${name}`).get()!)[0] as number;
  if (pragma("application_id") !== APPLICATION_ID) {
    throw new Error("it is not a store of sessions");
  }
  refuseOtherFormat(pragma("user_version"), MIGRATIONS.length);
}

function* uidsIn(reader: DatabaseSync): Iterable<string[]> {
  const statement = reader.prepare(
    `SELECT id, due, uid FROM session
      WHERE freeAt IS NULL AND reason IS NULL AND (due, id) > (?, ?)
      ORDER BY due, id LIMIT ${PAGE}`,
  );
  let last: [due: number, id: number] = [-Infinity, 0];
  for (;;) {
    const rows = statement.all(...last);
    if (rows.length === 0) return;
    yield rows.map(({ uid }) => uid as string);
    const { due, id } = rows.at(-1)!;
    last = [due as number, id as number];
  }
}
