import { readClock } from "../base/moment.ts";
import { type MaybePromise, proceed } from "../base/promises.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import { OPEN_ACCESS } from "../session/internals.ts";
import type { Session } from "../session.ts";
import type { SessionStore, SessionTimes } from "../stores/store.ts";
import { loginAgeOf, putBack, takeChanges } from "./pending_changes.ts";
import { remainingCallbacks } from "./callback_changes.ts";
import type { RecordCalls } from "./record_calls.ts";
import type { StoredState } from "./stored_state.ts";

/** Creates the records of new sessions. */
export class RecordCreation {
  readonly #registry: SessionRegistry;
  readonly #store: SessionStore;
  readonly #calls: RecordCalls;

  constructor(
    registry: SessionRegistry,
    { store, calls }: {
      readonly store: SessionStore;
      readonly calls: RecordCalls;
    },
  ) {
    this.#registry = registry;
    this.#store = store;
    this.#calls = calls;
  }

  /**
   * Creates the record of a session.
   *
   * @param save Writes the changes if the record existed already. The state of the
   * record is unknown then.
   */
  create(
    session: Session,
    state: StoredState,
    save: () => MaybePromise<void>,
  ): MaybePromise<void> {
    const { clock } = this.#registry;
    const sent = readClock(clock);
    const changes = takeChanges(session, state, this.#registry.renewalGrace) ??
      {};
    const open = session[OPEN_ACCESS]();
    const access = { ...open, tokens: [...open.tokens] };
    const { tokens } = access;
    const values = new Map<string, string>();
    for (const [key, value] of changes.values ?? []) {
      if (value !== undefined) values.set(key, value);
    }
    const wasInDoubt = state.isInDoubt;
    /** Takes over the record of an earlier call, which may lack later changes. */
    const takeOver = (): MaybePromise<void> => {
      state.isInDoubt = false;
      state.isCreated = true;
      if (changes.addedCallbacks !== undefined) state.areCallbacksUnsure = true;
      putBack(state, changes);
      state.unsure = { changes: {}, operations: [], version: -1 };
      return save();
    };
    const created = (times: SessionTimes | undefined): MaybePromise<void> => {
      state.sent = undefined;
      if (times !== undefined) {
        state.isInDoubt = state.areCallbacksUnsure = false;
        state.isCreated = true;
        const time = sent.answered(clock);
        state.setVersion(times.version, time.now);
        state.access = { ...access, tokens };
        state.noteRead(times, time);
        // The clock may have been set since the session began.
        state.accessAhead = state.loginAhead;
        if (access.authenticatedAt !== undefined) {
          state.loginWrittenAt = time.now.steady;
        }
        this.#calls.noteCallbacks(session, state, changes);
        return this.#calls.written(session, state, times, time);
      }
      if (wasInDoubt) return takeOver();
      // The client of the store may have sent this call twice.
      return proceed(this.#calls.load(session), (record) => {
        // Without a record the session has been created, and has ended.
        const isOwn = record?.tokens.some(({ hash }) =>
          hash === tokens[0]?.key
        ) ?? true;
        if (isOwn) return takeOver();
        state.isInDoubt = false;
        throw new Error(
          `Cannot keep session "${session.uid}": the store refuses its uid`,
        );
      });
    };
    const failed = (error: unknown): never => {
      state.sent = undefined;
      if (changes.addedCallbacks !== undefined) state.areCallbacksUnsure = true;
      putBack(state, changes);
      throw error;
    };
    const { createdAt, lastModified } = session;
    const ageOf = (seconds: number, ahead: number) =>
      Math.max(0, sent.steady - (seconds * 1000 - ahead));
    const age = ageOf(createdAt, state.createdAhead);
    // Most sessions have no touch but the first.
    const idle = lastModified === createdAt
      ? age
      : ageOf(lastModified, state.touchAhead);
    state.isInDoubt = true;
    state.sent = changes;
    return this.#calls.call(session, state, {
      ask: () =>
        this.#store.create({
          uid: session.uid,
          age,
          idle: Math.min(age, idle),
          loginAge: loginAgeOf(session, state),
          tokens: tokens.map(({ key, generation, until }) => ({
            hash: key,
            generation,
            until,
          })),
          generation: access.generation,
          loginGeneration: access.loginGeneration,
          isRenewalDue: access.isRenewalDue,
          isRemembered: access.isRemembered,
          isSecure: session.isSecure,
          principal: access.principal,
          sessionTimeout: state.sessionTimeout,
          absoluteTimeout: state.absoluteTimeout,
          values,
          callbacks: remainingCallbacks(changes),
          ...changes.description === undefined
            ? {}
            : { description: changes.description },
        }),
      done: created,
      failed,
    });
  }
}
