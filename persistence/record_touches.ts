import { type AnswerTime, readClock } from "../base/moment.ts";
import { type MaybePromise, proceed } from "../base/promises.ts";
import { deadlineOf } from "../session/deadline.ts";
import { PARTS, RESTORE } from "../session/internals.ts";
import type { Session } from "../session.ts";
import type { SessionChanges, SessionTimes } from "../stores/store.ts";
import type { RecordCalls } from "./record_calls.ts";
import { MAX_TRIES } from "./record_commit.ts";
import type { RecordLoader } from "./record_loader.ts";
import { type StoredState, TOUCH_SLACK } from "./stored_state.ts";

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
 * Moves the times of a session by as much as this process's clock was set forward
 * since they were taken from it.
 *
 * @returns whether the deadline is due later now.
 */
export function followClock(session: Session, loader: RecordLoader): boolean {
  const state = loader.states.get(session);
  if (state === undefined || !loader.isHere(session)) return false;
  const now = readClock(session.site.clock);
  const step = now.ahead - state.touchAhead;
  const age = now.ahead - state.createdAhead;
  if (step <= 0 && age <= 0) return false;
  const { createdAt, lastModified, expiresAt } = session;
  const isTouched = state.isTouched(lastModified);
  const access = session[PARTS]?.access;
  if (access?.authenticatedAt !== undefined && !state.hasOperations) {
    access.authenticatedAt += now.ahead - state.loginAhead;
  }
  const touchedAt = lastModified * 1000 + step;
  session[RESTORE]({ createdAt: createdAt * 1000 + age, touchedAt });
  state.createdAhead = now.ahead;
  state.noteClock(now);
  const startedAt = (session.authenticatedAt ?? session.createdAt) * 1000;
  const deadline = deadlineOf(session, touchedAt, startedAt);
  // A store may have added a little to the deadline in the record.
  session[RESTORE]({
    deadline: Math.max(expiresAt * 1000 + step, deadline),
  });
  if (isTouched) state.touchAhead = now.ahead;
  else state.noteTaken(session.lastModified, now);
  return session.expiresAt * 1000 > now.at;
}

/**
 * Gives a session the creation in its record if this process's clock was set since
 * that was noted, unless a login waits to be written. A machine that has slept looks
 * like a clock that was set, and is none for the record.
 */
export function followCreation(
  session: Session,
  state: StoredState,
  { createdAt, now: storeNow }: SessionTimes,
  { sentAt, now }: AnswerTime,
): void {
  if (now.ahead !== state.createdAhead && !state.hasOperations) {
    const { lastModified } = session;
    const isTouched = state.isTouched(lastModified);
    const touchedAt = lastModified * 1000;
    session[RESTORE]({ createdAt: createdAt + sentAt - storeNow, touchedAt });
    const touch = { ahead: state.touchAhead };
    if (!isTouched) state.noteTaken(session.lastModified, touch);
  }
  state.noteClock(now);
}

/**
 * Returns the touch to write. The record may be behind by a little: then the touch
 * is set back to that of the record.
 *
 * @param extra Builds the change of touches to write if there is none.
 */
export function touchToWrite(
  session: Session,
  state: StoredState,
  { loader, extra }: {
    readonly loader: RecordLoader;
    readonly extra: (() => SessionChanges | undefined) | undefined;
  },
): SessionChanges | undefined {
  // The load has not touched the session if the token was superseded.
  const login = state.operations.findLast(({ kind }) => kind === "login");
  const loggedInAt = login?.kind === "login" ? login.at : -Infinity;
  const { lastModified, site } = session;
  const ahead = state.aheadOf(lastModified);
  if (login === undefined && ahead <= TOUCH_SLACK) {
    if (ahead > 0 && loader.isHere(session)) {
      const now = readClock(site.clock);
      const by = now.ahead - state.touchAhead - ahead;
      const deadline = session.expiresAt * 1000 + by;
      session[RESTORE]({ touchedAt: lastModified * 1000 + by, deadline });
      state.noteTaken(session.lastModified, now);
    }
    return extra?.();
  }
  const now = readClock(site.clock);
  const touchedAt = Math.max(
    lastModified * 1000 - state.touchAhead,
    loggedInAt - state.loginAhead,
  );
  const touch = { idle: Math.max(0, now.steady - touchedAt) };
  if (touchedAt > state.touchedAt) return touch;
  // Without a later touch that is undone, by this write or by another request, that of
  // the login is the last.
  const undo = extra?.();
  return login === undefined ? undo : { ...touch, ...undo };
}
