/** Called with the socket of an upgraded request. */
type UpgradeCallback = (socket: WebSocket) => void;

/** The requests whose upgrade is watched. */
const callbacks = new WeakMap<object, UpgradeCallback>();

/** The functions that replace `Deno.upgradeWebSocket`. */
const watching = new WeakSet<typeof Deno.upgradeWebSocket>();

/**
 * Calls back if the application upgrades a request to a WebSocket.
 *
 * Deno gives the socket to the caller of `Deno.upgradeWebSocket` alone, and that is
 * the application. So the first call of this function replaces the global function
 * by one that does the same and looks whether the request is watched.
 */
export function watchUpgrade(
  request: Request,
  onUpgrade: UpgradeCallback,
): void {
  // Other runtimes upgrade no requests.
  if (typeof Deno === "undefined") return;
  callbacks.set(request, onUpgrade);
  const { upgradeWebSocket } = Deno;
  if (watching.has(upgradeWebSocket)) return;
  const watched: typeof upgradeWebSocket = (request, options) => {
    const upgrade = upgradeWebSocket(request, options);
    callbackFor(request)?.(upgrade.socket);
    return upgrade;
  };
  watching.add(watched);
  Object.defineProperty(Deno, "upgradeWebSocket", {
    value: watched,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

/** Calls back no more: the socket is one of the session's own. */
export function ignoreUpgrade(request: Request): void {
  callbacks.delete(request);
}

/** Finds the callback of a request, or of the request that it inherits from. */
function callbackFor(request: Request): UpgradeCallback | undefined {
  for (
    let object: object | null = request;
    object !== null;
    object = Object.getPrototypeOf(object)
  ) {
    const callback = callbacks.get(object);
    if (callback !== undefined) return callback;
  }
  return undefined;
}
