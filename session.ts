/**
 * Sessions: one visitor's stay, and what happens when it is over.
 *
 * @module
 */

import { describe, visible } from "./base/describe.ts";
import { checkCallback } from "./base/promises.ts";
import type { Clock } from "./base/clock.ts";
import type { EventStream, EventStreamOptions } from "./live/event_stream.ts";
import type { SessionSocket } from "./live/session_socket.ts";
import type { SessionSocketOptions } from "./live/sockets.ts";
import { SessionStreams, type StreamRequest } from "./live/session_streams.ts";
import {
  findToken,
  openAccess,
  SessionAccess,
  type TokenFacts,
} from "./session/access.ts";
import {
  checkHasNone,
  checkPrincipal,
  EndListeners,
  endParts,
  isHeld,
  nextHoldCheck,
  type SessionParts,
  valuesOf,
} from "./session/session_parts.ts";
import {
  deadlineOf,
  type DueReason,
  latenessOf,
  leadOf,
  type SessionEndReason,
  SessionWarnings,
} from "./session/deadline.ts";
import type { EndedHold, Hold, HoldOptions } from "./session/hold.ts";
import {
  COUNT_VISIT,
  DETACH,
  FIND_TOKEN,
  OPEN_ACCESS,
  OPEN_PARTS,
  OWNER,
  PARTS,
  RESTORE,
  type RestoredState,
  type SessionChange,
  STREAMS,
  TOUCH,
} from "./session/internals.ts";
import type { NamedCallbackOptions } from "./session/named_callback.ts";
import type { OwnerOf } from "./session/session_owner.ts";
import {
  type AnySessionKey,
  nameOf,
  type SessionKey,
} from "./session/session_key.ts";
import {
  componentOf,
  reporterOf,
  SessionValues,
} from "./session/session_values.ts";

export { checkPrincipal };
export type { SessionChange, SessionEndReason };

/** The end of a session, as callbacks get it. */
export interface SessionEnd {
  /** The session that has ended. */
  readonly session: Session;
  /** Its uid; safe to log. */
  readonly uid: string;
  /** Why it ended. */
  readonly reason: SessionEndReason;
  /** When it ended, in UNIX seconds. */
  readonly at: number;
  /**
   * Seconds, in whole milliseconds, from the deadline to the end; undefined for
   * an end by anything else.
   */
  readonly lateness: number | undefined;
  /** The number of deliveries of this end, with this one; 1 without a store. */
  readonly attempt: number;
  /**
   * The hold that has ended, in the callback of a hold. `session` and `uid` are
   * then the hold's own, and the reason is `"absolute"` at the hold's own
   * deadline, otherwise that of the session's end.
   */
  readonly hold?: EndedHold;
}

/** A session that is going to end, as callbacks get it. */
export interface SessionWarning {
  /** The session, which has not ended yet. */
  readonly session: Session;
  /** Its uid; safe to log. */
  readonly uid: string;
  /** Why it will end; a touch does not postpone an absolute end. */
  readonly reason: "idle" | "absolute";
  /** When it will end if no access comes, in UNIX seconds. */
  readonly expiresAt: number;
}

/** Called before the end of a session; its errors and rejections go to `onError`. */
export type SessionWarningCallback = (warning: SessionWarning) => unknown;

/**
 * Called at the end of a session. Errors and rejections go to `onError`;
 * closing the site waits for a promise that it returns.
 */
export type SessionEndCallback = (end: SessionEnd) => unknown;

/** Called with a new session; otherwise as a {@linkcode SessionEndCallback}. */
export type SessionStartCallback = (session: Session) => unknown;

/** Called by its name at the end of a session; see `site.onEnd()`. */
export type NamedEndCallback = (argument: unknown, end: SessionEnd) => unknown;

/** A class of objects kept in a session; see {@linkcode Session.getComponent}. */
export type SessionComponent<T> = new (session: Session) => T;

/** The options of `endSessions`. */
export interface EndSessionsOptions {
  /** The session that stays. */
  except?: Session;
  /**
   * The reason of the ends.
   *
   * @default {"revoked"}
   */
  reason?: SessionEndReason;
}

/** The parts of its site that a session uses. `Sessions` and `Site` fit. */
export interface SessionSite {
  /** The source of the time. */
  readonly clock: Clock;
  /** Passes an error to `onError`. */
  reportError(error: unknown, context: object): void;
  /** Returns the live sessions of a principal. */
  sessionsOf(principal: string): Session[];
  /** Ends the sessions of a principal. */
  endSessions(
    principal: string,
    options?: EndSessionsOptions,
  ): number | Promise<number>;
  /** @ignore */
  readonly [OWNER]: SessionOwner;
}

