import type { Clock } from "../base/clock.ts";
import { readClock } from "../base/moment.ts";
import { type MaybePromise, proceed, settleAll } from "../base/promises.ts";
import type { StoredEndCounts } from "../registry/session_backend.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { Session, SessionEnd, SessionEndReason } from "../session.ts";
import type {
  ChangeNotification,
  Claimant,
  SessionStore,
} from "../stores/store.ts";
import type { Turns } from "../timing/turns.ts";
import { ClaimedEnds } from "./claimed_ends.ts";
import { ClaimedSessions } from "./claimed_sessions.ts";
import { DeadlineChecks } from "./deadline_checks.ts";
import { PartClaims } from "./part_claims.ts";
import { deliverUnstored } from "./end_calls.ts";
import type { LoadsUnderWay } from "./loads_under_way.ts";
import { EndRounds, EndWatch } from "./end_rounds.ts";
import type { RecordLoader } from "./record_loader.ts";
import type { RecordWriter } from "./record_writer.ts";
import type { StoreBreaker } from "./store_breaker.ts";
import type { AnyPart } from "./store_parts.ts";
import type { RecentEnds } from "./recent_ends.ts";
import { UnwrittenEnds } from "./unwritten_ends.ts";
import { VanishedSessions } from "./vanished_sessions.ts";
import type { VisitsUnderWay } from "./visits_under_way.ts";

/** The objects that claims of ends use. */
export interface EndClaimsParts {
  readonly store: SessionStore;
  /** The part of the store that has the sessions, or the store itself. */
  readonly part: AnyPart;
  readonly breaker: StoreBreaker;
  readonly loader: RecordLoader;
  readonly writer: RecordWriter;
  // The objects below are shared by all parts.
  readonly loads: LoadsUnderWay;
  readonly ended: RecentEnds;
  readonly visits: VisitsUnderWay;
  readonly claimant: Claimant;
  /** The turns in which this process delivers ends, of all parts. */
  readonly turns: Turns;
  /**
   * The turns in which sessions end here whose ends other processes deliver. They
   * do not wait for callbacks, which may block.
   */
  readonly quietTurns: Turns;
  /** Called with each change of a session, in any process. */
  readonly onChange: (notification: ChangeNotification) => void;
  /** Called at each poll: once a second, unless the store notifies reliably. */
  readonly onRound: () => void;
}

/**
 * The ends of the sessions in one part of a store.
 *
 * An end that happens in this process is claimed in the store before it is
 * delivered. A due end is claimed by the first process that requests it. An end
 * that another process delivers ends the session here too, without the listeners
 * of all sessions.
 */
export class EndClaims {
  readonly checks: DeadlineChecks;
  /** The ends of this process that are not in the store yet. */
  readonly unwritten: UnwrittenEnds;
  readonly #registry: SessionRegistry;
  readonly #clock: Clock;
  readonly #parts: EndClaimsParts;
  readonly #claimed: ClaimedEnds;
  readonly #claims: PartClaims;
  readonly #watch: EndWatch;
  readonly #vanished: VanishedSessions;
  readonly #sessions: ClaimedSessions;
  readonly #rounds: EndRounds;
  /** Sessions that are ending here, and whose ends another process delivers. */
  readonly #endingQuietly = new Set<string>();
  /** Ends of notifications that may overtake the answer to a claim of this process. */
  readonly #quiet = new Map<string, SessionEnd>();
  #isStopped = false;

