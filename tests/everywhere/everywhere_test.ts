import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { packForNpm } from "../../tools/npm.ts";
import { PostgresServer, testWithPostgres } from "../helpers_postgres.ts";
import { ROOT, systemTest, testWith } from "../helpers_process.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import packages from "./runtimes.json" with { type: "json" };

const HERE = new URL(".", import.meta.url);
const LIST = JSON.stringify(packages);

/** Returns where the runtimes lie, for all checkouts that need the same versions. */
function runtimesFolder(): string {
  const hash = createHash("sha256").update(LIST).digest("hex");
  return `${tmpdir()}/curfew-runtimes-${hash.slice(0, 16)}`;
}

const NAMES = ["node22", "node24", "node26", "bun"] as const;

/** Milliseconds for the test that installs: some hundred megabytes may come. */
const INSTALLING = 300_000;

let prepared: Promise<string> | undefined;

/** Returns a folder with the tests, the package and the runtimes. */
function prepare(): Promise<string> {
  return prepared ??= prepareAll();
}

async function prepareAll(): Promise<string> {
  const runtimes = runtimesFolder();
  await installRuntimes(runtimes);
  const folder = await Deno.makeTempDir({ prefix: "curfew-everywhere-" });
  globalThis.addEventListener("unload", () => {
    Deno.removeSync(folder, { recursive: true });
  });
  await packForNpm(`${folder}/curfew.tgz`);
  await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
  await run(
    folder,
    "npm",
    "install",
    "--no-audit",
    "--no-fund",
    "./curfew.tgz",
  );
  const modules = `${folder}/node_modules`;
  for await (const { name } of Deno.readDir(`${runtimes}/node_modules`)) {
    if (name.startsWith(".") || await exists(`${modules}/${name}`)) continue;
    await Deno.symlink(
      `${runtimes}/node_modules/${name}`,
      `${modules}/${name}`,
    );
  }
  await Deno.mkdir(`${folder}/suite`);
  for await (const { name } of Deno.readDir(HERE)) {
    if (name.endsWith("_test.ts")) continue;
    await Deno.copyFile(new URL(name, HERE), `${folder}/suite/${name}`);
  }
  return folder;
}

async function installRuntimes(runtimes: string): Promise<void> {
  if (await read(`${runtimes}/installed`) === LIST) return;
  await Deno.mkdir(runtimes, { recursive: true });
  await Deno.writeTextFile(`${runtimes}/package.json`, LIST);
  await run(runtimes, "npm", "install", "--no-audit", "--no-fund");
  await Deno.writeTextFile(`${runtimes}/installed`, LIST);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** Returns the paths of all files below a folder. */
async function filesIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) paths.push(...await filesIn(path));
    else paths.push(path);
  }
  return paths;
}

/** Returns the text of a file; undefined if there is none. */
async function read(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return undefined;
  }
}

/** Runs a program in a folder, and fails with what it writes. */
async function run(
  folder: string,
  program: string,
  ...args: string[]
): Promise<void> {
  const { code, output } = await tryToRun(folder, program, ...args);
  assertEquals(code, 0, `${program} ${args.join(" ")}: ${output}`);
}

async function tryToRun(
  folder: string,
  program: string,
  ...args: string[]
): Promise<{ code: number; output: string }> {
  return await tryWith({}, folder, program, ...args);
}

async function tryWith(
  env: Record<string, string>,
  folder: string,
  program: string,
  ...args: string[]
): Promise<{ code: number; output: string }> {
  const command = new Deno.Command(program, { args, cwd: folder, env });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Returns the path of a runtime's program. */
function programOf(name: string): string {
  return name === "bun"
    ? `${runtimesFolder()}/node_modules/bun/bin/bun.exe`
    : `${runtimesFolder()}/node_modules/${name}/bin/node`;
}

/** Fails with the lines of the tests that failed, or the output if none ran. */
function assertAllPass(code: number, output: string, fewest: number): void {
  const lines = output.split("\n");
  const failed = lines.filter((line) => line.startsWith("not ok"));
  assertEquals(failed, []);
  assertEquals(code, 0, output);
  const passed = lines.filter((line) => line.startsWith("ok ")).length;
  assert(passed >= fewest, `only ${passed} tests ran: ${output}`);
}

systemTest(["npm", "tar"], "The npm package can be made", async () => {
  await prepare();
}, INSTALLING);

systemTest(
  ["npm", "tar"],
  "The types of the npm package are complete, and name none of Deno's",
  async () => {
    const root = `${await prepare()}/node_modules/@curfew/web`;
    for (const path of await filesIn(root)) {
      if (!path.endsWith(".d.ts")) continue;
      const text = await Deno.readTextFile(path);
      const code = text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");
      assert(!/\bDeno\./.test(code), `${path} names a type of Deno`);
      assert(!/export \* from "deno-std/.test(code), `${path} has no types`);
    }
  },
  INSTALLING,
);

testWith(["run"], "The tests for every runtime pass on Deno", async () => {
  const { code, output } = await tryToRun(
    ROOT.pathname,
    Deno.execPath(),
    "run",
    "-A",
    "tests/everywhere/main.ts",
  );
  assertAllPass(code, output, 200);
});

for (const name of NAMES) {
  systemTest(
    ["npm", "tar"],
    `The tests for every runtime pass on ${name}`,
    async () => {
      const folder = await prepare();
      const { code, output } = await tryToRun(
        folder,
        programOf(name),
        "suite/main.ts",
      );
      assertAllPass(code, output, 200);
    },
  );
}

/** Runs the tests of the stores over servers on a runtime. */
async function passOver(
  env: { readonly REDIS_URL?: string; readonly POSTGRES_URL?: string },
  name: string,
): Promise<void> {
  const isDeno = name === "Deno";
  const folder = isDeno ? ROOT.pathname : await prepare();
  const program = isDeno ? Deno.execPath() : programOf(name);
  const args = isDeno
    ? ["run", "-A", "tests/everywhere/server_main.ts"]
    : ["suite/server_main.ts"];
  const { code, output } = await tryWith({ ...env }, folder, program, ...args);
  assertAllPass(code, output, 200);
}

for (const name of ["Deno", ...NAMES]) {
  testWithRedis(`RedisStore passes its tests on ${name}`, async () => {
    await using server = await RedisServer.start();
    await passOver({ REDIS_URL: server.url }, name);
  });

  testWithPostgres(`PostgresStore passes its tests on ${name}`, async () => {
    await using server = await PostgresServer.start();
    await passOver({ POSTGRES_URL: server.url }, name);
  });
}

systemTest(
  ["npm", "tar"],
  "The tests for every runtime pass on workerd, without a store",
  async () => {
    const folder = await prepare();
    const worker = `${folder}/worker.js`;
    await run(
      ROOT.pathname,
      Deno.execPath(),
      "bundle",
      "--quiet",
      "--platform=browser",
      `--output=${worker}`,
      "tests/everywhere/worker.ts",
    );
    const { code, output } = await tryToRun(
      folder,
      programOf("node24"),
      "suite/workerd.mjs",
      worker,
    );
    assertAllPass(code, output, 20);
  },
);
