/**
 * A tree of resources served by a site, and sessions that end on time and call your
 * code when they do: the ideas of Twisted Web for Deno, Node and Bun.
 *
 * A {@linkcode Resource} renders one page, or a part of the tree. A
 * {@linkcode Site} answers requests from the tree. A {@linkcode Session} is one
 * visitor's stay: it lives while the visitor comes back in time, and calls its
 * callbacks within milliseconds of its end.
 *
 * Files and scripts are in `@curfew/web/static`, the page that shows sessions in
 * `@curfew/web/monitor`, figures in `@curfew/web/metrics`, and sessions without
 * a tree in `@curfew/web/sessions`.
 *
 * @example Usage
 * ```ts ignore
 * import { listen, Resource, Session, Site, type SiteRequest } from "@curfew/web";
 *
 * class ShortSession extends Session {
 *   override sessionTimeout = 5;
 * }
 *
 * class Greeter extends Resource {
 *   override render_GET(request: SiteRequest): string {
 *     const session = request.getSession();
 *     if (request.isNewSession) {
 *       session.notifyOnExpire(({ uid, reason }) => console.log(uid, reason));
 *     }
 *     return "hello";
 *   }
 * }
 *
 * const root = new Resource().putChild("hello", new Greeter());
 * listen(new Site(root, { sessionFactory: ShortSession }), "tcp:8080");
 * ```
 *
 * @module
 */

export {
  type Clock,
  type ConnectionInfo,
  type EndSessionsOptions,
  type EventStream,
  type EventStreamOptions,
  HttpError,
  type LogInOptions,
  type NamedEndCallback,
  type OpenVisit,
  type RequestFacts,
  type RequestSession,
  type ServerEvent,
  Session,
  type SessionComponent,
  type SessionCookieOptions,
  type SessionEnd,
  type SessionEndCallback,
  SessionEndedError,
  type SessionEndReason,
  type SessionErrorContext,
  type SessionFactory,
  type SessionHeaders,
  SessionKey,
  type SessionKeyOptions,
  Sessions,
  type SessionSite,
  type SessionSocket,
  type SessionSocketOptions,
  type SessionsOptions,
  type SessionStartCallback,
  type SessionTransport,
  type SessionWarning,
  type SessionWarningCallback,
  type StandardSchemaV1,
  type StreamRequest,
  type SuspiciousToken,
  TooLateForCookieError,
  TooManySessionsError,
  type TrustedProxy,
  type Visit,
  type VisitHandler,
} from "./sessions.ts";
export { type ErrorContext, type Rendered, SiteRequest } from "./request.ts";
export type { SiteOfRequest } from "./request/site_of_request.ts";
export type { VisitingRequest } from "./registry/visit.ts";
export type { Cookie } from "@std/http/cookie";
export { type RenderMethod, Resource, UnsupportedMethod } from "./resource.ts";
export {
  type FetchFunction,
  FetchResource,
  type FetchResourceOptions,
} from "./resources/fetch_resource.ts";
export {
  FormTokens,
  type FormTokensOptions,
  SameOrigin,
  type SameOriginOptions,
} from "./resources/same_origin.ts";
export {
  Guard,
  type GuardOptions,
  type PasswordCheck,
  passwordCheck,
} from "./resources/guard.ts";
export {
  LoginGuard,
  type LoginGuardOptions,
  SessionGuard,
} from "./resources/login_guards.ts";
export { NameVirtualHost } from "./resources/name_virtual_host.ts";
export {
  errorPage,
  forbidden,
  notFound,
  ParentRedirect,
  Redirect,
} from "./resources/pages.ts";
export {
  SessionClock,
  type SessionClockOptions,
  type SessionClockState,
} from "./resources/session_clock.ts";
export { Wrap } from "./resources/wrap.ts";
export { Site } from "./site.ts";
export type { AccessLog } from "./site/respond.ts";
export type { SiteOptions, SuspiciousSession } from "./site/site_options.ts";
export type { ErrorPageCallback } from "./site/walk.ts";
export {
  type HttpServer,
  listen,
  type ListenOptions,
  type NetAddress,
  type TcpListenOptions,
  type UnixAddress,
  type UnixListenOptions,
} from "./listen.ts";
export {
  policies,
  securityHeaders,
  type SessionPolicy,
  type SessionPolicyName,
} from "./policies.ts";
