/**
 * Sessions in a Hono application.
 *
 * @module
 */

import type {
  ConnectionInfo,
  OpenVisit,
  Sessions,
  Visit,
} from "../sessions.ts";
import { runInVisit } from "./run.ts";

/** The parts of Hono's `Context` that the middleware uses. */
export interface HonoContext {
  /** The request, as Hono has it. */
  readonly req: { readonly raw: Request };
  /** The runtime's facts about the request. */
  readonly env: unknown;
  /** The response. */
  readonly res: Response;
  /** Returns a variable. */
  get(name: "visit"): Visit | undefined;
  /** Sets a variable, for `c.var` and `c.get()`. */
  set(name: "visit", visit: OpenVisit): void;
  /** Sets a header of the response. */
  header(name: string, value: string, options?: { append?: boolean }): void;
}

/** The middleware of {@linkcode curfew}. */
export type HonoMiddleware = (
  c: HonoContext,
  next: () => Promise<void>,
) => Promise<void>;

/**
 * Makes the middleware that gives each request its visit, as `c.var.visit`.
 *
 * The response sets the cookie, and leaves once changes are written. If that
 * fails, `app.onError()` gets an `HttpError` of status 503.
 *
 * @param sessions The sessions, which several applications may share.
 *
 * @example Usage
 * ```ts ignore
 * import { Sessions, type Visit } from "@curfew/web/sessions";
 * import { curfew } from "@curfew/web/hono";
 * import { Hono } from "hono";
 *
 * const app = new Hono<{ Variables: { visit: Visit } }>();
 * app.use(curfew(new Sessions({ sessionTimeout: 5 })));
 * app.get("/", (c) => c.text(c.var.visit.getSession().uid));
 * ```
 */
export function curfew(sessions: Sessions): HonoMiddleware {
  return async (c, next) => {
    if (c.get("visit")?.sessions === sessions) return await next();
    await runInVisit(sessions, c.req.raw, connectionOf(c.env), {
      next(visit) {
        c.set("visit", visit);
        return next();
      },
      headers: () => targetOf(c),
      sent: () => c.res,
    });
  };
}

function targetOf(c: HonoContext) {
  const { headers, status } = c.res;
  // A response that upgrades the connection cannot be rebuilt.
  if (status === 101) return headers;
  return {
    get: (name: string) => headers.get(name),
    set: (name: string, value: string) => c.header(name, value),
    append: (name: string, value: string) =>
      c.header(name, value, { append: true }),
  };
}

/** Returns the connection, as Deno or `@hono/node-server` describes it. */
function connectionOf(env: unknown): ConnectionInfo | undefined {
  if (typeof env !== "object" || env === null) return undefined;
  if ("remoteAddr" in env) return env as ConnectionInfo;
  const { incoming } = env as {
    incoming?: { socket?: { remoteAddress?: string } };
  };
  const hostname = incoming?.socket?.remoteAddress;
  return hostname === undefined
    ? undefined
    : { remoteAddr: { transport: "tcp", hostname } };
}
