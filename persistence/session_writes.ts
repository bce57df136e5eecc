import {
  attempt,
  isPromiseLike,
  type MaybePromise,
  proceed,
} from "../base/promises.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { AccessOperation } from "../session/access.ts";
import type { Session } from "../session.ts";
import type { SessionChanges } from "../stores/store.ts";
import { splitByName } from "./callback_changes.ts";
import {
  joinChanges,
  type PendingWrite,
  takeChanges,
  type WriteOptions,
} from "./pending_changes.ts";
import type { RecordCalls, SessionWritesParts } from "./record_calls.ts";
import { type CommitContext, RecordCommit } from "./record_commit.ts";
import { RecordCreation } from "./record_creation.ts";
import { touchToWrite } from "./record_touches.ts";
import type { StoredState } from "./stored_state.ts";
import { unkept } from "./store_breaker.ts";
import { UnsureWrites } from "./unsure_writes.ts";

/**
 * Writes the changes of one session, one write at a time.
 *
 * A write names the version of the record that it is based on. If another process
 * has changed the record since, the store refuses the write; then the record is
 * loaded and the write is decided again. The outcome of a write without an answer
 * is unknown. The store refuses such a write after the timeout, and after the next
 * fence: a change that raises the version. Changes of a failed request are dropped.
 * Others are repeated, unless the record has changed since.
 */
export class SessionWrites {
  readonly #parts: SessionWritesParts;
  readonly #calls: RecordCalls;
  readonly #unsure: UnsureWrites;
  readonly #creation: RecordCreation;
  readonly #context: CommitContext;
  readonly #grace: number;

  constructor(
    registry: SessionRegistry,
    parts: SessionWritesParts,
    calls: RecordCalls,
  ) {
    this.#grace = registry.renewalGrace;
    this.#parts = parts;
    this.#calls = calls;
    const unsure = this.#unsure = new UnsureWrites(registry, parts, calls);
    const { store } = parts;
    this.#creation = new RecordCreation(registry, { store, calls });
    this.#context = {
      ...{ parts, calls, unsure, grace: this.#grace },
      drop: (...one) => this.#drop(...one),
      saveAccess: (...one) => this.#saveAccess(...one),
    };
  }

  /** Writes the changes of a session, once its earlier writes are done. */
  save(
    session: Session,
    state: StoredState,
    options: WriteOptions,
  ): MaybePromise<void> {
    if (state.writing !== undefined) {
      return state.whenIdle(() => this.save(session, state, options));
    }
    if (state.isCreated) return this.#saveSettled(session, state, options);
    if (session.isActive) return this.#create(session, state, options);
  }

  /** Determines the outcome of an unsure write; repeats or drops the write. */
  settle(session: Session, state: StoredState): MaybePromise<void> {
    return state.whenIdle(() => {
      if (state.unsure !== undefined && session.isActive) {
        return this.#unsure.settle(session, state);
      }
    });
  }

  /** Ensures that the store has a session, its named callbacks and values. */
  prepareEnd(
    session: Session,
    state: StoredState,
    hasValues: boolean,
  ): MaybePromise<void> {
    return state.whenIdle(() => {
      const commit = () => this.#calls.commitLast(session, state, hasValues);
      if (!state.isInDoubt || state.isCreated) return commit();
      const creating = this.#create(session, state, { isRequest: false });
      return proceed(creating, commit);
    });
  }

  /** Keeps waiting changes for later. They do not overwrite newer ones. */
  postpone(session: Session, state: StoredState): void {
    if (!state.isCreated || !session.isActive) return;
    // The outcome of an earlier write is being determined.
    if (state.writing !== undefined) return;
    const { operations } = state;
    const changes = takeChanges(session, state, this.#grace);
    if (changes !== undefined) {
      this.#unsure.keep(state, { changes, operations, version: state.version });
    }
  }

  /** Drops a refused login and the other waiting changes, which are reported. */
  drop(session: Session, state: StoredState, why: string): void {
    const { operations } = state;
    const { access: _, ...changes } = this.#takeAll(session, state);
    this.#drop(session, state, { changes, operations }, why);
  }

  /** Reports the changes that are not written, or whose write is unsure. */
  reportLeft(session: Session, state: StoredState, why: string): void {
    const { unsure } = state;
    state.unsure = undefined;
    const changes = this.#takeAll(session, state);
    const all = joinChanges(unsure?.changes ?? {}, changes);
    this.#calls.left.report(session, all, why);
  }

  #save(
    session: Session,
    state: StoredState,
    options: WriteOptions,
  ): MaybePromise<void> {
    const mayLackChanges = isDropped(state, options);
    if (!session.isActive) return;
    if (mayLackChanges) {
      const { operations } = state;
      const changes = this.#takeAll(session, state);
      this.#drop(session, state, { changes, operations });
      throw unkept();
    }
    if (options.isSuperseded?.()) {
      return options.isRequest && !options.isOfOthers
        ? this.#refuse(session, state)
        : this.#saveAccess(session, state, options);
    }
    const touch = touchToWrite(session, state, {
      loader: this.#parts.loader,
      extra: options.extra,
    });
    const { operations, inner } = state;
    const changes = takeChanges(session, state, this.#grace);
    if (changes === undefined && touch === undefined) return;
    return this.#commit(
      session,
      state,
      { changes: { ...touch, ...changes }, operations, inner },
      options,
    );
  }

