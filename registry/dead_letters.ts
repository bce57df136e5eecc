import { describe, visible } from "../base/describe.ts";
import type { SessionEnd } from "../session.ts";
import type { UndeliveredEnd } from "./session_backend.ts";

/** The most ends that are kept as dead letters. */
const MAX_LETTERS = 1000;

/** A named callback that is called no more. */
export interface LostCall {
  readonly end: SessionEnd;
  readonly name: string;
  readonly argument: unknown;
  readonly attempt: number;
  readonly error: unknown;
  readonly onDone: (() => void) | undefined;
}

/** The ends that are in no store, with callbacks that have failed for too long. */
export class DeadLetters {
  readonly #call: (call: LostCall) => void;
  readonly #report: (what: string, call: LostCall) => void;
  readonly #letters = new Map<string, LostCall[]>();

  /**
   * @param call Calls a callback again, as if it had not failed.
   * @param report Reports what became of a callback.
   */
  constructor(
    call: (call: LostCall) => void,
    report: (what: string, call: LostCall) => void,
  ) {
    this.#call = call;
    this.#report = report;
  }

  /** Keeps a callback; drops the oldest end if there are too many. */
  keep(call: LostCall): void {
    const { uid } = call.end;
    this.#letters.set(uid, [...this.#letters.get(uid) ?? [], call]);
    this.#report(": it is kept as a dead letter", call);
    if (this.#letters.size <= MAX_LETTERS) return;
    const [oldest] = this.#letters.values();
    const [dropped] = oldest!;
    this.delete(dropped!.end.uid);
    this.#report(
      `: its dead letter is dropped, since there are more than ${MAX_LETTERS}`,
      dropped!,
    );
  }

  /** Lists the dead letters. */
  list(): UndeliveredEnd[] {
    return [...this.#letters.values()].map((calls) => {
      const { end, attempt, error } = calls[0]!;
      const { uid, reason, at, session: { principal } } = end;
      return {
        uid,
        reason,
        at,
        principal,
        attempt,
        callbacks: calls.map(({ name, argument }) => ({ name, argument })),
        why: textOfThrown(error),
      };
    });
  }

  /** Calls the callbacks of a dead letter again; returns false if there is none. */
  retry(uid: string): boolean {
    const calls = this.#letters.get(uid);
    if (calls === undefined) return false;
    this.#letters.delete(uid);
    for (const call of calls) this.#call(call);
    return true;
  }

  /** Deletes a dead letter; returns false if there is none. */
  delete(uid: string): boolean {
    for (const { onDone } of this.#letters.get(uid) ?? []) onDone?.();
    return this.#letters.delete(uid);
  }
}

/**
 * Returns a thrown value as text, with its invisible characters escaped, or its
 * description if that fails; never throws.
 */
export function textOfThrown(value: unknown): string {
  try {
    return visible(String(value));
  } catch {
    return describe(value);
  }
}
