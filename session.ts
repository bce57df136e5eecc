/**
 * Sessions: one visitor's stay, and what happens when it is over.
 *
 * @module
 */

import { checkTimeout } from "./internal/check_timeout.ts";
import type { Clock } from "./internal/clock.ts";
import { describe } from "./internal/describe.ts";
import { EndListeners } from "./internal/end_listeners.ts";
import type {
  EventStream,
  EventStreamOptions,
  ServerEvent,
} from "./internal/event_stream.ts";
import { isPromiseLike } from "./internal/promise_like.ts";
import { Renewal, type TokenWorth } from "./internal/renewal.ts";
import { runningRequest } from "./internal/running.ts";
import type {
  SessionSocket,
  SessionSocketOptions,
} from "./internal/session_socket.ts";
import {
  SessionStreams,
  type StreamRequest,
} from "./internal/session_streams.ts";
import {
  type Expiring,
  leadOf,
  SessionWarnings,
} from "./internal/session_warnings.ts";
import { isSameSecret, randomId } from "./internal/token.ts";

export type {
  EventStream,
  EventStreamOptions,
  Expiring,
  ServerEvent,
  SessionSocket,
  SessionSocketOptions,
  StreamRequest,
};

/**
 * Why a session ended.
 *
 * - `"idle"`: `sessionTimeout` seconds without access
 * - `"absolute"`: `absoluteTimeout` seconds old
 * - `"logout"`: the application called `expire()`
 * - `"evicted"`: it had to make room for another
 * - `"revoked"`: somebody else ended it, an administrator for example
 * - `"shutdown"`: the site was closed
 */
export type SessionEndReason =
  | "idle"
  | "absolute"
  | "logout"
  | "evicted"
  | "revoked"
  | "shutdown";

/** What callbacks are told of the end of a session. */
export interface SessionEnd {
  /** The session that has ended. */
  readonly session: Session;
  /** Its uid; safe to log. */
  readonly uid: string;
  /** Why it ended. */
  readonly reason: SessionEndReason;
  /** When it ended, in UNIX seconds. */
  readonly at: number;
}

/** What callbacks are told of a session that is going to end. */
export interface SessionWarning {
  /** The session, which has not ended yet. */
  readonly session: Session;
  /** Its uid; safe to log. */
  readonly uid: string;
  /** Why it will end; what is absolute cannot be put off by a touch. */
  readonly reason: "idle" | "absolute";
  /** When it will end if nobody touches it, in UNIX seconds. */
  readonly expiresAt: number;
}

/**
 * Called before the end of a session. What it throws or rejects goes to
 * `onError`.
 */
export type SessionWarningCallback = (warning: SessionWarning) => unknown;

/**
 * Called at the end of a session. What it throws or rejects goes to `onError`;
 * `close()` of the site waits for a promise that it returns. Anything else that
 * it returns is ignored.
 */
export type SessionEndCallback = (end: SessionEnd) => unknown;

/**
 * Called when a session has been made. What it throws or rejects goes to
 * `onError`; `close()` of the site waits for a promise that it returns. Anything
 * else that it returns is ignored.
 */
export type SessionStartCallback = (session: Session) => unknown;

/**
 * Called by its name at the end of a session, with what was kept for it: see
 * `site.onEnd()`.
 */
export type NamedEndCallback = (argument: unknown, end: SessionEnd) => unknown;

/** A class of things kept in a session; see {@linkcode Session.getComponent}. */
export type SessionComponent<T> = new (session: Session) => T;

/**
 * Where the deadlines of sessions wait, and the warnings of them; times are UNIX
 * milliseconds.
 */
export interface SessionDeadlines {
  /** Adds a deadline, and answers the row that names it. */
  add(item: Expiring, deadline: number, now: number): number;
  /** The deadline in a row. */
  deadlineOf(row: number): number;
  /** Changes a deadline. */
  move(row: number, deadline: number, now: number): void;
  /** Forgets a deadline. */
  remove(row: number): void;
}

/** What a session needs of the site that keeps it. `Site` is one. */
export interface SessionSite {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** Where the session waits for its end. */
  readonly deadlines: SessionDeadlines;
  /** Takes an ended session out of the site's sessions. */
  forgetSession(session: Session): void;
  /** Calls a callback, reports what it throws, and minds the promise it returns. */
  tellSessionEnd(callback: SessionEndCallback, end: SessionEnd): void;
  /** Tells those who listen to all the ends of the site. */
  announceSessionEnd(end: SessionEnd): void;
  /** Waits for a promise when the site is closed, and reports its rejection. */
  mindPromise(result: unknown, session: Session): void;
  /** Hands an error to `onError`. */
  reportError(error: unknown, context: { session: Session }): void;
  /** Enters the session under its principal in place of the one before. */
  changePrincipal(session: Session, before: string | undefined): void;
  /** Seconds that a renewed session can still be opened by its old token. */
  readonly renewalGrace: number;
  /** Keeps sessions beyond the process; undefined if nothing does. */
  readonly keeper: SessionKeeper | undefined;
  /** Whether a callback is registered by that name for the ends of sessions. */
  hasEndCallback(name: string): boolean;
  /** Calls it with what was kept for it. */
  callEndCallback(name: string, argument: unknown, end: SessionEnd): unknown;
}

