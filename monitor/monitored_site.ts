import type { Clock } from "../base/clock.ts";
import type { CountedSite } from "../metrics/site_metrics.ts";
import type { ProcessInfo, SessionInfo } from "../registry/session_backend.ts";
import type { ErrorContext } from "../request.ts";
import type {
  EndSessionsOptions,
  Session,
  SessionEndReason,
} from "../session.ts";
import type { StoreCounts } from "../stores/store.ts";

/** The sessions of a site, as a monitor uses them. `Sessions` is one. */
export interface MonitoredSessions extends ReadonlyMap<string, Session> {
  /** Lists the sessions of a principal, in every process. */
  list(principal: string): Promise<SessionInfo[]>;
  /** Counts the sessions and the ends in the store; undefined without counts. */
  countStored(): Promise<StoreCounts | undefined>;
  /** Lists the processes that share the store. */
  listProcesses(): Promise<readonly ProcessInfo[]>;
  /** Lists the ends that could not be delivered, in every process. */
  listDeadLetters(): Promise<readonly unknown[]>;
  /** Returns the sessions of a principal that are live in this process. */
  sessionsOf(principal: string): Session[];
  /** Ends a session, in any process. */
  end(uid: string, reason?: SessionEndReason): Promise<boolean>;
  /** Ends the sessions of a principal, in every process. */
  endSessions(
    principal: string,
    options?: EndSessionsOptions,
  ): number | Promise<number>;
}

/** The members of a site that a monitor uses. `Site` has them. */
export interface MonitoredSite extends CountedSite {
  /** The source of time. */
  readonly clock: Clock;
  /** The sessions; as a Map, those that are live in this process. */
  readonly sessions: MonitoredSessions;
  /** Returns the live session with a uid, without touching it. */
  getSession(uid: string): Session | undefined;
  /** Passes an error to `onError`. */
  reportError(error: unknown, context: ErrorContext): void;
}
