import { describe, visible } from "../base/describe.ts";
import { durationText } from "../base/duration_text.ts";
import { decodeValue } from "../persistence/value_codec.ts";
import type {
  SessionInfo,
  UndeliveredEnd,
} from "../registry/session_backend.ts";
import type { StoredSession } from "../stores/store.ts";

const INSPECT_OPTIONS: Deno.InspectOptions = {
  breakLength: Infinity,
  depth: 8,
};

/** A session in a list, for JSON. Infinity becomes null. */
export type ListedSession = SessionInfo & { readonly principal?: string };

/** Returns the facts of a session for a list in JSON; times are UNIX seconds. */
export function infoOf(session: StoredSession): ListedSession {
  const { uid, principal, authenticatedAt, description } = session;
  return {
    uid,
    ...principal === undefined ? {} : { principal },
    createdAt: session.createdAt / 1000,
    authenticatedAt: authenticatedAt && authenticatedAt / 1000,
    lastModified: session.touchedAt / 1000,
    expiresAt: session.deadline / 1000,
    description,
  };
}

/** Returns all facts of a session for JSON, except its tokens. */
export function sessionOf(
  session: StoredSession,
  withValues: boolean,
): Record<string, unknown> {
  return {
    ...infoOf(session),
    sessionTimeout: session.sessionTimeout / 1000,
    absoluteTimeout: session.absoluteTimeout / 1000,
    isSecure: session.isSecure,
    isRemembered: session.isRemembered,
    version: session.version,
    values: Object.fromEntries(
      [...session.values].map(([key, value]) => [
        key,
        withValues ? readValue(value) : { bytes: sizeOf(value) },
      ]),
    ),
    callbacks: session.callbacks.map(({ name, argument }) => ({
      name,
      argument: readValue(argument),
    })),
  };
}

/** Returns sessions as a table. */
export function listText(
  sessions: readonly StoredSession[],
  now: number,
): string {
  if (sessions.length === 0) return "No sessions";
  return tableOf([
    ["UID", "PRINCIPAL", "TIME LEFT", "IDLE FOR", "AGE", "DESCRIPTION"],
    ...sessions.map((session) => [
      nameText(session.uid),
      session.principal === undefined ? "-" : nameText(session.principal),
      left(session, now),
      durationText((now - session.touchedAt) / 1000),
      durationText((now - session.createdAt) / 1000),
      visible(session.description ?? ""),
    ]),
  ]);
}

/** Returns a session as lines of names and texts. */
export function sessionText(
  session: StoredSession,
  withValues: boolean,
): string {
  const { principal, authenticatedAt, now, values, callbacks } = session;
  const ago = (at: number) =>
    `${new Date(at).toISOString()}, ${durationText((now - at) / 1000)} ago`;
  const ends = session.deadline === Infinity
    ? "never"
    : `${new Date(session.deadline).toISOString()}, in ${left(session, now)}`;
  return tableOf([
    ["uid", nameText(session.uid)],
    ["principal", principal === undefined ? "-" : nameText(principal)],
    ["created", ago(session.createdAt)],
    ["logged in", authenticatedAt === undefined ? "-" : ago(authenticatedAt)],
    ["touched", ago(session.touchedAt)],
    ["ends", ends],
    [
      "timeouts",
      [
        `idle ${durationText(session.sessionTimeout / 1000)}`,
        `absolute ${durationText(session.absoluteTimeout / 1000)}`,
      ].join(", "),
    ],
    [
      "cookie",
      [
        session.isSecure ? "https" : "http",
        session.isRemembered
          ? "kept by the browser"
          : "until the browser closes",
      ].join(", "),
    ],
    ["description", visible(session.description ?? "-")],
    ...[...values].map(([key, value]) => [
      `value ${nameText(key)}`,
      withValues ? valueText(value) : `${sizeOf(value)} bytes`,
    ]),
    ...callbacks.map(({ name, argument }) => [
      `at its end`,
      `${nameText(name)}(${valueText(argument)})`,
    ]),
  ]);
}

/** Returns dead letters as a table. */
export function lettersText(letters: readonly UndeliveredEnd[]): string {
  if (letters.length === 0) return "No dead letters";
  return tableOf([
    ["UID", "PRINCIPAL", "ENDED", "REASON", "TRIES", "CALLBACKS", "ERROR"],
    ...letters.map((letter) => [
      nameText(letter.uid),
      letter.principal === undefined ? "-" : nameText(letter.principal),
      new Date(letter.at * 1000).toISOString(),
      visible(letter.reason),
      `${letter.attempt}`,
      letter.callbacks.map(({ name }) => nameText(name)).join(" ") || "-",
      visible(letter.why),
    ]),
  ]);
}

/** Returns a name as one word of a line, in quotes if need be. */
function nameText(name: string): string {
  return /^[^\s"]+$/.test(name) && name !== "-"
    ? visible(name)
    : describe(name);
}

function left({ deadline }: StoredSession, now: number): string {
  return durationText((deadline - now) / 1000);
}

/**
 * Returns a value of the site for JSON; a value that JSON cannot hold becomes a
 * text.
 */
function readValue(text: string): unknown {
  try {
    const value = decodeValue(text);
    return isJson(text) ? value : Deno.inspect(value, INSPECT_OPTIONS);
  } catch {
    return text;
  }
}

function valueText(text: string): string {
  const value = readValue(text);
  return visible(isJson(text) ? JSON.stringify(value) ?? "" : String(value));
}

function isJson(encoded: string): boolean {
  return encoded.startsWith("j");
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Joins rows of cells, each column as wide as its widest cell. */
function tableOf(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row.map((cell, index) => cell.padEnd(widths[index]!)).join("  ").trimEnd()
  ).join("\n");
}
