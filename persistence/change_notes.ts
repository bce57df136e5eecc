import type { Clock } from "../base/clock.ts";
import { readClock } from "../base/moment.ts";
import { describe } from "../base/describe.ts";
import { idOfCallback, idsAfter, joinCallbacks } from "./callback_changes.ts";
import { ReadValues } from "./read_values.ts";
import type { RecordLoader } from "./record_loader.ts";
import { maxSessionBytesOf, refuseLarge } from "./record_values.ts";
import type { StoredState } from "./stored_state.ts";
import { encodeStorable } from "./value_codec.ts";
import { LocalCallbacks } from "../registry/backends.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { Session, SessionChange } from "../session.ts";
import { checkCallbackCount } from "../session/named_callback.ts";
import { valuesOf } from "../session/session_parts.ts";
import { Alarm } from "../timing/expiry_queue.ts";

/** Records the changes of live sessions, for the next write of each. */
export class ChangeNotes {
  readonly #clock: Clock;
  readonly #loader: RecordLoader;
  readonly #schedule: WriteSchedule;
  /** The most bytes that the values of a session may take. */
  readonly #maxBytes: number;
  readonly #maxCallbacks: number;
  /** The named callbacks of sessions that end with their request. */
  readonly #unkept: LocalCallbacks;

  constructor(
    registry: SessionRegistry,
    loader: RecordLoader,
    schedule: WriteSchedule,
  ) {
    this.#clock = registry.clock;
    this.#loader = loader;
    this.#schedule = schedule;
    this.#maxBytes = maxSessionBytesOf(registry.options);
    this.#maxCallbacks = registry.maxCallbacks;
    this.#unkept = new LocalCallbacks(registry);
  }