/** What hears of the changes in sessions that are kept beyond the process. */
export interface SessionKeeper {
  /**
   * A value is another; undefined is none any more.
   *
   * @throws {TypeError} If it cannot be kept.
   */
  noteValue(session: Session, key: string, value: unknown): void;
  /** The principal is another. */
  notePrincipal(session: Session): void;
  /** The secret is another. */
  noteRenewal(session: Session): void;
  /** A callback is to be called by its name. */
  noteCallback(session: Session, name: string, argument: unknown): void;
  /** The deadline has come: whether the session is to be ended here and now. */
  mayEnd(session: Session): boolean;
  /** Whether the deadline has come as far as is known here. */
  isInQuestion(session: Session): boolean;
}

/** What a session is restored to that was kept beyond the process. */
export interface RestoredState {
  /** UNIX milliseconds. */
  readonly createdAt: number;
  /** UNIX milliseconds. */
  readonly touchedAt: number;
  /** Whether it was made over https. */
  readonly isSecure: boolean;
  /** Whose it is. */
  readonly principal: string | undefined;
}

/** A request under way that keeps its session from idling out. */
export interface SessionHolder {
  /** Whether its visitor has left, so that nothing is to be kept. */
  readonly hasLeft: boolean;
  /**
   * What the token by which it has the session is worth: "current" if it still
   * counts, or if the request made the session, and "graced" if it was replaced;
   * undefined if the session is not its own.
   */
  worthFor(session: Session): "current" | "graced" | undefined;
}

/**
 * The session has ended: thrown by `set()` and `delete()`, and the reason of an
 * aborted {@linkcode Session.signal}.
 */
export class SessionEndedError extends Error {
  /** @ignore */
  override name = "SessionEndedError";
  // Private, for an error that is printed shows its properties, all the way down.
  readonly #end: SessionEnd;

  /**
   * Makes the error of an end.
   *
   * @param end The end that the session has come to.
   * @param message By default "Session … has ended", with the reason.
   */
  constructor(
    end: SessionEnd,
    message = `Session "${end.uid}" has ended: ${end.reason}`,
  ) {
    super(message);
    this.#end = end;
  }

  /** The end that the session has come to. */
  get end(): SessionEnd {
    return this.#end;
  }
}

/**
 * Milliseconds between two looks at a session that a request holds beyond its
 * deadline: so late does its end come if the visitor leaves.
 */
const HOLD_CHECK = 1000;

/** The parts of a session that few have: made when first asked for. */
interface Extras {
  principal?: string | undefined;
  renewal?: Renewal<object>;
  /** Requests under way. */
  holders?: Set<SessionHolder>;
  listeners?: EndListeners<SessionEnd>;
  streams?: SessionStreams;
  warnings?: SessionWarnings;
  /** The session's own callbacks are being called. */
  isTelling?: boolean;
  components?: Map<SessionComponent<unknown>, unknown>;
  values?: Map<string, unknown>;
}

/**
 * The token of a session, for the request that sets its cookie: the uid, then
 * the secret. Not exported from mod.ts.
 */
export let tokenOf: (session: Session) => string;

/**
 * What a secret is worth to a session, in a request that came after so many
 * renewals. Likewise.
 */
export let worthOf: (
  session: Session,
  secret: string,
  arrival: number,
) => TokenWorth;

/** Gives a session a new secret, for whoever asks to hand out. Likewise. */
export let renewSecret: (session: Session) => void;

/** Whether a request is to send a new secret, which it is once. Likewise. */
export let takeRenewal: (session: Session, request: object) => boolean;

/** Counts one more request that has visited a session. Likewise. */
export let countVisit: (session: Session) => void;

/** Notes that a session was made over https. Likewise. */
export let markSecure: (session: Session) => void;

/** Whether it was. Likewise. */
export let isSecureSession: (session: Session) => boolean;

/** Whether a request under way keeps it from idling out. Likewise. */
export let isHeldSession: (session: Session) => boolean;

/** Keeps a session from idling out while a request is rendered. Likewise. */
export let holdSession: (session: Session, holder: SessionHolder) => void;

/**
 * Gives that up; a session that would have idled out meanwhile is touched if the
 * request was a visit.
 */
export let releaseSession: (
  session: Session,
  holder: SessionHolder,
  isVisit: boolean,
) => void;

/** Gives a session the past that it had elsewhere. Likewise. */
export let restoreSession: (session: Session, state: RestoredState) => void;

/** Puts values in the place of those that a session has. Likewise. */
export let restoreValues: (
  session: Session,
  values: ReadonlyMap<string, unknown>,
) => void;

/** The values of a session. Likewise. */
export let valuesOf: (session: Session) => ReadonlyMap<string, unknown>;

/** Sets when a session was touched, and when it is due, in milliseconds. */
export let setTimes: (
  session: Session,
  touchedAt: number,
  deadline: number,
) => void;

/**
 * Gives a session the secret that a visitor has shown, so that it is proven; `""`
 * opens nothing.
 */
export let setSecret: (session: Session, secret: string) => void;

/** Whether something in this process waits for a session. Likewise. */
export let hasLocalUse: (session: Session) => boolean;

/** Lets go of a session that lives on elsewhere: it ends here, untold. */
export let letGo: (session: Session) => void;

/**
 * Marks a session as ended that was not here when it did, and how many
 * milliseconds after its deadline that is told. Likewise.
 */
export let markEnded: (
  session: Session,
  end: SessionEnd,
  late: number,
) => void;

