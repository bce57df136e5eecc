import { type AnswerTime, type Moment, readClock } from "../base/moment.ts";
import {
  type AccessOperation,
  type AccessState,
  SessionAccess,
} from "../session/access.ts";
import { OPEN_ACCESS, PARTS, RESTORE } from "../session/internals.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { Session } from "../session.ts";
import type { SessionTimes, StoredSession } from "../stores/store.ts";
import { idsAfter, NO_IDS } from "./callback_changes.ts";
import { isLastRecord } from "./hold_records.ts";
import { StoredState, TOUCH_SLACK } from "./stored_state.ts";
import { decodeValues, refreshValues } from "./record_values.ts";

/** Builds live sessions from records, and updates them. */
export class RecordLoader {
  readonly #registry: SessionRegistry;
  /** The states of the sessions that the store keeps. */
  readonly states: WeakMap<Session, StoredState> = new WeakMap();
  readonly #dropped = new WeakSet<AccessOperation>();

  constructor(registry: SessionRegistry) {
    this.#registry = registry;
  }

  /** Returns whether a change of principal or tokens was dropped. */
  isDropped(operation: AccessOperation): boolean {
    return this.#dropped.has(operation);
  }

  /** Records that changes of principal or tokens are not written. */
  drop(operations: readonly AccessOperation[]): void {
    for (const operation of operations) this.#dropped.add(operation);
  }

  /** Begins to store a session. */
  track(session: Session): StoredState {
    const state = new StoredState();
    const now = readClock(this.#registry.clock);
    state.noteClock(now);
    state.touchAhead = now.ahead;
    this.states.set(session, state);
    return state;
  }

  /** Builds a live session from a record, and adopts it. */
  revive(record: StoredSession, time: AnswerTime): Session {
    const session = this.#registry.build(record.uid);
    this.#registry.adopt(session);
    this.track(session).isCreated = true;
    this.restore(session, record, time);
    this.#registry.indexPrincipal(session, undefined);
    return session;
  }

  /** Restores a session that was just built from its record. */
  restore(session: Session, record: StoredSession, time: AnswerTime): void {
    const offset = time.sentAt - record.now;
    session[RESTORE]({
      createdAt: record.createdAt + offset,
      touchedAt: record.touchedAt + offset,
      isSecure: record.isSecure,
      access: accessOf(record, offset),
      values: decodeValues(record.values, session),
    });
    for (const name of TIMEOUTS) setTimeoutOf(session, record, name);
    const state = this.states.get(session);
    if (state === undefined) return;
    state.setTexts(record.values);
    state.noteTaken(session.lastModified, time.now);
  }

  /** Brings a live session up to date with its record. */
  update(session: Session, record: StoredSession, time: AnswerTime): void {
    const state = this.states.get(session)!;
    const news = state.compare(record, time);
    if (news === "old") return this.#followAccess(session, state, time.now);
    if (news !== "known") this.#takeOver(session, state, record, time);
    this.takeTimes(session, state, record, time);
  }

  /** Takes over the changes of other processes in a record. */
  refresh(session: Session, record: StoredSession, time: AnswerTime): void {
    const state = this.states.get(session);
    if (state?.compare(record, time) !== "new") return;
    this.#takeOver(session, state, record, time);
  }

  #takeOver(
    session: Session,
    state: StoredState,
    record: StoredSession,
    time: AnswerTime,
  ): void {
    const step = state.stepOf(record, time);
    const isFirst = state.version === -1;
    // The last record of a session that has vanished has a timeout of its own.
    if (!isLastRecord(record)) {
      this.#refreshTimeouts(session, state, record, isFirst);
    }
    state.setVersion(record.version, time.now);
    state.callbackIds = idsAfter(NO_IDS, {
      addedCallbacks: record.callbacks,
    });
    for (const one of record.callbacks) state.addKnownCallback(one);
    state.isStale = false;
    const login = state.access?.loginGeneration ?? 0;
    state.access = accessOf(record, time.sentAt - record.now);
    state.noteRead(record, time);
    if (isFirst) return;
    refreshValues(session, state, record);
    session[RESTORE]({ isSecure: record.isSecure });
    if (record.loginGeneration > login) {
      // A touch that is not written is that of a request with a superseded token.
      this.takeTouch(session, record, time);
    }
    if (step !== 0) this.#setClock(session, state, record, time);
    this.applyAccess(session, state);
  }

