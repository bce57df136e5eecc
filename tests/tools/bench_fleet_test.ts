import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeFolder, ROOT, runDeno, testWith } from "../helpers_process.ts";
import { testWithPostgres } from "../helpers_postgres.ts";
import { testWithRedis } from "../helpers_redis.ts";

const PROGRAM = "bench/fleet/run.ts";
const FEW = ["--processes=2", "--sessions=200", "--visits=40", "--ends=40"];

/** Runs a benchmark to its end, and returns what it prints. */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(110_000),
  }).output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** Visits a second, none failed, three times, then ends: none lost, early, doubled. */
const BOTH = /^both +\d+ +0 +\d+ +\d+ +\d+ +[1-9]\d* +0 +0 +0 +\d+/m;

testWithRedis(
  `${PROGRAM} measures visits and ends over a Redis Cluster`,
  async () => {
    const text = await run(PROGRAM, ...FEW, "--seconds=1");
    assertMatch(text, BOTH);
    assertMatch(text, /^a visit +1\.\d+ /m);
    assertMatch(text, /^CPU of a core +Redis 1 +Redis 2 +Redis 3 /m);
  },
);

testWith(
  ["run", "read", "net", "env", "sys"],
  `${PROGRAM} measures sessions in memory`,
  async () => {
    const text = await run(PROGRAM, "--store=memory", ...FEW, "--seconds=1");
    assertMatch(text, BOTH);
  },
);

testWithRedis(
  `${PROGRAM} leaves no process and no file after Ctrl+C`,
  async () => {
    using folder = makeFolder();
    await using program = runDeno(["-A", PROGRAM, ...FEW, "--seconds=100"], {
      env: { TMPDIR: folder.path },
    });
    try {
      let line = "none";
      while (line !== "polls ..." && line !== "") {
        line = await program.stderr.next();
      }
      assertEquals(line, "polls ...");
      // The program, two processes and three servers, which may save their data.
      assert(processesOf(folder.path) >= 6);
    } finally {
      // A signal that cannot be caught would leave the servers.
      program.kill("SIGINT");
    }
    assertEquals((await program.status).code, 130);
    // Each server has its data in a folder there.
    assertEquals([...Deno.readDirSync(folder.path)], []);
    assertEquals(processesOf(folder.path), 0);
  },
);

/** Counts the processes that work, or have their temporary files, in a folder. */
function processesOf(folder: string): number {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => {
    try {
      // A server may have overwritten its environment by its title.
      return Deno.readLinkSync(`/proc/${name}/cwd`).startsWith(folder) ||
        Deno.readTextFileSync(`/proc/${name}/environ`).includes(folder);
    } catch {
      // Not a process, or one that has ended.
      return false;
    }
  }).length;
}

testWithRedis(
  "bench/publish.ts measures notifications in a cluster",
  async () => {
    const text = await run(
      "bench/publish.ts",
      ...["--replicas=0", "--rate=100", "--seconds=1"],
    );
    assertMatch(text, /^PUBLISH +-?\d+\.\d +-?\d+\.\d +-?\d+\.\d$/m);
    assertMatch(text, /^SPUBLISH /m);
  },
);

testWithPostgres(
  "bench/postgres_hour.ts prints the sizes of the tables as they grow",
  async () => {
    const text = await run(
      "bench/postgres_hour.ts",
      ...["--minutes=0.1", "--every=0.05", "--sessions=500", "--visits=50"],
    );
    assertMatch(text, / updates HOT /);
    assertMatch(text, /^ +0\.1 +\d+\.\d +\d+\.\d .* 100\.0 % /m);
    assertMatch(text, /^\d+ visits, \d+ sessions made, .* 0 calls failed$/m);
  },
);
