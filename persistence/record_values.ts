import { describe } from "../base/describe.ts";
import { RESTORE, VALUES } from "../session/internals.ts";
import type { Session } from "../session.ts";
import type { StoredSession } from "../stores/store.ts";
import type { StoredState } from "./stored_state.ts";
import { decodeValue } from "./value_codec.ts";

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
  const own = session[VALUES];
  const { texts } = state;
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
  for (const key of state.keysAhead) {
    values.delete(key);
    now.delete(key);
    if (own.has(key)) values.set(key, own.get(key));
    const text = texts.get(key);
    if (text !== undefined) now.set(key, text);
  }
  session[RESTORE]({ values });
  state.setTexts(now);
}

/** Gives a session a value, which the store has. */
export function setValue(
  session: Session,
  state: StoredState,
  { key, value, text }: {
    readonly key: string;
    readonly value: unknown;
    readonly text: string | undefined;
  },
): void {
  const values = new Map(session[VALUES]);
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
