import { assert, assertEquals } from "@std/assert";
import { LOOK, NODE, sessionOf, VISIT } from "../../testing/contract_checks.ts";
import { makeFolder, SOON } from "../helpers_process.ts";
import { freePort } from "../helpers_ports.ts";
import { PostgresServer, testWithPostgres } from "../helpers_postgres.ts";
import { repeatedIfStalled } from "../helpers_stalls.ts";
import {
  connectPg,
  CONTRACT_LIMIT,
  openStore,
  pause,
  runContract,
} from "./helpers_postgres_store.ts";
import { assertSeenElsewhere, assertShared } from "./helpers_store_site.ts";

const PROGRAM = "/usr/sbin/pgbouncer";

/** A test with Debian's PgBouncer, which is ignored without it. */
function testWithPgBouncer(
  name: string,
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  const isThere =
    Deno.permissions.querySync({ name: "read" }).state === "granted" &&
    exists(PROGRAM);
  if (isThere) testWithPostgres(name, fn, { timeout: CONTRACT_LIMIT });
  else Deno.test.ignore(`${name} (ignored: needs pgbouncer)`, fn);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A PgBouncer in transaction mode before a server, with two connections to it. */
async function startPgBouncer(
  server: PostgresServer,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const folder = makeFolder();
  const port = freePort();
  folder.write("users.txt", '"curfew" ""\n');
  folder.write(
    "pgbouncer.ini",
    `[databases]
postgres = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${folder.path}/users.txt
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
`,
  );
  Deno.chmodSync(folder.path, 0o755);
  for (const name of ["users.txt", "pgbouncer.ini"]) {
    Deno.chmodSync(`${folder.path}/${name}`, 0o644);
  }
  const isSuperuser = Deno.uid() === 0;
  const child = new Deno.Command(PROGRAM, {
    args: [`${folder.path}/pgbouncer.ini`],
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
    // It refuses to run as root.
    ...isSuperuser ? { uid: 65534, gid: 65534 } : {},
  }).spawn();
  const latest = Date.now() + 4 * SOON;
  while (Date.now() < latest) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      break;
    } catch {
      await pause(20);
    }
  }
  return {
    url: `postgres://curfew@127.0.0.1:${port}/postgres`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      folder[Symbol.dispose]();
    },
  };
}

testWithPgBouncer(
  "PostgresStore behind PgBouncer in transaction mode",
  async (t) => {
    await using server = await PostgresServer.start();
    await using bouncer = await startPgBouncer(server);
    // PgBouncer does not pass notifications on, so the store polls.
    const connect = () => connectPg(bouncer, { listen: false });
    await runContract(t, connect, { crowd: 300, races: 300 });
  },
);

testWithPgBouncer(
  "PostgresStore that listens through PgBouncer works by polling",
  async () => {
    await using server = await PostgresServer.start();
    await using bouncer = await startPgBouncer(server);
    await using first = await openStore(() => connectPg(bouncer));
    await using second = await openStore(() => connectPg(bouncer));
    const ended: string[] = [];
    const stop = await first.store.watch(({ uid }) => void ended.push(uid));
    await first.store.create(sessionOf("a"));
    // The store notices within a second that its own messages do not arrive.
    await pause(2000);
    for (let i = 0; i < 50; i++) {
      const store = i % 2 === 0 ? first.store : second.store;
      assertEquals((await store.load("a", VISIT))?.uid, "a");
    }
    const { fence } = (await second.store.end("a", "logout", NODE))!;
    assertEquals(await first.store.load("a", LOOK), undefined);
    assertEquals(await first.store.acknowledge("a", fence), true);
    await until(() => ended.length > 0);
    assertEquals(ended[0], "a");
    stop();
  },
);

/** Resolves when a fact holds; fails if it does not within `SOON`. */
async function until(fact: () => boolean): Promise<void> {
  for (const latest = Date.now() + SOON; !fact(); await pause(20)) {
    assert(Date.now() < latest, "never");
  }
}

testWithPgBouncer(
  "Sites behind PgBouncer in transaction mode see ends and changes of each other",
  async (t) => {
    await using server = await PostgresServer.start({
      settings: { fsync: "on" },
    });
    await using bouncer = await startPgBouncer(server);
    const connect = () => connectPg(bouncer, { listen: false });
    await using first = await openStore(connect);
    await using second = await openStore(connect);
    for (
      const [name, run] of Object.entries({ assertShared, assertSeenElsewhere })
    ) {
      await t.step(
        name,
        repeatedIfStalled(() => run(first.store, second.store)),
      );
    }
  },
);
