/**
 * The tests of SQLite's locks.
 *
 * POSIX drops all locks that a process has on a file when the process closes any
 * descriptor of that file. The next process that closes the database then takes
 * itself for the last. It deletes the log (`-wal`) that the other still writes:
 * later writes are lost, without an error.
 *
 * @module
 */

import fs from "node:fs";
import {
  assert,
  assertEquals,
  assertMatch,
  assertThrows,
  fail,
} from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { Site } from "../../mod.ts";
import { StaticFile } from "../../resources/static.ts";
import { MIGRATIONS } from "../../stores/sqlite/schema.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import { LOOK, sessionOf } from "../../testing/contract_checks.ts";
import {
  makeFolder,
  type Program,
  ROOT,
  runDeno,
  runText,
  testWith,
} from "../helpers_process.ts";
import { freePort } from "../helpers_ports.ts";

/** A test with `sqlite3`, which closes a database as its last user does. */
function testWithSqlite3(name: string, fn: () => Promise<void>): void {
  const isAllowed = Deno.permissions.querySync({ name: "run" }).state ===
    "granted";
  if (isAllowed && !isCI() && !hasSqlite3()) {
    Deno.test.ignore(`${name} (ignored: needs sqlite3)`, fn);
  } else {
    testWith(["net", "read", "write", "run", "env"], name, fn);
  }
}

function hasSqlite3(): boolean {
  try {
    const args = ["--version"];
    return new Deno.Command("sqlite3", { args }).outputSync().success;
  } catch {
    return false;
  }
}

function isCI(): boolean {
  return Deno.permissions.querySync({ name: "env" }).state === "granted" &&
    Deno.env.get("CI") === "true";
}

/** Opens the database with `sqlite3`, counts its sessions and closes it. */
async function countFromOutside(path: string): Promise<number> {
  const { stdout } = await new Deno.Command("sqlite3", {
    args: [path, "SELECT count(*) FROM session"],
  }).output();
  return Number(new TextDecoder().decode(stdout));
}

/** Fails unless another process finds the database in use. */
async function assertLocked(path: string): Promise<void> {
  await using program = runText(`
import { DatabaseSync } from "node:sqlite";
const database = new DatabaseSync(${JSON.stringify(path)});
database.exec("PRAGMA locking_mode = EXCLUSIVE");
try {
  database.exec("SELECT count(*) FROM session");
  console.log("not locked");
} catch (error) {
  console.log(error.message);
}
`);
  assertEquals(await program.stdout.next(), "database is locked");
}

/** Acts that a process with an open store may do, by a link to its path. */
const HARMLESS: Readonly<
  Record<string, (store: SqliteStore, path: string) => unknown>
> = {
  "opens another store": (_, path) => new SqliteStore({ path }),
  "closes another store": (_, path) => new SqliteStore({ path }).close(),
  "is refused another store": (_, path) => {
    using database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99");
    assertThrows(() => new SqliteStore({ path }), Error, "version 99");
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  },
  "checks the store": (store) => store.check(),
  "serves the folder of the store": async (_, path) => {
    const folder = path.slice(0, path.lastIndexOf("/"));
    Deno.writeTextFileSync(`${folder}/page.txt`, "page");
    const resource = new StaticFile(folder, { listing: true });
    await using site = new Site(resource);
    const get = (name: string) =>
      site.fetch(new Request(`http://localhost/${name}`));
    for (const suffix of ["", "-wal", "-shm"]) {
      const response = await get(`sessions.db${suffix}`);
      await response.body?.cancel();
      assertEquals(response.status, 404, suffix);
    }
    const listing = await (await get("")).text();
    assert(/page\.txt/.test(listing) && !/sessions/.test(listing), listing);
  },
};

testWith(["read", "write", "run"], "SqliteStore keeps its locks", async (t) => {
  for (const [act, run] of Object.entries(HARMLESS)) {
    await t.step(`when its process ${act}`, async () => {
      using folder = makeFolder();
      const path = `${folder.path}/sessions.db`;
      Deno.symlinkSync(path, `${folder.path}/link`);
      new SqliteStore({ path }).close();
      using store = new SqliteStore({ path: `${folder.path}/link` });
      const other = await run(store, path);
      await assertLocked(path);
      if (other instanceof SqliteStore) other.close();
      await assertLocked(path);
    });
  }
});

testWithSqlite3(
  "SqliteStore opened twice loses nothing when another process closes the file",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using first = new SqliteStore({ path });
    using second = new SqliteStore({ path });
    for (let count = 0; count < 30; count++) {
      const store = count % 2 === 0 ? first : second;
      store.create(sessionOf(`${count}`));
      if (count % 10 === 0) {
        assertEquals(await countFromOutside(path), count + 1);
      }
    }
    assertEquals(await countFromOutside(path), 30);
  },
);

testWithSqlite3(
  "SqliteStore works while sqlite3 makes copies of the file",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    using _ = new SqliteStore({ path });
    const copies = { vacuum: "VACUUM INTO 'vacuum'", backup: ".backup backup" };
    let count = 0;
    for (const [name, command] of Object.entries(copies)) {
      store.create(sessionOf(`${count++}`));
      await new Deno.Command("sqlite3", {
        args: [path, command],
        cwd: folder.path,
      }).output();
      using copy = new SqliteStore({ path: `${folder.path}/${name}` });
      assertEquals(copy.load(`${count - 1}`, LOOK)?.uid, `${count - 1}`);
    }
    store.create(sessionOf(`${count++}`));
    assertEquals(await countFromOutside(path), count);
  },
);

