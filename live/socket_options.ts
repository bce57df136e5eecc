import {
  ABOVE_ZERO,
  atLeast,
  type OptionRules,
  ORIGINS,
  STRING,
} from "../base/options.ts";

/** The options of a session's socket. */
export interface SessionSocketOptions {
  /** The subprotocol, one of those that the client offers. */
  readonly protocol?: string;
  /**
   * Seconds without a message after which a ping is sent to the client. The
   * socket is closed, with code 1001, if the client does not respond for as long
   * again. 0 sends no ping.
   *
   * @default {30}
   */
  readonly idleTimeout?: number;
  /**
   * The most bytes that may wait for a client that reads too slowly. If more are
   * waiting, `send()` closes the socket with code 1013 instead. The operating
   * system buffers some more.
   *
   * @default {1048576}
   */
  readonly maxBufferedBytes?: number;
  /**
   * The most bytes that a message of the client may have. A longer message reaches
   * no listener, and the socket is closed with code 1009. Deno itself takes
   * messages of up to 64 MiB into memory.
   *
   * @default {1048576}
   */
  readonly maxMessageBytes?: number;
  /**
   * Origins of other sites whose pages may open a socket:
   * `"https://app.example"`, for example. Browsers let any page try, and may send
   * the client's cookie along.
   *
   * @default {[]}
   */
  readonly origins?: readonly string[];
}

/** The rules of {@linkcode SessionSocketOptions}. */
export const SOCKET_RULES: OptionRules<SessionSocketOptions> = {
  protocol: STRING,
  idleTimeout: atLeast(0),
  maxBufferedBytes: ABOVE_ZERO,
  maxMessageBytes: ABOVE_ZERO,
  origins: ORIGINS,
};
