import { ClientConnection } from "../http/connection.ts";
import type { ConnectionInfo, ProxyTrust } from "../http/connection.ts";
import type { VisitingRequest } from "./visit.ts";

/** A request to a handler, as its visit reads it. */
export class PlainRequest extends ClientConnection implements VisitingRequest {
  readonly request: Request;
  readonly method: string;

  constructor(
    request: Request,
    info: ConnectionInfo | undefined,
    trust: ProxyTrust,
  ) {
    super(request, info, trust);
    this.request = request;
    this.method = request.method;
  }

  get hasLeft(): boolean {
    return this.request.signal.aborted;
  }
}
