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

const PERMISSIONS = ["net", "run", "read"] as const;
const MISSING = PERMISSIONS.filter((name) =>
  Deno.permissions.querySync({ name }).state !== "granted"
);
const REASON = MISSING.length > 0
  ? ` (ignored: needs --allow-${MISSING.join(" --allow-")})`
  : "";

const ROOT = new URL("../", import.meta.url);

/** Serves the example on a free port, which it prints: 8080 may be in use. */
const ON_FREE_PORT = `
import { site } from "${ROOT}examples/logme.ts";
import { listen } from "${ROOT}mod.ts";
const server = listen(site, "tcp:0:interface=127.0.0.1");
console.log("port", server.addr.port);
`;

/**
 * Milliseconds that a line may take to get here beyond the five seconds: few
 * are used, the rest is for a machine that is busy with other things.
 */
const TOLERANCE = 500;

Deno.test("a process serves logme" + REASON, {
  ignore: MISSING.length > 0,
}, async (t) => {
  await using program = start(["-"], ON_FREE_PORT);
  const port = await portOf(program);

  let cookie = "";
  await t.step("the first visit sets a cookie", async () => {
    const answer = await get(port, "/logme");
    assertMatch(answer, /^HTTP\/1\.1 200 OK\r\n/);
    const match = answer.match(/\r\nset-cookie: (session=[0-9a-f]{64});/i);
    assert(match !== null);
    cookie = match[1]!;
  });

  await t.step(
    "visits keep the session, which ends 5 s after the last",
    async () => {
      let visitedAt = Date.now();
      const said = program.stdout.next();
      // Three seconds twice: without the visits the session would have ended.
      for (let visit = 0; visit < 2; visit++) {
        await new Promise((resolve) => setTimeout(resolve, 3000));
        visitedAt = Date.now();
        assertEquals(
          /set-cookie/i.test(await get(port, "/logme", cookie)),
          false,
        );
      }
      const answeredAt = Date.now();

      assertEquals(await said, `Session ${uidIn(cookie)} has expired.`);
      assertGreaterOrEqual(Date.now() - visitedAt, 5000);
      assertLess(Date.now() - answeredAt, 5000 + TOLERANCE);
    },
  );
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(
    `${signal} ends the sessions and then the process, with 0` + REASON,
    {
      ignore: MISSING.length > 0 || Deno.build.os === "windows",
    },
    async () => {
      await using program = start(["-"], ON_FREE_PORT);
      const port = await portOf(program);
      const answer = await get(port, "/logme");
      const [uid] = answer.match(/(?<=session=)[0-9a-f]{32}/) ?? [];

      const signalledAt = Date.now();
      program.kill(signal);
      assertEquals(await program.stdout.rest(), [
        `Session ${uid} has expired.`,
      ]);
      assertEquals(await program.status, {
        success: true,
        code: 0,
        signal: null,
      });
      // Long before the session would have ended by itself.
      assertLess(Date.now() - signalledAt, 2000);
      assertEquals(withoutGreeting(await program.stderr.rest()), []);
    },
  );
}

Deno.test(
  "logme listens on port 8080, and a second one says that it is in use" +
    REASON,
  {
    ignore: MISSING.length > 0 || !isFree(8080),
  },
  async () => {
    await using first = start(["examples/logme.ts"]);
    assertStringIncludes(await first.stderr.next(), "8080");
    assertMatch(await get(8080, "/logme"), /^HTTP\/1\.1 200 OK\r\n/);

    await using second = start(["examples/logme.ts"]);
    const { success } = await second.status;
    assertEquals(success, false);
    const said = (await second.stderr.rest()).join("\n");
    assertMatch(said, /Cannot listen on 0\.0\.0\.0:8080: Address.* in use/);
  },
);

/** A running program, which is killed when it is disposed of. */
interface Program extends AsyncDisposable {
  readonly stdout: Lines;
  readonly stderr: Lines;
  readonly status: Promise<Deno.CommandStatus>;
  kill(signal: Deno.Signal): void;
}

function start(args: string[], input: string = ""): Program {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const written = new Blob([input]).stream().pipeTo(child.stdin);
  const stdout = new Lines(child.stdout);
  const stderr = new Lines(child.stderr);
  return {
    stdout,
    stderr,
    status: child.status,
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await Promise.all([written, child.status, stdout.rest(), stderr.rest()]);
    },
  };
}

/** The port that ON_FREE_PORT prints; if there is none, stderr says why. */
async function portOf(program: Program): Promise<number> {
  const [, port] = (await program.stdout.next()).match(/^port (\d+)$/) ?? [];
  if (port === undefined) fail((await program.stderr.rest()).join("\n"));
  return Number(port);
}

/** The lines of a stream, as they come. */
class Lines {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line, once it is there; what is left at the end of the stream. */
  async next(): Promise<string> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      this.#text += value;
    }
    const [line = "", ...others] = this.#text.split("\n");
    this.#text = others.join("\n");
    return line;
  }

  /** All the lines that are still to come. */
  async rest(): Promise<string[]> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      this.#text += value;
    }
    const lines = this.#text.split("\n").filter((line) => line !== "");
    this.#text = "";
    return lines;
  }
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
