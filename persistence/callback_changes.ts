import type { NamedCallback } from "../session/named_callback.ts";
import type { SessionChanges, StoredCallback } from "../stores/store.ts";
import { hashOfSecret } from "./secret_hash.ts";

/** The changes of named callbacks. */
export type CallbackChanges = Pick<
  SessionChanges,
  "addedCallbacks" | "removedCallbacks"
>;

/**
 * Hex digits of the id of a named callback, which stores keep in place of its key:
 * keys may be long. More digits would make each stored session larger.
 */
const ID_LENGTH = 32;

/** The ids of a record without named callbacks. */
export const NO_IDS: ReadonlySet<string> = new Set();

/** Returns the id under which a store keeps a named callback. */
export function idOfCallback({ key }: Pick<NamedCallback, "key">): string {
  return hashOfSecret(key).slice(0, ID_LENGTH);
}

/** Joins two changes; the later one takes precedence. */
export function joinCallbacks(
  earlier: CallbackChanges,
  later: CallbackChanges,
): CallbackChanges {
  const byId = new Map(earlier.addedCallbacks?.map((one) => [one.id, one]));
  const addedLater = new Set<string>();
  for (const one of later.addedCallbacks ?? []) {
    byId.set(one.id, one);
    addedLater.add(one.id);
  }
  const added = [...byId.values()];
  const removed = [
    ...earlier.removedCallbacks?.filter(({ id }) => !addedLater.has(id)) ?? [],
    ...later.removedCallbacks ?? [],
  ];
  return {
    ...added.length === 0 ? {} : { addedCallbacks: added },
    ...removed.length === 0 ? {} : { removedCallbacks: removed },
  };
}

/** Returns the changes of named callbacks among changes. */
export function callbackChangesOf(changes: SessionChanges): CallbackChanges {
  return joinCallbacks({}, changes);
}

/** Returns the callbacks that changes add and do not remove again. */
export function remainingCallbacks(
  { addedCallbacks = [], removedCallbacks = [] }: CallbackChanges,
): StoredCallback[] {
  return addedCallbacks.filter((one) =>
    !removedCallbacks.some((removed) => isSameCallback(one, removed))
  );
}

/** Returns the changes of callbacks that a record does not have yet. */
export function missingCallbacks(
  { addedCallbacks = [], removedCallbacks = [] }: CallbackChanges,
  has: readonly StoredCallback[],
): CallbackChanges {
  const isThere = (one: StoredCallback) =>
    has.some((other) => isSameCallback(one, other));
  const isRemoved = (one: StoredCallback) =>
    removedCallbacks.some((removed) => isSameCallback(one, removed));
  // A callback that is added and removed again removes the one that it replaces.
  const replacing = addedCallbacks.filter((one) =>
    isRemoved(one) && !isThere(one) && has.some(({ id }) => id === one.id)
  );
  return joinCallbacks({}, {
    addedCallbacks: addedCallbacks.filter((one) =>
      replacing.includes(one) || !isThere(one) && !isRemoved(one)
    ),
    removedCallbacks: removedCallbacks.filter((one) =>
      isThere(one) || replacing.some((added) => isSameCallback(one, added))
    ),
  });
}

function isSameCallback(one: StoredCallback, other: StoredCallback): boolean {
  return one.id === other.id && one.name === other.name &&
    one.argument === other.argument;
}

/** Returns the ids of the callbacks of a record after a change. */
export function idsAfter(
  ids: ReadonlySet<string>,
  { addedCallbacks = [], removedCallbacks = [] }: CallbackChanges,
): ReadonlySet<string> {
  if (addedCallbacks.length + removedCallbacks.length === 0) return ids;
  const after = new Set([...ids, ...addedCallbacks.map(({ id }) => id)]);
  for (const { id } of removedCallbacks) after.delete(id);
  return after;
}

/** Splits the changes of callbacks: first those with a name, then the others. */
export function splitByName(
  { callbacks }: { readonly callbacks: CallbackChanges | undefined },
  name: string | undefined,
): [CallbackChanges | undefined, CallbackChanges | undefined] {
  if (name === undefined || callbacks === undefined) {
    return [undefined, callbacks];
  }
  const partOf = (isKept: boolean): CallbackChanges | undefined => {
    const isOfPart = (one: StoredCallback) => (one.name === name) === isKept;
    const part = joinCallbacks({}, {
      addedCallbacks: callbacks.addedCallbacks?.filter(isOfPart) ?? [],
      removedCallbacks: callbacks.removedCallbacks?.filter(isOfPart) ?? [],
    });
    return Object.keys(part).length === 0 ? undefined : part;
  };
  return [partOf(true), partOf(false)];
}
