/**
 * The processes of a benchmark: none outlives it, Ctrl-C included.
 *
 * @module
 */

/** What to run. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Where and how often a {@linkcode Program} runs. */
export interface StartOptions {
  /**
   * The CPU that it is kept on.
   *
   * @default {any}
   */
  readonly cpu?: number | undefined;
  /**
   * How many processes share the port.
   *
   * @default {1}
   */
  readonly copies?: number | undefined;
}

/** A million sessions are made before the server listens. */
const START_MILLISECONDS = 60_000;

/** The unit of `/proc/PID/stat`: 100 a second, whatever the kernel counts in. */
const TICKS_PER_SECOND = 100;

const STOP_SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM"];

/** Starts processes, and kills them when it is disposed of or a signal comes. */
export class Processes implements AsyncDisposable {
  readonly #running = new Set<Deno.ChildProcess>();
  readonly #folder: string = Deno.makeTempDirSync({ prefix: "curfew-bench-" });
  readonly #stop = () => {
    this.#killAll();
    Deno.exit(130);
  };

  constructor() {
    for (const signal of STOP_SIGNALS) {
      Deno.addSignalListener(signal, this.#stop);
    }
  }

  /** A file for a process to read, gone with the processes. */
  writeFile(name: string, text: string): string {
    const path = `${this.#folder}/${name}`;
    Deno.writeTextFileSync(path, text);
    return path;
  }

  /**
   * Runs a program to its end.
   *
   * @returns what it printed.
   * @throws {Error} If it fails; it says what it printed instead.
   */
  async run(program: Program, options: StartOptions = {}): Promise<string> {
    const child = this.#spawn(program, options.cpu);
    const { success, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    if (success) return decoder.decode(stdout);
    throw new Error(
      `Cannot run "${program.command}": ${lastLines(decoder.decode(stderr))}`,
    );
  }

  /**
   * Starts a program that serves on a port of 127.0.0.1.
   *
   * @param program Makes the program for a port that is free.
   * @throws {Error} If it ends, or nothing listens in time.
   */
  async serve(
    program: (port: number) => Program,
    options: StartOptions = {},
  ): Promise<Server> {
    const port = freePort();
    const children = Array.from(
      { length: options.copies ?? 1 },
      () => this.#spawn(program(port), options.cpu),
    );
    const server = new Server(port, children);
    try {
      await server.listens();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  #spawn(program: Program, cpu: number | undefined): Deno.ChildProcess {
    const words = [program.command, ...program.args];
    if (cpu !== undefined) words.unshift("taskset", "-c", `${cpu}`);
    const [command = "", ...args] = words;
    const child = new Deno.Command(command, {
      args,
      env: { NO_COLOR: "1", NODE_ENV: "production", ...program.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#running.add(child);
    child.status.then(() => this.#running.delete(child));
    return child;
  }

  #killAll(): void {
    for (const child of this.#running) kill(child);
    Deno.removeSync(this.#folder, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const signal of STOP_SIGNALS) {
      Deno.removeSignalListener(signal, this.#stop);
    }
    const ends = [...this.#running].map((child) => child.status);
    this.#killAll();
    await Promise.all(ends);
  }
}

/** A server under test: one process, or several on one port. */
export class Server implements AsyncDisposable {
  /** Where it listens, without a slash at the end. */
  readonly origin: string;
  readonly port: number;
  readonly #children: readonly Deno.ChildProcess[];
  readonly #said: readonly Promise<string>[];

  constructor(port: number, children: readonly Deno.ChildProcess[]) {
    this.port = port;
    this.origin = `http://127.0.0.1:${port}`;
    this.#children = children;
    // A server whose output nobody reads would hang when the pipe is full.
    this.#said = children.flatMap(({ stdout, stderr }) => [
      new Response(stdout).text(),
      new Response(stderr).text(),
    ]);
  }

  /** Waits until something listens. */
  async listens(): Promise<void> {
    let hasEnded = false;
    for (const child of this.#children) {
      child.status.then(() => hasEnded = true);
    }
    const deadline = Date.now() + START_MILLISECONDS;
    while (!hasEnded && Date.now() < deadline) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.port }))
          .close();
        return;
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    for (const child of this.#children) kill(child);
    const said = (await Promise.all(this.#said)).join("");
    throw new Error(
      `Cannot start the server: it ${hasEnded ? "ended" : "does not listen"}: ${
        lastLines(said)
      }`,
    );
  }

  /** Seconds of CPU that its processes have used, all threads together. */
  async cpuSeconds(): Promise<number> {
    const times = await Promise.all(
      this.#children.map(({ pid }) => cpuSecondsOf(pid)),
    );
    return times.reduce((sum, time) => sum + time, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) kill(child);
    await Promise.all([
      ...this.#children.map((child) => child.status),
      ...this.#said,
    ]);
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold spaces: fields 14 and 15 are counted
  // from the third, which follows it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-10).join("\n") || "it said nothing";
}