/** The registry of a session. */
export type SessionOwner = OwnerOf<Session, SessionEnd> & {
  readonly site: SessionSite;
};

/**
 * Thrown by changes of a session that has ended, and the reason of an aborted
 * {@linkcode Session.signal}.
 */
export class SessionEndedError extends Error {
  /** @ignore */
  override name = "SessionEndedError";
  // Private: a printed error shows its public properties, and all objects below.
  readonly #end: SessionEnd;

  /**
   * Makes the error of an end.
   *
   * @param end The end of the session.
   * @param message By default "Session … has ended", with the reason.
   */
  constructor(
    end: SessionEnd,
    message = `Session "${end.uid}" has ended: ${visible(end.reason)}`,
  ) {
    super(message);
    this.#end = end;
  }

  /** The end of the session. */
  get end(): SessionEnd {
    return this.#end;
  }
}

/**
 * One visitor's stay on a site.
 *
 * Get it from `request.getSession()`. It lives while the visitor comes back
 * within {@linkcode Session.sessionTimeout} seconds. Then it ends by itself,
 * within milliseconds, and calls its callbacks. To change the timeouts, give a
 * subclass to the site's `sessionFactory`.
 *
 * From Twisted's `twisted.web.server.Session`. There, visits have not prolonged
 * a session since 18.9, a callback that raises stops the others, and a second
 * `expire()` is a KeyError.
 *
 * @example Usage
 * ```ts
 * import { Sessions } from "@curfew/web/sessions";
 * import { assertEquals } from "@std/assert";
 *
 * const ends: string[] = [];
 * await using sessions = new Sessions();
 * const session = sessions.create();
 * session.notifyOnExpire(({ reason }) => ends.push(reason));
 * session.expire();
 * assertEquals(ends, ["logout"]);
 * ```
 */
export class Session {
  /**
   * The session's name, the same all its life: 32 lower-case hex digits. It is
   * safe to log and to show: the cookie has a secret too.
   */
  readonly uid: string;
  /**
   * Seconds without access after which the session ends; fractions count.
   *
   * 0 ends it in the next timer turn or at the next lookup, Infinity never. Access
   * is a {@linkcode Session.touch}, which `request.getSession()` calls; reading
   * data is none. A new value counts from the last touch, at the next touch or when
   * the request that set it is answered. A negative value or NaN throws a
   * RangeError then, any other kind a TypeError, and the deadline stays.
   *
   * @default {900}
   */
  declare sessionTimeout: number;
  /**
   * Seconds from {@linkcode Session.createdAt}, or from the last login, after
   * which the session ends in spite of access. The rest is as for {@linkcode
   * Session.sessionTimeout}.
   *
   * @default {Infinity}
   */
  declare absoluteTimeout: number;

  readonly #owner: SessionOwner;
  /** The key of the only token; `""` once the tokens are in the access part. */
  #key = "";
  #isSecure = false;
  /** UNIX milliseconds. */
  #createdAt: number;
  /**
   * Milliseconds from the creation to the last touch: small numbers take less
   * memory.
   */
  #touchedAfter = 0;
  #visits = 0;
  /** Entry in the queue of deadlines; 0 until started. */
  #entry = 0;
  /** The reason of an end by deadline; undefined while the deadline is enforced. */
  #dueReason: DueReason | undefined = "idle";
  #end: SessionEnd | undefined = undefined;
  #parts: SessionParts<Session, SessionEnd> | undefined = undefined;

  static {
    // On the prototype, as in Twisted: most sessions have no timeouts of their own.
    this.prototype.sessionTimeout = 900;
    this.prototype.absoluteTimeout = Infinity;
  }

  /**
   * Makes a session whose deadline does not count yet. Applications get
   * sessions from a request, or from `sessions.create()`.
   *
   * @param uid Its name; a subclass passes it on unchanged.
   */
  constructor(site: SessionSite, uid: string) {
    this.#owner = site[OWNER];
    this.uid = uid;
    this.#createdAt = site.clock.now();
  }

  /** The sessions of the site that this one belongs to. */
  get site(): SessionSite {
    return this.#owner.site;
  }

