import type { Clock } from "../base/clock.ts";
import { GuardedAbort, guardPromise } from "../base/guarded.ts";
import {
  addCallback,
  type Callbacks,
  isPromiseLike,
} from "../base/promises.ts";
import type { SessionStreams } from "../live/session_streams.ts";
import { isSameSecret, SessionAccess, type TokenFacts } from "./access.ts";
import type { SessionValues, ValuedSession } from "./session_values.ts";
import type { SessionWarnings } from "./deadline.ts";

/** The parts that few sessions have; each is made when first needed. */
export interface SessionParts<Session extends ValuedSession<Session>, End> {
  access?: SessionAccess;
  holds?: RequestHolds;
  listeners?: EndListeners<End>;
  streams?: SessionStreams;
  warnings?: SessionWarnings;
  components?: Components<Session>;
  values?: SessionValues<Session>;
  /** Whether the session's own callbacks are being called. */
  isEnding?: boolean;
}

/** The facts of the first token of each session, until it gets another one. */
const FIRST: TokenFacts = { generation: 0, until: Infinity };

/**
 * Returns the access part; makes it from the session's only token at the first
 * call.
 */
export function openAccess(
  parts: { access?: SessionAccess },
  key: string,
): SessionAccess {
  return parts.access ??= new SessionAccess({
    principal: undefined,
    generation: FIRST.generation,
    loginGeneration: FIRST.generation,
    isRenewalDue: false,
    isRemembered: false,
    authenticatedAt: undefined,
    tokens: [{ key, ...FIRST }],
  });
}

/**
 * Finds a token of a session.
 *
 * @param access Its tokens; undefined while it has only one.
 * @param only The key of that token.
 * @param text The text that ends with the key to find.
 * @param begin The index at which that key begins.
 */
export function findToken(
  access: SessionAccess | undefined,
  only: string,
  text: string,
  begin: number,
): TokenFacts | undefined {
  if (access !== undefined) return access.find(text, begin);
  return isSameSecret(only, text, begin) ? FIRST : undefined;
}

/** Returns whether any code in this process waits for the end of the session. */
export function areObserved<Session extends ValuedSession<Session>, End>(
  parts: SessionParts<Session, End>,
): boolean {
  return parts.listeners !== undefined || parts.components !== undefined ||
    (parts.holds?.size ?? 0) > 0 || (parts.streams?.size ?? 0) > 0 ||
    (parts.warnings?.size ?? 0) > 0;
}

/**
 * Aborts the signal, closes the streams, and calls the session's callbacks.
 *
 * @param abortReason Makes the reason of the aborted signal.
 * @param run Calls a callback of the session; must not throw.
 */
export function endParts<
  Session extends ValuedSession<Session>,
  End extends { readonly reason: string },
>(
  parts: SessionParts<Session, End>,
  end: End,
  abortReason: () => Error,
  run: (callback: (end: End) => unknown) => void,
): void {
  parts.isEnding = true;
  parts.warnings?.clear();
  parts.listeners?.abort(abortReason);
  parts.streams?.end(end.reason);
  parts.listeners?.call(run);
  parts.isEnding = false;
}

/** The parts of a session that its components use. */
export interface ReportingSession {
  readonly site: {
    reportError(error: unknown, context: object): void;
  };
}

/** The objects kept in a session, by their classes. */
export type Components<Session> = Map<
  new (session: Session) => unknown,
  unknown
>;

/** Returns a session's object of a class; makes it at the first call. */
export function componentOf<Session extends ReportingSession, T>(
  components: Components<Session>,
  component: new (session: Session) => T,
  session: Session,
): T {
  const kept = components.get(component);
  if (kept !== undefined || components.has(component)) return kept as T;
  const made = new component(session);
  components.set(component, made);
  // The caller may not await it, and its rejection would end the process.
  if (isPromiseLike(made)) Promise.resolve(made).catch(reporterOf(session));
  return made;
}

/** Returns a function that reports errors of a session. */
export function reporterOf(
  session: ReportingSession,
): (error: unknown) => void {
  return (error) => session.site.reportError(error, { session });
}

/** A request under way that keeps its session from idling out. */
export interface SessionHolder {
  /** Whether its client has left. The session is not kept for such a request. */
  readonly hasLeft: boolean;
}

