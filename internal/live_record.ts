import {
  restoreSession,
  restoreValues,
  type Session,
  valuesOf,
} from "../session.ts";
import type { StoredSession } from "../stores/store.ts";
import type { KeptSession } from "./kept_session.ts";
import type { KeptSite } from "./kept_site.ts";
import { decodeValue } from "./stored_values.ts";

/** Gives a session that has just been built the past that its record tells. */
export function restoreFrom(
  site: KeptSite,
  session: Session,
  record: StoredSession,
  sentAt: number,
): void {
  const offset = sentAt - record.now;
  restoreSession(session, {
    createdAt: record.createdAt + offset,
    touchedAt: record.touchedAt + offset,
    isSecure: record.isSecure,
    principal: record.principal,
  });
  if (record.principal !== undefined) {
    site.changePrincipal(session, undefined);
  }
  setTimeouts(session, record);
  restoreValues(session, decode(site, record.values, session));
}

/** Brings a live session up to date with a record that has changed. */
export function refreshFrom(
  site: KeptSite,
  session: Session,
  kept: KeptSession,
  record: StoredSession,
): void {
  const isFirst = kept.version === -1;
  kept.version = record.version;
  if (
    isFirst || (kept.sessionTimeout === session.sessionTimeout * 1000 &&
      kept.absoluteTimeout === session.absoluteTimeout * 1000 &&
      !kept.isAhead("sessionTimeout") && !kept.isAhead("absoluteTimeout"))
  ) {
    setTimeouts(session, record);
    kept.sessionTimeout = record.sessionTimeout;
    kept.absoluteTimeout = record.absoluteTimeout;
  }
  if (isFirst) return;
  const values = new Map(decode(site, record.values, session));
  // What has been changed here and may not have been written stays as it is here.
  const own = valuesOf(session);
  for (const key of kept.keysAhead) {
    if (own.has(key)) values.set(key, own.get(key));
    else values.delete(key);
  }
  restoreValues(session, values);
  if (kept.isAhead("principal")) return;
  if (record.principal === session.principal) return;
  const before = session.principal;
  restoreSession(session, {
    createdAt: session.createdAt * 1000,
    touchedAt: session.lastModified * 1000,
    isSecure: record.isSecure,
    principal: record.principal,
  });
  site.changePrincipal(session, before);
}

function decode(
  site: KeptSite,
  values: ReadonlyMap<string, string>,
  session: Session,
): ReadonlyMap<string, unknown> {
  const decoded = new Map<string, unknown>();
  for (const [key, value] of values) {
    try {
      decoded.set(key, decodeValue(value));
    } catch (cause) {
      site.reportError(
        new Error(`Cannot read "${key}" of session "${session.uid}"`, {
          cause,
        }),
        { session },
      );
    }
  }
  return decoded;
}

function setTimeouts(session: Session, record: StoredSession): void {
  for (const name of ["sessionTimeout", "absoluteTimeout"] as const) {
    const seconds = record[name] / 1000;
    if (session[name] !== seconds) session[name] = seconds;
  }
}
