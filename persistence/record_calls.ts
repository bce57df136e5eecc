import type { Clock } from "../base/clock.ts";
import { type AnswerTime, readClock } from "../base/moment.ts";
import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import type { AccessOperation } from "../session/access.ts";
import type { Session } from "../session.ts";
import type {
  CommitConditions,
  CommitTimes,
  LoadedSession,
  SessionChanges,
  SessionStore,
  SessionTimes,
  StoredCallback,
} from "../stores/store.ts";
import {
  type CallbackChanges,
  callbackChangesOf,
  idsAfter,
  joinCallbacks,
} from "./callback_changes.ts";
import { isLastRecord } from "./hold_records.ts";
import { LeftChanges } from "./left_changes.ts";
import { withoutTouches } from "./pending_changes.ts";
import type { RecordLoader } from "./record_loader.ts";
import { type StoreBreaker, StoreUnavailableError } from "./store_breaker.ts";
import type { PerPart } from "./store_parts.ts";
import type { StoredState } from "./stored_state.ts";
import type { RecentEnds } from "./recent_ends.ts";
import type { VisitsUnderWay } from "./visits_under_way.ts";

/** A load that opens nothing and touches nothing. */
export const NO_TOKEN = { tokenHash: "", touch: false, grace: 0 } as const;

/** The objects that writes use. */
export interface SessionWritesParts {
  readonly store: SessionStore;
  readonly breakers: PerPart<StoreBreaker>;
  readonly loader: RecordLoader;
  /** Milliseconds that a call may take. */
  readonly timeout: number;
  readonly visits: VisitsUnderWay;
  readonly ended: RecentEnds;
  /** Called with a session that was live in the store a moment ago. */
  onAlive(session: Session): void;
  /** Called with a session that is live here and has ended in the store. */
  onOver(session: Session): void;
  /** Checks such a session at once, and not in the next turn. */
  check(session: Session): void;
  /** Called with the named callbacks of a session that a write has added. */
  onCallbacks(session: Session, added: readonly StoredCallback[]): void;
}

/** Calls the store for the writes of sessions, and takes over its answers. */
export class RecordCalls {
  /** What no record has when a session ends, or a write is given up. */
  readonly left: LeftChanges;
  readonly #clock: Clock;
  readonly #parts: SessionWritesParts;

  constructor(clock: Clock, parts: SessionWritesParts) {
    this.left = new LeftChanges(parts.loader);
    this.#clock = clock;
    this.#parts = parts;
  }

  /** Loads the record of a session without touching it. */
  load(session: Session): MaybePromise<LoadedSession | undefined> {
    const { breakers, store } = this.#parts;
    return breakers.of(session.uid).call(() =>
      store.load(session.uid, NO_TOKEN)
    );
  }

