import { describe } from "../base/describe.ts";
import { VALUES } from "../session/internals.ts";
import type { Session } from "../session.ts";
import type { SessionChanges, StoredSession } from "../stores/store.ts";
import { putValue } from "./record_values.ts";
import type { StoredState } from "./stored_state.ts";
import { TransferredError } from "./value_codec.ts";
import { refuseLarge } from "./value_room.ts";

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
  for (const change of state.reads.takeChanges(session[VALUES])) {
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
    putValue(session, state, key, theirs);
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
