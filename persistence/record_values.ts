import { describe } from "../base/describe.ts";
import type { StoredState } from "./stored_state.ts";
import { decodeValue, TransferredError } from "./value_codec.ts";
import type { Session } from "../session.ts";
import { RESTORE } from "../session/internals.ts";
import { valuesOf } from "../session/session_parts.ts";
import type { SessionChanges, StoredSession } from "../stores/store.ts";

/** Decodes the values of a record; reports and leaves out one that cannot be read. */
export function decodeValues(
  values: ReadonlyMap<string, string>,
  session: Session,
): ReadonlyMap<string, unknown> {
  const decoded = new Map<string, unknown>();
  for (const [key, value] of values) {
    try {
      decoded.set(key, decodeValue(value));
    } catch (cause) {
      const message = `Cannot read ${
        describe(key)
      } of session "${session.uid}"`;
      session.site.reportError(new Error(message, { cause }), { session });
    }
  }
  return decoded;
}

/**
 * Takes over the values of a record. A value whose encoding is the same stays
 * the same object, which the application may be about to change inside.
 */
export function refreshValues(
  session: Session,
  state: StoredState,
  record: StoredSession,
): void {
  dropOvertaken(session, state, record);
  const own = valuesOf(session);
  const { texts, sent, unsure } = state;
  const newer = [...record.values].filter(([key, text]) =>
    texts.get(key) !== text
  );
  const values = new Map(decodeValues(new Map(newer), session));
  for (const [key, text] of record.values) {
    if (texts.get(key) === text && own.has(key)) {
      values.set(key, own.get(key));
    }
  }
  const now = new Map(record.values);
  // Values that were changed here, and may not have been written, stay.
  const ahead = [sent?.values, unsure?.changes.values, state.values];
  for (const key of ahead.flatMap((map) => [...map?.keys() ?? []])) {
    values.delete(key);
    now.delete(key);
    if (own.has(key)) values.set(key, own.get(key));
    const text = texts.get(key);
    if (text !== undefined) now.set(key, text);
  }
  session[RESTORE]({ values });
  state.setTexts(now);
}

/**
 * Drops the inner changes that wait to be written, of values that another process has
 * written since. Those that follow a change which is being written wait for its answer.
 */
function dropOvertaken(
  session: Session,
  state: StoredState,
  { values }: StoredSession,
): void {
  const { sent, unsure } = state;
  for (const [key, before] of state.inner ?? []) {
    const text = values.get(key);
    if (text === before || text === state.values?.get(key)) continue;
    if (sent?.values?.has(key) || unsure?.changes.values?.has(key)) continue;
    dropInner(state, key);
    reportOvertaken(session, key);
  }
}

/** Drops an inner change that waits to be written. */
function dropInner(state: StoredState, key: string): void {
  if (!state.inner?.delete(key)) return;
  state.values?.delete(key);
  if (state.values?.size === 0) state.values = undefined;
}

/** A value that the store has, and its encoding; undefined for none. */
export interface WrittenValue {
  readonly key: string;
  readonly value: unknown;
  readonly text: string | undefined;
}

/**
 * Gives a session the value of an update, which the store has. A value that was set
 * since stays, and is written next. A change inside the value before the update is
 * dropped, and reported.
 */
export function takeUpdate(
  session: Session,
  state: StoredState,
  updated: WrittenValue,
): void {
  const { key, text } = updated;
  if (state.inner?.has(key)) {
    if (state.values?.get(key) !== text) reportOvertaken(session, key);
    dropInner(state, key);
  }
  if (!state.values?.has(key)) setValue(session, state, updated);
}

/** Gives a session a value, which the store has. */
function setValue(
  session: Session,
  state: StoredState,
  { key, value, text }: WrittenValue,
): void {
  const values = new Map(valuesOf(session));
  if (text === undefined) values.delete(key);
  else values.set(key, value);
  state.setText(key, text);
  session[RESTORE]({ values });
}

/** Gives a session the value of an encoding; undefined for none. */
export function putValue(
  session: Session,
  state: StoredState,
  key: string,
  text: string | undefined,
): void {
  const record = new Map(text === undefined ? [] : [[key, text]]);
  const value = decodeValues(record, session).get(key);
  setValue(session, state, { key, value, text });
}

/**
 * Finds changes inside objects that the application got, and records them to be
 * written.
 *
 * @param isLast Whether the application cannot change the objects any more.
 * @returns the error of a value that no store can keep. It is reported, and the
 * session has the earlier value again.
 */