/** The parts of a session that the requests under way use. */
export interface HeldSession {
  readonly site: ReportingSession["site"] & { readonly clock: Clock };
  readonly isActive: boolean;
  /** UNIX seconds of the last touch. */
  readonly lastModified: number;
  readonly sessionTimeout: number;
  checkExpired(): boolean;
  touch(): void;
}

/** The requests under way of one session. */
export class RequestHolds {
  readonly #holders = new Set<SessionHolder>();

  /** The number of requests, including those of clients that have left. */
  get size(): number {
    return this.#holders.size;
  }

  /** Whether a request has a client that has not left. */
  get areAlive(): boolean {
    for (const holder of this.#holders) {
      if (!holder.hasLeft) return true;
      this.#holders.delete(holder);
    }
    return false;
  }

  /** Adds a request. */
  add(holder: SessionHolder): void {
    this.#holders.add(holder);
  }

  /**
   * Removes a request; touches a session that would have idled out meanwhile.
   * Errors of the session are reported.
   *
   * @param isVisit Whether the request may touch the session.
   */
  release(holder: SessionHolder, session: HeldSession, isVisit: boolean): void {
    if (!this.#holders.has(holder)) return;
    try {
      // If the timer is late, the session is still held now.
      session.checkExpired();
      this.#holders.delete(holder);
      if (!isVisit || !session.isActive) return;
      const idleAt = (session.lastModified + session.sessionTimeout) * 1000;
      const now = session.site.clock.now();
      // Deno prints a warning when `hasLeft` reads the signal: it is read last.
      if (now >= idleAt && !holder.hasLeft) session.touch();
    } catch (error) {
      this.#holders.delete(holder);
      session.site.reportError(error, { session });
    }
  }
}

/**
 * Checks that a session may have one more callback.
 *
 * @throws {RangeError} If it has the most callbacks already.
 */
export function checkCallbackCount(
  act: string,
  { uid }: { readonly uid: string },
  count: number,
  most: number,
): void {
  if (count < most) return;
  throw new RangeError(
    `Cannot ${act}: session "${uid}" has ${count} callbacks already, as many as the option maxCallbacks allows; register each once, when request.isNewSession is true`,
  );
}

/**
 * The callbacks, the signal and the promise of one end. Each is made when it is
 * first used.
 */
export class EndListeners<End> {
  #entries: Callbacks<(end: End) => unknown> | undefined = undefined;
  #abort: GuardedAbort | undefined = undefined;
  #ended: PromiseWithResolvers<End> | undefined = undefined;

  /** The number of callbacks. */
  get size(): number {
    return this.#entries?.size ?? 0;
  }

  /**
   * Adds a callback; during the end, it is called in the same pass.
   *
   * @returns a function that removes this registration only.
   */
  add(callback: (end: End) => unknown): () => void {
    return addCallback(this.#entries ??= new Set(), callback);
  }

  /**
   * Returns a signal that aborts at the end.
   *
   * @param reason Makes the reason of the signal if the session has ended already.
   * @param report Receives the errors of abort listeners; must not throw.
   */
  signal(
    reason: (() => Error) | undefined,
    report: (error: unknown) => void,
  ): AbortSignal {
    this.#abort ??= new GuardedAbort(report);
    if (reason !== undefined) this.#abort.abort(reason);
    return this.#abort.signal;
  }

  /**
   * Returns a promise of the end, resolved if the end has come.
   *
   * @param report Receives the errors of callbacks of its `then()`; must not throw.
   */
  ended(end: End | undefined, report: (error: unknown) => void): Promise<End> {
    if (this.#ended === undefined) {
      this.#ended = Promise.withResolvers();
      guardPromise(this.#ended.promise, report);
    }
    // Listeners of the promise must run after callbacks that are running now.
    if (end !== undefined) this.#ended.resolve(end);
    return this.#ended.promise;
  }

  /**
   * Aborts the signal.
   *
   * @param reason Makes the reason of the signal.
   */
  abort(reason: () => Error): void {
    this.#abort?.abort(reason);
  }

  /**
   * Calls the callbacks, and forgets them.
   *
   * @param act Calls one; must not throw.
   */
  call(act: (callback: (end: End) => unknown) => void): void {
    // The loop reaches callbacks that other callbacks add meanwhile.
    for (const { callback } of this.#entries ?? []) act(callback);
    this.#entries = undefined;
  }

  /** Resolves the promise of the end. */
  resolve(end: End): void {
    this.#ended?.resolve(end);
  }
}
