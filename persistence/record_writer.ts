import type { Clock } from "../base/clock.ts";
import {
  attempt,
  isPromiseLike,
  type MaybePromise,
  proceed,
  settleAll,
} from "../base/promises.ts";
import { isRefusing } from "../registry/session_limits.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import { DETACH } from "../session/internals.ts";
import type { Session } from "../session.ts";
import { maxSessionBytesOf, noteInnerChanges } from "./record_values.ts";
import { RecordCalls, type SessionWritesParts } from "./record_calls.ts";
import type { LeftChanges } from "./left_changes.ts";
import { touchRecord } from "./record_touches.ts";
import { endWithin, ValueUpdates } from "./value_updates.ts";
import { ChangeNotes, WriteSchedule } from "./change_notes.ts";
import type { WriteOptions } from "./pending_changes.ts";
import { SessionWrites } from "./session_writes.ts";
import type { StoredState } from "./stored_state.ts";
import { unkept } from "./store_breaker.ts";

/**
 * Records the changes of live sessions and writes them: those of a request before
 * its response leaves, others in the next turn, touches within a second.
 */
export class RecordWriter {
  /** Records the changes to write. */
  readonly notes: ChangeNotes;
  /** What no record has when a session ends. */
  readonly left: LeftChanges;
  /** The sessions with new changes to write. */
  readonly changed: ReadonlySet<Session>;
  readonly #registry: SessionRegistry;
  readonly #clock: Clock;
  readonly #parts: SessionWritesParts;
  readonly #calls: RecordCalls;
  readonly #writes: SessionWrites;
  readonly #updates: ValueUpdates;
  readonly #schedule: WriteSchedule;
  /** The most bytes that the values of a session may take. */
  readonly #maxBytes: number;

