import { durationText } from "../base/duration_text.ts";
import { describe } from "../base/describe.ts";
import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import type { EndDelivery } from "../registry/end_delivery.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import { OWNER } from "../session/internals.ts";
import type { Session, SessionEnd } from "../session.ts";
import type {
  ClaimedEnd,
  EndProgress,
  StoredCallback,
} from "../stores/store.ts";
import type { Turns } from "../timing/turns.ts";
import { decodeValue } from "./value_codec.ts";

/**
 * The number of claims of an end after which a callback that no process has
 * registered counts as failed.
 */
const MAX_ATTEMPTS = 10;

/** One call of a claimed end. */
export interface EndCall {
  make(): unknown;
  /** The named callback; undefined for a listener of all sessions. */
  readonly callback: StoredCallback | undefined;
}

/** The conditions and listeners of the calls for an end. */
export interface CallAllOptions {
  /**
   * Checks before each call whether the end belongs to this process. A promise
   * means: check again in a turn after it has resolved.
   */
  isSure(): MaybePromise<boolean | void>;
  readonly turns: Turns;
  /** Called with the promise of each call; it never rejects. */
  onPromise(promise: Promise<unknown>): void;
  /** Called with the error of each failed call. */
  onFailure(error: unknown): void;
  /** Called with the failed calls when all calls have settled. */
  conclude(failed: readonly EndCall[], lastError: unknown): void;
}

/**
 * Returns the calls that a claimed end still needs.
 *
 * @returns an error if a named callback is not registered in this process, and
 * another process may have registered it.
 */
export function callsOf(
  end: SessionEnd,
  claim: ClaimedEnd,
  delivery: EndDelivery,
): EndCall[] | Error {
  const calls: EndCall[] = [];
  // Listeners are for the ends of sessions.
  const isDone = claim.areListenersDone || end.hold !== undefined;
  const { callbacks } = delivery;
  for (const entry of isDone ? [] : callbacks) {
    // A callback before this one may have taken it back.
    const make = () => callbacks.has(entry) && entry.callback(end);
    calls.push({ make, callback: undefined });
  }
  const { named } = delivery;
  for (const stored of claim.session.callbacks) {
    const { name, argument } = stored;
    const callback = named.get(name);
    if (callback === undefined && claim.attempt < MAX_ATTEMPTS) {
      return new Error(
        `Cannot call ${
          describe(name)
        } at the end of session "${end.uid}": no callback of that name is registered here by onEnd()`,
      );
    }
    const make = () => {
      if (callback === undefined) {
        throw new Error(
          `No callback ${describe(name)} is registered by onEnd()`,
        );
      }
      return callback(decodeValue(argument), end);
    };
    calls.push({ make, callback: stored });
  }
  return calls;
}

/** Returns the progress of an end, by the calls that have failed. */
export function progressOf(calls: readonly EndCall[]): EndProgress {
  const callbacks = calls.flatMap(({ callback }) => callback ?? []);
  return { areListenersDone: callbacks.length === calls.length, callbacks };
}

/** Makes the calls one after another; promises are awaited together at the end. */
export function callAll(
  calls: readonly EndCall[],
  { isSure, turns, onPromise, onFailure, conclude }: CallAllOptions,
): void {
  const failed: EndCall[] = [];
  const promises: PromiseLike<void>[] = [];
  let lastError: unknown;
  const fail = (call: EndCall, error: unknown) => {
    lastError = error;
    failed.push(call);
    onFailure(error);
  };
  const make = (call: EndCall) => {
    try {
      const result = call.make();
      if (!isPromiseLike(result)) return;
      const promise = Promise.resolve(result)
        .then(() => {}, (error) => fail(call, error));
      promises.push(promise);
      onPromise(promise);
    } catch (error) {
      fail(call, error);
    }
  };
  const makeFrom = (first: number): void => {
    for (let index = first; index < calls.length; index++) {
      // The callback before this one may have blocked.
      const sure = isSure();
      if (isPromiseLike(sure)) {
        sure.then(() => turns.run(() => makeFrom(index)));
        return;
      }
      if (!sure) return;
      make(calls[index]!);
    }
    // The remaining calls stay in order.
    const left = () => calls.filter((call) => failed.includes(call));
    if (promises.length === 0) conclude(left(), lastError);
    else Promise.all(promises).then(() => conclude(left(), lastError));
  };
  makeFrom(0);
}

/** Calls the callbacks of an end whose session has no record. */
export function deliverUnstored(
  registry: SessionRegistry,
  end: SessionEnd,
  callbacks: readonly StoredCallback[],
): void {
  for (const { callback } of registry.delivery.callbacks) {
    registry.calls.run(callback, end, end.session);
  }
  callHere(end.session, callbacks);
}

/**
 * Calls named callbacks that no store has at the end of a session in this process,
 * or now if it has ended.
 */
export function callHere(
  session: Session,
  callbacks: readonly StoredCallback[],
): void {
  const owner = session.site[OWNER];
  for (const { name, argument } of callbacks) {
    const call = { name, argument: decodeValue(argument) };
    const { end } = session;
    if (end !== undefined) owner.retries.call(end, call);
    else session.notifyOnExpire((end) => owner.retries.call(end, call));
  }
}

/** Returns the error that is reported with a dead letter. */
export function deadLetterError(
  uid: string,
  retryFor: number,
  cause: unknown,
): Error {
  const message =
    `Cannot deliver the end of session "${uid}": callbacks have failed for ${
      durationText(retryFor / 1000)
    }; it is kept as a dead letter`;
  return new Error(message, { cause });
}
