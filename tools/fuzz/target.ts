import type { Tally } from "./site.ts";

/** The process that is fuzzed. It runs `site.ts` with a temporary folder. */
export class Target implements AsyncDisposable {
  /** The ports of the sites. */
  ports: readonly number[] = [];
  /** Resolves with a description of the end of the process. */
  readonly ended: Promise<string>;
  readonly #process: Deno.ChildProcess;
  /** The path of its files. */
  readonly #folder: string;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        new URL("site.ts", import.meta.url).href,
        folder,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdin, stdout, stderr, status } = this.#process;
    this.#input = stdin.getWriter();
    this.#lines = stdout.pipeThrough(new TextDecoderStream()).getReader();
    const output = new Response(stderr).text();
    this.ended = status.then(async ({ code, signal }) =>
      `have ended with ${signal ?? code}: ${await output}`
    );
  }

  /**
   * Starts the process, and waits until it listens.
   *
   * @throws {Error} If it ends before.
   */
  static async start(): Promise<Target> {
    const target = new Target(Deno.makeTempDirSync({ prefix: "curfew_fuzz" }));
    const { value } = await target.#lines.read();
    if (value === undefined) {
      await using _ = target;
      throw new Error(`Cannot fuzz: the sites ${await target.ended}`);
    }
    target.ports = JSON.parse(value);
    return target;
  }

  /** Waits until all sessions have ended, and returns the counts. */
  async tally(): Promise<Tally> {
    await this.#input.write(new TextEncoder().encode("\n"));
    let text = "";
    while (!text.endsWith("\n")) {
      text += (await this.#lines.read()).value ?? "\n";
    }
    return JSON.parse(text);
  }

  /** Kills the process, and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // The process has ended already.
    }
    await this.ended;
    await this.#lines.cancel();
    await this.#input.abort().catch(() => {});
    Deno.removeSync(this.#folder, { recursive: true });
  }
}