/**
 * One visitor's stay on a site.
 *
 * Get one from `request.getSession()`. It lives while the visitor comes back
 * within {@linkcode Session.sessionTimeout} seconds, and then ends by itself,
 * within milliseconds, and calls whoever asked to be told. Subclass it to
 * change the timeouts, and give the subclass to the site's `sessionFactory`.
 *
 * From Twisted's `twisted.web.server.Session`, where visits have not prolonged
 * a session since 18.9, a callback that raises stops the others, and `expire()`
 * twice is a KeyError.
 *
 * @example Usage
 * ```ts
 * import { Resource, Session, Site, type SiteRequest } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * class Hello extends Resource {
 *   override isLeaf = true;
 *   override render_GET(request: SiteRequest): string {
 *     const session = request.getSession();
 *     session.notifyOnExpire(({ reason }) => ends.push(reason));
 *     return "hello";
 *   }
 * }
 * class ShortSession extends Session {
 *   override sessionTimeout = 60;
 * }
 *
 * const ends: string[] = [];
 * await using site = new Site(new Hello(), { sessionFactory: ShortSession });
 * await site.fetch(new Request("http://localhost/"));
 * for (const session of site.sessions.values()) session.expire();
 * assertEquals(ends, ["logout"]);
 * ```
 */
export class Session {
  /** The site that keeps the session. */
  readonly site: SessionSite;
  /**
   * Names the session all its life: 32 lower-case hex digits.
   *
   * Safe to log and to show: it opens nothing. The visitor's cookie holds it
   * and, behind it, a secret, and only both together are let in.
   */
  readonly uid: string;
  /**
   * Seconds without access after which the session ends; fractions count.
   *
   * Access is a {@linkcode Session.touch}, which `request.getSession()` does;
   * reading data is none. 0 ends it in the next timer turn or at the next
   * lookup, Infinity never does. A new value counts, from the last touch, once
   * the visitor's request that set it has been answered, or at the next touch.
   * A negative one or NaN is a RangeError there, anything else a TypeError, and
   * the deadline stays what it was.
   *
   * @default {900}
   */
  declare sessionTimeout: number;
  /**
   * Seconds after which the session ends however busy it is.
   *
   * Counted from {@linkcode Session.createdAt}; the rest as for
   * {@linkcode Session.sessionTimeout}.
   *
   * @default {Infinity}
   */
  declare absoluteTimeout: number;

  #secret: string = randomId();
  #isSecure = false;
  /** UNIX milliseconds. */
  #createdAt: number;
  /**
   * Milliseconds from then to the last touch: small enough to stand in the
   * object, where a time would be a number object of its own.
   */
  #touchedAfter = 0;
  #visits = 0;
  /**
   * Where the deadline waits; 0 before the start. After the end, when no deadline
   * waits, how many milliseconds it came after its own: a field less.
   */
  #row = 0;
  /** What the deadline will be called; undefined while it is being enforced. */
  #dueAs: "idle" | "absolute" | undefined = "idle";
  #end: SessionEnd | undefined = undefined;
  #extras: Extras | undefined = undefined;

