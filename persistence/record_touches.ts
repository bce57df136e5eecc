import type { Clock } from "../base/clock.ts";
import { type MaybePromise, proceed } from "../base/promises.ts";
import type { Session } from "../session.ts";
import type { SessionChanges } from "../stores/store.ts";
import type { RecordCalls } from "./record_calls.ts";
import { MAX_TRIES } from "./record_commit.ts";
import { TOUCH_SLACK } from "./record_loader.ts";
import type { StoredState } from "./stored_state.ts";

/**
 * Touches the record of a session. If another process has changed the record,
 * asks again whether the touch is wanted.
 */
export function touchRecord(
  calls: RecordCalls,
  touch: {
    readonly session: Session;
    readonly state: StoredState;
    isWanted(): boolean;
  },
  tries = 1,
): MaybePromise<void> {
  const { session, state } = touch;
  return proceed(
    calls.send(session, state, {
      changes: { idle: 0 },
      conditions: { version: state.version },
    }),
    (times): MaybePromise<void> => {
      if (!times?.isRefused || tries === MAX_TRIES) return;
      const changes = { changes: {}, operations: [] };
      return proceed(calls.reload(session, state, changes), (isThere) => {
        if (!isThere || !touch.isWanted()) return;
        return touchRecord(calls, touch, tries + 1);
      });
    },
  );
}

/**
 * Returns the touch to write; the record may be behind by a little.
 *
 * @param extra Builds the change of touches to write if there is none.
 */
export function touchToWrite(
  session: Session,
  state: StoredState,
  { clock, extra }: {
    readonly clock: Clock;
    readonly extra: (() => SessionChanges | undefined) | undefined;
  },
): SessionChanges | undefined {
  // The load has not touched the session if the token was superseded.
  const login = state.operations.findLast(({ kind }) => kind === "login");
  const loggedInAt = login?.kind === "login" ? login.at : -Infinity;
  const { lastModified } = session;
  if (login === undefined && state.aheadOf(lastModified) <= TOUCH_SLACK) {
    return extra?.();
  }
  const touch = {
    idle: Math.min(
      state.ageOf(lastModified * 1000, "touch", clock),
      state.ageOf(loggedInAt, "login", clock),
    ),
  };
  const touchedAt = Math.max(lastModified * 1000, loggedInAt);
  if (touchedAt > state.touchedAt) return touch;
  // Without the touch of the load that is undone, that of the login is the last.
  const undo = extra?.();
  return undo === undefined || login === undefined
    ? undo
    : { ...touch, ...undo };
}
