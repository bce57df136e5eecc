/**
 * Sites: the root of a tree, its sessions, and the door for every request.
 *
 * @module
 */

import {
  AccessEntry,
  type AccessLog,
  lineWriter,
} from "./internal/access_log.ts";
import { answer, answerError } from "./internal/answer.ts";
import { type Clock, systemClock } from "./internal/clock.ts";
import { describe } from "./internal/describe.ts";
import { ExpiryQueue } from "./internal/expiry_queue.ts";
import { HttpError } from "./internal/http_error.ts";
import { isPromiseLike } from "./internal/promise_like.ts";
import { SessionCookie } from "./internal/session_cookie.ts";
import { randomId } from "./internal/token.ts";
import {
  checkHost,
  type ErrorContext,
  notifyOnDelivery,
  type SiteOfRequest,
  SiteRequest,
  type TokenCookie,
} from "./request.ts";
import { Resource } from "./resource.ts";
import {
  isOpenedBy,
  Session,
  type SessionDeadlines,
  type SessionEnd,
  type SessionEndCallback,
  type SessionSite,
} from "./session.ts";

/** A class of sessions. */
export type SessionFactory = new (site: SessionSite, uid: string) => Session;

/** Takes what went wrong where no caller could be told. */
export type ErrorCallback = (
  error: unknown,
  context: ErrorContext,
) => void | PromiseLike<void>;

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
   * The name of the session cookie. Give sites on one host different names:
   * cookies do not care for the port. Over https `__Host-` is put before it.
   *
   * @default {"session"}
   */
  cookieName?: string;
  /**
   * Takes what a resource, a callback or an abort listener threw or rejected.
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
   * Where a line goes for each request, in the combined log format, once its
   * response has been handed over or its visitor has left (status 499 if before
   * there was one). The size of a Response that a resource made itself is known
   * only if it says so.
   *
   * @default {nowhere}
   */
  accessLog?: AccessLog;
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

