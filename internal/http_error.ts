import type { ErrorStatus } from "@std/http/status";

/** A request that is the visitor's fault: answered with a page, not reported. */
export class HttpError extends Error {
  override name = "HttpError";
  readonly status: ErrorStatus;

  constructor(status: ErrorStatus, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
