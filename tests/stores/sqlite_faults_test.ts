import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteDatabase } from "../../stores/sqlite/database.ts";
import { MIGRATIONS } from "../../stores/sqlite/schema.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import {
  LONG,
  LOOK,
  NODE,
  sessionOf,
  VISIT,
} from "../../testing/contract_checks.ts";
import { makeFolder, ROOT, SOON, testWith } from "../helpers_process.ts";
import { FakePauses } from "../helpers_time.ts";

/**
 * Facts of a session whose next visit is a touch that is written, though it comes
 * within the millisecond of the creation, or the date is set back a little.
 */
const UNTOUCHED = { idle: LONG / 2 };

/** Registers a test with the path of a database, in a folder of its own. */
function fileTest(name: string, fn: (path: string) => void): void {
  testWith(["read", "write"], name, () => {
    using folder = makeFolder();
    fn(`${folder.path}/sessions.db`);
  });
}

/** Returns the message with which the database at a path is refused. */
function refusal(path: string): string {
  const open = () => new SqliteStore({ path, busyTimeout: 0.02 });
  return assertThrows(open, Error).message;
}

fileTest("SqliteStore refuses a file that is not a database", (path) => {
  Deno.writeTextFileSync(path, "Dear diary, ".repeat(100));
  assertEquals(
    refusal(path),
    `Cannot open the store "${path}": it is not a database of SQLite`,
  );
  assertStringIncludes(Deno.readTextFileSync(path), "Dear diary");
});

fileTest("SqliteStore refuses the database of another program", (path) => {
  using other = new DatabaseSync(path);
  other.exec("CREATE TABLE song (name TEXT)");
  assertStringIncludes(refusal(path), "it is a database of another program");
  const mode = other.prepare("PRAGMA journal_mode").get();
  assertEquals({ ...mode }, { journal_mode: "delete" });
});

fileTest("SqliteStore refuses a database of a later version", (path) => {
  new SqliteStore({ path }).close();
  using other = new DatabaseSync(path);
  other.exec("PRAGMA user_version = 99");
  assertStringIncludes(
    refusal(path),
    `it is of version 99, and this program reads ${MIGRATIONS.length} at most`,
  );
});

fileTest("SqliteStore refuses a path that cannot be a file", (path) => {
  Deno.mkdirSync(path);
  assertStringIncludes(refusal(path), `Cannot open the store "${path}": `);
  assertStringIncludes(refusal(`${path}/no/such.db`), "no such file");
});

fileTest("SqliteStore says that the database is locked", (path) => {
  using store = new SqliteStore({ path, busyTimeout: 0.05 });
  store.create(sessionOf("a", UNTOUCHED));
  using other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const locked = /locked by others, for longer than the busyTimeout$/;
  for (
    const call of [
      () => store.create(sessionOf("b")),
      () => store.commit("a", { sessionTimeout: 1 }),
      () => store.load("a", VISIT),
      () => store.end("a", "logout", NODE),
    ]
  ) assertMatch(assertThrows(call, Error).message, locked);
  assertEquals(store.load("a", LOOK)?.sessionTimeout, LONG);
  other.exec("ROLLBACK");
  assertEquals(store.end("a", "logout", NODE)?.attempt, 1);
});

fileTest(
  "SqliteStore says that the database is full, and changes nothing",
  (path) => {
    using store = new SqliteStore({ path, maxSize: 208_000 });
    store.create(sessionOf("a"));
    const values = new Map([["key", "x".repeat(150_000)]]);
    const full = /^Cannot commit a session to ".*": it is full: /;
    const commit = () =>
      store.commit("a", { values: new Map([["other", "2"], ...values]) });
    store.create(sessionOf("b", { values: new Map([["key", "1"]]) }));
    store.commit("b", { values: new Map([["key", "x".repeat(100_000)]]) });
    assertMatch(assertThrows(commit, Error).message, full);
    assertEquals(store.load("a", VISIT)?.values, new Map());
    const { fence } = store.end("b", "logout", NODE)!;
    assertEquals(store.acknowledge("b", fence), true);
    assertEquals(commit()?.version, 2);
  },
);

testWith(
  ["read", "write", "run"],
  "SqliteStore refuses a file that may not be written",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    new SqliteStore({ path }).close();
    Deno.chmodSync(path, 0o444);
    Deno.chmodSync(folder.path, 0o755);
    const module = new URL("stores/sqlite_store.ts", ROOT);
    folder.write(
      "script.ts",
      `import { SqliteStore } from ${JSON.stringify(module.href)};
       try { new SqliteStore({ path: ${JSON.stringify(path)} }); }
       catch (error) { console.log(error.message); }`,
    );
    // The superuser may write everything.
    const isSuperuser = Deno.uid() === 0;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `${folder.path}/script.ts`],
      env: { DENO_DIR: `${folder.path}/none` },
      ...isSuperuser ? { uid: 65534, gid: 65534 } : {},
    }).output();
    assertStringIncludes(
      new TextDecoder().decode(stdout),
      `Cannot open the store "${path}": it may not be written`,
    );
  },
);

