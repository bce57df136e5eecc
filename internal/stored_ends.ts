import {
  hasLocalUse,
  markEnded,
  type Session,
  type SessionEnd,
  type SessionEndReason,
} from "../session.ts";
import type {
  Claimant,
  ClaimedEnd,
  LoadedSession,
  MaybePromise,
  SessionStore,
} from "../stores/store.ts";
import { type Clock, monotonic } from "./clock.ts";
import { type EndAudience, EndDuty } from "./end_duty.ts";
import { EndWatch } from "./end_watch.ts";
import type { KeepersHands, KeptSite } from "./kept_site.ts";
import { restoreFrom } from "./live_record.ts";
import { isPromiseLike, proceed } from "./promise_like.ts";
import type { StoredEndCounts } from "./session_figures.ts";
import type { SessionRecords } from "./session_records.ts";
import { decodeValue } from "./stored_values.ts";
import type { StoreLine } from "./store_line.ts";
import type { SitePart } from "./store_parts.ts";
import { SLICE, type Turns } from "./turns.ts";

/** Milliseconds that a session is in question at most before it is asked again. */
export const QUESTION = 1000;

/** Ends claimed at once. */
const BATCH = 100;

/** Ends that are being told at once; more are left to others, or for later. */
const MAX_DUTIES = 1000;

/** What the ends of stored sessions are told with. */
export interface EndTelling {
  readonly store: SessionStore;
  /** The part of the store whose ends these are, or all of it. */
  readonly part: SitePart;
  /** The line to that part. */
  readonly line: StoreLine;
  readonly hands: KeepersHands;
  readonly records: SessionRecords;
  readonly audience: EndAudience;
  /** Names this process, the same for all parts. */
  readonly owner: string;
  /** Milliseconds of a lease. */
  readonly lease: number;
  /** In which ends are told, those of all parts: a callback may block. */
  readonly turns: Turns;
  /** In which the sessions of ends of elsewhere end, those of all parts. */
  readonly quietTurns: Turns;
}

/**
 * The ends of sessions that are kept in one part of a store: those that were
 * brought about here are claimed there before they are told, those that are due
 * are claimed by whoever comes first, and those of elsewhere end what is live
 * here, untold.
 */
export class StoredEnds {
  readonly #site: KeptSite;
  readonly #hands: KeepersHands;
  readonly #clock: Clock;
  readonly #store: SessionStore;
  readonly #part: SitePart;
  readonly #line: StoreLine;
  readonly #records: SessionRecords;
  readonly #audience: EndAudience;
  readonly #duty: EndDuty;
  /** Ends that are told here. */
  readonly #turns: Turns;
  /** Ends of elsewhere, which need not wait for callbacks of the site. */
  readonly #quietTurns: Turns;
  readonly #watch: EndWatch;
  readonly #claimant: Claimant;
  readonly #questions = new Set<Session>();
  /** Ended here, and the store does not know yet. */
  readonly #ending = new Map<string, SessionEnd>();
  /** Those of them of which it is being told. */
  readonly #asking = new Set<string>();
  /** Ended elsewhere, about to be ended here. */
  readonly #toldElsewhere = new Set<string>();
  /**
   * Ended here by news a moment ago: news of what this process claims may be
   * faster than the claim.
   */
  readonly #quiet = new Map<string, SessionEnd>();
  /** What is under way. */
  #round: Promise<unknown> | undefined = undefined;
  #unwatch: (() => void) | undefined = undefined;
  #isListening = false;
  #isStopped = false;

