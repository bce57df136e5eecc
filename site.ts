/**
 * Sites: the root of a tree, its sessions, and the door for every request.
 *
 * @module
 */

import { GuardedAbort } from "./internal/abort.ts";
import { AccessEntry, lineWriter } from "./internal/access_log.ts";
import { answer, answerError, type RouteWatch } from "./internal/answer.ts";
import { checkOptions, clearSiteDataHeader } from "./internal/check_options.ts";
import { type Clock, systemClock } from "./internal/clock.ts";
import { describe } from "./internal/describe.ts";
import { errorReporter } from "./internal/error_reporter.ts";
import { Eviction } from "./internal/eviction.ts";
import { ExpiryQueue } from "./internal/expiry_queue.ts";
import { HttpError } from "./internal/http_error.ts";
import { PendingPromises } from "./internal/pending_promises.ts";
import { Principals } from "./internal/principals.ts";
import { isPromiseLike } from "./internal/promise_like.ts";
import { SessionCookie } from "./internal/session_cookie.ts";
import { SessionKeeper } from "./internal/session_keeper.ts";
import type { StoredEndCounts } from "./internal/session_figures.ts";
import { listenForSiblings } from "./internal/worker_siblings.ts";
import { observeSite } from "./internal/site_telemetry.ts";
import type { TokenWorth } from "./internal/renewal.ts";
import { ID_LENGTH, randomId } from "./internal/token.ts";
import {
  arrivalOf,
  checkHost,
  type ErrorContext,
  hideSession,
  notifyOnDelivery,
  oweToken,
  type SiteOfRequest,
  SiteRequest,
  type TokenCookie,
} from "./request.ts";
import { Resource } from "./resource.ts";
import {
  type Expiring,
  isHeldSession,
  isSecureSession,
  type NamedEndCallback,
  Session,
  type SessionDeadlines,
  type SessionEnd,
  type SessionEndCallback,
  type SessionEndReason,
  type SessionKeeper as KeeperOfSessions,
  type SessionSite,
  type SessionStartCallback,
  worthOf,
} from "./session.ts";
import type {
  ErrorCallback,
  SessionFactory,
  SiteOptions,
  SuspiciousSession,
} from "./site_options.ts";

export type { ErrorCallback, SessionFactory, SiteOptions, SuspiciousSession };

/**
 * A principal has as many sessions as it may, on a site that refuses more: thrown
 * when the principal of one more is set.
 */
export class TooManySessionsError extends Error {
  /** @ignore */
  override name = "TooManySessionsError";
}

/** What {@linkcode Site.endSessions} spares and says. */
export interface EndSessionsOptions {
  /** The session that is to stay. */
  except?: Session;
  /**
   * What the ends are called.
   *
   * @default {"revoked"}
   */
  reason?: SessionEndReason;
}