fileTest(
  "SqliteStore says that it is closed, and may be closed twice",
  (path) => {
    const store = new SqliteStore({ path });
    store.close();
    store.close();
    store[Symbol.dispose]();
    const closed = `Cannot load a session from "${path}": it is closed`;
    assertThrows(() => store.load("a", LOOK), Error, closed);
    assertThrows(() => store.create(sessionOf("a")), Error, "it is closed");
    assertThrows(() => store.watch(() => {}), Error, "it is closed");
  },
);

fileTest(
  "SqliteStore makes its files readable for their owner only",
  (path) => {
    using store = new SqliteStore({ path });
    store.create(sessionOf("a"));
    for (const file of [path, `${path}-wal`, `${path}-shm`]) {
      assertEquals(Deno.statSync(file).mode! & 0o777, 0o600, file);
    }
  },
);

fileTest("SqliteStore refuses a link that leads to no file", (path) => {
  Deno.symlinkSync(`${path}-missing`, path);
  assertStringIncludes(refusal(path), "no such file");
});

fileTest("SqliteStore keeps the mode of a file that exists", (path) => {
  Deno.writeTextFileSync(path, "", { mode: 0o640 });
  Deno.chmodSync(path, 0o640);
  using _ = new SqliteStore({ path });
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o640);
});

fileTest(
  "SqliteDatabase brings a database up to date, and keeps its rows",
  (path) => {
    const next = [
      ...MIGRATIONS,
      "ALTER TABLE session ADD COLUMN colour TEXT DEFAULT 'red'",
    ];
    {
      using store = new SqliteStore({ path });
      store.create(sessionOf("a", { values: new Map([["key", "1"]]) }));
    }
    const options = { busyTimeout: 0, maxSize: Infinity, migrations: next };
    for (let times = 0; times < 2; times++) {
      using database = new SqliteDatabase(path, options);
      const row = database.prepare("SELECT uid, colour FROM session").get();
      assertEquals({ ...row }, { uid: "a", colour: "red" });
    }
    assertStringIncludes(refusal(path), `it is of version ${next.length}`);
  },
);

fileTest(
  "SqliteDatabase leaves the database as it was if a migration fails",
  (path) => {
    new SqliteStore({ path }).close();
    const migrations = [...MIGRATIONS, "CREATE TABLE extra (a); nonsense"];
    const options = { busyTimeout: 0, maxSize: Infinity, migrations };
    assertThrows(() => new SqliteDatabase(path, options), Error, "nonsense");
    using store = new SqliteStore({ path });
    assertEquals(store.nextIn(), Infinity);
  },
);

Deno.test("SqliteStore refuses options of the wrong kind, out of range, or unknown", () => {
  const open = (options: object) => () =>
    new SqliteStore({ path: ":memory:", ...options });
  assertThrows(open({ path: 7 }), TypeError, "path is not a file name: 7");
  assertThrows(open({ path: "" }), RangeError, 'path is not a file name: ""');
  assertThrows(open({ path: undefined }), TypeError, "path is not a file name");
  assertThrows(open({ busyTimeout: -1 }), RangeError, "busyTimeout");
  assertThrows(open({ touchThrottle: NaN }), RangeError, "NaN");
  assertThrows(open({ pollInterval: "1" }), TypeError, '"1"');
  assertThrows(open({ maxSize: "1" }), TypeError, "maxSize");
  assertThrows(open({ touchGranularity: 1 }), TypeError, '"touchGranularity"');
});

fileTest("SqliteStore waits once while the database stays locked", (path) => {
  using store = new SqliteStore({ path });
  for (let i = 0; i < 20; i++) store.create(sessionOf(`${i}`, UNTOUCHED));
  using other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  using pauses = new FakePauses();
  for (let i = 0; i < 20; i++) {
    const load = () => store.load(`${i}`, VISIT);
    assertThrows(load, Error, "it is locked");
    assertEquals(store.load(`${i}`, LOOK)?.uid, `${i}`);
    assertThrows(() => store.end(`${i}`, "logout", NODE), Error, "locked");
  }
  // The busyTimeout, once for forty calls.
  assertEquals(pauses.waited, 90);
  other.exec("ROLLBACK");
  assertEquals(store.load("0", VISIT)?.uid, "0");
});

fileTest("SqliteStore opens while the database is locked", (path) => {
  new SqliteStore({ path }).close();
  using other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  using store = new SqliteStore({ path });
  assertEquals(store.load("a", LOOK), undefined);
});

