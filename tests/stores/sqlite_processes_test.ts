import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import { LOOK, NODE, sessionOf } from "../../testing/contract_checks.ts";
import { makeFolder, runDeno, testWith } from "../helpers_process.ts";

const PROGRAM = "tests/stores/helpers_sqlite_program.ts";

testWith(
  ["read", "write", "run"],
  "SqliteStore keeps sessions and ends when its process is killed",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    let written = 0;
    {
      await using program = runDeno(["-A", PROGRAM, "fill", path]);
      while (written < 300) {
        const line = await program.stdout.next();
        assertNotEquals(line, "", "The program ended by itself");
        written = Number(line);
      }
      program.kill("SIGKILL");
      const rest = await program.stdout.rest();
      written = Math.max(written, ...rest.map(Number));
    }
    using store = new SqliteStore({ path });
    for (let i = 0; i <= written; i++) {
      const values = store.load(`alive ${i}`, LOOK)?.values;
      assertEquals(values, new Map([["number", `${i}`]]));
      assertEquals(store.load(`over ${i}`, LOOK), undefined);
    }
    const { ends } = store.claim(NODE, 10 * written);
    const uids = new Set(ends.map(({ session }) => session.uid));
    for (let i = 0; i <= written; i++) assert(uids.has(`over ${i}`));
    assert(store.uidsOf("ann").length > written);
  },
);

testWith(
  ["read", "write", "run"],
  "SqliteStore.claim() shares ends among three processes, each end once",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    const count = 1000;
    await using programs = new AsyncDisposableStack();
    const running = [1, 2, 3].map(() =>
      programs.use(runDeno(["-A", PROGRAM, "share", path, `${count}`]))
    );
    const lines = await Promise.all(
      running.map((program) => program.stdout.rest()),
    );
    for (const program of running) {
      assertEquals(await program.stderr.rest(), []);
    }
    const claimed = lines.flat().map((line) => line.split(" "));
    assertEquals(claimed.length, 3 * count);
    assertEquals(new Set(claimed.map(([uid]) => uid)).size, 3 * count);
    assertEquals(claimed.filter(([, lateness]) => Number(lateness) < 0), []);
    using store = new SqliteStore({ path });
    assertEquals(store.nextIn(), Infinity);
  },
);

testWith(
  ["read", "write", "run"],
  "SqliteStore needs permission for its file only",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    const script = new URL("../../stores/sqlite_store.ts", import.meta.url);
    folder.write(
      "script.ts",
      `import { SqliteStore } from ${JSON.stringify(script.href)};
       using store = new SqliteStore({ path: ${JSON.stringify(path)} });
       using other = new SqliteStore({ path: ${JSON.stringify(path)} });
       other.check();
       console.log(store.nextIn());`,
    );
    await using program = runDeno([
      `--allow-read=${path}`,
      `--allow-write=${path}`,
      `${folder.path}/script.ts`,
    ]);
    assertEquals(await program.stderr.rest(), []);
    assertEquals(await program.stdout.rest(), ["Infinity"]);
  },
);

testWith(
  ["read", "write"],
  "SqliteStore is shared by the workers of one process",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    store.create(sessionOf("a"));
    const module = new URL("helpers_sqlite_worker.ts", import.meta.url);
    const workers = [1, 2].map(() =>
      new Worker(module, { type: "module", name: path })
    );
    await Promise.all(
      workers.map((worker) =>
        new Promise<void>((resolve, reject) => {
          worker.onmessage = () => resolve();
          worker.onerror = (event) => reject(new Error(event.message));
        })
      ),
    );
    for (const worker of workers) worker.terminate();
    assertEquals(store.load("a", LOOK)?.values.size, 100);
  },
);
