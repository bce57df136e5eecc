// The example as a process, over TCP and in real time. These tests need the
// permissions net, run and read; without them they are ignored.

import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLess,
  assertMatch,
  assertStringIncludes,
  fail,
} from "@std/assert";
import {
  type Program,
  ROOT,
  runDeno,
  SOON,
  testWith,
} from "./helpers_process.ts";

const PERMISSIONS = ["net", "run", "read"] as const;

/**
 * Serves the example on a free port, which it prints: 8080 may be in use. After
 * what the example says of an end comes its reason.
 */
const ON_FREE_PORT = `
import { site } from "${ROOT}examples/logme.ts";
import { listen } from "${ROOT}mod.ts";
const server = listen(site, "tcp:0:interface=127.0.0.1");
site.notifyOnSessionEnd(({ reason }) => console.log(reason));
console.log("port", server.addr.port);
`;

testWith(
  PERMISSIONS,
  "a process serves logme, whose sessions end 5 s after the last visit",
  async () => {
    await using program = start(["-"], ON_FREE_PORT);
    const port = await portOf(program);
    const answer = await get(port, "/logme");
    assertMatch(answer, /^HTTP\/1\.1 200 OK\r\n/);
    const match = answer.match(/\r\nset-cookie: (session=[0-9a-f]{64});/i);
    assert(match !== null);
    const cookie = match[1]!;

    let visitedAt = performance.now();
    const said = program.stdout.next();
    // Six seconds in all: without the visits the session would have ended.
    for (let visit = 0; visit < 6; visit++) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      visitedAt = performance.now();
      assertEquals(
        /set-cookie/i.test(await get(port, "/logme", cookie)),
        false,
      );
    }
    const answeredAt = performance.now();

    assertEquals(await said, `Session ${uidIn(cookie)} has expired.`);
    const endedAt = performance.now();
    assertGreaterOrEqual(endedAt - visitedAt, 4990);
    assertLess(endedAt - answeredAt, 5000 + SOON);
    assertEquals(await program.stdout.next(), "idle");
  },
);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  if (Deno.build.os === "windows") continue;
  testWith(
    PERMISSIONS,
    `${signal} ends the sessions and then the process, with 0`,
    async () => {
      await using program = start(["-"], ON_FREE_PORT);
      const port = await portOf(program);
      const answer = await get(port, "/logme");
      const [uid] = answer.match(/(?<=session=)[0-9a-f]{32}/) ?? [];

      program.kill(signal);
      assertEquals(await program.stdout.rest(), [
        `Session ${uid} has expired.`,
        "shutdown",
      ]);
      assertEquals(await program.status, {
        success: true,
        code: 0,
        signal: null,
      });
      assertEquals(withoutGreeting(await program.stderr.rest()), []);
    },
  );
}

testWith(
  PERMISSIONS,
  "logme listens on port 8080, and a second one says that it is in use",
  async () => {
    // It may be somebody else's, who would be asked then.
    if (!isFree(8080)) return;
    await using first = start(["examples/logme.ts"]);
    assertStringIncludes(await first.stderr.next(), "8080");
    assertMatch(await get(8080, "/logme"), /^HTTP\/1\.1 200 OK\r\n/);

    await using second = start(["examples/logme.ts"]);
    const { success } = await second.status;
    assertEquals(success, false);
    const said = (await second.stderr.rest()).join("\n");
    assertMatch(
      said,
      /^Cannot listen on localhost:8080: Address already in use; .*$/,
    );
  },
);

/** Runs a program that may listen. */
function start(args: string[], input: string = ""): Program {
  return runDeno(["--allow-net", ...args], { input });
}

/** The port that ON_FREE_PORT prints; if there is none, stderr says why. */
async function portOf(program: Program): Promise<number> {
  const [, port] = (await program.stdout.next()).match(/^port (\d+)$/) ?? [];
  if (port === undefined) fail((await program.stderr.rest()).join("\n"));
  return Number(port);
}

/** Sends a GET over a connection of its own, and answers all that comes back. */
async function get(
  port: number,
  path: string,
  cookie?: string,
): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: localhost:${port}`,
    "Connection: close",
  ];
  if (cookie !== undefined) lines.push(`Cookie: ${cookie}`);
  const request = new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n");
  const writer = connection.writable.getWriter();
  await writer.write(request);
  writer.releaseLock();
  return await new Response(connection.readable).text();
}

/** The uid in a cookie: what comes before the secret. */
function uidIn(cookie: string): string {
  return cookie.slice("session=".length, "session=".length + 32);
}

/** What was printed, less what Deno.serve says when it listens. */
function withoutGreeting(lines: string[]): string[] {
  return lines.filter((line) => !line.startsWith("Listening on "));
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ port }).close();
    return true;
  } catch {
    return false;
  }
}
