// `curfew sessions`, through main(), against each kind of store.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { createClient, createCluster } from "redis";
import { main } from "../../cli.ts";
import { Sessions } from "../../sessions.ts";
import { fromPg, PostgresStore } from "../../stores/postgres_store.ts";
import { fromNodeRedis, RedisStore } from "../../stores/redis_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { PostgresServer, testWithPostgres } from "../helpers_postgres.ts";
import { testWith } from "../helpers_process.ts";
import { RedisCluster, RedisServer, testWithRedis } from "../helpers_redis.ts";

/** Runs a command of `curfew sessions`. */
async function run(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const real = { log: console.log, error: console.error };
  const stdout: unknown[] = [];
  const stderr: unknown[] = [];
  console.log = (...values) => void stdout.push(...values);
  console.error = (...values) => void stderr.push(...values);
  try {
    const code = await main(["sessions", ...args]);
    return { code, stdout: stdout.join("\n"), stderr: stderr.join("\n") };
  } finally {
    Object.assign(console, real);
  }
}

// deno-lint-ignore no-explicit-any -- the answers of the commands
async function runJson(...args: string[]): Promise<any> {
  return JSON.parse((await run(...args, "--json")).stdout);
}

/** A store, and the option that names it. */
interface Place extends AsyncDisposable {
  readonly url: string;
  readonly store: SessionStore;
}

