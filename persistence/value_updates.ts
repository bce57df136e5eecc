import { describe } from "../base/describe.ts";
import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import {
  type Session,
  type SessionEnd,
  SessionEndedError,
} from "../session.ts";
import type { CommitTimes } from "../stores/store.ts";
import type { RecordCalls, SessionWritesParts } from "./record_calls.ts";
import { maxSessionBytesOf, refuseLarge, takeUpdate } from "./record_values.ts";
import type { StoredState } from "./stored_state.ts";
import { unkept } from "./store_breaker.ts";
import { encodeStorable } from "./value_codec.ts";

/** The outcome of one try to update a value. */
type Outcome = "written" | "overtaken" | "over" | "unready";

/** An update of a value. */
export interface ValueUpdate {
  readonly key: string;
  /** Computes the value from that of the session. */
  readonly compute: () => unknown;
  /** Writes the waiting changes of the session first. */
  readonly save: () => MaybePromise<void>;
}

/** Replaces values by new ones that are computed from them, in one step. */
export class ValueUpdates {
  readonly #registry: SessionRegistry;
  readonly #parts: SessionWritesParts;
  readonly #calls: RecordCalls;
  /** The session whose value is being computed, by code of the application. */
  #computing: Session | undefined = undefined;

  constructor(
    registry: SessionRegistry,
    parts: SessionWritesParts,
    calls: RecordCalls,
  ) {
    this.#registry = registry;
    this.#parts = parts;
    this.#calls = calls;
  }

  /** Updates a value; tries again while other processes write in between. */
  async update(
    session: Session,
    state: StoredState,
    update: ValueUpdate,
  ): Promise<unknown> {
    if (this.#computing === session) {
      // Each of the two would make the other one compute its value again, for ever.
      throw new TypeError(
        `Cannot update ${
          describe(update.key)
        } of session "${session.uid}": the function of another update calls it`,
      );
    }
    for (;;) {
      if (!isReady(state, update.key)) {
        await update.save();
        // The store does not say what became of an earlier write.
        if (session.isActive && state.unsure !== undefined) throw unkept();
      }
      let value: unknown;
      const outcome = await state.whenIdle<Outcome>(() => {
        if (!session.isActive) return "over";
        // Another write has begun to wait, or has failed, meanwhile.
        if (!isReady(state, update.key)) return "unready";
        this.#computing = session;
        try {
          value = update.compute();
        } finally {
          this.#computing = undefined;
        }
        const { key } = update;
        const act = `update ${describe(key)}`;
        const text = encodeStorable(value, act, session.uid);
        const refusal = refuseLarge(
          {
            limit: maxSessionBytesOf(this.#registry.options),
            texts: state.texts,
          },
          { key, text, act, uid: session.uid },
        );
        if (refusal !== undefined) throw refusal;
        return this.#write(session, state, { key, value, text });
      });
      if (outcome === "written") return value;
      if (outcome === "over") throw await this.#endOf(session);
    }
  }

  #write(
    session: Session,
    state: StoredState,
    { key, value, text }: {
      readonly key: string;
      readonly value: unknown;
      readonly text: string;
    },
  ): MaybePromise<Outcome> {
    const changes = { values: new Map([[key, text]]) };
    const conditions = { version: state.version };
    const answered = (
      times: CommitTimes | undefined,
    ): MaybePromise<Outcome> => {
      if (times?.isRefused) {
        const nothing = { changes: {}, operations: [] };
        return proceed(
          this.#calls.reload(session, state, nothing),
          (record) => record === undefined ? "over" : "overtaken",
        );
      }
      if (times === undefined) {
        this.#parts.onOver(session);
        return "over";
      }
      takeUpdate(session, state, { key, value, text });
      return "written";
    };
    const failed = (error: unknown): never => {
      // A later write must not follow one that may still arrive.
      state.isStale = true;
      state.unsure ??= { changes: {}, operations: [], version: -1 };
      this.#parts.breakers.of(session.uid).report(error, { session });
      throw unkept(error);
    };
    let writing: MaybePromise<Outcome>;
    try {
      writing = proceed(
        this.#calls.send(session, state, { changes, conditions }),
        answered,
      );
    } catch (error) {
      return failed(error);
    }
    if (!isPromiseLike(writing)) return writing;
    const settled = Promise.resolve(writing).catch(failed);
    state.track(settled.then(() => {}));
    return settled;
  }

  /** Returns the error of a session that has ended, perhaps in another process. */
  async #endOf(session: Session): Promise<Error> {
    const end = await endWithin(session, this.#parts.timeout);
    return end === undefined ? unkept() : new SessionEndedError(end);
  }
}

/**
 * Waits for the end of a session that is over in the store: the check that has begun
 * ends the session here too.
 *
 * @returns undefined if that takes longer than so many milliseconds.
 */
export async function endWithin(
  session: Session,
  milliseconds: number,
): Promise<SessionEnd | undefined> {
  const { clock } = session.site;
  let timer: unknown;
  const late = new Promise<undefined>((resolve) => {
    timer = clock.setTimeout(() => resolve(undefined), milliseconds);
  });
  const end = session.end ?? await Promise.race([session.ended, late]);
  clock.clearTimeout(timer);
  return end;
}

/**
 * Returns whether a value can be updated: its earlier writes have reached the
 * store.
 */
function isReady(state: StoredState, key: string): boolean {
  return state.isCreated && state.unsure === undefined &&
    !state.values?.has(key);
}
