import { isMoreThanTimes, MAX_TOKENS } from "../record.ts";
import type {
  ClaimedEnd,
  CommitConditions,
  CommitTimes,
  EndProgress,
  NewSession,
  SessionChanges,
  StoredCallback,
  StoredSession,
  StoredToken,
} from "../store.ts";
import {
  decodeNumber,
  decodeText,
  encodeNumber,
  encodeText,
} from "./encoding.ts";

/** The fields of a hash; see `script.ts`. */
export type Fields = ReadonlyMap<string, string>;

/** Returns the pairs of a flat list of names and values. */
export function fieldsOf(list: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (let i = 1; i < list.length; i += 2) fields.set(list[i - 1]!, list[i]!);
  return fields;
}

/** Returns the fields of a new session that the script does not compute. */
export function encodeFacts(session: NewSession): string[] {
  const { tokens, generation, loginGeneration, callbacks, values } = session;
  const list = [
    "k",
    tokens.map((token) => `${encodeToken(token)} ${encodeNumber(token.until)}`)
      .join("\n"),
  ];
  if (generation !== 0) list.push("g", encodeNumber(generation));
  if (loginGeneration !== 0) list.push("l", encodeNumber(loginGeneration));
  if (session.isRenewalDue) list.push("q", "1");
  if (session.isRemembered) list.push("u", "1");
  if (session.isSecure) list.push("s", "1");
  if (callbacks.length > 0) list.push("c", encodeCallbacks(callbacks));
  if (session.description !== undefined) {
    list.push("D", encodeText(session.description));
  }
  for (const [key, value] of values) {
    list.push(":" + encodeText(key), encodeText(value));
  }
  return list;
}

/** Returns the arguments of the script of a commit, from the conditions on. */
export function encodeCommit(
  changes: SessionChanges,
  conditions: CommitConditions | undefined,
): (string | number | undefined)[] {
  const { access, takenBack, description } = changes;
  const set = description === undefined ? [] : ["D", encodeText(description)];
  const deleted: string[] = [];
  for (const [key, value] of changes.values ?? []) {
    if (value === undefined) deleted.push(":" + encodeText(key));
    else set.push(":" + encodeText(key), encodeText(value));
  }
  return [
    conditions?.version,
    conditions?.until,
    isMoreThanTimes(changes) ? "1" : "",
    changes.idle,
    takenBack?.touchedAt,
    takenBack?.to ?? takenBack?.before,
    changes.sessionTimeout,
    changes.absoluteTimeout,
    encodeCallbackChanges(changes),
    access?.grace,
    encodePrincipal(access?.principal),
    access?.generation,
    access?.loginGeneration,
    access?.isRenewalDue ? "1" : "",
    access?.isRemembered ? "1" : "",
    access?.loginAge,
    access?.tokens.map(encodeToken).join("\n"),
    set.length,
    ...set,
    ...deleted,
  ];
}

/** Returns whether a commit may need more memory of Redis. */
export function isGrowing(changes: SessionChanges): boolean {
  const { access, addedCallbacks = [], values, description } = changes;
  return access !== undefined || addedCallbacks.length > 0 ||
    description !== undefined ||
    values?.values().some((value) => value !== undefined) === true;
}

/** Returns "" for no principal; an empty name gets another text. */
export function encodePrincipal(principal: string | null | undefined): string {
  return principal == null ? "" : "=" + encodeText(principal);
}

/** Returns the times in a reply, and whether the commit was refused. */
export function decodeTimes(list: readonly string[]): CommitTimes {
  const [now, createdAt, touchedAt, deadline, version] = list.map(decodeNumber);
  const times = {
    now: now!,
    createdAt: toMilliseconds(createdAt!),
    touchedAt: touchedAt!,
    deadline: deadline!,
    version: version!,
  };
  return list[5] === "refused" ? { ...times, isRefused: true } : times;
}