function onSqlite(): Place {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/sessions.db`;
  const store = new SqliteStore({ path });
  return {
    url: `sqlite:${path}`,
    store,
    // deno-lint-ignore require-await -- an interface of promises
    async [Symbol.asyncDispose]() {
      store.close();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}

async function onRedis(): Promise<Place> {
  const server = await RedisServer.start();
  const client = createClient({ url: server.url });
  await client.connect();
  return {
    url: server.url,
    store: new RedisStore({ client: fromNodeRedis(client), shards: 3 }),
    async [Symbol.asyncDispose]() {
      client.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function onPostgres(): Promise<Place> {
  const server = await PostgresServer.start();
  const pool = new pg.Pool({ connectionString: server.url });
  pool.on("error", () => {});
  return {
    url: server.url,
    store: new PostgresStore({ client: fromPg(pool) }),
    async [Symbol.asyncDispose]() {
      await pool.end();
      await server[Symbol.asyncDispose]();
    },
  };
}

const PLACES = [
  {
    kind: "SQLite",
    test: (name: string, fn: () => Promise<void>) =>
      testWith(["read", "write", "env"], name, async () => {
        // Nothing else keeps the process alive: the timers of sessions do not.
        const alive = setInterval(() => {}, 1000);
        try {
          await fn();
        } finally {
          clearInterval(alive);
        }
      }),
    open: onSqlite,
  },
  { kind: "Redis", test: testWithRedis, open: onRedis },
  { kind: "PostgreSQL", test: testWithPostgres, open: onPostgres },
];

/** Makes sessions; the first of them end the soonest. */
async function fill(
  sessions: Sessions,
  principals: readonly string[],
): Promise<string[]> {
  const uids: string[] = [];
  for (const [index, principal] of principals.entries()) {
    await sessions.serve(new Request("http://localhost/"), (visit) => {
      const session = visit.logIn(principal);
      session.sessionTimeout = 600 + index;
      session.set("cart", ["book"]);
      session.notifyOnExpire("tidy", { index });
      uids.push(session.uid);
      return new Response();
    });
  }
  return uids;
}

for (const { kind, test, open } of PLACES) {
  test(`curfew sessions lists, shows and ends sessions in ${kind}`, async () => {
    await using place = await open();
    const store = ["--store", place.url];
    await using sessions = new Sessions({
      store: place.store,
      describe: () => "Firefox",
      onError: () => {},
    });
    await sessions.ready;
    const tidied = Promise.withResolvers<unknown[]>();
    sessions.onEnd(
      "tidy",
      (argument, { uid, reason }) => tidied.resolve([argument, uid, reason]),
    );
    const [first = "", second = "", third = ""] = await fill(
      sessions,
      ["alice", "bob smith", "alice"],
    );
    // One that never ends comes last.
    let endless = "";
    await sessions.serve(new Request("http://localhost/"), (visit) => {
      const session = visit.logIn("alice");
      session.sessionTimeout = Infinity;
      endless = session.uid;
      return new Response();
    });

    const listed: { uid: string }[] = await runJson("list", ...store);
    assertEquals(listed.map(({ uid }) => uid), [
      first,
      second,
      third,
      endless,
    ]);
    const table = await run("list", ...store, "--limit=2");
    assertMatch(
      table.stdout,
      /^UID +PRINCIPAL +TIME LEFT .*\n.* alice +(9|10) min/,
    );
    assertStringIncludes(table.stdout, '"bob smith"');
    assertEquals(table.stdout.split("\n").length, 3);
    assertStringIncludes(table.stderr, "--limit");
    assertEquals(
      (await run("list", ...store, "--within=5")).stdout,
      [
        "No sessions",
      ][0],
    );
    assertEquals(
      (await runJson("list", ...store, "--principal=alice"))
        .map(({ uid }: { uid: string }) => uid),
      [first, third, endless],
    );

    const before = await place.store.load(first, NO_TOUCH);
    const shown = await run("show", first, ...store);
    assertEquals([shown.code, shown.stderr], [0, ""]);
    assertMatch(shown.stdout, /value cart +9 bytes/);
    assertMatch(shown.stdout, /at its end +tidy\(\{"index":0\}\)/);
    assertMatch(
      (await run("show", first, "--values", ...store)).stdout,
      /value cart +\["book"\]/,
    );
    const after = await place.store.load(first, NO_TOUCH);
    assertEquals(after?.deadline, before?.deadline);

    const ended = await run("end", first, "nowhere", ...store);
    assertEquals([ended.code, ended.stdout], [1, "Ended 1 session"]);
    assertEquals(
      ended.stderr,
      'Cannot end session "nowhere": it is not in the store, or has ended',
    );
    assertEquals(await tidied.promise, [{ index: 0 }, first, "revoked"]);
    assertEquals((await run("show", first, ...store)).code, 1);

    const all = await runJson("end", "--principal=alice", ...store);
    assertEquals(new Set(all.ended), new Set([third, endless]));
    assertEquals(
      (await runJson("list", ...store)).map(({ uid }: { uid: string }) => uid),
      [second],
    );
  });

  test(`curfew sessions retries and deletes dead letters in ${kind}`, async () => {
    await using place = await open();
    const store = ["--store", place.url];
    await using sessions = new Sessions({
      store: place.store,
      endRetryFor: 0,
      onError: () => {},
    });
    await sessions.ready;
    let isBroken = true;
    const tidied = Promise.withResolvers<unknown>();
    sessions.onEnd("tidy", (argument) => {
      if (isBroken) throw new Error("the mail server is away");
      tidied.resolve(argument);
    });
    const [uid = ""] = await fill(sessions, ["alice"]);
    await sessions.end(uid);
    // The letter is written after the failure was reported.
    while ((await place.store.listDeadLetters()).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }

    const letters = await run("dead-letters", ...store);
    assertEquals(letters.code, 0);
    assertStringIncludes(letters.stdout, uid);
    assertStringIncludes(letters.stdout, "the mail server is away");
    assertEquals((await runJson("check", ...store)).deadLetters, 1);
    assertStringIncludes(
      (await run("show", uid, ...store)).stderr,
      "is a dead letter",
    );

    const none = await run("retry", "nowhere", ...store);
    assertEquals(none.code, 1);
    assertEquals(
      none.stderr,
      'Cannot retry "nowhere": it is not a dead letter',
    );
    isBroken = false;
    assertEquals(
      (await run("retry", "--all", ...store)).stdout,
      "Retried 1 dead letter",
    );
    assertEquals(await tidied.promise, { index: 0 });
    assertEquals(
      (await run("delete", "--all", ...store)).stdout,
      "Deleted 0 dead letters",
    );
    assertEquals(
      (await run("dead-letters", ...store)).stdout,
      "No dead letters",
    );
  });

  test(`curfew sessions check says that ${kind} is fit`, async () => {
    await using place = await open();
    await using sessions = new Sessions({
      store: place.store,
      onError: () => {},
    });
    await sessions.ready;
    const { code, stdout } = await run("check", "--store", place.url);

    assertEquals(code, 0);
    assertMatch(stdout, /^The store ".*" is suitable for sessions\n/);
    assertMatch(stdout, /\nDead letters: 0$/);
  });
}

const NO_TOUCH = { tokenHash: "", touch: false, grace: 0 };

testWith(
  ["read", "write", "env"],
  "curfew sessions end --principal ends many sessions, page by page",
  async () => {
    await using place = onSqlite();
    await using sessions = new Sessions({ store: place.store });
    await sessions.ready;
    sessions.onEnd("tidy", () => {});
    const principals = Array.from({ length: 1203 }, () => "robot");
    await fill(sessions, principals);
    const store = ["--store", place.url];

    assertEquals(
      (await runJson("list", ...store, "--limit=9999")).length,
      1203,
    );
    assertEquals(
      (await run("end", "--principal=robot", ...store)).stdout,
      "Ended 1203 sessions",
    );
    assertEquals((await run("list", ...store)).stdout, "No sessions");
  },
);

// Stores that are not there, or of another version.

testWith(
  ["read", "write", "env"],
  "curfew sessions makes no file",
  async () => {
    const folder = Deno.makeTempDirSync();
    const path = `${folder}/none.db`;
    const { code, stderr } = await run("list", "--store", `sqlite:${path}`);

    assertEquals(code, 1);
    assertEquals(
      stderr,
      `Cannot open the store "sqlite:${path}": there is no such file`,
    );
    assertEquals([...Deno.readDirSync(folder)], []);
    Deno.removeSync(folder);
  },
);

for (const [version, said] of [[1, "format 1"], [99, "format 99"]] as const) {
  testWith(
    ["read", "write", "env"],
    `curfew sessions does not change a file of version ${version}`,
    async () => {
      await using place = onSqlite();
      const path = place.url.slice("sqlite:".length);
      using database = new DatabaseSync(path);
      database.exec(`PRAGMA user_version = ${version}`);
      const { code, stderr } = await run("check", "--store", place.url);

      assertEquals(code, 1);
      assertStringIncludes(stderr, said);
      const found = database.prepare("PRAGMA user_version").get();
      assertEquals(Object.values(found!), [version]);
    },
  );
}

testWithRedis("curfew sessions writes nothing to another Redis", async () => {
  await using server = await RedisServer.start();
  const { code, stderr } = await run("check", "--store", server.url);

  assertEquals(code, 1);
  assertStringIncludes(
    stderr,
    'no sessions with the prefix "curfew"',
  );
  assertEquals(await server.cli("DBSIZE"), "0");
  await server.cli("SET", "curfew:shards", "1");
  assertStringIncludes(
    (await run("list", "--store", server.url)).stderr,
    "its sessions have format 1",
  );
  assertEquals(await server.cli("GET", "curfew:shards"), "1");
});

testWithPostgres(
  "curfew sessions makes no schema, and changes none of another version",
  async () => {
    await using server = await PostgresServer.start();
    const { code, stderr } = await run("check", "--store", server.url);

    assertEquals(code, 1);
    assertStringIncludes(stderr, 'no schema "curfew"');
    assertEquals(
      await server.sql("SELECT to_regnamespace('curfew')::text AS name"),
      [{ name: null }],
    );
    await server.sql(
      "CREATE SCHEMA curfew CREATE TABLE curfew_schema (version integer)",
    );
    await server.sql("INSERT INTO curfew.curfew_schema VALUES (99)");
    assertStringIncludes(
      (await run("list", "--store", server.url)).stderr,
      "its sessions have format 99",
    );
  },
);

for (const scheme of ["redis", "postgres"]) {
  testWith(
    ["net", "read", "env", "sys"],
    `curfew sessions hides the password of a ${scheme} that is away`,
    async () => {
      const url = `${scheme}://user:geheim@127.0.0.1:1/0`;
      const { code, stderr } = await run("list", "--store", url);

      assertEquals(code, 1);
      assertStringIncludes(stderr, "ECONNREFUSED");
      assertStringIncludes(stderr, "user:***@127.0.0.1");
      assert(!stderr.includes("geheim"));
    },
  );
}

