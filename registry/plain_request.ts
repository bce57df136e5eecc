import {
  addressOf,
  type ConnectionInfo,
  isSecureRequest,
  rootURLOf,
} from "../http/connection.ts";
import { type Forwarded, forwardedBy } from "../http/forwarded.ts";
import type { VisitingRequest } from "./visit.ts";

/** A request to a handler, as its visit reads it. */
export class PlainRequest implements VisitingRequest {
  readonly request: Request;
  readonly method: string;
  readonly #trustProxy: boolean;
  readonly #info: ConnectionInfo | undefined;
  #forwarded: Forwarded | undefined = undefined;
  #isSecure: boolean | undefined = undefined;

  constructor(
    request: Request,
    info: ConnectionInfo | undefined,
    trustProxy: boolean,
  ) {
    this.request = request;
    this.method = request.method;
    this.#trustProxy = trustProxy;
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
    const host = this.#getForwarded()?.host ??
      this.request.headers.get("host") ?? new URL(this.request.url).host;
    return rootURLOf(host, this.isSecure);
  }

  get hasLeft(): boolean {
    return this.request.signal.aborted;
  }

  #getForwarded(): Forwarded | undefined {
    if (!this.#trustProxy) return undefined;
    return this.#forwarded ??= forwardedBy(this.request.headers);
  }
}