/** Returns the session in a hash. */
export function decodeSession(
  uid: string,
  fields: Fields,
  now: number,
): StoredSession {
  const principal = fields.get("p");
  const authenticatedAt = fields.get("e");
  const tokens = tokensIn(fields);
  return {
    uid,
    tokens,
    generation: fields.has("k")
      ? numberIn(fields, "g", 0)
      : tokens.at(-1)!.generation,
    loginGeneration: numberIn(fields, "l", 0),
    isRenewalDue: fields.has("q"),
    isRemembered: fields.has("u"),
    principal: principal === undefined ? undefined : decodeText(principal),
    authenticatedAt: authenticatedAt === undefined
      ? undefined
      : decodeNumber(authenticatedAt),
    isSecure: fields.has("s"),
    sessionTimeout: numberIn(fields, "i", Infinity),
    absoluteTimeout: numberIn(fields, "x", Infinity),
    values: valuesIn(fields),
    callbacks: linesOf(fields.get("c")).map(decodeCallback),
    now,
    createdAt: toMilliseconds(numberIn(fields, "a", 0)),
    touchedAt: numberIn(fields, "t", 0),
    deadline: numberIn(fields, "d", Infinity),
    version: numberIn(fields, "v", 0),
    ...fields.has("D") ? { description: decodeText(fields.get("D")!) } : {},
  };
}

/** Returns the end in the hash of a session that is over. */
export function decodeEnd(
  uid: string,
  fields: Fields,
  now: number,
): ClaimedEnd {
  return {
    session: decodeSession(uid, fields, now),
    reason: decodeText(fields.get("r") ?? ""),
    at: numberIn(fields, "w", 0),
    attempt: numberIn(fields, "n", 0),
    fence: fields.get("f") ?? "",
    ...fields.has("N") ? { areListenersDone: true } : {},
    ...fields.has("F") ? { failingSince: numberIn(fields, "F", 0) } : {},
  };
}

/** Returns the progress of an end, as the last arguments of a script. */
export function encodeProgress(progress: EndProgress | undefined): string[] {
  if (progress === undefined) return [];
  const { areListenersDone, callbacks } = progress;
  return [areListenersDone ? "1" : "", encodeCallbacks(callbacks)];
}

function numberIn(fields: Fields, name: string, absent: number): number {
  const text = fields.get(name);
  return text === undefined ? absent : decodeNumber(text);
}

function toMilliseconds(microseconds: number): number {
  return Math.floor(microseconds / 1000);
}

function encodeToken(token: Omit<StoredToken, "until">): string {
  return `${encodeText(token.hash)} ${encodeNumber(token.generation)}`;
}

function tokensIn(fields: Fields): StoredToken[] {
  const tokens = fields.get("k");
  if (tokens === undefined) return formerTokensIn(fields);
  return linesOf(tokens).map((line) => {
    const [hash = "", generation = "", until = ""] = line.split(" ");
    return {
      hash: decodeText(hash),
      generation: decodeNumber(generation),
      until: decodeNumber(until),
    };
  });
}

/** Returns the secrets of a hash of version 0.1.0 as tokens, as the scripts do. */
function formerTokensIn(fields: Fields): StoredToken[] {
  const lines = linesOf(fields.get("o"));
  return [...lines, `${fields.get("h") ?? ""} inf`].map((line, generation) => {
    const [hash = "", until = ""] = line.split(" ");
    return { hash: decodeText(hash), generation, until: decodeNumber(until) };
  }).slice(-MAX_TOKENS);
}

function encodeCallbacks(callbacks: readonly StoredCallback[]): string {
  return callbacks.map(encodeCallback).join("\n");
}

function encodeCallback({ id, name, argument }: StoredCallback): string {
  return JSON.stringify([name, argument, id]);
}

/**
 * Returns a line for each callback to add or remove, in the order of these changes.
 */
function encodeCallbackChanges(changes: SessionChanges): string {
  const { addedCallbacks = [], removedCallbacks = [] } = changes;
  return [
    ...addedCallbacks.map((callback) => `+${encodeCallback(callback)}`),
    ...removedCallbacks.map((callback) => `-${encodeCallback(callback)}`),
  ].join("\n");
}

/** Callbacks of version 0.1.0 have no id. */
function decodeCallback(line: string): StoredCallback {
  const [name, argument, id = ""] = JSON.parse(line);
  return { id, name, argument };
}

function valuesIn(fields: Fields): Map<string, string> {
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
