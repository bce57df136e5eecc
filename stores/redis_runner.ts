import type { RedisClient } from "./redis_client.ts";
import type { RedisScript } from "./redis_scripts.ts";
import { encodeNumber } from "./redis_text.ts";

/** Keys and arguments of a script; the arguments in this order. */
export interface ScriptCall {
  /** All the keys that it touches. */
  readonly keys: readonly [string, ...string[]];
  /** Arguments. */
  readonly words: readonly string[];
  /** Arguments that must be numbers. */
  readonly numbers?: readonly number[];
  /** Further arguments. */
  readonly more?: readonly string[];
}

/** Runs scripts by their digest, and sends them where they are not known yet. */
export class ScriptRunner {
  readonly #client: RedisClient;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /**
   * Runs a script.
   *
   * @param verb What it is to do, for the error.
   * @throws {RangeError} If a number is none: a script that chokes on it would
   * have done half.
   * @throws {Error} If Redis or the client fails; the cause is its error.
   */
  async run(
    script: RedisScript,
    verb: string,
    call: ScriptCall,
  ): Promise<unknown> {
    const { keys, words, numbers = [], more = [] } = call;
    if (numbers.some(Number.isNaN)) {
      throw new RangeError(`Cannot ${verb}: a time is not a number`);
    }
    const count = String(keys.length);
    const rest = [count, ...keys, ...words, ...numbers.map(encodeNumber)];
    rest.push(...more);
    try {
      // Waiting for what is there already would cost each request a turn.
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

/** What is thrown when Redis or the client fails. */
export function failureTo(verb: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`Cannot ${verb}: Redis failed: ${why}`, { cause });
}

/** The first word of the message is what Redis has for the class of an error. */
function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
