// PostgresStore and its server: rights, versions, restarts, poolers and bloat.

import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  fromPg,
  type PostgresClient,
  postgresSchema,
  type PostgresStatement,
  PostgresStore,
} from "../../stores/postgres_store.ts";
import {
  accessOf,
  callbackOf,
  claimDue,
  LONG,
  LOOK,
  NODE,
  OTHER_NODE,
  sessionOf,
  VISIT,
} from "../../testing/contract_checks.ts";
import { SOON } from "../helpers_process.ts";
import { PostgresServer, testWithPostgres } from "../helpers_postgres.ts";
import {
  connectPg,
  connectPostgres,
  openStore,
  pause,
} from "./helpers_postgres_store.ts";
import {
  assertCounted,
  assertHeld,
  assertOldTokensLogInApart,
  assertPresent,
  assertSeenElsewhere,
  assertShared,
} from "./helpers_store_site.ts";

/** Facts of a server that is fit. */
const FIT = {
  version: 150018,
  isReplica: false,
  isReadOnly: false,
  isolation: "read committed",
  floatDigits: 1,
  encoding: "UTF8",
  isDurable: true,
  role: "curfew",
  hasSchema: true,
};

/** A client that answers with facts, and notes the statements. */
function pretend(
  facts: Partial<typeof FIT> & { readonly now?: number },
  version = "1",
): PostgresClient & { readonly statements: PostgresStatement[] } {
  const statements: PostgresStatement[] = [];
  return {
    statements,
    query(statement) {
      statements.push(statement);
      return Promise.resolve(
        statement.text.includes("server_version_num")
          ? JSON.stringify({ now: Date.now(), ...FIT, ...facts })
          : version,
      );
    },
    run: () => Promise.resolve(),
  };
}

function check(client: PostgresClient): Promise<readonly string[]> {
  return new PostgresStore({ client }).check();
}

Deno.test("PostgresStore.check() has nothing to say of a fit server", async () => {
  assertEquals(await check(pretend({})), []);
});

for (
  const [why, facts] of [
    ["it is version 13, and must be 14 or later", { version: 130022 }],
    ["it is a replica, which takes no writes", { isReplica: true }],
    ['transactions of the role "curfew" are read-only', { isReadOnly: true }],
    ['are "repeatable read": set', { isolation: "repeatable read" }],
    ['rounds the times of the role "curfew"', { floatDigits: -15 }],
  ] as const
) {
  Deno.test(`PostgresStore refuses a server: ${why}`, async () => {
    await assertRejects(() => check(pretend(facts)), RangeError, why);
    const store = new PostgresStore({ client: pretend(facts) });
    await assertRejects(() => store.load("a", LOOK), RangeError, why);
  });
}

Deno.test("PostgresStore refuses a schema of a later version", async () => {
  await assertRejects(
    () => check(pretend({}, "99")),
    RangeError,
    'the schema "curfew" has version 99',
  );
});

Deno.test("PostgresStore.check() says that a clock differs, and that writes do not wait", async () => {
  const [ahead] = await check(pretend({ now: Date.now() + 90_000 }));
  assertStringIncludes(ahead!, "90 s ahead of");
  const [behind] = await check(pretend({ now: Date.now() - 20_000 }));
  assertStringIncludes(behind!, "20 s behind");
  const [careless] = await check(pretend({ isDurable: false }));
  assertStringIncludes(careless!, "does not wait for its disk");
  const [narrow] = await check(pretend({ encoding: "LATIN1" }));
  assertStringIncludes(narrow!, 'has the encoding "LATIN1"');
});

Deno.test("PostgresStore refuses times that are not numbers, and sends nothing", async () => {
  const client = pretend({});
  const store = new PostgresStore({ client });
  const calls: Record<string, () => Promise<unknown>> = {
    'Cannot create session "a"': () =>
      store.create(sessionOf("a", { age: NaN })),
    'Cannot load session "a"': () => store.load("a", { ...VISIT, grace: NaN }),
    'Cannot change session "a"': () =>
      store.commit("a", { sessionTimeout: NaN }),
    'Cannot end session "a"': () =>
      store.end("a", "logout", { ...NODE, lease: NaN }),
    'Cannot renew the claim of session "a"': () => store.renew("a", "f", NaN),
  };
  for (const [message, call] of Object.entries(calls)) {
    const error = await assertRejects(call, RangeError);
    assertStringIncludes(error.message, `${message}: a time is not a number`);
  }
  assertEquals(client.statements, []);
});