export function noteInnerChanges(
  session: Session,
  state: StoredState,
  { isLast, maxBytes }: {
    readonly isLast: boolean;
    readonly maxBytes: number;
  },
): unknown {
  if (state.reads === undefined) return undefined;
  let unkept: unknown;
  const refuse = (key: string, before: string, error: Error) => {
    unkept = error;
    session.site.reportError(error, { session });
    putValue(session, state, key, before);
  };
  for (const change of state.reads.takeChanges(valuesOf(session))) {
    const { key, before, after } = change;
    const isMoved = change.error instanceof TransferredError;
    if (change.isOvertaken) {
      if (!isMoved) reportOvertaken(session, key);
    } else if (isMoved) {
      // The application has moved the bytes, not changed them.
      putValue(session, state, key, before);
    } else if (after === undefined) {
      refuse(
        key,
        before,
        new TypeError(
          `Cannot keep the change inside ${
            describe(key)
          } of session "${session.uid}": ${
            (change.error as Error).message
          }, which no store can keep`,
          { cause: change.error },
        ),
      );
    } else {
      const act = `keep the change inside ${describe(key)}`;
      const refusal = refuseLarge(
        { limit: maxBytes, texts: state.texts },
        { key, text: after, act, uid: session.uid },
      );
      if (refusal !== undefined) {
        refuse(key, before, refusal);
        continue;
      }
      // A value that this process has set may be overwritten.
      if (!state.values?.has(key)) {
        (state.inner ??= new Map()).set(key, before);
      }
      (state.values ??= new Map()).set(key, after);
      state.setText(key, after);
    }
  }
  if (isLast) state.reads.clear();
  return unkept;
}

/**
 * Returns a write without the inner changes of values that another process has
 * written since; these are reported, and the session gets the values of the
 * record.
 *
 * @param inner The keys of inner changes, each with the encoding before the change.
 */
export function withoutOvertaken(
  session: Session,
  state: StoredState,
  changes: SessionChanges,
  { inner, record }: {
    readonly inner: ReadonlyMap<string, string> | undefined;
    readonly record: StoredSession;
  },
): SessionChanges {
  if (inner === undefined) return changes;
  const { values: all, ...others } = changes;
  const values = new Map(all);
  for (const [key, before] of inner) {
    const theirs = record.values.get(key);
    if (theirs === before || theirs === values.get(key)) continue;
    values.delete(key);
    reportOvertaken(session, key);
    // A later inner change contains this one; a value that was set does not.
    dropInner(state, key);
    if (!state.values?.has(key)) putValue(session, state, key, theirs);
  }
  return values.size === 0 ? others : { ...others, values };
}

function reportOvertaken(session: Session, key: string): void {
  session.site.reportError(
    new Error(
      `Cannot keep the change inside ${
        describe(key)
      } of session "${session.uid}": it was written elsewhere since; use session.update()`,
    ),
    { session },
  );
}

/** The size of the values of one session. */
export interface ValueRoom {
  /** The most bytes, in UTF-8, of all keys and encoded values together. */
  readonly limit: number;
  /** The encoded values that the session has. */
  readonly texts: ReadonlyMap<string, string>;
}

/** Returns the most bytes that the values of a session may take. */
export function maxSessionBytesOf(
  options: { readonly maxSessionBytes?: number },
): number {
  return options.maxSessionBytes ?? 2 ** 16;
}

/**
 * Returns the error of a value for which a session has no room; undefined if there
 * is room, or the value is not larger than before.
 *
 * @param act What the application does, for the error: `set "cart"`.
 */
export function refuseLarge(
  { limit, texts }: ValueRoom,
  { key, text, act, uid }: {
    readonly key: string;
    readonly text: string;
    readonly act: string;
    readonly uid: string;
  },
): RangeError | undefined {
  // A character takes three bytes at most.
  let most = 3 * (key.length + text.length);
  for (const [key, text] of texts) most += 3 * (key.length + text.length);
  if (most <= limit) return undefined;
  let others = 0;
  for (const [other, text] of texts) {
    if (other !== key) others += sizeOf(other, text);
  }
  const size = sizeOf(key, text);
  const before = texts.get(key);
  const isSmaller = before !== undefined && size <= sizeOf(key, before);
  if (others + size <= limit || isSmaller) return undefined;
  return new RangeError(
    `Cannot ${act} of session "${uid}": the values would take ${
      others + size
    } bytes, more than maxSessionBytes allows: ${limit}`,
  );
}

function sizeOf(key: string, text: string): number {
  const encoder = new TextEncoder();
  return encoder.encode(key).length + encoder.encode(text).length;
}
