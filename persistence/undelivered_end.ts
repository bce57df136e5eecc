import type { UndeliveredEnd } from "../registry/undelivered_end.ts";
import type { SessionEndReason } from "../session.ts";
import type { DeadLetter } from "../stores/store.ts";
import { decodeValue } from "./value_codec.ts";

/** Returns a dead letter of a store as the application reads it. */
export function undeliveredEndOf(letter: DeadLetter): UndeliveredEnd {
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

/** An argument that cannot be decoded may be why the callback has failed. */
function readArgument(text: string): unknown {
  try {
    return decodeValue(text);
  } catch {
    return undefined;
  }
}
