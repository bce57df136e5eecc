import { pathOf } from "../programs.ts";
import type { Order } from "./worker.ts";

/** A process of the fleet. */
export class Member {
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: ReadableStreamDefaultReader<string>;
  #text = "";

  /** @param args The arguments of `worker.ts`. */
  constructor(name: string, args: readonly string[]) {
    this.name = name;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", pathOf("fleet/worker.ts"), ...args],
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#orders = this.#child.stdin.getWriter();
    this.#answers = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** The id of its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when it takes orders. */
  async ready(): Promise<void> {
    await this.#next();
  }

  /**
   * Gives an order.
   *
   * @returns the answer.
   * @throws {Error} If the process has ended.
   */
  async order<T>(order: Order): Promise<T> {
    const line = new TextEncoder().encode(`${JSON.stringify(order)}\n`);
    await this.#orders.write(line);
    return await this.#next() as T;
  }

  /** Kills the process. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#orders.abort().catch(() => {});
    await this.#answers.cancel().catch(() => {});
    await this.#child.status;
  }

  async #next(): Promise<unknown> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#answers.read();
      if (done) throw new Error(`Cannot measure: ${this.name} has ended`);
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line);
  }
}

/** Starts so many processes, which are killed if one of them does not start. */
export async function startMembers(
  count: number,
  args: readonly string[],
  onStart: (member: Member) => void,
): Promise<Member[]> {
  const members = Array.from({ length: count }, (_, index) => {
    const member = new Member(`Process ${index + 1}`, args);
    onStart(member);
    return member;
  });
  await Promise.all(members.map((member) => member.ready()));
  return members;
}

/**
 * Pins processes to the CPUs by turns, and has them give way to others. Nothing
 * happens without `taskset` and `renice`.
 *
 * @param nicer How much more than this program they give way.
 */
export async function pin(
  pids: readonly number[],
  nicer: number,
): Promise<void> {
  const cpus = navigator.hardwareConcurrency;
  const stat = await Deno.readTextFile("/proc/self/stat").catch(() => "");
  const own = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
  for (const [index, pid] of pids.entries()) {
    // All threads of the process.
    await tryRun("taskset", "-a", "-p", "-c", `${index % cpus}`, `${pid}`);
    if (nicer === 0 || Number.isNaN(own)) continue;
    const threads: string[] = [];
    for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
      threads.push(name);
    }
    await tryRun("renice", "-n", `${own + nicer}`, "-p", ...threads);
  }
}

async function tryRun(command: string, ...args: string[]): Promise<void> {
  try {
    await new Deno.Command(command, { args, stdout: "null", stderr: "null" })
      .output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
