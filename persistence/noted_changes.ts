import { describe } from "../base/describe.ts";
import { VALUES } from "../session/internals.ts";
import { checkCallbackCount } from "../session/named_callback.ts";
import type { Session, SessionChange } from "../session.ts";
import { idOfCallback, idsAfter, joinCallbacks } from "./callback_changes.ts";
import type { StoredState } from "./stored_state.ts";
import { encodeStorable } from "./value_codec.ts";
import { refuseLarge } from "./value_room.ts";

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
export function noteValue(
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

/** Records that a value must be deleted. */
export function noteDelete(
  session: Session,
  state: StoredState,
  key: string,
): void {
  setPending(session, state, key, undefined);
}

/**
 * Records that a named callback is added, replaced or removed.
 *
 * @throws {TypeError} If no store can keep its argument.
 * @throws {RangeError} If the session has `maxCallbacks` callbacks.
 */
export function noteCallback(
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
  if (isRemoved) state.knownCallbacks.delete(one.id);
  else state.knownCallbacks.set(one.id, one);
}

/** Returns the ids of the named callbacks of a session, once all is written. */
export function callbackIdsOf(state: StoredState): ReadonlySet<string> {
  const { callbackIds, sent, callbacks = {} } = state;
  return idsAfter(
    sent === undefined ? callbackIds : idsAfter(callbackIds, sent),
    callbacks,
  );
}

function setPending(
  session: Session,
  state: StoredState,
  key: string,
  text: string | undefined,
): void {
  state.reads?.forget(session[VALUES].get(key));
  state.inner?.delete(key);
  (state.values ??= new Map()).set(key, text);
  if (text === undefined) state.texts.delete(key);
  else state.texts.set(key, text);
}