  /**
   * Records a change in a session.
   *
   * @throws {TypeError} If no store can keep a changed value.
   * @throws {RangeError} If the values of the session would take too many bytes.
   */
  note(session: Session, change: SessionChange): void {
    const state = this.#loader.states.get(session);
    if (state === undefined) {
      if (change.kind === "callback") this.#unkept.change(session, change);
      return;
    }
    switch (change.kind) {
      case "touch":
        this.#schedule.noteTouched(session);
        state.touchAhead = readClock(this.#clock).ahead;
        return;
      case "value":
        noteValue(session, state, change, this.#maxBytes);
        break;
      case "delete":
        setPending(session, state, change.key, undefined);
        break;
      case "description":
        state.description = change.description;
        break;
      case "callback":
        noteCallback(session, state, change, this.#maxCallbacks);
        break;
      case "access":
        if (change.operation.kind === "login") {
          state.loginAhead = readClock(this.#clock).ahead;
        }
        state.operations = [...state.operations, change.operation];
    }
    this.noteNew(session);
  }

  /**
   * Records an object that the application gets. A change inside is written with
   * the request, or within a second without a request.
   */
  noteRead(
    session: Session,
    { key, value, isMade }: {
      readonly key: string;
      readonly value: object;
      readonly isMade: boolean;
    },
  ): void {
    const state = this.#loader.states.get(session);
    const text = state?.texts.get(key);
    if (state === undefined || text === undefined) return;
    const reads = state.reads ??= new ReadValues();
    if (isMade) reads.noteMade(value);
    reads.note(value, key, text);
    this.#schedule.noteRead(session);
  }

  /** Records that a session must be created, or has changes. */
  noteNew(session: Session): void {
    this.#schedule.noteChanged(session);
  }

  /** Returns whether a session has the named callback of an id, written or not. */
  hasCallback(session: Session, id: string): boolean {
    const state = this.#loader.states.get(session);
    return state !== undefined && callbackIdsOf(state).has(id);
  }
}

type ChangeOf<K extends SessionChange["kind"]> = SessionChange & {
  readonly kind: K;
};

/**
 * Records a value to write.
 *
 * @param limit The most bytes that the values of the session may take.
 * @throws {TypeError} If no store can keep the value.
 * @throws {RangeError} If the values of the session would take too many bytes.
 */
function noteValue(
  session: Session,
  state: StoredState,
  { key, value }: ChangeOf<"value">,
  limit: number,
): void {
  const { uid } = session;
  const act = `set ${describe(key)}`;
  const text = encodeStorable(value, act, uid);
  const room = { limit, texts: state.texts };
  const refusal = refuseLarge(room, { key, text, act, uid });
  if (refusal !== undefined) throw refusal;
  setPending(session, state, key, text);
}

/**
 * Records that a named callback is added, replaced or removed.
 *
 * @throws {TypeError} If no store can keep its argument.
 * @throws {RangeError} If the session has `maxCallbacks` callbacks.
 */
function noteCallback(
  session: Session,
  state: StoredState,
  { callback, isRemoved }: ChangeOf<"callback">,
  maxCallbacks: number,
): void {
  const { name } = callback;
  const act = `keep ${describe(name)}`;
  const argument = encodeStorable(callback.argument, act, session.uid);
  const one = { id: idOfCallback(callback), name, argument };
  const later = isRemoved
    ? { removedCallbacks: [one] }
    : { addedCallbacks: [one] };
  const changes = joinCallbacks(state.callbacks ?? {}, later);
  const ids = callbackIdsOf(state);
  if (!isRemoved && !ids.has(one.id)) {
    checkCallbackCount("notify on expire", session, ids.size, maxCallbacks);
  }
  state.callbacks = changes;
  if (isRemoved) state.removeKnownCallback(one.id);
  else state.addKnownCallback(one);
}

/** Returns the ids of the named callbacks of a session, once all is written. */
function callbackIdsOf(state: StoredState): ReadonlySet<string> {
  const { callbackIds, sent, callbacks = {} } = state;
  return idsAfter(
    sent === undefined ? callbackIds : idsAfter(callbackIds, sent),
    callbacks,
  );
}

/** Records a value to write; undefined if it must be deleted. */
function setPending(
  session: Session,
  state: StoredState,
  key: string,
  text: string | undefined,
): void {
  state.reads?.forget(valuesOf(session).get(key));
  state.inner?.delete(key);
  (state.values ??= new Map()).set(key, text);
  state.setText(key, text);
}

/** The longest that a touch outside of a request waits to be written, in ms. */
const TOUCH_WAIT = 1000;

/** Milliseconds before a failed write is repeated. */
const REPEAT_AFTER = 1000;

/** The sessions that must be written without a request, and the times for that. */
export class WriteSchedule {
  /** The sessions with new changes to write. */
  readonly changed: ReadonlySet<Session>;
  readonly #changed = new Set<Session>();
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #touched = new Set<Session>();
  /** Sessions whose last write failed; requests of other sessions do not wait. */
  readonly #failed = new Set<Session>();
  /** The writes under way, also of sessions that this process has forgotten. */
  readonly #underWay = new Map<Session, number>();
  #isStopped = false;

  /** @param write Writes a session; called for each one when the time has come. */
  constructor(clock: Clock, write: (session: Session) => void) {
    this.changed = this.#changed;
    this.#clock = clock;
    this.#alarm = new Alarm(clock, () => this.#waiting().forEach(write));
  }

  /** Whether writing without a request has stopped. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Records that a session must be created, or has changes: for the next turn. */
  noteChanged(session: Session): void {
    this.#changed.add(session);
    this.#writeIn(0);
  }

  /** Records that a session was touched. */
  noteTouched(session: Session): void {
    this.#touched.add(session);
    this.#writeIn(Math.min(TOUCH_WAIT, session.sessionTimeout * 250));
  }

  /** Records that the application may change a value inside. */
  noteRead(session: Session): void {
    this.#touched.add(session);
    this.#writeIn(TOUCH_WAIT);
  }

  /** Records that a write failed, and must be repeated. */
  noteFailed(session: Session): void {
    this.#failed.add(session);
    this.#writeIn(REPEAT_AFTER);
  }

  /** Records that a write begins with all changes of a session. */
  begin(session: Session): void {
    this.#changed.delete(session);
    this.#touched.delete(session);
  }

  /** Records that a write waits for the store. */
  noteBegun(session: Session): void {
    const count = this.#underWay.get(session) ?? 0;
    this.#underWay.set(session, count + 1);
  }

  /** Records that such a write has ended. */
  noteDone(session: Session): void {
    const count = this.#underWay.get(session) ?? 0;
    if (count > 1) this.#underWay.set(session, count - 1);
    else this.#underWay.delete(session);
  }

  /** Records that a failed write need not be repeated. */
  settle(session: Session): void {
    this.#failed.delete(session);
  }

  /** Forgets that a session has new changes. */
  dropChanges(session: Session): void {
    this.#changed.delete(session);
  }

  /** Forgets that a session was touched. */
  dropTouch(session: Session): void {
    this.#touched.delete(session);
  }

  /** Forgets a session. */
  forget(session: Session): void {
    this.begin(session);
    this.settle(session);
  }

  /** Stops the timer; returns the sessions that are not written yet. */
  stop(): Session[] {
    this.#isStopped = true;
    this.#alarm.clear();
    return [...new Set([...this.#waiting(), ...this.#underWay.keys()])];
  }

  #waiting(): Session[] {
    const all = [...this.#changed, ...this.#touched, ...this.#failed];
    return [...new Set(all)];
  }

  #writeIn(delay: number): void {
    if (!this.#isStopped) this.#alarm.setFor(this.#clock.now() + delay);
  }
}
