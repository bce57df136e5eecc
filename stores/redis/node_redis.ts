import { emitError, type RedisClient } from "./client.ts";

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
export interface NodeRedisSentinel
  extends Pick<NodeRedisCluster, "subscribe" | "unsubscribe"> {
  /** Sends a command to the primary. */
  sendCommand(
    isReadonly: boolean | undefined,
    args: string[],
    options?: { typeMapping?: Record<never, never> },
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
 * A sentinel client sends a command again after a failover, though Redis may have run
 * the command; `session.update()` may change a value twice then. Create it with
 * `maxCommandRediscovers: 0`.
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
