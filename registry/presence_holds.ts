/**
 * The states of a visitor's presence, and the holds by which they are kept.
 *
 * @module
 */

import { randomId } from "../base/ids.ts";
import type { NewHold } from "./hold_backend.ts";

/**
 * The presence of a visitor: of a principal, by its sessions in all processes.
 *
 * - `"present"`: a stream or a socket is open, or the last visit was less than
 *   `awayAfter` seconds ago
 * - `"away"`: there is a session, but no stream, socket or recent visit
 * - `"offline"`: there is no session
 */
export type PresenceState = "present" | "away" | "offline";

/** A change of a visitor's presence, as callbacks get it. */
export interface PresenceChange {
  /** The user that the sessions belong to. */
  readonly principal: string;
  /** The presence from now on. */
  readonly state: PresenceState;
}

/** The name of the callback of the holds of presence. */
export const CALLBACK = "@curfew/presence";

/** A change, as the argument of the hold whose end announces it. */
export interface Change extends PresenceChange {
  /** The id of the first hold of the arrived visitor, if it was taken before. */
  readonly stay?: string | undefined;
}

/** Returns a hold whose end announces a change. */
export function holdOf(key: string, length: number, change: Change): NewHold {
  const callback = { name: CALLBACK, argument: change };
  return { key, holder: undefined, id: randomId(), length, callback };
}

/** Returns the key of a hold: of a visitor who is present, or of one who is away. */
export function keyOf(
  { backend }: { readonly backend: { keyOf(secret: string): string } },
  kind: "here" | "away",
  principal: string,
): string {
  // A principal may have characters that no uid of a record can have.
  return `${CALLBACK} ${kind} ${backend.keyOf(JSON.stringify(principal))}`;
}

/** Returns the milliseconds after which a visitor is away. */
export function awayAfterOf(
  { options: { awayAfter = 10 } }: {
    readonly options: { readonly awayAfter?: number };
  },
): number {
  return awayAfter * 1000;
}
