// Every example is started as the line at its top says, visited and started again
// at the same port.

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  addressOf,
  makeFolder,
  type Program,
  ROOT,
  runDeno,
  testWith,
} from "../helpers_process.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";

/** The modules that examples share. */
const SHARED = ["page.ts", "serve.ts"];

/** Twisted's example answers with an empty page, and so does ours. */
const EMPTY = ["logme.ts"];

/** The examples that need Redis. */
const WITH_REDIS = ["cluster.ts"];

const names = ignoredWithoutRead(() =>
  [...Deno.readDirSync(new URL("examples", ROOT))]
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".ts") && !SHARED.includes(name))
    .sort()
);

function ignoredWithoutRead(list: () => string[]): string[] {
  const { state } = Deno.permissions.querySync({ name: "read" });
  return state === "granted" ? list() : [];
}

/** The permissions that an example needs, by the first command at its top. */
function permissionsOf(name: string): string[] {
  const text = Deno.readTextFileSync(new URL(`examples/${name}`, ROOT));
  const [command = ""] = text.split(`examples/${name}`, 1);
  assert(
    command.includes("deno run --allow-"),
    `${name} does not say how it is run`,
  );
  return command.match(/--allow-\S+/g) ?? [];
}

/** Visits an example, and checks that it refuses a port that is taken. */
async function check(
  name: string,
  start: (...args: string[]) => Program,
): Promise<void> {
  await using program = start("--port", "0");
  const address = await addressOf(program);
  assertMatch(address, /^http:\/\/localhost:\d+\/$/);
  const hint = await program.stderr.next();
  const urls = [...hint.matchAll(/http:\/\/localhost:[^ ,;]+/g)];
  assert(urls.length > 0, `The hint names no page: ${hint}`);
  for (const [url] of urls) await checkPage(name, url);

  await using second = start(`--port=${new URL(address).port}`);
  assertEquals((await second.status).code, 1);
  assertEquals(await second.stderr.rest(), [
    `Cannot listen on ${address.slice("http://".length, -1)}: ` +
    "Address already in use; choose another port, such as --port 8081",
  ]);
}

async function checkPage(name: string, url: string): Promise<void> {
  const response = await fetch(url);
  const text = await response.text();
  if (EMPTY.includes(name)) return assertEquals(text, "");
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("text/html")) {
    // These are about other kinds of answers.
    assertMatch(type, /^(application\/json|text\/plain)/, url);
    return;
  }
  assertMatch(text, /^<!DOCTYPE html>\n<html lang="en">\n/, url);
  assertMatch(text, /<meta name="viewport" content="width=device-width/, url);
  assertMatch(text, /<title>[^<]+<\/title>/, url);
}

for (const name of names.filter((name) => !WITH_REDIS.includes(name))) {
  testWith(
    ["net", "read", "run", "write"],
    `${name} says where it listens and what to try, and has pages to show`,
    async () => {
      using folder = makeFolder();
      const permissions = permissionsOf(name);
      const path = new URL(`examples/${name}`, ROOT).pathname;
      // A program that writes files has a folder of its own for them.
      const cwd = permissions.some((flag) => flag.startsWith("--allow-write"))
        ? folder.path
        : ROOT;
      await check(
        name,
        (...args) => runDeno([...permissions, path, ...args], { cwd }),
      );
    },
  );
}

for (const name of WITH_REDIS) {
  testWithRedis(
    `${name} says where it listens and what to try, and has pages to show`,
    async () => {
      await using redis = await RedisServer.start({
        settings: ["--appendonly", "yes"],
      });
      await check(name, (...args) =>
        runDeno([
          ...permissionsOf(name),
          `examples/${name}`,
          ...args,
          "--redis",
          redis.url,
        ]));
    },
  );
}

testWith(
  ["net", "read", "run"],
  "An example takes its port from PORT",
  async () => {
    const run = (PORT: string, ...args: string[]) =>
      runDeno([
        ...["--allow-net", "--allow-env=PORT", "examples/dynamic_content.ts"],
        ...args,
      ], { env: { PORT } });
    await using program = run("0");
    const address = await addressOf(program);
    await using second = run(new URL(address).port, "--port", "0");
    // What the command line says comes first.
    assert(await addressOf(second) !== address);
    await using third = run("none");
    assertEquals((await third.status).code, 1);
    assertEquals(await third.stderr.rest(), [
      'Cannot listen: the port is not from 0 to 65535: "none"',
    ]);
  },
);

testWith(["read"], "examples/README.md lists every example", () => {
  const text = Deno.readTextFileSync(new URL("examples/README.md", ROOT));
  const missing = names.filter((name) => !text.includes(`(${name})`));
  assertEquals(missing, []);
});
