import { isPromiseLike, type MaybePromise } from "../base/maybe_promise.ts";
import type { EndDelivery } from "../registry/end_delivery.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { SessionEnd } from "../session.ts";
import type { ClaimedEnd, StoredCallback } from "../stores/store.ts";
import type { Turns } from "../timing/turns.ts";
import { decodeValue } from "./value_codec.ts";

/** Claims of an end before a callback that no process has registered fails. */
const MAX_ATTEMPTS = 10;

/** How the callbacks of an end are called. */
export interface CallAllOptions {
  /**
   * Checks before each call whether the end belongs to this process. A promise
   * means: check again in a turn after it has resolved.
   */
  isSure(): MaybePromise<boolean | void>;
  readonly turns: Turns;
  /** Called with the error of each failed call. */
  onFailure(error: unknown): void;
  /** Called with the failed calls when all calls have settled. */
  conclude(failed: readonly (() => unknown)[], lastError: unknown): void;
}

/**
 * Returns the calls of all callbacks for a claimed end.
 *
 * @returns an error if a named callback is not registered in this process, and
 * another process may have registered it.
 */
export function callsOf(
  end: SessionEnd,
  claim: ClaimedEnd,
  delivery: EndDelivery,
): (() => unknown)[] | Error {
  const calls: (() => unknown)[] = [];
  for (const callback of delivery.callbacks()) {
    calls.push(() => callback(end));
  }
  const { named } = delivery;
  for (const { name, argument } of claim.session.callbacks) {
    const callback = named.get(name);
    if (callback === undefined && claim.attempt < MAX_ATTEMPTS) {
      return new Error(
        `Cannot call "${name}" at the end of session "${end.uid}": no callback of that name is registered here by onEnd()`,
      );
    }
    calls.push(() => {
      if (callback === undefined) {
        throw new Error(`No callback is registered as "${name}"`);
      }
      return callback(decodeValue(argument), end);
    });
  }
  return calls;
}

/** Makes the calls one after another; promises are awaited together at the end. */
export function callAll(
  calls: readonly (() => unknown)[],
  { isSure, turns, onFailure, conclude }: CallAllOptions,
): void {
  const failed: (() => unknown)[] = [];
  const promises: PromiseLike<void>[] = [];
  let lastError: unknown;
  const fail = (call: () => unknown, error: unknown) => {
    lastError = error;
    failed.push(call);
    onFailure(error);
  };
  const make = (call: () => unknown) => {
    try {
      const result = call();
      if (!isPromiseLike(result)) return;
      promises.push(
        Promise.resolve(result).then(() => {}, (error) => fail(call, error)),
      );
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
    if (promises.length === 0) conclude(failed, lastError);
    else Promise.all(promises).then(() => conclude(failed, lastError));
  };
  makeFrom(0);
}

/** Calls the callbacks of an end whose session has no record. */
export function deliverUnstored(
  registry: SessionRegistry,
  end: SessionEnd,
  callbacks: readonly StoredCallback[],
): void {
  for (const callback of registry.delivery.callbacks()) {
    registry.run(callback, end, end.session);
  }
  for (
    const { name, argument } of callbacks
  ) {
    const callback = registry.namedCallbacks.get(name);
    registry.run(
      (end) => callback?.(decodeValue(argument), end),
      end,
      end.session,
    );
  }
}
