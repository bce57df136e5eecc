/**
 * Sessions without a tree: for any handler of requests, and for adapters.
 *
 * @module
 */

import { errorReporter, GuardedAbort } from "./base/guarded.ts";
import { checkCallback, isPromiseLike } from "./base/promises.ts";
import { type Clock, systemClock } from "./base/clock.ts";
import { checkOptions } from "./base/options.ts";
import { type ConnectionInfo, loadForwarded } from "./http/connection.ts";
import { HttpError } from "./http/http_error.ts";
import { namesOf } from "./registry/callback_runs.ts";
import {
  answerVisit,
  HandlerVisit,
  PlainRequest,
} from "./registry/handler_visit.ts";
import {
  LocalBackend,
  makeStoreBackend,
  type StoreBackend,
} from "./registry/backends.ts";
import {
  END_SESSIONS_RULES,
  LIST_SESSIONS_RULES,
  type LogInOptions,
  SESSIONS_OPTION_RULES,
  storeTimeoutOf,
} from "./registry/option_rules.ts";
import type { PresenceCallback, PresenceState } from "./registry/presence.ts";
import type {
  ListSessionsOptions,
  ProcessInfo,
  SessionInfo,
  StoredEndCounts,
  UndeliveredEnd,
} from "./registry/session_backend.ts";
import type { SessionHeaders } from "./registry/session_headers.ts";
import { registerByName } from "./registry/end_delivery.ts";
import { SessionRegistry } from "./registry/session_registry.ts";
import type {
  SessionErrorContext,
  SessionFactory,
  SessionsOptions,
} from "./registry/sessions_options.ts";
import type { Hold, HoldOptions } from "./session/hold.ts";
import { OWNER } from "./session/internals.ts";
import type {
  EndSessionsOptions,
  NamedEndCallback,
  Session,
  SessionComponent,
  SessionEndCallback,
  SessionEndReason,
  SessionSite,
  SessionStartCallback,
  SessionWarning,
} from "./session.ts";
import type { StoreCounts } from "./stores/store.ts";

export type { Clock } from "./base/clock.ts";
export type { ConnectionInfo, TrustedProxy } from "./http/connection.ts";
export {
  type SessionCookieOptions,
  type SessionTransport,
  TooLateForCookieError,
} from "./registry/session_cookie.ts";
export { HttpError } from "./http/http_error.ts";
export type { LogInOptions } from "./registry/option_rules.ts";
export type {
  PresenceCallback,
  PresenceChange,
  PresenceState,
} from "./registry/presence.ts";
export type {
  ListSessionsOptions,
  ProcessInfo,
  SessionInfo,
  StoredEndCounts,
  UndeliveredEnd,
} from "./registry/session_backend.ts";
export {
  addSessionHeaders,
  type HeaderTarget,
  putSessionHeaders,
  type SessionHeaders,
} from "./registry/session_headers.ts";
export { TooManySessionsError } from "./registry/session_limits.ts";
export type {
  RequestFacts,
  SessionErrorContext,
  SessionFactory,
  SessionsOptions,
  SuspiciousToken,
} from "./registry/sessions_options.ts";
export type {
  EventStream,
  EventStreamOptions,
  ServerEvent,
} from "./live/event_stream.ts";
export type { SessionSocket } from "./live/session_socket.ts";
export type { StreamRequest } from "./live/session_streams.ts";
export type { SessionSocketOptions } from "./live/sockets.ts";
export {
  type EndSessionsOptions,
  type NamedEndCallback,
  Session,
  type SessionComponent,
  type SessionEnd,
  type SessionEndCallback,
  SessionEndedError,
  type SessionEndReason,
  type SessionSite,
  type SessionStartCallback,
  type SessionWarning,
  type SessionWarningCallback,
} from "./session.ts";
export type { EndedHold, Hold, HoldOptions } from "./session/hold.ts";
export type { NamedCallbackOptions } from "./session/named_callback.ts";
export {
  SessionKey,
  type SessionKeyOptions,
  type StandardSchemaV1,
} from "./session/session_key.ts";
export type {
  AccessChange,
  Claimant,
  ClaimedEnd,
  Claims,
  CommitConditions,
  CommitTimes,
  DeadLetter,
  EndNotification,
  EndProgress,
  LoadedSession,
  LoadOptions,
  MaybePromise,
  NewSession,
  SessionChanges,
  SessionFacts,
  SessionStore,
  SessionTimes,
  StoreCounts,
  StoredCallback,
  StoredSession,
  StoredToken,
  StorePart,
} from "./stores/store.ts";

