import {
  decodeNumber,
  decodeText,
  encodeNumber,
  encodeText,
} from "./redis_text.ts";
import type {
  ClaimedEnd,
  NewSession,
  OldSecret,
  SessionChanges,
  SessionTimes,
  StoredCallback,
  StoredSession,
} from "./store.ts";

/** The fields of a hash, as `redis_scripts.ts` names them. */
export type Fields = ReadonlyMap<string, string>;

/** Pairs up a flat list of names and values. */
export function fieldsOf(list: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (let i = 1; i < list.length; i += 2) fields.set(list[i - 1]!, list[i]!);
  return fields;
}

/** The fields of a new session that the script does not work out itself. */
export function encodeFacts(session: NewSession): string[] {
  const { secretHash, oldSecrets, isSecure, callbacks, values } = session;
  const list = ["h", encodeText(secretHash)];
  if (oldSecrets.length > 0) list.push("o", encodeSecrets(oldSecrets));
  if (isSecure) list.push("s", "1");
  if (callbacks.length > 0) list.push("c", encodeCallbacks(callbacks));
  for (const [key, value] of values) {
    list.push(":" + encodeText(key), encodeText(value));
  }
  return list;
}

/** What the script of a commit is told of the changes. */
export function encodeChanges(changes: SessionChanges): string[] {
  const { idle, takenBack, sessionTimeout, absoluteTimeout, principal } =
    changes;
  const { renewal, addedCallbacks = [], values = new Map() } = changes;
  const set: string[] = [];
  const deleted: string[] = [];
  for (const [key, value] of values) {
    if (value === undefined) deleted.push(":" + encodeText(key));
    else set.push(":" + encodeText(key), encodeText(value));
  }
  return [
    ifGiven(idle),
    ifGiven(takenBack?.touchedAt),
    ifGiven(takenBack?.to ?? takenBack?.before),
    ifGiven(sessionTimeout),
    ifGiven(absoluteTimeout),
    principal === null ? "-" : encodePrincipal(principal),
    renewal === undefined ? "" : "=" + encodeText(renewal.secretHash),
    ifGiven(renewal?.grace),
    encodeCallbacks(addedCallbacks),
    isMoreThanTimes(changes) ? "1" : "0",
    String(set.length),
    ...set,
    ...deleted,
  ];
}

/** Whether a commit may need more memory than there was before. */
export function isGrowing(changes: SessionChanges): boolean {
  const { principal, renewal, addedCallbacks = [], values } = changes;
  return typeof principal === "string" || renewal !== undefined ||
    addedCallbacks.length > 0 ||
    values?.values().some((value) => value !== undefined) === true;
}

/** Tells an empty name from none. */
export function encodePrincipal(principal: string | undefined): string {
  return principal === undefined ? "" : "=" + encodeText(principal);
}

/** The times that scripts answer in this order. */
export function decodeTimes(list: readonly string[]): SessionTimes {
  const [now, createdAt, touchedAt, deadline, version] = list.map(decodeNumber);
  return {
    now: now!,
    createdAt: toMilliseconds(createdAt!),
    touchedAt: touchedAt!,
    deadline: deadline!,
    version: version!,
  };
}

/** The session in a hash. */
export function decodeSession(
  uid: string,
  fields: Fields,
  now: number,
): StoredSession {
  const principal = fields.get("p");
  return {
    uid,
    secretHash: decodeText(fields.get("h") ?? ""),
    oldSecrets: linesOf(fields.get("o")).map(decodeSecret),
    isSecure: fields.has("s"),
    principal: principal === undefined ? undefined : decodeText(principal),
    sessionTimeout: numberIn(fields, "i"),
    absoluteTimeout: numberIn(fields, "x"),
    values: decodeValues(fields),
    callbacks: linesOf(fields.get("c")).map(decodeCallback),
    now,
    createdAt: toMilliseconds(numberIn(fields, "a")),
    touchedAt: numberIn(fields, "t"),
    deadline: numberIn(fields, "d"),
    version: numberIn(fields, "v"),
  };
}

/** The end in a hash whose session is over. */
export function decodeEnd(
  uid: string,
  fields: Fields,
  now: number,
): ClaimedEnd {
  return {
    session: decodeSession(uid, fields, now),
    reason: decodeText(fields.get("r") ?? ""),
    at: numberIn(fields, "w"),
    attempt: numberIn(fields, "n"),
    fence: fields.get("f") ?? "",
  };
}

/** The times do not count as changes of the session. */
function isMoreThanTimes(changes: SessionChanges): boolean {
  return Object.entries(changes).some(([name, value]) =>
    name !== "idle" && name !== "takenBack" && value !== undefined
  );
}

/** @throws {RangeError} If it is not a number, which a script would choke on. */
function ifGiven(value: number | undefined): string {
  if (Number.isNaN(value)) {
    throw new RangeError("Cannot change session: a time is not a number");
  }
  return value === undefined ? "" : encodeNumber(value);
}

/** What is not there is without end. */
function numberIn(fields: Fields, name: string): number {
  return decodeNumber(fields.get(name) ?? "inf");
}

function toMilliseconds(microseconds: number): number {
  return Math.floor(microseconds / 1000);
}

function encodeSecrets(secrets: readonly OldSecret[]): string {
  return secrets.map(({ hash, until }) =>
    `${encodeText(hash)} ${encodeNumber(until)}`
  ).join("\n");
}

function decodeSecret(line: string): OldSecret {
  const end = line.lastIndexOf(" ");
  return {
    hash: decodeText(line.slice(0, end)),
    until: decodeNumber(line.slice(end + 1)),
  };
}

function encodeCallbacks(callbacks: readonly StoredCallback[]): string {
  return callbacks.map(({ id, name, argument }) =>
    JSON.stringify([name, argument, id])
  ).join("\n");
}

function decodeCallback(line: string): StoredCallback {
  // Those that were written before there were ids have none.
  const [name, argument, id = ""] = JSON.parse(line);
  return { id, name, argument };
}

function decodeValues(fields: Fields): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of fields) {
    if (name.startsWith(":")) {
      values.set(decodeText(name.slice(1)), decodeText(value));
    }
  }
  return values;
}

function linesOf(text: string | undefined): string[] {
  return text === undefined || text === "" ? [] : text.split("\n");
}
