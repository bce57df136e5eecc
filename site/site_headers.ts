import { describe } from "../base/describe.ts";
import type { Rendered, SiteRequest } from "../request.ts";

/** Of a site: the headers of its responses. */
export const SITE_HEADERS: unique symbol = Symbol("siteHeaders");

/** The name of HTTP Strict Transport Security. */
const HSTS = "strict-transport-security";

/** Headers that describe one body, one connection or one client. */
const REFUSED: readonly string[] = [
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "set-cookie",
  "transfer-encoding",
];

/** The headers of all responses of a site. */
export class SiteHeaders {
  readonly #overHttps: readonly (readonly [string, string])[];
  readonly #overHttp: readonly (readonly [string, string])[];

  /**
   * @throws {RangeError} If a name or a value cannot be in a header, or a header
   * describes one body, connection or client.
   */
  constructor(headers: Readonly<Record<string, string>>) {
    const checked = new Headers();
    for (const [name, value] of Object.entries(headers)) {
      if (REFUSED.includes(name.toLowerCase())) {
        throw new RangeError(
          `Cannot make a site: headers has ${
            describe(name)
          }, which cannot be the same on every response`,
        );
      }
      try {
        checked.set(name, value);
      } catch (cause) {
        throw new RangeError(
          `Cannot make a site: headers has no header ${describe(name)}: ${
            describe(value)
          }`,
          { cause },
        );
      }
    }
    this.#overHttps = [...checked];
    this.#overHttp = this.#overHttps.filter(([name]) => name !== HSTS);
  }

  /** Adds the headers to a response, where nothing has set the same one. */
  addTo(request: SiteRequest, rendered: Rendered): void {
    // After an upgrade the request can no longer be read.
    const isUpgrade = rendered instanceof Response && rendered.status === 101;
    const isSecure = !isUpgrade && request.isSecure;
    const { responseHeaders } = request;
    for (const [name, value] of isSecure ? this.#overHttps : this.#overHttp) {
      if (!responseHeaders.has(name)) responseHeaders.set(name, value);
    }
  }
}