  static {
    // Defaults of the class, as in Twisted: most sessions have none of their own.
    this.prototype.sessionTimeout = 900;
    this.prototype.absoluteTimeout = Infinity;
    tokenOf = (session) => session.uid + session.#secret;
    worthOf = (session, secret, arrival) => session.#worthOf(secret, arrival);
    renewSecret = (session) => void session.#renewSecret();
    takeRenewal = (session, request) =>
      session.#extras?.renewal?.take(request) ?? false;
    countVisit = (session) => void session.#visits++;
    markSecure = (session) => void (session.#isSecure = true);
    isSecureSession = (session) => session.#isSecure;
    isHeldSession = (session) => session.#isHeld();
    holdSession = (session, holder) => {
      const extras = session.#getExtras();
      (extras.holders ??= new Set()).add(holder);
    };
    releaseSession = (session, holder, isVisit) =>
      session.#release(holder, isVisit);
    restoreSession = (session, state) => {
      session.#createdAt = state.createdAt;
      session.#touchedAfter = state.touchedAt - state.createdAt;
      session.#isSecure = state.isSecure;
      if (state.principal !== session.principal) {
        session.#getExtras().principal = state.principal;
      }
    };
    restoreValues = (session, values) => {
      if (values.size > 0 || session.#extras?.values !== undefined) {
        session.#getExtras().values = new Map(values);
      }
    };
    valuesOf = (session) => session.#extras?.values ?? NO_VALUES;
    setTimes = (session, touchedAt, deadline) => {
      session.#touchedAfter = touchedAt - session.#createdAt;
      session.#setDeadline(deadline);
    };
    setSecret = (session, secret) => {
      session.#secret = secret;
      session.#extras?.renewal?.prove();
    };
    hasLocalUse = (session) => {
      const extras = session.#extras;
      return extras?.listeners !== undefined ||
        extras?.components !== undefined || (extras?.holders?.size ?? 0) > 0 ||
        (extras?.streams?.size ?? 0) > 0 || (extras?.warnings?.size ?? 0) > 0;
    };
    letGo = (session) => {
      if (session.#row !== 0) session.site.deadlines.remove(session.#row);
      session.#row = 0;
    };
    markEnded = (session, end, late) => {
      session.#end = end;
      session.#row = Math.max(0, Math.round(late));
    };
  }

  /**
   * Makes a session that does not end yet; sites call this, applications do not.
   *
   * @param site The site that keeps it.
   * @param uid Its name; a subclass hands it on unchanged.
   */
  constructor(site: SessionSite, uid: string) {
    this.site = site;
    this.uid = uid;
    this.#createdAt = site.clock.now();
  }

  /**
   * Whose session it is, once that is known: a user's name, for example.
   *
   * The site finds it by that (`site.sessionsOf`), may limit how many a principal
   * has, and evicts it after all that have none. Set it at the login:
   * `request.renewSession().principal = "alice"`. Undefined makes the session
   * anonymous again. To set what it is does nothing.
   *
   * A session that has a principal becomes no other's. Before another user logs
   * in, end it by {@linkcode Session.expire}; `request.renewSession()` begins a new
   * one then.
   *
   * @throws {TypeError} When set to anything but a string or undefined.
   * @throws {Error} When set to another than the one that there is.
   * @throws {TooManySessionsError} When set beyond the limit of a site that
   * refuses.
   * @throws {SessionEndedError} When set after the end.
   */
  get principal(): string | undefined {
    return this.#extras?.principal;
  }

  set principal(principal: string | undefined) {
    if (principal !== undefined && typeof principal !== "string") {
      throw new TypeError(
        `Cannot set the principal of a session: not a string: ${
          describe(principal)
        }`,
      );
    }
    if (this.#end !== undefined) {
      throw this.#tooLate("set", "principal", this.#end);
    }
    const before = this.principal;
    if (principal === before) return;
    if (principal !== undefined && before !== undefined) {
      throw new Error(
        `Cannot set the principal of session "${this.uid}" to ${
          describe(principal)
        }: it is ${describe(before)}; end this session first`,
      );
    }
    const extras = this.#getExtras();
    extras.principal = principal;
    try {
      this.site.changePrincipal(this, before);
    } catch (error) {
      extras.principal = before;
      throw error;
    }
    this.site.keeper?.notePrincipal(this);
  }

  /**
   * Gives the session a new secret, so that who knows the old cookie is out:
   * whenever the rights change.
   *
   * At a login call `request.renewSession()`: a request that came with an old
   * cookie renews nothing here, and then another visitor may have the new one.
   *
   * All else stays: the uid, what is kept, the callbacks, the deadline. The old
   * cookie still opens the session for the site's `renewalGrace` seconds, for
   * requests that were under way, and neither gets the new one nor renews.
   *
   * Who is sent the new cookie: the visitor's request that calls this while it is
   * rendered, or that has waited for something if it is the only one. Of several
   * that wait nobody knows which calls: then it is the one that is answered right
   * after, or none, which is reported, and the visitor is out after the grace.
   * `request.renewSession()` cannot be mistaken. Outside of the visitor's
   * requests, in a timer or in somebody else's request, it is whoever comes with
   * the old cookie within the grace, until the new one has been shown.
   *
   * Twice before the visitor has come back with the new secret, it stays that
   * one: whichever response is last, its cookie counts. Of a session that has
   * ended nothing is renewed.
   */
  renew(): void {
    if (this.#end !== undefined) return;
    const present = this.#findRenewers();
    const isOutside = present.length === 0;
    const requests = present.filter((request) =>
      request.worthFor(this) === "current"
    );
    if (!isOutside && requests.length === 0) return;
    const before = this.#secret;
    const renewal = this.#renewSecret();
    if (isOutside) {
      if (this.#secret !== before) renewal.owe();
    } else if (requests.length === 1) {
      renewal.sendTo(requests[0]!);
    } else {
      renewal.offer(requests).then((isTaken) => {
        if (!isTaken) this.#reportUnsent(requests.length);
      });
    }
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
   * How many requests have visited it, in this process: those that got it by
   * `request.getSession()`, or were let in by a `SessionGuard`, however often in
   * one; the request that made it is the first.
   *
   * What is no visit is not counted: HEAD, prefetches, resources that are not
   * `touchesSession`, a message of a socket, and a {@linkcode Session.touch} by
   * the application.
   *
   * It is not stored. Where sessions are kept in a store, one that is loaded
   * begins at 0, and of the visits only those to this process since then are
   * counted.
   */
  get visits(): number {
    return this.#visits;
  }

  /**
   * When the session will end if nobody touches it, in UNIX seconds.
   *
   * Infinity if never, or if the site has not started it; once it has ended,
   * when it did.
   */
  get expiresAt(): number {
    if (this.#end !== undefined) return this.#end.at;
    if (this.#row === 0) return Infinity;
    return this.site.deadlines.deadlineOf(this.#row) / 1000;
  }

  /** How the session ended; undefined as long as it has not. */
  get end(): SessionEnd | undefined {
    return this.#end;
  }

  /**
   * How many seconds after its deadline the session has ended; in whole
   * milliseconds, which is what timers count. Of an end that is claimed from a
   * store it is how late that is told, however long nobody was there to do so.
   *
   * Undefined as long as it lives, and if something else than its deadline has
   * ended it: its reason is then neither `"idle"` nor `"absolute"`.
   */
  get lateness(): number | undefined {
    const reason = this.#end?.reason;
    const isDue = reason === "idle" || reason === "absolute";
    return isDue ? this.#row / 1000 : undefined;
  }

  /** Whether the session has not ended: false from before the first callback. */
  get isActive(): boolean {
    return this.#end === undefined;
  }

  /**
   * Lets the timeouts count, from the last touch, without being a touch.
   *
   * The site calls it when it has made the session, and again when the request
   * of the visitor has been answered. Call it to make a changed timeout of
   * another visitor's session count at once. It does nothing after the end.
   *
   * @throws {TypeError} If a timeout is not a number.
   * @throws {RangeError} If a timeout is negative or NaN. Nothing is changed then.
   */
  startCheckingExpiration(): void {
    if (this.#end !== undefined) return;
    const dueAs = this.#dueAs;
    const deadline = this.#deadlineFrom(this.#touchedAt);
    const { clock, deadlines } = this.site;
    if (this.#row === 0) {
      const now = clock.now();
      this.#row = deadlines.add(this, deadline, now);
      this.#extras?.warnings?.follow(deadline, now);
      return;
    }
    const before = deadlines.deadlineOf(this.#row);
    if (deadline === before) return;
    const now = clock.now();
    if (now <= before || dueAs === undefined) {
      deadlines.move(this.#row, deadline, now);
      this.#extras?.warnings?.follow(deadline, now);
    } else {
      // It is over, if the timer is late, and stays so.
      this.#dueAs = dueAs;
      this.#endAtDeadline(now);
    }
  }

  /**
   * Counts as access: the session ends `sessionTimeout` seconds from now.
   *
   * Past its deadline it is ended instead, if the timer was late; after the end
   * this does nothing.
   *
   * @throws {TypeError} If a timeout is not a number.
   * @throws {RangeError} If a timeout is negative or NaN. Nothing is changed then.
   */
  touch(): void {
    if (this.#end !== undefined) return;
    const { clock, deadlines } = this.site;
    const now = clock.now();
    if (this.#row !== 0) {
      if (now >= deadlines.deadlineOf(this.#row) && this.#dueAs !== undefined) {
        this.#endAtDeadline(now);
        // A request under way may have held it.
        if (!this.isActive) return;
      }
      const deadline = this.#deadlineFrom(now);
      deadlines.move(this.#row, deadline, now);
      this.#extras?.warnings?.follow(deadline, now);
    }
    this.#touchedAfter = now - this.#createdAt;
  }

  /**
   * Ends the session if its deadline has passed and the timer is late.
   *
   * Every lookup calls it, so that nobody gets a session that is over.
   *
   * @param now UNIX milliseconds, for who has read the clock; read here if left
   * out.
   * @returns whether the session has ended, now or before.
   */
  checkExpired(now?: number): boolean {
    if (this.#end !== undefined) return true;
    if (this.#row === 0) return false;
    const { clock, deadlines } = this.site;
    now ??= clock.now();
    if (now >= deadlines.deadlineOf(this.#row)) this.#endAtDeadline(now);
    return this.#end !== undefined ||
      this.site.keeper?.isInQuestion(this) === true;
  }

  /**
   * Ends the session, and tells whoever asked.
   *
   * In this order: it leaves `site.sessions`; {@linkcode Session.signal}
   * aborts; its streams and sockets are closed; the callbacks of {@linkcode Session.notifyOnExpire} are called, then
   * those of the site; {@linkcode Session.ended} resolves. What any of them
   * throws is reported to the site's `onError` and stops nobody. A second call
   * does nothing, also from within a callback.
   *
   * A deadline comes through here too, with `"idle"` or `"absolute"`, so that a
   * subclass that overrides this sees every end. If the override does not end
   * the session then, it must have put the deadline off by a touch; otherwise
   * the session is ended without it.
   *
   * @param reason Why; a logout unless told.
   */
  expire(reason: SessionEndReason = "logout"): void {
    if (this.#end !== undefined) return;
    const { site } = this;
    const now = site.clock.now();
    const end = { session: this, uid: this.uid, reason, at: now / 1000 };
    this.#end = end;
    const row = this.#row;
    const wasStarted = row !== 0;
    if (wasStarted) {
      const late = Math.round(now - site.deadlines.deadlineOf(row));
      site.deadlines.remove(row);
      this.#row = late > 0 ? late : 0;
    }
    site.forgetSession(this);
    if (this.#extras !== undefined) this.#tell(this.#extras, end);
    // One that never began is nobody's business but its own callbacks'.
    if (wasStarted) site.announceSessionEnd(end);
    this.#extras?.listeners?.resolve(end);
  }

  /**
   * Has a function called when the session ends, whatever ends it.
   *
   * In the order of registration, each as often as it was registered. What it
   * throws, or rejects, is reported to the site's `onError`. Registered by a
   * callback during the end, it is called in the same pass; after that, in a
   * microtask: nobody waits in vain. It is kept until then, and so is what it
   * refers to.
   *
   * Given the name of a callback of `site.onEnd()`, that one is called,
   * with the argument: where sessions are kept in a store, also if the process
   * that asked is gone by then, and once for the whole site.
   *
   * @param callback Told what ended and why; Twisted calls it with nothing. Or
   * the name of one.
   * @param argument What a callback by name is called with; anything that can be
   * cloned.
   * @throws {TypeError} If the callback is neither a function nor the name of
   * one, or the argument cannot be cloned.
   */
  notifyOnExpire(callback: SessionEndCallback): void;
  /** By the name of a callback of the site's `onEnd`. */
  notifyOnExpire(name: string, argument?: unknown): void;
  notifyOnExpire(
    callback: SessionEndCallback | string,
    argument?: unknown,
  ): void {
    if (typeof callback === "string") {
      return this.#notifyByName(callback, argument);
    }
    if (typeof callback !== "function") {
      throw new TypeError(
        `Cannot notify on expire: the callback is not a function: ${
          describe(callback)
        }`,
      );
    }
    const end = this.#end;
    if (end === undefined || this.#extras?.isTelling) {
      this.#getListeners().add(callback);
    } else {
      queueMicrotask(() => this.site.tellSessionEnd(callback, end));
    }
  }

  /**
   * Has a function called some time before the session ends, so that its visitor
   * can be warned.
   *
   * It is called once for each deadline, whichever comes first of idle and
   * absolute, and not at all if a touch puts that off in time; the new deadline
   * is warned of again. If the end is nearer than that already, at the
   * registration or after a touch, it is called in the next timer turn. A session
   * that a request under way keeps beyond its deadline is not warned of again
   * until the request is answered. Where the timer is so late that the session is
   * over, and of one that has ended, nothing is said. Where several processes
   * share the sessions, a visit to another counts once this one hears of it.
   *
   * What it throws, or rejects, is reported to the site's `onError`. Calling back
   * is no access.
   *
   * @param seconds How long before the end; fractions count.
   * @param callback Told which session, when it will end, and why.
   * @returns a function that takes it back; twice does no harm.
   * @throws {TypeError} If the seconds are no number, or the callback no function.
   * @throws {RangeError} If the seconds are not above 0, or not finite.
   *
   * @example Usage
   * ```ts
   * import { Resource, Site } from "@curfew/web";
   * import { assertEquals } from "@std/assert";
   * import { FakeTime } from "@std/testing/time";
   *
   * using time = new FakeTime();
   * await using site = new Site(new Resource());
   * const session = site.makeSession();
   * const warnings: string[] = [];
   * session.notifyBeforeEnd(60, ({ reason }) => warnings.push(reason));
   * time.tick(840_000);
   * assertEquals(warnings, ["idle"]);
   * ```
   */
  notifyBeforeEnd(
    seconds: number,
    callback: SessionWarningCallback,
  ): () => void {
    const lead = leadOf(seconds);
    if (typeof callback !== "function") {
      throw new TypeError(
        `Cannot notify before the end: the callback is not a function: ${
          describe(callback)
        }`,
      );
    }
    if (this.#end !== undefined) return () => {};
    const { clock, deadlines } = this.site;
    const extras = this.#getExtras();
    const now = clock.now();
    if (extras.warnings === undefined) {
      extras.warnings = new SessionWarnings(this);
      if (this.#row !== 0) {
        extras.warnings.follow(deadlines.deadlineOf(this.#row), now);
      }
    }
    return extras.warnings.add(lead, () => this.#warn(callback), now);
  }

  /**
   * Aborted when the session ends; its reason is a {@linkcode SessionEndedError}.
   *
   * Hand it to `fetch`, to `addEventListener`, to a stream's `pipeTo`: they stop
   * with the session and need no cleaning up. What an abort listener throws or
   * rejects is reported to the site's `onError`.
   */
  get signal(): AbortSignal {
    const end = this.#end;
    return this.#getListeners().signal(
      end === undefined ? undefined : () => new SessionEndedError(end),
      this.#reporter(),
    );
  }

  /**
   * Resolves when the session has ended and all callbacks have been called; it
   * does not wait for the promises that they return. It never rejects. What
   * callbacks of its `then()` throw or reject is reported to the site's `onError`.
   */
  get ended(): Promise<SessionEnd> {
    return this.#getListeners().ended(this.#end, this.#reporter());
  }

  /**
   * Answers a request by server-sent events, for as long as the session lasts.
   *
   * Return the stream's `response`. What is pushed is no access, and the stream
   * keeps no session: it closes with the session, right after
   * {@linkcode Session.signal} aborts, by an event `end` whose data is
   * `{"reason":"idle"}`, or whatever the reason is. So it does when the site
   * stops, for the reason `"shutdown"`. If the session has ended already, it
   * closes at once.
   *
   * Browsers come back when a stream closes: have the page call `close()` at the
   * event `end`. Find the session by `request.session`, for coming back is no
   * visit, and answer 204 if there is none: then they stay away.
   *
   * A stream lasts no longer than the token that opened it: after a renewal, and
   * the grace, it is closed, and a browser comes back with the new one.
   *
   * @param request The request that is to be answered.
   * @param options How the stream is to be.
   * @throws {TypeError} If an option is no number.
   * @throws {RangeError} If an option is not above 0.
   *
   * @example Usage
   * ```ts
   * import { Resource, Site, type SiteRequest } from "@curfew/web";
   * import { assertEquals } from "@std/assert";
   *
   * class Greetings extends Resource {
   *   override isLeaf = true;
   *   override render_GET(request: SiteRequest): Response {
   *     const events = request.getSession().events(request);
   *     events.send("hello");
   *     return events.response;
   *   }
   * }
   *
   * await using site = new Site(new Greetings());
   * const response = await site.fetch(new Request("http://localhost/"));
   * for (const session of site.sessions.values()) session.expire();
   * assertEquals(
   *   await response.text(),
   *   'data: hello\n\nevent: end\ndata: {"reason":"logout"}\n\n',
   * );
   * ```
   */
  events(
    request: StreamRequest,
    options: EventStreamOptions = {},
  ): EventStream {
    return this.#getStreams().openEvents(request, options);
  }

  /**
   * Upgrades a request to a WebSocket that is closed with the session: code 1008
   * and the reason, or 1001 if the site stops. If the session has ended already,
   * it is closed as soon as it is open.
   *
   * Call it before the response is produced, and return the `response`: Deno
   * leaves the visitor hanging otherwise. A message that comes in is access: the
   * session is touched within 5 seconds, or a twentieth of `sessionTimeout` if
   * that is less, and never so late that it ends meanwhile. What is sent, and
   * pings, are none. A message that comes after the end is not heard. Code 1013
   * means that the visitor should come back: the token that opened it has been
   * renewed, and the grace is over, or too much was waiting for him.
   *
   * A listener of the socket may throw, or return a promise that rejects: that is
   * reported to the site's `onError` with the session. The other listeners of the
   * event are still called. Then the socket is closed with code 1011, and the
   * session lives on.
   *
   * @param request The request that is to be upgraded.
   * @param options How the socket is to be.
   * @throws {HttpError} 400 if the request asks for no WebSocket, 403 if a page of
   * another origin does that is not named in the options.
   *
   * @example Usage
   * ```ts
   * import { Resource, type SiteRequest } from "@curfew/web";
   *
   * class Echo extends Resource {
   *   override render_GET(request: SiteRequest): Response {
   *     const { socket, response } = request.getSession().socket(request);
   *     socket.onmessage = ({ data }) => socket.send(data);
   *     return response;
   *   }
   * }
   * ```
   */
  socket(
    request: StreamRequest,
    options: SessionSocketOptions = {},
  ): SessionSocket {
    return this.#getStreams().openSocket(request, options);
  }

  /**
   * The session's one object of a class, made at the first call.
   *
   * It lives in this process as long as the session does. After the end it is
   * still there for the callbacks. If the constructor throws, nothing is kept. If it
   * returns a promise, that is kept, and its rejection reported to `onError`.
   *
   * From Twisted's `getComponent`, with a class in place of an interface.
   *
   * @param component A class whose constructor takes the session.
   *
   * @example Usage
   * ```ts
   * import { Resource, Site } from "@curfew/web";
   * import { assertEquals } from "@std/assert";
   *
   * class Cart {
   *   items: string[] = [];
   * }
   *
   * await using site = new Site(new Resource());
   * const session = site.makeSession();
   * session.getComponent(Cart).items.push("tea");
   * assertEquals(session.getComponent(Cart).items, ["tea"]);
   * ```
   */
  getComponent<T>(component: SessionComponent<T>): T {
    const extras = this.#getExtras();
    const components = extras.components ??= new Map();
    if (!components.has(component)) {
      const made = new component(this);
      components.set(component, made);
      // Its caller may not wait for it, and its rejection would end the process.
      if (isPromiseLike(made)) Promise.resolve(made).catch(this.#reporter());
    }
    return components.get(component) as T;
  }

  /** Puts an object in the place of the one that `getComponent` would make. */
  setComponent<T>(component: SessionComponent<T>, value: T): void {
    const extras = this.#getExtras();
    (extras.components ??= new Map()).set(component, value);
  }

  /** A value that was kept under a key, or undefined; readable after the end. */
  get<T>(key: string): T | undefined {
    return this.#extras?.values?.get(key) as T | undefined;
  }

  /**
   * Keeps a value under a key, for as long as the session lives.
   *
   * Where sessions are kept in a store, it is what the value was at this call
   * that is kept: after a change inside it, set it again.
   *
   * @throws {TypeError} If the site has a store and the value cannot be cloned.
   * @throws {SessionEndedError} If the session has ended.
   */
  set(key: string, value: unknown): void {
    if (this.#end !== undefined) throw this.#tooLate("set", key, this.#end);
    this.site.keeper?.noteValue(this, key, value);
    const extras = this.#getExtras();
    (extras.values ??= new Map()).set(key, value);
  }

  /**
   * Forgets the value under a key.
   *
   * @returns whether there was one.
   * @throws {SessionEndedError} If the session has ended.
   */
  delete(key: string): boolean {
    if (this.#end !== undefined) throw this.#tooLate("delete", key, this.#end);
    if (!this.#extras?.values?.delete(key)) return false;
    this.site.keeper?.noteValue(this, key, undefined);
    return true;
  }

  #worthOf(secret: string, arrival: number): TokenWorth {
    const renewal = this.#extras?.renewal;
    if (isSameSecret(this.#secret, secret)) {
      renewal?.prove();
      return "current";
    }
    return renewal === undefined
      ? "wrong"
      : renewal.worthOf(secret, this.site.clock.now(), arrival);
  }

  #renewSecret(): Renewal<object> {
    const { clock, renewalGrace } = this.site;
    const renewal = this.#getExtras().renewal ??= new Renewal();
    const until = clock.now() + renewalGrace * 1000;
    const before = this.#secret;
    this.#secret = renewal.replace(before, until);
    if (this.#secret !== before) {
      this.site.keeper?.noteRenewal(this);
      this.#extras?.streams?.outlast();
    }
    return renewal;
  }

  /** The requests of the visitor of which one renews, if any does. */
  #findRenewers(): Pick<SessionHolder, "worthFor">[] {
    const running = runningRequest();
    if (running === undefined) return [...this.#extras?.holders ?? []];
    return running.worthFor(this) === undefined ? [] : [running];
  }

  #reportUnsent(count: number): void {
    const error = new Error(
      `Cannot send the new cookie of session "${this.uid}": ${count} requests of the visitor wait, and any may have renewed it; call request.renewSession()`,
    );
    this.site.reportError(error, { session: this });
  }

  /** Whether a request under way keeps it from idling out. */
  #isHeld(): boolean {
    const holders = this.#extras?.holders;
    if (holders === undefined) return false;
    for (const holder of holders) {
      if (holder.hasLeft) holders.delete(holder);
    }
    return holders.size > 0;
  }

  #release(holder: SessionHolder, isVisit: boolean): void {
    const holders = this.#extras?.holders;
    if (!holders?.has(holder)) return;
    const { clock } = this.site;
    try {
      // If the timer is late, it is still held now.
      this.checkExpired();
      holders.delete(holder);
      if (!isVisit || this.#end !== undefined || this.#row === 0) return;
      const idleAt = this.#touchedAt + this.sessionTimeout * 1000;
      if (clock.now() >= idleAt && !holder.hasLeft) this.touch();
    } catch (error) {
      holders.delete(holder);
      this.site.reportError(error, { session: this });
    }
  }

  #getExtras(): Extras {
    return this.#extras ??= {};
  }

  /** A function that reports; a field of each session would cost memory. */
  #reporter(): (error: unknown) => void {
    return (error) => this.site.reportError(error, { session: this });
  }

  #getListeners(): EndListeners<SessionEnd> {
    return this.#getExtras().listeners ??= new EndListeners();
  }

  #warn(callback: SessionWarningCallback): void {
    const { site } = this;
    try {
      const { uid, expiresAt } = this;
      const reason = this.#dueAs ?? "idle";
      site.mindPromise(
        callback({ session: this, uid, reason, expiresAt }),
        this,
      );
    } catch (error) {
      site.reportError(error, { session: this });
    }
  }

  #getStreams(): SessionStreams {
    return this.#getExtras().streams ??= new SessionStreams(this);
  }

  #tooLate(verb: string, key: string, end: SessionEnd): SessionEndedError {
    return new SessionEndedError(
      end,
      `Cannot ${verb} "${key}" of session "${this.uid}": it has ended: ${end.reason}`,
    );
  }

  /** UNIX milliseconds of the last touch. */
  get #touchedAt(): number {
    return this.#createdAt + this.#touchedAfter;
  }

  /** The deadline, in milliseconds, of a session touched at a time. */
  #deadlineFrom(touchedAt: number): number {
    const { sessionTimeout, absoluteTimeout } = this;
    checkTimeout(this, "sessionTimeout", sessionTimeout);
    checkTimeout(this, "absoluteTimeout", absoluteTimeout);
    const idle = touchedAt + sessionTimeout * 1000;
    const absolute = this.#createdAt + absoluteTimeout * 1000;
    this.#dueAs = absolute <= idle ? "absolute" : "idle";
    return Math.min(idle, absolute);
  }

  /** Ends what is due, through an overridden expire() as well as without. */
  #endAtDeadline(now: number): void {
    let reason = this.#dueAs;
    // An overridden expire() has come back here: it is being seen to.
    if (reason === undefined) return;
    if (reason === "idle" && this.#isHeld()) {
      if (this.#putOff(now)) return;
      reason = "absolute";
    }
    if (this.site.keeper?.mayEnd(this) === false) return;
    this.#dueAs = undefined;
    try {
      this.site.mindPromise(this.expire(reason), this);
    } catch (error) {
      this.site.reportError(error, { session: this });
    }
    if (this.#end !== undefined) return;
    if (this.site.deadlines.deadlineOf(this.#row) > now) return;
    Session.prototype.expire.call(this, reason);
  }

  #notifyByName(name: string, argument: unknown): void {
    const { site } = this;
    if (!site.hasEndCallback(name)) {
      throw new TypeError(
        `Cannot notify on expire: the callback is not registered by site.onEnd(), and not a function: ${
          describe(name)
        }`,
      );
    }
    if (site.keeper !== undefined && this.#end === undefined) {
      return site.keeper.noteCallback(this, name, argument);
    }
    const kept = structuredClone(argument);
    this.notifyOnExpire((end) => site.callEndCallback(name, kept, end));
  }

  #setDeadline(deadline: number): void {
    const { clock, deadlines } = this.site;
    const now = clock.now();
    if (this.#row === 0) this.#row = deadlines.add(this, deadline, now);
    else deadlines.move(this.#row, deadline, now);
    this.#extras?.warnings?.follow(deadline, now);
    const absolute = this.#createdAt + this.absoluteTimeout * 1000;
    this.#dueAs = absolute <= deadline ? "absolute" : "idle";
  }

  /** Lets a held session be, and looks again in a while; not if it is too old. */
  #putOff(now: number): boolean {
    const absolute = this.#createdAt + this.absoluteTimeout * 1000;
    if (absolute <= now) return false;
    const later = now + HOLD_CHECK;
    const isLast = absolute <= later;
    if (isLast) this.#dueAs = "absolute";
    this.site.deadlines.move(this.#row, isLast ? absolute : later, now);
    return true;
  }

  #tell(extras: Extras, end: SessionEnd): void {
    const { site } = this;
    extras.isTelling = true;
    extras.warnings?.clear();
    extras.listeners?.abort(() => new SessionEndedError(end));
    extras.streams?.end(end.reason);
    extras.listeners?.tell((callback) => site.tellSessionEnd(callback, end));
    extras.isTelling = false;
  }
}

const NO_VALUES: ReadonlyMap<string, unknown> = new Map();
