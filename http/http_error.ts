import { describe } from "../base/describe.ts";

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/**
 * An error whose reason the client may see. The site answers with a page of its
 * status, and does not report it.
 *
 * The methods that read a body throw it for an invalid body. A resource may throw
 * it too.
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
  /** The headers of the page, by name; empty by default. */
  readonly headers: Readonly<Record<string, string>>;

  /**
   * Makes the error that a resource throws.
   *
   * @param status The status of the page.
   * @param message The text of the page.
   * @param options A cause, which the client does not see, and headers of the page:
   * `{ headers: { "retry-after": "60" } }`, for example.
   * @throws {RangeError} If the status is not from 400 to 599.
   * @throws {TypeError} If a name or a value cannot be in a header.
   */
  constructor(
    status: number,
    message: string,
    options: ErrorOptions & {
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message, options);
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(
        `Cannot make an HttpError with status ${
          describe(status)
        }: not an integer from 400 to 599`,
      );
    }
    this.status = status;
    const { headers } = options;
    this.headers = headers === undefined
      ? NO_HEADERS
      : Object.freeze(Object.fromEntries(new Headers(headers)));
  }

  /** The status again, under the name that Express and Fastify look for. */
  get statusCode(): number {
    return this.status;
  }

  /** Returns the response that Hono and others send for the error: a plain text. */
  getResponse(): Response {
    return new Response(this.message, {
      status: this.status,
      headers: {
        "cache-control": "no-store",
        "content-type": "text/plain; charset=utf-8",
        "x-content-type-options": "nosniff",
        ...this.headers,
      },
    });
  }
}
