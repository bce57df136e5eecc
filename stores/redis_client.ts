/**
 * The clients of Redis that a store works with: whichever the user brings.
 *
 * @module
 */

/**
 * What RedisStore asks of a client of Redis: two members, which are quickly
 * written for a client that has no adapter here.
 */
export interface RedisClient {
  /**
   * Sends one command.
   *
   * @param args The command and its arguments.
   * @param key A key; on a cluster the command goes to the node that has it.
   * @returns the reply. Strings may come as bytes.
   * @throws the error of Redis, whose message begins with its code.
   */
  send(args: readonly string[], key: string): Promise<unknown>;

  /**
   * Listens to a channel, over a connection that does nothing else.
   *
   * @param onMessage Called with each message.
   * @param onGap Called when the connection is back after it was lost.
   * @returns stops it, and closes the connection.
   */
  subscribe(
    channel: string,
    onMessage: (message: string) => void,
    onGap: () => void,
  ): Promise<() => Promise<void>>;
}

/** What {@linkcode fromNodeRedis} uses of a client of `npm:redis`. */
export interface NodeRedisClient {
  /** Sends a command. */
  sendCommand(
    args: string[],
    options?: { typeMapping?: Record<never, never> },
  ): Promise<unknown>;
  /** Makes a client with the same options, not connected. */
  duplicate(): NodeRedisSubscriber;
  /** Tells of an event. */
  emit(event: "error", error: unknown): boolean;
}

/** What {@linkcode fromNodeRedis} uses of the connection that listens. */
export interface NodeRedisSubscriber {
  /** Connects. */
  connect(): Promise<unknown>;
  /** Listens to a channel. */
  subscribe(
    channel: string,
    listener: (message: string) => void,
  ): Promise<unknown>;
  /** Closes it at once. */
  destroy(): void;
  /** Listens to an event. */
  on(event: "error" | "ready", listener: (error: unknown) => void): unknown;
}

/** What {@linkcode fromNodeRedis} uses of a cluster of `npm:redis`. */
export interface NodeRedisCluster {
  /** Sends a command to the node that has a key. */
  sendCommand(
    firstKey: string,
    isReadonly: boolean,
    args: string[],
    options?: { typeMapping?: Record<never, never> },
  ): Promise<unknown>;
  /** Listens to a channel. */
  subscribe(
    channel: string,
    listener: (message: string) => void,
  ): Promise<unknown>;
  /** Listens no more. */
  unsubscribe(
    channel: string,
    // deno-lint-ignore no-explicit-any -- it may be one of bytes, for all it says
    listener: (message: any) => void,
  ): Promise<unknown>;
  /** The nodes that write. */
  readonly masters: readonly unknown[];
}

/**
 * Adapts a client or a cluster of `npm:redis`, version 5 or 6, connected or about
 * to be.
 *
 * Redis listens over a connection of its own, a duplicate of the client; its
 * errors are events of the client. While Redis is away, the client keeps commands
 * until it is back: let it be made with `disableOfflineQueue: true` and a
 * `commandOptions: { timeout }`, so that visitors hear of it instead.
 *
 * @example Usage
 * ```ts ignore
 * import { createClient } from "npm:redis@6";
 * import { fromNodeRedis, RedisStore } from "@curfew/web/stores/redis";
 *
 * const client = createClient({ disableOfflineQueue: true });
 * client.on("error", console.error);
 * await client.connect();
 * const store = new RedisStore({ client: fromNodeRedis(client) });
 * ```
 *
 * @param client What `createClient` or `createCluster` made.
 */
export function fromNodeRedis(
  client: NodeRedisClient | NodeRedisCluster,
): RedisClient {
  return "masters" in client ? fromCluster(client) : fromSingle(client);
}

/** The client's own mapping of types would apply to our replies too. */
const UNMAPPED = { typeMapping: {} };

