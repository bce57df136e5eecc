import type { StreamClosing } from "../http/open_stream.ts";

/** The options of an upgrade that the platforms know. */
export interface UpgradeOptions {
  /** The subprotocol that the response names. */
  readonly protocol?: string;
  /** Seconds of silence after which the connection is taken to be lost. */
  readonly idleTimeout?: number;
}

/** Upgrades a request to a WebSocket, as `Deno.upgradeWebSocket` does. */
export type Upgrade = (
  request: Request,
  options: UpgradeOptions,
) => { readonly socket: WebSocket; readonly response: Response };

/** The functions that upgrade requests of servers other than Deno's. */
const upgrades = new WeakMap<object, Upgrade>();

/**
 * Registers how a request can be upgraded. A server calls it before it handles the
 * request.
 */
export function offerUpgrade(request: Request, upgrade: Upgrade): void {
  upgrades.set(request, upgrade);
}

/**
 * Upgrades a request by the function that its server offers.
 *
 * @throws {TypeError} If the server offers nothing, and the runtime is not Deno.
 */
export function upgradeRequest(
  request: Request,
  options: UpgradeOptions,
): ReturnType<Upgrade> {
  const upgrade = inheritedFrom(upgrades, request) ??
    globalThis.Deno?.upgradeWebSocket;
  if (upgrade === undefined) {
    throw new TypeError(
      "Cannot open a socket: this server upgrades no requests; on Node and Bun use @curfew/web/node",
    );
  }
  return upgrade(request, options);
}

/** Finds the value for a request, or for the request that it inherits from. */
export function inheritedFrom<T>(
  values: WeakMap<object, T>,
  request: Request,
): T | undefined {
  for (
    let object: object | null = request;
    object !== null;
    object = Object.getPrototypeOf(object)
  ) {
    const value = values.get(object);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Called with the socket of an upgraded request. */
export type UpgradeCallback = (socket: WebSocket) => void;

/** The requests whose upgrade is watched. */
export const watchedUpgrades: WeakMap<object, UpgradeCallback> = new WeakMap();

/** Stops watching a request: its socket is one of the session's own. */
export function ignoreUpgrade(request: Request): void {
  watchedUpgrades.delete(request);
}

/** The site stops: the client connects again. */
export const GOING_AWAY = 1001;

/** The client may not stay. */
export const POLICY = 1008;

/** A message is too big. */
export const TOO_BIG = 1009;

/** An error of the application. */
export const INTERNAL_ERROR = 1011;

/** The client may connect again at once. */
export const TRY_AGAIN = 1013;

/** Returns the code and the reason by which a socket is closed. */
export function closeFrameOf(
  closing: StreamClosing,
  reason = "",
): [code: number | undefined, reason: string] {
  if (closing === "cut") return [TRY_AGAIN, "renewed"];
  if (closing === "drop") return [undefined, ""];
  return closing === "restart" || reason === "shutdown"
    ? [GOING_AWAY, "shutdown"]
    : [POLICY, reason];
}

/** The most bytes of a reason in a close frame; with more, close() throws. */
const MAX_REASON = 123;

/** Returns as many whole characters of a reason as fit in a close frame. */
export function shorten(reason: string): string {
  const bytes = new Uint8Array(MAX_REASON);
  const { written } = new TextEncoder().encodeInto(reason, bytes);
  return new TextDecoder().decode(bytes.subarray(0, written));
}

/** Returns whether a message has more than so many bytes. */
export function isLarger(data: unknown, bytes: number): boolean {
  if (typeof data === "string") {
    // A character takes one to three bytes.
    if (data.length * 3 <= bytes) return false;
    return data.length > bytes || new TextEncoder().encode(data).length > bytes;
  }
  const size = data instanceof Blob
    ? data.size
    : (data as ArrayBuffer).byteLength;
  return size > bytes;
}

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
