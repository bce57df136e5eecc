import { HttpError } from "./http_error.ts";
import type { Forwarded } from "./forwarded.ts";

/** The connection of a request; `Deno.ServeHandlerInfo` fits. */
export interface ConnectionInfo {
  /** The other end of the connection. */
  readonly remoteAddr?: {
    /** `"tcp"` or `"unix"`, for example. */
    readonly transport: string;
    /** The address, where the transport has one. */
    readonly hostname?: string;
    /** The port, where the transport has one. */
    readonly port?: number;
  };
}

/**
 * Returns whether a request came over https, to the proxy if there is one.
 *
 * Proxies write `wss` for a WebSocket over https.
 */
export function isSecureRequest(
  url: string,
  forwarded: Forwarded | undefined,
): boolean {
  const protocol = forwarded?.protocol;
  return protocol === undefined
    ? url.startsWith("https:")
    : protocol === "https" || protocol === "wss";
}

/** Returns the address of a client, without a port, if it is known. */
export function addressOf(
  info: ConnectionInfo | undefined,
  forwarded: Forwarded | undefined,
): string | undefined {
  return forwarded?.address ?? info?.remoteAddr?.hostname;
}

/**
 * Returns the URL of a site's root as the client sees it.
 *
 * @throws {HttpError} 400 if the host is invalid.
 */
export function rootURLOf(host: string, isSecure: boolean): URL {
  checkHost(host);
  try {
    return new URL(`${isSecure ? "https" : "http"}://${host}/`);
  } catch (cause) {
    throw new HttpError(400, "The request names no valid host", { cause });
  }
}

/**
 * Parses the URL of a request.
 *
 * @throws {HttpError} 400 if the host is invalid, or the URL with it.
 */
export function urlOf(href: string, host: string | undefined): URL {
  checkHost(host);
  try {
    return new URL(href);
  } catch (cause) {
    throw new HttpError(400, "The request has no valid URL", { cause });
  }
}

/** A host of letters, digits, ".", "-" and "_", or an IPv6 address, and a port. */
const HOST = /^(?:[\p{L}\d_.-]+|\[[\da-fA-F:.]+\])(?::(\d{0,5}))?$/u;

/**
 * Refuses anything but a host and a port: other characters would change the host
 * or the path of a URL.
 *
 * @throws {HttpError} 400 if it is none.
 */
export function checkHost(host: string | undefined): void {
  if (host === undefined) return;
  const match = HOST.exec(host);
  if (match !== null && Number(match[1] ?? 0) <= 65535) return;
  throw new HttpError(400, "The request names no valid host");
}
