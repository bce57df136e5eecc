import type { Tally } from "./site.ts";

/** The process that is fuzzed: it runs `site.ts` in a folder of its own. */
export class Target implements AsyncDisposable {
  /** Where it listens. */
  ports: readonly number[] = [];
  /** How it has ended, and what it said. */
  readonly ended: Promise<string>;
  readonly #process: Deno.ChildProcess;
  /** Where its files are. */
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
    const said = new Response(stderr).text();
    this.ended = status.then(async ({ code, signal }) =>
      `have ended with ${signal ?? code}: ${await said}`
    );
  }

  /**
   * Starts it, and waits until it listens.
   *
   * @throws {Error} If it does not.
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

  /** Waits for all the sessions to end, and answers what there was. */
  async tally(): Promise<Tally> {
    await this.#input.write(new TextEncoder().encode("\n"));
    let text = "";
    while (!text.endsWith("\n")) {
      text += (await this.#lines.read()).value ?? "\n";
    }
    return JSON.parse(text);
  }

  /** Kills it, and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.ended;
    await this.#lines.cancel();
    await this.#input.abort().catch(() => {});
    Deno.removeSync(this.#folder, { recursive: true });
  }
}
