import type { NotificationChannel } from "./channel.ts";
import type { RedisClient } from "./client.ts";
import { encodeNumber } from "./encoding.ts";
import type { RedisScript } from "./script.ts";

/** Keys and arguments of a script. */
export interface ScriptCall {
  /** All keys that the script uses. */
  readonly keys: readonly [string, ...string[]];
  /** The arguments; undefined is sent as "", CHANNEL as the channel's name. */
  readonly args: readonly (string | number | symbol | undefined)[];
}

/** Stands for the channel of notifications in the arguments of a script. */
export const CHANNEL: unique symbol = Symbol("channel");

/** Runs scripts by their digest, and sends those that Redis has not seen. */
export class ScriptRunner {
  readonly #client: RedisClient;
  readonly #channel: NotificationChannel;

  constructor(client: RedisClient, channel: NotificationChannel) {
    this.#client = client;
    this.#channel = channel;
  }

  /**
   * Runs a script.
   *
   * @param verb The action of the script, for the error.
   * @throws {RangeError} If a number is NaN: a script would fail halfway.
   * @throws {Error} If Redis or the client fails; the cause is its error.
   */
  async run(
    script: RedisScript,
    verb: string,
    { keys, args }: ScriptCall,
  ): Promise<unknown> {
    if (args.some(Number.isNaN)) {
      throw new RangeError(`Cannot ${verb}: a time is not a number`);
    }
    const command = (...script: string[]) => [
      ...script,
      String(keys.length),
      ...keys,
      ...args.map((arg) => this.#encode(arg, keys[0])),
    ];
    try {
      // An await of a value would cost each request a microtask.
      if (args.includes(CHANNEL)) {
        const name = this.#channel.nameFor(keys[0]);
        if (typeof name !== "string") await name;
      }
      const digest = typeof script.digest === "string"
        ? script.digest
        : await script.digest;
      return await this.#client.send(command("EVALSHA", digest), keys[0]);
    } catch (error) {
      if (!isUnknownScript(error)) throw failureTo(verb, error);
    }
    try {
      return await this.#client.send(command("EVAL", script.text), keys[0]);
    } catch (error) {
      throw failureTo(verb, error);
    }
  }

  #encode(arg: string | number | symbol | undefined, key: string): string {
    if (typeof arg === "symbol") return this.#channel.nameFor(key) as string;
    return typeof arg === "number" ? encodeNumber(arg) : arg ?? "";
  }
}

/** Returns the error for a failure of Redis or of the client. */
export function failureTo(verb: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`Cannot ${verb}: Redis failed: ${why}`, { cause });
}

/** The code of an error of Redis is the first word of its message. */
function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
