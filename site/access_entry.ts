import type { DeliveryEnd } from "../http/delivery.ts";
import type { SiteRequest } from "../request.ts";

/** The status that nginx logs if the client disconnected before the response. */
const LEFT_BEFORE_RESPONSE = 499;

const MONTHS: readonly string[] =
  "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/**
 * The data of a request for the log. They are read when the request arrives, since
 * Deno closes the request once it has the response.
 */
export class AccessEntry {
  readonly #request: SiteRequest;
  readonly #time: Date;
  readonly #address: string;
  readonly #line: string;
  readonly #referer: string;
  readonly #agent: string;

  /** @param now UNIX milliseconds. */
  constructor(request: SiteRequest, now: number) {
    const { url } = request.request;
    const path = url.indexOf("/", url.indexOf("://") + 3);
    this.#request = request;
    this.#time = new Date(now);
    this.#address = request.remoteAddress ?? "-";
    this.#line = `${request.method} ${
      path === -1 ? "/" : url.slice(path)
    } HTTP/1.1`;
    this.#referer = request.getHeader("referer") ?? "-";
    this.#agent = request.getHeader("user-agent") ?? "-";
  }

  /**
   * Returns the line in the combined log format of Apache and Twisted.
   *
   * @param status The status of the response; undefined if the client disconnected
   * before.
   */
  format(status: number | undefined, end: DeliveryEnd): string {
    const user = fieldOf(this.#request.user);
    return `${fieldOf(this.#address)} - ${user} [${formatTime(this.#time)}] "${
      quote(this.#line)
    }" ${status ?? LEFT_BEFORE_RESPONSE} ${end.bytes || "-"} "${
      quoteBytes(this.#referer)
    }" "${quoteBytes(this.#agent)}"`;
  }
}

/** Formats a time like `24/Nov/2026:06:31:59 +0000`. */
function formatTime(time: Date): string {
  const iso = time.toISOString();
  const month = MONTHS[time.getUTCMonth()];
  return `${iso.slice(8, 10)}/${month}/${iso.slice(0, 4)}:${
    iso.slice(11, 19)
  } +0000`;
}

/** Formats a field without quotes as one word; a hyphen stands for no value. */
function fieldOf(text: string | undefined): string {
  return quote(text || "-").replaceAll(" ", "_");
}

/** Escapes quotes, control characters and non-ASCII characters, as Apache does. */
function quote(text: string): string {
  return quoteBytes(
    text.replace(
      /[^\0-\x7f]/gu,
      (character) =>
        String.fromCharCode(...new TextEncoder().encode(character)),
    ),
  );
}

/** Escapes a header, in which each character stands for one byte. */
function quoteBytes(header: string): string {
  return header.replace(/["\\]/g, "\\$&").replace(
    /[^\x20-\x7e]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
