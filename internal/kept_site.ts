import type { ErrorContext, SiteRequest, TokenCookie } from "../request.ts";
import type {
  Session,
  SessionEnd,
  SessionEndCallback,
  SessionEndReason,
} from "../session.ts";
import type { MaybePromise } from "../stores/store.ts";
import type { Clock } from "./clock.ts";

/** What the keeper uses of its site. */
export interface KeptSite {
  readonly clock: Clock;
  readonly renewalGrace: number;
  readonly sessionCookie: TokenCookie;
  readonly sessions: ReadonlyMap<string, Session>;
  endSession(session: Session, reason: SessionEndReason): void;
  changePrincipal(session: Session, before: string | undefined): void;
  tellSessionEnd(callback: SessionEndCallback, end: SessionEnd): void;
  mindPromise(result: unknown, session: Session): void;
  reportError(error: unknown, context: ErrorContext): void;
}

/** What the site does for its keeper, and for nobody else. */
export interface KeepersHands {
  /** Makes a session of a uid, which is not among `sessions`. */
  build(uid: string): Session;
  /** Puts it there; it is not started. */
  enter(session: Session): void;
  /** Takes it out, untold. */
  drop(session: Session): void;
  /** Answers a request with the page for an error. */
  failWith(request: SiteRequest, error: unknown): MaybePromise<Response>;
}
