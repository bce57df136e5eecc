/**
 * Sessions in an application of h3 2, and so of Nitro 3.
 *
 * @module
 */

import type { Sessions } from "../sessions.ts";
import { runInVisit } from "./run.ts";

/** The parts of an `H3Event` of h3 2 that the middleware uses. */
export interface H3Event {
  /** The request; h3 knows the address of the client. */
  readonly req: Request & { readonly ip?: string | undefined };
  /** The data that handlers share. */
  // deno-lint-ignore no-explicit-any
  readonly context: any;
  /**
   * The headers of the response, and of the response for an error. The h3 of Nitro
   * 3.0 has none for errors.
   */
  readonly res: {
    readonly headers: Headers;
    readonly errHeaders?: Headers | undefined;
  };
}

/** The middleware of {@linkcode curfew}. */
export type H3Middleware = (
  event: H3Event,
  next: () => unknown,
) => Promise<unknown>;

/**
 * Makes the middleware that gives each request its visit, as `event.context.visit`.
 *
 * Every response sets the cookie and leaves once changes are written. If that
 * fails, the client gets a 503. The response for an error sets the cookie too, but
 * not in Nitro 3.0, which has a release candidate of h3.
 *
 * @param sessions The sessions, which several applications may share.
 *
 * @example Usage
 * ```ts ignore
 * import { Sessions } from "@curfew/web/sessions";
 * import { curfew } from "@curfew/web/h3";
 * import { H3 } from "h3";
 *
 * const app = new H3();
 * app.use(curfew(new Sessions({ sessionTimeout: 5 })));
 * app.get("/", (event) => event.context.visit.getSession().uid);
 * ```
 */
export function curfew(sessions: Sessions): H3Middleware {
  return async (event, next) => {
    if (event.context.visit?.sessions === sessions) return await next();
    const { req, res } = event;
    const info = req.ip === undefined
      ? undefined
      : { remoteAddr: { transport: "tcp", hostname: req.ip } };
    let value: unknown;
    return await runInVisit(sessions, req, info, {
      async next(visit) {
        event.context.visit = visit;
        return value = await next();
      },
      headers: () => targetOf(value, res),
      headersOfError: () => res.errHeaders,
      sent: () => value,
    });
  };
}

/**
 * Returns headers that read from the handler's own response, and write to those
 * that h3 adds to it: h3 takes changed headers of a response for an error.
 */
function targetOf(value: unknown, { headers, errHeaders }: H3Event["res"]) {
  const own = value instanceof Response ? value.headers : headers;
  return {
    get: (name: string) => own.get(name) ?? headers.get(name),
    set(name: string, value: string) {
      headers.set(name, value);
      errHeaders?.set(name, value);
    },
    append(name: string, value: string) {
      headers.append(name, value);
      errHeaders?.append(name, value);
    },
  };
}