/** What may happen to the files of a store that is open. */
const ACCIDENTS: Readonly<Record<string, (path: string) => string>> = {
  "its file is deleted": (path) => {
    Deno.removeSync(path);
    return `the file "${path}" was deleted`;
  },
  "its file is moved away": (path) => {
    Deno.renameSync(path, `${path}.old`);
    return `the file "${path}" was deleted`;
  },
  "its file is replaced": (path) => {
    Deno.copyFileSync(`${path}.copy`, `${path}.other`);
    Deno.renameSync(`${path}.other`, path);
    return `the file "${path}" was replaced`;
  },
  "another file is written over its file": (path) => {
    Deno.copyFileSync(`${path}.copy`, path);
    return "another file was written over it";
  },
  "its log is deleted": (path) => {
    Deno.removeSync(`${path}-wal`);
    return `the file "${path}-wal" was deleted`;
  },
  "its log is replaced": (path) => {
    Deno.removeSync(`${path}-wal`);
    Deno.writeTextFileSync(`${path}-wal`, "");
    return `the file "${path}-wal" was replaced`;
  },
  "its shared memory is deleted": (path) => {
    Deno.removeSync(`${path}-shm`);
    return `the file "${path}-shm" was deleted`;
  },
};

for (const [accident, happen] of Object.entries(ACCIDENTS)) {
  testWith(["read", "write"], `SqliteStore says that ${accident}`, async () => {
    using folder = makeFolder();
    const path = `${Deno.realPathSync(folder.path)}/sessions.db`;
    using store = new SqliteStore({ path });
    store.create(sessionOf("a"));
    {
      using other = new DatabaseSync(path);
      other.exec(`VACUUM INTO '${path}.copy'`);
      for (let i = 0; i < 30; i++) {
        const values = new Map([["key", "x".repeat(2000)]]);
        store.create(sessionOf(`${i}`, { values }));
      }
      other.prepare("PRAGMA wal_checkpoint(FULL)").get();
    }
    await pauseOfChecks();
    assert(store.nextIn() > 0);
    const expected = happen(path);
    let message = "";
    const until = Date.now() + SOON;
    while (message === "" && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      try {
        store.nextIn();
      } catch (error) {
        message = (error as Error).message;
      }
    }
    assertStringIncludes(message, `Cannot read the store "${path}": `);
    assertStringIncludes(message, expected);
    assertThrows(() => store.create(sessionOf("b")), Error, expected);
  });
}

testWith(
  ["read", "write"],
  "SqliteStore goes on with a file of a relative path when the program changes its folder",
  async () => {
    using folder = makeFolder();
    const path = `${Deno.realPathSync(folder.path)}/sessions.db`;
    const before = Deno.cwd();
    Deno.chdir(folder.path);
    try {
      using store = new SqliteStore({ path: "sessions.db" });
      store.create(sessionOf("a"));
      Deno.chdir(before);
      await pauseOfChecks();
      assertEquals(store.load("a", LOOK)?.uid, "a");
      Deno.removeSync(path);
      await pauseOfChecks();
      const message = `the file "${path}" was deleted`;
      assertThrows(() => store.load("a", LOOK), Error, message);
    } finally {
      Deno.chdir(before);
    }
  },
);

testWith(
  ["read", "write"],
  "SqliteStore goes on after its file was vacuumed, or put back",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    const values = new Map([["key", "x".repeat(100_000)]]);
    for (let i = 0; i < 20; i++) store.create(sessionOf(`${i}`, { values }));
    using other = new DatabaseSync(path);
    other.prepare("PRAGMA wal_checkpoint(FULL)").get();
    await pauseOfChecks();
    store.nextIn();
    const { size } = Deno.statSync(path);
    for (let i = 0; i < 20; i++) {
      store.acknowledge(`${i}`, store.end(`${i}`, "logout", NODE)!.fence);
    }
    other.exec("VACUUM");
    other.prepare("PRAGMA wal_checkpoint(FULL)").get();
    assert(Deno.statSync(path).size < size);
    await pauseOfChecks();
    assertEquals(store.nextIn(), Infinity);
    Deno.renameSync(path, `${path}.old`);
    await pauseOfChecks();
    assertThrows(() => store.nextIn(), Error, "was deleted");
    Deno.renameSync(`${path}.old`, path);
    await pauseOfChecks();
    assertEquals(store.nextIn(), Infinity);
  },
);

/** Resolves when the store looks at its files again. */
function pauseOfChecks(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

fileTest(
  "SqliteStore makes its log small again after a long reader",
  (path) => {
    using store = new SqliteStore({ path });
    const values = new Map([["key", "x".repeat(50_000)]]);
    for (let i = 0; i < 10; i++) store.create(sessionOf(`${i}`, { values }));
    const writeAll = (rounds: number) => {
      for (let i = 0; i < rounds; i++) {
        const values = new Map([["key", `${i % 7}`.repeat(50_000)]]);
        store.commit(`${i % 10}`, { values });
      }
    };
    const size = () => Deno.statSync(`${path}-wal`).size;
    {
      using reader = new DatabaseSync(path);
      reader.exec("BEGIN");
      reader.prepare("SELECT count(*) FROM session").get();
      writeAll(1200);
      assert(size() > 64_000_000, `${size()}`);
      assertMatch(store.check().join(), /has grown to \d\d MB/);
    }
    writeAll(800);
    assert(size() < 20_000_000, `${size()}`);
    assertEquals(store.check(), []);
  },
);
