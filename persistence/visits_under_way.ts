import type { BackendVisit } from "../registry/session_backend.ts";
import { DETACH } from "../session/internals.ts";
import type { Session, SessionEnd } from "../session.ts";

/** The requests under way. */
export class VisitsUnderWay {
  /** The requests whose handlers have not returned a response yet. */
  readonly #waiting = new Set<BackendVisit>();
  /** The requests whose changes are not written yet. */
  readonly #visits = new Set<BackendVisit>();

  /** Adds a request. */
  add(visit: BackendVisit): void {
    this.#waiting.add(visit);
    this.#visits.add(visit);
  }

  /** Records that the handler of a request has returned a response. */
  answer(visit: BackendVisit): void {
    this.#waiting.delete(visit);
  }

  /** Removes a request, whose changes are written or refused. */
  remove(visit: BackendVisit): void {
    this.#waiting.delete(visit);
    this.#visits.delete(visit);
  }

  /**
   * Ends a session for requests that have another object of it: this process forgot
   * the session and loaded it again.
   */
  end(end: SessionEnd): void {
    for (const { ownSession } of this.#visits) {
      if (ownSession?.uid !== end.uid || !ownSession.isActive) continue;
      if (ownSession !== end.session) ownSession[DETACH](end);
    }
  }

  /** Returns whether a request under way has the session and no response yet. */
  has(session: Session): boolean {
    for (const visit of this.#waiting) {
      if (visit.ownSession === session) return true;
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
      if (visit.ownSession !== session || !visit.hasSeenSession) continue;
      if (visit.isSuperseded) return true;
    }
    return false;
  }
}
