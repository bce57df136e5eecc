/**
 * What the tests that run programs share.
 *
 * @module
 */

import { fail } from "@std/assert";
import { repeatedIfStalled } from "./helpers_stalls.ts";

/** The root of the checkout, with a slash at its end. */
export const ROOT = new URL("../", import.meta.url);

/**
 * Milliseconds that a test may take, on however busy a machine. One that hangs
 * fails by then, and the others have their turn.
 */
export const TEST_LIMIT = 120_000;

/**
 * Milliseconds in which something comes that waits for no timer, on a machine
 * that stalls for seconds. It is far below the limits that a site has for what
 * hangs, and what never comes is found all the same.
 */
export const SOON = 8000;

/**
 * A test that is ignored, and says so, where a permission is missing.
 *
 * @param timeout The milliseconds that it may take.
 */
export function testWith(
  permissions: readonly Deno.PermissionName[],
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
  timeout = TEST_LIMIT,
): void {
  const missing = permissions.filter((name) =>
    Deno.permissions.querySync({ name }).state !== "granted"
  );
  const reason = missing.length === 0
    ? ""
    : ` (ignored: needs --allow-${missing.join(" --allow-")})`;
  Deno.test({
    name: name + reason,
    ignore: missing.length > 0,
    timeout,
    fn: repeatedIfStalled(fn),
  });
}

/** A test that needs programs of the system too. */
export function systemTest(
  programs: readonly string[],
  name: string,
  fn: () => Promise<void>,
  timeout = TEST_LIMIT,
): void {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) {
    testWith(["net", "read", "run", "write"], name, fn, timeout);
  } else {
    Deno.test({
      name: `${name} (ignored: needs ${missing.join(", ")})`,
      ignore: true,
      fn,
    });
  }
}

function isInstalled(program: string): boolean {
  // Without the permission the test is ignored for the lack of that.
  if (Deno.permissions.querySync({ name: "run" }).state !== "granted") {
    return true;
  }
  try {
    new Deno.Command(program, { args: ["--version"] }).outputSync();
    return true;
  } catch {
    return false;
  }
}

/** A folder of its own, gone when it is disposed of. */
export interface Folder extends Disposable {
  /** Its real path. */
  readonly path: string;
  /** Writes a file, and the folders it is in. */
  write(name: string, text: string): void;
}

/** Makes a folder with files by name. */
export function makeFolder(files: Record<string, string> = {}): Folder {
  const path = Deno.realPathSync(Deno.makeTempDirSync());
  const folder: Folder = {
    path,
    write(name, text) {
      const file = `${path}/${name}`;
      Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(file, text);
    },
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
  for (const [name, text] of Object.entries(files)) folder.write(name, text);
  return folder;
}

/** Makes a certificate for localhost and 127.0.0.1, with its key; by openssl. */
export async function makeCertificate(
  cert: string,
  key: string,
): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
      ...["-out", cert, "-keyout", key],
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** A running program, which is killed when it is disposed of. */
export interface Program extends AsyncDisposable {
  readonly stdout: Lines;
  readonly stderr: Lines;
  readonly status: Promise<Deno.CommandStatus>;
  kill(signal: Deno.Signal): void;
}

/**
 * Runs `deno run`, or another command of it, with arguments, in the checkout or
 * in another folder, with as many open files as are allowed.
 */
export function runDeno(
  args: readonly string[],
  options: {
    input?: string;
    cwd?: string | URL;
    command?: "run" | "serve";
    env?: Record<string, string>;
    openFiles?: number;
  } = {},
): Program {
  const { input = "", cwd = ROOT, command = "run", env = {} } = options;
  const limits = options.openFiles === undefined
    ? []
    : ["sh", "-c", `ulimit -n ${options.openFiles}; exec "$0" "$@"`];
  const [program, ...denoArgs] = [
    ...limits,
    ...[Deno.execPath(), command, "--no-prompt", ...args],
  ];
  const child = new Deno.Command(program!, {
    args: denoArgs,
    cwd,
    env: { NO_COLOR: "1", ...env },
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

/** Runs a program that is given as text, which may have so many open files. */
export function runText(text: string, openFiles?: number): Program {
  const limit = openFiles === undefined ? {} : { openFiles };
  return runDeno(["-A", "-"], { input: text, ...limit });
}

/** Where a program says that it listens, in the next line that says so. */
export async function addressOf(program: Program): Promise<string> {
  const said: string[] = [];
  for (;;) {
    const line = await program.stderr.next();
    if (line === "") fail(`It does not listen:\n${said.join("\n")}`);
    const [, address] = /^Listening on (\S+)/.exec(line) ?? [];
    if (address !== undefined) return address.replace("0.0.0.0", "127.0.0.1");
    said.push(line);
  }
}

/** The lines of a stream, as they come. */
export class Lines {
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