  /**
   * The user that the session acts for; undefined before a login.
   *
   * In a request call `request.logIn()`, which also replaces the token.
   * Programs without requests assign it; undefined removes it. The site finds
   * sessions by it (`sessionsOf`), and evicts anonymous sessions first.
   * `maxSessionsPerPrincipal` limits only logins.
   *
   * @throws {TypeError} When set to anything but a string or undefined.
   * @throws {Error} When set while the session has another principal.
   * @throws {SessionEndedError} When set after the end.
   */
  get principal(): string | undefined {
    return this.#parts?.access?.principal;
  }

  set principal(principal: string | undefined) {
    checkPrincipal(principal);
    this.#mustLive("set", "principal");
    const before = this.principal;
    if (principal === before) return;
    if (principal !== undefined) checkHasNone(this, principal);
    this[OPEN_ACCESS]().principal = principal;
    this.#owner.indexPrincipal(this, before);
    this.#owner.backend.changed(this, {
      kind: "access",
      operation: { kind: "principal", principal },
    });
  }

  /** When the user logged in last, in UNIX seconds; undefined before that. */
  get authenticatedAt(): number | undefined {
    const at = this.#parts?.access?.authenticatedAt;
    return at === undefined ? undefined : at / 1000;
  }

  /**
   * Asks for a new token. The next request with the current token that asks for
   * its session is sent the new one; the old one stays current until a request
   * arrives with the new one, so nothing is lost with a response.
   *
   * In a request call `request.renewSession()`. Does nothing after the end.
   */
  renew(): void {
    if (this.#end !== undefined) return;
    this[OPEN_ACCESS]().isRenewalDue = true;
    this.#owner.backend.changed(this, {
      kind: "access",
      operation: { kind: "renewal-due" },
    });
  }

  /**
   * Loads the present values and principal from the store, if there is one. A
   * change that is not written yet stays. A session that has ended in another
   * process ends here soon after.
   *
   * It is seldom needed: each request loads its session, and a change in
   * another process reaches a session with listeners or streams here within a
   * second.
   *
   * @throws Rejects with an HttpError 503 if the store does not answer.
   */
  async reload(): Promise<void> {
    await this.#owner.backend.values?.reload(this);
  }

  /** When the session was made, in UNIX seconds. */
  get createdAt(): number {
    return this.#createdAt / 1000;
  }

  /** When the session was made or last touched, in UNIX seconds. */
  get lastModified(): number {
    return this.#touchedAt / 1000;
  }

  /**
   * The number of requests that have visited the session in this process, the
   * one that made it included. A session loaded from a store begins at 0.
   *
   * HEAD, prefetches, resources with `touchesSession = false`, messages of
   * sockets and touches by the application do not count.
   */
  get visits(): number {
    return this.#visits;
  }

  /**
   * When the session will end if no access comes, in UNIX seconds: Infinity if
   * it never ends or has not been started. After the end, the time of the end.
   */
  get expiresAt(): number {
    if (this.#end !== undefined) return this.#end.at;
    return this.#deadline / 1000;
  }

  /** The end of the session; undefined while it lives. */
  get end(): SessionEnd | undefined {
    return this.#end;
  }

  /** Whether the session lives: false from before the first callback of its end. */
  get isActive(): boolean {
    return this.#end === undefined;
  }

  /** Whether the session was made over https. */
  get isSecure(): boolean {
    return this.#isSecure;
  }

  /**
   * Applies changed timeouts, counted from the last touch; the first call
   * starts them. It does not count as access, and does nothing after the end.
   *
   * It is called when a session is made, and when the visitor's own request has
   * been answered. Call it to apply a timeout of another session at once.
   *
   * @throws {TypeError} If a timeout is not a number; nothing is changed then.
   * @throws {RangeError} If a timeout is negative or NaN; nothing is changed then.
   */
  startCheckingExpiration(): void {
    if (this.#end !== undefined) return;
    const deadline = deadlineOf(this, this.#touchedAt, this.#startedAt);
    if (this.#entry === 0) return this.#setDeadline(deadline);
    const before = this.#owner.queue.deadlineOf(this.#entry);
    if (deadline === before) {
      this.#dueReason = this.#dueReasonAt(deadline);
      return;
    }
    const now = this.#owner.clock.now();
    // If the old deadline has passed, the timer is late, and the session is over.
    if (now > before && this.#dueReason !== undefined) {
      this.#endAtDeadline(now);
    } else this.#setDeadline(deadline, now);
  }

  /**
   * Counts as access: the session ends `sessionTimeout` seconds from now. A session
   * whose deadline has passed ends instead. Does nothing after the end.
   *
   * @throws {TypeError} If a timeout is not a number; nothing is changed then.
   * @throws {RangeError} If a timeout is negative or NaN; nothing is changed then.
   */
  touch(): void {
    if (this.#end !== undefined) return;
    const now = this.#owner.clock.now();
    if (this.#entry !== 0) {
      const { queue } = this.#owner;
      const isDue = now >= queue.deadlineOf(this.#entry);
      if (isDue && this.#dueReason !== undefined) {
        this.#endAtDeadline(now);
        // A request under way may have held the session.
        if (!this.isActive) return;
      }
      const deadline = deadlineOf(this, now, this.#startedAt);
      // Without #setDeadline(): V8 does not always inline it here.
      queue.move(this.#entry, deadline, now);
      this.#followDeadline(deadline, now);
      this.#owner.backend.changed(this, TOUCH);
    }
    this.#touchedAfter = now - this.#createdAt;
  }

  /**
   * Ends the session if its deadline has passed and the timer is late. Every
   * lookup calls it, so no caller gets a dead session.
   *
   * @param now UNIX milliseconds; read from the clock if left out.
   * @returns whether the session is over, now or before.
   */
  checkExpired(now?: number): boolean {
    if (this.#end !== undefined) return true;
    if (this.#entry === 0) return false;
    const owner = this.#owner;
    now ??= owner.clock.now();
    if (now >= owner.queue.deadlineOf(this.#entry)) this.#endAtDeadline(now);
    return this.#end !== undefined || owner.underCheck.has(this);
  }

  /**
   * Ends the session, and calls its listeners. A second call does nothing, also
   * from within a callback.
   *
   * In this order: it leaves `site.sessions`; {@linkcode Session.signal}
   * aborts; streams and sockets close; its own callbacks are called, then those
   * of the site; {@linkcode Session.ended} resolves. Errors of callbacks go to
   * `onError` and stop nothing.
   *
   * A deadline calls it too, with `"idle"` or `"absolute"`, so an override sees
   * every end. An override that keeps the session must touch it; otherwise the
   * session ends all the same.
   *
   * @param reason By default `"logout"`.
   */
  expire(reason: SessionEndReason = "logout"): void {
    if (this.#end !== undefined) return;
    const owner = this.#owner;
    const now = owner.clock.now();
    const wasStarted = this.#entry !== 0;
    const isDue = reason === "idle" || reason === "absolute";
    const end: SessionEnd = {
      session: this,
      uid: this.uid,
      reason,
      at: now / 1000,
      lateness: isDue ? latenessOf(now - this.#deadline) : undefined,
      attempt: 1,
    };
    this[DETACH]();
    this.#end = end;
    owner.remove(this);
    if (this.#parts !== undefined) this.#endParts(this.#parts, end);
    // The site's listeners get no end of a session that was never started, unless a
    // store has it: then this process has only forgotten it.
    if (wasStarted || owner.backend.hasRecord(this)) {
      owner.backend.deliver(end);
    }
    this.#parts?.listeners?.resolve(end);
  }

  /**
   * Registers a callback for the end of the session, for any reason.
   *
   * Callbacks run in the order of registration, each as often as it was
   * registered: register once, when `request.isNewSession` is true, for
   * example. Errors and rejections go to `onError`. A callback registered
   * during the end runs in the same pass, a later one in a microtask.
   *
   * @param callback Called with the end; Twisted passes nothing.
   * @returns a function that removes the registration.
   * @throws {TypeError} If the callback is neither a function nor a registered
   * name.
   * @throws {RangeError} If the session has `maxCallbacks` callbacks.
   */
  notifyOnExpire(callback: SessionEndCallback): () => void;
  /**
   * Registers a callback of {@linkcode Sessions.onEnd} by its name. Over a store it
   * is called once for all processes, even if this process is gone, and again if it
   * fails.
   *
   * @param argument A copy of it is made now.
   * @returns a function that removes the callback, unless another name or
   * argument has replaced it; it does nothing after the end.
   * @throws {TypeError} If no callback has the name, if the argument cannot be
   * cloned, or if JSON cannot hold it and there is no `key`.
   * @throws {RangeError} If the session has `maxCallbacks` callbacks.
   */
  notifyOnExpire(
    name: string,
    argument?: unknown,
    options?: NamedCallbackOptions,
  ): () => void;
  notifyOnExpire(
    callback: SessionEndCallback | string,
    argument?: unknown,
    options?: NamedCallbackOptions,
  ): () => void {
    if (typeof callback === "string") {
      const call = { name: callback, argument, options };
      return this.#owner.callAtEnd(this, call);
    }
    checkCallback("notify on expire", callback);
    const end = this.#end;
    if (end === undefined || this.#parts?.isEnding) {
      const listeners = this.#getListeners();
      return listeners.add(callback, this, this.#owner.maxCallbacks);
    }
    let isWanted = true;
    queueMicrotask(() => {
      if (isWanted) this.#owner.calls.run(callback, end, this);
    });
    return () => void (isWanted = false);
  }

  /**
   * Holds a key for this session: see {@linkcode Hold}. A key that the session
   * holds already is renewed, with the new options.
   *
   * @param key 1 to 200 characters.
   * @returns undefined if another session holds the key, or if the callback of
   * its last hold has not succeeded yet.
   * @throws {TypeError} Rejects if an option is of a wrong kind, if no callback
   * has the name `then`, or if the store has no holds.
   * @throws {RangeError} Rejects if the key is empty, too long or not
   * well-formed, if the seconds are not above 0, or if the session has
   * `maxCallbacks` callbacks.
   * @throws {SessionEndedError} Rejects if the session has ended.
   * @throws {HttpError} Rejects with 503 if the store fails. The key may be
   * held then, until its deadline, or for 30 s.
   */
  hold(key: string, options: HoldOptions = {}): Promise<Hold | undefined> {
    return this.#owner.later.with(
      options,
      ({ holds }, options) => holds.hold(this, key, options),
    );
  }

  /**
   * Releases a key that this session holds; its callback is not called.
   *
   * @returns false if the session does not hold the key.
   * @throws {HttpError} Rejects with 503 if the store fails.
   */
  release(key: string): Promise<boolean> {
    return this.#owner.later.with(
      key,
      ({ holds }, key) => holds.release(this, key),
    );
  }

  /**
   * Registers a callback some time before the end, to warn the visitor.
   *
   * It is called once for each deadline, and again after a touch has set a new one;
   * in the next timer turn if the end is nearer already. It is not called after the
   * end, nor while a request under way keeps the session beyond its deadline. The
   * call does not count as access. Where processes share sessions, a visit in
   * another one counts when this process has loaded the session.
   *
   * @param seconds Seconds before the end; fractions count.
   * @param callback Called with the session, when it will end, and why.
   * @returns a function that removes the registration.
   * @throws {TypeError} If the seconds are not a number, or the callback is not
   * a function.
   * @throws {RangeError} If the seconds are not finite and above 0, or if the
   * session has `maxCallbacks` warnings.
   *
   * @example Usage
   * ```ts
   * import { Sessions } from "@curfew/web/sessions";
   * import { assertEquals } from "@std/assert";
   * import { FakeTime } from "@std/testing/time";
   *
   * using time = new FakeTime();
   * await using sessions = new Sessions();
   * const warnings: string[] = [];
   * const session = sessions.create();
   * session.notifyBeforeEnd(60, ({ reason }) => warnings.push(reason));
   * time.tick(840_000);
   * assertEquals(warnings, ["idle"]);
   * ```
   */
  notifyBeforeEnd(
    seconds: number,
    callback: SessionWarningCallback,
  ): () => void;
  /**
   * Registers a callback of {@linkcode Sessions.onWarning} by its name. Over a store
   * it is called once for all processes, also after a restart, and again if it
   * fails.
   *
   * It comes no sooner than a second after its registration, and may be missed if
   * the timeout becomes shorter. A registration costs two calls to a store, whose
   * failure goes to `onError`: register once, at the login for example.
   *
   * @throws {TypeError} If no callback has the name, or the argument cannot be
   * stored.
   * @throws {RangeError} If the session has `maxCallbacks` named callbacks.
   */
  notifyBeforeEnd(
    seconds: number,
    name: string,
    argument?: unknown,
    options?: NamedCallbackOptions,
  ): () => void;
  notifyBeforeEnd(
    seconds: number,
    callback: SessionWarningCallback | string,
    argument?: unknown,
    options?: NamedCallbackOptions,
  ): () => void {
    const lead = leadOf(seconds);
    if (typeof callback === "string") {
      if (this.#end !== undefined) return () => {};
      const warning = { name: callback, argument, options };
      return this.#owner.warn(this, lead, warning);
    }
    checkCallback("notify before the end", callback);
    if (this.#end !== undefined) return () => {};
    const { calls, clock } = this.#owner;
    const warnings = this[OPEN_PARTS]().warnings ??= new SessionWarnings(
      this,
      this.#owner,
    );
    const now = clock.now();
    warnings.follow(this.#deadline, now);
    return warnings.add(lead, (deadline) => {
      const warning = {
        session: this,
        uid: this.uid,
        reason: this.#dueReasonAt(deadline),
        expiresAt: deadline / 1000,
      };
      calls.run(callback, warning, this);
    }, now);
  }

  /**
   * Aborts when the session ends, with a {@linkcode SessionEndedError}:
   * `fetch`, `pipeTo` and event listeners that have it stop with the session.
   * Errors and rejections of abort listeners go to `onError`.
   */
  get signal(): AbortSignal {
    const end = this.#end;
    const reason = end && (() => new SessionEndedError(end));
    return this.#getListeners().signal(reason, reporterOf(this));
  }

  /**
   * Resolves when the session has ended and all callbacks have been called;
   * their promises may be pending. It never rejects. Errors of callbacks of its
   * `then()` go to `onError`.
   */
  get ended(): Promise<SessionEnd> {
    return this.#getListeners().ended(this.#end, reporterOf(this));
  }

  /**
   * Answers a request by server-sent events, for as long as the session lasts: see
   * {@linkcode EventStream}. Return the stream's `response`.
   *
   * @throws {TypeError} If the request is neither a SiteRequest nor a visit, or
   * an option is not a number.
   * @throws {RangeError} If an option is not above 0.
   * @throws {HttpError} 429 or 503 if the most streams are open.
   */
  events(
    request: StreamRequest,
    options: EventStreamOptions = {},
  ): EventStream {
    return this[STREAMS].openEvents(request, options);
  }

  /**
   * Upgrades a request to a WebSocket that closes with the session: see {@linkcode
   * SessionSocket}. Call it before the response is produced, and return the
   * `response`.
   *
   * @throws {HttpError} 400 if the request does not ask for a WebSocket, 403 if
   * it comes from a page of another origin that the options do not name, 429 or 503
   * if the most streams are open.
   * @throws {TypeError} If the request is neither a SiteRequest nor a visit.
   */
  socket(
    request: StreamRequest,
    options: SessionSocketOptions = {},
  ): SessionSocket {
    return this[STREAMS].openSocket(request, options);
  }

  /**
   * Returns the session's one object of a class, made at the first call. It
   * lives in this process as long as the session; callbacks of the end can
   * still read it.
   *
   * If the constructor throws, nothing is kept. A promise that it returns is
   * kept, and its rejection goes to `onError`. From Twisted's `getComponent`,
   * with a class in place of an interface.
   *
   * @param component A class whose constructor takes the session.
   *
   * @example Usage
   * ```ts
   * import { Sessions } from "@curfew/web/sessions";
   * import { assertEquals } from "@std/assert";
   *
   * class Cart {
   *   items: string[] = [];
   * }
   *
   * await using sessions = new Sessions();
   * const session = sessions.create();
   * session.getComponent(Cart).items.push("tea");
   * assertEquals(session.getComponent(Cart).items, ["tea"]);
   * ```
   */
  getComponent<T>(component: SessionComponent<T>): T {
    const components = this[OPEN_PARTS]().components ??= new Map();
    return componentOf(components, component, this);
  }

  /** Replaces the object that `getComponent` would make. */
  setComponent<T>(component: SessionComponent<T>, value: T): void {
    (this[OPEN_PARTS]().components ??= new Map()).set(component, value);
  }

  /**
   * Returns the value under a key, or undefined; readable after the end.
   *
   * A default of a {@linkcode SessionKey} that it returns is kept, as if set.
   * Over a store, a change inside an object that a request got here is written
   * with its response. If another process has written the key since, the change
   * is dropped and reported: then use {@linkcode Session.update}.
   *
   * @throws {TypeError} If the sessions have a store and it cannot keep the
   * default.
   */
  get<T, D extends T | undefined>(key: SessionKey<T, D>): T | D;
  /** Returns the value under a plain key; the compiler does not check its type. */
  get<T = unknown>(key: string): T | undefined;
  get(key: string | AnySessionKey): unknown {
    if (typeof key !== "string") return this.#getValues().get(key);
    return this.#parts?.values?.get(key);
  }

  /**
   * Keeps a value under a key, for as long as the session lives.
   *
   * Over a store the value is stored as it is now, so `structuredClone` must
   * copy it without loss. A view of bytes is stored without the rest of its
   * buffer.
   *
   * @throws {TypeError} If the sessions have a store and the value has a
   * function, a symbol or an instance of a class in it; the error names the
   * place.
   * @throws {SessionEndedError} If the session has ended.
   */
  set<T>(key: SessionKey<T, T | undefined>, value: NoInfer<T>): void;
  /** Keeps a value under a plain key. */
  set(key: string, value: unknown): void;
  set(key: string | AnySessionKey, value: unknown): void {
    this.#mustLive("set", key);
    this.#getValues().set(key, value);
  }

  /**
   * Replaces a value by the result of a function, in one step.
   *
   * Without a store the value is replaced before this returns. Over a store the
   * function is called again with the new value if another process has written
   * the session meanwhile. It gets a copy, so that nothing changes if it
   * throws; without a store a value that cannot be copied without loss is
   * passed as it is.
   *
   * @param change Returns the new value, at once. Over a store it must not call
   * `update()` of its session, which rejects with a TypeError then.
   * @returns the new value, once the store has it.
   * @throws Rejects, and changes nothing: with the error of `change`, with a
   * TypeError if the value cannot be stored or is a promise, with a {@linkcode
   * SessionEndedError} after the end, with an HttpError 503 if the store cannot
   * write it.
   *
   * @example Usage
   * ```ts
   * import { Sessions } from "@curfew/web/sessions";
   * import { assertEquals } from "@std/assert";
   *
   * await using sessions = new Sessions();
   * const session = sessions.create();
   * const add = (count: number | undefined) => (count ?? 0) + 1;
   * await Promise.all([1, 2, 3].map(() => session.update("count", add)));
   * assertEquals(session.get("count"), 3);
   * ```
   */
  update<T, D extends T | undefined>(
    key: SessionKey<T, D>,
    change: (value: T | D) => NoInfer<T>,
  ): Promise<T>;
  /** Replaces the value under a plain key. */
  update<T>(key: string, change: (value: T | undefined) => T): Promise<T>;
  async update(
    key: string | AnySessionKey,
    change: (value: never) => unknown,
  ): Promise<unknown> {
    checkCallback("update a value", change);
    this.#mustLive("update", key);
    const compute = change as (value: unknown) => unknown;
    return await this.#getValues().update(key, compute);
  }

  /**
   * Returns whether there is a value under a key. A default does not count, nor
   * a value that the schema of a {@linkcode SessionKey} refuses.
   */
  has(key: string | SessionKey<unknown, unknown>): boolean {
    return this.#parts?.values?.has(key) === true;
  }

  /**
   * Deletes the value under a key.
   *
   * @returns whether there was one.
   * @throws {SessionEndedError} If the session has ended.
   */
  delete(key: string | SessionKey<unknown, unknown>): boolean {
    this.#mustLive("delete", key);
    return this.#parts?.values?.delete(key) === true;
  }

  /**
   * Returns the value under a key, and deletes it: a message that is shown
   * once, for example. The default of a {@linkcode SessionKey} is not kept.
   *
   * @throws {SessionEndedError} If the session has ended.
   */
  take<T, D extends T | undefined>(key: SessionKey<T, D>): T | D;
  /** Returns and deletes the value under a plain key. */
  take<T = unknown>(key: string): T | undefined;
  take(key: string | AnySessionKey): unknown {
    this.#mustLive("take", key);
    return this.#getValues().take(key);
  }

  /** Returns the keys of the values, as plain strings. */
  keys(): IterableIterator<string> {
    return valuesOf(this).keys();
  }

  /** @ignore */
  get [PARTS](): SessionParts<Session, SessionEnd> | undefined {
    return this.#parts;
  }

  /** @ignore */
  [OPEN_PARTS](): SessionParts<Session, SessionEnd> {
    return this.#parts ??= {};
  }

  /** @ignore */
  [OPEN_ACCESS](): SessionAccess {
    return openAccess(this[OPEN_PARTS](), this.#key);
  }

  /** @ignore */
  [FIND_TOKEN](text: string, begin = 0): TokenFacts | undefined {
    return findToken(this.#parts?.access, this.#key, text, begin);
  }

  /** @ignore */
  get [STREAMS](): SessionStreams {
    const parts = this[OPEN_PARTS]();
    return parts.streams ??= new SessionStreams(this, this.#owner, parts);
  }

  /** @ignore */
  [COUNT_VISIT](): void {
    this.#visits++;
  }

  /** @ignore */
  [RESTORE](state: RestoredState): void {
    if (state.createdAt !== undefined) this.#createdAt = state.createdAt;
    if (state.touchedAt !== undefined) {
      this.#touchedAfter = state.touchedAt - this.#createdAt;
    }
    if (state.isSecure !== undefined) this.#isSecure = state.isSecure;
    if (state.key !== undefined) this.#key = state.key;
    if (state.access !== undefined) {
      this[OPEN_PARTS]().access = new SessionAccess(state.access);
    }
    const { values } = state;
    if (values && (values.size > 0 || this.#parts?.values !== undefined)) {
      this.#getValues().replace(values);
    }
    if (state.deadline !== undefined) this.#setDeadline(state.deadline);
  }

  /** @ignore */
  [DETACH](end?: SessionEnd, isInUse = false): void {
    if (this.#entry !== 0) this.#owner.queue.remove(this.#entry);
    this.#entry = 0;
    if (end === undefined) return;
    this.#end = end;
    if (!isInUse || this.#parts === undefined) return;
    this.#endParts(this.#parts, end);
    this.#parts.listeners?.resolve(end);
  }

  /** UNIX milliseconds; Infinity until started. */
  get #deadline(): number {
    return this.#entry === 0
      ? Infinity
      : this.#owner.queue.deadlineOf(this.#entry);
  }

  /** UNIX milliseconds of the last touch. */
  get #touchedAt(): number {
    return this.#createdAt + this.#touchedAfter;
  }

  /** UNIX milliseconds from which `absoluteTimeout` counts. */
  get #startedAt(): number {
    return this.#parts?.access?.authenticatedAt ?? this.#createdAt;
  }

  #getListeners(): EndListeners<SessionEnd> {
    return this[OPEN_PARTS]().listeners ??= new EndListeners();
  }

  #getValues(): SessionValues<Session> {
    return this[OPEN_PARTS]().values ??= new SessionValues<Session>(this);
  }

  #setDeadline(deadline: number, now: number = this.#owner.clock.now()): void {
    const { queue } = this.#owner;
    if (this.#entry === 0) this.#entry = queue.add(this, deadline, now);
    else queue.move(this.#entry, deadline, now);
    this.#followDeadline(deadline, now);
  }

  #followDeadline(deadline: number, now: number): void {
    this.#dueReason = this.#dueReasonAt(deadline);
    this.#parts?.warnings?.follow(deadline, now);
  }

  /** UNIX milliseconds at which the session ends in spite of access. */
  get #absoluteEnd(): number {
    return this.#startedAt + this.absoluteTimeout * 1000;
  }

  #dueReasonAt(deadline: number): DueReason {
    return this.#absoluteEnd <= deadline ? "absolute" : "idle";
  }

  /** Ends the parts of the session; a function of its own, since few have any. */
  #endParts(parts: SessionParts<Session, SessionEnd>, end: SessionEnd): void {
    const abortReason = () => new SessionEndedError(end);
    const { calls } = this.#owner;
    endParts(parts, end, abortReason, (call) => calls.run(call, end, this));
  }

  /** Calls expire(), and ends the session itself if an override does not. */
  #endAtDeadline(now: number): void {
    const { backend, calls, queue } = this.#owner;
    let reason = this.#dueReason;
    // An overridden expire() calls this again: the end is under way.
    if (reason === undefined) return;
    if (reason === "idle" && isHeld(this)) {
      const absoluteEnd = this.#absoluteEnd;
      const check = nextHoldCheck(absoluteEnd, now);
      if (check === absoluteEnd) reason = "absolute";
      if (check > now) {
        this.#dueReason = reason;
        return queue.move(this.#entry, check, now);
      }
    }
    if (!backend.mayExpire(this)) return;
    this.#dueReason = undefined;
    calls.expire(this, reason);
    if (this.#end !== undefined) return;
    if (queue.deadlineOf(this.#entry) > now) return;
    Session.prototype.expire.call(this, reason);
  }

  #mustLive(verb: string, key: string | AnySessionKey): void {
    const end = this.#end;
    if (end === undefined) return;
    const what = `${describe(nameOf(key))} of session "${this.uid}"`;
    const message = `Cannot ${verb} ${what}: it has ended: ${
      visible(end.reason)
    }`;
    throw new SessionEndedError(end, message);
  }
}
