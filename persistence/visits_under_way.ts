import type { Clock } from "../base/clock.ts";
import type { BackendVisit } from "../registry/session_backend.ts";
import { DETACH } from "../session/internals.ts";
import type { Session, SessionEnd } from "../session.ts";
import type { LoadedSession } from "../stores/store.ts";

/** Milliseconds after which a session under check is checked again. */
export const CHECK_EVERY = 1000;

/** What is done again and again while a request is under way. */
export interface ActsUnderWay {
  /** Touches a session that is due within so many milliseconds. */
  extend(session: Session, within: number, isWanted: () => boolean): void;
  /**
   * Called with the milliseconds until the next call, at most.
   *
   * @returns a number of milliseconds after which it must be called again.
   */
  wait(pause: number): number;
}

/** The requests under way. */
export class VisitsUnderWay {
  /** The requests whose handlers have not returned a response yet. */
  readonly #waiting = new Set<BackendVisit>();
  /** The requests whose changes are not written yet. */
  readonly #visits = new Set<BackendVisit>();

  /**
   * Adds a request, and extends the deadline of its session in the store until the
   * handler returns a response.
   *
   * @param acts What to do again and again meanwhile.
   * @returns a function to call when the handler has returned a response.
   */
  add(
    visit: BackendVisit,
    clock: Clock,
    acts: ActsUnderWay,
  ): () => void {
    let timer: unknown;
    const watch = (within = Infinity) => {
      const timeout = (visit.ownSession?.sessionTimeout ?? 1) * 1000;
      // A timeout that is not a number is reported when the request finishes.
      const pause = Math.min(Math.max(timeout / 4 || 0, 10), CHECK_EVERY);
      timer = clock.setTimeout(() => {
        const session = visit.ownSession;
        const isWanted = () => visit.ownSession === session && visit.isHolding;
        if (session !== undefined) acts.extend(session, 2 * pause, isWanted);
        watch(acts.wait(pause));
      }, Math.min(pause, within));
    };
    watch();
    this.#waiting.add(visit);
    this.#visits.add(visit);
    return () => {
      this.#waiting.delete(visit);
      clock.clearTimeout(timer);
    };
  }

  /** Adds a request that has a response, and changes to write. */
  addAnswered(visit: BackendVisit): void {
    this.#visits.add(visit);
  }

  /** Removes a request, whose changes are written or refused. */
  remove(visit: BackendVisit): void {
    this.#waiting.delete(visit);
    this.#visits.delete(visit);
  }

  /**
   * Ends a session for requests that have another object of it: this process forgot
   * the session and loaded it again.
   *
   * @returns these objects.
   */
  end(end: SessionEnd): Session[] {
    const others: Session[] = [];
    for (const { ownSession } of this.#visits) {
      if (ownSession?.uid !== end.uid || !ownSession.isActive) continue;
      if (ownSession === end.session) continue;
      // Its streams and callbacks hear of the end, too.
      ownSession[DETACH](end, true);
      others.push(ownSession);
    }
    return others;
  }

  /** Returns whether a request under way has got the session, and no response yet. */
  has(session: Session): boolean {
    for (const { ownSession, leftSession } of this.#waiting) {
      if (ownSession === session || leftSession === session) return true;
    }
    return false;
  }

  /** Returns the loads of a session for requests that are no visits so far. */
  looksOf(session: Session): LoadedSession[] {
    return [...this.#visits].flatMap(({ ownSession, wasTouched, lookups }) =>
      ownSession === session && !wasTouched
        ? lookups.flatMap(({ uid, loaded }) =>
          uid === session.uid && loaded !== undefined ? [loaded] : []
        )
        : []
    );
  }

  /** Returns whether a request under way logs in to a session. */
  areLoggingIn(session: Session): boolean {
    for (const { ownSession, loggedInAs } of this.#visits) {
      if (ownSession === session && loggedInAs !== undefined) return true;
    }
    return false;
  }

  /**
   * Returns whether a login has superseded the token of a request under way that
   * was given the session. A change of the session may come from that request, and
   * must not be written then.
   */
  areSuperseded(session: Session): boolean {
    for (const visit of this.#visits) {
      if (isSupersededFor(visit, session)) return true;
    }
    return false;
  }

  /** Returns whether that is so for each request that was given the session. */
  areAllSuperseded(session: Session): boolean {
    let areThere = false;
    for (const visit of this.#visits) {
      const isSuperseded = isSupersededFor(visit, session);
      if (isSuperseded === false) return false;
      if (isSuperseded) areThere = true;
    }
    return areThere;
  }
}

/**
 * Returns whether a request is superseded that was given a session; undefined if it
 * was not.
 */
function isSupersededFor(
  visit: BackendVisit,
  session: Session,
): boolean | undefined {
  const { ownSession, leftSession, hasSeenSession } = visit;
  if (ownSession === session) {
    return hasSeenSession ? visit.isSuperseded : undefined;
  }
  return leftSession === session ? true : undefined;
}
