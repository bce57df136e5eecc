/**
 * Adapters of the clients of Redis that a store can use.
 *
 * @module
 */

/**
 * A client of Redis, as `RedisStore` uses it. For a client without an adapter here,
 * write these members.
 */
export interface RedisClient {
  /**
   * Whether a command without a key, such as `WAIT`, goes to the node of the key
   * that {@linkcode RedisClient.send} gets. If not, it may go to any node.
   *
   * @default {true}
   */
  readonly routesByKey?: boolean;

  /**
   * Sends one command.
   *
   * @param args The command and its arguments.
   * @param key A key; on a cluster the command goes to the node that has it.
   * @returns the reply. Its strings may be bytes.
   * @throws the error of Redis, whose message starts with its code.
   */
  send(args: readonly string[], key: string): Promise<unknown>;

  /**
   * Listens to a channel, over a connection of its own.
   *
   * @param onMessage Called with each message.
   * @param onGap Called when the connection is back after it was lost.
   * @returns a function that closes the connection.
   */
  subscribe(
    channel: string,
    onMessage: (message: string) => void,
    onGap: () => void,
  ): Promise<() => Promise<void>>;

  /**
   * Listens to a channel of sharded pub/sub, at the node that has the channel's hash
   * slot. Without this method, `RedisStore` refuses `shardedNotifications`.
   *
   * @param onMessage Called with each message.
   * @param onGap Called when the connection is back after it was lost.
   * @returns a function that stops it.
   */
  subscribeSharded?(
    channel: string,
    onMessage: (message: string) => void,
    onGap: () => void,
  ): Promise<() => Promise<void>>;
}

/** The members of a client of `npm:redis` that {@linkcode fromNodeRedis} uses. */
export interface NodeRedisClient {
  /** Sends a command. */
  sendCommand(
    args: string[],
    options?: { typeMapping?: Record<never, never> },
  ): Promise<unknown>;
  /** Returns a client with the same options, not connected. */
  duplicate(): NodeRedisSubscriber;
  /** Emits an event. */
  emit(event: "error", error: unknown): boolean;
}

/** The members of its listening connection that {@linkcode fromNodeRedis} uses. */
export interface NodeRedisSubscriber {
  /** Connects. */
  connect(): Promise<unknown>;
  /** Listens to a channel. */
  subscribe(
    channel: string,
    listener: (message: string) => void,
  ): Promise<unknown>;
  /** Closes the connection at once. */
  destroy(): void;
  /** Listens to an event. */
  on(event: "error" | "ready", listener: (error: unknown) => void): unknown;
}

/** The members of a cluster of `npm:redis` that {@linkcode fromNodeRedis} uses. */
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
  /** Stops listening to a channel. */
  unsubscribe(
    channel: string,
    // deno-lint-ignore no-explicit-any -- some clients declare it for bytes
    listener: (message: any) => void,
  ): Promise<unknown>;
  /** Listens to a channel of sharded pub/sub. */
  sSubscribe?(
    channel: string,
    listener: (message: string) => void,
  ): Promise<unknown>;
  /** Stops listening to a channel of sharded pub/sub. */
  sUnsubscribe?(
    channel: string,
    // deno-lint-ignore no-explicit-any -- some clients declare it for bytes
    listener: (message: any) => void,
  ): Promise<unknown>;
  /** The nodes that take writes. */
  readonly masters: readonly unknown[];
  /** Returns the client of the node that has a key, from version 6 on. */
  getNodeClientForKey?(key: string): Promise<NodeRedisNode>;
}

/** The member of a node's client that {@linkcode fromNodeRedis} uses. */
export type NodeRedisNode = Pick<NodeRedisClient, "sendCommand">;

/** The members of a sentinel client of `npm:redis` that {@linkcode fromNodeRedis} uses. */
export interface NodeRedisSentinel {
  /** Sends a command to the primary. */
  sendCommand(
    isReadonly: boolean | undefined,
    args: string[],
    options?: { typeMapping?: Record<never, never> },
  ): Promise<unknown>;
  /** Listens to a channel of the primary. */
  subscribe(
    channel: string,
    listener: (message: string) => void,
  ): Promise<unknown>;
  /** Stops listening to a channel. */
  unsubscribe(
    channel: string,
    // deno-lint-ignore no-explicit-any -- some clients declare it for bytes
    listener: (message: any) => void,
  ): Promise<unknown>;
  /** Listens to an event, such as "topology-change" for a new primary. */
  // deno-lint-ignore no-explicit-any -- the argument is that of the event
  on(event: string, listener: (event: any) => void): unknown;
  /** Stops listening to an event. */
  // deno-lint-ignore no-explicit-any -- the argument is that of the event
  off(event: string, listener: (event: any) => void): unknown;
  /** Returns the primary. */
  getMasterNode(): unknown;
}

/**
 * Adapts a client, a cluster or a sentinel client of `npm:redis`, version 5 or 6,
 * connected or about to be.
 *
 * The store listens over a connection of its own, a duplicate of the client; its
 * errors are events of the client. While Redis is away, the client keeps commands
 * until it is back. Create it with `disableOfflineQueue: true` and a
 * `commandOptions: { timeout }`, so that requests fail instead of waiting.
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
 * @param client The result of `createClient`, `createCluster` or `createSentinel`.
 */
export function fromNodeRedis(
  client: NodeRedisClient | NodeRedisCluster | NodeRedisSentinel,
): RedisClient {
  if ("masters" in client) return fromCluster(client);
  return "getMasterNode" in client ? fromSentinel(client) : fromSingle(client);
}

