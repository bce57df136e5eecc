/**
 * Data in memory as resources.
 *
 * @module
 */

import { eTag } from "@std/http/etag";
import type { Piece } from "../../http/byte_ranges.ts";
import { describe } from "../../base/describe.ts";
import { isHeaderValue, sendRepresentation } from "./representation.ts";
import type { Rendered, SiteRequest } from "../../request.ts";
import { Resource } from "../../resource.ts";

/**
 * Bytes or a text, the same for every client.
 *
 * It serves GET and HEAD, with ranges, and with a strong `ETag` of the content, by
 * which a browser reuses its copy. Browsers may not guess another type:
 * `X-Content-Type-Options` is `nosniff`, unless it is set. From Twisted's
 * `twisted.web.static.Data`, which has neither ranges nor tags.
 *
 * @example Usage
 * ```ts
 * import { Resource, Site } from "@curfew/web";
 * import { StaticData } from "@curfew/web/static";
 * import { assertEquals } from "@std/assert";
 *
 * const robots = new StaticData("User-agent: *\nDisallow: /\n", "text/plain");
 * await using site = new Site(new Resource().putChild("robots.txt", robots));
 * const response = await site.fetch(
 *   new Request("http://localhost/robots.txt", {
 *     headers: { range: "bytes=0-9" },
 *   }),
 * );
 * assertEquals(response.status, 206);
 * assertEquals(await response.text(), "User-agent");
 * ```
 */
export class StaticData extends Resource {
  /** False: the resource does not use the session. */
  override usesSession: boolean = false;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #type: string;
  #etag: Promise<string> | undefined = undefined;

  /**
   * Makes the resource.
   *
   * @param data Bytes, which are copied, or a text, which is sent as UTF-8.
   * @param type The media type, as in `"text/plain; charset=utf-8"`.
   * @throws {TypeError} If the data is neither, or the type cannot be in a header.
   */
  constructor(data: Uint8Array | string, type: string) {
    super();
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw new TypeError(
        `Cannot serve data: neither text nor bytes: ${describe(data)}`,
      );
    }
    if (!isHeaderValue(type)) {
      throw new TypeError(
        `Cannot serve data: the type cannot be in a header: ${describe(type)}`,
      );
    }
    this.#bytes = typeof data === "string"
      ? new TextEncoder().encode(data)
      : new Uint8Array(data);
    this.#type = type;
  }

  /** Serves GET and HEAD. */
  override async render_GET(request: SiteRequest): Promise<Rendered> {
    this.#etag ??= eTag(this.#bytes);
    return sendRepresentation(request, {
      size: this.#bytes.byteLength,
      type: this.#type,
      etag: await this.#etag,
      read: (pieces) => this.#read(pieces),
    });
  }

  #read(pieces: readonly Piece[]): BodyInit {
    return new Blob(
      pieces.map((piece) =>
        piece instanceof Uint8Array
          ? piece
          : this.#bytes.subarray(piece.start, piece.end)
      ),
    );
  }
}
