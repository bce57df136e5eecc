import { describe } from "./describe.ts";

/**
 * A request that cannot be answered as it is, for a reason that its visitor may
 * know: answered with a page of that status, and not reported.
 *
 * Bodies that cannot be read are such errors; a resource may throw its own.
 *
 * @example Usage
 * ```ts
 * import { HttpError, Resource, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * class Shop extends Resource {
 *   override render_GET(): string {
 *     throw new HttpError(503, "We are moving house.");
 *   }
 * }
 *
 * await using site = new Site(new Resource().putChild("", new Shop()));
 * const response = await site.fetch(new Request("http://localhost/"));
 * assertEquals(response.status, 503);
 * ```
 */
export class HttpError extends Error {
  /** @ignore */
  override name = "HttpError";
  /** The status of the page, from 400 to 599. */
  readonly status: number;

  /**
   * Makes the error that a resource throws.
   *
   * @param status The status of the page.
   * @param message What the page says, to the visitor.
   * @param options A cause, which the visitor does not see.
   * @throws {RangeError} If the status is not from 400 to 599.
   */
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(
        `Cannot make an HttpError with status ${
          describe(status)
        }: not an integer from 400 to 599`,
      );
    }
    this.status = status;
  }
}
