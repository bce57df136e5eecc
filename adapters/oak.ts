/**
 * Sessions in an oak application.
 *
 * @module
 */

import { dropUnsent, type StreamedRequest } from "../http/open_stream.ts";
import { HttpError, type OpenVisit, type Sessions } from "../sessions.ts";
import { runInVisit } from "./run.ts";

/** The parts of oak's `Context` that the middleware uses. */
export interface OakContext {
  /** The request. */
  readonly request: {
    /** The request as the runtime made it; undefined on Node. */
    readonly source?: unknown;
    /** The method. */
    readonly method: string;
    /** The URL. */
    readonly url: URL;
    /** The headers. */
    readonly headers: Headers;
    /** The address of the client. */
    readonly ip: string;
  };
  /** The response. */
  readonly response: { readonly headers: Headers; readonly body: unknown };
  /** Whether oak sends the response; undefined for true. */
  readonly respond?: boolean | undefined;
  /** The data that the middleware and handlers of a request share. */
  // deno-lint-ignore no-explicit-any
  readonly state: any;
}

/** The middleware of {@linkcode curfew}. */
export type OakMiddleware = (
  ctx: OakContext,
  next: () => Promise<unknown>,
) => Promise<void>;

/**
 * Makes the middleware that gives each request its visit, as `ctx.state.visit`.
 *
 * Every response sets the cookie, also the response for an error: oak sends the
 * `headers` of an error. It leaves once changes are written; if that fails, the
 * client gets a 503.
 *
 * @param sessions The sessions, which several applications may share.
 *
 * @example Usage
 * ```ts ignore
 * import { Sessions } from "@curfew/web/sessions";
 * import { curfew } from "@curfew/web/oak";
 * import { Application } from "@oak/oak";
 *
 * const app = new Application();
 * app.use(curfew(new Sessions({ sessionTimeout: 5 })));
 * app.use((ctx) => {
 *   ctx.response.body = ctx.state.visit.getSession().uid;
 * });
 * ```
 */
export function curfew(sessions: Sessions): OakMiddleware {
  return async (ctx, next) => {
    if (ctx.state.visit?.sessions === sessions) return void await next();
    const { ip } = ctx.request;
    const info = { remoteAddr: { transport: "tcp", hostname: ip } };
    await runInVisit(sessions, requestOf(ctx), info, {
      async next(visit: OpenVisit) {
        ctx.state.visit = visit;
        await next();
        if (ctx.respond === false) return;
        dropUnsent(visit as StreamedRequest, ctx.response.body);
      },
      headers: () => ctx.response.headers,
      headersOfError: (error) => headersOfError(error, ctx.response.headers),
    });
  };
}

function requestOf({ request }: OakContext): Request {
  const { source, method, url, headers } = request;
  return source as Request ?? new Request(url, { method, headers });
}

/**
 * Returns the headers that oak sends with an error. They must be of the class of
 * its own headers, which is not that of the runtime on Node.
 */
function headersOfError(error: unknown, own: Headers): Headers | undefined {
  if (!(error instanceof Error) || !Object.isExtensible(error)) {
    return undefined;
  }
  const OakHeaders = own.constructor as typeof Headers;
  const { headers: given } = error as { headers?: unknown };
  if (given instanceof OakHeaders) return given;
  if (given !== undefined && !(error instanceof HttpError)) return undefined;
  const headers = new OakHeaders(given as Record<string, string>);
  // Errors of oak have a getter of this name.
  Object.defineProperty(error, "headers", { value: headers });
  return headers;
}
