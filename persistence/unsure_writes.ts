import { readClock } from "../base/moment.ts";
import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { AccessOperation } from "../session/access.ts";
import type { Session } from "../session.ts";
import type {
  LoadedSession,
  SessionChanges,
  StoredCallback,
} from "../stores/store.ts";
import { type CallbackChanges, joinCallbacks } from "./callback_changes.ts";
import { accessChangeOf, joinChanges, missingFrom } from "./pending_changes.ts";
import type { RecordCalls, SessionWritesParts } from "./record_calls.ts";
import type { StoredState } from "./stored_state.ts";
import { unkept } from "./store_breaker.ts";

/** The most tries of a fence: other processes may change the record meanwhile. */
const MAX_TRIES = 5;

/** A change that only raises the version; the store then refuses earlier writes. */
const FENCE: SessionChanges = { values: new Map() };

/** Settles writes whose outcome is unknown. */
export class UnsureWrites {
  readonly #registry: SessionRegistry;
  readonly #parts: SessionWritesParts;
  readonly #calls: RecordCalls;

  constructor(
    registry: SessionRegistry,
    parts: SessionWritesParts,
    calls: RecordCalls,
  ) {
    this.#registry = registry;
    this.#parts = parts;
    this.#calls = calls;
  }

  /** Keeps a write outside of requests whose outcome is unknown. */
  keep(
    state: StoredState,
    write: {
      readonly changes: SessionChanges;
      readonly operations: readonly AccessOperation[];
      readonly version: number;
    },
  ): void {
    const { unsure } = state;
    state.unsure = {
      changes: joinChanges(unsure?.changes ?? {}, write.changes),
      operations: [...unsure?.operations ?? [], ...write.operations],
      version: unsure?.version ?? write.version,
    };
  }

  /** Determines the outcome of an unsure write; repeats or drops the write. */
  settle(
    session: Session,
    state: StoredState,
    tries = 1,
  ): MaybePromise<void> {
    const { unsure } = state;
    if (unsure === undefined) return;
    const { clock } = this.#registry;
    const sent = readClock(clock);
    const settling = proceed(
      this.#calls.load(session),
      (record): MaybePromise<void> => {
        if (record === undefined) return this.#settleOver(session, state);
        const isMovedOn = record.version !== unsure.version;
        const missing = missingFrom(unsure.changes, record);
        const [callbacks, lost] = this.#callbacksOf(missing, record);
        const again = isMovedOn
          ? callbacks
          : this.#repeated(session, state, unsure);
        if (isMovedOn) {
          // Until the store answers, the callbacks are still to be written.
          state.unsure = { changes: again, operations: [], version: -1 };
          state.isStale = true;
          if (missing.access !== undefined) {
            this.#parts.loader.drop(unsure.operations);
          }
          this.#parts.loader.update(session, record, sent.answered(clock));
          const { addedCallbacks: _, removedCallbacks: __, ...others } =
            missing;
          this.#calls.left.report(
            session,
            { ...others, ...lost },
            "others have changed it since",
          );
        }
        return proceed(
          this.#calls.send(session, state, {
            changes: Object.keys(again).length === 0 ? FENCE : again,
            operations: isMovedOn ? [] : unsure.operations,
            conditions: { version: record.version },
          }),
          (times): MaybePromise<void> => {
            if (times?.isRefused) {
              if (tries === MAX_TRIES) throw unkept();
              return this.settle(session, state, tries + 1);
            }
            state.unsure = undefined;
            if (times !== undefined) return;
            this.#parts.onOver(session);
            this.#calls.left.report(session, again, "it has ended");
          },
        );
      },
    );
    return isPromiseLike(settling) ? state.track(settling) : settling;
  }

  /**
   * Splits changes of callbacks into those to repeat even if another process has
   * changed the record, and those that are lost, since it may have replaced them.
   */
  #callbacksOf(
    { addedCallbacks = [], removedCallbacks = [] }: CallbackChanges,
    { callbacks }: LoadedSession,
  ): [CallbackChanges, CallbackChanges] {
    const isReplaced = ({ id }: StoredCallback) =>
      addedCallbacks.some((one) => one.id === id) &&
      callbacks.some((one) => one.id === id);
    const those = (isLost: boolean) =>
      joinCallbacks({}, {
        addedCallbacks: addedCallbacks.filter((one) =>
          isReplaced(one) === isLost
        ),
        removedCallbacks: removedCallbacks.filter((one) =>
          isReplaced(one) === isLost
        ),
      });
    return [those(false), those(true)];
  }

  /** Returns a write to repeat, with the login's present age. */
  #repeated(
    session: Session,
    state: StoredState,
    { changes, operations }: {
      readonly changes: SessionChanges;
      readonly operations: readonly AccessOperation[];
    },
  ): SessionChanges {
    if (operations.length === 0) return changes;
    const access = accessChangeOf(session, state, {
      operations,
      grace: this.#registry.renewalGrace,
    });
    // A login is access.
    const { loginAge } = access;
    const touch = loginAge === undefined ? {} : { idle: loginAge };
    return { ...changes, ...touch, access };
  }

  #settleOver(session: Session, state: StoredState): void {
    const { unsure } = state;
    state.unsure = undefined;
    this.#parts.onOver(session);
    if (unsure !== undefined) {
      this.#calls.left.report(session, unsure.changes, "it has ended");
    }
  }
}