  /** Writes the changes when the outcome of an unsure write is determined. */
  #saveSettled(
    session: Session,
    state: StoredState,
    options: WriteOptions,
  ): MaybePromise<void> {
    const save = () => this.#save(session, state, options);
    if (state.unsure === undefined || !session.isActive) return save();
    const settling = attempt(() => this.#unsure.settle(session, state));
    if (!isPromiseLike(settling)) return save();
    return settling.then(save, (error) => {
      if (!options.isRequest) throw error;
      const { unsure, operations } = state;
      const changes = joinChanges(
        unsure?.changes ?? {},
        this.#takeAll(session, state),
      );
      // A request that has nothing to write need not wait for the store.
      if (Object.keys(changes).length === 0) {
        if (isDropped(state, options)) throw unkept();
        return;
      }
      state.unsure = undefined;
      this.#drop(session, state, {
        changes,
        operations: [...unsure?.operations ?? [], ...operations],
      });
      throw error;
    });
  }

  #create(
    session: Session,
    state: StoredState,
    options: WriteOptions,
  ): MaybePromise<void> {
    const creating = attempt(() =>
      this.#creation.create(
        session,
        state,
        () => this.#saveSettled(session, state, options),
      )
    );
    const left = () => {
      // The session has ended meanwhile, and another process delivers its end.
      if (session.isActive || this.#parts.ended.unwritten.has(session.uid)) {
        return;
      }
      this.#calls.left.callCallbacks(session);
      this.#calls.left.dropValues(session);
    };
    if (isPromiseLike(creating)) return creating.finally(left);
    left();
  }

  #commit(
    session: Session,
    state: StoredState,
    write: PendingWrite,
    options: WriteOptions,
  ): MaybePromise<void> {
    const facts = { session, state, write };
    return new RecordCommit(this.#context, facts, options).run();
  }

  /**
   * Writes logins, renewals and the kept callbacks only. The other changes may be
   * those of a superseded request: the next request that is answered decides.
   */
  #saveAccess(
    session: Session,
    state: StoredState,
    options: WriteOptions,
  ): MaybePromise<void> {
    const { operations, values, inner, description } = state;
    const { sessionTimeout, absoluteTimeout } = state;
    const extra = options.extra?.();
    const [kept, callbacks] = splitByName(state, options.keptCallbacks);
    const hasOthers = extra !== undefined || kept !== undefined;
    if (operations.length === 0 && !hasOthers) return;
    const touch = touchToWrite(session, state, {
      loader: this.#parts.loader,
      extra: () => extra,
    });
    const { access } = this.#takeAll(session, state);
    Object.assign(state, {
      ...{ values, callbacks, inner, description },
      ...{ sessionTimeout, absoluteTimeout },
    });
    const changes = { ...touch, ...kept, ...access && { access } };
    const write = { changes, operations, inner: undefined };
    // The rules decide about them again, independent of superseded requests.
    return this.#commit(session, state, write, {
      ...options,
      isSuperseded: () => false,
    });
  }

  /** Returns and clears all changes that wait to be written. */
  #takeAll(session: Session, state: StoredState): SessionChanges {
    return takeChanges(session, state, this.#grace) ?? {};
  }

  /**
   * Drops the changes that a superseded request may have made. Logins and renewals
   * of other requests stay.
   *
   * @throws {HttpError} 503 if there are any.
   */
  #refuse(session: Session, state: StoredState): void {
    const { operations } = state;
    state.operations = [];
    const changes = this.#takeAll(session, state);
    state.operations = operations;
    if (Object.keys(changes).length === 0) return;
    this.#drop(session, state, { changes, operations: [] });
    throw unkept();
  }

  /** Drops a write of a request, and loads the record again behind a fence. */
  #drop(
    session: Session,
    state: StoredState,
    { changes, operations }: {
      readonly changes: SessionChanges;
      readonly operations: readonly AccessOperation[];
    },
    why = "its request was answered 503",
  ): void {
    this.#parts.loader.drop(operations);
    state.isStale = true;
    state.unsure ??= { changes: {}, operations: [], version: -1 };
    this.#parts.loader.applyAccess(session, state);
    this.#calls.left.report(session, changes, why);
  }
}

/** Returns whether changes of a request may have been dropped. */
function isDropped(state: StoredState, { drops }: WriteOptions): boolean {
  return drops !== undefined && drops !== state.drops;
}