/**
 * The root of a tree of resources, its sessions, and the door for every request.
 *
 * Hand {@linkcode Site.fetch} to `Deno.serve`, or `export default site` for
 * `deno serve`, or call it in a test. Close a site that is not needed any more.
 *
 * From Twisted's `twisted.web.server.Site`, where nothing ends at shutdown.
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
export class Site
  implements
    Deno.ServeDefaultExport,
    SessionSite,
    SiteOfRequest,
    AsyncDisposable,
    Disposable {
  /** The root of the tree; `/` is its child `""`, unless it is a leaf. */
  resource: Resource;
  /** What is rendered, with status 404, where the tree has nothing. */
  notFoundPage: Resource | undefined;
  /** What is rendered, with status 500, where something went wrong. */
  serverErrorPage: Resource | undefined;
  /** The class of the sessions that are made from now on. */
  sessionFactory: SessionFactory;
  /** Whether a 500 page shows the error; see {@linkcode SiteOptions.displayTracebacks}. */
  displayTracebacks: boolean;
  /** Whether the proxy in front is believed; see {@linkcode SiteOptions.trustProxy}. */
  readonly trustProxy: boolean;
  /** The most bytes of a body; see {@linkcode SiteOptions.maxBodyBytes}. */
  readonly maxBodyBytes: number;
  /** The most fields of a form; see {@linkcode SiteOptions.maxFormFields}. */
  readonly maxFormFields: number;
  /** Where the time comes from. */
  readonly clock: Clock;
  /** Where sessions wait for their ends; for sessions. */
  readonly deadlines: SessionDeadlines;
  /** How the visitors' tokens travel; for requests. */
  readonly sessionCookie: TokenCookie;

  /** Seconds that a stop waits; see {@linkcode SiteOptions.shutdownTimeout}. */
  readonly shutdownTimeout: number;
  /** Seconds that an old token counts after a renewal. */
  readonly renewalGrace: number;
  /** What a browser is told to forget at a logout; for requests. */
  readonly clearSiteData: string | undefined;

  readonly #keeper: SessionKeeper | undefined;
  readonly #sessions = new Map<string, Session>();
  readonly #principals = new Principals<Session>();
  /** Those of whom one session is being evicted for another. */
  readonly #crowded = new Set<string>();
  readonly #eviction: Eviction<Session>;
  readonly #options: Readonly<SiteOptions>;
  readonly #report: (error: unknown, context: ErrorContext) => void;
  /** Made when first asked for: making a session costs no more without. */
  #startCallbacks: SessionStartCallback[] | undefined = undefined;
  readonly #endCallbacks: SessionEndCallback[] = [];
  readonly #namedEndCallbacks = new Map<string, NamedEndCallback>();
  readonly #pending = new PendingPromises<Session>();
  readonly #log: ((line: string) => void) | undefined;
  readonly #stop = new GuardedAbort((error) => this.reportError(error, {}));
  #routes: RouteWatch | undefined = undefined;
  #isClosed = false;
  #stopListening: (() => void) | undefined = undefined;

  /**
   * Makes a site; it does nothing until requests come.
   *
   * @param resource The root of the tree.
   * @param options How the site is to be.
   * @throws {TypeError} If the resource is not one, or an option of a wrong kind.
   * @throws {SyntaxError} If no cookie can have the name.
   */
  constructor(resource: Resource, options: SiteOptions = {}) {
    if (!(resource instanceof Resource)) {
      throw new TypeError(
        `Cannot make a site: the root is not a Resource: ${describe(resource)}`,
      );
    }
    checkOptions(options);
    this.#options = { ...options };
    this.resource = resource;
    this.notFoundPage = options.notFoundPage;
    this.serverErrorPage = options.serverErrorPage;
    this.sessionFactory = options.sessionFactory ?? Session;
    this.displayTracebacks = options.displayTracebacks ?? false;
    this.trustProxy = options.trustProxy ?? false;
    this.maxBodyBytes = options.maxBodyBytes ?? 10 * 2 ** 20;
    this.maxFormFields = options.maxFormFields ?? 1000;
    this.clock = options.clock ?? systemClock;
    this.shutdownTimeout = options.shutdownTimeout ?? 10;
    this.renewalGrace = options.renewalGrace ?? 10;
    this.clearSiteData = clearSiteDataHeader(options.clearSiteData);
    this.sessionCookie = new SessionCookie(
      options.cookieName ?? "session",
      options.cookie,
    );
    const deadlines = new ExpiryQueue<Expiring>(
      this.clock,
      (item, now) => this.#checkDeadline(item, now),
    );
    this.#eviction = new Eviction(this.#sessions, {
      max: options.maxSessions ?? 2_000_000,
      clock: this.clock,
      isHeld: isHeldSession,
      evict: (session) => this.#evict(session),
    });
    this.#report = errorReporter(options.onError);
    this.#log = options.accessLog === undefined
      ? undefined
      : lineWriter(options.accessLog, (error) => this.reportError(error, {}));
    this.#keeper = this.#makeKeeper(options);
    this.deadlines = this.#keeper?.watchTouches(deadlines) ?? deadlines;
    observeSite(this, options.meter, (routes) => {
      this.#routes = routes;
    });
  }

  /** Told of the ways of requests; undefined unless telemetry is on. */
  get routes(): RouteWatch | undefined {
    return this.#routes;
  }

  /**
   * Resolves when the store has been found fit to be used and its ends are being
   * watched, at once without one; a site begins by itself in the turn after it
   * was made.
   *
   * It resolves too if the store is away, which is reported: that may pass. Then
   * the store is asked again, after a second and after pauses that double, up to
   * a minute, until it has answered. What it warns of is reported then; if it
   * says that it would lose sessions, that is reported, and requests that need
   * one are answered 503 from then on. Sessions that were made meanwhile still
   * end.
   *
   * @throws {RangeError} Rejects with what the store says if it would lose
   * sessions. Such a site answers 503 to requests that need one.
   */
  get ready(): Promise<void> {
    return this.#keeper?.start() ?? Promise.resolve();
  }

  /** What has come of the ends that were claimed from the store; for metrics. */
  get storedEnds(): StoredEndCounts | undefined {
    return this.#keeper?.endCounts;
  }

  /** Keeps the sessions in the store, if there is one; for sessions. */
  get keeper(): KeeperOfSessions | undefined {
    return this.#keeper;
  }

  /**
   * Nothing: `deno serve` says itself where it listens.
   *
   * But it asks for it in each of its workers. A site that keeps its sessions in
   * memory then listens whether another worker serves it too, with
   * `deno serve --parallel`, and reports that to `onError`: half of the visits
   * would find no session.
   */
  get onListen(): never {
    this.listenForSiblings();
    // A getter of undefined would not do for Deno.ServeDefaultExport.
    return undefined as never;
  }

  /**
   * Reports, once, if another worker of this process serves a site with the same
   * cookie from its memory, as soon as that is known; {@linkcode listen} calls it
   * in workers.
   */
  listenForSiblings(): void {
    if (this.#keeper !== undefined || this.#isClosed) return;
    this.#stopListening ??= listenForSiblings(
      this.#options.cookieName ?? "session",
      () => this.reportError(new Error(SIBLING), {}),
      (error) => this.reportError(error, {}),
    );
  }

  /**
   * Aborts when the site stops: streams of events end then; for requests. What an
   * abort listener throws or rejects is reported to `onError`.
   */
  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The live sessions by uid, and those whose end is a late timer away. */
  get sessions(): ReadonlyMap<string, Session> {
    return this.#sessions;
  }

  /**
   * Answers a request: walks the tree, renders what it finds, and sends that
   * with the session's cookie.
   *
   * It is bound to the site, never throws and never rejects: what goes wrong
   * becomes an error page, and is reported. It answers at once where no resource
   * answered by a promise.
   *
   * @param request The request.
   * @param info What Deno.serve knows of the connection.
   */
  readonly fetch = (
    request: Request,
    info?: Deno.ServeHandlerInfo,
  ): Response | Promise<Response> => {
    const siteRequest = new SiteRequest(this, request, info);
    try {
      if (this.#log !== undefined) this.#logDelivery(siteRequest, this.#log);
      if (this.#isClosed) throw new HttpError(503, "The site is closed");
      if (this.trustProxy) checkHost(siteRequest.getHeader("host"));
    } catch (error) {
      return answerError(this, error, siteRequest);
    }
    return this.#keeper === undefined
      ? answer(this, siteRequest)
      : this.#keeper.serve(siteRequest, () => answer(this, siteRequest));
  };

  /**
   * Makes a session, which ends by itself unless somebody visits.
   *
   * `request.getSession()` calls this for a visitor who has none.
   *
   * @throws {TypeError} If the factory makes no Session, or one with another
   * uid, or if a timeout is not a number.
   * @throws {RangeError} If a timeout is negative or NaN.
   * @throws {Error} If the site is closed, if the factory makes one that has ended,
   * or if it is full and this is called by a callback of the session that is
   * evicted for another. Whatever is thrown, nothing is kept.
   */
  makeSession(): Session {
    const session = this.#newSession(this.#keeper?.makeUid());
    this.#eviction.makeRoom();
    // A callback may have closed the site.
    this.#mustBeOpen();
    this.#sessions.set(session.uid, session);
    try {
      this.#keeper?.noteNew(session);
      session.startCheckingExpiration();
      if (session.principal === undefined) this.#eviction.note(session);
      else this.changePrincipal(session, undefined);
    } catch (error) {
      // Whatever its constructor may have got hold of is let go.
      Session.prototype.expire.call(session, "revoked");
      throw error;
    }
    if (this.#startCallbacks !== undefined) {
      announceStart(this, session, this.#startCallbacks);
    }
    return session;
  }

  /** Makes a session that the site does not keep; for requests. */
  makePassingSession(): Session {
    return this.#newSession();
  }

  /**
   * The live session of that uid, or undefined; it is not touched.
   *
   * @param uid Its name, not the visitor's token.
   */
  getSession(uid: string): Session | undefined {
    const session = this.#sessions.get(uid);
    return session === undefined || session.checkExpired()
      ? undefined
      : session;
  }

  /**
   * Has a function called with every session that the site makes from now on and
   * keeps, before anybody else gets it.
   *
   * It is to watch and to count, not to change: the session has no principal yet,
   * and one that is ended there is handed out as it is.
   *
   * @param callback Told which. What it throws or rejects is reported.
   * @throws {TypeError} If the callback is not a function.
   */
  notifyOnSessionStart(callback: SessionStartCallback): void {
    if (typeof callback !== "function") {
      throw new TypeError(
        `Cannot notify on session start: the callback is not a function: ${
          describe(callback)
        }`,
      );
    }
    (this.#startCallbacks ??= []).push(callback);
  }

  /**
   * Has a function called at the end of every session of the site, after the
   * callbacks of the session itself.
   *
   * @param callback Told which and why. What it throws or rejects is reported.
   * @throws {TypeError} If the callback is not a function.
   */
  notifyOnSessionEnd(callback: SessionEndCallback): void {
    if (typeof callback !== "function") {
      throw new TypeError(
        `Cannot notify on session end: the callback is not a function: ${
          describe(callback)
        }`,
      );
    }
    this.#endCallbacks.push(callback);
  }

  /**
   * Registers a callback by name, for `session.notifyOnExpire(name, argument)`.
   *
   * Register it when the site is made: where sessions are kept in a store, it is
   * called for sessions of earlier lives of the process too, and by whichever
   * process tells the end; one that has it not leaves the end to others. What
   * it throws or rejects is reported, and it is called again, after 1, 2, 4 and
   * 8 s; then the end is put aside. It may be called twice if a process dies in
   * the middle: `end.uid` tells.
   *
   * @param name The name; it is kept with the session.
   * @param callback Called with the argument and the end.
   * @throws {TypeError} If the callback is not a function.
   * @throws {Error} If there is one of that name.
   */
  onEnd(name: string, callback: NamedEndCallback): void {
    if (typeof callback !== "function") {
      throw new TypeError(
        `Cannot register ${describe(name)}: the callback is not a function: ${
          describe(callback)
        }`,
      );
    }
    if (this.#namedEndCallbacks.has(name)) {
      throw new Error(`Cannot register "${name}": there is one already`);
    }
    this.#namedEndCallbacks.set(name, callback);
  }

  /** Whether a callback is registered by that name; for sessions. */
  hasEndCallback(name: string): boolean {
    return this.#namedEndCallbacks.has(name);
  }

  /** Calls it; for sessions. */
  callEndCallback(name: string, argument: unknown, end: SessionEnd): unknown {
    return this.#namedEndCallbacks.get(name)?.(argument, end);
  }

  /**
   * Ends the streams of server-sent events (`text/event-stream`) and the sockets
   * of sessions, and those that begin later at once.
   *
   * A server that shuts down waits for the requests that are running, and such a
   * stream would run for ever. {@linkcode listen} calls this first.
   */
  stopStreams(): void {
    this.#stop.abort(() => undefined);
  }

  /**
   * Ends every session, for the reason `"shutdown"`, and waits for what the
   * callbacks of these and of earlier ends have promised.
   *
   * Sessions that are kept in a store live on: what has changed in them is
   * written, ends that could not be told are left to others, and nobody is told
   * here.
   *
   * From the call on, requests are answered 503 and no session can be made. A
   * callback must not wait for it: they would wait for each other. After
   * `shutdownTimeout` seconds it reports which sessions' callbacks have not kept
   * their promises, and waits no longer.
   */
  async close(): Promise<void> {
    this[Symbol.dispose]();
    const { clock, shutdownTimeout } = this;
    const late = await this.#pending.settle(clock, shutdownTimeout);
    if (late.length > 0) {
      const error = new Error(
        `Cannot close the site in ${shutdownTimeout} s: callbacks have not kept their promises at the end of session ${
          nameSome(late.map(({ uid }) => `"${uid}"`))
        }`,
      );
      this.reportError(error, {});
    }
    await this.#keeper?.stop();
  }

  /** {@linkcode Site.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** {@linkcode Site.close} without the waiting, for `using`. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#stopListening?.();
    this.stopStreams();
    // What is kept lives on elsewhere, or in the next life of this process.
    if (this.#keeper !== undefined) return this.#keeper.halt();
    for (const session of this.#sessions.values()) {
      this.endSession(session, "shutdown");
    }
  }

  /**
   * The live sessions of a principal, the first to get it first; where sessions
   * are kept in a store, those that are live in this process.
   */
  sessionsOf(principal: string): Session[] {
    return this.#principals.of(principal).filter((session) =>
      !session.checkExpired()
    );
  }

  /**
   * Ends all the sessions of a principal: "log out everywhere".
   *
   * @param principal Whose they are.
   * @param options Which one stays, and what the ends are called.
   * @returns how many have ended; a promise of it where the sessions are kept in
   * a store that has to be waited for. It rejects if that cannot be reached; if
   * only a part of it cannot, after the sessions of the others have ended.
   */
  endSessions(
    principal: string,
    options: EndSessionsOptions = {},
  ): number | Promise<number> {
    const { except, reason = "revoked" } = options;
    if (this.#keeper !== undefined) {
      return this.#keeper.endSessionsOf(principal, { except, reason });
    }
    const sessions = this.sessionsOf(principal).filter((session) =>
      session !== except
    );
    for (const session of sessions) this.endSession(session, reason);
    return sessions.length;
  }

  /** The session that a token opens, even past its deadline; for requests. */
  findSession(token: string, request: SiteRequest): Session | undefined {
    if (token.length !== 2 * ID_LENGTH) return undefined;
    const found = this.#keeper === undefined
      ? this.#findLive(token, request)
      : this.#keeper.find(request, token);
    if (found === undefined) return undefined;
    const { session, worth } = found;
    if (worth === "wrong") {
      // What no token looks like is noise.
      if (/^[\da-f]+$/.test(token)) {
        this.#suspect({ kind: "wrong-secret", session, request });
      }
      return undefined;
    }
    if (worth === "outdated") {
      this.#suspect({ kind: "outdated-token", session, request });
      return undefined;
    }
    if (worth === "late") {
      // A new cookie would take the place of the one that the visitor has by now.
      hideSession(request, session);
      return undefined;
    }
    if (isSecureSession(session) && !request.isSecure) {
      this.#suspect({ kind: "insecure-transport", session, request });
      if (this.#options.endsInsecureSessions) {
        this.endSession(session, "revoked");
      }
      return undefined;
    }
    if (worth === "owed") oweToken(request, session);
    return session;
  }

  /** Enters a session under its principal; for sessions. */
  changePrincipal(session: Session, before: string | undefined): void {
    // One that is not kept, or not yet, is entered by nobody.
    if (this.#sessions.get(session.uid) !== session) return;
    const { principal } = session;
    // A callback of an eviction may set the one before again, which it still has.
    if (principal !== undefined && !this.#principals.has(principal, session)) {
      this.#makeRoomFor(principal);
    }
    // And it may have ended it, or given it another.
    if (before !== undefined && session.principal !== before) {
      this.#principals.remove(before, session);
    }
    if (!session.isActive || session.principal !== principal) return;
    if (principal !== undefined) this.#principals.add(principal, session);
    if (principal === undefined || before === undefined) {
      this.#eviction.note(session);
    }
  }

  /** Takes an ended session out of {@linkcode Site.sessions}; for sessions. */
  forgetSession(session: Session): void {
    this.#sessions.delete(session.uid);
    const { principal } = session;
    if (principal !== undefined) this.#principals.remove(principal, session);
  }

  /** Calls a callback of an end, and minds what comes of it; for sessions. */
  tellSessionEnd(callback: SessionEndCallback, end: SessionEnd): void {
    try {
      this.mindPromise(callback(end), end.session);
    } catch (error) {
      this.reportError(error, { session: end.session });
    }
  }

  /** Calls the callbacks of {@linkcode Site.notifyOnSessionEnd}; for sessions. */
  announceSessionEnd(end: SessionEnd): void {
    if (this.#keeper?.announce(end)) return;
    for (const callback of this.#endCallbacks) {
      this.tellSessionEnd(callback, end);
    }
  }

  /** Has close() wait for a promise, and reports its rejection; for sessions. */
  mindPromise(result: unknown, session: Session): void {
    if (!isPromiseLike(result)) return;
    this.#pending.add(
      Promise.resolve(result)
        .catch((error) => this.reportError(error, { session })),
      session,
    );
  }

  /** Hands an error to `onError`; never throws. */
  reportError(error: unknown, context: ErrorContext): void {
    this.#report(error, context);
  }

  /** Does what is due at a deadline; nothing else can catch what that throws. */
  #checkDeadline(item: Expiring, now: number): void {
    try {
      item.checkExpired(now);
    } catch (error) {
      if (!(item instanceof Session)) return this.reportError(error, {});
      this.reportError(error, { session: item });
      // An overridden checkExpired() that throws cannot keep the session.
      Session.prototype.checkExpired.call(item, now);
    }
  }

  #makeKeeper(options: SiteOptions): SessionKeeper | undefined {
    const { store, storeTimeout = 2, endLease = 10 } = options;
    if (store === undefined) return undefined;
    return new SessionKeeper(this, store, {
      patience: storeTimeout * 1000,
      lease: endLease * 1000,
      audience: {
        callbacks: this.#endCallbacks,
        named: this.#namedEndCallbacks,
        report: (error, { session }) => this.reportError(error, { session }),
      },
      hands: {
        build: (uid) => this.#build(uid),
        enter: (session) => this.#enter(session),
        drop: (session) => this.forgetSession(session),
        failWith: (request, error) => answerError(this, error, request),
      },
    });
  }

  #findLive(
    token: string,
    request: SiteRequest,
  ): { session: Session; worth: TokenWorth } | undefined {
    const session = this.#sessions.get(token.slice(0, ID_LENGTH));
    if (session === undefined) return undefined;
    const secret = token.slice(ID_LENGTH);
    return { session, worth: worthOf(session, secret, arrivalOf(request)) };
  }

  #enter(session: Session): void {
    this.#eviction.makeRoom();
    this.#sessions.set(session.uid, session);
    this.#eviction.note(session);
  }

  /** Has one go that has been idle longest; a store may still have it. */
  #evict(session: Session): void {
    if (this.#keeper?.release(session)) return;
    this.endSession(session, "evicted");
  }

  #newSession(uid: string = randomId()): Session {
    this.#mustBeOpen();
    const session = this.#build(uid);
    // The factory may have closed the site.
    this.#mustBeOpen();
    return session;
  }

  #build(uid: string): Session {
    const session: unknown = new this.sessionFactory(this, uid);
    if (!(session instanceof Session) || session.uid !== uid) {
      throw new TypeError(
        `Cannot make a session: ${
          describe(this.sessionFactory)
        } made no Session with the uid it was given: ${describe(session)}`,
      );
    }
    // Nobody is to get it, and nothing would take it out of the sessions.
    if (!session.isActive) {
      throw new Error(
        `Cannot make a session: ${
          describe(this.sessionFactory)
        } made one that has ended: ${session.end?.reason}`,
      );
    }
    for (const name of ["sessionTimeout", "absoluteTimeout"] as const) {
      const seconds = this.#options[name];
      if (seconds !== undefined && isDefault(session, name)) {
        session[name] = seconds;
      }
    }
    return session;
  }

  /** Ends a session, even one whose overridden `expire()` would not. */
  endSession(session: Session, reason: SessionEndReason): void {
    try {
      this.mindPromise(session.expire(reason), session);
    } catch (error) {
      this.reportError(error, { session });
    }
    Session.prototype.expire.call(session, reason);
  }

  #makeRoomFor(principal: string): void {
    const { maxSessionsPerPrincipal = Infinity } = this.#options;
    // A callback of one that makes room may not take the room.
    const isCrowded = this.#crowded.has(principal);
    const room = maxSessionsPerPrincipal - Number(isCrowded);
    if (this.#principals.count(principal) < room) return;
    const sessions = this.sessionsOf(principal);
    if (sessions.length < room) return;
    if (isCrowded || this.#options.whenPrincipalIsFull === "refuse") {
      throw new TooManySessionsError(
        `Cannot set principal "${principal}": it has ${sessions.length} sessions already`,
      );
    }
    const oldest = sessions.reduce((oldest, session) =>
      session.createdAt < oldest.createdAt ? session : oldest
    );
    this.#crowded.add(principal);
    this.endSession(oldest, "evicted");
    this.#crowded.delete(principal);
  }

  #suspect(suspicion: SuspiciousSession): void {
    const { session, request } = suspicion;
    const report = (error: unknown) =>
      this.reportError(error, { session, request });
    try {
      const result = this.#options.onSuspiciousSession?.(suspicion);
      if (isPromiseLike(result)) Promise.resolve(result).catch(report);
    } catch (error) {
      report(error);
    }
  }

  #logDelivery(request: SiteRequest, log: (line: string) => void): void {
    const entry = new AccessEntry(request, this.clock.now());
    notifyOnDelivery(request, (status, end) => {
      try {
        log(entry.format(status, end));
      } catch (error) {
        // A resource may have set a user that is no text.
        this.reportError(error, { request });
      }
    });
  }

  #mustBeOpen(): void {
    if (this.#isClosed) {
      throw new HttpError(503, "Cannot make a session: the site is closed");
    }
  }
}

function announceStart(
  site: Site,
  session: Session,
  callbacks: readonly SessionStartCallback[],
): void {
  for (const callback of callbacks) {
    try {
      site.mindPromise(callback(session), session);
    } catch (error) {
      site.reportError(error, { session });
    }
  }
}

/** Whether a timeout is the one that all sessions have. */
function isDefault(session: Session, name: keyof Session): boolean {
  let object: object = session;
  while (!Object.hasOwn(object, name)) object = Object.getPrototypeOf(object);
  return object === Session.prototype;
}

const SIBLING =
  'Sessions are kept in the memory of this worker, and another worker serves the same site: a visitor may meet the other one, which does not know the session. Serve it from one worker, or give all of them one "store"';

/** How many sessions an error names. */
const MAX_NAMED = 10;

function nameSome(names: readonly string[]): string {
  const { length } = names;
  const some = names.slice(0, MAX_NAMED).join(", ");
  return length > MAX_NAMED ? `${some} and ${length - MAX_NAMED} others` : some;
}