testWith(
  ["read", "write", "run"],
  "SqliteStore waits until the thread that makes the file has closed it",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    const steps = new Int32Array(new SharedArrayBuffer(8));
    const [MAY_OPEN, IS_OPEN] = [0, 1];
    const worker = await startWorker(`
      Atomics.wait(data.steps, ${MAY_OPEN}, 0);
      store = new SqliteStore({ path: data.path });
      Atomics.store(data.steps, ${IS_OPEN}, 1);
      Atomics.notify(data.steps, ${IS_OPEN});
    `);
    worker.postMessage({ path, steps });
    using _ = beforeClosing(() => {
      Atomics.store(steps, MAY_OPEN, 1);
      Atomics.notify(steps, MAY_OPEN);
      // A worker that does not wait has opened it long before.
      assertEquals(Atomics.wait(steps, IS_OPEN, 0, 300), "timed-out");
    });
    using store = new SqliteStore({ path });
    Atomics.wait(steps, IS_OPEN, 0);
    await assertLocked(path);
    worker.terminate();
    await assertLocked(path);
    store.create(sessionOf("a"));
  },
);

testWith(
  ["read", "write", "run"],
  "SqliteStore keeps its locks when threads make the file at once",
  async () => {
    using folder = makeFolder();
    const workers = await Promise.all(
      Array.from({ length: 4 }, () =>
        startWorker(`
          store = new SqliteStore({ path: data.path });
          postMessage("open");
        `)),
    );
    for (let round = 0; round < 5; round++) {
      const path = `${folder.path}/${round}.db`;
      const opened = workers.map((worker) => nextMessage(worker));
      for (const worker of workers) worker.postMessage({ path });
      await Promise.all(opened);
      await assertLocked(path);
    }
    for (const worker of workers) worker.terminate();
  },
);

testWithSqlite3(
  "Site under deno serve --parallel loses no session when another process closes the file",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    folder.write("main.ts", programOf(path));
    const count = 40;
    let cookie = "";
    {
      await using program = serve(`${folder.path}/main.ts`);
      const address = await addressOfServe(program);
      for (let i = 1; i <= count; i++) {
        cookie = await visit(address);
        if (i % 10 === 0) assertEquals(await countFromOutside(path), i);
      }
      program.kill("SIGKILL");
      await program.status;
    }
    assertEquals(await countFromOutside(path), count);
    await using program = serve(`${folder.path}/main.ts`);
    const address = await addressOfServe(program);
    assertEquals(await visit(address, cookie), "");
  },
);

/** Calls a function each time that this thread closes a file. */
function beforeClosing(act: () => void): Disposable {
  const { closeSync } = fs;
  fs.closeSync = (file) => {
    try {
      act();
    } finally {
      closeSync(file);
    }
  };
  return { [Symbol.dispose]: () => void (fs.closeSync = closeSync) };
}

/** Starts a worker that runs a text with each message, which is `data`. */
async function startWorker(text: string): Promise<Worker> {
  const code = `
import { SqliteStore } from "${ROOT}stores/sqlite_store.ts";
let store;
onmessage = ({ data }) => { ${text} };
postMessage("ready");
`;
  const blob = new Blob([code], { type: "text/javascript" });
  const url = URL.createObjectURL(blob);
  const worker = new Worker(url, { type: "module" });
  await nextMessage(worker);
  URL.revokeObjectURL(url);
  return worker;
}

function nextMessage(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = (event) => reject(new Error(event.message));
  });
}

/** A program for `deno serve`, whose workers open the store one after another. */
function programOf(path: string): string {
  return `
import { Resource, Site } from "${ROOT}mod.ts";
import { SqliteStore } from "${ROOT}stores/sqlite_store.ts";

class Page extends Resource {
  isLeaf = true;
  render_GET = (request) => request.getSession().uid;
}

await new Promise((resolve) => setTimeout(resolve, 300 * Math.random()));
const store = new SqliteStore({ path: ${JSON.stringify(path)} });
console.log("open");
export default new Site(new Page(), { store });
`;
}

const WORKERS = 4;

function serve(file: string): Program {
  const options = ["--parallel", "--host=127.0.0.1", `--port=${freePort()}`];
  return runDeno(["-A", "--config=deno.json", ...options, file], {
    command: "serve",
    env: { DENO_JOBS: `${WORKERS}` },
  });
}

/** Where a server listens, once all its workers have opened the store. */
async function addressOfServe(program: Program): Promise<string> {
  for (let i = 0; i < WORKERS; i++) {
    assertMatch(await program.stdout.next(), /open$/);
  }
  for (;;) {
    const line = await program.stderr.next();
    if (line === "") fail("It does not listen");
    const [address] = /http:\S+/.exec(line) ?? [];
    if (address !== undefined) return address;
  }
}

/** The cookie that a visit, over a connection of its own, is sent; or "". */
async function visit(address: string, cookie = ""): Promise<string> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(address, { client, headers: { cookie } });
  await response.text();
  assertEquals(response.status, 200);
  return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}
