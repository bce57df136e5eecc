import { loadOnce } from "../base/loading.ts";
import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import type { Forwarded } from "./forwarded.ts";
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

/**
 * Loads the code that reads the headers of proxies. Requests wait for it if a proxy
 * is trusted.
 */
export const loadForwarded: () => MaybePromise<
  typeof import("./forwarded.ts")
> = loadOnce(() => import("./forwarded.ts"));

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
    const code = loadForwarded();
    if (isPromiseLike(code)) {
      throw new Error(
        "Cannot read the headers of a proxy: code is being loaded",
      );
    }
    const { headers } = this.#request;
    return this.#forwarded ??= code.forwardedBy(headers, trustProxy, hops);
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
