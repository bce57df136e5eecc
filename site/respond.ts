import type { Clock } from "../base/clock.ts";
import { describe } from "../base/describe.ts";
import {
  callGuarded,
  isPromiseLike,
  loadOnce,
  type MaybePromise,
} from "../base/promises.ts";
import { dropUnsent, isSelfClosing } from "../http/open_stream.ts";
import { isRendered } from "../http/response.ts";
import {
  NO_HEADERS,
  type SessionHeaders,
} from "../registry/session_headers.ts";
import type { ErrorContext, Rendered, SiteRequest } from "../request.ts";
import {
  ENTER,
  NOTIFY_DELIVERY,
  RESET,
  RESPOND,
  TIE_BODY,
  VISIT,
  WAIT,
} from "../request/internals.ts";
import type { Resource } from "../resource.ts";
import { renderWrapped } from "../resources/wrap.ts";

/** The parts of a site that sending a response uses. */
export interface RespondingSite {
  /** The headers of every response; undefined without any. */
  readonly [SITE_HEADERS]: SiteHeaders | undefined;
  reportError(error: unknown, context: ErrorContext): void;
}

/** Renders a resource, and responds with the value. */
export function respondWith(
  site: RespondingSite,
  resource: Resource,
  request: SiteRequest,
): MaybePromise<Response> {
  const entering = request[ENTER](resource);
  return entering instanceof Promise
    ? entering.then(() => renderAndRespond(site, resource, request))
    : renderAndRespond(site, resource, request);
}

function renderAndRespond(
  site: RespondingSite,
  resource: Resource,
  request: SiteRequest,
): MaybePromise<Response> {
  const rendered = renderWrapped(resource, request);
  if (!isPromiseLike(rendered)) {
    return respond(site, rendered, resource, request);
  }
  request[WAIT]();
  return Promise.resolve(rendered).then((rendered) =>
    respond(site, rendered, resource, request)
  );
}

/**
 * Responds with a rendered value, and writes what the request has changed.
 *
 * @param source The resource that rendered it, or the name of the option.
 */
export function respond(
  site: RespondingSite,
  rendered: Rendered,
  source: Resource | string,
  request: SiteRequest,
): MaybePromise<Response> {
  if (!isRendered(rendered)) {
    const value: unknown = rendered;
    // A template of Hono is such an object, and TypeScript takes it for a string.
    if (value instanceof String) {
      return respond(site, String(value), source, request);
    }
    throw new TypeError(
      `Cannot send what ${
        typeof source === "string" ? source : source.constructor.name
      } rendered for ${request.method}: neither text, bytes, a stream nor a Response: ${
        describe(rendered)
      }`,
    );
  }
  const upgrade = dropUnsent(request, rendered);
  if (upgrade !== undefined) {
    // Headers and status were for the page that cannot be sent.
    request[RESET]();
    rendered = upgrade;
  }
  const tieBody = request[TIE_BODY];
  if (tieBody !== undefined) {
    rendered = tieBody(rendered, request, isSelfClosing);
  }
  const visit = request[VISIT];
  if (visit === undefined) return send(site, rendered, NO_HEADERS, request);
  const finishing = visit.finish();
  if (!(finishing instanceof Promise)) {
    return send(site, rendered, finishing, request);
  }
  return finishing.then(
    (headers) => send(site, rendered, headers, request),
    (error) => {
      discard(rendered, (error) => site.reportError(error, { request }));
      throw error;
    },
  );
}

function send(
  site: RespondingSite,
  rendered: Rendered,
  added: SessionHeaders,
  request: SiteRequest,
): MaybePromise<Response> {
  site[SITE_HEADERS]?.addTo(request, rendered);
  return request[RESPOND](rendered, added);
}

/** Cancels a body that will not be sent. */
function discard(rendered: Rendered, report: (error: unknown) => void): void {
  const body = rendered instanceof Response ? rendered.body : rendered;
  if (body instanceof ReadableStream) body.cancel().catch(report);
}

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
