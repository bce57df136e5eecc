import type {
  NewSession,
  Renewal,
  SessionChanges,
  SessionTimes,
  StoredCallback,
  StoredSession,
} from "./store.ts";

/** How many old secrets of a session are kept. */
const MAX_OLD_SECRETS = 8;

/**
 * A session as a store holds it, whatever the time; never changed, but replaced.
 *
 * A store may write down only some of the touches, to save writing. Then every
 * deadline is later by the slack, so that nobody is cut off early for a touch
 * that was not written down. The slack is 0 if all are.
 */
export interface SessionRecord extends Omit<StoredSession, "now"> {
  /** The touch before the last; the last one once that has been taken back. */
  readonly touchedBefore: number;
}

/**
 * Makes the record of a new session.
 *
 * @param now The store's time in UNIX milliseconds.
 * @param slack Milliseconds between touches that are written down.
 */
export function newRecord(
  session: NewSession,
  now: number,
  slack: number,
): SessionRecord {
  const { age, idle, values, oldSecrets, callbacks, ...facts } = session;
  return withDeadline({
    ...facts,
    values: new Map(values),
    oldSecrets: [...oldSecrets],
    callbacks: [...callbacks],
    createdAt: now - age,
    touchedAt: now - idle,
    touchedBefore: now - idle,
    deadline: Infinity,
    version: 1,
  }, slack);
}

/** Whether a hash is that of the secret, or of an old one within its grace. */
export function isOpenedBy(
  record: SessionRecord,
  secretHash: string,
  now: number,
): boolean {
  return record.secretHash === secretHash ||
    record.oldSecrets.some(({ hash, until }) =>
      hash === secretHash && now < until
    );
}

/**
 * The record after a touch, which never makes it end sooner; the same if the
 * touch need not be written down.
 *
 * That is so if the deadline is late enough for it even when the last touch is
 * taken back.
 */
export function touched(
  record: SessionRecord,
  now: number,
  slack: number,
): SessionRecord {
  const { touchedAt, touchedBefore } = record;
  if (now <= touchedBefore + slack) return record;
  return withDeadline({
    ...record,
    touchedAt: Math.max(touchedAt, now),
    touchedBefore: touchedAt,
  }, slack);
}

/** The record after changes. */
export function changed(
  record: SessionRecord,
  changes: SessionChanges,
  now: number,
  slack: number,
): SessionRecord {
  const { version } = record;
  const { renewal, principal, values, addedCallbacks } = changes;
  const { idle, takenBack } = changes;
  const isMoreThanTimes = Object.entries(changes).some(([name, value]) =>
    name !== "idle" && name !== "takenBack" && value !== undefined
  );
  const since = isLastTouch(record, takenBack)
    ? takenBack.to ?? takenBack.before
    : record.touchedAt;
  const isTouched = idle !== undefined && now - idle >= since;
  const latest = isTouched ? now - idle : since;
  return withDeadline({
    ...record,
    ...renewal === undefined ? {} : renewedSecret(record, renewal, now),
    sessionTimeout: changes.sessionTimeout ?? record.sessionTimeout,
    absoluteTimeout: changes.absoluteTimeout ?? record.absoluteTimeout,
    principal: principal === undefined
      ? record.principal
      : principal ?? undefined,
    values: values === undefined
      ? record.values
      : changedValues(record.values, values),
    callbacks: addedCallbacks === undefined
      ? record.callbacks
      : withAdded(record.callbacks, addedCallbacks),
    touchedAt: latest,
    touchedBefore: isTouched ? since : Math.min(record.touchedBefore, latest),
    version: isMoreThanTimes ? version + 1 : version,
  }, slack);
}

/** The times of a record, as they are handed out. */
export function timesOf(record: SessionRecord, now: number): SessionTimes {
  const { createdAt, touchedAt, deadline, version } = record;
  return { now, createdAt, touchedAt, deadline, version };
}

/** Why a session ends whose deadline has come; a tie is absolute. */
export function dueReason(record: SessionRecord): "idle" | "absolute" {
  const { createdAt, absoluteTimeout, deadline } = record;
  return createdAt + absoluteTimeout <= deadline ? "absolute" : "idle";
}

function renewedSecret(
  { secretHash, oldSecrets }: SessionRecord,
  renewal: Renewal,
  now: number,
): Pick<SessionRecord, "secretHash" | "oldSecrets"> {
  const old = { hash: secretHash, until: now + renewal.grace };
  return {
    secretHash: renewal.secretHash,
    oldSecrets: [...oldSecrets, old].slice(-MAX_OLD_SECRETS),
  };
}

/**
 * Whether nobody has touched a session since a touch that is taken back; the time
 * alone does not tell, as two may come in one millisecond.
 */
function isLastTouch(
  { touchedAt, touchedBefore }: SessionRecord,
  touch: SessionChanges["takenBack"],
): touch is NonNullable<SessionChanges["takenBack"]> {
  return touch?.touchedAt === touchedAt && touch.before === touchedBefore;
}

function withDeadline(record: SessionRecord, slack: number): SessionRecord {
  const { createdAt, touchedAt, sessionTimeout, absoluteTimeout } = record;
  const idleAt = touchedAt + sessionTimeout + slack;
  return {
    ...record,
    deadline: Math.min(idleAt, createdAt + absoluteTimeout),
  };
}

function withAdded(
  callbacks: readonly StoredCallback[],
  added: readonly StoredCallback[],
): StoredCallback[] {
  const ids = new Set(callbacks.map(({ id }) => id));
  return [...callbacks, ...added.filter(({ id }) => !ids.has(id))];
}

function changedValues(
  values: ReadonlyMap<string, string>,
  changes: ReadonlyMap<string, string | undefined>,
): Map<string, string> {
  const all = new Map(values);
  for (const [key, value] of changes) {
    if (value === undefined) all.delete(key);
    else all.set(key, value);
  }
  return all;
}