Deno.test("PostgresStore rejects with the error of the client as the cause", async () => {
  const cause = new Error("Connection terminated");
  const client = {
    query: () => Promise.reject(cause),
    run: () => Promise.reject(cause),
  };
  const store = new PostgresStore({ client });
  const error = await assertRejects(() => store.load("a", LOOK), Error);
  assertEquals(
    error.message,
    'Cannot load session "a": Postgres failed: Connection terminated',
  );
  assertEquals(error.cause, cause);
});

testWithPostgres(
  "PostgresStore takes one statement for a visit, and one for a write",
  async () => {
    await using server = await PostgresServer.start();
    const [client, close] = await connectPg(server);
    const texts: string[] = [];
    const store = new PostgresStore({
      client: {
        ...client,
        query(statement) {
          // Notifications go out afterwards, many at once; nothing waits for them.
          if (!statement.text.includes(".notify(")) texts.push(statement.text);
          return client.query(statement);
        },
      },
    });
    await store.create(sessionOf("a"));
    texts.length = 0;
    await store.load("a", VISIT);
    assertEquals(texts.length, 1);
    await store.commit("a", {
      values: new Map([["a", "1"], ["b", "2"]]),
      access: accessOf(),
      addedCallbacks: [callbackOf("free")],
    });
    assertEquals(texts.length, 2);
    await store.claim(NODE, 100);
    assertEquals(texts.length, 3);
    await store[Symbol.asyncDispose]();
    await close();
  },
);

testWithPostgres(
  "PostgresStore works beside other tables, in schemas of its own",
  async () => {
    await using server = await PostgresServer.start();
    await server.sql(`
    CREATE TABLE session (name text);
    INSERT INTO session VALUES ('song');
    CREATE FUNCTION load_session() RETURNS text LANGUAGE sql AS 'SELECT 1::text'`);
    const connect = () => connectPg(server);
    await using first = await openStore(connect);
    await using second = await openStore(connect, { schema: "other" });
    await first.store.create(sessionOf("a", { principal: "ann" }));
    assertEquals(await second.store.load("a", LOOK), undefined);
    await second.store.create(sessionOf("a"));
    assertEquals((await first.store.load("a", LOOK))?.principal, "ann");
    assertEquals(await server.sql("SELECT name FROM session"), [{
      name: "song",
    }]);
    const notified: string[] = [];
    await second.store.watch(({ uid }) => notified.push(uid));
    const seen = Promise.withResolvers<void>();
    await first.store.watch(() => seen.resolve());
    await first.store.end("a", "logout", NODE);
    await seen.promise;
    assertEquals(notified, []);
  },
);

testWithPostgres(
  "PostgresStore is made by several processes at once",
  async () => {
    await using server = await PostgresServer.start();
    const stores = await Promise.all(
      Array.from(
        { length: 8 },
        () => openStore(() => connectPg(server, { max: 2 })),
      ),
    );
    await Promise.all(
      stores.map(({ store }, i) => store.create(sessionOf(`${i}`))),
    );
    assertEquals((await stores[0]!.store.load("7", LOOK))?.uid, "7");
    for (const one of stores) await one[Symbol.asyncDispose]();
  },
);

testWithPostgres(
  "PostgresStore says which right it lacks, and needs no more than it says",
  async () => {
    await using server = await PostgresServer.start();
    await server.sql("CREATE ROLE site LOGIN");
    const connect = () => connectPg({ url: server.urlFor("site") });
    await using opened = await openStore(connect);
    const { store } = opened;
    const refused = await assertRejects(() => store.check(), Error);
    assertStringIncludes(
      refused.message,
      'Cannot make the schema "curfew": the role "site" lacks a right',
    );
    assertStringIncludes(refused.message, 'postgresSchema("curfew")');
    await server.sql(postgresSchema("curfew"));
    const denied = await assertRejects(() => store.load("a", LOOK), Error);
    assertStringIncludes(denied.message, "grant the role USAGE on the schema");
    await server.sql(`
    GRANT USAGE ON SCHEMA curfew TO site;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA curfew TO site`);
    await store.check();
    await store.create(sessionOf("a", { principal: "ann" }));
    await store.load("a", VISIT);
    await store.commit("a", { values: new Map([["key", "1"]]) });
    assertEquals(await store.uidsOf("ann"), ["a"]);
    const { fence } = (await store.end("a", "logout", NODE))!;
    assert(await store.renew("a", fence, 1000));
    assert(await store.acknowledge("a", fence));
    await (await store.watch(() => {}))();
  },
);

