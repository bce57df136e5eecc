import type { RedisClient } from "../../../stores/redis/client.ts";
import { Keyspace, WRITES } from "./keyspace.ts";
import { LuaScripts } from "./lua.ts";
import type { Reply } from "./reply.ts";

/** Commands of a script that have no key. */
const KEYLESS: ReadonlySet<string> = new Set(["TIME", "PUBLISH"]);

/** All processes of a simulation define the same scripts. */
const SCRIPTS = new LuaScripts();
const DEFINED = new Set<string>();

/**
 * A Redis within the process: the commands that `RedisStore` sends, and those that
 * its scripts call. The scripts run in Lua; time is the clock's.
 *
 * It is stricter than Redis: a script may use its declared keys only, and one that
 * says that it does not write fails if it does.
 */
export class SimulatedRedis {
  readonly keyspace: Keyspace;
  readonly #listeners = new Map<string, Set<(message: string) => void>>();
  /** The scripts that have been sent as a whole. */
  readonly #known = new Set<string>();
  readonly #digests = new Map<string, string>();

  /**
   * @param digests The digests of the scripts by their texts: they cannot be
   * computed at once.
   */
  constructor(
    clock: { now(): number },
    digests: ReadonlyMap<string, string>,
  ) {
    this.keyspace = new Keyspace(clock);
    this.#digests = new Map(digests);
  }

  /** Returns a client, as a program has it. */
  connect(): RedisClient {
    return {
      // An error is a rejection.
      send: (command) =>
        new Promise((resolve) => resolve(this.#execute(command))),
      subscribe: (channel, onMessage) => {
        const listeners = this.#listeners.get(channel) ?? new Set();
        this.#listeners.set(channel, listeners.add(onMessage));
        return Promise.resolve(() => {
          listeners.delete(onMessage);
          return Promise.resolve();
        });
      },
    };
  }

  #execute(command: readonly string[]): Reply {
    const [name, script = "", count, ...rest] = command;
    if (name === "CLIENT") return "id=1 db=0";
    if (name !== "EVAL" && name !== "EVALSHA") {
      return this.keyspace.execute(command);
    }
    const digest = name === "EVAL" ? this.#define(script) : script;
    if (!this.#known.has(digest)) {
      throw new Error("NOSCRIPT No matching script. Please use EVAL.");
    }
    const keys = rest.slice(0, Number(count));
    const args = rest.slice(Number(count));
    const mayWrite = !this.#readers.has(digest);
    this.keyspace.stopTime();
    return SCRIPTS.run(digest, keys, args, ([name = "", ...words]) => {
      if (!KEYLESS.has(name)) this.#checkKeys(name, words, keys);
      if (!mayWrite && WRITES.has(name)) {
        throw new Error(
          "ERR Write commands are not allowed from read-only scripts.",
        );
      }
      return name === "PUBLISH"
        ? this.#publish(words)
        : this.keyspace.execute([name, ...words]);
    });
  }

  readonly #readers = new Set<string>();

  #define(script: string): string {
    const digest = this.#digests.get(script);
    if (digest === undefined) throw new Error("ERR The script is not known");
    const [head] = script.split("\n", 1);
    if (!DEFINED.has(digest)) {
      SCRIPTS.define(digest, script.replace(/^#!.*/, ""));
      DEFINED.add(digest);
    }
    if (head!.includes("no-writes")) this.#readers.add(digest);
    this.#known.add(digest);
    return digest;
  }

  #checkKeys(
    name: string,
    words: readonly string[],
    keys: readonly string[],
  ): void {
    const used = name === "EXISTS" ? words : words.slice(0, 1);
    const other = used.find((key) => !keys.includes(key));
    if (other === undefined) return;
    throw new Error(`ERR Script attempted to access a non local key ${other}`);
  }

  #publish([channel = "", message = ""]: readonly string[]): number {
    const listeners = this.#listeners.get(channel) ?? new Set();
    for (const listener of listeners) {
      queueMicrotask(() => {
        if (listeners.has(listener)) listener(message);
      });
    }
    return listeners.size;
  }
}

/** Returns the digests of scripts by their texts. */
export async function digestsOf(
  scripts: readonly { text: string; digest: string | Promise<string> }[],
): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const script of scripts) digests.set(script.text, await script.digest);
  return digests;
}
