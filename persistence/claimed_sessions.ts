import type { Moment } from "../base/moment.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import { latenessOf } from "../session/deadline.ts";
import { DETACH } from "../session/internals.ts";
import { Session, type SessionEnd, type SessionEndReason } from "../session.ts";
import type { ClaimedEnd } from "../stores/store.ts";
import type { ClaimedEnds } from "./claimed_ends.ts";
import { callHere } from "./end_calls.ts";
import { endedHoldOf, isLastRecord } from "./hold_records.ts";
import type { RecentEnds } from "./recent_ends.ts";
import type { RecordLoader } from "./record_loader.ts";
import type { RecordWriter } from "./record_writer.ts";
import type { UnwrittenEnds } from "./unwritten_ends.ts";
import type { VanishedSessions } from "./vanished_sessions.ts";

/** The objects that sessions of claims use. */
export interface ClaimedSessionsParts {
  readonly claimed: ClaimedEnds;
  readonly loader: RecordLoader;
  readonly writer: RecordWriter;
  readonly ended: RecentEnds;
  readonly vanished: VanishedSessions;
  readonly unwritten: UnwrittenEnds;
  /** Ends, by uid, that another process delivers according to a notification. */
  readonly quiet: ReadonlyMap<string, SessionEnd>;
}

/** Ends the sessions whose ends this process has claimed. */
export class ClaimedSessions {
  readonly #registry: SessionRegistry;
  readonly #parts: ClaimedSessionsParts;
  #isStopped = false;

  constructor(registry: SessionRegistry, parts: ClaimedSessionsParts) {
    this.#registry = registry;
    this.#parts = parts;
  }

  /** From now on, releases claims instead of delivering them. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Ends the session of a claim here and delivers its end. */
  endInTurn(claim: ClaimedEnd, came: Moment): void {
    const { uid } = claim.session;
    if (!this.#parts.claimed.isWaitingFor(claim)) return;
    if (this.#isStopped) return this.#parts.claimed.leave(uid);
    try {
      this.#endClaimed(claim, came);
    } catch (error) {
      this.#registry.site.reportError(error, {});
    }
    // If no session could be built, another process claims the end after the lease.
    this.#parts.claimed.lapse(uid);
  }

  #endClaimed(claim: ClaimedEnd, came: Moment): void {
    const { uid } = claim.session;
    const { loader, vanished } = this.#parts;
    // The process that created a last record could not end the session by it.
    const isLost = claim.reason === "idle" && isLastRecord(claim.session);
    const reason = isLost ? "lost" : claim.reason as SessionEndReason;
    const time = came.answered(this.#registry.clock);
    const now = time.now.at;
    const late = claim.session.now - claim.at + now - time.sentAt;
    const live = this.#registry.sessions.get(uid);
    if (live?.isActive && loader.states.get(live) !== undefined) {
      // The record of a vanished session was made from the session here.
      if (reason !== "lost") {
        // Another process may have changed it since its last request here.
        loader.update(live, claim.session, time);
        // A check of the session has postponed its deadline here.
        loader.postpone(live, -late);
      }
      if (isLost) vanished.note(live);
      vanished.adopt(live, claim);
      return this.#registry.end(live, reason);
    }
    const own = this.#parts.unwritten.take(uid) ?? this.#parts.quiet.get(uid);
    if (own !== undefined) {
      loader.refresh(own.session, claim.session, time);
      vanished.adopt(own.session, claim);
      return this.deliver(own, claim);
    }
    const held = endedHoldOf(claim.session);
    // A load that was sent before may find the record, and a key is held again.
    if (held === undefined) this.#parts.ended.add(uid);
    const session = held === undefined
      ? this.#registry.build(uid)
      : new Session(this.#registry.site, uid);
    loader.restore(session, claim.session, time);
    const isDue = (reason === "idle" || reason === "absolute") &&
      (held === undefined || held.reason === undefined);
    const end: SessionEnd = {
      session,
      uid,
      reason: held?.reason ?? reason,
      at: (now - late) / 1000,
      lateness: isDue ? latenessOf(late) : undefined,
      attempt: claim.attempt,
      ...held === undefined ? {} : { hold: held.hold },
    };
    session[DETACH](end);
    if (isLost) vanished.note(session);
    this.#deliver(end);
  }

  /**
   * Delivers the claimed end of a session that this process has, and calls the named
   * callbacks that its record lacks.
   */
  deliver(end: SessionEnd, claim: ClaimedEnd): void {
    const { session } = end;
    const { left } = this.#parts.writer;
    this.#deliver(end);
    if (claim.failingSince === undefined) {
      return callHere(session, left.takeMissing(session, claim.session));
    }
    // The record lacks the callbacks that another process has called, too.
    left.callCallbacks(session);
    left.dropValues(session);
  }

  #deliver(end: SessionEnd): void {
    this.#parts.claimed.deliver(end);
    this.track(end);
  }

  /** Makes the close of the site wait for the delivery of an end. */
  track({ uid, session }: SessionEnd): void {
    const done = this.#parts.claimed.whenDone(uid);
    if (done !== undefined) this.#registry.calls.track(done, session);
  }
}
