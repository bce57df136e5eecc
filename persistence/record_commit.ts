import {
  attempt,
  isPromiseLike,
  type MaybePromise,
  proceed,
} from "../base/promises.ts";
import type { HttpError } from "../http/http_error.ts";
import type { AccessOperation } from "../session/access.ts";
import type { Session } from "../session.ts";
import type {
  CommitTimes,
  LoadedSession,
  SessionChanges,
} from "../stores/store.ts";
import {
  callbackChangesOf,
  joinCallbacks,
  missingCallbacks,
} from "./callback_changes.ts";
import { withoutOvertaken } from "./record_values.ts";
import {
  accessChangeOf,
  describeChanges,
  type PendingWrite,
  putBack,
  withoutTouches,
  type WriteOptions,
} from "./pending_changes.ts";
import type { RecordCalls, SessionWritesParts } from "./record_calls.ts";
import type { StoredState } from "./stored_state.ts";
import { unkept } from "./store_breaker.ts";
import type { UnsureWrites } from "./unsure_writes.ts";

/** The most tries of a write: other processes may change the record meanwhile. */
export const MAX_TRIES = 5;

/** The objects that commits use. */
export interface CommitContext {
  readonly parts: SessionWritesParts;
  readonly calls: RecordCalls;
  readonly unsure: UnsureWrites;
  /** Milliseconds for which a replaced token still counts. */
  readonly grace: number;
  /** Drops a write of a request. */
  drop(
    session: Session,
    state: StoredState,
    write: Pick<PendingWrite, "changes" | "operations">,
    why?: string,
  ): void;
  /** Writes the logins and renewals that wait. */
  saveAccess(
    session: Session,
    state: StoredState,
    options: WriteOptions,
  ): MaybePromise<void>;
}

/**
 * One write of a session's changes. It names the version of the record. If another
 * process has changed the record, the write is decided again.
 */
export class RecordCommit {
  readonly #context: CommitContext;
  readonly #session: Session;
  readonly #state: StoredState;
  readonly #options: WriteOptions;
  #operations: readonly AccessOperation[];
  readonly #inner: ReadonlyMap<string, string> | undefined;
  #changes: SessionChanges;
  #version: number;
  #tries = 0;

  constructor(
    context: CommitContext,
    { session, state, write }: {
      readonly session: Session;
      readonly state: StoredState;
      readonly write: PendingWrite;
    },
    options: WriteOptions,
  ) {
    this.#context = context;
    this.#session = session;
    this.#state = state;
    this.#options = options;
    this.#operations = write.operations;
    this.#inner = write.inner;
    this.#changes = write.changes;
    this.#version = state.version;
  }