/** The session of one request. `SiteRequest` and {@linkcode Visit} have it. */
export interface RequestSession {
  /**
   * The live session, if the request has one. Reading it neither creates nor
   * touches the session. Read it again after an `await`: after a login or a logout
   * by another request it is undefined.
   */
  readonly session: Session | undefined;
  /**
   * Finds or creates the session, and touches it; the response sets the cookie
   * of a new one. While a request waits for something, its session does not idle
   * out.
   *
   * HEAD, prefetches, and resources with `touchesSession = false` get a new session
   * that ends with the request, `"evicted"`. So does a request whose session has
   * ended, or whose token was superseded, while it was under way.
   *
   * @throws {TooLateForCookieError} If the response has been produced.
   */
  getSession(): Session;
  /**
   * Returns the session, typed as the class that the `sessionFactory` makes.
   *
   * @throws {TypeError} If the factory makes another class.
   */
  getSession<S extends Session>(
    type: new (site: SessionSite, uid: string) => S,
  ): S;
  /** Returns the object of a class that the session keeps. */
  getSession<T>(component: SessionComponent<T>): T;
  /**
   * The principal of the request's session, or of its own login; undefined without
   * a principal. It may become undefined, but never another principal.
   */
  readonly principal: string | undefined;
  /**
   * Logs in: the session gets the principal, and the response a token that no
   * earlier response carried.
   *
   * The session stays, with its uid, values and listeners, if the request's token
   * is current and the session has no principal or this one; every other token of
   * it is superseded at once. Otherwise a new session begins, and a session of
   * another principal ends. A repeated login, by a token that a login of the same
   * principal has superseded, joins that session. Both timeouts start again.
   *
   * @throws {TypeError} If the principal is not a string.
   * @throws {TooManySessionsError} 409 beyond the limit of a site that refuses.
   * @throws {TooLateForCookieError} If the response has been produced.
   */
  logIn(principal: string, options?: LogInOptions): Session;
  /**
   * Ends the session, even if the request's token is no longer current; the
   * response clears the cookie.
   *
   * @param reason By default `"logout"`.
   * @throws {TooLateForCookieError} If the response has been produced.
   */
  logOut(reason?: SessionEndReason): void;
  /**
   * Issues a new token for the session, which is created if there is none; the
   * response sends the token. The old token stays current until a request arrives
   * with the new one, and then opens the session for `renewalGrace` more seconds.
   *
   * A request whose token is no longer current renews nothing; if its session
   * has no principal, it gets a new session.
   *
   * @throws {TooLateForCookieError} If the response has been produced.
   */
  renewSession(): Session;
  /** Whether this request created its session. */
  readonly isNewSession: boolean;
  /** The sessions that the request came to. */
  readonly sessions: Sessions;
}

/** One request to {@linkcode Sessions.serve}, with its session. */
export interface Visit extends RequestSession {
  /** The request as it came. */
  readonly request: Request;
  /** Aborts when the client leaves before the response is produced. */
  readonly signal: AbortSignal;
  /** Whether the request came over https, to the proxy if one is trusted. */
  readonly isSecure: boolean;
  /** The address of the client, if it is known. */
  readonly remoteAddress: string | undefined;
  /** The root of the site as the client sees it. */
  readonly rootURL: URL;
  /** The sessions in the form of a site, for `session.events()`. */
  readonly site: { readonly stopSignal: AbortSignal };
  /** Returns a header of the request, or undefined. */
  getHeader(name: string): string | undefined;
}

