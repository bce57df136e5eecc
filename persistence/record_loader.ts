import { type AccessOperation, SessionAccess } from "../session/access.ts";
import {
  ACCESS_CHANGED,
  OPEN_ACCESS,
  RESTORE,
  SET_TIMES,
} from "../session/internals.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { Session } from "../session.ts";
import type { SessionTimes, StoredSession } from "../stores/store.ts";
import { idsAfter, NO_IDS } from "./callback_changes.ts";
import { accessOf, StoredState } from "./stored_state.ts";
import { decodeValues, refreshValues } from "./record_values.ts";

/**
 * Milliseconds by which a touch may be later than the touch in the record without
 * being written. The time of a touch is the arrival of its request.
 */
export const TOUCH_SLACK = 100;

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
    state.noteClock(this.#registry.clock);
    state.noteTime("touch", this.#registry.clock);
    this.states.set(session, state);
    return state;
  }

  /** Builds a live session from a record, and adopts it. */
  revive(record: StoredSession, sentAt: number): Session {
    const session = this.#registry.build(record.uid);
    this.#registry.adopt(session);
    this.track(session).isCreated = true;
    this.restore(session, record, sentAt);
    this.#registry.indexPrincipal(session, undefined);
    return session;
  }

  /** Restores a session that was just built from its record. */
  restore(session: Session, record: StoredSession, sentAt: number): void {
    const offset = sentAt - record.now;
    session[RESTORE]({
      createdAt: record.createdAt + offset,
      touchedAt: record.touchedAt + offset,
      isSecure: record.isSecure,
      access: accessOf(record, offset),
      values: decodeValues(record.values, session),
    });
    setTimeouts(session, record);
    const state = this.states.get(session);
    if (state === undefined) return;
    state.setTexts(record.values);
    state.noteTaken(session.lastModified, this.#registry.clock);
  }

  /** Brings a live session up to date with its record. */
  update(session: Session, record: StoredSession, sentAt: number): void {
    const state = this.states.get(session)!;
    const news = state.compare(record, sentAt, this.#registry.clock);
    if (news === "old") return this.#followAccess(session, state);
    if (news !== "known") this.#takeOver(session, state, record, sentAt);
    this.takeTimes(session, state, record, sentAt);
  }

  /** Takes over the changes of other processes in a record. */
  refresh(session: Session, record: StoredSession, sentAt: number): void {
    const state = this.states.get(session);
    if (state === undefined) return;
    const news = state.compare(record, sentAt, this.#registry.clock);
    if (news !== "new") return;
    this.#takeOver(session, state, record, sentAt);
  }

  #takeOver(
    session: Session,
    state: StoredState,
    record: StoredSession,
    sentAt: number,
  ): void {
    const { clock } = this.#registry;
    const step = state.stepOf(record, sentAt, clock.now());
    const isFirst = state.version === -1;
    this.#refreshTimeouts(session, state, record, isFirst);
    state.setVersion(record.version, clock);
    state.callbackIds = idsAfter(NO_IDS, {
      addedCallbacks: record.callbacks,
    });
    for (const one of record.callbacks) state.addKnownCallback(one);
    state.isStale = false;
    const login = state.access?.loginGeneration ?? 0;
    state.access = accessOf(record, sentAt - record.now);
    state.noteRead(record, sentAt, clock);
    if (isFirst) return;
    refreshValues(session, state, record);
    session[RESTORE]({ isSecure: record.isSecure });
    if (record.loginGeneration > login) {
      // A touch that is not written is that of a request with a superseded token.
      this.takeTouch(session, record, sentAt);
    }
    if (step !== 0) this.#setClock(session, state, record, sentAt);
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
    sentAt: number,
  ): void {
    const offset = sentAt - record.now;
    const { createdAt, touchedAt, deadline } = record;
    let last = touchedAt + offset;
    const { clock } = this.#registry;
    if (Math.abs(state.aheadOf(session.lastModified, clock)) > TOUCH_SLACK) {
      // A touch that is not written yet.
      const age = state.ageOf(session.lastModified * 1000, "touch", clock);
      last = Math.max(last, clock.now() - age);
    }
    session[RESTORE]({ createdAt: createdAt + offset, touchedAt: last });
    // From now on the times are those of the present clock.
    state.noteClock(clock);
    state.noteTime("touch", clock);
    if (!this.isHere(session)) return;
    session[SET_TIMES](last, deadline + last - touchedAt);
    if (last !== touchedAt + offset) return;
    state.noteTaken(session.lastModified, clock);
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
    session[ACCESS_CHANGED]();
  }

  /** Gives a session the times of its tokens by the clock as it is set now. */
  #followAccess(session: Session, state: StoredState): void {
    if (state.followAccess(this.#registry.clock)) {
      this.applyAccess(session, state);
    }
  }

  /** Records that changes of principal and tokens are in the record. */
  noteWritten(
    session: Session,
    state: StoredState,
    operations: readonly AccessOperation[],
  ): void {
    if (operations.length === 0) return;
    const { clock } = this.#registry;
    const now = clock.now();
    state.followAccess(clock);
    const access = new SessionAccess(state.access ?? session[OPEN_ACCESS]());
    for (const operation of operations) {
      access.apply(operation, now, now + this.#registry.renewalGrace);
    }
    state.access = access;
    // The grace of the tokens that it replaces begins now, as in the record.
    this.applyAccess(session, state);
  }

  /** Takes over the times of a record that was requested at `sentAt`. */
  takeTimes(
    session: Session,
    state: StoredState,
    times: SessionTimes,
    sentAt: number,
  ): void {
    const { clock } = this.#registry;
    this.#followAccess(session, state);
    const isLater = sentAt >= state.timesBy(clock);
    state.setTimes(times, sentAt, clock);
    const { lastModified } = session;
    // A newer touch here, which is not written yet, takes precedence. Another process
    // may have undone a touch that this one had loaded.
    const ahead = isLater
      ? state.aheadOf(lastModified, clock)
      : state.differenceOf(lastModified, clock);
    if (ahead <= TOUCH_SLACK) this.takeTouch(session, times, sentAt);
  }

  /** Gives a session the touch of its record, even an earlier one. */
  takeTouch(session: Session, times: SessionTimes, sentAt: number): void {
    if (!this.isHere(session)) return;
    const offset = sentAt - times.now;
    session[SET_TIMES](times.touchedAt + offset, times.deadline + offset);
    this.states.get(session)
      ?.noteTaken(session.lastModified, this.#registry.clock);
  }

  /** Sets the deadline of a session in this process; its record stays as it is. */
  postpone(session: Session, milliseconds: number): void {
    if (!this.isHere(session)) return;
    session[SET_TIMES](
      session.lastModified * 1000,
      this.#registry.clock.now() + milliseconds,
    );
  }

  /** Returns whether a session lives in this process: not ended, nor detached. */
  isHere(session: Session): boolean {
    return this.#registry.sessions.get(session.uid) === session;
  }

  #refreshTimeouts(
    session: Session,
    state: StoredState,
    record: StoredSession,
    isFirst: boolean,
  ): void {
    const { sent, isStale } = state;
    const isOwn = !isStale &&
      (state.sessionTimeout !== session.sessionTimeout * 1000 ||
        state.absoluteTimeout !== session.absoluteTimeout * 1000 ||
        sent?.sessionTimeout !== undefined ||
        sent?.absoluteTimeout !== undefined);
    if (!isFirst && isOwn) return;
    setTimeouts(session, record);
    state.sessionTimeout = record.sessionTimeout;
    state.absoluteTimeout = record.absoluteTimeout;
  }
}

function setTimeouts(session: Session, record: StoredSession): void {
  for (const name of ["sessionTimeout", "absoluteTimeout"] as const) {
    const seconds = record[name] / 1000;
    if (session[name] !== seconds) session[name] = seconds;
  }
}
