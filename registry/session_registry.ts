import {
  addCallback,
  type Callbacks,
  checkCallback,
} from "../base/promises.ts";
import type { Clock } from "../base/clock.ts";
import { HttpError } from "../http/http_error.ts";
import { DETACH, PARTS, RESTORE } from "../session/internals.ts";
import {
  checkRegistered,
  namedCallbackOf,
  type NamedRegistration,
} from "../session/named_callback.ts";
import { isHeld, isStreaming } from "../session/session_parts.ts";
import type { StreamLimits } from "../live/session_streams.ts";
import type { Expiring } from "../session/deadline.ts";
import { randomId } from "../base/ids.ts";
import {
  type NamedEndCallback,
  Session,
  type SessionEnd,
  type SessionEndReason,
  type SessionOwner,
  type SessionStartCallback,
} from "../session.ts";
import { ExpiryQueue } from "../timing/expiry_queue.ts";
import { CallbackRuns } from "./callback_runs.ts";
import {
  type BuildingSite,
  buildSession,
  SessionDescriptions,
} from "./session_factory.ts";
import { EndDelivery, EndRetries } from "./end_delivery.ts";
import { Eviction, MAX_SESSIONS, PrincipalSessions } from "./session_limits.ts";
import { LaterParts } from "./later_parts.ts";
import type { NamedWarningCallback } from "./warning_wakes.ts";
import type { Presence } from "./presence.ts";
import { FirstReports } from "./first_reports.ts";
import type { SessionBackend } from "./session_backend.ts";
import { SessionCookie, type SessionTransport } from "./session_cookie.ts";
import type { SessionFactory, SessionsOptions } from "./sessions_options.ts";

/** Makes the backend of a registry. */
export type BackendFactory = (registry: SessionRegistry) => SessionBackend;

/**
 * All sessions of a `Sessions`: makes, finds, limits and ends them.
 *
 * The backend says where they live. A session that is made or loaded is adopted:
 * it is in the Map, in the index of principals, and its deadline is in the queue.
 */
export class SessionRegistry implements SessionOwner {
  readonly site: BuildingSite;
  readonly clock: Clock;
  readonly options: Readonly<SessionsOptions>;
  readonly backend: SessionBackend;
  readonly isStored: boolean;
  readonly cookie: SessionCookie;
  readonly transport: SessionTransport;
  /** The sessions that are live here, by uid. */
  readonly sessions: Map<string, Session> = new Map();
  readonly underCheck: Set<Session> = new Set();
  readonly queue: ExpiryQueue<Expiring>;
  readonly delivery: EndDelivery = new EndDelivery();
  /** The callbacks that `onEnd` has registered. */
  readonly namedCallbacks: ReadonlyMap<string, NamedEndCallback> =
    this.delivery.named;
  readonly streamLimits: StreamLimits;
  readonly firstReports: FirstReports;
  readonly calls: CallbackRuns;
  /** Milliseconds for which a replaced token is still recognized. */
  readonly renewalGrace: number;
  readonly maxCallbacks: number;
  /** The named callbacks that no store keeps, and that have failed. */
  readonly retries: EndRetries = new EndRetries(this);
  readonly later: LaterParts = new LaterParts(this);
  /** The callbacks that `onWarning` has registered. */
  readonly warningCallbacks: Map<string, NamedWarningCallback> = new Map();
  readonly isStreaming: (session: Session) => boolean = isStreaming;
  readonly descriptions: SessionDescriptions = new SessionDescriptions(this);
  /** The sessions that `logOut()` or a login of another principal has ended. */
  readonly loggedOut: WeakSet<Session> = new WeakSet();
  /** The object with the class of new sessions: a site, or this one. */
  factoryHolder: { sessionFactory: SessionFactory };
  /** Made when first needed: until then nothing is kept of it. */
  presence: Presence | undefined = undefined;
  isClosed = false;

  readonly #principals: PrincipalSessions;
  readonly #eviction: Eviction<Session>;
  readonly #startCallbacks: Callbacks<SessionStartCallback> = new Set();

