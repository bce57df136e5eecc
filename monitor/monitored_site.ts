import type { Clock } from "../base/clock.ts";
import type { CountedSite } from "../registry/session_counts.ts";
import type { ErrorContext } from "../request.ts";
import type { OWNER } from "../session/internals.ts";
import type { Session, SessionOwner } from "../session.ts";

/** The members of a site that a monitor uses. `Site` has them. */
export interface MonitoredSite extends CountedSite {
  /** The source of time. */
  readonly clock: Clock;
  /** The live sessions by uid. */
  readonly sessions: ReadonlyMap<string, Session>;
  /** Returns the live session with a uid, without touching it. */
  getSession(uid: string): Session | undefined;
  /** @ignore */
  readonly [OWNER]: SessionOwner;
  /** Passes an error to `onError`. */
  reportError(error: unknown, context: ErrorContext): void;
}