  /** Writes the changes; the session's other writes wait meanwhile. */
  run(): MaybePromise<void> {
    const sending = attempt(() => this.#send());
    if (!isPromiseLike(sending)) return;
    return this.#state.track(
      sending.then(undefined, (error) => this.#fail(error)),
    );
  }

  #send(): MaybePromise<void> {
    const state = this.#state;
    const changes = this.#changes;
    const version = this.#version = state.version;
    const isSafe = withoutTouches(changes) === undefined &&
      changes.idle === undefined;
    const conditions = isSafe ? {} : { version };
    const operations = this.#operations;
    return proceed(
      this.#context.calls.send(this.#session, state, {
        changes,
        operations,
        conditions,
      }),
      (times) => this.#take(times),
    );
  }

  /** Takes the answer of the store. */
  #take(times: CommitTimes | undefined): MaybePromise<void> {
    if (times?.isRefused) return this.#reload();
    if (times !== undefined) return;
    this.#keepCallbacks();
    const session = this.#session;
    const { parts, calls } = this.#context;
    calls.left.report(session, this.#changes, "it has ended");
    if (!session.isActive) return;
    parts.onOver(session);
    if (this.#options.isRequest && this.#operations.length > 0) {
      throw new RefusedError();
    }
  }

  /** Loads the record after a refusal, and decides again. */
  #reload(): MaybePromise<void> {
    if (++this.#tries === MAX_TRIES) throw new RefusedError();
    const state = this.#state;
    const changes = this.#changes;
    const operations = this.#operations;
    // The answer to a load must not overwrite these changes.
    state.sent = changes;
    state.sending = operations;
    const before = state.access?.loginGeneration ?? 0;
    return proceed(
      this.#context.calls.reload(this.#session, state, { changes, operations }),
      (record) => this.#decide(record, before),
    );
  }

  /** @param before The generation of the last login, as it was known before. */
  #decide(
    record: LoadedSession | undefined,
    before: number,
  ): MaybePromise<void> {
    const options = this.#options;
    if (record === undefined) this.#keepCallbacks();
    if (options.isSuperseded?.()) {
      if (withoutTouches(this.#changes) === undefined) return;
      if (options.isOfOthers && record !== undefined) return this.#giveBack();
      throw new RefusedError();
    }
    const session = this.#session;
    if (!session.isActive) this.#leaveAccess();
    if (record !== undefined && record.loginGeneration > before) {
      this.#leaveTouch();
    }
    if (Object.keys(this.#changes).length === 0) return this.#clear();
    if (record === undefined) throw new RefusedError();
    // The access state of an ended session does not show a login elsewhere.
    if (!session.isActive && record.loginGeneration > before) {
      throw new RefusedError();
    }
    const { parts: { loader }, grace } = this.#context;
    const operations = this.#operations;
    const inner = this.#inner;
    const facts = { inner, record };
    this.#changes = withoutOvertaken(
      session,
      this.#state,
      this.#changes,
      facts,
    );
    if (operations.some((one) => loader.isDropped(one))) {
      throw new RefusedError();
    }
    if (operations.length > 0) {
      const access = accessChangeOf(session, this.#state, {
        operations,
        grace,
      });
      this.#changes = { ...this.#changes, access };
    }
    if (Object.keys(this.#changes).length > 0) return this.#send();
  }

  /** Removes changes that a session that has ended here does not need. */
  #leaveAccess(): void {
    const { access: _, ...others } = withoutTouches(this.#changes) ?? {};
    this.#changes = others;
    this.#operations = this.#state.sending = [];
  }

  /** Removes the touch of a request whose token a login elsewhere has superseded. */
  #leaveTouch(): void {
    if (this.#operations.some(({ kind }) => kind === "login")) return;
    const { idle: _, ...others } = this.#changes;
    this.#changes = others;
  }

  #clear(): void {
    this.#state.sent = undefined;
    this.#state.sending = [];
  }

  /**
   * Keeps the named callbacks of a session that has ended elsewhere without them:
   * they wait for its end here.
   */
  #keepCallbacks(): void {
    const state = this.#state;
    const all = callbackChangesOf(this.#changes);
    const { lastCallbacks } = state;
    const callbacks = lastCallbacks === undefined
      ? all
      : missingCallbacks(all, lastCallbacks);
    const { addedCallbacks: _, removedCallbacks: __, ...others } =
      this.#changes;
    this.#changes = others;
    const { isActive, uid } = this.#session;
    if (Object.keys(callbacks).length === 0) return;
    state.callbacks = joinCallbacks(callbacks, state.callbacks ?? {});
    state.hasCallbacksLeft = true;
    const { calls, parts } = this.#context;
    // The write of an end here finds out whether the end needs them.
    if (isActive || parts.ended.unwritten.has(uid)) return;
    calls.left.callCallbacks(this.#session);
  }

  /** Gives changes back to the requests that may have made them: they decide. */
  #giveBack(): MaybePromise<void> {
    const state = this.#state;
    const { access: _, ...others } = withoutTouches(this.#changes) ?? {};
    putBack(state, others);
    state.inner = new Map([...this.#inner ?? [], ...state.inner ?? []]);
    state.operations = [...this.#operations, ...state.operations];
    return this.#context.saveAccess(this.#session, state, this.#options);
  }

  /**
   * Drops the changes, or keeps them to be repeated; throws the error for the
   * request.
   */
  #fail(error: unknown): void {
    const session = this.#session;
    const state = this.#state;
    const operations = this.#operations;
    const { isRequest, isOfOthers } = this.#options;
    const { parts, calls, unsure, drop } = this.#context;
    const facts = withoutTouches(this.#changes);
    this.#clear();
    if (isRequest || error instanceof RefusedError) {
      const why = isRequest ? undefined : "others have changed it since";
      drop(session, state, { changes: facts ?? {}, operations }, why);
    } else if (facts !== undefined) {
      unsure.keep(state, {
        changes: facts,
        operations,
        version: this.#version,
      });
      // The end of the session was delivered, with or without these changes.
      if (!session.isActive && !parts.ended.unwritten.has(session.uid)) {
        calls.left.report(session, facts, "it has ended");
      }
    }
    if (!(error instanceof RefusedError)) throw error;
    // The requests that log in, or renew, find out that this is dropped.
    const { access: _, ...others } = facts ?? {};
    const isKnown = isOfOthers && operations.every(isOfRequest) &&
      describeChanges(others) === undefined;
    if (!isKnown) throw error.answer;
  }
}

/** Returns whether only a request makes such a change of principal and tokens. */
function isOfRequest({ kind }: AccessOperation): boolean {
  return kind === "login" || kind === "renew";
}

/** Thrown for a write that is refused and must not be repeated. */
class RefusedError extends Error {
  /** The error that the request gets. */
  readonly answer: HttpError = unkept();
}
