import type { NodeSettings } from "./node.ts";
import { readTellings, type Telling } from "./reports.ts";

const PROGRAM = decodeURIComponent(
  new URL("node.ts", import.meta.url).pathname,
);

/** Milliseconds for a node to listen, on a machine that does other things too. */
const PATIENCE = 60_000;

/** One life of a node; times are UNIX milliseconds. */
export interface Life {
  /** Which node. */
  readonly node: number;
  /** The ends that it tells. */
  readonly log: string;
  /** What it says when something goes wrong. */
  readonly errors: string;
  readonly child: Deno.ChildProcess;
  readonly output: Promise<unknown>;
  /** Where it listens. */
  origin: string | undefined;
  killedAt: number | undefined;
}

/** The processes that serve a site, which die and come back. */
export class Fleet implements AsyncDisposable {
  /** All the lives there were. */
  readonly lives: Life[] = [];
  readonly #folder: string;
  readonly #settings: Omit<NodeSettings, "log">;
  readonly #current: (Life | undefined)[] = [];

  constructor(folder: string, settings: Omit<NodeSettings, "log">) {
    this.#folder = folder;
    this.#settings = settings;
  }

  /** Where those listen that do. */
  get origins(): string[] {
    return this.#current.flatMap((life) => life?.origin ?? []);
  }

  /** Starts a node, which listens once this resolves. */
  async start(node: number): Promise<void> {
    const path = `${this.#folder}/${node}-${this.lives.length}`;
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
    const life: Life = {
      node,
      log: settings.log,
      errors,
      child,
      output,
      origin: undefined,
      killedAt: undefined,
    };
    this.lives.push(life);
    this.#current[node] = life;
    const timer = setTimeout(() => kill(child), PATIENCE);
    const { value = "" } = await first.pipeThrough(new TextDecoderStream())
      .values().next();
    clearTimeout(timer);
    const port = Number.parseInt(value);
    if (Number.isNaN(port)) {
      if (life.killedAt !== undefined) return;
      await output;
      throw new Error(`Cannot start a node: ${Deno.readTextFileSync(errors)}`);
    }
    life.origin = `http://127.0.0.1:${port}`;
  }

  /** Kills a node at once. */
  async kill(node: number): Promise<void> {
    const life = this.#current[node];
    if (life === undefined) return;
    this.#current[node] = undefined;
    // Noted after the fact: what it did before, it may have done.
    kill(life.child);
    life.killedAt = Date.now();
    await life.output;
  }

  /** All that has been told so far, by life. */
  tellings(): Map<Life, Telling[]> {
    return new Map(
      this.lives.map((life) => [life, readTellings(textOf(life.log))]),
    );
  }

  /** What went wrong in the nodes: the first lines of errors, and how often. */
  complaints(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { errors } of this.lives) {
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
    // It has ended by itself.
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
