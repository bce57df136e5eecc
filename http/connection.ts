import { trimSpace } from "./headers.ts";
import { HttpError } from "./http_error.ts";

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

/** The proxies that are trusted; see `SessionsOptions`. */
export interface ProxyTrust {
  readonly trustProxy?: TrustedProxy;
  readonly hops?: number;
}

/** The client of a request, as the trusted proxies show it. */
export class ClientConnection {
  readonly #request: Request;
  readonly #info: ConnectionInfo | undefined;
  readonly #trust: ProxyTrust;
  #href: string | undefined;
  #forwarded: Forwarded | undefined = undefined;
  #isSecure: boolean | undefined = undefined;
  #url: URL | undefined = undefined;

  /** @param href The URL of the request, if the caller has read it. */
  constructor(
    request: Request,
    info: ConnectionInfo | undefined,
    trust: ProxyTrust,
    href?: string,
  ) {
    this.#request = request;
    this.#info = info;
    this.#trust = trust;
    this.#href = href;
  }

  /**
   * The URL of the request.
   *
   * @throws {HttpError} 400 if the host, or the URL with this host, is invalid.
   */
  get url(): URL {
    if (this.#url !== undefined) return this.#url;
    checkHost(this.#host);
    try {
      return this.#url = new URL(this.#getHref());
    } catch (cause) {
      throw new HttpError(400, "The request has no valid URL", { cause });
    }
  }

  /**
   * Whether the request came over https, to the proxy if there is one. Proxies
   * write `wss` for a WebSocket over https.
   */
  get isSecure(): boolean {
    if (this.#isSecure !== undefined) return this.#isSecure;
    const protocol = this.#getForwarded()?.protocol;
    return this.#isSecure = protocol === undefined
      ? this.#getHref().startsWith("https:")
      : protocol === "https" || protocol === "wss";
  }

  /** The address of the client, without a port, if it is known. */
  get remoteAddress(): string | undefined {
    return this.#getForwarded()?.address ?? this.#info?.remoteAddr?.hostname;
  }

  /**
   * The URL of the site's root as the client sees it.
   *
   * @throws {HttpError} 400 if the host is invalid.
   */
  get rootURL(): URL {
    const host = this.#getForwarded()?.host || this.#host || this.url.host;
    checkHost(host);
    try {
      return new URL(`${this.isSecure ? "https" : "http"}://${host}/`);
    } catch (cause) {
      throw new HttpError(400, "The request names no valid host", { cause });
    }
  }

  get #host(): string | undefined {
    return this.#request.headers.get("host") || undefined;
  }

  #getHref(): string {
    return this.#href ??= this.#request.url;
  }

  #getForwarded(): Forwarded | undefined {
    const { trustProxy = false, hops = 1 } = this.#trust;
    if (trustProxy === false) return undefined;
    const { headers } = this.#request;
    return this.#forwarded ??= forwardedBy(headers, trustProxy, hops);
  }
}

/** A host of letters, digits, ".", "-" and "_", or an IPv6 address, and a port. */
const HOST = /^(?:[\p{L}\d_.-]+|\[[\da-fA-F:.]+\])(?::(\d{0,5}))?$/u;

/**
 * Refuses anything but a host and a port: other characters would change the host
 * or the path of a URL.
 *
 * @throws {HttpError} 400 if the text is not a host with or without a port.
 */
export function checkHost(host: string | undefined): void {
  if (host === undefined) return;
  const match = HOST.exec(host);
  if (match !== null && Number(match[1] ?? 0) <= 65535) return;
  throw new HttpError(400, "The request names no valid host");
}

/**
 * The headers of a proxy that a site trusts: `"x-forwarded"` are
 * `X-Forwarded-For`, `-Host` and `-Proto`, `"forwarded"` is `Forwarded` (RFC
 * 7239). `true` is `"x-forwarded"`, and `false` trusts no proxy.
 */
export type TrustedProxy = boolean | "forwarded" | "x-forwarded";

/** The data of a client in the headers of the proxy that forwards its request. */
interface Forwarded {
  /** The client's address, without a port. */
  readonly address: string | undefined;
  /** The host that the client asked for, with its port. */
  readonly host: string | undefined;
  /** "https", "http", or for a WebSocket "wss" or "ws". */
  readonly protocol: string | undefined;
}

/** The protocols that proxies write. */
const PROTOCOLS: readonly string[] = ["https", "http", "wss", "ws"];

/**
 * Reads the data that the trusted proxies added; undefined if none is trusted. One
 * family of headers is read, as a proxy passes on the other as the client sent it.
 *
 * Each proxy appends its value to those that it receives. So the value that the
 * outermost of `hops` proxies added is that many from the end. It is the first
 * value if there are fewer: then an inner proxy has replaced the list.
 */
function forwardedBy(
  headers: Headers,
  trustProxy: TrustedProxy,
  hops: number,
): Forwarded | undefined {
  if (trustProxy === false) return undefined;
  if (trustProxy === "forwarded") {
    const header = headers.get("forwarded");
    const pairs = parsePairs(entryOf(header, hops) ?? "");
    return dataOf(pairs.get("for"), pairs.get("host"), pairs.get("proto"));
  }
  const read = (name: string) =>
    trimSpace(entryOf(headers.get(`x-forwarded-${name}`), hops) ?? "") ||
    undefined;
  return dataOf(read("for"), read("host"), read("proto"));
}

function dataOf(
  address: string | undefined,
  host: string | undefined,
  proto: string | undefined,
): Forwarded {
  const protocol = proto?.toLowerCase() ?? "";
  return {
    address: withoutPort(address),
    host,
    protocol: PROTOCOLS.includes(protocol) ? protocol : undefined,
  };
}

/**
 * Returns the entry that the outermost trusted proxy added.
 *
 * Entries end at commas, even at one inside of an open quote: a client may have
 * opened the quote on purpose.
 */
function entryOf(list: string | null, hops: number): string | undefined {
  const entries = list?.split(",");
  return entries?.at(-hops) ?? entries?.[0];
}

/**
 * One `name=value` of a `Forwarded` header. A value without quotes is visible
 * ASCII.
 */
const PAIR =
  /^[\t ]*([!#$%&'*+.^`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([!#-~]+))[\t ]*$/;

/**
 * Returns the pairs of one element of a `Forwarded` header; an empty map if the
 * element is malformed.
 */
function parsePairs(element: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const part of element.split(";")) {
    const [, name, quoted, token] = PAIR.exec(part) ?? [];
    if (name === undefined) return new Map();
    const value = quoted?.replace(/\\(.)/g, "$1") ?? token;
    if (value) pairs.set(name.toLowerCase(), value);
  }
  return pairs;
}

/** Strips the port of `1.2.3.4:5` and `[::1]:5`; `::1` has no port. */
function withoutPort(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(address);
  if (bracketed !== null) return bracketed[1];
  return /^[^:]*:\d+$/.test(address) ? address.split(":", 1)[0] : address;
}
