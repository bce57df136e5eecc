/**
 * A tree of resources served by a site, and sessions that end on time and tell
 * whoever asked: what Twisted Web gave Python, for Deno.
 *
 * A {@linkcode Resource} renders what is at its place in the tree, a
 * {@linkcode Site} answers requests from the tree, and a {@linkcode Session} is
 * one visitor's stay: it lives while the visitor comes back in time, and when it
 * is over it says so, to the millisecond.
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
 *     session.notifyOnExpire(({ uid, reason }) => console.log(uid, reason));
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

export type { AccessLog } from "./internal/access_log.ts";
export type { RouteStep, RouteWatch } from "./internal/answer.ts";
export type { Clock } from "./internal/clock.ts";
export type { SessionCookieOptions } from "./internal/session_cookie.ts";
export { HttpError } from "./internal/http_error.ts";
export { listen, type ListenOptions } from "./listen.ts";
export { policies, type SessionPolicy } from "./policies.ts";
export {
  type Cookie,
  type ErrorContext,
  type Rendered,
  type SiteOfRequest,
  SiteRequest,
  type TokenCookie,
  TooLateForCookieError,
} from "./request.ts";
export { type RenderMethod, Resource, UnsupportedMethod } from "./resource.ts";
export {
  type FetchFunction,
  FetchResource,
} from "./resources/fetch_resource.ts";
export { Guard, type GuardOptions } from "./resources/guard.ts";
export { NameVirtualHost } from "./resources/name_virtual_host.ts";
export { errorPage, forbidden, notFound } from "./resources/pages.ts";
export {
  type PasswordCheck,
  passwordCheck,
} from "./resources/password_check.ts";
export {
  type CountedSite,
  type MetricFamily,
  type MetricSample,
  PrometheusMetrics,
  type PrometheusMetricsOptions,
  type StoredEndCounts,
} from "./resources/prometheus_metrics.ts";
export { ParentRedirect, Redirect } from "./resources/redirect.ts";
export {
  ScriptDirectory,
  type ScriptDirectoryOptions,
} from "./resources/script_directory.ts";
export {
  SessionClock,
  type SessionClockOptions,
  type SessionClockState,
} from "./resources/session_clock.ts";
export { SessionGuard } from "./resources/session_guard.ts";
export {
  type MonitoredSite,
  SessionMonitor,
  type SessionMonitorOptions,
} from "./resources/session_monitor.ts";
export { StaticData } from "./resources/static_data.ts";
export { StaticFile, type StaticFileOptions } from "./resources/static_file.ts";
export {
  type EventStream,
  type EventStreamOptions,
  type Expiring,
  type NamedEndCallback,
  type ServerEvent,
  Session,
  type SessionComponent,
  type SessionDeadlines,
  type SessionEnd,
  type SessionEndCallback,
  SessionEndedError,
  type SessionEndReason,
  type SessionHolder,
  type SessionKeeper,
  type SessionSite,
  type SessionSocket,
  type SessionSocketOptions,
  type SessionStartCallback,
  type SessionWarning,
  type SessionWarningCallback,
  type StreamRequest,
} from "./session.ts";
export {
  type EndSessionsOptions,
  type ErrorCallback,
  type SessionFactory,
  Site,
  type SiteOptions,
  type SuspiciousSession,
  TooManySessionsError,
} from "./site.ts";
export {
  type CountingInstrument,
  type InstrumentOptions,
  type Meter,
  type MeterAttributes,
  type ObservableInstrument,
  type ObservableResult,
  type RecordingInstrument,
  SiteMetrics,
  type SiteMetricsOptions,
} from "./site_metrics.ts";
export type {
  AsideEnd,
  Claimant,
  ClaimedEnd,
  Claims,
  EndNews,
  LoadedSession,
  LoadOptions,
  MaybePromise,
  NewSession,
  OldSecret,
  Renewal,
  SessionChanges,
  SessionFacts,
  SessionStore,
  SessionTimes,
  StoredCallback,
  StoredSession,
} from "./stores/store.ts";
