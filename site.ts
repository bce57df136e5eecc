/**
 * Sites: the root of a tree, its sessions, and the entry for every request.
 *
 * @module
 */

import { errorReporter, GuardedAbort } from "./base/guarded.ts";
import { BREAK_STREAMS, SessionsLiveOn } from "./http/open_stream.ts";
import { observeSite } from "./metrics/site_metrics.ts";
import type { RouteWatch } from "./metrics/route_spans.ts";
import { type ErrorContext, SiteRequest } from "./request.ts";
import type { SiteOfRequest } from "./request/site_of_request.ts";
import type { Resource } from "./resource.ts";
import { OWNER } from "./session/internals.ts";
import {
  type EndSessionsOptions,
  type NamedEndCallback,
  Session,
  type SessionEndCallback,
  type SessionOwner,
  type SessionStartCallback,
  type SessionWarning,
} from "./session.ts";
import type {
  Clock,
  ConnectionInfo,
  SessionFactory,
  Sessions,
  StoredEndCounts,
  TrustedProxy,
} from "./sessions.ts";
import { SITE_HEADERS, SiteHeaders } from "./site/respond.ts";
import {
  checkSite,
  makeSessions,
  type SiteOptions,
} from "./site/site_options.ts";
import { Entrance, type ErrorPageCallback } from "./site/walk.ts";

/**
 * The root of a tree of resources, its sessions, and the entry for every request.
 *
 * Give {@linkcode Site.fetch} to `Deno.serve`, or `export default site` for
 * `deno serve`, or call it in a test. Close a site that is no longer needed.
 *
 * From Twisted's `twisted.web.server.Site`, where no session ends at shutdown.
 *
 * @example Usage
 * ```ts
 * import { Resource, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * class Hello extends Resource {
 *   override render_GET(): string {
 *     return "<p>Hello</p>";
 *   }
 * }
 *
 * await using site = new Site(new Resource().putChild("hello", new Hello()));
 * const response = await site.fetch(new Request("http://localhost/hello"));
 * assertEquals(await response.text(), "<p>Hello</p>");
 * ```
 */
export class Site implements SiteOfRequest, AsyncDisposable, Disposable {
  /** The root of the tree; `/` is its child `""`, unless it is a leaf. */
  resource: Resource;
  /**
   * The class of new sessions, unless {@linkcode SiteOptions.sessions} are given.
   * Set it on the site, in a subclass, or in the options.
   */
  sessionFactory: SessionFactory;
  /** Makes the pages of errors; see {@linkcode SiteOptions.errorPage}. */
  errorPage: ErrorPageCallback | undefined;
  /** The page, with status 404, where the tree has nothing. */
  notFoundPage: Resource | undefined;
  /** The page, with status 500, of an unexpected error. */
  serverErrorPage: Resource | undefined;
  /** Whether a 500 page shows the error; see {@linkcode SiteOptions}. */
  displayTracebacks: boolean;
  /** The headers that are read; see {@linkcode SiteOptions.trustProxy}. */
  readonly trustProxy: TrustedProxy;
  /** The number of proxies in front; see {@linkcode SiteOptions.hops}. */
  readonly hops: number;
  /** The most bytes of a body; see {@linkcode SiteOptions.maxBodyBytes}. */
  readonly maxBodyBytes: number;
  /** The most fields of a form; see {@linkcode SiteOptions.maxFormFields}. */
  readonly maxFormFields: number;
  /** Seconds that a stop waits; see {@linkcode SiteOptions.shutdownTimeout}. */
  readonly shutdownTimeout: number;
  /** All sessions of the site; a Map of those that live in this process. */
  readonly sessions: Sessions;
  /** @ignore */
  readonly [SITE_HEADERS]: SiteHeaders | undefined;

  readonly #ownsSessions: boolean;
  readonly #report: (error: unknown, context: ErrorContext) => void;
  readonly #entrance: Entrance;
  readonly #stop = new GuardedAbort((error) => this.reportError(error, {}));
  #routes: RouteWatch | undefined = undefined;
  #isListening = false;

