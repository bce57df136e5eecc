/**
 * The processes of a benchmark. All of them end with it, by Ctrl-C too.
 *
 * @module
 */

/** A program to run. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The options of a {@linkcode Program} that serves. */
export interface StartOptions {
  /**
   * The CPU to which the processes are pinned.
   *
   * @default {undefined}
   */
  readonly cpu?: number | undefined;
  /**
   * The number of processes that share the port.
   *
   * @default {1}
   */
  readonly copies?: number | undefined;
}

/** The longest start in milliseconds: a server may first make a million sessions. */
const START_MILLISECONDS = 60_000;

/** Ticks a second in `/proc/PID/stat`, the same for all kernels. */
const TICKS_PER_SECOND = 100;

const STOP_SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM"];

/** Starts processes, and kills them when disposed or at a signal. */
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

  /** Makes a file for a process; it is removed with the processes. */
  writeFile(name: string, text: string): string {
    const path = `${this.#folder}/${name}`;
    Deno.writeTextFileSync(path, text);
    return path;
  }

  /**
   * Runs a program to its end.
   *
   * @returns its output.
   * @throws {Error} If it fails; the message has its output.
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
   * @param program Makes the program for a free port.
   * @throws {Error} If it ends or does not listen in time.
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
  /** The URL, without a slash at the end. */
  readonly origin: string;
  readonly port: number;
  readonly #children: readonly Deno.ChildProcess[];
  readonly #said: readonly Promise<string>[];

  constructor(port: number, children: readonly Deno.ChildProcess[]) {
    this.port = port;
    this.origin = `http://127.0.0.1:${port}`;
    this.#children = children;
    // A server blocks when the pipe of its output is full.
    this.#said = children.flatMap(({ stdout, stderr }) => [
      new Response(stdout).text(),
      new Response(stderr).text(),
    ]);
  }

  /** Waits until the server listens. */
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

  /** Returns the CPU seconds of its processes, all threads included. */
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
  return (await statOf(pid)).own;
}

/** The CPU seconds of a process, and its parent. */
interface ProcessStat {
  readonly parent: number;
  readonly own: number;
  /** Those of its children that have ended. */
  readonly ofEnded: number;
}

async function statOf(pid: number): Promise<ProcessStat> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // The name, in parentheses, may contain spaces, so fields are counted from the
  // third, which follows it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  const seconds = (first: number) =>
    (fields[first]! + fields[first + 1]!) / TICKS_PER_SECOND;
  return { parent: fields[1]!, own: seconds(11), ofEnded: seconds(13) };
}

/** Returns the CPU seconds of a process and its children, ended ones included. */
export async function familyCpuSeconds(pid: number): Promise<number> {
  const { own, ofEnded } = await statOf(pid);
  let seconds = own + ofEnded;
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const { parent, own } = await statOf(Number(name));
      if (parent === pid) seconds += own;
    } catch {
      // The process has ended.
    }
  }
  return seconds;
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // The process has ended already.
  }
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-10).join("\n") || "no output";
}
