import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  makeFolder,
  type Program,
  ROOT,
  runDeno,
  runText,
  testWith,
} from "../helpers_process.ts";
import { siteOf } from "../helpers_session.ts";

/** A program for `deno serve`, which prints what is reported. */
function programOf(options: string): string {
  return `
import { Resource, Site } from "${ROOT}mod.ts";
import { SqliteStore } from "${ROOT}stores/sqlite_store.ts";

export default new Site(new Resource(), {
  onError: (error) => console.log("reported:", error.message),
  ${options}
});
`;
}

/** Serves a program in some workers; there is a port for nobody else. */
function serve(path: string, jobs: number): Program {
  return runDeno(
    [
      "-A",
      "--config=deno.json",
      "--parallel",
      "--host=127.0.0.1",
      "--port=0",
      path,
    ],
    { command: "serve", env: { DENO_JOBS: String(jobs) } },
  );
}

/** Lines that stand for one worker each. */
async function lines(program: Program, count: number): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) lines.push(await program.stdout.next());
  return lines;
}

/** What is still printed once the program was told to stop, and how it ended. */
async function stop(program: Program): Promise<[string[], number]> {
  program.kill("SIGTERM");
  const { code } = await program.status;
  return [await program.stdout.rest(), code];
}

testWith(
  ["net", "read", "write", "run"],
  "Site under deno serve --parallel reports in each worker, once, that its sessions are not the other's",
  async () => {
    using folder = makeFolder({ "main.ts": programOf("") });
    await using program = serve(`${folder.path}/main.ts`, 3);
    const reports = await lines(program, 3);
    for (const report of reports) {
      assertMatch(report, /reported: Sessions are kept in the memory of this/);
    }
    const workers = reports.map((report) => /worker-\d/.exec(report)?.[0]);
    assertEquals(workers.sort(), ["worker-0", "worker-1", "worker-2"]);
    assertEquals((await stop(program))[0], []);
  },
);

testWith(
  ["net", "read", "write", "run"],
  "Site under deno serve --parallel has nothing to report with a store, or in one worker",
  async () => {
    using folder = makeFolder();
    const store = `new SqliteStore({ path: "${folder.path}/sessions.db" })`;
    folder.write("stored.ts", programOf(`store: ${store}`));
    folder.write("alone.ts", programOf(""));
    for (const [name, jobs] of [["stored.ts", 2], ["alone.ts", 1]] as const) {
      await using program = serve(`${folder.path}/${name}`, jobs);
      for (;;) {
        const line = await program.stderr.next();
        if (/Listening on/.test(line)) break;
        assertNotEquals(line, "", "it ended by itself");
      }
      // Nothing is to come of it: longer than workers need to hear each other.
      await new Promise((resolve) => setTimeout(resolve, 500));
      assertEquals((await stop(program))[0], [], name);
    }
  },
);

testWith(
  ["net", "read", "write", "run"],
  "listen() in two workers reports in both that their sessions are not the other's",
  async () => {
    await using program = runText(`
const code = \`
import { listen, Resource, Site } from "${ROOT}mod.ts";
const site = new Site(new Resource(), {
  onError: (error) => postMessage(error.message),
});
listen(site, { port: 0, hostname: "127.0.0.1", onListen() {} });
\`;
const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
const workers = [1, 2].map(() => new Worker(url, { type: "module" }));
await Promise.all(workers.map((worker) => new Promise((resolve) => {
  worker.onmessage = ({ data }) => resolve(console.log(data));
})));
Deno.exit();
`);
    for (const line of await lines(program, 2)) {
      assertMatch(line, /^Sessions are kept in the memory of this worker/);
    }
  },
);

testWith(
  ["read", "run"],
  "Site.listenForSiblings() keeps no process",
  async () => {
    await using program = runText(`
import { Resource, Site } from "${ROOT}mod.ts";
const site = new Site(new Resource());
site.listenForSiblings();
setTimeout(() => console.log("done"), 100);
`);
    assertEquals((await program.status).code, 0);
    assertEquals(await program.stdout.rest(), ["done"]);
  },
);

Deno.test("Site.close() stops listening for siblings", async () => {
  const site = siteOf();
  site.listenForSiblings();
  // Nothing is left for the sanitizers, whether it has been loaded by now or not.
  await site.close();
  const other = siteOf();
  other.listenForSiblings();
  await import("node:worker_threads");
  await other.close();
});