  /**
   * Makes a site; nothing happens until requests come.
   *
   * @param resource The root of the tree.
   * @throws {TypeError} If the resource is not a Resource, or an option is of a
   * wrong kind, unknown, or not allowed beside `sessions`.
   * @throws {RangeError} If an option is out of range.
   * @throws {SyntaxError} If no cookie can have the name.
   */
  constructor(resource: Resource, options: SiteOptions = {}) {
    checkSite(resource, options);
    this.resource = resource;
    this.errorPage = options.errorPage;
    this.notFoundPage = options.notFoundPage;
    this.serverErrorPage = options.serverErrorPage;
    this.displayTracebacks = options.displayTracebacks ?? false;
    this.trustProxy = options.trustProxy ?? false;
    this.hops = options.hops ?? 1;
    this.#entrance = new Entrance(this, options);
    this[SITE_HEADERS] = options.headers && new SiteHeaders(options.headers);
    this.maxBodyBytes = options.maxBodyBytes ?? 10 * 2 ** 20;
    this.maxFormFields = options.maxFormFields ?? 1000;
    this.shutdownTimeout = options.shutdownTimeout ?? 10;
    this.#report = errorReporter(options.onError);
    this.#ownsSessions = options.sessions === undefined;
    this.sessionFactory = options.sessions?.sessionFactory ??
      options.sessionFactory ?? Session;
    this.sessions = options.sessions ?? makeSessions(this, options);
    observeSite(this, options.meter, (routes) => void (this.#routes = routes));
  }

  /** The source of the time. */
  get clock(): Clock {
    return this.sessions.clock;
  }

  /** Resolves when the store has been checked; see {@linkcode Sessions.ready}. */
  get ready(): Promise<void> {
    return this.sessions.ready;
  }

  /** Counts of the ends that this process claimed from the store; for metrics. */
  get storedEnds(): StoredEndCounts | undefined {
    return this.sessions.storedEnds;
  }

  /** Observes the walks of requests down the tree; undefined without telemetry. */
  get routes(): RouteWatch | undefined {
    return this.#routes;
  }

  /**
   * Aborts when the site stops: streams of events end then. Errors and rejections
   * of abort listeners go to `onError`.
   */
  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  /**
   * Undefined, so `deno serve` prints its own message. `deno serve --parallel`
   * reads it in each worker, and a site without a store then reports other workers,
   * because requests there do not find the session.
   */
  get onListen(): never {
    this.listenForSiblings();
    // A getter of type undefined does not fit Deno.ServeDefaultExport.
    return undefined as never;
  }

  /** Reports once if another worker of this process serves the site too. */
  listenForSiblings(): void {
    const { cookieName = "session", store } = this.sessions.options;
    if (this.#isListening || store !== undefined) return;
    this.#isListening = true;
    import("./site/worker_conflict.ts")
      .then(({ listenForWorkers }) => listenForWorkers(this, cookieName))
      .catch((error) => this.reportError(error, {}));
  }

  /**
   * Answers a request: walks the tree, renders the resource at the end of the path,
   * and sends the page with the session's cookie.
   *
   * It is bound to the site. It never throws or rejects: an error is reported and
   * becomes an error page. It returns a Response if no resource returned a promise,
   * and no code of this package had to be loaded.
   *
   * @param info The connection; `Deno.ServeHandlerInfo` fits.
   */
  readonly fetch = (
    request: Request,
    info?: ConnectionInfo,
  ): Response | Promise<Response> =>
    this.#entrance.answer(new SiteRequest(this, request, info));

  /** Makes a session outside of requests; see {@linkcode Sessions.create}. */
  makeSession(): Session {
    return this.sessions.create();
  }

  /** Returns the live session of a uid, without touching it. */
  getSession(uid: string): Session | undefined {
    return this.sessions.get(uid);
  }

  /** Returns the sessions of a principal that are live in this process. */
  sessionsOf(principal: string): Session[] {
    return this.sessions.sessionsOf(principal);
  }

  /** Ends the sessions of a principal; see {@linkcode Sessions.endSessions}. */
  endSessions(
    principal: string,
    options?: EndSessionsOptions,
  ): number | Promise<number> {
    return this.sessions.endSessions(principal, options);
  }

  /** Registers a callback; see {@linkcode Sessions.notifyOnSessionStart}. */
  notifyOnSessionStart(callback: SessionStartCallback): () => void {
    return this.sessions.notifyOnSessionStart(callback);
  }

  /** Registers a callback; see {@linkcode Sessions.notifyOnSessionEnd}. */
  notifyOnSessionEnd(callback: SessionEndCallback): () => void {
    return this.sessions.notifyOnSessionEnd(callback);
  }

  /** Registers a callback by name; see {@linkcode Sessions.onEnd}. */
  onEnd(name: string, callback: NamedEndCallback): void {
    this.sessions.onEnd(name, callback);
  }

  /** Registers a callback by name; see {@linkcode Sessions.onWarning}. */
  onWarning(
    name: string,
    callback: (argument: unknown, warning: SessionWarning) => unknown,
  ): void {
    this.sessions.onWarning(name, callback);
  }

  /**
   * Closes the streams of events and the sockets, and those that open later at
   * once. {@linkcode listen} calls it first at a shutdown, which waits for running
   * requests: a stream would run forever.
   *
   * Streams get an `end` event if their session is about to end. Those of sessions
   * that live on, in a store or in `sessions` that this site was given, are closed
   * so that their browsers come back.
   */
  stopStreams(): void {
    this.#stop.abort(() =>
      this.#ownsSessions ? undefined : new SessionsLiveOn()
    );
  }

  /**
   * Closes the site, and the sessions that it made; see {@linkcode Sessions.close}.
   * Requests are answered 503 from the call on. A callback must not await it: each
   * would wait for the other.
   */
  async close(): Promise<void> {
    this.#shut();
    if (this.#ownsSessions) await this.sessions.close();
  }

  /** {@linkcode Site.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** {@linkcode Site.close}, for `using`, which does not wait. */
  [Symbol.dispose](): void {
    this.#shut();
    if (this.#ownsSessions) this.sessions[Symbol.dispose]();
  }

  /** Passes an error to `onError`; never throws. */
  reportError(error: unknown, context: ErrorContext): void {
    this.#report(error, context);
  }

  /** @ignore */
  get [OWNER](): SessionOwner {
    return this.sessions[OWNER];
  }

  /** @ignore */
  [BREAK_STREAMS](): void {
    this.#stop.abort(() => new SessionsLiveOn(true));
  }

  #shut(): void {
    this.#entrance.isClosed = true;
    this.stopStreams();
  }
}
