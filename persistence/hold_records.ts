/**
 * The record of a hold: a session without tokens, whose uid is made of the key,
 * and whose version is the fencing number until it ends.
 *
 * @module
 */

import type { HeldKey, NewHold } from "../registry/hold_backend.ts";
import type { EndedHold } from "../session/hold.ts";
import type { SessionEndReason } from "../session.ts";
import type {
  LoadedSession,
  NewSession,
  SessionChanges,
  StoredSession,
} from "../stores/store.ts";
import { decodeValue, encodeStorable } from "./value_codec.ts";

/** The uids of sessions are hex digits, so that no cookie names a hold. */
const PREFIX = "hold:";

/** Returns whether a uid is that of a hold. */
export function isHold(uid: string): boolean {
  return uid.startsWith(PREFIX);
}

/**
 * Returns whether a record was written to end a session that had vanished: no token
 * opens it.
 */
export function isLastRecord({ uid, tokens }: StoredSession): boolean {
  return tokens.length === 0 && !isHold(uid);
}

/** Returns the key of the hold of a uid. */
export function keyOfHold(uid: string): string {
  return decodeURIComponent(uid.slice(PREFIX.length));
}

/** Returns the uid of the hold of a key. */
export function uidOfHold(key: string): string {
  return PREFIX + encodeURIComponent(key);
}

/**
 * Returns the record of a new hold.
 *
 * @throws {TypeError} If no store can keep the argument of its callback.
 */
export function recordOfHold(hold: NewHold): NewSession {
  const { key, holder, id, length, isTouched = false, callback } = hold;
  const uid = uidOfHold(key);
  return {
    uid,
    tokens: [],
    generation: 0,
    loginGeneration: 0,
    isRenewalDue: false,
    isRemembered: false,
    isSecure: false,
    principal: undefined,
    sessionTimeout: isTouched ? length : Infinity,
    absoluteTimeout: isTouched ? Infinity : length,
    values: valuesOf({ id, ...holder === undefined ? {} : { holder } }),
    callbacks: callback === undefined ? [] : [{
      id: "then",
      name: callback.name,
      argument: encodeStorable(callback.argument, "keep the argument", uid),
    }],
    age: 0,
    idle: 0,
    loginAge: undefined,
  };
}

/**
 * Returns the change that ends a hold at the time of its load.
 *
 * @param reason Undefined to call nothing.
 */
export function endOfHold(
  record: LoadedSession,
  reason: SessionEndReason | undefined,
): SessionChanges {
  const absoluteTimeout = Math.max(0, record.now - record.createdAt);
  if (reason === undefined) {
    return { absoluteTimeout, removedCallbacks: record.callbacks };
  }
  const fence = fenceOf(record);
  const values = valuesOf({ reason, fence });
  return { absoluteTimeout, values };
}

/** Returns the hold of a record, without its end. */
export function heldKeyOf(
  key: string,
  { values, version, principal: owner, callbacks }: StoredSession,
): Omit<HeldKey, "until"> {
  const holder = read(values, "holder") as string | undefined;
  const id = read(values, "id") as string;
  const [callback] = callbacks;
  const argument = callback && decodeValue(callback.argument);
  return { key, holder, id, fence: version, owner, argument };
}

/**
 * Returns the hold that has ended, and the reason if its session ended it;
 * undefined if a session has ended.
 */
export function endedHoldOf(
  record: StoredSession,
): { hold: EndedHold; reason: SessionEndReason | undefined } | undefined {
  const { uid, values } = record;
  if (!isHold(uid)) return undefined;
  const key = keyOfHold(uid);
  const fence = fenceOf(record);
  const holder = read(values, "holder") as string | undefined;
  const reason = read(values, "reason") as SessionEndReason | undefined;
  return { hold: { key, fence, holder }, reason };
}

/** Returns the number that a hold has, or had before its end changed its record. */
function fenceOf({ values, version }: StoredSession): number {
  return read(values, "fence") as number | undefined ?? version;
}

function valuesOf(values: Readonly<Record<string, unknown>>) {
  return new Map(
    Object.entries(values).map((
      [key, value],
    ) => [key, `j${JSON.stringify(value)}`]),
  );
}

function read(values: ReadonlyMap<string, string>, key: string): unknown {
  const text = values.get(key);
  return text === undefined ? undefined : JSON.parse(text.slice(1));
}
