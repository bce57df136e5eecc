/**
 * Sessions in an Express application, or in any other with the middleware of
 * connect.
 *
 * @module
 */

import { dropOpened, type StreamedRequest } from "../http/open_stream.ts";
import type { OpenVisit, Sessions, Visit } from "../sessions.ts";
import {
  HeldResponse,
  type HoldableResponse,
  type NodeMethod,
} from "./held_response.ts";
import {
  connectionOfNode,
  type NodeIncoming,
  type NodeOutgoing,
  requestOfNode,
} from "./node_request.ts";

export type { HoldableResponse, NodeIncoming, NodeMethod, NodeOutgoing };

/** The request of Express; the middleware adds the visit. */
export interface ExpressRequest extends NodeIncoming {
  /** The session of the request. */
  visit?: Visit;
}

/** The middleware of {@linkcode curfew}. */
export type ExpressMiddleware = (
  req: ExpressRequest,
  res: HoldableResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Makes the middleware that gives each request its visit, as `req.visit`.
 *
 * Every response sets the cookie, also the response for an error. It leaves once
 * changes are written; if that fails, the error handlers get an `HttpError` of
 * status 503. `req.visit.request` has method, url, headers and signal; read the
 * body from `req`.
 *
 * @param sessions The sessions, which several applications may share.
 *
 * @example Usage
 * ```ts ignore
 * import { Sessions } from "@curfew/web/sessions";
 * import { curfew } from "@curfew/web/express";
 * import express from "express";
 *
 * const app = express();
 * app.use(curfew(new Sessions({ sessionTimeout: 5 })));
 * app.get("/", (req, res) => res.send(req.visit.getSession().uid));
 * ```
 */
export function curfew(sessions: Sessions): ExpressMiddleware {
  return (req, res, next) => {
    if (req.visit?.sessions === sessions) return next();
    const begin = (visit: OpenVisit) => {
      req.visit = visit;
      const held = new HeldResponse(res, {
        finish: () => visit.finish(),
        fail: next,
        // A pipe to the response leaves its source open when the client leaves.
        close: (isBegun) =>
          isBegun ? dropOpened(visit as StreamedRequest) : visit.abandon(),
      });
      next();
      if (!held.isBegun) visit.wait();
    };
    try {
      const opening = sessions.open(
        requestOfNode(req, res),
        connectionOfNode(req),
      );
      if (opening instanceof Promise) opening.then(begin).catch(next);
      else begin(opening);
    } catch (error) {
      next(error);
    }
  };
}