  constructor(site: KeptSite, telling: EndTelling) {
    const { store, line, owner, lease, audience } = telling;
    this.#site = site;
    this.#hands = telling.hands;
    this.#clock = site.clock;
    this.#store = store;
    this.#part = telling.part;
    this.#line = line;
    this.#records = telling.records;
    this.#claimant = { owner, lease };
    this.#audience = audience;
    const turns = this.#turns = telling.turns;
    this.#quietTurns = telling.quietTurns;
    this.#duty = new EndDuty(site.clock, {
      store,
      line,
      turns,
      lease,
      audience,
    });
    this.#watch = new EndWatch(site.clock, () => this.#goRound());
  }

  /** What has come of the ends that were claimed. */
  get counts(): StoredEndCounts {
    return this.#duty.counts;
  }

  /** Hears of ends elsewhere, and begins to claim what is due. */
  begin(): void {
    if (this.#isStopped) return;
    if (!this.#isListening) this.#listen();
    this.#watch.wake();
  }

  /** Puts a session in question: the store is asked in the next round. */
  ask(session: Session): void {
    if (this.#isStopped) return;
    this.#questions.add(session);
    // It comes up again if there is no answer until then.
    this.#records.putOff(session, QUESTION);
    // While the store is away, it is asked once a second, and no more.
    if (!this.#line.isDown) this.#watch.wake();
  }

  /** A session in question has been found in the store. */
  answer(session: Session): void {
    this.#questions.delete(session);
  }

  /** Whether a session's deadline has come as far as is known here. */
  isInQuestion(session: Session): boolean {
    return this.#questions.has(session);
  }

  /** Whether a session has ended here, whatever the store thinks. */
  isEnding(uid: string): boolean {
    return this.#ending.has(uid);
  }

  /**
   * Sees to an end that was brought about here.
   *
   * @returns whether it does: the end of a session that is not kept is the site's
   * own to tell.
   */
  announce(end: SessionEnd): boolean {
    const { session, uid } = end;
    this.#records.forget(session);
    this.#questions.delete(session);
    if (this.#toldElsewhere.delete(uid)) {
      this.#quiet.set(uid, end);
      return true;
    }
    if (this.#duty.isWaiting(uid)) {
      this.#tell(end);
      return true;
    }
    if (!this.#records.keeps(session)) return false;
    if (
      !this.#records.isInStore(session) && !this.#records.isInDoubt(session)
    ) {
      this.#tellHere(end);
      return true;
    }
    this.#ending.set(uid, end);
    const ended = this.#endInStore(end);
    if (isPromiseLike(ended)) this.#records.noteWriting(session, ended);
    return true;
  }

  /** Ends the sessions of a principal, wherever they are; answers how many. */
  endSessionsOf(
    principal: string,
    options: {
      readonly except: Session | undefined;
      readonly reason: SessionEndReason;
    },
  ): MaybePromise<number> {
    const { except, reason } = options;
    const end = (uids: readonly string[]): MaybePromise<number> => {
      const ended = uids.filter((uid) => uid !== except?.uid).map((uid) =>
        this.#endOf(uid, reason)
      );
      return ended.some(isPromiseLike)
        ? Promise.all(ended).then(count)
        : count(ended as boolean[]);
    };
    return proceed(
      this.#line.call(() => this.#part.uidsOf(principal)),
      end,
    );
  }

  /** Claims no more; resolves when the store knows what has ended here. */
  halt(): Promise<unknown> {
    this.#isStopped = true;
    this.#watch.stop();
    if (this.#unwatch !== undefined) this.#stopListening(this.#unwatch);
    this.#unwatch = undefined;
    const ends = [...this.#ending.values()].map((end) => this.#endInStore(end));
    this.#quietTurns.stop();
    this.#duty.halt();
    return Promise.all([...ends, this.#round]);
  }

  /** Leaves what is untold to others. */
  stop(): Promise<void> {
    this.#turns.stop();
    return this.#duty.stop();
  }

  #listen(): void {
    this.#isListening = true;
    const listening = (unwatch: () => void) => {
      if (this.#isStopped) this.#stopListening(unwatch);
      else this.#unwatch = unwatch;
    };
    const failed = () => void (this.#isListening = false);
    try {
      // Not by the line: news may be away while the store itself answers.
      const unwatch = this.#part.watch(
        ({ uid, reason }) => this.#hear(uid, reason as SessionEndReason),
        () => this.#watch.wake(),
      );
      if (isPromiseLike(unwatch)) {
        Promise.resolve(unwatch).then(listening, failed);
      } else listening(unwatch);
    } catch {
      // A later round tries again, and finds out what there was to hear.
      failed();
    }
  }

  #stopListening(unwatch: () => unknown): void {
    const failed = (error: unknown) => this.#site.reportError(error, {});
    try {
      const stopping = unwatch();
      if (isPromiseLike(stopping)) Promise.resolve(stopping).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #hear(uid: string, reason: SessionEndReason): void {
    const session = this.#site.sessions.get(uid);
    if (session !== undefined) this.#endQuietly(session, reason);
  }

  #endQuietly(session: Session, reason: SessionEndReason): void {
    // Lookups find it no more, however long its turn is in coming.
    this.#questions.add(session);
    this.#quietTurns.run(() => {
      // An end that is claimed here has its turn later.
      if (!session.isActive || this.#duty.isWaiting(session.uid)) return;
      this.#toldElsewhere.add(session.uid);
      this.#site.endSession(session, reason);
      this.#toldElsewhere.delete(session.uid);
    });
  }

  /**
   * Claims and tells what is due; answers when more will be, in milliseconds.
   *
   * Fails, and reports it, if nothing can be claimed.
   */
  #goRound(): MaybePromise<number> {
    const asked = [...this.#questions];
    const quiet = [...this.#quiet.values()];
    const conclude = (next: number): MaybePromise<number> => {
      const settled = this.#settle(asked);
      const rest = Math.max(next, this.#duty.standBackFor);
      // What was heard of before this round has been claimed in it, if at all.
      for (const { uid } of quiet) {
        if (!this.#duty.isWaiting(uid)) this.#quiet.delete(uid);
      }
      return proceed(settled, () => rest);
    };
    const fail = (error: unknown): never => {
      this.#line.report(error, {});
      throw error;
    };
    try {
      const claimed = proceed(
        this.#line.isDown ? this.#tryAgain() : undefined,
        () => this.#claimAll(this.#clock.now()),
      );
      const next = proceed(claimed, conclude);
      if (!isPromiseLike(next)) return next;
      const round = next.catch(fail);
      this.#round = round.catch(() => {});
      return round;
    } catch (error) {
      return fail(error);
    }
  }

  /** A claim proves nothing: it may be known by news that there is none. */
  #tryAgain(): MaybePromise<unknown> {
    return this.#line.probe(() => this.#part.nextIn());
  }

  #claimAll(began: number): MaybePromise<number> {
    for (;;) {
      if (this.#isStopped) return Infinity;
      if (this.#turns.isBusy) {
        // More ends would only wait here, while another node may be idle.
        this.#turns.run(() => this.#watch.wake());
        return Infinity;
      }
      if (this.#duty.size >= MAX_DUTIES) return SLICE;
      const leasedAt = monotonic(this.#clock);
      const claims = this.#line.probe(() =>
        this.#part.claim(this.#claimant, BATCH)
      );
      if (isPromiseLike(claims)) {
        return claims.then(({ ends, nextIn }) => {
          if (this.#isStopped) return this.#decline(ends);
          this.#takeAll(ends, leasedAt);
          return nextIn > 0 ? nextIn : this.#claimAll(began);
        });
      }
      this.#takeAll(claims.ends, leasedAt);
      if (claims.nextIn > 0) return claims.nextIn;
      // The requests have their turn.
      if (this.#clock.now() - began >= SLICE) return 0;
    }
  }

  #takeAll(claims: readonly ClaimedEnd[], leasedAt: number): void {
    const cameAt = this.#clock.now();
    // All are accepted first: their leases are renewed while they wait.
    const accepted = claims.filter((claim) =>
      this.#duty.accept(claim, leasedAt)
    );
    for (const claim of accepted) {
      this.#turns.run(() => this.#takeInTurn(claim, cameAt));
    }
  }

  /** Ends a session here and tells its end, unless it is told or lost by now. */
  #takeInTurn(claim: ClaimedEnd, cameAt: number): void {
    const { uid } = claim.session;
    if (!this.#duty.isWaiting(uid)) return;
    if (this.#isStopped) return this.#duty.leave(uid);
    try {
      this.#take(claim, cameAt);
    } catch (error) {
      this.#site.reportError(error, {});
    }
    // If no session could be made, the lease runs out, and another process tells.
    this.#duty.lapse(uid);
  }

  /** Leaves claims to others, which came when it was too late. */
  async #decline(claims: readonly ClaimedEnd[]): Promise<number> {
    await Promise.all(claims.map((claim) => this.#duty.decline(claim)));
    return Infinity;
  }

  #take(claim: ClaimedEnd, cameAt: number): void {
    const { uid } = claim.session;
    const reason = claim.reason as SessionEndReason;
    const now = this.#clock.now();
    const late = claim.session.now - claim.at + (now - cameAt);
    const live = this.#site.sessions.get(uid);
    if (live?.isActive && this.#records.keeps(live)) {
      // Others may have changed it since it was visited here.
      this.#records.update(live, claim.session, cameAt);
      // While it was in question, its deadline was another.
      this.#records.putOff(live, -late);
      this.#site.endSession(live, reason);
      return;
    }
    const own = this.#ending.get(uid) ?? this.#quiet.get(uid);
    const session = own?.session ?? this.#hands.build(uid);
    if (own === undefined) {
      restoreFrom(this.#site, session, claim.session, cameAt);
    } else this.#records.refresh(session, claim.session);
    const at = (now - late) / 1000;
    const end = own ?? { session, uid, reason, at };
    if (own === undefined) markEnded(session, end, late);
    this.#ending.delete(uid);
    this.#tell(end);
  }

  #tell(end: SessionEnd): void {
    this.#duty.tell(end);
    this.#site.mindPromise(this.#duty.whenDone(end.uid), end.session);
  }

  /** Tells an end of which the store knows nothing. */
  #tellHere(end: SessionEnd): void {
    const { callbacks, named } = this.#audience;
    for (const callback of callbacks) this.#site.tellSessionEnd(callback, end);
    for (const { name, argument } of this.#records.callbacksOf(end.session)) {
      this.#site.tellSessionEnd(
        () => named.get(name)?.(decodeValue(argument), end),
        end,
      );
    }
  }

  /** Has the store know of an end, once at a time; answers when it does. */
  #endInStore(end: SessionEnd): MaybePromise<void> {
    const { uid, session } = end;
    if (this.#asking.has(uid)) return;
    this.#asking.add(uid);
    const settled = () => void this.#asking.delete(uid);
    const failed = (error: unknown) => {
      settled();
      // It is told in a later round.
      this.#line.report(error, { session });
    };
    try {
      const ending = proceed(
        this.#records.prepareEnd(session),
        () => this.#claimOwn(end),
      );
      if (isPromiseLike(ending)) return ending.then(settled, failed);
      settled();
    } catch (error) {
      failed(error);
    }
  }

  #claimOwn(end: SessionEnd): MaybePromise<void> {
    const { uid, reason } = end;
    return proceed(this.#askToEnd(uid, reason), (claim) => {
      this.#ending.delete(uid);
      if (claim === undefined) return;
      this.#turns.run(() => this.#duty.tell(end));
      this.#site.mindPromise(this.#duty.whenDone(uid), end.session);
    });
  }

  /** Ends a session that may be here or elsewhere; answers whether it did. */
  #endOf(uid: string, reason: SessionEndReason): MaybePromise<boolean> {
    const live = this.#site.sessions.get(uid);
    if (live !== undefined) {
      this.#site.endSession(live, reason);
      return true;
    }
    return proceed(this.#askToEnd(uid, reason), (claim) => {
      if (claim === undefined) return false;
      const cameAt = this.#clock.now();
      this.#turns.run(() => this.#takeInTurn(claim, cameAt));
      return true;
    });
  }

  #askToEnd(
    uid: string,
    reason: SessionEndReason,
  ): MaybePromise<ClaimedEnd | undefined> {
    const leasedAt = monotonic(this.#clock);
    return proceed(
      this.#line.call(() => this.#store.end(uid, reason, this.#claimant)),
      (claim) => {
        if (claim !== undefined) this.#duty.accept(claim, leasedAt);
        return claim;
      },
    );
  }

  /** Sees to what the store could not be told, and to what is still in question. */
  #settle(asked: readonly Session[]): MaybePromise<void> {
    const settling: MaybePromise<void>[] = [];
    for (const end of this.#ending.values()) {
      settling.push(this.#endInStore(end));
    }
    if (!this.#isListening) this.#listen();
    for (const session of asked) {
      // An end that is claimed here waits for its turn already.
      if (!this.#questions.has(session)) continue;
      if (this.#duty.isWaiting(session.uid)) continue;
      settling.push(this.#resolve(session));
    }
    if (settling.some(isPromiseLike)) {
      return Promise.all(settling).then(() => {});
    }
  }

  #resolve(session: Session): MaybePromise<void> {
    const sentAt = this.#clock.now();
    const resolve = (record: LoadedSession | undefined) => {
      if (!this.#questions.has(session)) return;
      if (record === undefined) {
        return this.#endQuietly(session, reasonHere(session, sentAt));
      }
      this.#questions.delete(session);
      if (!session.isActive) return;
      if (hasLocalUse(session)) {
        this.#records.update(session, record, sentAt);
      } else {
        // Somebody visits it elsewhere, and nobody waits for it here.
        this.#records.letGo(session);
      }
    };
    try {
      const record = this.#line.call(() =>
        this.#store.load(session.uid, { secretHash: "", touch: false })
      );
      if (!isPromiseLike(record)) return resolve(record);
      return record.then(resolve, () => {});
    } catch {
      // It stays in question.
    }
  }
}

function reasonHere(session: Session, now: number): SessionEndReason {
  const absolute = session.createdAt + session.absoluteTimeout;
  return absolute * 1000 <= now ? "absolute" : "idle";
}

function count(ended: readonly boolean[]): number {
  return ended.filter((isEnded) => isEnded).length;
}
