import { describe } from "../base/describe.ts";
import {
  isPromiseLike,
  loadOnce,
  type MaybePromise,
} from "../base/promises.ts";
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
      throw new Error("Cannot read the headers of a proxy yet");
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

/** The parts of a request that show its host. `SiteRequest` is one. */
export interface HostRequest {
  /** The request as it came. */
  readonly request: Request;
  /** The connection; undefined if the request came over none. */
  readonly info: object | undefined;
  /** The root of the site as the client sees it. */
  readonly rootURL: URL;
}

/** The host of the last valid request: nearly all requests have the same one. */
export interface UsualHost {
  /** The `Host` header. */
  readonly host: string;
  /** The beginning of their URLs: `"http://shop.example/"`. */
  readonly urlBegin: string;
  readonly check: HostCheck;
}

/** Refuses requests whose host is invalid, or not one that the site serves. */
export class HostCheck {
  /** Undefined if every host is allowed. */
  readonly #names: ReadonlySet<string> | undefined;
  /** Ends of names such as ".shop.example", whose subdomains are allowed. */
  readonly #suffixes: readonly string[];
  #usual: UsualHost | undefined = undefined;

  /**
   * @param hosts The allowed hosts, without ports; `*.` stands for all subdomains.
   * @throws {TypeError} If one is not a string.
   * @throws {RangeError} If the list is empty, or an item is not a host.
   */
  constructor(hosts: readonly string[] | undefined) {
    const names = hosts?.map(parsePattern) ?? [];
    this.#names = hosts && new Set(names);
    this.#suffixes = names.filter((name) => name.startsWith("*."))
      .map((name) => name.slice(1));
  }

  /**
   * Returns the usual host if a URL names it and it is allowed; undefined if the
   * headers have to be checked now. Reading them costs a tenth of a request. Those
   * of the usual host are checked when they are first read, since the Host header
   * may name another host than the URL.
   */
  usualOf(url: string): UsualHost | undefined {
    const usual = this.#usual;
    return this.#names === undefined && usual !== undefined &&
        url.startsWith(usual.urlBegin)
      ? usual
      : undefined;
  }

  /**
   * Checks the host of a request.
   *
   * A request without a connection, in a test for example, may have any URL beside
   * its Host header.
   *
   * @throws {HttpError} 400 if the site does not answer for the host.
   */
  check(request: HostRequest): void {
    const { url, headers } = request.request;
    // Deno names a request without a host after the address that it listens on.
    const host = headers.get("host") || null;
    const usual = this.#usual;
    const isUsual = usual !== undefined && host === usual.host &&
      url.startsWith(usual.urlBegin);
    if (!isUsual) {
      this.#checkNames(url, host, request.info !== undefined);
    }
    if (this.#names === undefined) return;
    if (!this.#isAllowed(withoutDot(request.rootURL.hostname))) {
      throw new HttpError(400, "The request is for another host");
    }
  }

  #checkNames(
    url: string,
    host: string | null,
    isFromConnection: boolean,
  ): void {
    if (host !== null) {
      checkHost(host);
      this.#noteValid(host, url);
    }
    if (!isFromConnection) return;
    const authority = authorityOf(url);
    if (host === null) return checkHost(authority);
    const isHttps = url.startsWith("https:");
    if (normalize(host, isHttps) !== normalize(authority, isHttps)) {
      throw new HttpError(400, "The request names two hosts");
    }
  }

  #noteValid(host: string, url: string): void {
    const scheme = url.slice(0, url.indexOf("://") + 3);
    // Joined parts are one flat string, which V8 compares faster than a template's.
    const urlBegin = [scheme, host, "/"].join("");
    this.#usual = { host, urlBegin, check: this };
  }

  #isAllowed(name: string): boolean {
    return this.#names!.has(name) ||
      this.#suffixes.some((suffix) =>
        name.endsWith(suffix) && name.length > suffix.length
      );
  }
}

/** Returns the host and the port of a URL, as they are written there. */
function authorityOf(url: string): string {
  const rest = url.slice(url.indexOf("://") + 3);
  const end = rest.search(/[/?#]/);
  return end === -1 ? rest : rest.slice(0, end);
}

/** Returns a host without the port that the scheme has by default. */
function normalize(host: string, isHttps: boolean): string {
  return host.toLowerCase().replace(isHttps ? /:(443)?$/ : /:(80)?$/, "");
}

/** Strips the dot of a fully qualified name such as `example.com.`. */
export function withoutDot(hostname: string): string {
  return hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
}

/**
 * Returns the name of a host as the URL of a request spells it; undefined if it is
 * not a name without a port.
 */
export function hostNameOf(name: string): string | undefined {
  const url = /^(\[[^\]]+\]|[^:/?#\\@\s]+)$/.test(name)
    ? URL.parse(`http://${name}/`)
    : null;
  return url === null ? undefined : withoutDot(url.hostname);
}

/** Returns an allowed host as a URL spells it, with the wildcard. */
function parsePattern(pattern: string): string {
  const wildcard = pattern.startsWith("*.") ? "*." : "";
  const name = pattern.slice(wildcard.length);
  const hostname = name.includes("*") ? undefined : hostNameOf(name);
  if (hostname !== undefined) return wildcard + hostname;
  throw new RangeError(
    `Cannot make a site: hosts has ${
      describe(pattern)
    }: not the name of a host without a port`,
  );
}