testWith(
  ["net", "read", "env", "sys"],
  "curfew sessions gives up on a Redis that does not answer",
  async () => {
    using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = `redis://127.0.0.1:${mute.addr.port}`;
    const running = run("list", "--store", url);
    using _connection = await mute.accept();
    const { code, stderr } = await running;

    assertEquals(code, 1);
    assertStringIncludes(stderr, "no answer in 5 s");
  },
);

testWithRedis("curfew sessions works on a cluster", async () => {
  await using cluster = await RedisCluster.start();
  const { url } = cluster.servers[1]!;
  const client = createCluster({ rootNodes: [{ url }] });
  client.on("error", () => {});
  await client.connect();
  const adapted = fromNodeRedis(client);
  const place = new RedisStore({ client: adapted, shards: 4, prefix: "shop" });
  await using sessions = new Sessions({ store: place, onError: () => {} });
  await sessions.ready;
  sessions.onEnd("tidy", () => {});
  const uids = await fill(sessions, ["alice", "bob", "carol", "alice", "dan"]);
  const store = ["--store", url, "--cluster", "--prefix=shop"];

  const listed: { uid: string }[] = await runJson("list", ...store);
  assertEquals(listed.map(({ uid }) => uid), uids);
  assertEquals(
    (await run("end", "--principal=alice", ...store)).stdout,
    "Ended 2 sessions",
  );
  assertEquals((await runJson("list", ...store)).length, 3);
  await sessions.close();
  client.destroy();
});