/** A sentinel client listens by itself, over a connection to the primary. */
function fromSentinel(sentinel: NodeRedisSentinel): RedisClient {
  return {
    send: (args) => sentinel.sendCommand(false, [...args], UNMAPPED),
    async subscribe(channel, onMessage, onGap) {
      const onChange = ({ type }: { readonly type?: unknown }) => {
        if (type === "MASTER_CHANGE") onGap();
      };
      await sentinel.subscribe(channel, onMessage);
      sentinel.on("topology-change", onChange);
      return async () => {
        sentinel.off("topology-change", onChange);
        await sentinel.unsubscribe(channel, onMessage);
      };
    },
  };
}

/** Prevents the client's own mapping of types for replies to the store. */
const UNMAPPED = { typeMapping: {} };

function fromSingle(client: NodeRedisClient): RedisClient {
  return {
    send: (args) => client.sendCommand([...args], UNMAPPED),
    async subscribe(channel, onMessage, onGap) {
      const subscriber = client.duplicate();
      subscriber.on("error", (error) => emitError(client, error));
      await subscriber.connect();
      try {
        await subscriber.subscribe(channel, onMessage);
      } catch (error) {
        subscriber.destroy();
        throw error;
      }
      subscriber.on("ready", onGap);
      // deno-lint-ignore require-await -- rejects if it throws
      return async () => subscriber.destroy();
    },
  };
}

/**
 * Emits an error of the connection that listens as an event of the client.
 *
 * Without a listener `emit()` throws the error, which would end the process. The
 * client's commands fail then too, and the site reports that.
 */
function emitError(
  client: Pick<NodeRedisClient, "emit">,
  error: unknown,
): void {
  try {
    client.emit("error", error);
  } catch {
    // There is no listener, or a listener throws.
  }
}

/** A cluster client listens by itself, over a connection of its own. */
function fromCluster(cluster: NodeRedisCluster): RedisClient {
  return {
    send(args, key) {
      // From version 6 on the cluster sends commands without a key to any node, or
      // to all.
      const isRouted = args.includes(key) || !cluster.getNodeClientForKey;
      return isRouted
        ? cluster.sendCommand(key, false, [...args], UNMAPPED)
        : sendToNode(cluster, args, key);
    },
    async subscribe(channel, onMessage) {
      await cluster.subscribe(channel, onMessage);
      return async () => void await cluster.unsubscribe(channel, onMessage);
    },
    ...cluster.sSubscribe && {
      async subscribeSharded(channel, onMessage) {
        await cluster.sSubscribe!(channel, onMessage);
        return async () => void await cluster.sUnsubscribe!(channel, onMessage);
      },
    },
  };
}

async function sendToNode(
  cluster: NodeRedisCluster,
  args: readonly string[],
  key: string,
): Promise<unknown> {
  const node = await cluster.getNodeClientForKey!(key);
  return await node.sendCommand([...args], UNMAPPED);
}

/** The members of a client of `npm:ioredis` that {@linkcode fromIoredis} uses. */
export interface IoredisClient {
  /** Sends a command. */
  call(command: string, args: string[]): Promise<unknown>;
  /** Returns a client with the same options, which connects. */
  duplicate(...overrides: never[]): IoredisSubscriber;
  /** Emits an event. */
  emit(event: "error", error: unknown): boolean;
  /** Whether the client is a cluster. */
  readonly isCluster: boolean;
}

/** The members of its listening connection that {@linkcode fromIoredis} uses. */
export interface IoredisSubscriber {
  /** Listens to a channel. */
  subscribe(channel: string): Promise<unknown>;
  /** Closes the connection at once. */
  disconnect(): void;
  /** Listens to an event. */
  // deno-lint-ignore no-explicit-any -- the arguments are those of the event
  on(event: string, listener: (...args: any[]) => void): unknown;
}

/**
 * Adapts a client or a cluster of `npm:ioredis` or `npm:iovalkey`.
 *
 * The store listens over a connection of its own, a duplicate of the client; its
 * errors are events of the client. While Redis is away, the client keeps commands
 * for a while. Create it with a `commandTimeout` and few `maxRetriesPerRequest`,
 * so that requests fail instead of waiting.
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
 * @param client The result of `new Redis` or `new Cluster`.
 */
export function fromIoredis(client: IoredisClient): RedisClient {
  return {
    routesByKey: !client.isCluster,
    send: ([command = "", ...args]) => client.call(command, args),
    async subscribe(channel, onMessage, onGap) {
      const subscriber = duplicateOf(client);
      subscriber.on("error", (error) => emitError(client, error));
      subscriber.on("message", (_, message) => onMessage(message));
      try {
        await subscriber.subscribe(channel);
      } catch (error) {
        subscriber.disconnect();
        throw error;
      }
      subscriber.on("ready", onGap);
      // deno-lint-ignore require-await -- rejects if it throws
      return async () => subscriber.disconnect();
    },
  };
}

/** Scripts publish to the channel without the prefix that keys may have. */
function duplicateOf(client: IoredisClient): IoredisSubscriber {
  const override = { keyPrefix: "" };
  const duplicate = client.duplicate as (
    ...overrides: unknown[]
  ) => IoredisSubscriber;
  return client.isCluster
    ? duplicate.call(client, [], override)
    : duplicate.call(client, override);
}
