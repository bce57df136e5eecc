import { readClock } from "../base/moment.ts";
import { describe } from "../base/describe.ts";
import { joinCallbacks, missingCallbacks } from "./callback_changes.ts";
import { NO_OPERATIONS, type StoredState } from "./stored_state.ts";
import type { Session } from "../session.ts";
import type { AccessOperation } from "../session/access.ts";
import { OPEN_ACCESS } from "../session/internals.ts";
import type {
  AccessChange,
  SessionChanges,
  StoredSession,
} from "../stores/store.ts";

/** Returns and clears the changes of a session to write, touches excluded. */
export function takeChanges(
  session: Session,
  state: StoredState,
  grace: number,
): SessionChanges | undefined {
  const changes: { -readonly [K in keyof SessionChanges]: SessionChanges[K] } =
    {};
  const sessionTimeout = session.sessionTimeout * 1000;
  const absoluteTimeout = session.absoluteTimeout * 1000;
  if (sessionTimeout >= 0 && sessionTimeout !== state.sessionTimeout) {
    changes.sessionTimeout = state.sessionTimeout = sessionTimeout;
  }
  if (absoluteTimeout >= 0 && absoluteTimeout !== state.absoluteTimeout) {
    changes.absoluteTimeout = state.absoluteTimeout = absoluteTimeout;
  }
  // A timeout that touch() refuses is not written. A new record needs a timeout,
  // and gets the one behind the session's present deadline.
  if (Number.isNaN(state.sessionTimeout)) {
    state.sessionTimeout = (session.expiresAt - session.lastModified) * 1000;
  }
  if (Number.isNaN(state.absoluteTimeout)) state.absoluteTimeout = Infinity;
  if (state.values !== undefined) changes.values = state.values;
  Object.assign(changes, state.callbacks);
  if (state.description !== undefined) changes.description = state.description;
  state.description = undefined;
  if (state.operations.length > 0) {
    changes.access = accessChangeOf(session, state, {
      operations: state.operations,
      grace,
    });
  }
  state.values = state.callbacks = state.inner = undefined;
  state.hasCallbacksLeft = false;
  state.operations = NO_OPERATIONS;
  for (const _ in changes) return changes;
  return undefined;
}

/** Puts changes back that are written later; newer changes take precedence. */
export function putBack(state: StoredState, changes: SessionChanges): void {
  if (changes.sessionTimeout !== undefined) state.sessionTimeout = NaN;
  if (changes.absoluteTimeout !== undefined) state.absoluteTimeout = NaN;
  if (changes.values !== undefined) {
    state.values = new Map([...changes.values, ...state.values ?? []]);
  }
  state.callbacks = joinCallbacks(changes, state.callbacks ?? {});
  state.description ??= changes.description;
}

/** Returns principal and tokens of a session as a change. */
export function accessChangeOf(
  session: Session,
  state: StoredState,
  { operations, grace }: {
    readonly operations: readonly AccessOperation[];
    readonly grace: number;
  },
): AccessChange {
  const access = session[OPEN_ACCESS]();
  const isLogin = operations.some(({ kind }) => kind === "login");
  return {
    principal: access.principal ?? null,
    generation: access.generation,
    loginGeneration: access.loginGeneration,
    isRenewalDue: access.isRenewalDue,
    isRemembered: access.isRemembered,
    ...isLogin ? { loginAge: loginAgeOf(session, state) } : {},
    tokens: access.tokens.map(({ key, generation }) => ({
      hash: key,
      generation,
    })),
    grace,
  };
}

/**
 * Returns the milliseconds since the login to a session, or since the login in its
 * record: a login that was written first may be the later one in the store.
 */
export function loginAgeOf(
  session: Session,
  state: StoredState,
): number | undefined {
  const at = session[OPEN_ACCESS]().authenticatedAt;
  if (at === undefined) return undefined;
  const { loginAhead, loginWrittenAt = -Infinity } = state;
  const { steady } = readClock(session.site.clock);
  return Math.max(0, steady - Math.max(at - loginAhead, loginWrittenAt));
}