  constructor(registry: SessionRegistry, parts: EndClaimsParts) {
    const { claimant, turns } = parts;
    const { clock } = registry;
    this.#registry = registry;
    this.#clock = clock;
    this.#parts = parts;
    this.#claimed = new ClaimedEnds(clock, {
      ...parts,
      lease: claimant.lease,
      callbacks: registry.delivery,
      retryFor: (registry.options.endRetryFor ?? 86_400) * 1000,
      report: (error, { session }) =>
        registry.site.reportError(error, { session }),
      watch: (promise, { session }) => registry.calls.watch(promise, session),
    });
    this.checks = new DeadlineChecks(registry, {
      ...parts,
      endAbsent: (session, reason) => this.#endAbsent(session, reason),
      isClaimed: (uid) => this.#claimed.isWaiting(uid),
    });
    this.#claims = new PartClaims(clock, {
      ...parts,
      claimed: this.#claimed,
      onClaim: (claim, came) => this.#sessions.endInTurn(claim, came),
      onIdle: () => this.#rounds.wake(),
    });
    this.#watch = new EndWatch({
      part: parts.part,
      onEnd: (uid, reason) => {
        parts.loads.noteEnd(uid, reason);
        this.endElsewhere(uid, reason);
      },
      onEarlier: () => this.#rounds.wake(),
      onChange: parts.onChange,
      onError: (error) => registry.site.reportError(error, {}),
    });
    this.#vanished = new VanishedSessions(registry, {
      ...parts,
      lease: claimant.lease,
      claim: (uid, reason) => this.#claims.claim(uid, reason),
    });
    this.unwritten = new UnwrittenEnds({
      ...parts,
      claim: ({ uid, session, reason }) =>
        proceed(this.#claims.claim(uid, reason), (claim) => {
          if (claim === undefined) return this.#vanished.claim(session, reason);
          this.#vanished.adopt(session, claim);
          return claim;
        }),
      onClaimed: (end) => {
        turns.run(() => this.#claimed.deliver(end));
        this.#sessions.track(end);
      },
    });
    this.#sessions = new ClaimedSessions(registry, {
      ...parts,
      claimed: this.#claimed,
      vanished: this.#vanished,
      unwritten: this.unwritten,
      quiet: this.#quiet,
    });
    this.#rounds = new EndRounds(clock, {
      ...parts,
      checks: this.checks,
      claims: this.#claims,
      claimed: this.#claimed,
      watch: this.#watch,
      unwritten: this.unwritten,
      quiet: this.#quiet,
    });
  }

  /** Counts of the claimed ends. */
  get counts(): StoredEndCounts {
    return this.#claimed.counts;
  }

  /** Watches for ends of other processes, and begins to claim those that are due. */
  begin(): void {
    if (this.#isStopped) return;
    this.#watch.begin();
    this.#rounds.wake();
  }

  /** Polls soon, to probe a store that does not answer. */
  poll(): void {
    if (!this.#isStopped) this.#rounds.nudge();
  }

  /** Requests the check of a session whose deadline has passed here. */
  requestCheck(session: Session): void {
    if (this.#isStopped) {
      // Other processes check it; here its deadline would pass again and again.
      this.checks.hide(session);
      return this.#parts.writer.detach(session);
    }
    this.checks.request(session);
    // While the circuit is open, only the loop calls the store.
    if (!this.#parts.breaker.isOpen) this.#rounds.wake();
  }

  /** Checks a session that has ended in the store at once. */
  check(session: Session): void {
    this.requestCheck(session);
    this.#rounds.begin();
  }

  /** Ends a session that is live here, and has ended in another process. */
  endElsewhere(uid: string, reason: SessionEndReason): void {
    const session = this.#registry.sessions.get(uid);
    if (session !== undefined) this.#endQuietly(session, reason);
  }

  /** Writes the end of a session to the store, if it is unwritten; never fails. */
  writeEnd(uid: string): MaybePromise<void> {
    return this.unwritten.write(uid);
  }

  /** Delivers an end that happened in this process. */
  deliver(end: SessionEnd): void {
    const { session, uid } = end;
    const { writer } = this.#parts;
    const claim = this.#claimed.waitingClaim(uid);
    writer.forget(session);
    this.checks.confirm(session);
    this.#parts.ended.add(uid);
    if (this.#endingQuietly.delete(uid)) {
      this.#quiet.set(uid, end);
      // The process that delivers the end does not have these callbacks.
      writer.left.callCallbacks(session);
      writer.left.dropValues(session);
    } else if (claim !== undefined) {
      this.#sessions.deliver(end, claim);
    } else if (!writer.isInStore(session)) {
      deliverUnstored(this.#registry, end, writer.left.takeCallbacks(session));
    } else {
      this.unwritten.add(end);
    }
  }

  /** Ends a session, live here or not; returns false if it had ended. */
  end(uid: string, reason: SessionEndReason): MaybePromise<boolean> {
    const live = this.#registry.sessions.get(uid);
    if (live !== undefined) {
      this.#registry.end(live, reason);
      return true;
    }
    return proceed(this.#claims.claim(uid, reason), (claim) => {
      if (claim === undefined) return false;
      const came = readClock(this.#clock);
      this.#parts.turns.run(() => this.#sessions.endInTurn(claim, came));
      return true;
    });
  }

  /** Makes sure that a claimed end still belongs to this process. */
  confirm(end: SessionEnd): MaybePromise<boolean> {
    return this.#claimed.confirm(end);
  }

  /** Lists the uids of the sessions of a principal in this part. */
  uidsOf(principal: string): MaybePromise<string[]> {
    const { breaker, part } = this.#parts;
    return breaker.call(() => part.uidsOf(principal));
  }

  /** Stops claiming; resolves when the ends of this process are written. */
  halt(): Promise<unknown> {
    this.#isStopped = true;
    this.#rounds.stop();
    this.#claims.stop();
    this.#sessions.stop();
    this.#watch.stop();
    this.#vanished.report();
    const ends = this.unwritten.writeAll();
    this.#parts.quietTurns.stop();
    this.#claimed.halt();
    return settleAll<unknown>([...ends, this.#rounds.current]);
  }

  /** Releases the ends that have not been delivered to other processes. */
  stop(): Promise<void> {
    this.#parts.turns.stop();
    this.#vanished.report();
    this.unwritten.reportAll();
    return this.#claimed.stop();
  }

  /**
   * Ends a session whose record was not found; delivers the end if the session
   * vanished.
   */
  #endAbsent(session: Session, reason: SessionEndReason): MaybePromise<void> {
    return proceed(this.#vanished.claim(session, "lost"), (claim) => {
      if (claim === undefined) {
        // A notification of its end may have come meanwhile.
        if (!session.isActive) return;
        const { lastCallbacks } = this.#parts.loader.states.get(session) ?? {};
        const isLost = lastCallbacks !== undefined;
        return this.#endQuietly(session, isLost ? "lost" : reason);
      }
      const came = readClock(this.#clock);
      this.#parts.turns.run(() => this.#sessions.endInTurn(claim, came));
    });
  }

  /** Ends a session whose end another process delivers. */
  #endQuietly(session: Session, reason: SessionEndReason): void {
    // Lookups must not find the session while it waits for its turn.
    this.checks.hide(session);
    this.#parts.quietTurns.run(() => {
      // If this process has claimed the end, it delivers it later.
      if (!session.isActive || this.#claimed.isWaiting(session.uid)) return;
      this.#endingQuietly.add(session.uid);
      this.#registry.end(session, reason);
      this.#endingQuietly.delete(session.uid);
    });
  }
}
