import { randomId } from "../base/ids.ts";
import type { MaybePromise, SessionStore } from "../stores/store.ts";
import { Progress } from "./progress.ts";
import { readInTurns } from "./read_in_turns.ts";

/** Milliseconds for which this program reserves an end before it gives it up. */
const LEASE = 1000;

/** The name of this program among those that claim ends. */
const OWNER = `curfew sessions ${randomId()}`;

/**
 * Ends a session, and leaves the delivery to a process of the site, which has the
 * callbacks.
 *
 * @returns false if there is no such session.
 */
export async function endSession(
  store: SessionStore,
  uid: string,
): Promise<boolean> {
  const claimant = { owner: OWNER, lease: LEASE };
  const end = await store.end(uid, "revoked", claimant);
  if (end === undefined) return false;
  // If this fails, the site claims the end when the lease has run out.
  await store.release(uid, end.fence, 0);
  return true;
}

/** The sessions that were changed, and the uids without a session. */
export interface Changed {
  readonly done: readonly string[];
  readonly missing: readonly string[];
}

/**
 * Changes sessions one by one, and prints its progress.
 *
 * @param participle The change, as a participle: `ended`.
 * @throws {Error} If the store fails; the message has the number of changed
 * sessions.
 */
export async function changeEach(
  uids: readonly string[],
  participle: string,
  change: (uid: string) => MaybePromise<boolean>,
): Promise<Changed> {
  const verb = participle.charAt(0).toUpperCase() + participle.slice(1);
  const progress = new Progress(verb, uids.length);
  const done: string[] = [];
  const missing: string[] = [];
  try {
    await readInTurns(uids, async (uid) => {
      (await change(uid) ? done : missing).push(uid);
      progress.add(1);
    });
  } catch (cause) {
    if (uids.length === 1) throw cause;
    throw new Error(
      `${
        (cause as Error).message
      }; ${done.length} of ${uids.length} were ${participle} before`,
      { cause },
    );
  }
  return { done, missing };
}