// Command lines.

testWith(["env"], "curfew sessions --help explains each command", async () => {
  const { code, stdout } = await run("--help");

  assertEquals(code, 0);
  assertEquals(stdout.split("\n").filter((line) => line.length > 80), []);
  for (
    const command of ["list", "show", "end", "retry", "delete", "check"]
  ) {
    assertMatch(stdout, new RegExp(`^  ${command} +[A-Z]`, "m"));
  }
});

testWith(
  ["env"],
  "curfew sessions takes the store of CURFEW_STORE, if it may read that",
  async () => {
    const before = Deno.env.get("CURFEW_STORE");
    try {
      Deno.env.set("CURFEW_STORE", "mysql://u:geheim@h/d");
      assertStringIncludes(
        (await run("list")).stderr,
        '$CURFEW_STORE: a store is sqlite:FILE, redis://HOST or postgres://HOST/DATABASE, not "mysql://u:***@h/d"',
      );
      Deno.env.delete("CURFEW_STORE");
      assertEquals(await run("list"), {
        code: 2,
        stdout: "",
        stderr:
          "Cannot run sessions: no store: name one by --store; see --help",
      });
    } finally {
      if (before !== undefined) Deno.env.set("CURFEW_STORE", before);
    }
  },
);

const SQLITE = "--store=sqlite:./none.db";

for (
  const [args, said] of [
    [[SQLITE], "no command: one of list, show, end,"],
    [["dance", SQLITE], '"dance" is not one of its commands'],
    [["list", "--store=mysql://u:geheim@h/d"], 'not "mysql://u:***@h/d"'],
    [["list", "--store=redis://u:a/b@c@h:x"], 'not a URL: "redis://u:***@h:x"'],
    [["list", "--store=sqlite:"], "sqlite: is followed by a file"],
    [["list", "--store=sqlite::memory:"], "in the memory of one process"],
    [["list", "x", SQLITE], 'unexpected argument "x"'],
    [["list", "--limit=0", SQLITE], 'not a whole number from 1: "0"'],
    [["list", "--within=soon", SQLITE], 'not a number of seconds: "soon"'],
    [["list", "--values", SQLITE], "--values is for show only"],
    [["list", "--cluster", SQLITE], "--cluster is for redis only"],
    [["list", "--schema=a", SQLITE], "--schema is for postgres only"],
    [["list", "--listing", SQLITE], "unknown option --listing"],
    [["show", SQLITE], "show takes one uid"],
    [["show", "a", "b", SQLITE], "show takes one uid"],
    [["end", SQLITE], "end takes uids, or --principal USER"],
    [["end", "a", "--principal=b", SQLITE], "end takes uids, or --principal"],
    [["retry", SQLITE], "retry takes uids, or --all"],
    [["delete", "a", "--all", SQLITE], "delete takes uids, or --all"],
  ] as [string[], string][]
) {
  Deno.test(`main() answers 2 to [sessions ${args.join(" ")}]`, async () => {
    const { code, stdout, stderr } = await run(...args);

    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, said);
    assertMatch(stderr, /^Cannot run sessions: [^\n]*; see --help$/);
  });
}