/** The bytes of a uid and of a secret, in hex digits. */
const ID_LENGTH = 32;

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
  /** Where the time comes from. */
  readonly clock: Clock;
  /** Where sessions wait for their ends; for sessions. */
  readonly deadlines: SessionDeadlines;
  /** How the visitors' tokens travel; for requests. */
  readonly sessionCookie: TokenCookie;

  readonly #sessions = new Map<string, Session>();
  readonly #onError: ErrorCallback | undefined;
  readonly #endCallbacks: SessionEndCallback[] = [];
  /** The promises of callbacks that close() waits for. */
  readonly #pending = new Set<Promise<unknown>>();
  readonly #log: ((line: string) => void) | undefined;
  readonly #stop = new AbortController();
  #isClosed = false;

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
    if (
      options.onError !== undefined && typeof options.onError !== "function"
    ) {
      throw new TypeError(
        `Cannot make a site: onError is not a function: ${
          describe(options.onError)
        }`,
      );
    }
    this.resource = resource;
    this.notFoundPage = options.notFoundPage;
    this.serverErrorPage = options.serverErrorPage;
    this.sessionFactory = options.sessionFactory ?? Session;
    this.displayTracebacks = options.displayTracebacks ?? false;
    this.trustProxy = options.trustProxy ?? false;
    this.maxBodyBytes = options.maxBodyBytes ?? 10 * 2 ** 20;
    this.clock = options.clock ?? systemClock;
    this.sessionCookie = new SessionCookie(options.cookieName ?? "session");
    this.deadlines = new ExpiryQueue<Session>(
      this.clock,
      (session) => session.checkExpired(),
    );
    this.#onError = options.onError;
    this.#log = options.accessLog === undefined
      ? undefined
      : lineWriter(options.accessLog, (error) => this.reportError(error, {}));
  }

  /** Aborts when the site stops: streams of events end then; for requests. */
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
    if (this.#log !== undefined) this.#logDelivery(siteRequest, this.#log);
    try {
      if (this.#isClosed) throw new HttpError(503, "The site is closed");
      if (this.trustProxy) checkHost(siteRequest.getHeader("host"));
    } catch (error) {
      return answerError(this, error, siteRequest);
    }
    return answer(this, siteRequest);
  };

  /**
   * Makes a session, which ends by itself unless somebody visits.
   *
   * `request.getSession()` calls this for a visitor who has none.
   *
   * @throws {TypeError} If the factory makes no Session, or one with another
   * uid, or if a timeout is not a number.
   * @throws {RangeError} If a timeout is negative or NaN.
   * @throws {Error} If the site is closed. Whatever is thrown, nothing is kept.
   */
  makeSession(): Session {
    this.#mustBeOpen();
    const uid = randomId();
    const session: unknown = new this.sessionFactory(this, uid);
    if (!(session instanceof Session) || session.uid !== uid) {
      throw new TypeError(
        `Cannot make a session: ${
          describe(this.sessionFactory)
        } made no Session with the uid it was given: ${describe(session)}`,
      );
    }
    // The factory may have closed the site.
    this.#mustBeOpen();
    this.#sessions.set(uid, session);
    try {
      session.startCheckingExpiration();
    } catch (error) {
      // Whatever its constructor may have got hold of is let go.
      Session.prototype.expire.call(session, "revoked");
      throw error;
    }
    return session;
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
   * Ends the streams of server-sent events (`text/event-stream`), and those that
   * begin later at once.
   *
   * A server that shuts down waits for the requests that are running, and such a
   * stream would run for ever. {@linkcode listen} calls this first.
   */
  stopStreams(): void {
    this.#stop.abort();
  }

  /**
   * Ends every session, for the reason `"shutdown"`, and waits for what the
   * callbacks of these and of earlier ends have promised.
   *
   * From the call on, requests are answered 503 and no session can be made. A
   * callback must not wait for it: they would wait for each other.
   */
  async close(): Promise<void> {
    this[Symbol.dispose]();
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** {@linkcode Site.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** {@linkcode Site.close} without the waiting, for `using`. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.stopStreams();
    for (const session of this.#sessions.values()) {
      try {
        this.mindPromise(session.expire("shutdown"), session);
      } catch (error) {
        this.reportError(error, { session });
      }
      // An overridden expire() cannot keep it: the timer goes.
      Session.prototype.expire.call(session, "shutdown");
    }
  }

  /** The session that a token opens; for requests. */
  findSession(token: string): Session | undefined {
    if (token.length !== 2 * ID_LENGTH) return undefined;
    const session = this.#sessions.get(token.slice(0, ID_LENGTH));
    return session !== undefined && isOpenedBy(session, token.slice(ID_LENGTH))
      ? session
      : undefined;
  }

  /** Takes an ended session out of {@linkcode Site.sessions}; for sessions. */
  forgetSession(session: Session): void {
    this.#sessions.delete(session.uid);
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
    for (const callback of this.#endCallbacks) {
      this.tellSessionEnd(callback, end);
    }
  }

  /** Has close() wait for a promise, and reports its rejection; for sessions. */
  mindPromise(result: unknown, session: Session): void {
    if (!isPromiseLike(result)) return;
    const promise = Promise.resolve(result)
      .catch((error) => this.reportError(error, { session }))
      .finally(() => this.#pending.delete(promise));
    this.#pending.add(promise);
  }

  /** Hands an error to `onError`; never throws. */
  reportError(error: unknown, context: ErrorContext): void {
    if (this.#onError === undefined) return print(error);
    const failed = (second: unknown) => {
      print(error);
      print(second);
    };
    try {
      const result = this.#onError(error, context);
      if (isPromiseLike(result)) Promise.resolve(result).catch(failed);
    } catch (second) {
      failed(second);
    }
  }

  #logDelivery(request: SiteRequest, log: (line: string) => void): void {
    const entry = new AccessEntry(request, this.clock.now());
    notifyOnDelivery(
      request,
      (status, end) => log(entry.format(status, end)),
    );
  }

  #mustBeOpen(): void {
    if (this.#isClosed) {
      throw new HttpError(503, "Cannot make a session: the site is closed");
    }
  }
}

function print(error: unknown): void {
  // deno-lint-ignore no-console -- the documented default of onError
  console.error(error);
}
