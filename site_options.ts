import type { AccessLog } from "./internal/access_log.ts";
import type { Clock } from "./internal/clock.ts";
import type { SessionCookieOptions } from "./internal/session_cookie.ts";
import type { Meter } from "./internal/telemetry.ts";
import type { ErrorContext, SiteRequest } from "./request.ts";
import type { Resource } from "./resource.ts";
import type { Session, SessionSite } from "./session.ts";
import type { SessionStore } from "./stores/store.ts";

/** A class of sessions. */
export type SessionFactory = new (site: SessionSite, uid: string) => Session;

/** Takes what went wrong where no caller could be told. */
export type ErrorCallback = (
  error: unknown,
  context: ErrorContext,
) => void | PromiseLike<void>;

/** A token that somebody should not have. */
export interface SuspiciousSession {
  /**
   * What is wrong with it: right in its uid only, replaced by a renewal and used
   * after the grace, or of a session made over https and come over plain http.
   */
  readonly kind: "wrong-secret" | "outdated-token" | "insecure-transport";
  /** The session that it names. */
  readonly session: Session;
  /** The request that carried it. */
  readonly request: SiteRequest;
}

/** How a {@linkcode Site} is to be. */
export interface SiteOptions {
  /**
   * The class of the site's sessions: a subclass with timeouts of its own.
   *
   * @default {Session}
   */
  sessionFactory?: SessionFactory;
  /**
   * Whether a 500 page shows the error with its stack. For development only: it
   * tells visitors what the program is like inside.
   *
   * @default {false}
   */
  displayTracebacks?: boolean;
  /**
   * Seconds without access after which sessions end whose class has no
   * `sessionTimeout` of its own.
   *
   * @default {900}
   */
  sessionTimeout?: number;
  /**
   * Seconds after which sessions end however busy they are, unless their class
   * has an `absoluteTimeout` of its own.
   *
   * @default {Infinity}
   */
  absoluteTimeout?: number;
  /**
   * How many sessions there may be. When there are so many, a new one evicts the
   * one that has been idle longest, of those without a principal if there are
   * any: a flood of visitors without cookies cannot fill the memory, nor drive
   * out those who have logged in.
   *
   * A session counts as accessed as long as a request of it is under way. Where
   * thousands have been accessed since the last eviction, it is one that is among
   * the longest idle, so that nobody waits for the search. A callback of the one
   * that goes cannot make one in its place: that is an error, which is reported.
   *
   * The default keeps them, with nothing in them, to about 600 MB.
   *
   * @default {2000000}
   */
  maxSessions?: number;
  /**
   * How many sessions a principal may have at once.
   *
   * @default {Infinity}
   */
  maxSessionsPerPrincipal?: number;
  /**
   * What happens when a principal would have more: the oldest ends, evicted, or
   * setting the principal of the new one is refused.
   *
   * @default {"end-oldest"}
   */
  whenPrincipalIsFull?: "end-oldest" | "refuse";
  /**
   * Seconds that a renewed session can still be opened by its old cookie, for
   * requests that were under way.
   *
   * A request that came before the renewal and asks for its session later than
   * that gets one that ends with the request, and sets no cookie: it would take
   * the place of the new one. A request that came after it begins anew, for the
   * response with the new cookie may have been lost.
   *
   * @default {10}
   */
  renewalGrace?: number;
  /**
   * Told of tokens that somebody should not have; what it throws or rejects is
   * reported.
   */
  onSuspiciousSession?: (suspicion: SuspiciousSession) => unknown;
  /**
   * Whether a session that was made over https ends when its token arrives over
   * plain http, where anybody on the way can read it. It is not opened in either
   * case, and reported.
   *
   * @default {false}
   */
  endsInsecureSessions?: boolean;
  /**
   * What a browser is told to forget when a session ends by a logout
   * (`Clear-Site-Data`, heeded over https).
   *
   * What is forgotten is not the site's alone: `"cookies"` are those of the whole
   * registrable domain, with all its hosts, so that a logout from
   * `app.example.com` is one from `shop.example.com` too, and `"storage"` and
   * `"cache"` are those of the origin, whatever else it serves.
   *
   * @default {nothing but the cookie}
   */
  clearSiteData?: readonly ("cache" | "cookies" | "storage" | "*")[];
  /**
   * Where the sessions are kept beyond the process; several processes may share
   * it. Without one they live in the memory of the process and end with it.
   *
   * @default {none}
   */
  store?: SessionStore;
  /**
   * Seconds that the store may take for an answer. Then, and for as long as it
   * does not answer, requests that need a session are answered 503, at once;
   * the others are served.
   *
   * @default {2}
   */
  storeTimeout?: number;
  /**
   * Seconds that a claimed end is reserved for this process. It renews the lease
   * while it runs; if it dies, another process tells the end after this time.
   *
   * A callback is called while at least half of the lease is left, by
   * {@linkcode Clock.monotonic}. An end may be told twice if a callback blocks
   * the event loop for longer than that half, or if the store is away for longer
   * than the lease.
   *
   * @default {10}
   */
  endLease?: number;
  /** How the session cookie is written. */
  cookie?: SessionCookieOptions;
  /**
   * Seconds that closing the site waits for what callbacks have promised; then it
   * reports whose have not kept it. `listen` waits for running requests as long
   * before that.
   *
   * @default {10}
   */
  shutdownTimeout?: number;
  /**
   * The name of the session cookie. Give sites on one host different names:
   * cookies do not care for the port. Over https `__Host-` is put before it.
   *
   * @default {"session"}
   */
  cookieName?: string;
  /**
   * Takes what a resource, a callback, an abort listener or a listener of a
   * session's socket threw or rejected.
   *
   * If it throws or rejects itself, both errors are printed. The default prints
   * the error and not the context, which holds the visitor's token.
   *
   * @default {console.error}
   */
  onError?: ErrorCallback;
  /**
   * Whether the proxy in front is believed when it says how the visitor came
   * (`X-Forwarded-Proto`). Switch it on only behind a proxy that sets it: anyone
   * else can send it too. A Host header that is no host is then answered 400.
   *
   * @default {false}
   */
  trustProxy?: boolean;
  /**
   * The most bytes that a resource may read of a body: more is answered 413.
   *
   * @default {10485760}
   */
  maxBodyBytes?: number;
  /**
   * The most fields that a form may have, or parts if it is multipart: more are
   * answered 413. They are counted before the form is parsed, because that takes
   * about 200 bytes of memory for a field of two bytes.
   *
   * @default {1000}
   */
  maxFormFields?: number;
  /**
   * Where a line goes for each request, in the combined log format, once its
   * response has been handed over or its visitor has left (status 499 if before
   * there was one). Deno may print a warning of its own, once; see
   * {@linkcode SiteRequest.signal}. The size of a Response that a resource made itself is known
   * only if it says so.
   *
   * @default {nowhere}
   */
  accessLog?: AccessLog;
  /**
   * What counts the sessions, by OpenTelemetry; see {@linkcode SiteMetrics}.
   *
   * @default {that of the process where telemetry is on, nothing elsewhere}
   */
  meter?: Meter;
  /**
   * What to render, with status 404, where the tree has nothing or a resource
   * throws an {@linkcode HttpError} of that status.
   *
   * @default {notFound()}
   */
  notFoundPage?: Resource;
  /**
   * What to render, with status 500, where something went wrong.
   *
   * @default {a page that says so}
   */
  serverErrorPage?: Resource;
  /**
   * Where the time comes from.
   *
   * @default {Date and the global timers}
   */
  clock?: Clock;
}