  constructor(
    site: BuildingSite,
    options: Readonly<SessionsOptions>,
    makeBackend: BackendFactory,
  ) {
    this.site = site;
    this.clock = site.clock;
    this.options = options;
    this.factoryHolder = { sessionFactory: options.sessionFactory ?? Session };
    this.firstReports = new FirstReports(options, site);
    this.streamLimits = {
      perSession: options.maxStreamsPerSession ?? 32,
      perSite: options.maxStreams ?? 10_000,
    };
    this.renewalGrace = (options.renewalGrace ?? 10) * 1000;
    this.maxCallbacks = options.maxCallbacks ?? 1000;
    this.calls = new CallbackRuns(site);
    this.transport = options.transport ?? "cookie";
    const { cookieName = "session" } = options;
    this.cookie = new SessionCookie(cookieName, options.cookie);
    this.queue = new ExpiryQueue<Expiring>(
      this.clock,
      (item, now) => this.#checkDeadline(item, now),
    );
    this.#principals = new PrincipalSessions(
      options,
      (session) => this.end(session, "evicted"),
    );
    this.#eviction = new Eviction(this.sessions, {
      max: options.maxSessions ?? MAX_SESSIONS,
      findInCrowd: () => this.#principals.findInCrowd(),
      clock: this.clock,
      isHeld,
      evict: (session) => {
        if (!this.backend.evict(session)) this.end(session, "evicted");
      },
    });
    this.backend = makeBackend(this);
    this.isStored = this.backend.isStored;
  }

  /** Makes a session and adopts it; its token has the given secret. */
  make(secret: string = randomId(), isSecure = false): Session {
    const session = this.#makeOf(this.backend.newUid(), secret, isSecure);
    this.#eviction.makeRoom();
    // A callback may have closed the registry.
    this.#mustBeOpen();
    this.sessions.set(session.uid, session);
    try {
      this.backend.created(session);
      session.startCheckingExpiration();
      if (session.principal === undefined) this.#eviction.note(session);
      else this.indexPrincipal(session, undefined);
    } catch (error) {
      // Calls its end callbacks, so that they release what the constructor acquired.
      Session.prototype.expire.call(session, "revoked");
      throw error;
    }
    for (const { callback } of this.#startCallbacks) {
      this.calls.run(callback, session, session);
    }
    return session;
  }

  /** Makes a session that is not adopted: it ends with its request. */
  makeTransient(isSecure: boolean): Session {
    return this.#makeOf(randomId(), randomId(), isSecure);
  }

  #makeOf(uid: string, secret: string, isSecure: boolean): Session {
    this.#mustBeOpen();
    const session = this.build(uid);
    // The factory may have closed the registry.
    this.#mustBeOpen();
    session[RESTORE]({ key: this.backend.keyOf(secret), isSecure });
    return session;
  }

  /** Makes a session of a uid, without adopting it. */
  build(uid: string): Session {
    return buildSession(this.site, this.options, uid);
  }

  /** Adopts a session that was loaded; its deadline is not set yet. */
  adopt(session: Session): void {
    this.#eviction.makeRoom();
    this.sessions.set(session.uid, session);
    this.#eviction.note(session);
  }

  /** Returns the live session of a uid, without touching it. */
  get(uid: string): Session | undefined {
    const session = this.sessions.get(uid);
    return session?.checkExpired() === false ? session : undefined;
  }

  /** Returns the live sessions of a principal, in the order in which they got it. */
  sessionsOf(principal: string): Session[] {
    return this.#principals.of(principal);
  }

  /** Ends a session, even one whose overridden `expire()` would not. */
  end(session: Session, reason: SessionEndReason): void {
    if (reason === "logout") this.loggedOut.add(session);
    this.calls.expire(session, reason);
    Session.prototype.expire.call(session, reason);
  }

  indexPrincipal(session: Session, before: string | undefined): void {
    // Only adopted sessions are indexed by principal.
    if (this.sessions.get(session.uid) !== session) return;
    const { principal } = session;
    if (before !== undefined && principal !== before) {
      this.#principals.remove(before, session);
    }
    if (!session.isActive) return;
    if (principal !== undefined) this.#principals.add(principal, session);
    if (isStreaming(session)) this.presence?.note(session);
    if (principal === undefined || before === undefined) {
      this.#eviction.note(session);
    }
  }

  callAtEnd(session: Session, call: NamedRegistration): () => void {
    const callback = namedCallbackOf(this.namedCallbacks, call);
    if (!session.isActive) {
      return session.notifyOnExpire((end) => this.retries.call(end, callback));
    }
    const change = (isRemoved: boolean) =>
      this.backend.changed(session, { kind: "callback", callback, isRemoved });
    change(false);
    return () => {
      if (session.isActive) change(true);
    };
  }

  warn(session: Session, lead: number, warning: NamedRegistration): () => void {
    checkRegistered(warning.name, this.warningCallbacks, {
      act: "notify before the end",
      by: "onWarning",
    });
    return this.later.register(
      warning,
      ({ warnings }, warning) => warnings.add(session, lead, warning),
    );
  }

  makeEnd(end: Omit<SessionEnd, "session">): SessionEnd {
    const session = new Session(this.site, end.uid);
    const made = { ...end, session };
    session[DETACH](made);
    return made;
  }

  noteStreams(session: Session): void {
    this.presence?.note(session);
  }

  /** Removes a session from the Map and the index. */
  remove(session: Session): void {
    if (this.sessions.get(session.uid) === session) {
      this.sessions.delete(session.uid);
    }
    const principal = session[PARTS]?.access?.principal;
    if (principal !== undefined) this.#principals.remove(principal, session);
  }

  /** Adds a callback for each new session; returns a function that removes it. */
  notifyOnStart(callback: SessionStartCallback): () => void {
    checkCallback("notify on session start", callback);
    return addCallback(this.#startCallbacks, callback);
  }

  /** Ends a session at its deadline; errors are reported. */
  #checkDeadline(item: Expiring, now: number): void {
    try {
      item.checkExpired(now);
    } catch (error) {
      if (!(item instanceof Session)) return this.site.reportError(error, {});
      this.site.reportError(error, { session: item });
      // An overridden checkExpired() that throws cannot keep the session.
      Session.prototype.checkExpired.call(item, now);
    }
  }

  /**
   * Ends the oldest session of a principal that logs in, if it has the most
   * sessions. Over a store that is done when the login is written.
   *
   * @throws {TooManySessionsError} If the options say so.
   */
  makeRoomFor(principal: string, session?: Session): void {
    if (this.isStored) return;
    this.#principals.makeRoom(principal, session);
  }

  /** Throws an HttpError 503 if no session can be made now. */
  checkBegin(): void {
    this.#mustBeOpen();
    this.backend.newUid();
  }

  #mustBeOpen(): void {
    if (!this.isClosed) return;
    throw new HttpError(503, "Cannot make a session: the site is closed");
  }
}
