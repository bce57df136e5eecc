import type { SiteRequest } from "../request.ts";
import type { DeliveryEnd } from "./delivery.ts";

/**
 * Where the lines of an access log go, each without the newline: to a function,
 * or with a newline and as UTF-8 into a stream, such as `Deno.stderr.writable`.
 */
export type AccessLog =
  | ((line: string) => void | PromiseLike<void>)
  | WritableStream<Uint8Array>;

/** What nginx says of a visitor who left before there was a response. */
const LEFT_BEFORE_RESPONSE = 499;

const MONTHS: readonly string[] =
  "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/**
 * What is to be logged of a request: read as it comes, for Deno closes it once
 * the response is handed over.
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
   * The line in the combined log format of Apache and Twisted.
   *
   * @param status The status of the response; undefined if there was none.
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

/** `24/Nov/2026:06:31:59 +0000` */
function formatTime(time: Date): string {
  const iso = time.toISOString();
  const month = MONTHS[time.getUTCMonth()];
  return `${iso.slice(8, 10)}/${month}/${iso.slice(0, 4)}:${
    iso.slice(11, 19)
  } +0000`;
}

/** A field without quotes: one word, a hyphen for none. */
function fieldOf(text: string | undefined): string {
  return quote(text || "-").replaceAll(" ", "_");
}

/** Escapes what would end a field or a line, and what is not ASCII, as Apache does. */
function quote(text: string): string {
  return quoteBytes(
    text.replace(
      /[^\0-\x7f]/gu,
      (character) =>
        String.fromCharCode(...new TextEncoder().encode(character)),
    ),
  );
}

/** Does so for a header, whose characters are the bytes that came. */
function quoteBytes(header: string): string {
  return header.replace(/["\\]/g, "\\$&").replace(
    /[^\x20-\x7e]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** A function that writes lines to a log, and reports what goes wrong. */
export function lineWriter(
  log: AccessLog,
  report: (error: unknown) => void,
): (line: string) => void {
  if (typeof log === "function") {
    return (line) => {
      try {
        Promise.resolve(log(line)).catch(report);
      } catch (error) {
        report(error);
      }
    };
  }
  const writer = log.getWriter();
  const encoder = new TextEncoder();
  return (line) => writer.write(encoder.encode(`${line}\n`)).catch(report);
}
