import {
  addressOf,
  type ConnectionInfo,
  type Forwarded,
  forwardedBy,
  isSecureRequest,
  rootURLOf,
  type TrustedProxy,
} from "../http/connection.ts";
import type { VisitingRequest } from "./visit.ts";

/** The options that say which proxies are trusted; see `SessionsOptions`. */
export interface ProxyTrust {
  readonly trustProxy?: TrustedProxy;
  readonly hops?: number;
}

/** A request to a handler, as its visit reads it. */
export class PlainRequest implements VisitingRequest {
  readonly request: Request;
  readonly method: string;
  readonly #trust: ProxyTrust;
  readonly #info: ConnectionInfo | undefined;
  #forwarded: Forwarded | undefined = undefined;
  #isSecure: boolean | undefined = undefined;

  constructor(
    request: Request,
    info: ConnectionInfo | undefined,
    trust: ProxyTrust,
  ) {
    this.request = request;
    this.method = request.method;
    this.#trust = trust;
    this.#info = info;
  }

  get isSecure(): boolean {
    return this.#isSecure ??= isSecureRequest(
      this.request.url,
      this.#getForwarded(),
    );
  }

  get remoteAddress(): string | undefined {
    return addressOf(this.#info, this.#getForwarded());
  }

  get rootURL(): URL {
    const host = this.#getForwarded()?.host ||
      this.request.headers.get("host") || new URL(this.request.url).host;
    return rootURLOf(host, this.isSecure);
  }

  get hasLeft(): boolean {
    return this.request.signal.aborted;
  }

  #getForwarded(): Forwarded | undefined {
    const { trustProxy = false, hops = 1 } = this.#trust;
    if (trustProxy === false) return undefined;
    return this.#forwarded ??= forwardedBy(
      this.request.headers,
      trustProxy,
      hops,
    );
  }
}
