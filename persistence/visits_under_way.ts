import type { BackendVisit } from "../registry/session_backend.ts";
import { DETACH } from "../session/internals.ts";
import type { Session, SessionEnd } from "../session.ts";

/** The requests that have to be waited for. */
export class VisitsUnderWay {
  /** The requests whose handlers have not answered yet. */
  readonly #waiting = new Set<BackendVisit>();
  /** The requests whose changes are not written yet. */
  readonly #visits = new Set<BackendVisit>();

  /** Adds a request. */
  add(visit: BackendVisit): void {
    this.#waiting.add(visit);
    this.#visits.add(visit);
  }

  /** Notes that the handler of a request has answered. */
  answer(visit: BackendVisit): void {
    this.#waiting.delete(visit);
  }

  /** Removes a request, whose changes are written or refused. */
  remove(visit: BackendVisit): void {
    this.#waiting.delete(visit);
    this.#visits.delete(visit);
  }

  /**
   * Ends a session for the requests that have another object of it: this process
   * forgot the session meanwhile, and loaded it again.
   */
  end(end: SessionEnd): void {
    for (const { ownSession } of this.#visits) {
      if (ownSession?.uid !== end.uid || !ownSession.isActive) continue;
      if (ownSession !== end.session) ownSession[DETACH](end);
    }
  }

  /** Whether the handler of a request that has a session has not answered yet. */
  has(session: Session): boolean {
    for (const visit of this.#waiting) {
      if (visit.ownSession === session) return true;
    }
    return false;
  }

  /**
   * Whether a login has superseded the token of a request that has a session. A
   * change of the session may be by that request, and must not be written then.
   */
  areSuperseded(session: Session): boolean {
    for (const visit of this.#visits) {
      if (visit.ownSession === session && visit.isSuperseded) return true;
    }
    return false;
  }
}
