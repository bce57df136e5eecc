import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import { OPEN_ACCESS } from "../session/internals.ts";
import type { Session, SessionEndReason } from "../session.ts";
import type {
  ClaimedEnd,
  SessionStore,
  SessionTimes,
  StoredCallback,
} from "../stores/store.ts";
import { Alarm } from "../timing/expiry_queue.ts";
import {
  joinCallbacks,
  missingCallbacks,
  remainingCallbacks,
} from "./callback_changes.ts";
import { callHere } from "./end_calls.ts";
import { isLastRecord } from "./hold_records.ts";
import { ageOf } from "./pending_changes.ts";
import { NO_TOKEN } from "./record_calls.ts";
import type { RecordLoader } from "./record_loader.ts";
import type { RecordWriter } from "./record_writer.ts";
import type { StoreBreaker } from "./store_breaker.ts";
import type { StoredState } from "./stored_state.ts";

/** Milliseconds for which vanished sessions are collected into one report. */
const REPORT_AFTER = 100;

/**
 * The version of last records. A write of another process that is on its way names
 * that of the record which has vanished.
 */
const LAST_VERSION = 2 ** 40;

/** The most sessions that a report names. */
const MAX_NAMES = 5;

/** The objects that vanished sessions use. */
export interface VanishedSessionsParts {
  readonly store: SessionStore;
  readonly breaker: StoreBreaker;
  readonly loader: RecordLoader;
  readonly writer: RecordWriter;
  /** Milliseconds. */
  readonly lease: number;
  /** Ends a session in the store; returns undefined if it had ended there. */
  claim(
    uid: string,
    reason: SessionEndReason,
  ): MaybePromise<ClaimedEnd | undefined>;
}

/**
 * Sessions that are live here, and whose records are gone: a store was emptied or
 * has evicted them, or a failover has lost their creation.
 *
 * Only the store shows whether a session vanished or ended in another process: the
 * uid of an ended session stays taken for as long as the session can be live in any
 * process. So a process creates a new record that no token opens, and ends it. The
 * process whose creation succeeds delivers the end.
 */
export class VanishedSessions {
  readonly #registry: SessionRegistry;
  readonly #parts: VanishedSessionsParts;
  readonly #alarm: Alarm;
  readonly #unreported: Session[] = [];

  constructor(registry: SessionRegistry, parts: VanishedSessionsParts) {
    this.#registry = registry;
    this.#parts = parts;
    this.#alarm = new Alarm(registry.clock, () => this.report());
  }

  /**
   * Writes the end of a session whose record was not found, and claims it.
   *
   * @returns undefined if the session has not vanished, but ended in another
   * process; or if another process delivers the end of the vanished session.
   */
  claim(
    session: Session,
    reason: SessionEndReason,
  ): MaybePromise<ClaimedEnd | undefined> {
    const state = this.#parts.loader.states.get(session);
    if (state?.isCreated !== true) return undefined;
    const { writer: { left }, claim } = this.#parts;
    return proceed(
      left.createLast(session, () => this.#createLast(session, state)),
      (callbacks): MaybePromise<ClaimedEnd | undefined> => {
        if (callbacks === undefined) return undefined;
        return proceed(claim(session.uid, reason), (claim) => {
          if (claim !== undefined) this.adopt(session, claim);
          return claim;
        });
      },
    );
  }

  /**
   * Calls the named callbacks that a session has here and its last record lacks, at
   * its end: another process has created the record.
   */
  adopt(session: Session, { session: record, failingSince }: ClaimedEnd): void {
    const state = this.#parts.loader.states.get(session);
    if (state === undefined || !isLastRecord(record)) return;
    // Another process has called some of them, which the record lacks now.
    if (failingSince !== undefined) return;
    const known = { addedCallbacks: [...state.knownCallbacks.values()] };
    const own = joinCallbacks(known, state.callbacks ?? {});
    for (const id of state.knownCallbacks.keys()) state.removeKnownCallback(id);
    state.callbacks = undefined;
    const missing = missingCallbacks(own, record.callbacks);
    callHere(session, remainingCallbacks(missing));
  }

  /** Reports a session that has vanished, soon and together with others. */
  note(session: Session): void {
    this.#unreported.push(session);
    this.#alarm.setFor(this.#registry.clock.now() + REPORT_AFTER);
  }

  /** Creates the last record of a session, whose end calls its callbacks. */
  #createLast(
    session: Session,
    state: StoredState,
  ): MaybePromise<readonly StoredCallback[] | undefined> {
    // A write that is under way must not reach the last record.
    const creating = state.whenIdle(() => this.#create(session, state));
    return proceed(creating, (callbacks) => {
      if (callbacks === undefined) return undefined;
      state.lastCallbacks = callbacks;
      state.areCallbacksUnsure = false;
      const left = missingCallbacks(state.callbacks ?? {}, callbacks);
      state.callbacks = Object.keys(left).length === 0 ? undefined : left;
      this.note(session);
      return callbacks;
    });
  }

  /**
   * Sends the last record of a session.
   *
   * @returns the named callbacks of the last record, which another process may have
   * created before; undefined if there is none.
   */
  #create(
    session: Session,
    state: StoredState,
  ): MaybePromise<readonly StoredCallback[] | undefined> {
    const { store, breaker, lease } = this.#parts;
    const { uid } = session;
    const now = this.#registry.clock.now();
    const { tokens: _, ...access } = session[OPEN_ACCESS]();
    const callbacks = [...state.knownCallbacks.values()];
    const ask = () =>
      store.create({
        uid,
        age: Math.max(0, now - session.createdAt * 1000),
        idle: 0,
        loginAge: ageOf(access.authenticatedAt, now),
        tokens: [],
        generation: access.generation,
        loginGeneration: access.loginGeneration,
        isRenewalDue: false,
        isRemembered: access.isRemembered,
        isSecure: session.isSecure,
        principal: access.principal,
        // It ends by itself if this process dies before the next step.
        sessionTimeout: lease,
        absoluteTimeout: Infinity,
        values: state.texts,
        callbacks,
        version: LAST_VERSION,
      });
    // The client of the store may have sent an earlier call twice.
    const find = () =>
      proceed(
        breaker.call(() => store.load(uid, NO_TOKEN)),
        (record) => record?.callbacks,
      );
    const failed = (error: unknown): never => {
      state.areCallbacksUnsure = true;
      throw error;
    };
    try {
      const answer = breaker.call(ask);
      const taken = (times: SessionTimes | undefined) =>
        times === undefined ? find() : callbacks;
      return isPromiseLike(answer) ? answer.then(taken, failed) : taken(answer);
    } catch (error) {
      return failed(error);
    }
  }

  /** Reports the sessions that have vanished since the last report. */
  report(): void {
    this.#alarm.clear();
    const sessions = this.#unreported.splice(0);
    const [first] = sessions;
    if (first === undefined) return;
    const names = sessions.slice(0, MAX_NAMES).map(({ uid }) => `"${uid}"`);
    const more = sessions.length - names.length;
    if (more > 0) names.push(`${more} more`);
    const noun = sessions.length === 1
      ? "A session has"
      : `${sessions.length} sessions have`;
    this.#registry.site.reportError(
      new Error(
        `${noun} vanished from the store, and ended here: ${names.join(", ")}`,
      ),
      { session: first },
    );
  }
}
