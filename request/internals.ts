/**
 * Keys of the members of a request that only this package uses. A member with
 * such a key is not printed, not documented, and cannot collide with one of a
 * subclass.
 */

import type { HostRequest, UsualHost } from "../http/connection.ts";
import type { Rendered } from "../http/response.ts";

/**
 * Of a request: the usual host, as long as its URL names that host and its Host
 * header has not been compared with it.
 */
export const USUAL_HOST: unique symbol = Symbol("usualHost");

/**
 * Compares the Host header of a request with that of the usual host.
 *
 * @throws {HttpError} 400 if the site does not answer for the host.
 */
export function checkUsualHost(
  request: HostRequest & { [USUAL_HOST]: UsualHost | undefined },
): void {
  const usual = request[USUAL_HOST];
  // Reading the request checks its host too.
  request[USUAL_HOST] = undefined;
  if (request.request.headers.get("host") === usual?.host) return;
  try {
    usual?.check.check(request);
  } catch (error) {
    request[USUAL_HOST] = usual;
    throw error;
  }
}

/** Of a request: its path, for the walk. */
export const PATH: unique symbol = Symbol("path");

/** Of a request: its visit; undefined while no session was asked for. */
export const VISIT: unique symbol = Symbol("visit");

/** Of a request: its visit, which is made at the first use. */
export const OPEN_VISIT: unique symbol = Symbol("openVisit");

/**
 * Of a request: prepares for code that may use the session: the code of the given
 * resource, or else of the application. Loads the session if the code uses it.
 */
export const ENTER: unique symbol = Symbol("enter");

/** Of a request: keeps its session from idling out, if the session was loaded. */
export const WAIT: unique symbol = Symbol("wait");

/** Of a request: whether its status so far is below 300. */
export const HAS_SUCCEEDED: unique symbol = Symbol("hasSucceeded");

/**
 * Of a request: drops the headers and keeps the cookies, and sets a status, for an
 * error page.
 */
export const RESET: unique symbol = Symbol("reset");

/** Of a request: makes the response of a value that a resource rendered. */
export const RESPOND: unique symbol = Symbol("respond");

/** Of a request: calls back when the response has been handed over. */
export const NOTIFY_DELIVERY: unique symbol = Symbol("notifyDelivery");

/** Of a resource: whether a child that it found has a fixed name in routes. */
export const HAS_NAMED_CHILD: unique symbol = Symbol("hasNamedChild");

/**
 * Of a request: ends a streamed body with the session; undefined if it lasts longer.
 */
export const TIE_BODY: unique symbol = Symbol("tieBody");

/** Returns a rendered value whose body ends with the session of the request. */
export type BodyTie<Request> = (
  rendered: Rendered,
  request: Request,
  isSelfClosing: (body: ReadableStream) => boolean,
) => Rendered;

/** A resource, as far as it decides on the session of its requests. */
export interface SessionUser {
  readonly usesSession: boolean;
  readonly touchesSession: boolean;
}

/** The limits that resources set for the bodies of their requests, in bytes. */
export const BODY_LIMITS: WeakMap<Request, number> = new WeakMap();