testWithPostgres(
  "PostgresStore refuses a replica until it is promoted",
  async () => {
    await using server = await PostgresServer.start();
    await using first = await openStore(() => connectPg(server));
    await first.store.create(sessionOf("a", { principal: "ann" }));
    await using replica = await server.startReplica();
    await using second = await openStore(() => connectPg(replica));
    await assertRejects(() => second.store.check(), RangeError, "is a replica");
    await assertRejects(() => second.store.load("a", VISIT), RangeError);
    await server.kill();
    await replica.promote();
    assertEquals(await second.store.check(), [
      "Postgres does not wait for its disk: after a crash the last writes are lost, and sessions that ended since then are back: set fsync and synchronous_commit to on",
    ]);
    assertEquals((await second.store.load("a", VISIT))?.principal, "ann");
  },
);

for (
  const [how, connect] of [["npm:pg", connectPg], [
    "npm:postgres",
    connectPostgres,
  ]] as const
) {
  testWithPostgres(
    `PostgresStore over ${how} listens again after Postgres was killed`,
    async () => {
      await using server = await PostgresServer.start();
      await using opened = await openStore(() => connect(server));
      const { store } = opened;
      await store.create(sessionOf("a"));
      const earlier: (() => void)[] = [];
      const ends: string[] = [];
      await store.watch(({ uid }) => ends.push(uid), () => earlier.shift()?.());
      const again = new Promise<void>((resolve) => earlier.push(resolve));
      await server.kill();
      await assertRejects(() => store.load("a", LOOK), Error);
      await server.restart();
      await again;
      const until = Date.now() + SOON;
      for (let i = 0; ends.length === 0 && Date.now() < until; i++) {
        await store.create(sessionOf(`${i}`)).catch(() => {});
        await store.end(`${i}`, "logout", NODE).catch(() => {});
        await pause(50);
      }
      assertGreater(ends.length, 0);
      assertEquals((await store.load("a", LOOK))?.uid, "a");
    },
  );
}

testWithPostgres(
  "PostgresStore polls if its client does not listen",
  async () => {
    await using server = await PostgresServer.start();
    await using opened = await openStore(() =>
      connectPg(server, { listen: false })
    );
    const { store } = opened;
    const ends: string[] = [];
    const stop = await store.watch(({ uid }) => ends.push(uid));
    await store.create(sessionOf("a"));
    await store.end("a", "logout", NODE);
    assertEquals(ends, ["a"]);
    assertEquals(
      await server.sql(
        "SELECT pid FROM pg_stat_activity WHERE query ~ '^LISTEN'",
      ),
      [],
    );
    stop();
  },
);

for (const listen of [true, false]) {
  testWithPostgres(
    `Sites over PostgresStore count the sessions of both, and list each other${
      listen ? "" : ", if they cannot listen"
    }`,
    async () => {
      await using server = await PostgresServer.start();
      const connect = () => connectPg(server, { listen });
      await using one = await openStore(connect);
      await using two = await openStore(connect);
      await assertCounted(one.store, two.store);
    },
  );
}

testWithPostgres(
  "Sites over one PostgresStore schema share a session and its end, delivered once",
  async () => {
    await using server = await PostgresServer.start({
      settings: { fsync: "on" },
    });
    await using first = await openStore(() => connectPg(server));
    await using second = await openStore(() => connectPg(server));
    await assertShared(first.store, second.store);
    await assertHeld(first.store, second.store);
    await assertPresent(first.store, second.store);
    await assertOldTokensLogInApart(first.store, second.store);
    await assertSeenElsewhere(first.store, second.store);
  },
);

