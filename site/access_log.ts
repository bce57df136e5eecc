import type { Clock } from "../base/clock.ts";
import { loadOnce } from "../base/loading.ts";
import {
  callGuarded,
  isPromiseLike,
  type MaybePromise,
} from "../base/promises.ts";
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

/** Loads the code that writes lines. */
const loadLines = loadOnce(() => import("./access_entry.ts"));

/**
 * Logs a request when its response has been delivered or the client has left. The
 * first request of a process waits for the code that does so.
 *
 * @throws The error of a request that cannot be read; rejects if it waited.
 */
export function logDelivery(
  site: LoggedSite,
  request: SiteRequest,
  log: (line: string) => void,
): MaybePromise<void> {
  const report = (error: unknown) => site.reportError(error, { request });
  const now = site.clock.now();
  const begin = ({ AccessEntry }: typeof import("./access_entry.ts")) => {
    const entry = new AccessEntry(request, now);
    request[NOTIFY_DELIVERY]((status, end) => {
      try {
        log(entry.format(status, end));
      } catch (error) {
        // A resource may have set a user that is not a string.
        report(error);
      }
    });
  };
  const lines = loadLines();
  return isPromiseLike(lines) ? lines.then(begin, report) : begin(lines);
}
