import { callGuarded } from "../base/promises.ts";
import type { Clock } from "../base/clock.ts";
import type { DeliveryEnd } from "../http/delivery.ts";
import type { ErrorContext, SiteRequest } from "../request.ts";
import { NOTIFY_DELIVERY } from "../request/internals.ts";

/**
 * The destination of an access log: a function that receives each line without
 * the newline, or a stream such as `Deno.stderr.writable` that receives each line
 * as UTF-8 with a newline.
 */
export type AccessLog =
  | ((line: string) => unknown)
  | WritableStream<Uint8Array>;

/** The status that nginx logs if the client disconnected before the response. */
const LEFT_BEFORE_RESPONSE = 499;

const MONTHS: readonly string[] =
  "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/**
 * The data of a request for the log. They are read when the request arrives, since
 * Deno closes the request once it has the response.
 */
class AccessEntry {
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

/** Returns a function that writes lines to a log, and reports errors. */
export function lineWriter(
  log: AccessLog,
  report: (error: unknown) => void,
): (line: string) => void {
  if (typeof log === "function") {
    return (line) => void callGuarded(() => log(line), report);
  }
  const writer = log.getWriter();
  const encoder = new TextEncoder();
  return (line) => writer.write(encoder.encode(`${line}\n`)).catch(report);
}

/** The parts of a site that its access log uses. */
export interface LoggedSite {
  readonly clock: Clock;
  reportError(error: unknown, context: ErrorContext): void;
}

/** Logs a request when its response has been delivered or the client has left. */
export function logDelivery(
  site: LoggedSite,
  request: SiteRequest,
  log: (line: string) => void,
): void {
  const entry = new AccessEntry(request, site.clock.now());
  request[NOTIFY_DELIVERY]((status, end) => {
    try {
      log(entry.format(status, end));
    } catch (error) {
      // A resource may have set a user that is not a string.
      site.reportError(error, { request });
    }
  });
}