/** Returns the milliseconds since a time. */
export function ageOf(
  at: number | undefined,
  now: number,
): number | undefined {
  return at === undefined ? undefined : Math.max(0, now - at);
}

/** Joins two writes of one session; the later one takes precedence. */
export function joinChanges(
  earlier: SessionChanges,
  later: SessionChanges,
): SessionChanges {
  const { addedCallbacks: _, removedCallbacks: __, ...all } = {
    ...earlier,
    ...later,
  };
  return {
    ...all,
    ...earlier.values && later.values
      ? { values: new Map([...earlier.values, ...later.values]) }
      : {},
    ...joinCallbacks(earlier, later),
  };
}

/** Returns changes without touches; undefined if nothing is left. */
export function withoutTouches(
  changes: SessionChanges,
): SessionChanges | undefined {
  const { idle: _, takenBack: __, ...facts } = changes;
  return Object.keys(facts).length === 0 ? undefined : facts;
}

/** Returns the part of a write that a record does not have. */
export function missingFrom(
  changes: SessionChanges,
  record: StoredSession,
): SessionChanges {
  const { access, sessionTimeout, absoluteTimeout } = changes;
  const values = [...changes.values ?? []].filter(([key, value]) =>
    record.values.get(key) !== value
  );
  const isAccessMissing = access !== undefined &&
    ((record.principal ?? null) !== access.principal ||
      record.isRenewalDue !== access.isRenewalDue ||
      access.tokens.some(({ hash }) =>
        !record.tokens.some((token) => token.hash === hash)
      ));
  return {
    ...values.length === 0 ? {} : { values: new Map(values) },
    ...isAccessMissing ? { access } : {},
    ...missingCallbacks(changes, record.callbacks),
    ...sessionTimeout === undefined || sessionTimeout === record.sessionTimeout
      ? {}
      : { sessionTimeout },
    ...absoluteTimeout === undefined ||
        absoluteTimeout === record.absoluteTimeout
      ? {}
      : { absoluteTimeout },
  };
}

/** Names changes in an error; undefined if there is nothing to name. */
export function describeChanges(changes: SessionChanges): string | undefined {
  const names = [...changes.values?.keys() ?? []].map((key) => describe(key));
  if (changes.access !== undefined) names.push("its principal or tokens");
  if (changes.sessionTimeout !== undefined) names.push("its sessionTimeout");
  if (changes.absoluteTimeout !== undefined) names.push("its absoluteTimeout");
  for (const { name } of changes.addedCallbacks ?? []) {
    names.push(`callback ${describe(name)}`);
  }
  for (const { name } of changes.removedCallbacks ?? []) {
    names.push(`the removal of callback ${describe(name)}`);
  }
  return names.length === 0 ? undefined : names.join(", ");
}

/** The options of a write. */
export interface WriteOptions {
  /**
   * Whether a request waits for the write; it is answered 503 if the write fails.
   */
  readonly isRequest: boolean;
  /** Whether others have made the changes, which decide about them if refused. */
  readonly isOfOthers?: boolean;
  /** More changes to write, unless the session was touched. */
  readonly extra?: (() => SessionChanges | undefined) | undefined;
  /**
   * The count of dropped changes when the session was loaded for the request. If
   * the count has risen since, the changes of the request may be among the
   * dropped ones, and the request must not be acknowledged.
   */
  readonly drops?: number | undefined;
  /**
   * Whether a login has superseded the token of the request, or of a request that
   * may have made the changes. Called again whenever the record was loaded.
   */
  isSuperseded?(): boolean;
  /** The name of the named callbacks that are written even then. */
  readonly keptCallbacks?: string;
}

/** The changes of one write. */
export interface PendingWrite {
  readonly changes: SessionChanges;
  /** The changes of principal and tokens among them. */
  readonly operations: readonly AccessOperation[];
  /** The keys of values that were changed inside, with the encodings before. */
  readonly inner: ReadonlyMap<string, string> | undefined;
}
