import { type MaybePromise, proceed } from "../base/promises.ts";
import type { UndeliveredEnd } from "../registry/session_backend.ts";
import type { SessionEndReason } from "../session.ts";
import type { DeadLetter, SessionStore } from "../stores/store.ts";
import { decodeValue } from "./value_codec.ts";

/** Lists the dead letters of a store. */
export function listUndelivered(
  store: SessionStore,
): MaybePromise<readonly UndeliveredEnd[]> {
  return proceed(
    store.listDeadLetters(),
    (letters) => letters.map(undeliveredEndOf),
  );
}

function undeliveredEndOf(letter: DeadLetter): UndeliveredEnd {
  const { session, reason, at, attempt, why } = letter;
  return {
    uid: session.uid,
    reason: reason as SessionEndReason,
    at: at / 1000,
    principal: session.principal,
    attempt,
    callbacks: session.callbacks.map(({ name, argument }) => ({
      name,
      argument: readArgument(argument),
    })),
    why,
  };
}

/**
 * Returns the argument; undefined if it cannot be decoded, which may be why the
 * callback failed.
 */
function readArgument(text: string): unknown {
  try {
    return decodeValue(text);
  } catch {
    return undefined;
  }
}