/** A visit that the caller finishes: see {@linkcode Sessions.open}. */
export interface OpenVisit extends Visit {
  /**
   * Keeps the session from idling out while the handler waits for something.
   * Call it as soon as the handler has returned a promise.
   */
  wait(): void;
  /**
   * Writes what changed and returns the headers to add to the response. Call it
   * once, before the headers leave.
   *
   * @throws {HttpError} 503 if the change could not be written.
   */
  finish(): SessionHeaders | Promise<SessionHeaders>;
  /**
   * Finishes the visit when there is no response. A session that the request made
   * ends. Changes are still written.
   */
  abandon(): void | Promise<void>;
}

/** Answers a request. */
export type VisitHandler = (visit: Visit) => Response | Promise<Response>;

/**
 * All sessions that an application shares: finds and creates them, limits them,
 * and ends each on time.
 *
 * Use it alone, in any handler of requests, or give it to one or more sites. It
 * is a Map of the sessions that are live in this process, by uid: `get` and `has`
 * check the deadline, `size` and iteration do not.
 *
 * @example Usage
 * ```ts
 * import { Sessions } from "@curfew/web/sessions";
 * import { assertEquals } from "@std/assert";
 *
 * await using sessions = new Sessions({ sessionTimeout: 60 });
 * const ends: string[] = [];
 * sessions.notifyOnSessionEnd(({ reason }) => ends.push(reason));
 *
 * const handler = (request: Request) =>
 *   sessions.serve(request, (visit) => {
 *     visit.getSession();
 *     return new Response("hello");
 *   });
 *
 * const response = await handler(new Request("http://localhost/"));
 * assertEquals(response.headers.has("set-cookie"), true);
 * for (const session of sessions.values()) session.expire();
 * assertEquals(ends, ["logout"]);
 * ```
 */
