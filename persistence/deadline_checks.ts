import type { Clock } from "../base/clock.ts";
import { readClock } from "../base/moment.ts";
import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import { isObserved } from "../session/session_parts.ts";
import type { Session, SessionEndReason } from "../session.ts";
import type { LoadedSession, SessionStore } from "../stores/store.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { RecordLoader } from "./record_loader.ts";
import { isLastRecord } from "./hold_records.ts";
import { NO_TOKEN } from "./record_calls.ts";
import type { StoreBreaker } from "./store_breaker.ts";
import type { RecordWriter } from "./record_writer.ts";
import { CHECK_EVERY, type VisitsUnderWay } from "./visits_under_way.ts";

/** The objects that deadline checks use. */
export interface DeadlineChecksParts {
  readonly store: SessionStore;
  readonly breaker: StoreBreaker;
  readonly loader: RecordLoader;
  readonly writer: RecordWriter;
  readonly visits: VisitsUnderWay;
  /**
   * Ends a session whose record was not found.
   *
   * @param reason The reason if the session has ended in another process.
   */
  endAbsent(session: Session, reason: SessionEndReason): MaybePromise<void>;
  /** Whether this process has claimed the end of a session. */
  isClaimed(uid: string): boolean;
}

/**
 * Sessions whose deadline has passed here, or whose record was not found. Only the
 * store decides whether a session has expired. Until the store has answered,
 * lookups treat the session as absent.
 */
export class DeadlineChecks {
  readonly #clock: Clock;
  readonly #parts: DeadlineChecksParts;
  /** The sessions of this part that are under check. */
  readonly #sessions = new Set<Session>();

  /** Those of all parts, for lookups. */
  readonly #all: Set<Session>;

  constructor(
    { clock, underCheck }: Pick<SessionRegistry, "clock" | "underCheck">,
    parts: DeadlineChecksParts,
  ) {
    this.#clock = clock;
    this.#all = underCheck;
    this.#parts = parts;
  }

  /** Requests the check of a session in the next round. */
  request(session: Session): void {
    this.hide(session);
    // Without an answer, the deadline passes again and requests another check.
    this.#parts.loader.postpone(session, CHECK_EVERY);
  }

  /** Hides a session that is about to end here. */
  hide(session: Session): void {
    this.#sessions.add(session);
    this.#all.add(session);
  }

  /** Removes a session whose record was found, or that has ended. */
  confirm(session: Session): void {
    if (this.#sessions.delete(session)) this.#all.delete(session);
  }

  /** The number of sessions under check. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Returns the sessions under check. */
  all(): Session[] {
    return [...this.#sessions];
  }

  /** Checks the given sessions, except those that are no longer under check. */
  run(sessions: readonly Session[]): MaybePromise<void>[] {
    return sessions.filter((session) =>
      this.#sessions.has(session) && session.isActive &&
      // A claimed end already waits for its turn.
      !this.#parts.isClaimed(session.uid) &&
      // The store may not have the record yet.
      this.#parts.loader.states.get(session)?.isCreating !== true
    ).map((session) => this.#check(session));
  }

  #check(session: Session): MaybePromise<void> {
    const { store, breaker, loader, writer, visits, endAbsent } = this.#parts;
    const sent = readClock(this.#clock);
    const resolve = (record: LoadedSession | undefined): MaybePromise<void> => {
      if (!this.#sessions.has(session)) return;
      const time = sent.answered(this.#clock);
      if (record === undefined || isLastRecord(record)) {
        return endAbsent(session, reasonHere(session, time.sentAt));
      }
      this.confirm(session);
      if (!session.isActive) return;
      // A request under way may still register what observes it.
      const isUsed = isObserved(session) || visits.has(session);
      if (isUsed) loader.update(session, record, time);
      // Another process serves its client, and nothing observes the session here.
      else writer.detach(session);
    };
    try {
      const record = breaker.call(() => store.load(session.uid, NO_TOKEN));
      if (!isPromiseLike(record)) return resolve(record);
      return record.then(resolve).catch(() => {});
    } catch {
      // The session stays under check.
    }
  }
}

function reasonHere(session: Session, now: number): SessionEndReason {
  const startedAt = session.authenticatedAt ?? session.createdAt;
  return (startedAt + session.absoluteTimeout) * 1000 <= now
    ? "absolute"
    : "idle";
}
