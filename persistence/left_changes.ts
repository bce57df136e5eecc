import type { Session } from "../session.ts";
import type {
  SessionChanges,
  StoredCallback,
  StoredSession,
} from "../stores/store.ts";
import {
  type CallbackChanges,
  callbackChangesOf,
  remainingCallbacks,
} from "./callback_changes.ts";
import { callHere } from "./end_calls.ts";
import {
  describeChanges,
  joinChanges,
  missingFrom,
} from "./pending_changes.ts";
import type { RecordLoader } from "./record_loader.ts";
import type { StoredState } from "./stored_state.ts";

/** Resolves with the named callbacks of a last record, if there is one. */
export type LastCreation = Promise<readonly StoredCallback[] | undefined>;

/**
 * Takes the changes that are left when a session ends, and that its record lacks:
 * named callbacks are called by this process, lost changes are reported.
 */
export class LeftChanges {
  readonly #loader: RecordLoader;
  /** The creations of last records that have no answer yet. */
  readonly #creations = new Map<Session, LastCreation>();

  constructor(loader: RecordLoader) {
    this.#loader = loader;
  }

  /**
   * Calls the named callbacks of an ended session that were not sent to the store,
   * once the creation of its last record has an answer: the record may have them.
   */
  callCallbacks(session: Session): void {
    const call = () => callHere(session, this.takeCallbacks(session));
    const creation = this.#creations.get(session);
    if (creation === undefined) call();
    else creation.then(call, call);
  }

  /** Creates the last record of a session, unless that is under way. */
  createLast(
    session: Session,
    create: () => LastCreation | Awaited<LastCreation>,
  ): LastCreation | Awaited<LastCreation> {
    const underWay = this.#creations.get(session);
    if (underWay !== undefined) return underWay;
    const creation = create();
    if (!(creation instanceof Promise)) return creation;
    const done = () => void this.#creations.delete(session);
    this.#creations.set(session, creation);
    creation.then(done, done);
    return creation;
  }

  /**
   * Returns the named callbacks of a session that were not sent to the store, and
   * sends them no more. Reports those of a write whose outcome is unknown.
   */
  takeCallbacks(session: Session): readonly StoredCallback[] {
    const state = this.#stateOf(session);
    if (state === undefined) return [];
    if (state.unsure !== undefined) {
      // Another process may call them, or not.
      this.report(
        session,
        callbackChangesOf(state.unsure.changes),
        "it has ended",
      );
    }
    if (state.callbacks === undefined) return [];
    const callbacks = uncalled(state.callbacks, state);
    state.callbacks = undefined;
    forget(callbacks, state);
    if (!state.areCallbacksUnsure) return callbacks;
    // The record may have them: its creation was sent, and not answered.
    this.report(session, { addedCallbacks: callbacks }, "it has ended");
    return [];
  }

  /**
   * Returns the named callbacks that the last record of an ended session lacks, and
   * reports the values that it lacks.
   */
  takeMissing(
    session: Session,
    record: StoredSession,
  ): readonly StoredCallback[] {
    const state = this.#stateOf(session);
    if (state === undefined) return [];
    const { unsure, callbacks, values } = state;
    const own = { ...callbacks, ...values === undefined ? {} : { values } };
    const all = joinChanges(unsure?.changes ?? {}, own);
    const missing = missingFrom(all, record);
    state.unsure = state.callbacks = state.values = undefined;
    state.areValuesDropped = true;
    this.report(
      session,
      missing.values === undefined ? {} : { values: missing.values },
      "it has ended",
    );
    const left = uncalled(missing, state);
    forget(left, state);
    return left;
  }

  /** Drops the named callbacks that wait for the end of a session, and reports them. */
  dropCallbacks(session: Session, why: string): void {
    const state = this.#stateOf(session);
    if (state === undefined) return;
    const { callbacks = {} } = state;
    state.callbacks = undefined;
    state.hasCallbacksLeft = false;
    this.report(session, callbacks, why);
  }

  /**
   * Drops the values of a session that are not written, or whose write has no answer,
   * and reports them: the session has ended.
   */
  dropValues(session: Session): void {
    const state = this.#stateOf(session);
    if (state === undefined) return;
    // A write that is under way may give its values back.
    state.areValuesDropped = true;
    const { unsure, values: own = [] } = state;
    const { values: sent = [], ...others } = unsure?.changes ?? {};
    if (unsure !== undefined) state.unsure = { ...unsure, changes: others };
    state.values = undefined;
    const values = new Map([...sent, ...own]);
    this.report(session, { values }, "it has ended");
  }

  /**
   * Reports lost changes, and counts them as dropped. Those of principal and tokens
   * are known by their request.
   */
  report(session: Session, changes: SessionChanges, why: string): void {
    const names = describeChanges(changes);
    if (names === undefined) return;
    const { access: _, ...others } = changes;
    const state = this.#stateOf(session);
    if (state !== undefined && describeChanges(others) !== undefined) {
      state.drops++;
    }
    session.site.reportError(
      new Error(`Cannot keep ${names} of session "${session.uid}": ${why}`),
      { session },
    );
  }

  #stateOf(session: Session): StoredState | undefined {
    return this.#loader.states.get(session);
  }
}

/**
 * Returns the callbacks that changes add, and that are not called yet: the end of a
 * vanished session may have called those of a write that was on its way.
 */
function uncalled(
  changes: CallbackChanges,
  { knownCallbacks }: StoredState,
): StoredCallback[] {
  return remainingCallbacks(changes).filter(({ id }) => knownCallbacks.has(id));
}

/** Forgets callbacks that are called: an answer to a claim may still come. */
function forget(
  callbacks: readonly StoredCallback[],
  state: StoredState,
): void {
  for (const { id } of callbacks) state.removeKnownCallback(id);
}
