import type { RedisClient } from "./client.ts";
import { encodeNumber } from "./encoding.ts";
import type { RedisScript } from "./script.ts";

/** Keys and arguments of a script. */
export interface ScriptCall {
  /** All keys that the script uses. */
  readonly keys: readonly [string, ...string[]];
  /** The arguments; undefined is sent as "". */
  readonly args: readonly (string | number | undefined)[];
}

/** Runs scripts by their digest, and sends those that Redis has not seen. */
export class ScriptRunner {
  readonly #client: RedisClient;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /**
   * Runs a script.
   *
   * @param verb What the script does, for the error.
   * @throws {RangeError} If a number is NaN: a script would fail at it after it
   * has changed something.
   * @throws {Error} If Redis or the client fails; the cause is its error.
   */
  async run(
    script: RedisScript,
    verb: string,
    { keys, args }: ScriptCall,
  ): Promise<unknown> {
    const encoded = args.map((arg) => {
      if (Number.isNaN(arg)) {
        throw new RangeError(`Cannot ${verb}: a time is not a number`);
      }
      return typeof arg === "number" ? encodeNumber(arg) : arg ?? "";
    });
    const rest = [String(keys.length), ...keys, ...encoded];
    try {
      // To await a digest that is there would cost each request a microtask.
      const digest = typeof script.digest === "string"
        ? script.digest
        : await script.digest;
      return await this.#client.send(["EVALSHA", digest, ...rest], keys[0]);
    } catch (error) {
      if (!isUnknownScript(error)) throw failureTo(verb, error);
    }
    try {
      return await this.#client.send(["EVAL", script.text, ...rest], keys[0]);
    } catch (error) {
      throw failureTo(verb, error);
    }
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
