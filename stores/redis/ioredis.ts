import { emitError, type RedisClient } from "./client.ts";

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
  /** The options of the client, or of the cluster. */
  readonly options?: {
    readonly autoResendUnfulfilledCommands?: boolean | undefined;
    readonly retryDelayOnFailover?: number | undefined;
  };
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
 * By default these clients send a command again if the connection is cut before the
 * answer, and `session.update()` may change a value twice. Set
 * `autoResendUnfulfilledCommands: false`, or `retryDelayOnFailover: 0` of a cluster
 * of `npm:ioredis`. With the latter, a cluster client of `npm:iovalkey` refuses visits
 * on other nodes too while one is away, so leave it as it is there.
 *
 * @example Usage
 * ```ts ignore
 * import { Redis } from "npm:ioredis@6";
 * import { fromIoredis, RedisStore } from "@curfew/web/stores/redis";
 *
 * const client = new Redis({
 *   commandTimeout: 2000,
 *   autoResendUnfulfilledCommands: false,
 * });
 * client.on("error", console.error);
 * const store = new RedisStore({ client: fromIoredis(client) });
 * ```
 *
 * @param client The result of `new Redis` or `new Cluster`.
 */
export function fromIoredis(client: IoredisClient): RedisClient {
  return {
    routesByKey: !client.isCluster,
    repeatsCommands: isRepeating(client),
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

function isRepeating({ isCluster, options }: IoredisClient): boolean {
  if (options === undefined) return false;
  return isCluster
    ? options.retryDelayOnFailover !== 0
    : options.autoResendUnfulfilledCommands !== false;
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