  constructor(registry: SessionRegistry, parts: SessionWritesParts) {
    this.#registry = registry;
    this.#maxBytes = maxSessionBytesOf(registry.options);
    this.#clock = registry.clock;
    this.#parts = parts;
    const calls = this.#calls = new RecordCalls(registry.clock, parts);
    this.left = calls.left;
    this.#writes = new SessionWrites(registry, parts, calls);
    this.#updates = new ValueUpdates(registry, parts, calls);
    const schedule = this.#schedule = new WriteSchedule(
      this.#clock,
      (session) => this.#saveInTurn(session),
    );
    this.changed = schedule.changed;
    this.notes = new ChangeNotes(registry, parts.loader, schedule);
  }

  /** Replaces a value by a new one that is computed from it, in one step. */
  async update(
    session: Session,
    key: string,
    compute: () => unknown,
  ): Promise<unknown> {
    const state = this.#parts.loader.states.get(session);
    if (state === undefined) {
      // The session ends with its request, and has no record.
      const value = compute();
      session.set(key, value);
      return value;
    }
    this.#noteInnerChanges(session, state);
    const isSuperseded = () => this.#parts.visits.areSuperseded(session);
    const save = () => this.flush(session, { isSuperseded });
    return await this.#updates.update(session, state, { key, compute, save });
  }

  /** Returns whether a session has a record, or one is being created. */
  isInStore(session: Session): boolean {
    return this.#parts.loader.states.get(session)?.mayBeInStore === true;
  }

  /**
   * Writes the changes of a session before a response leaves. If that fails, the
   * changes are dropped.
   *
   * @throws {HttpError} 503 if a login or another process has superseded the
   * changes; otherwise the error of the store.
   */
  flush(
    session: Session,
    options: Omit<WriteOptions, "isRequest"> = {},
  ): MaybePromise<void> {
    return this.#save(session, { ...options, isRequest: true });
  }

  /** Drops the changes of a request that is refused. */
  drop(session: Session, why: string): void {
    this.#schedule.dropChanges(session);
    const state = this.#parts.loader.states.get(session);
    if (state !== undefined) this.#writes.drop(session, state, why);
  }

  /** Determines the outcome of an unsure write; never fails. */
  settle(session: Session): MaybePromise<void> {
    const state = this.#parts.loader.states.get(session);
    if (state?.unsure === undefined) return;
    const settling = attempt(() => this.#writes.settle(session, state));
    if (isPromiseLike(settling)) return settling.catch(() => {});
  }

  /** Ensures that the store has all data that the end of a session needs. */
  prepareEnd(session: Session): MaybePromise<void> {
    const state = this.#parts.loader.states.get(session);
    if (state === undefined) return;
    const hasValues = !state.areValuesDropped &&
      !this.#parts.visits.areSuperseded(session);
    return this.#writes.prepareEnd(session, state, hasValues);
  }

  /**
   * Touches the record of a session whose end is due soon.
   *
   * @param isWanted Called when the end is due soon, and again if another process has
   * changed the record meanwhile.
   */
  extend(session: Session, within: number, isWanted: () => boolean): void {
    const state = this.#parts.loader.states.get(session);
    if (!state?.isCreated || !session.isActive) return;
    if (session.expiresAt * 1000 - this.#clock.now() > within) return;
    if (state.writing !== undefined || !isWanted()) return;
    const touch = { session, state, isWanted };
    const touching = attempt(() => touchRecord(this.#calls, touch));
    // Other writes wait, also while the record is loaded. A touch that fails is
    // tried again with the next extension.
    if (isPromiseLike(touching)) {
      state.track(touching).catch(this.#reporter(session));
    }
  }

  /** Forgets the changes of a session that has ended. */
  forget(session: Session): void {
    this.#schedule.forget(session);
  }

  /** Removes a session from this process; its changes are still written. */
  detach(session: Session): void {
    this.#schedule.dropTouch(session);
    session[DETACH]();
    this.#registry.remove(session);
  }

  /** Returns whether a session has an unwritten login that may be refused. */
  mayBeRefused(session: Session): boolean {
    return isRefusing(this.#registry.options) &&
      this.#parts.visits.areLoggingIn(session);
  }

  /** Writes a session without a request. */
  saveSoon(session: Session): void {
    // The request that logs in writes it, or drops it.
    if (this.mayBeRefused(session)) return this.#schedule.noteTouched(session);
    const isSuperseded = () => this.#parts.visits.areSuperseded(session);
    const saving = attempt(() =>
      this.#save(session, { isRequest: false, isSuperseded })
    );
    // Changes that wait for a superseded request may be those of no request.
    if (isSuperseded()) this.#schedule.noteTouched(session);
    if (isPromiseLike(saving)) saving.catch(this.#reporter(session));
  }

  /** Writes the remaining changes, and detaches all sessions. */
  halt(): Promise<unknown> {
    const left = this.#schedule.stop();
    const writes = left.map((session) => this.#saveLast(session));
    for (const session of this.#registry.sessions.values()) {
      this.detach(session);
    }
    return settleAll(writes);
  }

  /** Writes the remaining changes of a session; reports those that stay unwritten. */
  async #saveLast(session: Session): Promise<void> {
    const isSuperseded = () => this.#parts.visits.areSuperseded(session);
    try {
      await this.#save(session, { isRequest: false, isSuperseded });
      if (isSuperseded()) this.reportLeft(session, "the sessions are closed");
    } catch (error) {
      await this.settle(session);
      this.reportLeft(session, "the sessions are closed");
      throw error;
    }
  }

  /** Reports the changes of a session that are not written, and drops them. */
  reportLeft(session: Session, why: string): void {
    const state = this.#parts.loader.states.get(session);
    if (state !== undefined) this.#writes.reportLeft(session, state, why);
  }

  #save(session: Session, options: WriteOptions): MaybePromise<void> {
    this.#schedule.begin(session);
    const state = this.#parts.loader.states.get(session);
    if (state === undefined) return;
    const done = (): MaybePromise<void> => {
      const isLeft = state.hasCallbacksLeft && session.isActive;
      if (isLeft && this.#schedule.isStopped) {
        this.left.dropCallbacks(session, "the sessions are closed");
      }
      if (state.unsure === undefined && !isLeft) this.#schedule.settle(session);
      else this.#failLater(session);
      if (isLeft && options.isRequest) return this.#callLeft(session, state);
    };
    const failed = (error: unknown): never => {
      this.#failLater(session);
      throw error;
    };
    // A request under way may be in the middle of a change.
    const isMeanwhile = !options.isRequest && this.#parts.visits.has(session);
    if (state.reads !== undefined && !isMeanwhile) {
      const error = this.#noteInnerChanges(session, state);
      if (error !== undefined && options.isRequest) throw unkept(error);
    }
    let saving: MaybePromise<void>;
    try {
      saving = this.#writes.save(session, state, options);
    } catch (error) {
      return failed(error);
    }
    if (!(saving instanceof Promise)) return done();
    this.#schedule.noteBegun(session);
    return saving.then(() => {
      this.#schedule.noteDone(session);
      return done();
    }, (error) => {
      this.#schedule.noteDone(session);
      return failed(error);
    });
  }

  /**
   * Waits until a session that is over in the store has ended here, which calls the
   * named callbacks that its record did not get.
   *
   * @throws {HttpError} 503 if that takes too long. Then they are reported.
   */
  #callLeft(session: Session, state: StoredState): MaybePromise<void> {
    const { check, timeout } = this.#parts;
    const { drops } = state;
    check(session);
    const ending = session.isActive ? endWithin(session, timeout) : undefined;
    return proceed<unknown, void>(ending, () => {
      if (session.isActive && state.hasCallbacksLeft) {
        this.left.dropCallbacks(session, "its request was answered 503");
      }
      if (state.drops !== drops) throw unkept();
    });
  }

  #noteInnerChanges(session: Session, state: StoredState): unknown {
    if (state.reads === undefined) return undefined;
    const isLast = !this.#parts.visits.has(session);
    const maxBytes = this.#maxBytes;
    return noteInnerChanges(session, state, { isLast, maxBytes });
  }

  /** Settles a failed write at once if possible; otherwise repeats it later. */
  #failLater(session: Session): void {
    this.#schedule.noteFailed(session);
    const state = this.#parts.loader.states.get(session);
    const { isOpen } = this.#parts.breakers.of(session.uid);
    if (state?.unsure === undefined || isOpen) return;
    const settling = this.settle(session);
    const settled = () => {
      if (state.unsure === undefined) this.#schedule.settle(session);
    };
    if (isPromiseLike(settling)) settling.then(settled);
    else settled();
  }

  /** Writes a session, or keeps its changes for later if the store is away. */
  #saveInTurn(session: Session): void {
    if (!this.#parts.breakers.of(session.uid).isOpen) {
      return this.saveSoon(session);
    }
    this.#schedule.dropChanges(session);
    this.#schedule.noteFailed(session);
    const state = this.#parts.loader.states.get(session);
    if (state !== undefined) this.#writes.postpone(session, state);
  }

  #reporter(session: Session): (error: unknown) => void {
    return (error) =>
      this.#parts.breakers.of(session.uid).report(error, { session });
  }
}
