import type { RedisClient } from "./client.ts";
import { textOf } from "./encoding.ts";

/**
 * The channel of the notifications of a store.
 *
 * All databases of one Redis share their channels. So the name has the number of
 * the database, which the client may have chosen in several ways: it is read once.
 * For database 0 the name has no number, as in version 0.1.0: users allow that name
 * in their ACLs.
 */
export class NotificationChannel {
  /** The name of the channel for database 0. */
  readonly firstName: string;
  /** Whether each shard has a channel of its own, on its node. */
  readonly isSharded: boolean;
  readonly #client: RedisClient;
  readonly #key: string;
  #name: string | Promise<string> | undefined = undefined;

  /**
   * @param prefix The prefix of the store.
   * @param key A key of the store, for the client.
   * @param isSharded Whether each shard has a channel of its own.
   */
  constructor(
    client: RedisClient,
    prefix: string,
    { key, isSharded }: { readonly key: string; readonly isSharded: boolean },
  ) {
    this.isSharded = isSharded;
    this.#client = client;
    this.firstName = `${prefix}:news`;
    this.#key = key;
  }

  /** The name; a promise until it is known, which rejects if Redis is away. */
  get name(): string | Promise<string> {
    return this.#name ??= this.#read();
  }

  /** Returns the name for the shard of a key; a promise until it is known. */
  nameFor(key: string): string | Promise<string> {
    if (!this.isSharded) return this.name;
    // The hash tag puts the channel on the node of the key. A cluster has database 0.
    return `${key.slice(key.indexOf("{"), key.indexOf("}") + 1)}:news`;
  }

  async #read(): Promise<string> {
    const { firstName } = this;
    try {
      const database = await this.#readDatabase();
      return this.#name = database === "0"
        ? firstName
        : `${firstName}:${database}`;
    } catch (error) {
      this.#name = undefined;
      throw error;
    }
  }

  async #readDatabase(): Promise<string> {
    let reply: unknown;
    try {
      reply = await this.#client.send(["CLIENT", "INFO"], this.#key);
    } catch (error) {
      // If an ACL or a proxy refuses the command, all databases share a channel.
      if (isRefusal(error)) return "0";
      throw error;
    }
    return /(?:^| )db=(\d+)/.exec(textOf(reply))?.[1] ?? "0";
  }
}

/** The code of an error of Redis is the first word of its message. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^(NOPERM|ERR)\b/.test(error.message);
}