testWithPostgres("PostgresStore keeps touches out of its indexes", async () => {
  await using server = await PostgresServer.start();
  const opened = await openStore(() => connectPg(server));
  const { store } = opened;
  const count = 100;
  for (let i = 0; i < count; i++) {
    await store.create(sessionOf(`${i}`, { principal: "ann" }));
  }
  const size = async () => {
    const [row] = await server.sql(
      "SELECT pg_indexes_size('curfew.curfew_session')::integer AS size",
    );
    return (row as { size: number }).size;
  };
  const before = await size();
  for (let round = 0; round < 30; round++) {
    await Promise.all(
      Array.from({ length: count }, (_, i) => store.load(`${i}`, VISIT)),
    );
  }
  const last = await size();
  // Postgres counts what a connection has done some time after it is closed.
  await opened[Symbol.asyncDispose]();
  const counted = async () => {
    const [row] = await server.sql(
      "SELECT n_tup_upd::integer AS all, n_tup_hot_upd::integer AS hot FROM pg_stat_user_tables WHERE relname = 'curfew_session'",
    );
    return row as { all: number; hot: number };
  };
  let { all, hot } = await counted();
  for (let tries = 0; all <= count * 20 && tries < 100; tries++) {
    await pause(50);
    ({ all, hot } = await counted());
  }
  console.log(`${hot} of ${all} touches were HOT updates`);
  assertGreater(all, count * 20);
  assertGreater(hot, 0.9 * all);
  // Without HOT each of 3,000 touches would add an entry to each index.
  assertLess(last, 2 * before);
});

testWithPostgres(
  "PostgresStore ends a session on time that was touched",
  async () => {
    await using server = await PostgresServer.start();
    await using opened = await openStore(() => connectPg(server));
    const { store } = opened;
    const made = await store.create(sessionOf("a", { sessionTimeout: 400 }));
    await pause(150);
    const touched = await store.load("a", VISIT);
    assert(touched !== undefined, "The machine was stalled");
    assertEquals(touched.deadline, touched.now + 400);
    await pause(Math.max(0, made!.deadline - touched.now + 5));
    const { ends, nextIn } = await store.claim(OTHER_NODE, 10);
    assertEquals(ends, []);
    assert(nextIn > 0 && nextIn <= 400, `${nextIn}`);
    const context = { store, subject: { store, advance: pause } } as never;
    const [end] = await claimDue(context, 1);
    assertEquals(end?.at, touched.deadline);
  },
);

testWithPostgres(
  "fromPg() needs no error listener for the connection that listens",
  async () => {
    await using server = await PostgresServer.start();
    const { default: pg } = await import("pg");
    const pool = new pg.Pool({ connectionString: server.url, max: 3 });
    pool.on("error", () => {});
    const store = new PostgresStore({ client: fromPg(pool) });
    await store.watch(() => {});
    await server.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^LISTEN'",
    );
    await pause(300);
    await store[Symbol.asyncDispose]();
    assertInstanceOf(store, PostgresStore);
    await pool.end();
  },
);

testWithPostgres(
  "PostgresStore keeps a uid taken until a minute after the deadline, and no longer",
  async () => {
    await using server = await PostgresServer.start();
    await using opened = await openStore(() => connectPg(server));
    const { store } = opened;
    const deadlines = new Map<string, number>();
    for (
      const [uid, sessionTimeout] of [["hour", LONG], [
        "never",
        Infinity,
      ]] as const
    ) {
      const made = await store.create(sessionOf(uid, { sessionTimeout }));
      deadlines.set(uid, made!.deadline);
      const { fence } = (await store.end(uid, "logout", NODE))!;
      await store.acknowledge(uid, fence);
    }
    const rows = await server.sql(
      'SELECT uid, free_at AS "freeAt", curfew.now_ms() AS now FROM curfew.curfew_taken_uid',
    ) as { uid: string; freeAt: number; now: number }[];
    const freeAt = new Map(rows.map((row) => [row.uid, row.freeAt]));
    assertEquals(freeAt.get("hour"), deadlines.get("hour")! + 60_000);
    const week = 7 * 24 * LONG;
    assertLess(freeAt.get("never")!, rows[0]!.now + week + 60_001);
    await server.sql("UPDATE curfew.curfew_taken_uid SET free_at = 0");
    assertEquals((await store.create(sessionOf("hour")))?.version, 1);
    const { fence } = (await store.end("hour", "logout", NODE))!;
    await store.acknowledge("hour", fence);
    const [left] = await server.sql(
      "SELECT count(*)::integer AS n FROM curfew.curfew_taken_uid",
    ) as { n: number }[];
    assertEquals(left?.n, 1);
  },
);