function fromSingle(client: NodeRedisClient): RedisClient {
  return {
    send: (args) => client.sendCommand([...args], UNMAPPED),
    async subscribe(channel, onMessage, onGap) {
      const subscriber = client.duplicate();
      subscriber.on("error", (error) => tellError(client, error));
      await subscriber.connect();
      try {
        await subscriber.subscribe(channel, onMessage);
      } catch (error) {
        subscriber.destroy();
        throw error;
      }
      subscriber.on("ready", onGap);
      // deno-lint-ignore require-await -- to reject, should it throw
      return async () => subscriber.destroy();
    },
  };
}

/**
 * Has a client tell its listeners of an error of the connection that listens.
 *
 * Without a listener emit() throws the error, which would end the process. The
 * client fails by itself then, and the site reports that.
 */
function tellError(
  client: Pick<NodeRedisClient, "emit">,
  error: unknown,
): void {
  try {
    client.emit("error", error);
  } catch {
    // No listener, or one that throws.
  }
}

/** A cluster has a connection for listening itself. */
function fromCluster(cluster: NodeRedisCluster): RedisClient {
  return {
    send: (args, key) => cluster.sendCommand(key, false, [...args], UNMAPPED),
    async subscribe(channel, onMessage) {
      await cluster.subscribe(channel, onMessage);
      return async () => void await cluster.unsubscribe(channel, onMessage);
    },
  };
}

/** What {@linkcode fromIoredis} uses of a client of `npm:ioredis`. */
export interface IoredisClient {
  /** Sends a command. */
  call(command: string, args: string[]): Promise<unknown>;
  /** Makes a client with the same options, which connects. */
  duplicate(...overrides: never[]): IoredisSubscriber;
  /** Tells of an event. */
  emit(event: "error", error: unknown): boolean;
  /** Whether it is of a cluster. */
  readonly isCluster: boolean;
}

/** What {@linkcode fromIoredis} uses of the connection that listens. */
export interface IoredisSubscriber {
  /** Listens to a channel. */
  subscribe(channel: string): Promise<unknown>;
  /** Closes it at once. */
  disconnect(): void;
  /** Listens to an event. */
  // deno-lint-ignore no-explicit-any -- the arguments are those of the event
  on(event: string, listener: (...args: any[]) => void): unknown;
}

/**
 * Adapts a client or a cluster of `npm:ioredis` or `npm:iovalkey`.
 *
 * Redis listens over a connection of its own, a duplicate of the client; its
 * errors are events of the client. While Redis is away, the client keeps commands
 * for a while: let it be made with a `commandTimeout` and few
 * `maxRetriesPerRequest`, so that visitors hear of it instead.
 *
 * @example Usage
 * ```ts ignore
 * import { Redis } from "npm:ioredis@6";
 * import { fromIoredis, RedisStore } from "@curfew/web/stores/redis";
 *
 * const client = new Redis({ commandTimeout: 2000 });
 * client.on("error", console.error);
 * const store = new RedisStore({ client: fromIoredis(client) });
 * ```
 *
 * @param client What `new Redis` or `new Cluster` made.
 */
export function fromIoredis(client: IoredisClient): RedisClient {
  return {
    send: ([command = "", ...args]) => client.call(command, args),
    async subscribe(channel, onMessage, onGap) {
      const subscriber = duplicateOf(client);
      subscriber.on("error", (error) => tellError(client, error));
      subscriber.on("message", (_, message) => onMessage(message));
      try {
        await subscriber.subscribe(channel);
      } catch (error) {
        subscriber.disconnect();
        throw error;
      }
      subscriber.on("ready", onGap);
      // deno-lint-ignore require-await -- to reject, should it throw
      return async () => subscriber.disconnect();
    },
  };
}

/** Scripts publish to the channel as it is named, whatever prefix keys have. */
function duplicateOf(client: IoredisClient): IoredisSubscriber {
  const override = { keyPrefix: "" };
  const duplicate = client.duplicate as (
    ...overrides: unknown[]
  ) => IoredisSubscriber;
  return client.isCluster
    ? duplicate.call(client, [], override)
    : duplicate.call(client, override);
}