export class Sessions
  implements
    SessionSite,
    ReadonlyMap<string, Session>,
    AsyncDisposable,
    Disposable {
  /** The options that were given. */
  readonly options: Readonly<SessionsOptions>;

  readonly #clock: Clock;
  readonly #report: (error: unknown, context: SessionErrorContext) => void;
  readonly #registry: SessionRegistry;
  #stored: StoreBackend | undefined = undefined;
  readonly #stop = new GuardedAbort((error) => this.reportError(error, {}));

  /**
   * Makes sessions; nothing happens until requests come.
   *
   * @param options Each may be left out.
   * @throws {TypeError} If an option is of a wrong kind, or unknown.
   * @throws {RangeError} If an option is out of range.
   * @throws {SyntaxError} If no cookie can have the name.
   */
  constructor(options: SessionsOptions = {}) {
    checkOptions("make sessions", options, SESSIONS_OPTION_RULES);
    storeTimeoutOf(options);
    this.options = { ...options };
    this.#clock = options.clock ?? systemClock;
    this.#report = errorReporter(options.onError);
    const { store } = options;
    this.#registry = new SessionRegistry(
      this,
      this.options,
      (registry) =>
        store === undefined
          ? new LocalBackend(registry)
          : this.#stored = makeStoreBackend(registry, store),
    );
  }

  /** The class of new sessions. */
  get sessionFactory(): SessionFactory {
    return this.#registry.factoryHolder.sessionFactory;
  }

  set sessionFactory(sessionFactory: SessionFactory) {
    this.#registry.factoryHolder.sessionFactory = sessionFactory;
  }

  /** The source of the time. */
  get clock(): Clock {
    return this.#clock;
  }

  /** Aborts when the sessions are closed: streams end then. */
  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  /**
   * Resolves when the store has been checked and its ends are being watched; at
   * once without a store. The check begins by itself, in the turn after the
   * constructor.
   *
   * A store that is away is reported and asked again; this resolves all the same.
   *
   * @throws {RangeError} Rejects if the store finds that it would lose sessions.
   * Then requests that need a session are answered 503.
   */
  get ready(): Promise<void> {
    return this.#registry.backend.start();
  }

  /**
   * Answers a request: finds the session, calls the handler, writes the changes of
   * the session, and adds the cookie to the response.
   *
   * @param request The request.
   * @param handler Answers it, by a Response or a promise of one.
   * @param info The connection; `Deno.ServeHandlerInfo` fits.
   * @returns the handler's response, with the headers of the session.
   * @throws the error of the handler. Then a session that the request made ends.
   */
  serve(
    request: Request,
    handler: VisitHandler,
    info?: ConnectionInfo,
  ): Response | Promise<Response> {
    checkCallback("serve a request", handler);
    const opening = this.open(request, info);
    return isPromiseLike(opening)
      ? opening.then((visit) => answerVisit(visit, handler))
      : answerVisit(opening, handler);
  }

  /**
   * Opens the visit of a request; `serve` and the adapters use it.
   *
   * Over an asynchronous store the session is loaded before this resolves.
   *
   * @throws {HttpError} 503 if the sessions are closed.
   */
  open(
    request: Request,
    info?: ConnectionInfo,
  ): OpenVisit | Promise<OpenVisit> {
    if (this.#registry.isClosed) {
      throw new HttpError(503, "The sessions are closed");
    }
    const { trustProxy = false } = this.options;
    const code = trustProxy === false ? undefined : loadForwarded();
    if (isPromiseLike(code)) return code.then(() => this.open(request, info));
    const source = new PlainRequest(request, info, this.options);
    const visit = new HandlerVisit(this, this.#registry, source);
    if (!this.#registry.backend.mustLoad) return visit;
    const loading = visit.load();
    return isPromiseLike(loading) ? loading.then(() => visit) : visit;
  }

  /**
   * Makes a session outside of requests; it ends by itself unless it is touched.
   *
   * @throws {TypeError} If the factory does not make a Session with the given uid.
   * @throws {RangeError} If a timeout is negative or NaN.
   * @throws {Error} If the sessions are closed. After an error no session is kept.
   */
  create(): Session {
    return this.#registry.make();
  }

  /**
   * Registers a callback for every new session. It is called before the code that
   * made the session gets it. Observe the session there; it has no principal yet.
   *
   * @returns a function that removes the registration.
   * @throws {TypeError} If the callback is not a function.
   */
  notifyOnSessionStart(callback: SessionStartCallback): () => void {
    return this.#registry.notifyOnStart(callback);
  }

  /**
   * Registers a callback for the end of every session, after the session's own
   * callbacks. Its errors and rejections are reported.
   *
   * @returns a function that removes the registration.
   * @throws {TypeError} If the callback is not a function.
   */
  notifyOnSessionEnd(callback: SessionEndCallback): () => void {
    return this.#registry.delivery.add(callback);
  }

  /**
   * Registers a callback by name, for `session.notifyOnExpire(name, argument)`.
   *
   * Register it when the program starts: over a store, the process that delivers an
   * end calls it, also for sessions from before a restart. If it throws or rejects,
   * it is called again after 1, 2, 4, 8 s and so on, up to an hour, for
   * `endRetryFor`; then the end becomes a dead letter, see {@linkcode
   * Sessions.listDeadLetters}. If a process dies during the call, another one calls
   * it again, with the same `end.uid`.
   *
   * @param name The name; it is stored with the session.
   * @param callback Called with the argument and the end.
   * @throws {TypeError} If the callback is not a function.
   * @throws {Error} If the name is taken.
   */
  onEnd(name: string, callback: NamedEndCallback): void {
    this.#registry.delivery.register(name, callback);
  }

  /**
   * Registers a callback for each change of a visitor's presence.
   *
   * A visitor is a principal, with all its sessions in all processes. A visitor is
   * `"present"` while a stream or a socket is open, and for `awayAfter` seconds
   * after each visit and each closing; then `"away"`, and from the end of the last
   * session `"offline"`.
   *
   * One process calls the callback for each change, even if others die, and again
   * after 1, 2 and 4 s if it fails. The changes of one visitor come in order.
   *
   * Over a store, register it in every process, when the program starts. If a
   * process dies, its visitors become away earlier, by up to a third of
   * `awayAfter`. A process with open streams makes six calls to the store in
   * `awayAfter`, for any number of streams. A change takes about ten calls, and a
   * visit one or two.
   *
   * @param callback Called with the principal and the state.
   * @returns a function that removes the registration.
   * @throws {TypeError} If the callback is not a function.
   *
   * @example Usage
   * ```ts
   * import { Sessions } from "@curfew/web/sessions";
   * import { assertEquals } from "@std/assert";
   *
   * await using sessions = new Sessions({ awayAfter: 30 });
   * const changes: string[] = [];
   * sessions.onPresence(({ principal, state }) => {
   *   changes.push(`${principal} is ${state}`);
   * });
   * assertEquals(await sessions.presence("ann"), "offline");
   * ```
   */
  onPresence(callback: PresenceCallback): () => void {
    checkCallback("notify of presence", callback);
    return this.#registry.later.register(
      undefined,
      (parts) => parts.openPresence().add(callback),
    );
  }

  /**
   * Returns the presence of a visitor; see {@linkcode Sessions.onPresence}. It
   * considers streams and sockets of other processes only if a callback is
   * registered there.
   *
   * @throws Rejects if the store fails.
   */
  presence(principal: string): Promise<PresenceState> {
    return this.#registry.later.with(
      principal,
      (parts, principal) => parts.presenceOf(principal),
    );
  }

  /**
   * Registers a callback by name, for `session.notifyBeforeEnd(60, name, argument)`.
   *
   * Register it when the program starts. It is called again if it fails, as a
   * callback of {@linkcode Sessions.onEnd} is, unless a visit or the end comes first.
   *
   * @param name The name; it is stored with the session.
   * @param callback Called with the argument and the warning.
   * @throws {TypeError} If the callback is not a function.
   * @throws {Error} If the name is taken.
   */
  onWarning(
    name: string,
    callback: (argument: unknown, warning: SessionWarning) => unknown,
  ): void {
    const { later, warningCallbacks } = this.#registry;
    registerByName(warningCallbacks, name, callback);
    later.register(undefined, () => () => {});
  }

  /**
   * Holds a key without a session, for a job for example. Each call is a holder of
   * its own: renew the hold by `hold.renew()`.
   *
   * @param key 1 to 200 characters.
   * @param options As for {@linkcode Session.hold}; `seconds` is required.
   * @returns undefined if the key is held.
   * @throws As for {@linkcode Session.hold}, and a TypeError without `seconds`.
   *
   * @example Usage
   * ```ts
   * import { Sessions } from "@curfew/web/sessions";
   * import { assertEquals } from "@std/assert";
   *
   * await using sessions = new Sessions();
   * {
   *   await using hold = await sessions.hold("report", { seconds: 60 });
   *   if (hold !== undefined) {
   *     // Write the report, with hold.fence.
   *   }
   *   assertEquals(await sessions.hold("report", { seconds: 60 }), undefined);
   * }
   * ```
   */
  hold(
    key: string,
    options: HoldOptions & { readonly seconds: number },
  ): Promise<Hold | undefined> {
    return this.#registry.later.with(
      options,
      ({ holds }, options) => holds.lease(key, options),
    );
  }

  /**
   * Releases a hold by its fencing number; its callback is not called.
   *
   * @returns false if the hold has ended, or was renewed meanwhile.
   * @throws {HttpError} Rejects with 503 if the store fails.
   */
  release(key: string, fence: number): Promise<boolean> {
    return this.#registry.later.with(
      key,
      ({ holds }, key) => holds.releaseLease(key, fence),
    );
  }

  /** Returns the sessions of a principal that are live in this process. */
  sessionsOf(principal: string): Session[] {
    return this.#registry.sessionsOf(principal);
  }

  /**
   * Lists the sessions of a principal in all processes, the oldest first: for a
   * page that shows users where they are logged in, or with their values to export
   * the data of a user.
   *
   * Over a store the values are copies of those that are written. Without one they
   * are the values themselves: do not change them.
   *
   * @throws {TypeError} Rejects if an option is of a wrong kind, or unknown.
   * @throws {HttpError} Rejects with 503 if the store fails.
   * @throws Rejects if a value cannot be decoded.
   */
  async list(
    principal: string,
    options: ListSessionsOptions = {},
  ): Promise<SessionInfo[]> {
    checkOptions("list sessions", options, LIST_SESSIONS_RULES);
    return await this.#registry.backend.directory.list(principal, options);
  }

  /**
   * Counts the sessions of all processes, and the ends that the store keeps until
   * they are delivered.
   *
   * Over a large database it may take some tenths of a second: see
   * {@linkcode SessionStore.count}.
   *
   * @returns undefined without a store, or if the store has no counts.
   * @throws Rejects if the store fails.
   */
  async countStored(): Promise<StoreCounts | undefined> {
    return await this.#registry.backend.directory.count?.();
  }

  /**
   * Lists the processes that share the store, the oldest first; none without a
   * store.
   *
   * It asks each of them to write that it lives, and waits a second for that. A
   * process that does not answer is listed for five minutes after its last answer,
   * and one that was closed is not listed any more.
   *
   * @throws {HttpError} Rejects with 503 if the store fails.
   */
  async listProcesses(): Promise<ProcessInfo[]> {
    return await this.#registry.backend.directory.listProcesses?.() ?? [];
  }

  /**
   * Ends a session by its uid, in any process. Check first that it belongs to the
   * user who asks for it: see {@linkcode Sessions.list}.
   *
   * @param reason By default `"revoked"`.
   * @returns false if there is no such session.
   * @throws {TypeError} Rejects if the reason is not a string.
   * @throws {RangeError} Rejects if the reason is unknown.
   * @throws {HttpError} Rejects with 503 if the end cannot be written to the store.
   * If the session is live in this process, the process keeps trying.
   */
  async end(
    uid: string,
    reason: SessionEndReason = "revoked",
  ): Promise<boolean> {
    checkOptions("end a session", { reason }, END_SESSIONS_RULES);
    return await this.#registry.backend.directory.end(uid, reason);
  }

  /**
   * Ends the sessions of a principal, in all processes: "log out everywhere".
   *
   * @returns the number of ended sessions; a promise of it over an asynchronous
   * store.
   * @throws {TypeError} If an option is of a wrong kind, or unknown.
   * @throws {RangeError} If the reason is not one of the reasons.
   * @throws {HttpError} Rejects with 503 if the sessions cannot be looked up, or an
   * end cannot be written to the store. This process keeps trying to write the ends
   * of those that are live in it.
   */
  endSessions(
    principal: string,
    options: EndSessionsOptions = {},
  ): number | Promise<number> {
    checkOptions("end sessions", options, END_SESSIONS_RULES);
    return this.#registry.backend.directory.endAll(principal, options);
  }

  /**
   * Lists the ends with callbacks that have failed for `endRetryFor`.
   *
   * Over a store these are the dead letters of all processes; they stay in the
   * store. Without a store, they are in the memory of this process, at most 1,000.
   *
   * @throws Rejects if the store fails.
   */
  async listDeadLetters(): Promise<UndeliveredEnd[]> {
    return [
      ...(await this.#registry.retries.openLetters()).list(),
      ...await this.#registry.backend.directory.listDeadLetters?.() ?? [],
    ];
  }

  /**
   * Calls the failed callbacks of a dead letter again, for another `endRetryFor`.
   *
   * @returns false if the session of the uid has no dead letter.
   * @throws Rejects if the store fails.
   */
  async retryDeadLetter(uid: string): Promise<boolean> {
    const letters = await this.#registry.retries.openLetters();
    const isHere = letters.retry(uid);
    const { directory } = this.#registry.backend;
    return await directory.retryDeadLetter?.(uid) || isHere;
  }

  /**
   * Deletes a dead letter; its callbacks are never called.
   *
   * @returns false if the session of the uid has no dead letter.
   * @throws Rejects if the store fails.
   */
  async deleteDeadLetter(uid: string): Promise<boolean> {
    const letters = await this.#registry.retries.openLetters();
    const isHere = letters.delete(uid);
    const { directory } = this.#registry.backend;
    return await directory.deleteDeadLetter?.(uid) || isHere;
  }

  /**
   * The number of callbacks whose promises have not settled for 10 s. They are
   * reported too, once each.
   */
  get hangingCallbacks(): number {
    return this.#registry.calls.hanging;
  }

  /** Counts of the ends that this process claimed from the store; for metrics. */
  get storedEnds(): StoredEndCounts | undefined {
    return this.#stored?.endCounts;
  }

  /** Passes an error to `onError`; never throws. */
  reportError(error: unknown, context: SessionErrorContext): void {
    this.#report(error, context);
  }

  /**
   * Ends the streams of events and the sockets. Those that open later end at once.
   */
  stopStreams(): void {
    this.#stop.abort(() => undefined);
  }

  /**
   * Ends every session that is in no store, with `"shutdown"`, and waits for the
   * promises of callbacks, up to `shutdownTimeout`; then it reports the sessions
   * whose callbacks are late. Over a store, changes are written and the sessions
   * live on. From the call on, requests that ask for a session are answered 503.
   */
  async close(): Promise<void> {
    this[Symbol.dispose]();
    const { shutdownTimeout = 10 } = this.options;
    const late = await this.#registry.calls.settle(shutdownTimeout);
    if (late.length > 0) {
      const error = new Error(
        `Cannot close in ${shutdownTimeout} s: callbacks are still running at the end of session ${
          namesOf(late)
        }`,
      );
      this.reportError(error, {});
    }
    await this.#registry.presence?.halt();
    await this.#registry.backend.close();
  }

  /** {@linkcode Sessions.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** {@linkcode Sessions.close}, for `using`, which does not wait. */
  [Symbol.dispose](): void {
    this.#registry.isClosed = true;
    this.stopStreams();
    this.#registry.presence?.halt();
    this.#registry.backend.halt();
    this.#registry.later.halt();
    this.#registry.calls.stop();
    this.#registry.retries.stop();
  }

  /** The number of sessions in the Map. */
  get size(): number {
    return this.#registry.sessions.size;
  }

  /** Returns the live session of a uid, without touching it. */
  get(uid: string): Session | undefined {
    return this.#registry.get(uid);
  }

  /** Returns whether there is a live session of a uid. */
  has(uid: string): boolean {
    return this.#registry.get(uid) !== undefined;
  }

  /** Returns the uids, in the order in which the sessions were made or loaded. */
  keys(): MapIterator<string> {
    return this.#registry.sessions.keys();
  }

  /** Returns the sessions, in the order in which they were made or loaded. */
  values(): MapIterator<Session> {
    return this.#registry.sessions.values();
  }

  /** Returns uids and sessions, in the order in which they were made or loaded. */
  entries(): MapIterator<[string, Session]> {
    return this.#registry.sessions.entries();
  }

  /** Calls a function with each session. */
  forEach(
    callback: (
      session: Session,
      uid: string,
      sessions: ReadonlyMap<string, Session>,
    ) => void,
    thisArg?: unknown,
  ): void {
    for (const [uid, session] of this) {
      callback.call(thisArg, session, uid, this);
    }
  }

  /** Iterates over uids and sessions. */
  [Symbol.iterator](): MapIterator<[string, Session]> {
    return this.entries();
  }

  /** @ignore */
  get [OWNER](): SessionRegistry {
    return this.#registry;
  }
}