testWithPostgres(
  "PostgresStore notifies of a crowd of changes by few statements",
  async () => {
    await using server = await PostgresServer.start();
    const [client, close] = await connectPg(server);
    let notifications = 0;
    const store = new PostgresStore({
      client: {
        ...client,
        query(statement) {
          if (statement.text.includes(".notify(")) notifications++;
          return client.query(statement);
        },
      },
    });
    await store.create(sessionOf("a"));
    const versions = new Set<number>();
    await store.watch(
      () => {},
      () => {},
      ({ version }) => versions.add(version),
    );
    const count = 300;
    await Promise.all(
      Array.from(
        { length: count },
        (_, i) => store.commit("a", { values: new Map([["key", `${i}`]]) }),
      ),
    );
    const until = Date.now() + SOON;
    while (versions.size < count && Date.now() < until) await pause(20);
    assertEquals(versions.size, count);
    assertLess(notifications, count / 2);
    await store[Symbol.asyncDispose]();
    await close();
  },
);

testWithPostgres(
  "PostgresStore notifies its own node at once of an end that it makes due earlier",
  async () => {
    await using server = await PostgresServer.start();
    const [client, close] = await connectPg(server);
    const listen = () => Promise.resolve(() => Promise.resolve());
    // No notification of the database arrives.
    const store = new PostgresStore({ client: { ...client, listen } });
    await store.create(sessionOf("a", { sessionTimeout: LONG }));
    await store.claim(NODE, 1);
    let notified = 0;
    const stop = await store.watch(() => {}, () => void notified++);
    await store.create(sessionOf("b", { sessionTimeout: 2 * LONG }));
    assertEquals(notified, 0);
    await store.commit("b", { absoluteTimeout: 0 });
    assertEquals(notified, 1);
    stop();
    await store[Symbol.asyncDispose]();
    await close();
  },
);

testWithPostgres(
  "PostgresStore keeps messages in a table only while a node polls for them",
  async () => {
    await using server = await PostgresServer.start();
    await using opened = await openStore(() => connectPg(server));
    await using polling = await openStore(() =>
      connectPg(server, { listen: false })
    );
    const kept = async (uid: string) => {
      await opened.store.create(sessionOf(uid));
      await opened.store.end(uid, "logout", NODE);
      // It waits for the notification.
      await opened.store[Symbol.asyncDispose]();
      const sql = "SELECT message FROM curfew.curfew_message";
      const rows = await server.sql(sql) as { message: string }[];
      return rows.map(({ message }) => JSON.parse(message)[0]);
    };
    assertEquals(await kept("a"), []);
    const stop = await polling.store.watch(() => {});
    assertEquals(await kept("b"), ["b"]);
    stop();
    await server.sql("UPDATE curfew.curfew_poll SET polled_at = 0");
    await server.sql("UPDATE curfew.curfew_message SET at = 0");
    assertEquals(await kept("c"), ["b"]);
    const stopAgain = await polling.store.watch(() => {});
    assertEquals(await kept("d"), ["d"]);
    stopAgain();
  },
);

testWithPostgres(
  "PostgresStore brings a schema without count() up to date",
  async () => {
    await using server = await PostgresServer.start();
    const [client, close] = await connectPg(server);
    await using former = new PostgresStore({ client });
    await former.create(sessionOf("a"));
    await server.sql("DROP FUNCTION curfew.count_sessions()");
    await server.sql("UPDATE curfew.curfew_schema SET version = 2");

    await using store = new PostgresStore({ client });

    assertEquals(await store.count(), { sessions: 1, ends: 0 });
    await close();
  },
);
