/**
 * A program that is deployed anew: the pages of `examples/events.ts` and
 * `examples/chat_socket.ts` over `SqliteStore`.
 *
 * @module
 */

import { addressOf, type Program, ROOT, runText } from "../helpers_process.ts";

/** A running program, and the next one at the same port. */
export class Deployed implements AsyncDisposable {
  readonly #folder: string;
  #program: Program;
  #address: string;

  private constructor(folder: string, program: Program, address: string) {
    this.#folder = folder;
    this.#program = program;
    this.#address = address;
  }

  static async start(): Promise<Deployed> {
    const folder = await Deno.makeTempDir();
    const program = runText(textOf(folder, "0"));
    return new Deployed(folder, program, await addressOf(program));
  }

  /** A URL of the program. */
  url(path: string): string {
    return new URL(path, this.#address).href;
  }

  /** Stops the program by SIGTERM, and starts the next one. */
  async redeploy(): Promise<void> {
    this.#program.kill("SIGTERM");
    await this.#program.status;
    await this.#program[Symbol.asyncDispose]();
    const { port } = new URL(this.#address);
    this.#program = runText(textOf(this.#folder, port));
    this.#address = await addressOf(this.#program);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function textOf(folder: string, port: string): string {
  return `
import { listen, Resource, Site } from "${ROOT}mod.ts";
import { SqliteStore } from "${ROOT}stores/sqlite_store.ts";
import { site as counter } from "${ROOT}examples/events.ts";
import { site as chat } from "${ROOT}examples/chat_socket.ts";
const root = new Resource()
  .putChild("counter", counter.resource)
  .putChild("chat", chat.resource);
const store = new SqliteStore({ path: "${folder}/sessions.db" });
const site = new Site(root, { store, sessionTimeout: 600 });
listen(site, "tcp:${port}:interface=127.0.0.1");
`;
}
