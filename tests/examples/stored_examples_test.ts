// The examples of sessions in a store, run as the lines at their top say, killed,
// and started again.

import {
  assertEquals,
  assertGreaterOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { cookieOf } from "../helpers_store.ts";
import {
  addressOf,
  type Lines,
  makeFolder,
  type Program,
  ROOT,
  runDeno,
  testWith,
} from "../helpers_process.ts";
import { firstParagraph } from "./helpers_pages.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";

/** The permissions that an example asks for at its top. */
function permissionsOf(example: string): string[] {
  const [top = ""] = Deno.readTextFileSync(new URL(example, ROOT))
    .split("\n\n");
  return [...top.matchAll(/--allow-\S+/g)]
    .map(([permission]) => permission);
}

function run(example: string, args: string[], cwd: string | URL): Program {
  const path = new URL(example, ROOT).pathname;
  return runDeno([...permissionsOf(example), path, ...args], { cwd });
}

async function kill(program: Program, signal: Deno.Signal): Promise<void> {
  program.kill(signal);
  await program.status;
}

/** What a page says to a visitor with that cookie, and the cookie afterwards. */
async function visit(url: string, cookie = ""): Promise<[string, string]> {
  const response = await fetch(url, { headers: { cookie } });
  const text = await response.text();
  assertEquals(response.status, 200, text);
  return [firstParagraph(text), cookie === "" ? cookieOf(response) : cookie];
}

async function nextMatch(lines: Lines, pattern: RegExp): Promise<string> {
  for (;;) {
    const line = await lines.next();
    if (pattern.test(line)) return line;
    assertEquals(line === "", false, `it ended without ${pattern}`);
  }
}

const RESTART = "examples/restart.ts";

testWith(
  ["net", "read", "write", "run"],
  "restart frees the seats of sessions that ended while nothing ran, and prints how late",
  async () => {
    using folder = makeFolder();
    // Long enough for it to die before the time comes.
    const timeout = 3;
    const args = ["--port=0", `--timeout=${timeout}`];
    let visitedAt: number;
    {
      await using before = run(RESTART, args, folder.path);
      const address = await addressOf(before);
      visitedAt = Date.now();
      const [text] = await visit(`${address}book?seat=7`);
      assertEquals(text, "Seat 7 is yours.");
      await kill(before, "SIGKILL");
    }
    // Until the deadline, which is only in the store.
    await new Promise((resolve) => setTimeout(resolve, timeout * 1000 + 500));
    await using after = run(RESTART, args, folder.path);
    const line = await after.stdout.next();
    const [, late] =
      /^Seat 7 is free: idle, delivered (\d+\.\d) s late/.exec(line) ??
        [];
    assertGreaterOrEqual(Number(late), 0.5, line);
    const latest = (Date.now() - visitedAt) / 1000 - timeout;
    assertGreaterOrEqual(latest, Number(late) - 0.05);
    const address = await addressOf(after);
    const [text] = await visit(`${address}book?seat=7`);
    assertEquals(text, "Seat 7 is yours.");
    await kill(after, "SIGTERM");
    assertEquals((await after.status).code, 0);
  },
);

testWith(
  ["net", "read", "write", "run"],
  "restart keeps the seats of visitors who come back in time",
  async () => {
    using folder = makeFolder();
    const args = ["--port=0"];
    let cookie = "";
    for (const signal of ["SIGTERM", "SIGKILL", "SIGTERM"] as const) {
      await using program = run(RESTART, args, folder.path);
      const address = await addressOf(program);
      if (cookie === "") [, cookie] = await visit(`${address}book?seat=7`);
      const [text] = await visit(address, cookie);
      assertEquals(text, "You have seat 7.");
      const [other] = await visit(`${address}book?seat=7`);
      assertEquals(other, "It is taken.");
      await kill(program, signal);
    }
  },
);

testWithRedis(
  "cluster answers by another process, which delivers the ends of a killed one",
  async () => {
    await using redis = await RedisServer.start({
      settings: ["--appendonly", "yes"],
    });
    const start = () =>
      run(
        "examples/cluster.ts",
        // Time for three visits, be the machine stalled for seconds.
        ["--port=0", `--redis=${redis.url}`, "--timeout=5"],
        ROOT,
      );
    await using first = start();
    await using second = start();
    const [one, two] = await Promise.all([addressOf(first), addressOf(second)]);
    const [begin, cookie] = await visit(one);
    const uid = cookie.split("=")[1]!.slice(0, 32);
    assertStringIncludes(begin, `Visit 1 of session ${uid}`);
    assertStringIncludes(
      await visit(two, cookie).then(([text]) => text),
      "Visit 2 ",
    );
    assertStringIncludes(
      await visit(one, cookie).then(([text]) => text),
      "Visit 3 ",
    );
    await kill(first, "SIGKILL");

    const line = await nextMatch(second.stdout, new RegExp(uid));
    assertEquals(line, `${uid}: idle after 3 visits, begins`);
    // It dies in the middle: a third one begins again.
    await kill(second, "SIGKILL");
    await using third = start();
    assertMatch(await nextMatch(third.stdout, new RegExp(uid)), /begins$/);
    assertEquals(await third.stdout.next(), `${uid}: is done`);
    await kill(third, "SIGTERM");
    assertEquals((await third.status).code, 0);
    assertEquals(await third.stdout.rest(), []);
  },
);
