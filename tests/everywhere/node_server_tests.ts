import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { NOT_KEPT } from "./frameworks.ts";
import { closing, equal, ok, test } from "./suite.ts";

/** Deno reports no code of a process that it sent a signal. */
const EXIT = "Deno" in globalThis ? null : 0;

/** The server of node_server.ts, in a process of its own. */
class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly exited: Promise<number | null>;
  /** Resolves with all that it has written to stderr. */
  readonly stderr: Promise<string>;
  port = 0;

  constructor(args: string[]) {
    const path = fileURLToPath(new URL("node_server.ts", import.meta.url));
    const isDeno = "Deno" in globalThis;
    this.#child = spawn(
      process.execPath,
      [...isDeno ? ["run", "-A"] : [], path, ...args],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.stderr = text(this.#child.stderr!);
    this.exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#lines = createInterface({ input: this.#child.stdout! })
      [Symbol.asyncIterator]();
  }

  static async start(...args: string[]): Promise<Program> {
    const program = closing(new Program(args));
    program.port = Number((await program.line()).split(" ")[1]);
    return program;
  }

  /** Returns the next line that it prints. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    return done ? "(nothing more)" : value;
  }

  get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, NOT_KEPT);
  }

  /** Sends a request line as it is, and returns the status line. */
  send(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1");
      socket.on("error", reject);
      socket.once("data", (data) => {
        resolve(data.toString().split("\r\n", 1)[0]!);
        socket.destroy();
      });
      socket.write(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    });
  }

  /** Ends the process, if a test has failed before it did. */
  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}

test("serve() serves a site, whose sessions end on time", async () => {
  const program = await Program.start("--short");
  const uid = await (await program.get("/logme")).text();
  equal(await program.line(), `Session ${uid} has expired: idle`);
  program.signal("SIGTERM");
  equal([await program.line(), await program.exited], ["finished", EXIT]);
});

test("serve() lets running requests finish at SIGTERM, and ends the sessions", async () => {
  const program = await Program.start();
  const uid = await (await program.get("/logme")).text();
  const slow = program.get("/slow");
  equal(await program.line(), "slow");
  program.signal("SIGTERM");
  equal(await (await slow).text(), "done");
  equal(await program.line(), `Session ${uid} has expired: shutdown`);
  equal([await program.line(), await program.exited], ["finished", EXIT]);
  const refused = await program.get("/logme").catch(() => undefined);
  ok(refused === undefined, "it still listens");
});

test("serve() fails with a message if its port is taken", async () => {
  const other = await Program.start();
  const program = closing(new Program([`--port=${other.port}`]));
  equal(await program.exited, 1);
  const message = await program.stderr;
  ok(message.includes(`${other.port}`), message);
  ok(/EADDRINUSE|AddrInUse/.test(message), message);
});

test("serve() takes OPTIONS * and whole URLs for targets", async () => {
  const program = await Program.start();
  const statuses = [];
  for (
    const target of ["OPTIONS *", "GET http://x/logme", "GET http://y/logme"]
  ) {
    statuses.push((await program.send(target)).split(" ")[1]);
  }
  // Bun answers OPTIONS * itself.
  equal(statuses, ["Bun" in globalThis ? "400" : "204", "200", "400"]);
  program.signal("SIGTERM");
  await program.exited;
});
