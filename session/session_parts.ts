import type { Clock } from "../base/clock.ts";
import { describe } from "../base/describe.ts";
import { GuardedAbort, guardPromise } from "../base/guarded.ts";
import { addCallback, type Callbacks } from "../base/promises.ts";
import type { SessionStreams } from "../live/session_streams.ts";
import type { SessionAccess } from "./access.ts";
import { checkCallbackCount } from "./named_callback.ts";
import { PARTS } from "./internals.ts";
import type {
  Components,
  ReportingSession,
  SessionValues,
  ValuedSession,
} from "./session_values.ts";
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

/** A session, as the functions that read its parts use it. */
export interface PartedSession {
  readonly [PARTS]: {
    readonly holds?: RequestHolds;
    readonly listeners?: object;
    readonly streams?: SessionStreams;
    readonly warnings?: SessionWarnings;
    readonly components?: object;
    readonly values?: { readonly all: ReadonlyMap<string, unknown> };
  } | undefined;
}

/** Returns whether a request under way keeps a session from idling out. */
export function isHeld(session: PartedSession): boolean {
  return session[PARTS]?.holds?.areAlive === true;
}

/**
 * Milliseconds between two checks of a session that a request holds beyond its
 * deadline: when the client leaves, the end is no later than that.
 */
const HOLD_CHECK = 1000;

/**
 * Returns when a session that a request holds beyond its deadline is checked again,
 * in UNIX milliseconds: at its absolute end at the latest, unless that is NaN.
 */
export function nextHoldCheck(absoluteEnd: number, now: number): number {
  const next = now + HOLD_CHECK;
  return absoluteEnd <= next ? absoluteEnd : next;
}

/** Returns whether streams or sockets of a session are open. */
export function isStreaming(session: PartedSession): boolean {
  return session[PARTS]?.streams?.areOpen === true;
}

/** Returns whether any code in this process waits for the end of a session. */
export function isObserved(session: PartedSession): boolean {
  const parts = session[PARTS];
  return parts !== undefined &&
    (parts.listeners !== undefined || parts.components !== undefined ||
      (parts.holds?.size ?? 0) > 0 || (parts.streams?.size ?? 0) > 0 ||
      (parts.warnings?.size ?? 0) > 0);
}

const NO_VALUES: ReadonlyMap<string, unknown> = new Map();

/** Returns the values of a session by their plain keys. */
export function valuesOf(session: PartedSession): ReadonlyMap<string, unknown> {
  return session[PARTS]?.values?.all ?? NO_VALUES;
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
 * The callbacks, the signal and the promise of one end. Each is made when it is
 * first used.
 */
export class EndListeners<End> {
  #entries: Callbacks<(end: End) => unknown> | undefined = undefined;
  #abort: GuardedAbort | undefined = undefined;
  #ended: PromiseWithResolvers<End> | undefined = undefined;

  /**
   * Adds a callback; during the end, it is called in the same pass.
   *
   * @param most The most callbacks that the session may have.
   * @returns a function that removes this registration only.
   * @throws {RangeError} If it has the most callbacks already.
   */
  add(
    callback: (end: End) => unknown,
    session: { readonly uid: string },
    most: number,
  ): () => void {
    const entries = this.#entries ??= new Set();
    checkCallbackCount("notify on expire", session, entries.size, most);
    return addCallback(entries, callback);
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

/**
 * Checks a principal.
 *
 * @throws {TypeError} If it is neither a string nor undefined.
 */
export function checkPrincipal(principal: unknown): void {
  if (principal === undefined || typeof principal === "string") return;
  throw new TypeError(
    `Cannot set the principal of a session: not a string: ${
      describe(principal)
    }`,
  );
}

/**
 * Checks that a session has no principal yet, before it gets one.
 *
 * @throws {Error} If it has a principal.
 */
export function checkHasNone(
  session: { readonly uid: string; readonly principal: string | undefined },
  principal: string,
): void {
  if (session.principal === undefined) return;
  throw new Error(
    `Cannot set the principal of session "${session.uid}" to ${
      describe(principal)
    }: it is ${
      describe(session.principal)
    }; end this session first, or call request.logIn()`,
  );
}