  /**
   * Sets the times of a session by the present clock. The absolute deadline counts
   * from the creation.
   */
  #setClock(
    session: Session,
    state: StoredState,
    record: StoredSession,
    { sentAt, now }: AnswerTime,
  ): void {
    const offset = sentAt - record.now;
    const { createdAt, touchedAt, deadline } = record;
    let last = touchedAt + offset;
    const { lastModified } = session;
    if (Math.abs(state.aheadOf(lastModified)) > TOUCH_SLACK) {
      // A touch that is not written yet.
      const touched = lastModified * 1000 - state.touchAhead + now.ahead;
      last = Math.max(last, Math.min(touched, now.at));
    }
    session[RESTORE]({ createdAt: createdAt + offset, touchedAt: last });
    // From now on the times are those of the present clock.
    state.noteClock(now);
    state.touchAhead = now.ahead;
    if (!this.isHere(session)) return;
    session[RESTORE]({ deadline: deadline + last - touchedAt });
    if (last !== touchedAt + offset) return;
    state.noteTaken(session.lastModified, now);
  }

  /**
   * Gives a session the principal and tokens of its record, with the changes
   * that are still to be written. A change that the rules refuse now is dropped.
   */
  applyAccess(session: Session, state: StoredState): void {
    const { access } = state;
    if (access === undefined || !session.isActive) return;
    const before = session.principal;
    const now = this.#registry.clock.now();
    // The grace of replaced tokens begins when the login is written.
    const until = Infinity;
    const next = new SessionAccess(access);
    // The store decides about changes that are being written.
    for (
      const operation of [...state.unsure?.operations ?? [], ...state.sending]
    ) {
      next.apply(operation, now, until);
    }
    state.operations = state.operations.filter((operation) => {
      const isAllowed = next.apply(operation, now, until);
      if (!isAllowed) this.drop([operation]);
      return isAllowed;
    });
    session[RESTORE]({ access: next });
    if (session.principal !== before) {
      this.#registry.indexPrincipal(session, before);
    }
    session[PARTS]?.streams?.cutInvalid();
  }

  /** Gives a session the times of its tokens by the clock as it is set now. */
  #followAccess(session: Session, state: StoredState, now: Moment): void {
    if (state.accessAhead === now.ahead) return;
    state.followAccess(now);
    this.applyAccess(session, state);
  }

  /** Records that changes of principal and tokens are in the record. */
  noteWritten(
    session: Session,
    state: StoredState,
    operations: readonly AccessOperation[],
    now: Moment,
  ): void {
    if (operations.length === 0) return;
    state.followAccess(now);
    const access = new SessionAccess(state.access ?? session[OPEN_ACCESS]());
    for (const operation of operations) {
      access.apply(operation, now.at, now.at + this.#registry.renewalGrace);
    }
    state.access = access;
    // The grace of the tokens that it replaces begins now, as in the record.
    this.applyAccess(session, state);
  }

  /** Takes over the times of a record. */
  takeTimes(
    session: Session,
    state: StoredState,
    times: SessionTimes,
    time: AnswerTime,
  ): void {
    this.#followAccess(session, state, time.now);
    const isTaken = state.takeTimes(times, time, session.lastModified);
    if (isTaken) this.takeTouch(session, times, time);
  }

  /** Gives a session the touch of its record, even an earlier one. */
  takeTouch(
    session: Session,
    times: SessionTimes,
    { sentAt, now }: AnswerTime,
  ): void {
    if (!this.isHere(session)) return;
    const offset = sentAt - times.now;
    session[RESTORE]({
      touchedAt: times.touchedAt + offset,
      deadline: times.deadline + offset,
    });
    this.states.get(session)?.noteTaken(session.lastModified, now);
  }

  /** Sets the deadline of a session in this process; its record stays as it is. */
  postpone(session: Session, milliseconds: number): void {
    if (!this.isHere(session)) return;
    const deadline = this.#registry.clock.now() + milliseconds;
    session[RESTORE]({ deadline });
  }

  /** Returns whether a session lives in this process: not ended, nor detached. */
  isHere(session: Session): boolean {
    return this.#registry.sessions.get(session.uid) === session;
  }

  /** Takes over the timeouts of a record, unless a change here is not written yet. */
  #refreshTimeouts(
    session: Session,
    state: StoredState,
    record: StoredSession,
    isFirst: boolean,
  ): void {
    for (const name of TIMEOUTS) {
      const isOwn = state[name] !== session[name] * 1000 ||
        state.sent?.[name] !== undefined;
      if (isOwn && !isFirst) continue;
      // A new session whose creation was repeated may have another timeout by now.
      if (!isFirst) setTimeoutOf(session, record, name);
      state[name] = record[name];
    }
  }
}

const TIMEOUTS = ["sessionTimeout", "absoluteTimeout"] as const;

function setTimeoutOf(
  session: Session,
  record: StoredSession,
  name: typeof TIMEOUTS[number],
): void {
  const seconds = record[name] / 1000;
  if (session[name] !== seconds) session[name] = seconds;
}

/**
 * Returns principal and tokens of a record.
 *
 * @param offset Milliseconds from the store's clock to this process's clock.
 */
function accessOf(record: StoredSession, offset: number): AccessState {
  const { authenticatedAt } = record;
  return {
    principal: record.principal,
    generation: record.generation,
    loginGeneration: record.loginGeneration,
    isRenewalDue: record.isRenewalDue,
    isRemembered: record.isRemembered,
    authenticatedAt: authenticatedAt === undefined
      ? undefined
      : authenticatedAt + offset,
    tokens: record.tokens.map(({ hash, generation, until }) => ({
      key: hash,
      generation,
      until: until + offset,
    })),
  };
}
