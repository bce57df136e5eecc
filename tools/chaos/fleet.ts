import type { NodeSettings } from "./node.ts";
import { type Delivery, readDeliveries } from "./reports.ts";

const PROGRAM = decodeURIComponent(
  new URL("node.ts", import.meta.url).pathname,
);

/** The longest start of a node in milliseconds, on a busy machine. */
const LONGEST_WAIT = 60_000;

/** A process of a node; times are UNIX milliseconds. */
export interface NodeProcess {
  /** The index of the node. */
  readonly node: number;
  /** The path of the file with its deliveries. */
  readonly log: string;
  /** The path of the file with its errors. */
  readonly errors: string;
  readonly child: Deno.ChildProcess;
  readonly output: Promise<unknown>;
  /** The URL at which it listens; undefined until then. */
  origin: string | undefined;
  killedAt: number | undefined;
}

/** The nodes that serve a site. Each node is killed and started again. */
export class Fleet implements AsyncDisposable {
  /** All processes, including those that were killed. */
  readonly processes: NodeProcess[] = [];
  readonly #folder: string;
  readonly #settings: Omit<NodeSettings, "log">;
  readonly #current: (NodeProcess | undefined)[] = [];

  constructor(folder: string, settings: Omit<NodeSettings, "log">) {
    this.#folder = folder;
    this.#settings = settings;
  }

  /** The URLs of the nodes that listen. */
  get origins(): string[] {
    return this.#current.flatMap((process) => process?.origin ?? []);
  }

  /** Starts a node, and waits until it listens. */
  async start(node: number): Promise<void> {
    const path = `${this.#folder}/${node}-${this.processes.length}`;
    const settings: NodeSettings = { ...this.#settings, log: `${path}.log` };
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-prompt", PROGRAM, JSON.stringify(settings)],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const [first, rest] = child.stdout.tee();
    const errors = `${path}.errors`;
    const output = Promise.all([
      child.stderr.pipeTo((await Deno.create(errors)).writable),
      new Response(rest).text(),
      child.status,
    ]);
    const process: NodeProcess = {
      node,
      log: settings.log,
      errors,
      child,
      output,
      origin: undefined,
      killedAt: undefined,
    };
    this.processes.push(process);
    this.#current[node] = process;
    const timer = setTimeout(() => kill(child), LONGEST_WAIT);
    const { value = "" } = await first.pipeThrough(new TextDecoderStream())
      .values().next();
    clearTimeout(timer);
    const port = Number.parseInt(value);
    if (Number.isNaN(port)) {
      if (process.killedAt !== undefined) return;
      await output;
      throw new Error(`Cannot start a node: ${Deno.readTextFileSync(errors)}`);
    }
    process.origin = `http://127.0.0.1:${port}`;
  }

  /** Kills a node at once. */
  async kill(node: number): Promise<void> {
    const process = this.#current[node];
    if (process === undefined) return;
    this.#current[node] = undefined;
    // Read after the kill: the process may have worked until then.
    kill(process.child);
    process.killedAt = Date.now();
    await process.output;
  }

  /** Returns the deliveries so far, by process. */
  deliveries(): Map<NodeProcess, Delivery[]> {
    return new Map(
      this.processes.map((
        process,
      ) => [process, readDeliveries(textOf(process.log))]),
    );
  }

  /** Counts the errors of the nodes by their first lines. */
  errorCounts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { errors } of this.processes) {
      const lines = textOf(errors).matchAll(/^(?:\S+Z |error: )(.*)$/gm);
      for (const [, line] of lines) {
        const kind = line!.replaceAll(/"[\da-f]{32}"/g, "…");
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
      }
    }
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#current.map((_, node) => this.kill(node)));
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // The process has ended already.
  }
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