  /** Sends a commit; the store refuses it after the timeout. */
  send(
    session: Session,
    state: StoredState,
    { changes, operations = [], conditions }: {
      readonly changes: SessionChanges;
      /** The changes of principal and tokens among the changes. */
      readonly operations?: readonly AccessOperation[];
      readonly conditions: CommitConditions;
    },
  ): MaybePromise<CommitTimes | undefined> {
    const { store, timeout, breakers } = this.#parts;
    const sent = readClock(this.#clock);
    // A store that answers synchronously has no timeout: it may wait for a lock.
    const until = breakers.of(session.uid).isAwaited
      ? state.storeNow(sent) + timeout
      : Infinity;
    const limit = until < Infinity ? { until } : {};
    state.sent = changes;
    state.sending = operations;
    return this.call(session, state, {
      ask: () =>
        store.commit(session.uid, changes, { ...conditions, ...limit }),
      done: (times) => {
        state.sent = undefined;
        state.sending = [];
        const time = sent.answered(this.#clock);
        if (times === undefined || times.isRefused) {
          // A process that was blocked reads answers late: this one, or an earlier one
          // by which it reckons the store's time.
          const isLate = time.now.at >= time.sentAt + timeout;
          if (times?.isRefused && isLate && times.now >= until) {
            throw new StoreUnavailableError(
              "Cannot write to the session store: it answered too late",
            );
          }
          return times;
        }
        if (withoutTouches(changes) !== undefined) {
          state.setVersion(times.version, time.now);
          this.#parts.loader.noteWritten(session, state, operations, time.now);
          if (changes.access?.loginAge !== undefined) {
            state.loginWrittenAt = time.now.steady;
          }
          this.noteCallbacks(session, state, changes);
        }
        // Another process has touched the session in the same millisecond.
        const isRefused = changes.takenBack?.touchedAt === times.touchedAt;
        if (isRefused) state.keepTouch(times);
        if (changes.idle !== undefined) {
          state.keepTouch({ touchedAt: times.now - changes.idle });
        }
        const isAhead = state.aheadOf(session.lastModified) > 0.5;
        this.written(session, state, times, time);
        if (changes.takenBack !== undefined && !isRefused && !isAhead) {
          this.#parts.loader.takeTouch(session, times, time);
        }
        return times;
      },
      failed: (error): never => {
        state.sent = undefined;
        state.sending = [];
        throw error;
      },
    });
  }

  /** Calls the store for a session; later writes wait for the answer. */
  call<T, R>(
    session: Session,
    state: StoredState,
    { ask, done, failed }: {
      ask(): MaybePromise<T>;
      done(answer: T): MaybePromise<R>;
      failed(error: unknown): never;
    },
  ): MaybePromise<R> {
    let answer: MaybePromise<T>;
    try {
      answer = this.#parts.breakers.of(session.uid).call(ask);
    } catch (error) {
      return failed(error);
    }
    if (!isPromiseLike(answer)) return done(answer);
    const result = answer.then(done, failed);
    state.track(result.then(() => {}));
    return result;
  }

  /** Records which named callbacks a write has added and removed. */
  noteCallbacks(
    session: Session,
    state: StoredState,
    changes: CallbackChanges,
  ): void {
    state.callbackIds = idsAfter(state.callbackIds, changes);
    if (changes.addedCallbacks === undefined) return;
    state.areCallbacksUnsure = false;
    this.#parts.onCallbacks(session, changes.addedCallbacks);
  }

  /** Takes over the times of a written record. */
  written(
    session: Session,
    state: StoredState,
    times: SessionTimes,
    time: AnswerTime,
  ): void {
    this.#parts.loader.takeTimes(session, state, times, time);
    if (!session.isActive) return;
    if (times.now < times.deadline) this.#parts.onAlive(session);
    // A clock that was set has made it older: its token is not sent.
    else this.#parts.onOver(session);
  }

  /**
   * Takes over a record that others have changed, except for the changes being
   * written.
   *
   * @returns undefined if there is no record, or only the last one of a session that
   * has vanished.
   */
  reload(
    session: Session,
    state: StoredState,
    { changes, operations }: {
      readonly changes: SessionChanges;
      readonly operations: readonly AccessOperation[];
    },
  ): MaybePromise<LoadedSession | undefined> {
    const sent = readClock(this.#clock);
    return proceed(this.load(session), (record) => {
      if (record === undefined || isLastRecord(record)) {
        if (session.isActive) this.#parts.onOver(session);
        return undefined;
      }
      const later = state.operations;
      state.sent = changes;
      state.isStale = true;
      state.operations = [...operations, ...later];
      this.#parts.loader.update(session, record, sent.answered(this.#clock));
      // An answer that a later one has overtaken is ignored.
      this.#parts.loader.applyAccess(session, state);
      state.operations = state.operations.filter((one) => later.includes(one));
      state.sent = undefined;
      state.sending = [];
      return record;
    });
  }

  /**
   * Writes changes that the record of a session lacks before its end: named
   * callbacks, and values for the process that delivers the end.
   */
  commitLast(
    session: Session,
    state: StoredState,
    hasValues: boolean,
  ): MaybePromise<void> {
    const own = state.callbacks ?? {};
    const values = hasValues ? state.values : undefined;
    const unsure = callbackChangesOf(state.unsure?.changes ?? {});
    const changes = {
      ...joinCallbacks(unsure, own),
      ...values === undefined ? {} : { values },
    };
    if (Object.keys(changes).length === 0) return;
    state.callbacks = undefined;
    const keep = () => {
      state.callbacks = joinCallbacks(own, state.callbacks ?? {});
    };
    const failed = (error: unknown): never => {
      keep();
      if (changes.addedCallbacks !== undefined) state.areCallbacksUnsure = true;
      throw error;
    };
    return this.call(session, state, {
      ask: () => this.#parts.store.commit(session.uid, changes),
      done: (times) => {
        // The session has ended in another process, or vanished. The claim decides.
        if (times === undefined) return keep();
        state.areCallbacksUnsure = false;
        if (hasValues) state.values = undefined;
        const { unsure } = state;
        if (unsure === undefined) return;
        const { addedCallbacks: _, removedCallbacks: __, ...others } =
          unsure.changes;
        state.unsure = { ...unsure, changes: others };
      },
      failed,
    });
  }
}
