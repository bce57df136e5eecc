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
   * Whether the client sends a command again if its connection was cut before the
   * answer, though Redis may have run the command. Then `session.update()` may change
   * a value twice. `RedisStore.check()` reports it.
   *
   * @default {false}
   */
  readonly repeatsCommands?: boolean;

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

/**
 * Emits an error of the connection that listens as an event of the client.
 *
 * Without a listener `emit()` throws the error, which would end the process. The
 * client's commands fail then too, and the site reports that.
 */
export function emitError(
  client: { emit(event: "error", error: unknown): boolean },
  error: unknown,
): void {
  try {
    client.emit("error", error);
  } catch {
    // There is no listener, or a listener throws.
  }
}
